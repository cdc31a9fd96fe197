package verify

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// PassShortest and PassLongest bound how long a helpdesk pass may work.
	PassShortest = time.Minute
	PassLongest  = 24 * time.Hour

	passSize     = 8 // characters of five bits
	passAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// HelpdeskPass is a one-time code that an operator gave out for one person. It is stored only as a keyed hash.
type HelpdeskPass struct {
	Tenant  string
	Person  string
	Hash    []byte
	Created time.Time
	Expires time.Time
	Used    time.Time // zero: not yet
}

// PassStore keeps at most one pass per person. UsePass uses it once, in one statement; otherwise it is ErrReplayed.
type PassStore interface {
	PutPass(ctx context.Context, p HelpdeskPass) error
	UsePass(ctx context.Context, tenant, person string, hash []byte, now time.Time) error
	HasPass(ctx context.Context, tenant, person string, now time.Time) (bool, error)
}

// Passes issues and checks helpdesk passes.
type Passes struct {
	store PassStore
	key   []byte
	now   func() time.Time
}

// NewPasses returns Passes that hash with key.
func NewPasses(store PassStore, key []byte, now func() time.Time) *Passes {
	return &Passes{store: store, key: key, now: now}
}

// ErrPassLife reports a life that is too short or too long.
var ErrPassLife = fmt.Errorf("a pass works for %s to %s", PassShortest, PassLongest)

// Issue draws a pass in place of the person's earlier one. The returned text is the only copy.
func (p *Passes) Issue(ctx context.Context, tenant, person string, life time.Duration) (string, time.Time, error) {
	if life < PassShortest || life > PassLongest {
		return "", time.Time{}, ErrPassLife
	}
	var b [passSize]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = passAlphabet[b[i]&31]
	}
	text, now := string(b[:]), p.now()
	pass := HelpdeskPass{Tenant: tenant, Person: person, Hash: p.hash(tenant, person, text), Created: now, Expires: now.Add(life)}
	if err := p.store.PutPass(ctx, pass); err != nil {
		return "", time.Time{}, fmt.Errorf("issue a pass: %w", err)
	}
	return text[:4] + "-" + text[4:], pass.Expires, nil
}

// Has reports whether somebody has a pass that still works.
func (p *Passes) Has(ctx context.Context, tenant, person string) (bool, error) {
	return p.store.HasPass(ctx, tenant, person, p.now())
}

// Check uses the person's pass if it is what was typed. What cannot be a pass is ErrNotPass.
func (p *Passes) Check(ctx context.Context, tenant, person, typed string) (Answer, error) {
	text, err := normalisePass(typed)
	if err != nil {
		return Answer{}, err
	}
	err = p.store.UsePass(ctx, tenant, person, p.hash(tenant, person, text), p.now())
	if errors.Is(err, ErrReplayed) {
		return Answer{Result: Wrong}, nil
	}
	if err != nil {
		return Answer{}, fmt.Errorf("check a pass: %w", err)
	}
	return Answer{Result: OK}, nil
}

func (p *Passes) hash(tenant, person, text string) []byte {
	h := hmac.New(sha256.New, p.key)
	h.Write([]byte("pass\x00" + tenant + "\x00" + person + "\x00" + text))
	return h.Sum(nil)
}

// ErrNotPass reports an answer that cannot be a pass, so it costs no try.
var ErrNotPass = errors.New("not a helpdesk code")

// normalisePass ignores case, spaces and hyphens, and reads O, I and L as what they are mistaken for.
func normalisePass(typed string) (string, error) {
	if len(typed) > 64 {
		return "", ErrNotPass
	}
	text := strings.NewReplacer(" ", "", "-", "", "\u00a0", "", "\t", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(typed))
	if len(text) != passSize || strings.Trim(text, passAlphabet) != "" {
		return "", ErrNotPass
	}
	return text, nil
}
