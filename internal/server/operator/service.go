package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/passwordhash"
)

// New returns a Service.
func New(d Deps) *Service {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{Deps: d, gate: make(chan struct{}, hashesAtOnce), decoy: sync.OnceValue(func() string {
		var nobody [32]byte
		_, _ = rand.Read(nobody[:]) // never fails (crypto/rand)
		return passwordhash.New(nobody[:])
	})}
}

// CheckName refuses what can't be an operator's name.
func CheckName(name string) error {
	bad := func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("@.-_+", c)
	}
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("operator name %q: use up to %d letters, digits and @ . - _ +, such as karin.holm@contoso.com", name, maxName)
	}
	return nil
}

// Invite makes an operator who can't sign in yet, and returns the token of the link that sets them up.
func (s *Service) Invite(ctx context.Context, tenantID, name string, role Role, by string) (token string, until time.Time, err error) {
	if err := CheckName(name); err != nil {
		return "", until, err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return "", until, err
	}
	now := s.Now()
	o := Operator{Tenant: tenantID, ID: id(), Name: name, Role: role, Created: now}
	token, l := newLink(o, now)
	if err := s.Store.CreateOperator(ctx, o, l); err != nil {
		return "", until, fmt.Errorf("invite operator: %w", err)
	}
	s.note(ctx, o, by, audit.Record{Activity: "Invite administrator", Event: int(event.OperatorInvited), Detail: string(role)})
	return token, l.Expires, nil
}

// Reset voids everything an operator signs in with, ends their sessions, and returns the token of a new set-up link.
func (s *Service) Reset(ctx context.Context, name, by string) (o Operator, token string, until time.Time, err error) {
	if o, err = s.Store.OperatorByName(ctx, name); err != nil {
		return o, "", until, fmt.Errorf("reset operator: %w", err)
	}
	token, l := newLink(o, s.Now())
	if err := s.Store.ResetOperator(ctx, l); err != nil {
		return o, "", until, fmt.Errorf("reset operator: %w", err)
	}
	s.note(ctx, o, by, audit.Record{Activity: "Reset administrator sign-in", Event: int(event.OperatorInvited)})
	return o, token, l.Expires, nil
}

// Disable keeps an operator from signing in and ends their sessions. Reset takes them back.
func (s *Service) Disable(ctx context.Context, name, by string) (Operator, error) {
	o, err := s.Store.OperatorByName(ctx, name)
	if err != nil {
		return o, fmt.Errorf("disable operator: %w", err)
	}
	if err := s.Store.DisableOperator(ctx, o.Tenant, o.ID); err != nil {
		return o, fmt.Errorf("disable operator: %w", err)
	}
	s.note(ctx, o, by, audit.Record{Activity: "Disable administrator", Event: int(event.OperatorDisabled)})
	return o, nil
}

// firstName is what the first administrator of a server is called.
const firstName = "admin"

// First invites the first administrator of a tenant that has none. The empty token: there is one, whose link may still be
// unused; Reset makes another.
func (s *Service) First(ctx context.Context, tenantID string) (name, token string, until time.Time, err error) {
	all, err := s.Store.Operators(ctx, tenantID)
	if err != nil {
		return "", "", until, fmt.Errorf("first operator: %w", err)
	}
	if len(all) > 0 {
		return "", "", until, nil
	}
	name = firstName
	token, until, err = s.Invite(ctx, tenantID, name, GlobalAdministrator, "homeward")
	if errors.Is(err, ErrConflict) { // another tenant has the plain name
		name = firstName + "@" + tenantID
		token, until, err = s.Invite(ctx, tenantID, name, GlobalAdministrator, "homeward")
	}
	if errors.Is(err, ErrConflict) { // another server of this database was faster
		return "", "", until, nil
	}
	return name, token, until, err
}

func newLink(o Operator, now time.Time) (string, Link) {
	t, hash := token()
	return t, Link{Hash: hash, Tenant: o.Tenant, Operator: o.ID, Created: now, Expires: now.Add(linkLife)}
}

// note records what somebody did about an operator.
func (s *Service) note(ctx context.Context, o Operator, by string, r audit.Record) {
	if r.Result == "" {
		r.Result = "ok"
	}
	r.Hop, r.Actor, r.Target = "operator", by, o.Name
	s.Record(ctx, o.Tenant, r)
}

// compare takes the time of one comparison whatever there is to compare with.
func (s *Service) compare(ctx context.Context, hash string, password []byte) (bool, error) {
	select {
	case s.gate <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-s.gate }()
	stored := hash
	if stored == "" {
		stored = s.decoy()
	}
	ok, err := passwordhash.Matches(stored, password)
	return ok && hash != "", err
}

// checkPassword refuses what isn't long enough to keep. A long password of any kind beats rules about kinds.
func checkPassword(o Operator, password []byte) error {
	p := PasswordError{Short: utf8.RuneCount(password) < minLength, Long: len(password) > maxBytes}
	local, _, _ := strings.Cut(o.Name, "@")
	p.Name = len(local) > 3 && strings.Contains(strings.ToLower(string(password)), strings.ToLower(local))
	if p.Short || p.Long || p.Name {
		return &p
	}
	return nil
}
