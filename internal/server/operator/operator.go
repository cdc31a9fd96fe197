// Package operator knows who may administer a tenant: local accounts with a password and a second factor, passkeys, accounts
// at an OpenID provider, their roles, their sessions and the one-time links with which they are set up.
//
// It guarantees that a password alone signs nobody in, nor does a provider that doesn't say it asked for a second factor;
// that a code of the second factor works once, as does an answer of a passkey; that a session can be ended at any moment and
// ends by itself; that every answer to a failed sign-in by password is the same and takes the same time; and that every
// sign-in, failure and change is recorded. It stores passwords as Argon2id hashes, the second factor's secret and passkeys
// sealed, and links, recovery codes and sessions only as hashes. Passkeys are discoverable and user-verified, so that each is
// two factors by itself and the question is the same for everybody.
//
// Nobody can be locked out for good: whoever has the server's machine makes a new link with homeward operator reset.
package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/verify"
)

const (
	// linkLife is how long a set-up link works.
	linkLife = 24 * time.Hour
	// A session ends when nobody has used it for idleLife, and in any case after sessionLife.
	idleLife    = 30 * time.Minute
	sessionLife = 12 * time.Hour
	// touchEvery is how exactly the last use of a session is known.
	touchEvery = time.Minute
	// recoveryCodes is how many an operator has.
	recoveryCodes = 10
	// freshFor is how long a proof of who somebody is lets them change what they sign in with.
	freshFor = 10 * time.Minute
	// hashesAtOnce bounds the memory that passwords being compared take.
	hashesAtOnce = 2

	maxName    = 100
	minLength  = 12  // characters of a password
	maxBytes   = 256 // of a password
	seedLength = 20  // RFC 4226 (4): as long as the hash
)

// Operator is one administrator.
type Operator struct {
	Tenant   string
	ID       string // random, ours
	Name     string // unique on the server, whatever the case
	Role     Role
	Password string // Argon2id, PHC format; empty: not set up yet
	Seed     []byte // of the second factor
	Step     int64  // the newest time step whose code was used
	Disabled bool
	Created  time.Time
	Changed  time.Time // of the password
	Passkeys int       // how many they have
	Links    int       // how many accounts at OpenID providers are theirs
}

// App reports whether the operator has an authenticator app.
func (o Operator) App() bool { return len(o.Seed) > 0 }

// Factor reports whether the operator has a second factor here.
func (o Operator) Factor() bool { return o.App() || o.Passkeys > 0 }

// Local reports whether the operator can sign in without a provider, unless they are disabled.
func (o Operator) Local() bool { return o.Password != "" && o.Factor() }

// Ready reports whether the operator can sign in.
func (o Operator) Ready() bool { return !o.Disabled && (o.Local() || o.Links > 0) }

// Link is a one-time set-up link, known by the hash of its token.
type Link struct {
	Hash             []byte
	Tenant, Operator string
	Created, Expires time.Time
}

// Session is one browser that an operator has signed in with, known by the hash of its cookie.
type Session struct {
	Hash             []byte
	ID               string // names it in the list; proves nothing
	Tenant, Operator string
	Created, Seen    time.Time
	Expires          time.Time // in any case
	Address, Browser string
	How              How
	Proven           time.Time // when they last proved who they are with a second factor
}

// How is what a session was begun with.
type How string

// Ways. They are stored: never rename one.
const (
	ByPassword How = "password" // and a second factor
	ByPasskey  How = "passkey"
	ByProvider How = "provider"
)

// Errors a page or a verb turns into a sentence.
var (
	// ErrRefused is every failed sign-in: nobody learns which part was wrong.
	ErrRefused   = errors.New("name, password and code don't belong together")
	ErrLink      = errors.New("the link was used, is over, or never was one")
	ErrNoSession = errors.New("not signed in")
	ErrCode      = errors.New("the code doesn't match")
	// ErrStale reports a page that was open too long, or an answer that came twice.
	ErrStale = errors.New("the page was open too long")
	// ErrNotFresh reports a change that needs a fresh proof of who asks.
	ErrNotFresh = errors.New("confirm who you are first")
	// ErrOnly reports the removal of the only second factor.
	ErrOnly = errors.New("it is the only second factor: add another one first, or make a new set-up link with homeward operator reset")
	// ErrPasskeys reports one passkey too many.
	ErrPasskeys = fmt.Errorf("an administrator has at most %d passkeys", MaxPasskeys)
	// ErrFactorName reports a name that no passkey can have.
	ErrFactorName = fmt.Errorf("a passkey's name has 1 to %d characters that can be shown", MaxFactorName)
	// ErrNotFound and ErrConflict are the store's.
	ErrNotFound = errors.New("no such operator")
	ErrConflict = errors.New("an operator with this name exists already")
	// ErrLast reports what would leave a tenant without a Global Administrator who can sign in.
	ErrLast = errors.New("nobody else who can sign in is a Global Administrator: make somebody one first")
)

// LimitError says until when no more tries are taken.
type LimitError struct{ Until time.Time }

// Error implements error.
func (e *LimitError) Error() string {
	return "too many tries until " + e.Until.UTC().Format(time.RFC3339)
}

// PasswordError says why a password was refused.
type PasswordError struct{ Short, Long, Name bool }

// Error implements error.
func (*PasswordError) Error() string {
	return "the password is too short, too long or holds the operator's name"
}

// Accounts keeps operators. Missing rows are ErrNotFound, taken names ErrConflict.
type Accounts interface {
	// CreateOperator stores a new operator with the link that sets them up.
	CreateOperator(ctx context.Context, o Operator, l Link) error
	OperatorByName(ctx context.Context, name string) (Operator, error)
	OperatorByID(ctx context.Context, tenant, id string) (Operator, error)
	Operators(ctx context.Context, tenant string) ([]Operator, error)
}

// Credentials keeps what operators sign in with.
type Credentials interface {
	// ResetOperator voids password, second factor, recovery codes, sessions and earlier links, and stores a new link.
	ResetOperator(ctx context.Context, l Link) error
	// LinkedOperator returns whom an unused link that is not over sets up; otherwise ErrNotFound.
	LinkedOperator(ctx context.Context, hash []byte, now time.Time) (Operator, error)
	// SetUpOperator uses up a link and stores password, seed, step and recovery codes, all or nothing. It ends the
	// operator's sessions. A link that is used or over is ErrNotFound.
	SetUpOperator(ctx context.Context, link []byte, o Operator, recovery [][]byte, now time.Time) error
	// DisableOperator ends the operator's sessions, too. It is ErrLast for the last Global Administrator who can sign in.
	DisableOperator(ctx context.Context, tenant, id string) error
	// SetOperatorRole is ErrLast where that one would lose the role.
	SetOperatorRole(ctx context.Context, tenant, id string, role Role) error
}

// Factors uses up second factors: each works once, also when it comes twice at the same moment.
type Factors interface {
	// UseStep is ErrConflict when the step, or a later one, has been used.
	UseStep(ctx context.Context, tenant, id string, step int64) error
	// UseRecovery is ErrNotFound when there is no such code. It returns how many are left.
	UseRecovery(ctx context.Context, tenant, id string, hash []byte) (left int, err error)
}

// Sessions keeps sessions.
type Sessions interface {
	CreateSession(ctx context.Context, s Session) error
	SessionByHash(ctx context.Context, hash []byte) (Session, error)
	TouchSession(ctx context.Context, hash []byte, seen time.Time) error
	// SessionList lists those of one operator that are not over, the newest first.
	SessionList(ctx context.Context, tenant, operator string, idleSince, now time.Time) ([]Session, error)
	// EndSession ends one of an operator's sessions by its ID; another's is ErrNotFound.
	EndSession(ctx context.Context, tenant, operator, id string) error
	// EndSessions ends an operator's sessions except one.
	EndSessions(ctx context.Context, tenant, operator, except string) error
}

// Proofs notes that a session's owner proved who they are again, and ends what a provider began.
type Proofs interface {
	ProveSession(ctx context.Context, hash []byte, at time.Time) error
	// EndSessionsBy ends every session of a tenant that was begun in one way.
	EndSessionsBy(ctx context.Context, tenant string, how How) error
}

// Scopes keeps whom operators may find and help.
type Scopes interface {
	// Scope returns an operator's scope; empty: everybody.
	Scope(ctx context.Context, tenant, operator string) (Scope, error)
	// SetScope replaces it.
	SetScope(ctx context.Context, tenant, operator string, s Scope) error
}

// Store keeps everything of this package.
type Store interface {
	Accounts
	Scopes
	Credentials
	Factors
	Sessions
	Proofs
	PasskeyStore
	Apps
	IdentityStore
}

// Limits refuses more than a fair number of sign-ins by password. A zero time means go on. device names a browser that is
// known to be the operator's, which has tries of its own; empty: a strange one.
type Limits interface {
	SignIn(ctx context.Context, name, address, device string) (until time.Time, err error)
	// Guess counts a code of an authenticator app that somebody typed who got as far.
	Guess(ctx context.Context, operator, device string) (until time.Time, err error)
	// Passed forgets the tries for an operator: the last one shows they were their own.
	Passed(ctx context.Context, name, operator, device string) error
	// Tell reports whether another refusal from an address is worth a record.
	Tell(ctx context.Context, address string) (bool, error)
}

// Gate is what passes who comes without a password: by passkey or provider, where guessing is hopeless and nobody may use up
// anybody's way in.
type Gate interface {
	Open(ctx context.Context, address string) (until time.Time, err error)
	// Once lets a mark pass the first time only.
	Once(ctx context.Context, mark string) (bool, error)
}

// Devices recognises browsers in which an operator has signed in before. It opens nothing.
type Devices interface {
	Known(cookie, tenant, operator string) string
	Remember(cookie, tenant, operator string) string
}

// Sealer seals what a browser carries for the server between two pages.
type Sealer interface {
	Seal(purpose string, plaintext []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

// Deps is what a Service stands on. A Service that only invites, resets and removes needs Store, Record and Now.
type Deps struct {
	Store   Store
	Limits  Limits
	Gate    Gate
	Devices Devices
	Key     Sealer
	// Passkeys is nil where they can't work: at a bare address.
	Passkeys *verify.Passkeys
	// Record appends to a tenant's audit log.
	Record func(ctx context.Context, tenantID string, r audit.Record)
	// SeedKey derives a new second factor's secret from the link that sets it up, so that looking at the link stores nothing.
	SeedKey []byte
	Now     func() time.Time
	Log     *slog.Logger
}

// Service signs operators in and out. It is safe for concurrent use.
type Service struct {
	Deps

	gate  chan struct{}
	decoy func() string // hash of a password that nobody has
}
