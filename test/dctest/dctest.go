// Package dctest gives tests a real domain controller (package lab) and the hands of an administrator on it.
//
// A test package calls [Main] from its TestMain and [Start] in every test that needs the DC: the first call
// starts one DC for the whole test binary, and Main ends it. Tests of the same binary share it, so a test
// makes its own people with [DC.NewPerson] and leaves the sample people as they are. A test that changes the
// policy of the domain, freezes the DC or stops it takes its own with [Private].
//
// Nothing here skips: a machine that cannot run the DC fails the test and says what to install.
package dctest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
)

const (
	startTime   = 9 * time.Minute // the first start on a machine builds the cache; go test allows ten minutes
	requestTime = 20 * time.Second
)

// DC is a running domain controller with an administrator's connection.
type DC struct {
	*lab.DC

	mu    sync.Mutex
	admin *ldap.Conn
}

// sharedDC is the DC of one test binary.
type sharedDC struct {
	mu     sync.Mutex
	inMain bool
	dc     *DC
	err    error
}

// shared is the one variable of the package: the tests of a binary have nothing else in common.
var shared sharedDC

// Main runs the tests of a package and ends the shared DC. Use it as
//
//	func TestMain(m *testing.M) { os.Exit(dctest.Main(m)) }
func Main(m *testing.M) int {
	shared.mu.Lock()
	shared.inMain = true
	shared.mu.Unlock()
	code := m.Run()
	if err := shared.stop(); err != nil {
		slog.Error("stopping the shared DC", "error", err)
		return max(code, 1)
	}
	return code
}

func (s *sharedDC) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dc == nil {
		return nil
	}
	return s.dc.stop()
}

func (s *sharedDC) get(ctx context.Context) (*DC, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.inMain {
		return nil, errors.New("TestMain has to call dctest.Main, which ends the shared DC")
	}
	if s.dc == nil && s.err == nil {
		s.dc, s.err = start(ctx, lab.Options{Sample: true})
	}
	return s.dc, s.err
}

// Start gives the DC of this test binary, with the sample people.
func Start(t testing.TB) *DC {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime) // not t.Context: it outlives t
	defer cancel()
	dc, err := shared.get(ctx)
	if err != nil {
		t.Fatalf("starting the DC: %v", err)
	}
	return dc
}

// Private gives a DC for one test alone, ended with the test.
func Private(t testing.TB, opt lab.Options) *DC {
	t.Helper()
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	dc, err := start(ctx, opt)
	if err != nil {
		t.Fatalf("starting a private DC: %v", err)
	}
	t.Cleanup(func() {
		if err := dc.stop(); err != nil {
			t.Errorf("stopping the private DC: %v", err)
		}
	})
	return dc
}

// Pair gives two writable DCs of one domain for one test alone, ended with the test: [Private] and [DC.Join] in
// one, several times as fast.
func Pair(t testing.TB, opt lab.Options) (one, two *DC) {
	t.Helper()
	return PairBehind(t, opt, nil)
}

// PairBehind is Pair with the second DC behind a cable of the network that opt.Cable is of.
func PairBehind(t testing.TB, opt lab.Options, second *lab.Cable) (one, two *DC) {
	t.Helper()
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	first, other, err := lab.StartPair(ctx, opt, second)
	if err != nil {
		t.Fatalf("starting two DCs: %v", err)
	}
	one, two = &DC{DC: first}, &DC{DC: other}
	t.Cleanup(func() {
		if err := errors.Join(two.stop(), one.stop()); err != nil {
			t.Errorf("stopping two DCs: %v", err)
		}
	})
	return one, two
}

// Join gives another writable DC of the same domain, ended with the test.
func (d *DC) Join(t testing.TB) *DC {
	t.Helper()
	return d.join(t, d.DC.Join)
}

// JoinReadOnly gives a read-only DC of the same domain, ended with the test.
func (d *DC) JoinReadOnly(t testing.TB) *DC {
	t.Helper()
	return d.join(t, d.DC.JoinReadOnly)
}

// JoinBehind gives another writable DC of the same domain behind a cable of the network that d is on.
func (d *DC) JoinBehind(t testing.TB, c *lab.Cable) *DC {
	t.Helper()
	return d.join(t, func(ctx context.Context) (*lab.DC, error) { return d.DC.JoinBehind(ctx, c) })
}

func (d *DC) join(t testing.TB, join func(context.Context) (*lab.DC, error)) *DC {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	dc, err := join(ctx)
	if err != nil {
		t.Fatalf("joining a DC: %v", err)
	}
	joined := &DC{DC: dc}
	t.Cleanup(func() {
		if err := joined.stop(); err != nil {
			t.Errorf("stopping the joined DC: %v", err)
		}
	})
	return joined
}

// Wrap gives an administrator's hands on a DC that somebody else started and ends.
func Wrap(t testing.TB, dc *lab.DC) *DC {
	t.Helper()
	d := &DC{DC: dc}
	t.Cleanup(d.hangUp)
	return d
}

func start(ctx context.Context, opt lab.Options) (*DC, error) {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	dc, err := lab.Start(ctx, opt)
	if err != nil {
		return nil, err
	}
	return &DC{DC: dc}, nil
}

func (d *DC) stop() error {
	d.hangUp()
	return d.Stop()
}

func (d *DC) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.admin != nil {
		_ = d.admin.Close() // it may have ended with the DC
		d.admin = nil
	}
}

// Admin is a connection bound as the domain administrator, made again when the DC has closed it. It is
// shared: do not close it.
func (d *DC) Admin(t testing.TB) *ldap.Conn {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.admin != nil && !d.admin.IsClosing() {
		return d.admin
	}
	who := d.Administrator()
	conn, err := d.connect(who.UPN, who.Password)
	if err != nil {
		t.Fatalf("binding as administrator: %v", err)
	}
	d.admin = conn
	return conn
}

func (d *DC) connect(name, password string) (*ldap.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTime)
	defer cancel()
	conn, err := d.Dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := conn.Bind(name, password); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// SamplePerson is the first sample person of a kind.
func (d *DC) SamplePerson(t testing.TB, kind lab.Kind) lab.Person {
	t.Helper()
	p, ok := d.Person(kind)
	if !ok {
		t.Fatalf("the DC has no sample person of kind %s", kind)
	}
	return p
}

// BindCode is Active Directory's own code in a refused bind, for example "775" for a locked account; empty
// for success and for other errors. [MS-ADTS] has no list of them; Microsoft documents them with event 4625.
func BindCode(err error) string {
	var refusal *ldap.Error
	if !errors.As(err, &refusal) || refusal.ResultCode != ldap.LDAPResultInvalidCredentials {
		return ""
	}
	_, after, _ := strings.Cut(refusal.Err.Error(), ", data ")
	code, _, _ := strings.Cut(after, ",")
	return code
}

// Eventually calls check until it returns nil and fails the test with its last error after a time.
func Eventually(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal(fmt.Errorf("not within %s: %w", within, err))
		}
	}
}
