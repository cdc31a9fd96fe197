package provision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Deps are what an Engine works with.
type Deps struct {
	Store Store
	Now   func() time.Time
	Log   *slog.Logger
}

// Engine takes in what agents read, and keeps the accounts.
type Engine struct {
	Deps
}

// New returns an Engine.
func New(d Deps) *Engine { return &Engine{d} }

// Errors of what operators ask for.
var (
	ErrNoObject  = errors.New("no such object")
	ErrNoAccount = errors.New("no such account")
	ErrNoDomain  = errors.New("no such domain")
	ErrTaken     = errors.New("another account has that name, address or source anchor")
	ErrInvalid   = errors.New("not valid")
	ErrRefused   = errors.New("refused")
)

// Error is a refusal that says what to do. It wraps one of the errors above.
type Error struct {
	Kind    error
	Type    int // the field's number of the error, zero: it has none
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

func refuse(kind error, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// FreeLeases ends what an agent holds, so that another one can go on at once. Call it when the agent is known to be gone:
// disconnected or revoked.
func (e *Engine) FreeLeases(ctx context.Context, agentID string) error {
	if err := e.Store.FreeLeases(ctx, agentID); err != nil {
		return fmt.Errorf("free the leases of an agent: %w", err)
	}
	return nil
}
