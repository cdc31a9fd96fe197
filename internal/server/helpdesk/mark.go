package helpdesk

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

const (
	// markLife is how long a form may be filled in.
	markLife = 30 * time.Minute
	markSize = 8 + 16 + sha256.Size
)

// Mark makes one form for one act: sent a second time, by a reload or a double click, it does nothing. So what was shown once is
// never shown, and never done, again. It belongs to the operator and the person.
func (s *Service) Mark(a Act) string {
	var b [markSize]byte
	binary.BigEndian.PutUint64(b[:8], uint64(s.Now().Unix())) //nolint:gosec // a bit pattern
	_, _ = rand.Read(b[8:24])                                 // never fails (crypto/rand)
	copy(b[24:], s.sign(b[:24], a))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (s *Service) sign(head []byte, a Act) []byte {
	m := hmac.New(sha256.New, s.FormKey)
	m.Write(head)
	m.Write([]byte(a.By.Tenant + "\x00" + a.By.ID + "\x00" + a.Person))
	return m.Sum(nil)
}

// use uses an act's mark up. It returns ErrUsed for a second time, and for any mark that isn't this act's.
func (s *Service) use(ctx context.Context, a Act) error {
	b, err := base64.RawURLEncoding.DecodeString(a.Mark)
	if err != nil || len(b) != markSize || !hmac.Equal(b[24:], s.sign(b[:24], a)) {
		return ErrUsed
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(b[:8])), 0) //nolint:gosec // a bit pattern
	if now := s.Now(); now.Before(made.Add(-time.Minute)) || now.After(made.Add(markLife)) {
		return ErrUsed
	}
	first, err := s.Limits.Once(ctx, a.Mark)
	if err == nil && !first {
		err = ErrUsed
	}
	return err
}
