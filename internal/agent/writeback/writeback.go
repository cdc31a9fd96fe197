// Package writeback carries out one request of the server: it verifies the envelope, remembers the request,
// opens the seal, has the directory written, and answers with what really happened.
//
// It guarantees, in this order: nothing is done for an envelope that is not signed by the pinned command key,
// meant for this tenant and this operation, and in time; no request is carried out twice, whatever happens
// to the agent in between; nothing is sent to the directory before the disk holds what the directory looked
// like; a write whose answer was lost is never repeated but proven from the directory's replication
// metadata; every result is published until the server acknowledges it; no secret reaches a log, an error,
// a result or the disk.
//
// # What the proof can and cannot tell
//
// Before a write the journal keeps which controller it goes to, and how many times unicodePwd had been
// written there; the acceptance tells the server the same, as a mark. Afterwards that controller and the PDC
// emulator are asked. One more, originating at that controller, is this request's write. None more, seen on
// that very controller for a while and not before whoever wrote can no longer be sending, is no write: a
// controller that was frozen may still have it before it when it wakes. Anything else (two more, one that was
// made at another controller, fewer than before) means that somebody else has set the password as well, or
// that the controller was restored; the outcome stays unknown, because no one can say which password holds.
// Where somebody else sets the password at the same controller within five minutes of a request whose write never
// arrived, that counts as ours; later, the outcome stays unknown.
//
// Another agent judges by the mark in the same way. Where nobody heard that the request was accepted, the server gives
// it an older mark, noted with the page, and when the request was issued: writes before that are somebody else's. The
// first agent may have written at another controller than the mark names, because that one could not be reached: so
// another agent says "no write" only once every controller that may be written shows none, and where it finds one
// there, the outcome stays unknown.
//
// An administrator's reset is two writes. Once the first is confirmed the outcome is changed, whatever becomes
// of the second; that one is repeated for as long as an operator waits, because it does no harm, and only
// while nobody else has set the password since.
package writeback

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/directory"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// Directory is what writing back needs of Active Directory. *activedirectory.Domains is one.
type Directory interface {
	Account(ctx context.Context, guid directory.GUID) (activedirectory.Account, error)
	Policy(ctx context.Context, a activedirectory.Account) (directory.PasswordPolicy, error)
	Reset(ctx context.Context, a activedirectory.Account, password []byte) error
	Change(ctx context.Context, a activedirectory.Account, current, next []byte) error
	MustChange(ctx context.Context, a activedirectory.Account) (protocol.MustChange, error)
	Unlock(ctx context.Context, a activedirectory.Account) error
	Witnesses(ctx context.Context, guid directory.GUID, invocation string) ([]activedirectory.Account, error)
	Elsewhere(ctx context.Context, guid directory.GUID, invocation string) ([]activedirectory.Account, error)
}

// Keyring holds the agent's sealing keys, old ones too while they may still be used.
type Keyring interface {
	SealKey(id seal.KeyID) (seal.PrivateKey, bool)
}

// ErrNotTaken reports a result that the server was given and did not take.
var ErrNotTaken = errors.New("the server did not take the result")

// Deps is what a Writeback works with. All fields without a default are needed.
type Deps struct {
	Directory Directory
	Journal   *journal.Journal
	Keys      Keyring
	// CommandKeys gives the keys whose commands are obeyed now: the one pinned when the agent enrolled, or its heirs.
	CommandKeys func() []ed25519.PublicKey
	Tenant      string
	Agent       string           // the agent's public nkey, named in every answer
	Now         func() time.Time // corrected to the server's clock; nil is time.Now
	Logger      *slog.Logger
	// Publish sends a result to the server and returns nil once the server has acknowledged it. ErrNotTaken says that
	// the server answered and doesn't want this one now; any other error that it can't be reached.
	Publish func(context.Context, protocol.Result) error

	// Settle is how long "not written" must have been seen before it is believed: a controller may still
	// have an older write in hand. Zero is 15 s.
	Settle time.Duration
	// Late is how long after the end of whoever sent a write it may still arrive: the system delivers what a dead
	// process left, and another agent's clock and deadlines are not ours. Zero is 10 s.
	Late time.Duration
	// Test writes a random password to the test account of a domain; nil when no domain has one.
	Test func(ctx context.Context, domain string) protocol.TestResult
	// Expiries answers when passwords expire; nil: nobody can be asked.
	Expiries Expiries
	// States answers how accounts stand; nil: nobody can be asked.
	States States
	// Rules tells the password policies of domains; nil: nobody can be asked.
	Rules Rules
	// Banned keeps the list of banned words; nil: there is none.
	Banned BannedWords
	// Preview begins to read a domain for a preview and returns at once, with the reason if it doesn't; nil: this agent
	// makes none.
	Preview func(domain string) protocol.Reason
	// Checkup tells what the agent knows of itself, and begins a checkup when that is asked for. It returns at once; nil: this
	// agent makes none.
	Checkup func(protocol.CheckupRequest) protocol.CheckupAnswer
	// Roll replaces the sealing key and returns the id of the one in use, with the reason if it is still the same; nil: it can't.
	Roll func(context.Context) (string, protocol.Reason)
}

const (
	// maxSkew is how far a request may be issued in the future.
	maxSkew = 2 * time.Minute
	// keepAfter is how long after its expiry a request is remembered, for questions about it.
	keepAfter = 24 * time.Hour
	// maxRequests bounds the requests in hand; further ones are refused as overloaded.
	maxRequests = 64
	// writers bounds the writes side by side: a controller serialises resets.
	writers = 2

	defaultSettle = 15 * time.Second
	defaultLate   = 10 * time.Second
	// markWithin is how long the acceptance waits for the mark: the server gives it eight seconds in all.
	markWithin = 2 * time.Second
)

// Writeback carries out requests: Handle for every request, Run in the background. Only one at a time may
// use a journal.
type Writeback struct {
	d      Deps
	writes chan struct{} // one per writing request in hand
	reads  chan struct{} // one per question in hand
	turns  chan struct{} // one per request at the directory
	tests  chan struct{} // one for the test write

	proveNow  chan struct{}
	resendNow chan struct{}

	mu         sync.Mutex
	active     map[seal.RequestID]bool // being carried out by a Handle
	leftover   []journal.Entry         // unfinished when this Writeback was made; until Recover
	unresolved map[seal.RequestID]*unresolved
	unstored   map[seal.RequestID]*unstored
	cases      map[seal.RequestID]*foreign
}

// New checks deps and returns a Writeback. It notes what an earlier run left unfinished; Run, or Recover
// before it, takes that up.
func New(deps Deps) (*Writeback, error) {
	switch {
	case deps.Directory == nil, deps.Journal == nil, deps.Keys == nil, deps.Publish == nil:
		return nil, errors.New("writeback: directory, journal, keys and publish are all needed")
	case deps.CommandKeys == nil || len(deps.CommandKeys()) == 0:
		return nil, errors.New("writeback: the server's command key is missing; enrol the agent again")
	case deps.Tenant == "" || deps.Agent == "":
		return nil, errors.New("writeback: tenant or agent id is missing; enrol the agent again")
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	if deps.Settle <= 0 {
		deps.Settle = defaultSettle
	}
	if deps.Late <= 0 {
		deps.Late = defaultLate
	}
	// Before the first Handle: what is pending now is certainly an earlier run's.
	leftover, err := deps.Journal.Pending()
	if err != nil {
		return nil, fmt.Errorf("writeback: %w", err)
	}
	return &Writeback{
		d: deps, leftover: leftover, writes: make(chan struct{}, maxRequests), reads: make(chan struct{}, maxRequests),
		turns: make(chan struct{}, writers), tests: make(chan struct{}, 1),
		proveNow: make(chan struct{}, 1), resendNow: make(chan struct{}, 1),
		active: map[seal.RequestID]bool{}, unresolved: map[seal.RequestID]*unresolved{},
		unstored: map[seal.RequestID]*unstored{}, cases: map[seal.RequestID]*foreign{},
	}, nil
}

// Handle carries out one message that arrived for operation op and returns when it is finished: give it a
// goroutine of its own. reply sends the first answer to the requester; its error is logged, no more,
// because the result goes another way. When ctx ends in the middle of a write, the fate of the write is
// found out by the next start's Recover and Run.
func (w *Writeback) Handle(ctx context.Context, op protocol.Operation, data []byte, reply func([]byte) error) {
	r, reason := w.verify(op, data)
	r.reply = reply
	if reason != protocol.ReasonNone {
		w.refuse(ctx, r, reason)
		return
	}
	switch {
	case op.Writes():
		w.carryOut(ctx, r)
	default:
		w.question(ctx, r)
	}
}

// Pending returns how many requests are being carried out or are not yet proven.
func (w *Writeback) Pending() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.active) + len(w.unresolved)
}

// begin marks a request as being carried out here: its result is published by Handle, not by Run.
func (w *Writeback) begin(id seal.RequestID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active[id] = true
}

func (w *Writeback) end(id seal.RequestID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.active, id)
}

// signal wakes a loop that listens on c.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
