// Package verify checks that somebody is who they say: by a code that is sent to them, an authenticator app, a passkey, the
// answers to questions, or a code the helpdesk gives out.
//
// A sent code has six digits, is valid for fifteen minutes and five tries, is stored only as a keyed hash and used once. An
// app's time step passes once. The package does not send; notify does. How often may be tried is limited elsewhere.
package verify

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

const (
	// CodeLife is how long a code works.
	CodeLife = 15 * time.Minute
	// CodeTries is how many answers one code takes.
	CodeTries = 5
	// ResendAfter is how long to wait before another code can be asked for.
	ResendAfter = 30 * time.Second

	digits = 6
)

var (
	// ErrNotSix reports an answer that cannot be a code, so it costs no try.
	ErrNotSix = errors.New("not six digits")
	// ErrNoCode reports that no code was sent for an attempt.
	ErrNoCode = errors.New("no code was sent")
)

// Store keeps codes. Code gives ErrNoCode where there is none. TryCode compares in constant time and counts in one transaction, so that two right
// answers at once give one OK.
type Store interface {
	PutCode(ctx context.Context, c Code) error
	Code(ctx context.Context, tenant, attempt string) (Code, error)
	TryCode(ctx context.Context, tenant, attempt string, hash []byte, now time.Time, maxTries int) (Answer, error)
}

// Codes issues and checks sent codes.
type Codes struct {
	store Store
	key   []byte
	now   func() time.Time
}

// NewCodes returns Codes that hash with key.
func NewCodes(store Store, key []byte, now func() time.Time) *Codes {
	return &Codes{store: store, key: key, now: now}
}

// Issue makes a new code for an attempt and forgets the one before. purpose is what it is sent to: it proves nothing else. The
// returned text is the only copy.
func (c *Codes) Issue(ctx context.Context, tenant, attempt, purpose string) (string, Code, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", Code{}, fmt.Errorf("draw code: %w", err)
	}
	text := fmt.Sprintf("%0*d", digits, n)
	now := c.now()
	code := Code{Tenant: tenant, Attempt: attempt, Hash: c.hash(attempt, purpose, text), Sent: now, Expires: now.Add(CodeLife), Purpose: purpose}
	if err := c.store.PutCode(ctx, code); err != nil {
		return "", Code{}, fmt.Errorf("store code: %w", err)
	}
	return text, code, nil
}

// Sent returns the attempt's code record, without the code.
func (c *Codes) Sent(ctx context.Context, tenant, attempt string) (Code, error) {
	return c.store.Code(ctx, tenant, attempt)
}

// Check tries what was typed against the code that was sent to purpose. Spaces and hyphens are ignored; anything but six digits is ErrNotSix.
func (c *Codes) Check(ctx context.Context, tenant, attempt, purpose, typed string) (Answer, error) {
	text, err := normalise(typed)
	if err != nil {
		return Answer{}, err
	}
	return c.store.TryCode(ctx, tenant, attempt, c.hash(attempt, purpose, text), c.now(), CodeTries)
}

func (c *Codes) hash(attempt, purpose, text string) []byte {
	h := hmac.New(sha256.New, c.key)
	if purpose != "" {
		attempt += "\x00" + purpose
	}
	h.Write([]byte(attempt + "\x00" + text))
	return h.Sum(nil)
}

func normalise(typed string) (string, error) {
	if len(typed) > 64 {
		return "", ErrNotSix
	}
	text := strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "").Replace(typed)
	if len(text) != digits || strings.Trim(text, "0123456789") != "" {
		return "", ErrNotSix
	}
	return text, nil
}

// MaskPhone shows the last two digits of a telephone number.
func MaskPhone(number string) string {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, number)
	if len(digits) < 4 {
		return "•••• ••"
	}
	return "•••• " + digits[len(digits)-2:]
}

// MaskMail shows enough of an address to recognise it: the first letter and the domain.
func MaskMail(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" {
		return "•••"
	}
	first := []rune(local)[0]
	return string(first) + "•••@" + domain
}
