// Package objection lets somebody who is told of a change to their account say "this wasn't me", from a link in that
// message and without signing in.
//
// Saying so stops the account's self-service until an operator releases it: whoever is in the portal for it is sent away,
// and nobody comes in. Opening a link does nothing, however often and by whatever program; the deed is a form of the page,
// which carries a value that the link doesn't hold. Links are random, work for a week and are stored as keyed hashes.
package objection

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

const (
	// Life is how long a link works.
	Life = 7 * 24 * time.Hour
	// pageLife is how long the form of an opened page works.
	pageLife = time.Hour
	// Path is where links lead; the token follows.
	Path = "/not-me/"
)

// Errors a page or an operator is told of.
var (
	// ErrNoLink reports a link that never was, is over, or is about what an operator has dealt with.
	ErrNoLink = errors.New("no such link")
	// ErrPage reports a form that didn't come from the page, or from one that was open for too long.
	ErrPage = errors.New("form isn't the page's")
	// ErrNotHeld reports somebody whose self-service isn't stopped.
	ErrNotHeld = errors.New("self-service isn't stopped for this person")
	// ErrReason reports that nobody says why.
	ErrReason = errors.New("say why, for the audit log: one line of up to 200 characters")
)

// Link is one way to object, as it is stored.
type Link struct {
	Tenant  string
	Hash    []byte // keyed
	Person  string
	Support string    // of what was told, so that the objection stands in the same timeline
	At      time.Time // when what was told happened
	Expires time.Time
	Used    time.Time // zero: not yet
}

// Hold stops somebody's self-service.
type Hold struct {
	Tenant   string
	Person   string
	Operator string // who stopped it; empty: the person, by a link
	Reason   string
	At       time.Time
}

// Store keeps links and holds. What is missing is ErrNoLink, or ErrNotHeld.
type Store interface {
	ObjectionLink(ctx context.Context, tenant string, hash []byte) (Link, error)
	Held(ctx context.Context, tenant, person string) (bool, error)
	// Stop uses a link up, if one is given, holds its person, ends whatever they have open in the portal and appends the
	// records, all or nothing. Holding somebody twice is fine.
	Stop(ctx context.Context, l *Link, h Hold, records ...audit.Record) error
	// Release takes the hold and all links of the person away and appends the records, all or nothing.
	Release(ctx context.Context, tenant, person string, records ...audit.Record) error
}

// Keeper stores new links, also in a transaction.
type Keeper interface {
	PutObjectionLink(ctx context.Context, l Link) error
}

// Service makes links and acts on them.
type Service struct {
	store Store
	key   []byte
	now   func() time.Time
}

// New returns a Service that hashes with key.
func New(store Store, key []byte, now func() time.Time) *Service {
	return &Service{store: store, key: key, now: now}
}

// Told is what a message tells of.
type Told struct {
	Person  string
	Support string
	At      time.Time
}

// Link makes a link about what a message tells and returns its path, which is the only copy.
func (s *Service) Link(ctx context.Context, keep Keeper, tenant string, t Told) (path string, err error) {
	token := rand.Text()
	l := Link{Tenant: tenant, Hash: s.hash(tenant, token), Person: t.Person, Support: t.Support, At: t.At, Expires: s.now().Add(Life)}
	if err := keep.PutObjectionLink(ctx, l); err != nil {
		return "", fmt.Errorf("link of a message: %w", err)
	}
	return Path + token, nil
}

func (s *Service) hash(tenant, token string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte("objection\x00" + tenant + "\x00" + token))
	return h.Sum(nil)
}

// View is what the page of a link shows.
type View struct {
	At     time.Time // when what was told happened
	Proof  string    // the form's, when Stopped is false
	Done   bool      // self-service is stopped
	person string
	link   Link
}

// Open looks at a link and changes nothing. It returns ErrNoLink.
func (s *Service) Open(ctx context.Context, tenant, token string) (View, error) {
	l, err := s.store.ObjectionLink(ctx, tenant, s.hash(tenant, token))
	if err != nil {
		return View{}, fmt.Errorf("open a link: %w", err)
	}
	if !s.now().Before(l.Expires) {
		return View{}, ErrNoLink
	}
	held, err := s.store.Held(ctx, tenant, l.Person)
	if err != nil {
		return View{}, fmt.Errorf("open a link: %w", err)
	}
	return View{At: l.At, Done: held, Proof: s.proof(l, s.now()), person: l.Person, link: l}, nil
}

// proof is what a page's form carries: when the page was made, and a MAC that only the server can make.
func (s *Service) proof(l Link, at time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.Unix())) //nolint:gosec // after 1970
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte("page\x00"))
	h.Write(b)
	h.Write(l.Hash)
	return base64.RawURLEncoding.EncodeToString(append(b, h.Sum(nil)[:16]...))
}

func (s *Service) proven(l Link, given string) bool {
	b, err := base64.RawURLEncoding.DecodeString(given)
	if err != nil || len(b) != 8+16 {
		return false
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(b)), 0) //nolint:gosec // a wrong one fails the MAC
	age := s.now().Sub(at)
	return hmac.Equal([]byte(s.proof(l, at)), []byte(given)) && age >= -time.Second && age <= pageLife
}

// Object stops the self-service of a link's person. It returns ErrNoLink and ErrPage. A second press is fine.
func (s *Service) Object(ctx context.Context, tenant, token, proof string) error {
	v, err := s.Open(ctx, tenant, token)
	switch {
	case err != nil:
		return err
	case !s.proven(v.link, proof):
		return ErrPage
	case v.Done:
		return nil
	}
	now := s.now()
	records := []audit.Record{
		{Activity: "Report a change as not one's own", Hop: "portal", Event: int(event.PersonObjected), Result: "ok"},
		{Activity: "Stop self-service", Hop: "portal", Event: int(event.SelfServiceStopped), Result: "ok"},
	}
	for i := range records {
		records[i].Tenant, records[i].Support, records[i].Actor, records[i].Target, records[i].At = tenant, v.link.Support, v.person, v.person, now
	}
	err = s.store.Stop(ctx, &v.link, Hold{Tenant: tenant, Person: v.person, Reason: "the person said that a change wasn't theirs", At: now}, records...)
	if err != nil {
		return fmt.Errorf("stop self-service: %w", err)
	}
	return nil
}

// Held reports whether somebody's self-service is stopped. It fits reset.Deps.Stopped.
func (s *Service) Held(ctx context.Context, tenant, person string) (bool, error) {
	return s.store.Held(ctx, tenant, person)
}

// Hold stops somebody's self-service for an operator. It returns ErrReason.
func (s *Service) Hold(ctx context.Context, tenant, operator, person, reason string) error {
	reason, ok := audit.Reason(reason)
	if !ok {
		return ErrReason
	}
	record := s.byOperator(tenant, operator, person, reason)
	record.Activity, record.Event = "Stop self-service", int(event.SelfServiceStopped)
	if err := s.store.Stop(ctx, nil, Hold{Tenant: tenant, Person: person, Operator: operator, Reason: reason, At: record.At}, record); err != nil {
		return fmt.Errorf("stop self-service: %w", err)
	}
	return nil
}

// Release lets somebody help themselves again. Links of earlier messages are void then. It returns ErrReason and ErrNotHeld.
func (s *Service) Release(ctx context.Context, tenant, operator, person, reason string) error {
	reason, ok := audit.Reason(reason)
	if !ok {
		return ErrReason
	}
	record := s.byOperator(tenant, operator, person, reason)
	record.Activity, record.Event = "Release self-service", int(event.SelfServiceReleased)
	if err := s.store.Release(ctx, tenant, person, record); err != nil {
		return fmt.Errorf("release self-service: %w", err)
	}
	return nil
}

func (s *Service) byOperator(tenant, operator, person, reason string) audit.Record {
	return audit.Record{Tenant: tenant, Hop: "operator", Result: "ok", Actor: operator, Target: person, Detail: reason, At: s.now()}
}
