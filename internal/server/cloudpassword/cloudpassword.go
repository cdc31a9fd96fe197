// Package cloudpassword keeps the own passwords of cloud accounts, as Argon2id hashes, and makes them the directory's
// where an administrator chose that: at the next good sign-in of somebody who was joined, the password they typed is
// written to Active Directory under Active Directory's rules, once.
//
// It guarantees that a password is written at most once: the attempt that carries it is noted, by compare-and-swap, before
// anything is sent, and what became of it is read from that attempt. It is called by whoever signs people in; it opens
// no session itself.
package cloudpassword

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/passwordhash"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
)

// Errors of a sign-in.
var (
	// ErrNone reports an account that has no password of its own, or none that still counts.
	ErrNone = errors.New("the account has no cloud password")
	// ErrWrong reports a password that isn't the account's.
	ErrWrong = errors.New("wrong password")
	// ErrWeak reports a password that can't be a cloud account's.
	ErrWeak = errors.New("a cloud password has 8 to 256 characters")
)

// Accounts keeps accounts and the hashes of their passwords.
type Accounts interface {
	Account(ctx context.Context, tenantID, person string) (provision.Person, error)
	CloudPasswordOf(ctx context.Context, tenantID, person string) (provision.CloudPassword, bool, error)
	SetCloudPassword(ctx context.Context, tenantID, person, hash string) error
	// MovePassword is a compare-and-swap of the person's password state.
	MovePassword(ctx context.Context, tenantID, person string, from, to provision.PasswordState, note string) (bool, error)
}

// Writer writes back.
type Writer interface {
	// CloudReset writes a password for a person. begun is told the attempt before anything is sent; its error stops it.
	CloudReset(ctx context.Context, t tenant.Tenant, person string, password []byte, begun func(ctx context.Context, attempt string) error) (reset.Attempt, error)
	Outcome(ctx context.Context, tenantID, attempt string) (reset.Attempt, error)
}

// Service checks and converges passwords.
type Service struct {
	Accounts Accounts
	Writer   Writer // nil: passwords are only stored
	Now      func() time.Time
	Log      *slog.Logger
}

// Result of a good sign-in.
type Result struct {
	State  provision.PasswordState
	Reason protocol.Reason // why the directory refused the password, when it did
}

// Set stores an account's own password and wipes it.
func (s *Service) Set(ctx context.Context, tenantID, person string, password []byte) error {
	defer clear(password)
	if n := len([]rune(string(password))); n < 8 || n > 256 {
		return ErrWeak
	}
	if err := s.Accounts.SetCloudPassword(ctx, tenantID, person, passwordhash.New(password)); err != nil {
		return fmt.Errorf("store a cloud password: %w", err)
	}
	return nil
}

// SignIn checks a password and wipes it. When it is right and waits to become the directory's, it is written now; the
// sign-in is good whatever becomes of that. An account that doesn't exist costs the same time: ErrNone.
func (s *Service) SignIn(ctx context.Context, t tenant.Tenant, person string, password []byte) (Result, error) {
	defer clear(password)
	stored, ok, err := s.Accounts.CloudPasswordOf(ctx, t.ID, person)
	if err != nil {
		return Result{}, fmt.Errorf("sign in: %w", err)
	}
	if !ok || !stored.Superseded.IsZero() {
		_ = passwordhash.New(password) // as long as a comparison takes
		return Result{}, ErrNone
	}
	right, err := passwordhash.Matches(stored.Hash, password)
	if err != nil {
		return Result{}, fmt.Errorf("sign in: %w", err)
	}
	if !right {
		return Result{}, ErrWrong
	}
	return s.converge(ctx, t, person, password)
}

// converge writes the password if it waits for that.
func (s *Service) converge(ctx context.Context, t tenant.Tenant, person string, password []byte) (Result, error) {
	p, err := s.Settle(ctx, t.ID, person)
	if err != nil {
		return Result{}, err
	}
	if p.Password != provision.CloudPending || s.Writer == nil {
		return Result{State: p.Password, Reason: p.PasswordReason}, nil
	}
	_, err = s.Writer.CloudReset(ctx, t, person, append([]byte(nil), password...), func(ctx context.Context, attempt string) error {
		moved, err := s.Accounts.MovePassword(ctx, t.ID, person, provision.CloudPending, provision.CloudWriting, attempt)
		if err == nil && !moved {
			err = errTaken
		}
		return err
	})
	if err != nil && !errors.Is(err, errTaken) {
		s.Log.Warn("a cloud password couldn't be written back now; the next sign-in tries again", "person", person, "error", err)
	}
	if p, err = s.Settle(ctx, t.ID, person); err != nil {
		return Result{}, err
	}
	return Result{State: p.Password, Reason: p.PasswordReason}, nil
}

// errTaken: another sign-in of the same person writes it.
var errTaken = errors.New("another sign-in writes this password")

// Settle takes over what became of a write that was under way, and returns the account.
func (s *Service) Settle(ctx context.Context, tenantID, person string) (provision.Person, error) {
	p, err := s.Accounts.Account(ctx, tenantID, person)
	if err != nil {
		return p, fmt.Errorf("password of a joined person: %w", err)
	}
	if p.Password != provision.CloudWriting || s.Writer == nil {
		return p, nil
	}
	a, err := s.Writer.Outcome(ctx, tenantID, string(p.PasswordReason))
	if err != nil {
		return p, fmt.Errorf("password of a joined person: %w", err)
	}
	next, note := after(a, s.Now())
	if next == provision.CloudWriting {
		return p, nil
	}
	if _, err := s.Accounts.MovePassword(ctx, tenantID, person, provision.CloudWriting, next, note); err != nil {
		return p, fmt.Errorf("password of a joined person: %w", err)
	}
	return s.Accounts.Account(ctx, tenantID, person)
}

// after tells what an attempt's outcome means for the person.
func after(a reset.Attempt, now time.Time) (next provision.PasswordState, note string) {
	switch a.State {
	case reset.Changed:
		return provision.CloudWritten, ""
	case reset.Refused:
		return provision.CloudRefused, string(a.Reason)
	case reset.Failed: // nothing was written, and not for a reason of the password's
		return provision.CloudPending, string(a.Reason)
	}
	if a.State == reset.Verified && now.After(a.Expires) { // it never left: the server was stopped before
		return provision.CloudPending, string(protocol.ReasonNoAgent)
	}
	return provision.CloudWriting, ""
}
