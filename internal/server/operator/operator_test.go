package operator_test

import (
	"context"
	"encoding/base32"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"homeward/internal/server/audit"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/operator"
	"homeward/internal/server/store"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/test/pgtest"
)

const password = "Quiet harbour lamp 7"

// bench is a service on a real store, with a clock of its own.
type bench struct {
	*operator.Service
	store *store.Store

	mu      sync.Mutex
	now     time.Time
	records []audit.Record
	left    int // tries
	guesses int
	marks   map[string]bool
}

type limits struct{ b *bench }

func (l limits) SignIn(context.Context, string, string, string) (time.Time, error) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if l.b.left--; l.b.left < 0 {
		return l.b.now.Add(time.Minute), nil
	}
	return time.Time{}, nil
}

func (l limits) Guess(context.Context, string, string) (time.Time, error) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	if l.b.guesses--; l.b.guesses < 0 {
		return l.b.now.Add(time.Minute), nil
	}
	return time.Time{}, nil
}

func (l limits) Passed(context.Context, string, string, string) error { return nil }

func (limits) Open(context.Context, string) (time.Time, error) { return time.Time{}, nil }

func (l limits) Once(_ context.Context, mark string) (bool, error) {
	l.b.mu.Lock()
	defer l.b.mu.Unlock()
	seen := l.b.marks[mark]
	l.b.marks[mark] = true
	return !seen, nil
}

func (l limits) Tell(context.Context, string) (bool, error) { return true, nil }

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) later(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func newBench(t *testing.T, dsn string) *bench {
	t.Helper()
	b := &bench{store: storetest.Open(t, dsn), now: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), left: 1000, guesses: 1000, marks: map[string]bool{}}
	if err := b.store.CreateTenant(t.Context(), tenant.Tenant{ID: "contoso", Account: "A1"}); err != nil {
		t.Fatal(err)
	}
	key, err := masterkey.New()
	if err != nil {
		t.Fatal(err)
	}
	b.Service = operator.New(operator.Deps{
		Store: b.store, Limits: limits{b}, Gate: limits{b}, Key: key, SeedKey: []byte("a key of the server's own"), Now: b.clock,
		Record: func(_ context.Context, _ string, r audit.Record) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.records = append(b.records, r)
		},
	})
	return b
}

func onBoth(t *testing.T, run func(t *testing.T, b *bench)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		run(t, newBench(t, storetest.SQLite(t)))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		run(t, newBench(t, pgtest.Start(t)))
	})
}

func (b *bench) code(t *testing.T, secret string) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, b.clock())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var visit = operator.Visit{Address: "192.0.2.7", Browser: "Firefox", Tenant: "contoso"}

// ready sets an operator up and returns the secret of their app, their session and their recovery codes.
func (b *bench) ready(t *testing.T, name string) (secret, cookie string, recovery []string) {
	t.Helper()
	link, _, err := b.Invite(t.Context(), "contoso", name, operator.GlobalAdministrator, "cli")
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.Pending(t.Context(), link, "Homeward")
	if err != nil {
		t.Fatal(err)
	}
	cookie, recovery, err = b.SetUp(t.Context(), link, []byte(password), b.code(t, p.Secret), visit)
	if err != nil {
		t.Fatal(err)
	}
	return p.Secret, cookie, recovery
}

func (b *bench) last() audit.Record { return b.records[len(b.records)-1] }

func TestSetUpAndSignIn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		secret, first, recovery := b.ready(t, "karin.holm@contoso.com")
		if o, _, err := b.Session(ctx, first, true); err != nil || o.Name != "karin.holm@contoso.com" {
			t.Fatalf("%+v %v", o, err)
		}
		used := b.code(t, secret)
		refused := func(what, name, password, code string) {
			t.Helper()
			if _, err := b.SignIn(ctx, name, []byte(password), code, visit); !errors.Is(err, operator.ErrRefused) {
				t.Errorf("%s: %v", what, err)
			}
		}
		refused("the code that set it up", "karin.holm@contoso.com", password, used)
		b.later(time.Minute)
		code := b.code(t, secret)
		refused("a wrong password", "karin.holm@contoso.com", password+"x", code)
		refused("no password", "karin.holm@contoso.com", "", code)
		refused("a wrong code", "karin.holm@contoso.com", password, "000000")
		refused("no code", "karin.holm@contoso.com", password, "")
		refused("nobody", "nobody@contoso.com", password, code)
		if r := b.last(); r.Reason != "unknown_name" || r.Actor != "" || r.Target != "" || strings.Contains(r.Detail, "nobody") {
			t.Errorf("a name that isn't known is recorded as %+v", r)
		}
		second, err := b.SignIn(ctx, "KARIN.holm@contoso.com", []byte(password), " "+code[:3]+" "+code[3:], visit)
		if err != nil || second == first {
			t.Fatalf("the right ones: %v", err)
		}
		refused("the code again", "karin.holm@contoso.com", password, code)
		if r := b.last(); r.Result != "refused" || r.Reason != "wrong_code" || r.Target != "karin.holm@contoso.com" {
			t.Errorf("recorded %+v", r)
		}
		if _, err := b.SignIn(ctx, "karin.holm@contoso.com", []byte(password), strings.ToUpper(recovery[3]), visit); err != nil {
			t.Errorf("a recovery code: %v", err)
		}
		refused("the recovery code again", "karin.holm@contoso.com", password, recovery[3])
		for _, r := range b.records {
			text := r.Detail + r.Reason + r.Actor + r.Target
			for _, s := range append(recovery, password, secret, code, first, second) {
				if strings.Contains(text, s) {
					t.Errorf("the record holds a secret: %+v", r)
				}
			}
		}
	})
}

func TestLinkIsForOneSetUp(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		link, _, err := b.Invite(ctx, "contoso", "sam", operator.ReportsReader, "cli")
		if err != nil {
			t.Fatal(err)
		}
		p, err := b.Pending(ctx, link, "Homeward")
		if err != nil || !strings.HasPrefix(p.Address, "otpauth://totp/Homeward:sam?") {
			t.Fatalf("%+v %v", p, err)
		}
		if again, _ := b.Pending(ctx, link, "Homeward"); again.Secret != p.Secret {
			t.Error("a reload shows another secret")
		}
		if raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(p.Secret); err != nil || len(raw) != 20 {
			t.Errorf("secret of %d bytes, %v", len(raw), err)
		}
		var weak *operator.PasswordError
		for _, bad := range []string{"short", "sam" + strings.Repeat("x", 300), ""} {
			if _, _, err := b.SetUp(ctx, link, []byte(bad), b.code(t, p.Secret), visit); !errors.As(err, &weak) {
				t.Errorf("password of %d characters: %v", len(bad), err)
			}
		}
		if _, _, err := b.SetUp(ctx, link, []byte(password), "123", visit); !errors.Is(err, operator.ErrCode) {
			t.Errorf("no code: %v", err)
		}
		if _, _, err := b.SetUp(ctx, link, []byte(password), b.code(t, p.Secret), visit); err != nil {
			t.Fatal(err)
		}
		for _, l := range []string{link, "", "nonsense"} {
			if _, err := b.Pending(ctx, l, ""); !errors.Is(err, operator.ErrLink) {
				t.Errorf("link %.4s…: %v", l, err)
			}
		}
		_, late, _, err := b.Reset(ctx, "SAM", "cli")
		if err != nil {
			t.Fatal(err)
		}
		b.later(25 * time.Hour)
		if _, err := b.Pending(ctx, late, ""); !errors.Is(err, operator.ErrLink) {
			t.Errorf("a day later: %v", err)
		}
		if _, _, _, err := b.Reset(ctx, "nobody", "cli"); !errors.Is(err, operator.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
	})
}

// TestResetEndsEverything: the old password, app, codes and sessions are worthless before the new link is used.
func TestResetEndsEverything(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		secret, cookie, recovery := b.ready(t, "karin")
		_, link, _, err := b.Reset(ctx, "karin", "cli:root")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Session(ctx, cookie, true); !errors.Is(err, operator.ErrNoSession) {
			t.Errorf("the session lives: %v", err)
		}
		b.later(time.Minute)
		for _, code := range []string{b.code(t, secret), recovery[0]} {
			if _, err := b.SignIn(ctx, "karin", []byte(password), code, visit); !errors.Is(err, operator.ErrRefused) {
				t.Errorf("got %v", err)
			}
		}
		p, err := b.Pending(ctx, link, "")
		if err != nil || p.Secret == secret {
			t.Errorf("the same secret again, %v", err)
		}
		if _, err := b.Disable(ctx, "karin", "cli:root"); !errors.Is(err, operator.ErrLast) {
			t.Fatalf("the only administrator is gone: %v", err)
		}
		b.ready(t, "sam")
		if _, err := b.Disable(ctx, "karin", "cli:root"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Pending(ctx, link, ""); !errors.Is(err, operator.ErrLink) {
			t.Errorf("a disabled operator's link: %v", err)
		}
	})
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		secret, first, _ := b.ready(t, "karin")
		b.later(time.Minute)
		second, err := b.SignIn(ctx, "karin", []byte(password), b.code(t, secret), visit)
		if err != nil {
			t.Fatal(err)
		}
		o, one, err := b.Session(ctx, first, true)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := b.List(ctx, o); err != nil || len(all) != 2 {
			t.Errorf("%d sessions, %v", len(all), err)
		}
		if err := b.EndOthers(ctx, o, one); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Session(ctx, second, true); !errors.Is(err, operator.ErrNoSession) {
			t.Errorf("ended from elsewhere: %v", err)
		}
		// Used all day, it ends after twelve hours; a page that refreshes itself is no use.
		lived := time.Duration(0)
		for ; lived < 24*time.Hour; lived += 20 * time.Minute {
			if _, _, err := b.Session(ctx, first, true); err != nil {
				break
			}
			b.later(20 * time.Minute)
		}
		if lived < 11*time.Hour || lived > 12*time.Hour {
			t.Errorf("a session in use lived for %v", lived)
		}
		idle, err := b.SignIn(ctx, "karin", []byte(password), b.code(t, secret), visit)
		if err != nil {
			t.Fatal(err)
		}
		for range 29 {
			b.later(time.Minute)
			if _, _, err := b.Session(ctx, idle, false); err != nil {
				t.Fatal(err)
			}
		}
		b.later(time.Minute)
		if _, _, err := b.Session(ctx, idle, false); !errors.Is(err, operator.ErrNoSession) {
			t.Errorf("half an hour unused: %v", err)
		}
		for _, cookie := range []string{"", "nonsense"} {
			if _, _, err := b.Session(ctx, cookie, true); !errors.Is(err, operator.ErrNoSession) {
				t.Errorf("%q: %v", cookie, err)
			}
		}
	})
}

func TestTriesAreLimited(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.SQLite(t))
	secret, _, _ := b.ready(t, "karin")
	b.later(time.Minute)
	b.left = 0
	var limited *operator.LimitError
	if _, err := b.SignIn(t.Context(), "karin", []byte(password), b.code(t, secret), visit); !errors.As(err, &limited) {
		t.Errorf("got %v", err)
	}
	if r := b.last(); r.Reason != "too_many" {
		t.Errorf("recorded %+v", r)
	}
}

// TestSameTimeForEverybody: an unknown name costs a password comparison as a known one does.
func TestSameTimeForEverybody(t *testing.T) {
	b := newBench(t, storetest.SQLite(t))
	b.ready(t, "karin")
	took := func(name string, best time.Duration) time.Duration {
		began := time.Now()
		_, _ = b.SignIn(t.Context(), name, []byte("wrong password"), "123456", visit)
		return min(best, time.Since(began))
	}
	known, unknown := time.Hour, time.Hour
	for range 6 {
		known, unknown = took("karin", known), took("nobody", unknown)
	}
	t.Logf("known %v, unknown %v", known, unknown)
	if unknown < known/2 || known < unknown/2 {
		t.Errorf("a known name takes %v, an unknown one %v", known, unknown)
	}
}

func TestNamesAndRoles(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{
		"karin.holm@contoso.com": true, "åsa": true, "": false, "a b": false, "x\x1b[2J": false, strings.Repeat("a", 101): false, "a\xff": false,
	} {
		if err := operator.CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, r := range operator.Roles() {
		for _, name := range []string{string(r), r.Slug(), strings.ToUpper(string(r))} {
			if got, err := operator.ParseRole(name); err != nil || got != r {
				t.Errorf("%q: %q %v", name, got, err)
			}
		}
		if !r.May(operator.Public) || !r.May(operator.Account) || r.May("fly") {
			t.Errorf("%s: what everybody may, or nobody", r)
		}
	}
	if operator.Role("").May(operator.Account) {
		t.Error("no role may something")
	}
	if _, err := operator.ParseRole("root"); err == nil {
		t.Error("root is a role")
	}
}

func TestFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.SQLite(t))
	name, link, _, err := b.First(t.Context(), "contoso")
	if err != nil || name != "admin" || link == "" {
		t.Fatalf("%q %v", name, err)
	}
	if _, again, _, err := b.First(t.Context(), "contoso"); err != nil || again != "" {
		t.Errorf("a second link, %v", err)
	}
}

// TestRolesChange: at once, recorded with the old and the new one; the last Global Administrator keeps theirs.
func TestRolesChange(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b *bench) {
		ctx := t.Context()
		_, cookie, _ := b.ready(t, "karin")
		karin, err := b.ByName(ctx, "KARIN")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.SetRole(ctx, karin, operator.ReportsReader, "karin"); !errors.Is(err, operator.ErrLast) {
			t.Errorf("the last one: %v", err)
		}
		if err := b.SetRole(ctx, karin, "root", "karin"); err == nil {
			t.Error("an invented role")
		}
		b.ready(t, "sam")
		if err := b.SetRole(ctx, karin, operator.ReportsReader, "sam"); err != nil {
			t.Fatal(err)
		}
		if r := b.last(); r.Detail != "Global Administrator → Reports Reader" || r.Actor != "sam" || r.Target != "karin" {
			t.Errorf("recorded %+v", r)
		}
		o, _, err := b.Session(ctx, cookie, true)
		if err != nil || o.Role != operator.ReportsReader {
			t.Errorf("role is %s, %v", o.Role, err)
		}
		if err := b.EndAll(ctx, o, "sam"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := b.Session(ctx, cookie, true); !errors.Is(err, operator.ErrNoSession) {
			t.Errorf("the session lives: %v", err)
		}
		if _, err := b.ByID(ctx, "fabrikam", o.ID); !errors.Is(err, operator.ErrNotFound) {
			t.Errorf("another tenant finds them: %v", err)
		}
	})
}
