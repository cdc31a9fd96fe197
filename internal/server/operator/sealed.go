package operator

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// sealedLife is how long a page may wait for its answer.
const sealedLife = 10 * time.Minute

// sealedSize is what every sealed text is filled up to, so that its length tells nothing of what is in it.
const sealedSize = 1536

// What sealed texts are for: one never opens as another.
const (
	forQuestion = "operator question"
	forSecond   = "operator second factor"
)

// question is a challenge for a passkey. Operator is set where it is for one only.
type question struct {
	ID       string    `json:"id"`
	Operator string    `json:"operator,omitempty"`
	At       time.Time `json:"at"`
}

// second is somebody who has passed the first of two steps, or has not: only the answer to both tells.
type second struct {
	ID       string    `json:"id"`
	Tenant   string    `json:"tenant"`
	Operator string    `json:"operator,omitempty"` // empty: nobody
	Right    bool      `json:"right,omitempty"`    // the first step was
	How      How       `json:"how"`
	Link     *Identity `json:"link,omitempty"` // becomes the operator's with the second step
	Known    bool      `json:"known,omitempty"`
	At       time.Time `json:"at"`
}

// seal puts a value into a text for the browser to carry.
func (s *Service) seal(purpose string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	for len(plain) < sealedSize {
		plain = append(plain, ' ')
	}
	sealed, err := s.Key.Seal(purpose, plain)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// unseal reads such a text; ErrStale for any other.
func (s *Service) unseal(purpose, text string, v any) error {
	const most = 3 * sealedSize
	if len(text) > most {
		return ErrStale
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return ErrStale
	}
	plain, err := s.Key.Open(purpose, sealed)
	if err != nil || json.Unmarshal(plain, v) != nil {
		return ErrStale
	}
	return nil
}

// over reports whether a page made at a moment waited too long.
func (s *Service) over(at time.Time) bool {
	now := s.Now()
	return now.Sub(at) >= sealedLife || at.Sub(now) > time.Minute
}
