package writeback

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/test/dctest"
)

func TestMain(m *testing.M) { os.Exit(dctest.Main(m)) }

const (
	tenant = "tenant-1"
	agent  = "UAGENT"
	soon   = 30 * time.Second
)

// bench is one agent's writeback with a server's side to talk to it.
type bench struct {
	*Writeback
	dir     *activedirectory.Directory
	journal *journal.Journal
	path    string
	command ed25519.PrivateKey
	key     seal.PrivateKey
	log     *logged

	mu      sync.Mutex
	ahead   time.Duration // of the agent's clock
	offline bool
	results []protocol.Result
	latest  time.Time // when the last result was published
}

type keyring struct{ key seal.PrivateKey }

func (k keyring) SealKey(id seal.KeyID) (seal.PrivateKey, bool) {
	return k.key, id == k.key.Public().ID()
}

// logged keeps everything that is logged, at every level.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type benchOption func(*bench, *activedirectory.Config, *Deps)

func newBench(t testing.TB, dc *dctest.DC, opts ...benchOption) *bench {
	t.Helper()
	_, command, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{command: command, key: key, log: &logged{}, path: filepath.Join(t.TempDir(), "journal.db")}
	b.start(t, dc, opts...)
	return b
}

// start makes the directory, the journal and the writeback, as a starting agent does.
func (b *bench) start(t testing.TB, dc *dctest.DC, opts ...benchOption) {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	svc := dc.ServiceAccount()
	config := activedirectory.Config{
		URLs: []string{dc.LDAPSURL()}, User: svc.UPN, RootCAs: roots(t, dc.CAFile()), Logger: logger,
		Password: func(context.Context) ([]byte, error) { return []byte(svc.Password), nil },
	}
	deps := Deps{
		Keys: keyring{b.key}, CommandKeys: func() []ed25519.PublicKey { return []ed25519.PublicKey{b.command.Public().(ed25519.PublicKey)} }, Tenant: tenant, Agent: agent, Logger: logger,
		Publish: b.publish, Now: b.now, Settle: 300 * time.Millisecond, Late: 100 * time.Millisecond,
	}
	for _, opt := range opts {
		opt(b, &config, &deps)
	}
	var err error
	if b.dir, err = activedirectory.Open(config); err != nil {
		t.Fatal(err)
	}
	if b.journal, err = journal.Open(b.path); err != nil {
		t.Fatal(err)
	}
	if deps.Directory == nil {
		deps.Directory = b.dir
	}
	if h, ok := deps.Directory.(*hooked); ok {
		h.Directory = b.dir
	}
	deps.Journal = b.journal
	if b.Writeback, err = New(deps); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.stop(t) })
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Add(b.ahead)
}

func (b *bench) setAhead(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ahead = d
}

func (b *bench) stop(t testing.TB) {
	t.Helper()
	if err := errors.Join(b.dir.Close(), b.journal.Close()); err != nil {
		t.Error(err)
	}
}

func (b *bench) publish(_ context.Context, r protocol.Result) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.offline {
		return errors.New("no link to the server")
	}
	b.results = append(b.results, r)
	b.latest = time.Now()
	return nil
}

func (b *bench) setOffline(v bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offline = v
}

func (b *bench) published() []protocol.Result {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]protocol.Result(nil), b.results...)
}

// result waits for the one result of a request.
func (b *bench) result(t testing.TB, id seal.RequestID) protocol.Result {
	t.Helper()
	var found []protocol.Result
	dctest.Eventually(t, soon, func() error {
		found = nil
		for _, r := range b.published() {
			if r.Request == id.String() {
				found = append(found, r)
			}
		}
		if len(found) == 0 {
			return fmt.Errorf("no result for %s", id)
		}
		return nil
	})
	if len(found) != 1 {
		t.Errorf("%d results for one request", len(found))
	}
	return found[0]
}

// run runs the background loops until the returned function is called.
func (b *bench) run(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("run ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// command is a request as the server makes it; change what a test wants to be different.
type command struct {
	header  seal.Header
	secrets []string
	body    []byte // of a question, in the sealed part's place
	to      seal.PublicKey
	by      ed25519.PrivateKey
}

func (b *bench) newCommand(t testing.TB, op protocol.Operation, anchor []byte, secrets ...string) *command {
	t.Helper()
	now := b.now()
	c := &command{secrets: secrets, to: b.key.Public(), by: b.command, header: seal.Header{
		Tenant: tenant, Anchor: anchor, Operation: string(op),
		Issued: now, AcceptBy: now.Add(3 * time.Second), Expires: now.Add(time.Minute),
	}}
	if len(secrets) > 0 {
		c.header.Key = c.to.ID()
	}
	if _, err := rand.Read(c.header.Request[:]); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *command) envelope(t testing.TB) []byte {
	t.Helper()
	header, err := c.header.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sealed := c.body
	if len(c.secrets) > 0 {
		secrets := make([][]byte, len(c.secrets))
		for i, s := range c.secrets {
			secrets[i] = []byte(s)
		}
		if sealed, err = seal.Seal(c.to, header, secrets...); err != nil {
			t.Fatal(err)
		}
	}
	e, err := seal.Sign(c.by, header, sealed)
	if err != nil {
		t.Fatal(err)
	}
	return e.Marshal()
}

// handle sends data to the writeback and decodes its one answer into answer.
func (b *bench) handle(t testing.TB, op protocol.Operation, data []byte, answer any) {
	t.Helper()
	replies := 0
	b.Handle(t.Context(), op, data, func(raw []byte) error {
		replies++
		return protocol.Decode(raw, answer)
	})
	if replies != 1 {
		t.Errorf("%d answers, want 1", replies)
	}
}

// reset carries out a reset of p and returns the answer and the id.
func (b *bench) reset(t testing.TB, p lab.Person, password string) (protocol.Accepted, seal.RequestID) {
	t.Helper()
	c := b.newCommand(t, protocol.Reset, anchor(t, p), password)
	var a protocol.Accepted
	b.handle(t, protocol.Reset, c.envelope(t), &a)
	return a, c.header.Request
}

func (b *bench) account(t testing.TB, p lab.Person) activedirectory.Account {
	t.Helper()
	a, err := b.dir.Account(t.Context(), directory.GUID(anchor(t, p)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (b *bench) wantUntouched(t testing.TB, p lab.Person, before activedirectory.Account) {
	t.Helper()
	if after := b.account(t, p); after.Password != before.Password || after.Lockout != before.Lockout {
		t.Errorf("the account was written: %+v, then %+v", before.Password, after.Password)
	}
}

func anchor(t testing.TB, p lab.Person) []byte {
	t.Helper()
	g, err := directory.ParseGUID(p.GUID)
	if err != nil {
		t.Fatal(err)
	}
	return g[:]
}

func roots(t testing.TB, file string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

// wantOutcome compares the parts of a result every test cares about.
func wantOutcome(t testing.TB, r protocol.Result, o protocol.Outcome, reason protocol.Reason) {
	t.Helper()
	if r.Outcome != o || r.Reason != reason {
		t.Errorf("outcome %s %s (%s), want %s %s", r.Outcome, r.Reason, r.Detail, o, reason)
	}
}

func (b *bench) wantNoSecret(t testing.TB, secrets ...string) {
	t.Helper()
	raw, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range []struct{ name, text string }{{"log", b.log.String()}, {"journal", string(raw)}, {"results", fmt.Sprintf("%+v", b.published())}} {
		for _, s := range secrets {
			if strings.Contains(place.text, s) {
				t.Errorf("the %s holds a secret", place.name)
			}
		}
	}
	if len(b.log.String()) == 0 {
		t.Error("nothing was logged at all")
	}
}

// wantLogged looks for a word in one of the lines about a request; none wanted: neither 31035 nor 31036 is there.
func (b *bench) wantLogged(t testing.TB, id seal.RequestID, word string) {
	t.Helper()
	found := false
	for line := range strings.Lines(b.log.String()) {
		if !strings.Contains(line, id.String()) {
			continue
		}
		found = found || (word != "" && strings.Contains(line, word))
		if word == "" && (strings.Contains(line, "event=31035") || strings.Contains(line, "event=31036")) {
			t.Errorf("logged: %s", line)
		}
	}
	if word != "" && !found {
		t.Errorf("%s was not logged", word)
	}
}

type (
	guid   = directory.GUID
	policy = directory.PasswordPolicy
)

func mustGUID(t testing.TB, hex string) guid {
	t.Helper()
	g, err := directory.ParseGUIDHex(hex)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
