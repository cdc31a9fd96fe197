package reset

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"sync"
	"time"
)

// With each check that is passed the browser gets a new session token, and the one before opens nothing any more. A double
// click sends the same answer twice, the second time with the old token, and shows only what the second is told. So the same
// answer to the same session finds the new token for a moment. Who knows the old token alone has no such answer.
const repeatLife = 10 * time.Second

type repeats struct {
	mu   sync.Mutex
	made map[[sha256.Size]byte]repeat
}

type repeat struct {
	token string
	until time.Time
}

// Passed notes that an answer, as it was sent, led from one session to the next.
func (s *Service) Passed(before, after Attempt, sent string) {
	now := s.Now()
	key := s.repeatKey(before.Session, sent)
	s.repeats.mu.Lock()
	defer s.repeats.mu.Unlock()
	for k, r := range s.repeats.made {
		if now.After(r.until) {
			delete(s.repeats.made, k)
		}
	}
	s.repeats.made[key] = repeat{after.Token, now.Add(repeatLife)}
}

// Again returns the attempt that the same answer has led to moments ago, with the token it got.
func (s *Service) Again(ctx context.Context, tenantID, token, sent string) (Attempt, bool) {
	session := sha256.Sum256([]byte(token))
	key := s.repeatKey(session[:], sent)
	s.repeats.mu.Lock()
	r, ok := s.repeats.made[key]
	s.repeats.mu.Unlock()
	if !ok || s.Now().After(r.until) {
		return Attempt{}, false
	}
	a, err := s.Session(ctx, tenantID, r.token)
	a.Token = r.token
	return a, err == nil
}

func (s *Service) repeatKey(session []byte, sent string) [sha256.Size]byte {
	h := hmac.New(sha256.New, s.DecoyKey)
	h.Write([]byte("repeat\x00"))
	h.Write(session)
	h.Write([]byte(sent))
	return [sha256.Size]byte(h.Sum(nil))
}
