package server

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/enrol"
	"homeward/internal/server/limit"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/objection"
	"homeward/internal/server/provision"
	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
	"homeward/test/pgtest"
)

// fleetStub stands for agents: these tests are about the state machine on real databases, not about Active
// Directory, which test/e2e and test/dctest drive.
type fleetStub struct {
	mu      sync.Mutex
	key     []byte
	writers int
	version int      // of the protocol they speak
	off     bool     // their configuration lets them write no password
	calls   []string // request ids, in order
	sent    []seal.Envelope
	answer  func(request string) (protocol.Accepted, error)
	proof   func(request string) (protocol.Result, error)
	lost    chan struct{}
	// others answers Prove, from a case, in the place of agent UOTHER; nil: there is no such agent.
	others func(c protocol.Case) (protocol.Result, error)
	policy protocol.PersonPolicy
	mute   bool // nobody says which policy holds
}

func (f *fleetStub) Writers(context.Context, string, string) ([]reset.Writer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]reset.Writer, f.writers)
	for i := range out {
		out[i] = reset.Writer{Agent: "UAGENT", SealKey: f.key, Protocol: f.version, Off: f.off}
	}
	if f.others != nil {
		out = append(out, reset.Writer{Agent: "UOLD", SealKey: f.key, Protocol: 1}, reset.Writer{Agent: "UOTHER", SealKey: f.key, Protocol: 2})
	}
	return out, nil
}

func (f *fleetStub) Call(_ context.Context, _, agent string, _ protocol.Operation, envelope []byte) (protocol.Accepted, error) {
	e, err := seal.UnmarshalEnvelope(envelope)
	if err != nil {
		return protocol.Accepted{}, err
	}
	h, err := seal.UnmarshalHeader(e.Header)
	if err != nil {
		return protocol.Accepted{}, err
	}
	f.mu.Lock()
	f.calls = append(f.calls, h.Request.String())
	f.sent = append(f.sent, e)
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		return answer(h.Request.String())
	}
	return protocol.Accepted{Version: 1, Request: h.Request.String(), Agent: agent, Accepted: true, At: protocol.MilliOf(time.Now())}, nil
}

func (f *fleetStub) Ask(_ context.Context, _, agent string, op protocol.Operation, envelope []byte, answer any) error {
	e, err := seal.UnmarshalEnvelope(envelope)
	if err != nil {
		return err
	}
	h, err := seal.UnmarshalHeader(e.Header)
	if err != nil {
		return err
	}
	f.mu.Lock()
	proof, others := f.proof, f.others
	if p, ok := answer.(*protocol.PersonPolicy); ok {
		defer f.mu.Unlock()
		if f.mute {
			return reset.ErrNoAgent
		}
		*p = f.policy
		return nil
	}
	f.mu.Unlock()
	if agent == "UOTHER" && others != nil {
		var c protocol.Case
		if err := protocol.Decode(e.Sealed, &c); err != nil {
			return err
		}
		r, ok := answer.(*protocol.Result)
		if !ok || op != protocol.Prove || seal.RequestID(h.Anchor).String() != c.Request {
			return errors.New("that was no case")
		}
		*r, err = others(c)
		return err
	}
	r, ok := answer.(*protocol.Result)
	if op != protocol.Prove || !ok || proof == nil {
		return reset.ErrNoAgent
	}
	*r, err = proof(seal.RequestID(h.Anchor).String())
	return err
}

func (f *fleetStub) Lost(context.Context, string, string) <-chan struct{} { return f.lost }

func (f *fleetStub) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// letters keeps the codes that would have been mailed.
type letters struct {
	mu     sync.Mutex
	codes  []string
	to     []string
	done   int
	told   []reset.Done
	langs  []string // of every letter
	zones  []string // of every code
	doneTo []string // of each confirmation
	infos  []string // "kind address: what kind masked"
	shared []string // "address language"
}

func (l *letters) Info(_ context.Context, _ tenant.Tenant, kind verify.Kind, to, _ string, c registration.Change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.infos = append(l.infos, strings.TrimSpace(fmt.Sprintf("%s %s: %s %s %s", kind, to, c.What, c.Kind, c.Masked)))
	return nil
}

func (l *letters) Code(_ context.Context, t tenant.Tenant, _ verify.Kind, to, lang, code string, _ time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.codes, l.to, l.langs = append(l.codes, code), append(l.to, to), append(l.langs, lang)
	l.zones = append(l.zones, t.Settings.TimeZone)
	return nil
}

// Call keeps the code beside those of the portal.
func (l *letters) Call(ctx context.Context, t tenant.Tenant, kind verify.Kind, to, lang, code string, until time.Time) error {
	return l.Code(ctx, t, kind, to, lang, code, until)
}

func (l *letters) Shared(_ context.Context, _ tenant.Tenant, to, lang string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shared = append(l.shared, to+" "+lang)
	return nil
}

func (l *letters) toShared() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.shared)
}

func (l *letters) Done(_ context.Context, _ tenant.Tenant, to, lang string, d reset.Done) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done++
	l.doneTo = append(l.doneTo, to)
	l.langs = append(l.langs, lang)
	l.told = append(l.told, d)
	return nil
}

func (l *letters) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

// bench is one service over one database, with a clock that tests move.
type bench struct {
	*reset.Service
	t       testing.TB
	store   *store.Store
	dsn     string
	fleet   *fleetStub
	letters *letters
	tenant  tenant.Tenant
	deps    reset.Deps
	infos   *registration.Service
	objects *objection.Service

	mu  sync.Mutex
	now time.Time
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func newBench(t testing.TB, dsn string) *bench {
	t.Helper()
	key, err := masterkey.New()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dsn: dsn, now: time.Now(), fleet: &fleetStub{writers: 1, version: 2, lost: make(chan struct{})}, letters: &letters{}}
	if b.store, err = store.Open(t.Context(), store.Config{DSN: dsn, Key: key, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.store.Close() })
	k, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	b.fleet.key = k.Public().Bytes()
	b.tenant = tenant.Tenant{ID: "contoso", Name: "Contoso", Account: "AACC", Created: b.now}
	if err := b.store.CreateTenant(t.Context(), b.tenant); err != nil {
		t.Fatal(err)
	}
	people := newPeople(b.store, b.clock)
	importer := provision.NewImporter(b.engine())
	page := protocol.People{Version: 1, Agent: "UAGENT", Import: "first", Last: true, Domain: "corp.contoso.test", NetBIOS: "CONTOSO", People: []protocol.Person{
		{Anchor: strings.Repeat("01", 16), UPN: "amara@contoso.com", SAM: "amara", Mail: "amara@mail.example", DN: "CN=A"},
		{Anchor: strings.Repeat("02", 16), UPN: "nomail@contoso.com", SAM: "nomail", DN: "CN=N"},
	}}
	if _, err := importer.Page(t.Context(), "contoso", "UAGENT", page); err != nil {
		t.Fatal(err)
	}
	_, command, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	registered := newWays(b.store, b.clock)
	b.objects = Objections(b.store, []byte("links"), b.clock)
	b.deps = reset.Deps{
		Stopped: b.objects.Held,
		Texts:   true, Ways: registered, Census: registered.Census, Passes: verify.NewPasses(passes{b.store}, []byte("code key"), b.clock),
		Attempts: attempts{b.store}, Requests: attempts{b.store}, People: people, Fleet: b.fleet,
		Codes: verify.NewCodes(codes{b.store}, []byte("code key"), b.clock), Notices: b.letters,
		Limits: limits{limit.New(b.store, []byte("pepper"), b.clock)}, Audit: b.store,
		Familiar: limits{limit.New(b.store, []byte("pepper"), b.clock)}, Devices: verify.NewDevices([]byte("device key"), b.clock),
		Atomic: func(ctx context.Context, do func(reset.Stores) error) error {
			return b.store.WithTx(ctx, func(tx *store.Store) error {
				return do(reset.Stores{Attempts: attempts{tx}, Audit: tx, Notices: b.letters})
			})
		},
		Tenants: func(context.Context, string) (tenant.Tenant, error) { return b.tenant, nil },
		Command: func(context.Context, string) (ed25519.PrivateKey, error) { return command, nil }, DecoyKey: []byte("decoys"), Now: b.clock, Log: slog.New(slog.DiscardHandler),
	}
	b.Service = reset.New(b.deps)
	b.infos = b.registration()
	t.Cleanup(b.Close)
	return b
}

// engine takes in people, as the server's does.
func (b *bench) engine() *provision.Engine {
	return provision.New(provision.Deps{Store: b.store, Now: b.clock, Log: slog.New(slog.DiscardHandler)})
}

func (b *bench) registration() *registration.Service {
	registered := newWays(b.store, b.clock)
	return registration.New(registration.Deps{
		Store: registered, Reviews: registered, People: b.store, Codes: b.deps.Codes, Notices: b.letters,
		Limits: limits{limit.New(b.store, []byte("pepper"), b.clock)}, Audit: b.store, Strict: b.Strict, Works: b.Works, Passkeys: b.Passkeys, Now: b.clock, Log: b.deps.Log,
	})
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newBench(t, "sqlite:"+filepath.Join(t.TempDir(), "homeward.db"))) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, newBench(t, pgtest.Start(t))) })
}

// verified goes through the check of a reset.
func (b *bench) verified() reset.Attempt {
	b.t.Helper()
	return b.verifiedFor(protocol.Reset)
}

func (b *bench) verifiedFor(kind protocol.Operation) reset.Attempt {
	b.t.Helper()
	_, a, err := b.Start(b.t.Context(), b.tenant, reset.StartRequest{Typed: "Amara@Contoso.com ", Kind: kind, Address: "192.0.2.1", Locale: "en"})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.SendCode(b.t.Context(), b.tenant, a); err != nil {
		b.t.Fatal(err)
	}
	a, answer, err := b.CheckCode(b.t.Context(), b.reload(a), b.letters.codes[len(b.letters.codes)-1])
	if err != nil || answer.Result != verify.OK || a.State != reset.Verified {
		b.t.Fatalf("%+v %v", answer, err)
	}
	return a
}

func (b *bench) reload(a reset.Attempt) reset.Attempt {
	b.t.Helper()
	a, err := b.deps.Attempts.Attempt(b.t.Context(), a.Tenant, a.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

var sealedBlank = make([]byte, seal.EncSize+seal.PlaintextSize+16) //nolint:gochecknoglobals // a constant in all but type

// submitted goes on to a request in flight.
func (b *bench) submitted() reset.Attempt {
	b.t.Helper()
	return b.submit(b.verified())
}

func (b *bench) submit(a reset.Attempt) reset.Attempt {
	b.t.Helper()
	ticket, err := b.Ticket(b.t.Context(), a)
	if err != nil {
		b.t.Fatal(err)
	}
	a, again, err := b.Submit(b.t.Context(), b.reload(a), ticket.Request, sealedBlank)
	if err != nil || again {
		b.t.Fatalf("again %v, %v", again, err)
	}
	return b.reload(a)
}

func (b *bench) result(a reset.Attempt, o protocol.Outcome, reason protocol.Reason) protocol.Result {
	return protocol.Result{
		Version: 1, Request: a.Request, Agent: "UAGENT", Operation: protocol.Reset, Outcome: o, Reason: reason, Event: 31002, At: protocol.MilliOf(b.clock()),
		Hops: []protocol.Hop{{Name: "written", At: protocol.MilliOf(b.clock()), Micros: 26000}},
	}
}

func TestOneResetFromNameToOutcome(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.submitted()
		if a.State != reset.Submitted || len(b.fleet.called()) != 1 {
			t.Fatalf("state %s, %d calls", a.State, len(b.fleet.called()))
		}
		for range 3 { // results are repeated until acknowledged
			if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, "")); err != nil {
				t.Fatal(err)
			}
		}
		if a = b.reload(a); a.State != reset.Changed || b.letters.done != 1 {
			t.Errorf("state %s, %d confirmations", a.State, b.letters.done)
		}
		if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Refused, protocol.ReasonTooShort)); err != nil || b.reload(a).State != reset.Changed {
			t.Errorf("a final outcome was replaced: %s, %v", b.reload(a).State, err)
		}
		if err := b.store.VerifyChain(t.Context(), "contoso"); err != nil {
			t.Error(err)
		}
		records, err := b.store.Records(t.Context(), "contoso", a.Support)
		if err != nil || len(records) < 6 {
			t.Errorf("%d audit records, %v", len(records), err)
		}
	})
}

// TestParallelSubmissionsSendOnce is the double click, the reload and the second tab at once.
func TestParallelSubmissionsSendOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.verified()
		ticket, err := b.Ticket(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		a = b.reload(a)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				_, _, err := b.Submit(t.Context(), a, ticket.Request, sealedBlank)
				if err != nil && !errors.Is(err, reset.ErrConflict) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(b.fleet.called()); n != 1 {
			t.Errorf("%d commands were sent", n)
		}
		if _, _, err := b.Submit(t.Context(), b.reload(a), ticket.Request, sealedBlank); !errors.Is(err, reset.ErrState) {
			t.Errorf("late submission: %v", err)
		}
	})
}

func TestNewTicketMakesTheOldOneWorthless(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.verified()
		first, err := b.Ticket(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Ticket(t.Context(), b.reload(a)); err != nil {
			t.Fatal(err)
		}
		_, again, err := b.Submit(t.Context(), b.reload(a), first.Request, sealedBlank)
		if err != nil || !again || len(b.fleet.called()) != 0 {
			t.Errorf("again %v, %v, %d commands", again, err, len(b.fleet.called()))
		}
	})
}

func TestGoneAgentTakesTheSubmissionBack(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.verified()
		ticket, err := b.Ticket(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		b.fleet.answer = func(string) (protocol.Accepted, error) { return protocol.Accepted{}, reset.ErrNoAgent }
		next, again, err := b.Submit(t.Context(), b.reload(a), ticket.Request, sealedBlank)
		if err != nil || !again || next.State != reset.Verified || next.Tries != 0 {
			t.Errorf("state %s, tries %d, again %v, %v", next.State, next.Tries, again, err)
		}
	})
}

func TestRefusedCanBeTriedAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.submitted()
		if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Refused, protocol.ReasonUsedBefore)); err != nil {
			t.Fatal(err)
		}
		if a = b.reload(a); a.State != reset.Refused || a.Reason != protocol.ReasonUsedBefore {
			t.Fatalf("%s %s", a.State, a.Reason)
		}
		ticket, err := b.Ticket(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if _, again, err := b.Submit(t.Context(), b.reload(a), ticket.Request, sealedBlank); err != nil || again {
			t.Errorf("again %v, %v", again, err)
		}
		if n := len(b.fleet.called()); n != 2 {
			t.Errorf("%d commands", n)
		}
	})
}

func TestResultOfAnotherAgentIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.submitted()
		r := b.result(a, protocol.Changed, "")
		r.Agent = "UOTHER"
		if err := b.Result(t.Context(), "contoso", "UOTHER", r); err == nil || b.reload(a).State != reset.Submitted {
			t.Errorf("%v, %s", err, b.reload(a).State)
		}
		if err := b.Result(t.Context(), "fabrikam", "UAGENT", b.result(a, protocol.Changed, "")); err != nil || b.reload(a).State != reset.Submitted {
			t.Errorf("another tenant's agent: %v, %s", err, b.reload(a).State)
		}
	})
}

// TestLostAgentMeansNotSureThenTheTruth ends the agent's connection after it accepted.
func TestLostAgentMeansNotSureThenTheTruth(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.submitted()
		close(b.fleet.lost)
		b.eventually(func() bool { return b.reload(a).State == reset.NotSure })
		b.fleet.mu.Lock()
		b.fleet.proof = func(request string) (protocol.Result, error) {
			r := b.result(a, protocol.Changed, "")
			if request != a.Request {
				return r, errors.New("asked about another request")
			}
			return r, nil
		}
		b.fleet.mu.Unlock()
		b.run()
		b.eventually(func() bool { return b.reload(a).State == reset.Changed })
	})
}

// TestRestartResolvesWhatWasOpen makes a second service over the same database, as a restart does.
func TestRestartResolvesWhatWasOpen(t *testing.T) {
	for name, c := range map[string]struct {
		outcome protocol.Outcome
		reason  protocol.Reason
		want    reset.State
	}{
		"it was changed":      {protocol.Changed, "", reset.Changed},
		"it was refused":      {protocol.Refused, protocol.ReasonTooYoung, reset.Refused},
		"it never got there":  {protocol.Failed, protocol.ReasonNeverArrived, reset.Failed},
		"nobody knows so far": {protocol.Unknown, protocol.ReasonTimeout, reset.NotSure},
		"it was not written":  {protocol.Failed, protocol.ReasonNotWritten, reset.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "sqlite:"+filepath.Join(t.TempDir(), "homeward.db"))
			a := b.submitted()
			b.fleet.proof = func(string) (protocol.Result, error) { return b.result(a, c.outcome, c.reason), nil }
			b.Service = reset.New(b.deps)
			t.Cleanup(b.Close)
			b.advance(time.Minute)
			b.run()
			b.eventually(func() bool { return b.reload(a).State == c.want })
			if n := len(b.fleet.called()); n != 1 {
				t.Errorf("%d commands: a restart sent one again", n)
			}
		})
	}
}

// TestOutcomeThatWasNotRecorded is a server that died between storing an outcome and recording it.
func TestOutcomeThatWasNotRecorded(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.submitted()
		dead := a
		dead.State, dead.Finished, dead.Event = reset.Changed, b.clock(), 31002
		if _, err := b.deps.Attempts.Move(t.Context(), dead, reset.Submitted); err != nil {
			t.Fatal(err)
		}
		r := b.result(a, protocol.Changed, "")
		if err := b.Result(t.Context(), "contoso", "UAGENT", r); err == nil {
			t.Error("acknowledged, though nothing is recorded yet")
		}
		b.advance(11 * time.Second)
		for range 2 {
			if err := b.Result(t.Context(), "contoso", "UAGENT", r); err != nil {
				t.Fatal(err)
			}
		}
		records, err := b.store.Records(t.Context(), "contoso", a.Support)
		if err != nil {
			t.Fatal(err)
		}
		outcomes := 0
		for _, record := range records {
			if record.Hop == "result" && record.Event == 31002 {
				outcomes++
			}
		}
		if outcomes != 1 || b.letters.done != 1 {
			t.Errorf("%d outcomes recorded, %d confirmations", outcomes, b.letters.done)
		}
	})
}

// TestNeverArrivedIsNotBelievedTooEarly: the request may still be on its way.
func TestNeverArrivedIsNotBelievedTooEarly(t *testing.T) {
	b := newBench(t, "sqlite:"+filepath.Join(t.TempDir(), "homeward.db"))
	asked := make(chan struct{}, 100)
	b.fleet.answer = func(string) (protocol.Accepted, error) { return protocol.Accepted{}, errors.New("timeout") }
	a := b.submitted()
	b.fleet.mu.Lock()
	b.fleet.proof = func(string) (protocol.Result, error) {
		asked <- struct{}{}
		return b.result(a, protocol.Failed, protocol.ReasonNeverArrived), nil
	}
	b.fleet.mu.Unlock()
	b.run()
	<-asked
	<-asked
	if s := b.reload(a).State; s != reset.Submitted {
		t.Errorf("state %s while the request may still arrive", s)
	}
	b.advance(11 * time.Second)
	b.eventually(func() bool { return b.reload(a).State == reset.Failed })
}

func TestNobodyGetsNoCodeAndNoVerification(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		for _, typed := range []string{"nobody@contoso.com", "nomail@contoso.com"} {
			_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: typed, Kind: protocol.Reset, Address: "192.0.2.1", Locale: "en"})
			if err != nil {
				t.Fatal(err)
			}
			m, err := b.Methods(t.Context(), a)
			if err != nil || len(m) != 1 || !strings.Contains(m[0].Masked, "•••@mail.example") {
				t.Errorf("%s: %v %v", typed, m, err)
			}
			if err := b.SendCode(t.Context(), b.tenant, a); err != nil {
				t.Fatal(err)
			}
		}
		for _, to := range b.letters.to {
			if to != "" {
				t.Errorf("a code went to %q", to)
			}
		}
		// Even the right digits, guessed, verify nobody.
		_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: "nobody@contoso.com", Kind: protocol.Reset, Address: "192.0.2.1", Locale: "en"})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.SendCode(t.Context(), b.tenant, a); err != nil {
			t.Fatal(err)
		}
		a, answer, err := b.CheckCode(t.Context(), a, b.letters.codes[len(b.letters.codes)-1])
		if err != nil || answer.Result != verify.Wrong || a.State != reset.Started {
			t.Errorf("%+v, %s, %v", answer, a.State, err)
		}
	})
}

func TestNoAgentIsToldOnTheFirstPage(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.fleet.writers = 0
		_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: "amara@contoso.com", Kind: protocol.Reset, Address: "192.0.2.1", Locale: "en"})
		if err != nil || a.State != reset.Failed || a.Reason != protocol.ReasonNoAgent {
			t.Errorf("%s %s %v", a.State, a.Reason, err)
		}
	})
}

// TestTriesNobodyCouldWriteAreFree: whoever presses again while no agent is there has all their tries when one is back.
func TestTriesNobodyCouldWriteAreFree(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.verified()
		writers := b.fleet.writers
		b.fleet.writers = 0
		for range 20 {
			if _, err := b.Ticket(t.Context(), a); !errors.Is(err, reset.ErrNoAgent) {
				t.Fatalf("without an agent: %v", err)
			}
		}
		b.fleet.writers = writers
		if _, err := b.Ticket(t.Context(), b.reload(a)); err != nil {
			t.Errorf("with one again: %v", err)
		}
	})
}

func TestPasswordPageOpenTooLong(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.verified()
		b.advance(11 * time.Minute)
		if _, err := b.Ticket(t.Context(), a); !errors.Is(err, reset.ErrExpired) {
			t.Errorf("%v", err)
		}
	})
}

// TestEnrolmentCode checks the code's whole life with a request that anybody could send.
func TestEnrolmentCodeRefusals(t *testing.T) {
	b := newBench(t, "sqlite:"+filepath.Join(t.TempDir(), "homeward.db"))
	s := &enrol.Service{Store: agents{b.store}, Now: b.clock, Tenant: func(context.Context, string) (tenant.Tenant, error) { return b.tenant, nil }}
	for name, r := range map[string]protocol.EnrolRequest{
		"empty": {}, "future version": {Version: 99}, "no key": {Version: 1, Machine: "m", Domain: "d", Agent: "nonsense"},
	} {
		var refusal *enrol.Refusal
		if _, err := s.Enrol(t.Context(), r); !errors.As(err, &refusal) || refusal.Message == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.Run(ctx) }()
	b.t.Cleanup(func() { cancel(); <-done })
}

func (b *bench) eventually(ok func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			b.t.Fatal("it didn't come true within 20 s")
		case <-tick.C:
		}
	}
}

// TestOutcomeIsStoredAloneInNeed: a record or a letter that can't be written must not keep a person from the outcome.
func TestOutcomeIsStoredAloneInNeed(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.Service = reset.New(func() reset.Deps {
			d := b.deps
			d.Atomic = func(context.Context, func(reset.Stores) error) error {
				return errors.New("the audit record was tampered with")
			}
			return d
		}())
		t.Cleanup(b.Close)
		a := b.submitted()
		if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, "")); err != nil {
			t.Fatal(err)
		}
		if got := b.reload(a).State; got != reset.Changed || b.letters.count() != 1 {
			t.Errorf("state %s, %d confirmations", got, b.letters.count())
		}
	})
}

// TestOutcomeAndItsRecordsAreOne: when the records fail, nothing of the transaction stays; the outcome is stored alone.
func TestOutcomeAndItsRecordsAreOne(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		d := b.deps
		whole := d.Atomic
		d.Atomic = func(ctx context.Context, do func(reset.Stores) error) error {
			return whole(ctx, func(tx reset.Stores) error {
				if err := do(tx); err != nil {
					return err
				}
				return errors.New("the last moment")
			})
		}
		b.Service = reset.New(d)
		t.Cleanup(b.Close)
		a := b.submitted()
		if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, "")); err != nil {
			t.Fatal(err)
		}
		results := 0
		for _, r := range b.records(t, a) {
			if r.Hop == "result" {
				results++
			}
		}
		if got := b.reload(a); got.State != reset.Changed || got.Revision != a.Revision+1 || results != 1 {
			t.Errorf("state %s, revision %d after %d, %d results recorded", got.State, got.Revision, a.Revision, results)
		}
	})
}
