package provision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"homeward/internal/protocol"
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

	pace *pace
}

// New returns an Engine.
func New(d Deps) *Engine { return &Engine{d, newPace(nil)} }

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
	// Why is what it comes to on a page, in the reader's language; empty: no page asks for it. Who and Value are what its
	// words speak of, Case the problem that stands in the way.
	Why        Refusal
	Who, Value string
	Case       protocol.Reason
}

// Refusal names why something that an operator asked for on the sync page is refused. It is a closed set.
type Refusal string

// Refusals.
const (
	RefusedGone       Refusal = "gone"       // the account is
	RefusedDirectory  Refusal = "directory"  // Who is a directory's already
	RefusedJoined     Refusal = "joined"     // the object has an account already
	RefusedRole       Refusal = "role"       // Who holds one
	RefusedNoMail     Refusal = "no_mail"    // Who has no address
	RefusedUnverified Refusal = "unverified" // the domain of the address Value
	RefusedSignsIn    Refusal = "signs_in"   // Who signs in as Value
	RefusedCloud      Refusal = "cloud"      // Who is a cloud account
	RefusedLink       Refusal = "link"       // the two can't be linked
	RefusedCase       Refusal = "case"       // Case stands in the way
	RefusedDomain     Refusal = "domain"     // no agent has ever synced Value
)

// Refusals lists them.
func Refusals() []Refusal {
	return []Refusal{
		RefusedGone, RefusedDirectory, RefusedJoined, RefusedRole, RefusedNoMail, RefusedUnverified, RefusedSignsIn, RefusedCloud, RefusedLink,
		RefusedCase, RefusedDomain,
	}
}

// because is a refusal that a page can put into words.
func (e Error) because(kind error, format string, args ...any) error {
	e.Kind, e.Message = kind, fmt.Sprintf(format, args...)
	return &e
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
