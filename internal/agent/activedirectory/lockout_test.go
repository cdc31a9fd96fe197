package activedirectory

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func TestTriesLeft(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	policy := directory.PasswordPolicy{LockoutThreshold: 3, LockoutWindow: 30 * time.Minute}
	for _, tt := range []struct {
		name    string
		a       Account
		p       directory.PasswordPolicy
		n       int
		limited bool
	}{
		{"nothing locks", Account{BadPasswords: 99}, directory.PasswordPolicy{}, 0, false},
		{"none yet", Account{}, policy, 2, true},
		{"one", Account{BadPasswords: 1, BadPasswordAt: now.Add(-time.Minute)}, policy, 1, true},
		{"two", Account{BadPasswords: 2, BadPasswordAt: now.Add(-time.Minute)}, policy, 0, true},
		{"more than the threshold", Account{BadPasswords: 7, BadPasswordAt: now}, policy, 0, true},
		{"window over", Account{BadPasswords: 2, BadPasswordAt: now.Add(-31 * time.Minute)}, policy, 2, true},
		{"window just over, within the clock's error", Account{BadPasswords: 2, BadPasswordAt: now.Add(-30*time.Minute - time.Second)}, policy, 0, true},
		{"no window: they count for good", Account{BadPasswords: 2, BadPasswordAt: now.AddDate(-1, 0, 0)}, directory.PasswordPolicy{LockoutThreshold: 3}, 0, true},
		{"threshold of one", Account{}, directory.PasswordPolicy{LockoutThreshold: 1}, 0, true},
		{
			"the controller's clock is ahead",
			Account{BadPasswords: 2, BadPasswordAt: now, DC: Controller{Offset: 40 * time.Minute}},
			policy, 2, true,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.a.At = now
			if n, limited := tt.a.TriesLeft(tt.p); n != tt.n || limited != tt.limited {
				t.Errorf("%d %v, want %d %v", n, limited, tt.n, tt.limited)
			}
		})
	}
}

// One controller's count is enough to stop.
func TestTheHighestCountDecides(t *testing.T) {
	policy := directory.PasswordPolicy{LockoutThreshold: 3}
	here := Account{Control: directory.NormalAccount, BadPasswords: 1}
	pdc := Account{Control: directory.NormalAccount, BadPasswords: 2}
	wantReason(t, tryable([]Account{here}, policy), protocol.ReasonNone)
	wantReason(t, tryable([]Account{here, pdc}, policy), protocol.ReasonLastTry)
	pdc.BadPasswords, pdc.Computed = 0, directory.Locked
	wantReason(t, tryable([]Account{here, pdc}, policy), protocol.ReasonLocked)
}

func TestChangesNeverLockAnAccount(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for _, tt := range []struct {
		name      string
		threshold int
		make      func(*testing.T, lab.Person)
	}{
		{name: "three", threshold: 3},
		{name: "three, must change", threshold: 3, make: func(t *testing.T, p lab.Person) { dc.MustChange(t, p) }},
		{name: "one", threshold: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			dc.ApplyPSO(t, p, dctest.Policy{MinLength: 12, Complexity: true, History: 24, LockoutThreshold: tt.threshold})
			if tt.make != nil {
				tt.make(t, p)
			}
			before := account(t, d, p)
			counts := storm(t, d, before, 12)
			want := map[protocol.Reason]int{protocol.ReasonLastTry: 12 - (tt.threshold - 1)}
			if tt.threshold > 1 {
				want[protocol.ReasonWrongPassword] = tt.threshold - 1
			}
			for reason, n := range counts {
				if want[reason] != n {
					t.Errorf("%d answers %q, want %d", n, reason, want[reason])
				}
			}
			if n := badPasswords(t, dc, p); n != tt.threshold-1 {
				t.Errorf("%d wrong passwords counted, want %d", n, tt.threshold-1)
			}
			if account(t, d, p).Locked() {
				t.Fatal("the account is locked")
			}
			// Not even the right one is tried now; a reset still helps.
			wantReason(t, change(t, d, p, p.Password, lab.RandomPassword()), protocol.ReasonLastTry)
			next := lab.RandomPassword()
			if err := d.Reset(t.Context(), account(t, d, p), []byte(next)); err != nil {
				t.Fatal(err)
			}
			wantBind(t, dc, p, next, "")
		})
	}
}

// storm sends wrong changes side by side, each with the account as it was before the first.
func storm(t *testing.T, d *Directory, a Account, n int) map[protocol.Reason]int {
	t.Helper()
	var (
		mu     sync.Mutex
		counts = map[protocol.Reason]int{}
		all    sync.WaitGroup
	)
	for range n {
		all.Go(func() {
			err := d.Change(t.Context(), a, []byte("wrong-"+lab.RandomPassword()), []byte(lab.RandomPassword()))
			mu.Lock()
			defer mu.Unlock()
			counts[ReasonOf(err)]++
		})
	}
	all.Wait()
	return counts
}

// A sign-in with the right password clears the count, so that the portal tries again.
func TestLastTryEndsWithASignIn(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	dc.ApplyPSO(t, p, dctest.Policy{MinLength: 12, LockoutThreshold: 2})
	wantReason(t, change(t, d, p, "wrong", lab.RandomPassword()), protocol.ReasonWrongPassword)
	wantReason(t, change(t, d, p, p.Password, lab.RandomPassword()), protocol.ReasonLastTry)
	wantBind(t, dc, p, p.Password, "")
	next := lab.RandomPassword()
	if err := change(t, d, p, p.Password, next); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, next, "")
}

// A lockout switched on within the minute for which policies are remembered counts at once.
func TestNewLockoutThresholdCountsAtOnce(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	pso := dc.ApplyPSO(t, p, dctest.Policy{MinLength: 12})
	a := account(t, d, p)
	if _, err := d.Policy(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	dc.Set(t, pso, "msDS-LockoutThreshold", "1")
	wantReason(t, d.Change(t.Context(), a, []byte("wrong"), []byte(lab.RandomPassword())), protocol.ReasonLastTry)
}

func TestOneAtATime(t *testing.T) {
	var o oneAtATime
	a, b := directory.GUID{1}, directory.GUID{2}
	leave, err := o.enter(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	other, err := o.enter(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	other()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("gone away"))
	if _, err := o.enter(ctx, a); err == nil || !strings.Contains(err.Error(), "gone away") {
		t.Errorf("a second one came in, or %v", err)
	}
	leave()
	if leave, err = o.enter(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	leave()
	if len(o.busy) != 0 {
		t.Errorf("%d left behind", len(o.busy))
	}
}

// Wrong passwords are counted by each controller for itself: the PDC emulator's count stops a change on another.
func TestCountOfThePDCEmulatorStopsAChangeElsewhere(t *testing.T) {
	one, two := dctest.Pair(t, lab.Options{})
	p, tried := one.NewPerson(t), one.NewPerson(t)
	if err := two.Replicate(t.Context(), one.DC); err != nil {
		t.Fatal(err)
	}
	relay := forward(t, one)
	there := atURLs(configFor(t, one), two.LDAPSURL())
	d := open(t, atURLs(configFor(t, one), relay.url(), two.LDAPSURL()))
	account(t, d, p) // both controllers are known from here on
	a := account(t, open(t, there), p)
	if a.DC.Host == account(t, d, p).DC.Host {
		t.Fatalf("both read from %s", a.DC.Host)
	}
	policy, err := d.Policy(t.Context(), a)
	if err != nil || policy.LockoutThreshold < 2 {
		t.Fatalf("%+v, %v", policy, err)
	}
	for range policy.LockoutThreshold - 1 {
		wantBind(t, one, p, "wrong", "52e")
	}
	wantReason(t, d.Change(t.Context(), a, []byte("wrong"), []byte(lab.RandomPassword())), protocol.ReasonLastTry)
	if n := two.Attr(t, p.DN, "badPwdCount"); len(n) != 0 {
		t.Errorf("%s wrong passwords counted on %s", n, a.DC.Host)
	}
	if account(t, d, p).Locked() {
		t.Error("the account is locked")
	}
	// Once the person has signed in properly, the change goes to the controller it was read from.
	wantBind(t, one, p, p.Password, "")
	next := lab.RandomPassword()
	if err := d.Change(t.Context(), a, []byte(p.Password), []byte(next)); err != nil {
		t.Fatal(err)
	}
	wantBind(t, two, p, next, "")

	// What was tried on the PDC emulator still counts when this agent has lost it: the other controller hasn't, and
	// would hand it the try that locks.
	for range policy.LockoutThreshold - 1 {
		wantReason(t, change(t, d, tried, "wrong", lab.RandomPassword()), protocol.ReasonWrongPassword)
	}
	if n := badPasswords(t, one, tried); n != policy.LockoutThreshold-1 {
		t.Fatalf("%d wrong passwords counted on the PDC emulator", n)
	}
	relay.swallow(true)
	relay.cut()
	var onTwo Account
	dctest.Eventually(t, soon, func() error {
		var err error
		if onTwo, err = d.Account(t.Context(), guidOf(t, tried)); err == nil && onTwo.DC.Host != two.Host() {
			err = errors.New("still read from " + onTwo.DC.Host)
		}
		return err
	})
	wantReason(t, d.Change(t.Context(), onTwo, []byte("wrong"), []byte(lab.RandomPassword())), protocol.ReasonLastTry)
	if n := badPasswords(t, one, tried); n != policy.LockoutThreshold-1 {
		t.Errorf("%d wrong passwords counted on the PDC emulator in the end", n)
	}
}

func TestTriesAreForgotten(t *testing.T) {
	var seen tries
	now := time.Now()
	a, b := directory.GUID{1}, directory.GUID{2}
	seen.add(a, time.Minute, now)
	seen.add(a, time.Minute, now.Add(30*time.Second))
	if n := seen.count(a, now.Add(time.Minute)); n != 2 || seen.count(b, now) != 0 {
		t.Errorf("%d tries, and %d of somebody else", n, seen.count(b, now))
	}
	if n := seen.count(a, now.Add(95*time.Second)); n != 0 {
		t.Errorf("%d tries after the window", n)
	}
	seen.add(b, 0, now.Add(time.Hour)) // without a window they count for good
	if len(seen.wrong) != 1 || seen.count(b, now.Add(24*time.Hour)) != 1 {
		t.Errorf("%+v", seen.wrong)
	}
}

// What cannot be counted cannot be guarded.
func TestUnreadableCountStopsAChange(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	dc.Grant(t, p.DN, "(OD;;RP;bf96792e-0de6-11d0-a285-00aa003049e2;;$S)") // badPwdCount, [MS-ADA1]
	a := account(t, d, p)
	err := d.Change(t.Context(), a, []byte("wrong"), []byte(lab.RandomPassword()))
	if e := wantReason(t, err, protocol.ReasonRights); !strings.Contains(e.Error(), "Read badPwdCount") {
		t.Errorf("%v: want the right named", e)
	}
	if n := badPasswords(t, dc, p); n != 0 {
		t.Errorf("%d wrong passwords counted", n)
	}
	// Where nothing locks, nothing need be counted.
	dc.ApplyPSO(t, p, dctest.Policy{MinLength: 12})
	if err := change(t, d, p, p.Password, lab.RandomPassword()); err != nil {
		t.Error(err)
	}
}
