// Package reset carries one person from a typed name to the proven outcome of a reset, a change or an unlock, and
// an operator's reset or unlock of somebody from their name to the same.
//
// It is a state machine over stored attempts, moved only by compare-and-swap: a reload, a double click, a
// second tab or a second server process never leads to a second write. It guarantees that a visitor learns
// nothing about whether an account exists before they have proven who they are, and that "changed" is said
// only after an agent reported the directory's confirmation. It never sees a person's password: what it passes on
// is sealed in the browser. An operator's reset has no browser, so AdminReset seals, at once, and wipes.
package reset

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strconv"
	"strings"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Register is the kind of an attempt that ends at the person's security info. Nothing is written for it and no agent is asked.
const Register protocol.Operation = "register"

const (
	startLife    = 15 * time.Minute // from the typed name to the last check
	passwordLife = 10 * time.Minute // from the last check to the submission
	registerLife = 15 * time.Minute // from the last check to the end of a visit to the security info
	outcomeLife  = 15 * time.Minute // how long an outcome can be looked at again

	maxTries = 5 // submissions per attempt
)

// Errors a page turns into a sentence.
var (
	ErrNoSession = errors.New("no such session")
	ErrExpired   = errors.New("session is over")
	ErrState     = errors.New("not possible in this state")
	ErrTooMany   = errors.New("too many tries")
	// ErrConflict reports that somebody else moved the attempt first.
	ErrConflict = errors.New("moved by somebody else")
	// ErrUnderWay reports that another change of the person's password is on its way.
	ErrUnderWay = errors.New("another change of this password is on its way")
	// ErrOutdated reports that agents answer, but none is new enough for the operation.
	ErrOutdated = errors.New("agent is too old for this operation")
	// ErrTurnedOff reports that agents answer, but the configuration of each lets it write no password.
	ErrTurnedOff = errors.New("agents are configured to write no password")
	// ErrNoMethod reports a way to prove who one is that is not offered.
	ErrNoMethod = errors.New("no such way to prove who one is")
)

// LimitError says until when no more tries are taken.
type LimitError struct{ Until time.Time }

// Error implements error.
func (e *LimitError) Error() string {
	return "too many tries until " + e.Until.UTC().Format(time.RFC3339)
}

// Attempts keeps attempts. Missing rows are ErrNoSession. Move writes next if the stored row still has
// next's revision and one of the states from; otherwise it is ErrConflict, as it is for a second change of one person
// that would be Submitted.
type Attempts interface {
	CreateAttempt(ctx context.Context, a Attempt) error
	Attempt(ctx context.Context, tenant, id string) (Attempt, error)
	AttemptBySession(ctx context.Context, tenant string, session []byte) (Attempt, error)
	Move(ctx context.Context, next Attempt, from ...State) (Attempt, error)
	// KeepMark stores the mark of the attempt's request beside the moves; for a replaced request it does nothing.
	KeepMark(ctx context.Context, tenant, id string, m Mark) error
}

// Requests finds attempts by what agents and restarts know of them. Missing rows are ErrNoSession.
type Requests interface {
	AttemptByRequest(ctx context.Context, tenant, request string) (Attempt, error)
	OpenAttempts(ctx context.Context) ([]Attempt, error)
	// OpenChanges lists a person's changes that were submitted after a moment and are Submitted or NotSure.
	OpenChanges(ctx context.Context, tenant, person string, after time.Time) ([]Attempt, error)
}

// People finds somebody by what they typed.
type People interface {
	FindPeople(ctx context.Context, tenant, typed string) ([]provision.Person, error)
	Person(ctx context.Context, tenant, id string) (provision.Person, error)
	MailDomains(ctx context.Context, tenant string) ([]string, error)
}

// Writer is one agent that can write now, and the key to seal to.
type Writer struct {
	Agent    string
	SealKey  []byte
	KeyID    [8]byte
	Protocol int  // version it speaks: it decides which operations it knows
	Off      bool // its own configuration lets it write no password there; it may still unlock
}

// Fleet reaches the agents. Call and Ask return ErrNoAgent only when the command certainly did not arrive.
type Fleet interface {
	Writers(ctx context.Context, tenant, domain string) ([]Writer, error)
	Call(ctx context.Context, tenant, agent string, op protocol.Operation, envelope []byte) (protocol.Accepted, error)
	Ask(ctx context.Context, tenant, agent string, op protocol.Operation, envelope []byte, answer any) error
	Lost(ctx context.Context, tenant, agent string) <-chan struct{}
}

// ErrNoAgent reports that no agent took the command: it has not arrived anywhere.
var ErrNoAgent = errors.New("no agent")

// Notices tells people. Every address comes from the directory, or was registered and confirmed.
type Notices interface {
	Code(ctx context.Context, t tenant.Tenant, kind verify.Kind, to, lang, code string, until time.Time) error
	// Call sends a code that is read out to the helpdesk, whom the person has called.
	Call(ctx context.Context, t tenant.Tenant, kind verify.Kind, to, lang, code string, until time.Time) error
	Shared(ctx context.Context, t tenant.Tenant, to, lang string) error
	Done(ctx context.Context, t tenant.Tenant, to, lang string, d Done) error
}

// Done is what a person is told after their account was written.
type Done struct {
	Kind       protocol.Operation
	ByAdmin    bool // an operator did it for them
	MustChange bool // they have to choose another password at the next sign-in
	At         time.Time
	Person     string
	Support    string
	Of         string // the letter is another administrator's: this one's password was changed
	Text       bool   // it goes to a telephone, as a text message
}

// Limits refuses more than a fair number of tries. A zero time means go on.
type Limits interface {
	Start(ctx context.Context, tenant, typed, address string) (until time.Time, err error)
	Send(ctx context.Context, tenant, person, destination string) (until time.Time, err error)
	Answer(ctx context.Context, tenant, person, kind string) (until time.Time, err error)
	// Right forgets the wrong answers of a kind, once somebody has shown that it is them.
	Right(ctx context.Context, tenant, person, kind string) error
	Submit(ctx context.Context, tenant, person string) (until time.Time, err error)
	Operate(ctx context.Context, tenant, operator string) (until time.Time, err error)
	Probe(ctx context.Context, tenant, operator string) (until time.Time, err error)
}

// Familiar counts the tries of browsers in which somebody has proven who they are before, apart from everybody's.
type Familiar interface {
	SendTo(ctx context.Context, tenant, person, device string) (until time.Time, err error)
	AnswerFrom(ctx context.Context, tenant, person, device, kind string) (until time.Time, err error)
	// RightFrom forgets the wrong answers of a kind that came from the browser.
	RightFrom(ctx context.Context, tenant, person, device, kind string) error
}

// Ways keeps what people have registered. Methods opens their secrets. UseMethod is verify.ErrReplayed for a step that
// was accepted before.
type Ways interface {
	Methods(ctx context.Context, tenant, person string) ([]verify.Method, error)
	UseMethod(ctx context.Context, tenant, id string, step int64, at time.Time) error
	Registration(ctx context.Context, tenant, person string) (verify.Registration, error)
	NoteCheck(ctx context.Context, tenant, person string, kind verify.Kind) error
}

// Audit appends records, and finds those of one attempt.
type Audit interface {
	Append(ctx context.Context, tenant string, records ...audit.Record) error
	Records(ctx context.Context, tenant, support string) ([]audit.Record, error)
}

// Stores are what an outcome is stored in, as they stand in one transaction.
type Stores struct {
	Attempts Attempts
	Audit    Audit
	Notices  Notices
}

// Deps is what a Service stands on.
type Deps struct {
	Attempts Attempts
	Requests Requests
	People   People
	Fleet    Fleet
	Codes    *verify.Codes
	Ways     Ways
	Passes   *verify.Passes
	Passkeys *verify.Passkeys // nil: they can't work at this portal's address
	// Census counts what the tenant's people have registered. It may be a minute old.
	Census func(ctx context.Context, tenant string) (verify.Census, error)
	// Texts: text messages can be sent.
	Texts bool
	// MayTell counts a text message that tells of a change, for a telephone and for a person. A zero time: send it. Nil: any number.
	MayTell func(ctx context.Context, tenant, person, number string) (until time.Time, err error)
	// HoldsRole reports whether somebody administers this tenant; nil: nobody does.
	HoldsRole func(ctx context.Context, tenant, person string) (bool, error)
	// InScope reports whether somebody may help themselves by the tenant's choice; nil: everybody may.
	InScope func(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error)
	// Stopped reports whether somebody's self-service is stopped until an operator releases it; nil: nobody's is.
	Stopped func(ctx context.Context, tenant, person string) (bool, error)
	// Licensed reports whether the tenant may use password writeback at all; nil: it may.
	Licensed func(t tenant.Tenant) bool
	// Familiar and Devices are for browsers that are known; nil: none is.
	Familiar Familiar
	Devices  *verify.Devices
	// HoldsLicence reports whether somebody has the licence that the tenant asks of each person; nil: nobody needs one.
	HoldsLicence func(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error)
	// Crowd reads the facts about many people of a tenant at once, by their ids, as the functions above and Ways say them; nil:
	// each is asked about alone.
	Crowd func(ctx context.Context, t tenant.Tenant, people []provision.Person) (map[string]Facts, error)
	// Administrators are the mail addresses of the tenant's Global Administrators; nil: there are none.
	Administrators func(ctx context.Context, tenant string) ([]string, error)
	Notices        Notices
	Limits         Limits
	Audit          Audit
	// Atomic runs do with Stores that share one transaction: what do writes is there together, or not at all. Without it
	// an outcome, its records and its letter are stored one after the other.
	Atomic  func(ctx context.Context, do func(tx Stores) error) error
	Tenants func(ctx context.Context, id string) (tenant.Tenant, error)
	// Command returns the key that signs commands to an agent: the newest it obeys. The most critical keys of the server.
	Command  func(ctx context.Context, agent string) (ed25519.PrivateKey, error)
	DecoyKey []byte // makes invented addresses stable
	Now      func() time.Time
	Log      *slog.Logger
}

// Service moves attempts.
type Service struct {
	Deps
	waiters  waiters
	silences silences
	repeats  repeats
}

// New returns a Service. Run resolves what was left open.
func New(d Deps) *Service {
	return &Service{Deps: d, waiters: newWaiters(), silences: newSilences(), repeats: repeats{made: map[[sha256.Size]byte]repeat{}}}
}

// StartRequest is what the first page posts.
type StartRequest struct {
	Typed   string
	Kind    protocol.Operation // Reset, Change, Unlock or Register
	Address string             // the visitor's, for limits only
	Locale  string
}

// Start begins an attempt and returns the session token for the browser. When no agent can write, the
// attempt is already Failed with ReasonNoAgent, or ReasonAgentOutdated, for everybody alike. It returns *LimitError.
func (s *Service) Start(ctx context.Context, t tenant.Tenant, r StartRequest) (token string, a Attempt, err error) {
	until, err := s.Limits.Start(ctx, t.ID, fold(r.Typed), r.Address)
	if err != nil {
		return "", a, fmt.Errorf("start: %w", err)
	}
	if !until.IsZero() {
		return "", a, &LimitError{until}
	}
	writers, err := s.Fleet.Writers(ctx, t.ID, "")
	if err != nil {
		return "", a, fmt.Errorf("start: %w", err)
	}
	person, shared, err := s.find(ctx, t.ID, r.Typed)
	if err != nil {
		return "", a, fmt.Errorf("start: %w", err)
	}
	person, turned, err := s.admitted(ctx, t, person)
	if err != nil {
		return "", a, fmt.Errorf("start: %w", err)
	}
	decoy, err := s.decoy(ctx, t.ID, r.Typed)
	if err != nil {
		return "", a, fmt.Errorf("start: %w", err)
	}
	now := s.Now()
	a = Attempt{
		Tenant: t.ID, Kind: r.Kind, Person: person.ID, Decoy: decoy, Shown: s.standIn(t.ID, r.Typed), Locale: r.Locale,
		State: Started, Created: now, Expires: now.Add(startLife),
	}
	// Everybody alike, whoever was named.
	if g := firstShut(writebackGate(t), licenceGate(s.subscribed(t)), agentGate(writers, r.Kind)); g.State == Shut && r.Kind != Register {
		a.State, a.Reason, a.Event, a.Finished, a.Expires = Failed, g.Reason, int(g.Event), now, now.Add(outcomeLife)
	}
	token, err = s.create(ctx, &a)
	if err != nil {
		return "", a, fmt.Errorf("start: %w", err)
	}
	s.record(ctx, a, startRecord(a, turned))
	if shared != "" && a.State == Started {
		// Aside, and at another moment: neither this page nor the next may take longer because the address is somebody's.
		s.waiters.owner.Go(func() {
			select {
			case <-time.After(soonest + mathrand.N(latest-soonest)): //nolint:gosec // not a secret: it only mustn't be a rhythm
			case <-s.waiters.stopping:
			}
			if err := s.tellShared(context.WithoutCancel(ctx), t, shared, r.Locale); err != nil {
				s.Log.Error("shared mailbox couldn't be told", "support", a.Support, "error", err)
			}
		})
	}
	return token, a, nil
}

// Between these, the owner of a mailbox that several accounts share is told what to type.
const soonest, latest = 2 * time.Second, 10 * time.Second

// turned is somebody who exists and may not help themselves, and why. The visitor sees what unknown names see.
type turned struct {
	person string
	reason protocol.Reason
	event  event.Code
}

// nobody stands for people who don't exist, where looking at somebody must take the same time.
const nobody = "00000000000000000000000000000000"

// admitted leaves out whom the tenant's choice or an undecided conflict keeps from helping themselves.
func (s *Service) admitted(ctx context.Context, t tenant.Tenant, p provision.Person) (provision.Person, turned, error) {
	within, err := s.within(ctx, t, p)
	if err != nil {
		return provision.Person{}, turned{}, err
	}
	stopped, err := s.held(ctx, t.ID, p.ID)
	if err != nil {
		return provision.Person{}, turned{}, err
	}
	licensed, err := s.holds(ctx, t, p)
	if err != nil {
		return provision.Person{}, turned{}, err
	}
	if p.ID == "" {
		return p, turned{}, nil
	}
	if g := firstShut(stoppedGate(stopped), scopeGate(t, within), licenceGate(licensed), matchGate(p)); g.State == Shut {
		return provision.Person{}, turned{p.ID, g.Reason, g.Event}, nil
	}
	return p, turned{}, nil
}

func startRecord(a Attempt, t turned) audit.Record {
	switch {
	case a.State == Failed:
		return audit.Record{Hop: "portal", Event: a.Event, Result: string(protocol.Failed), Reason: string(a.Reason)}
	case t.person != "":
		return audit.Record{Hop: "portal", Event: int(t.event), Result: string(protocol.Refused), Reason: string(t.reason), Detail: t.person}
	}
	return audit.Record{Hop: "portal", Event: int(event.FlowStarted), Result: "ok"}
}

// newSession draws a session's token, and returns what is stored of it.
func newSession() (token string, session []byte) {
	token = rand.Text()
	sum := sha256.Sum256([]byte(token))
	return token, sum[:]
}

// create draws ids until the support code is new.
func (s *Service) create(ctx context.Context, a *Attempt) (token string, err error) {
	token, a.Session = newSession()
	for range 3 {
		a.ID, a.Support = rand.Text(), supportCode()
		if err = s.Attempts.CreateAttempt(ctx, *a); err == nil {
			return token, nil
		}
	}
	return "", fmt.Errorf("create attempt: %w", err)
}

// find returns the one person of that name. A mail address that several accounts share identifies nobody;
// it is returned as shared, so that its owner can be told what to type instead.
func (s *Service) find(ctx context.Context, tenantID, typed string) (p provision.Person, shared string, err error) {
	people, err := s.People.FindPeople(ctx, tenantID, typed)
	if err != nil {
		return p, "", fmt.Errorf("find person: %w", err)
	}
	switch {
	case len(people) == 1:
		return people[0], "", nil
	case len(people) > 1 && fold(people[0].Mail) == fold(typed):
		return p, people[0].Mail, nil
	}
	return p, "", nil
}

func (s *Service) tellShared(ctx context.Context, t tenant.Tenant, to, lang string) error {
	until, err := s.Limits.Send(ctx, t.ID, "", to)
	if err != nil || !until.IsZero() {
		return err
	}
	return s.Notices.Shared(ctx, t, to, lang)
}

// Session returns the attempt of a browser's token. It returns ErrNoSession or ErrExpired.
func (s *Service) Session(ctx context.Context, tenantID, token string) (Attempt, error) {
	if token == "" {
		return Attempt{}, ErrNoSession
	}
	h := sha256.Sum256([]byte(token))
	a, err := s.Attempts.AttemptBySession(ctx, tenantID, h[:])
	if err != nil {
		return Attempt{}, fmt.Errorf("session: %w", err)
	}
	if s.Now().After(a.Expires) && (a.State == Started || a.State == Verified || a.State == Refused) {
		return a, ErrExpired
	}
	return a, nil
}

// Flow returns the token that forms of this attempt carry beside the cookie: whose they are, and after how many tries the
// page was made.
func (s *Service) Flow(a Attempt) string { return s.visit(a) + "-" + strconv.Itoa(a.Tries) }

// OfVisit reports whether a form's token is of this attempt, and whether its page has seen the last outcome: one that has
// not must not send the same password once more.
func (s *Service) OfVisit(a Attempt, token string) (own, fresh bool) {
	visit, tries, _ := strings.Cut(token, "-")
	own = hmac.Equal([]byte(visit), []byte(s.visit(a)))
	return own, own && tries == strconv.Itoa(a.Tries)
}

func (s *Service) visit(a Attempt) string {
	h := hmac.New(sha256.New, s.DecoyKey)
	h.Write([]byte("flow\x00" + a.ID))
	h.Write(a.Session)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// decoy invents a masked address for a name. It is the same each time, and its domain is one that real
// people of the tenant have, so that it tells nothing.
func (s *Service) decoy(ctx context.Context, tenantID, typed string) (string, error) {
	domains, err := s.People.MailDomains(ctx, tenantID)
	if err != nil {
		return "", fmt.Errorf("mail domains: %w", err)
	}
	h := hmac.New(sha256.New, s.DecoyKey)
	h.Write([]byte("decoy\x00" + tenantID + "\x00" + fold(typed)))
	sum := h.Sum(nil)
	name := fold(typed)
	if _, after, ok := strings.Cut(name, `\`); ok {
		name = after
	}
	first := "abcdefghijklmnoprstvw"[int(sum[0])%21 : int(sum[0])%21+1]
	if name != "" && name[0] >= 'a' && name[0] <= 'z' {
		first = name[:1]
	}
	domain := "mail.example"
	if len(domains) > 0 {
		domain = domains[int(sum[1])%len(domains)]
	}
	return verify.MaskMail(first + "@" + domain), nil
}

// standIn names what was typed without telling it. Counters of a name that belongs to nobody are kept under
// it: under anything coarser, such as the invented address, using up a counter with nonsense would tell which
// of the other names that share it belong to nobody as well.
func (s *Service) standIn(tenantID, typed string) string {
	h := hmac.New(sha256.New, s.DecoyKey)
	h.Write([]byte("name\x00" + tenantID + "\x00" + fold(typed)))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// record appends to the audit log. A record that cannot be written is an operator's problem, not a reason
// to tell somebody a wrong outcome, so it is logged as an error and the flow goes on.
func (s *Service) record(ctx context.Context, a Attempt, records ...audit.Record) {
	if err := s.Audit.Append(context.WithoutCancel(ctx), a.Tenant, s.complete(a, records...)...); err != nil {
		s.Log.Error("audit record couldn't be written", "support", a.Support, "error", err)
	}
}

// complete fills in what the records of an attempt have in common.
func (s *Service) complete(a Attempt, records ...audit.Record) []audit.Record {
	for i := range records {
		r := &records[i]
		r.Tenant, r.Support, r.Activity, r.Target = a.Tenant, a.Support, activity(a.Kind, a.Operator), a.Person
		if r.At.IsZero() {
			r.At = s.Now()
		}
	}
	return records
}

// activity is the operation's name in the audit record, as administrators know it.
func activity(kind protocol.Operation, operator string) string {
	by := " (self-service)"
	if operator != "" {
		by = " (by admin)"
	}
	switch kind {
	case protocol.Unlock:
		return "Unlock user account" + by
	case protocol.Change:
		return "Change password" + by
	case Register:
		return "Sign in to security info"
	case Caller:
		return "Verify caller" + by
	}
	return "Reset password" + by
}

func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// supportCode draws HW-XXXX-XXXX: letters and digits without I, L, O and U.
func supportCode() string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return "HW-" + string(b[:4]) + "-" + string(b[4:])
}

func requestHex(id [16]byte) string { return hex.EncodeToString(id[:]) }
