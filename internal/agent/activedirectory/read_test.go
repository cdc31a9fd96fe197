package activedirectory

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func TestOpenRefuses(t *testing.T) {
	good := Config{URLs: []string{"ldaps://dc1.corp.example"}, User: "svc@corp.example", Password: fixed("x")}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no URL", func(c *Config) { c.URLs = nil }, "no URL"},
		{"plain LDAP", func(c *Config) { c.URLs = []string{"ldap://dc1.corp.example"} }, "use ldaps://dc1.corp.example"},
		{"another scheme", func(c *Config) { c.URLs = []string{"https://dc1.corp.example"} }, "must be ldaps"},
		{"no scheme", func(c *Config) { c.URLs = []string{"dc1.corp.example"} }, "want ldaps://"},
		{"a path", func(c *Config) { c.URLs = []string{"ldaps://dc1/dc=corp"} }, "nothing may follow"},
		{"no user", func(c *Config) { c.User = "" }, "no service account"},
		{"bare logon name", func(c *Config) { c.User = "svc-homeward" }, "bare logon name"},
		{"no password", func(c *Config) { c.Password = nil }, "no password"},
		{"many connections", func(c *Config) { c.Conns = 9 }, "serialises"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			if _, err := Open(c); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something with %q", err, tt.want)
			}
		})
	}
	for _, user := range []string{`CONTOSO\svc`, "CN=svc,DC=corp,DC=example"} {
		c := good
		c.User = user
		if _, err := Open(c); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
}

func TestCheck(t *testing.T) {
	dc := dctest.Start(t)
	config := configFor(t, dc)
	for _, user := range []string{dc.ServiceAccount().UPN, `CONTOSO\` + dc.ServiceAccount().SAM, dc.ServiceAccount().DN} {
		config.User = user
		s, err := open(t, config).Check(t.Context())
		if err != nil {
			t.Fatalf("as %s: %v", user, err)
		}
		if s.Offset.Abs() > 2*time.Second {
			t.Errorf("clock offset %v on the same machine", s.Offset)
		}
		if len(s.Controllers) != 1 || s.Controllers[0].Latency <= 0 {
			t.Fatalf("controllers %+v", s.Controllers)
		}
		s.Offset, s.Controllers[0].Latency = 0, 0
		want := State{
			DC: dc.Host(), Domain: dc.Domain(), NetBIOS: dc.NetBIOSName(), BaseDN: dc.BaseDN(), PDC: dc.Host(),
			Controllers: []ControllerState{{Host: dc.Host(), Site: "Default-First-Site-Name", PDC: true, Hints: true, OK: true}},
		}
		if diff := cmp.Diff(want, s); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	dc := dctest.Start(t)
	proxy := dctest.ProxyWithoutControl(t, dc)
	for _, tt := range []struct {
		name   string
		change func(*testing.T, *Config)
		reason protocol.Reason
		text   string
	}{
		{"wrong password", func(_ *testing.T, c *Config) { c.Password = fixed("not it") }, protocol.ReasonServiceAccount, "user name or password is wrong"},
		{"empty password", func(_ *testing.T, c *Config) { c.Password = fixed("") }, protocol.ReasonServiceAccount, "empty"},
		{"nobody listens", func(_ *testing.T, c *Config) { c.URLs = []string{"ldaps://127.0.0.1:1"} }, protocol.ReasonDirectoryDown, "refused"},
		{"unknown authority", func(_ *testing.T, c *Config) { c.RootCAs = nil }, protocol.ReasonNotEncrypted, "hold that authority"},
		{"wrong name", func(_ *testing.T, c *Config) { c.ServerName = "dc9.corp.contoso.test" }, protocol.ReasonNotEncrypted, "for the name dc9"},
		{"no such base", func(_ *testing.T, c *Config) { c.BaseDN = "DC=corp,DC=example" }, protocol.ReasonDirectoryError, "DC=corp,DC=example does not exist"},
		{
			"no policy hints", func(t *testing.T, c *Config) { c.URLs, c.RootCAs = []string{proxy.LDAPSURL}, roots(t, proxy.CAFile) },
			protocol.ReasonNoPolicyHints, "bypass password history",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := configFor(t, dc)
			tt.change(t, &c)
			_, err := open(t, c).Check(t.Context())
			if e := wantReason(t, err, tt.reason); !strings.Contains(e.Error(), tt.text) {
				t.Errorf("%v: want something with %q", e, tt.text)
			}
		})
	}
}

func TestResetWithoutPolicyHintsSendsNothing(t *testing.T) {
	dc := dctest.Start(t)
	proxy := dctest.ProxyWithoutControl(t, dc)
	c := configFor(t, dc)
	c.URLs, c.RootCAs = []string{proxy.LDAPSURL}, roots(t, proxy.CAFile)
	d := open(t, c)
	p := dc.NewPerson(t)
	before := account(t, d, p)
	wantReason(t, d.Reset(t.Context(), before, []byte(lab.RandomPassword())), protocol.ReasonNoPolicyHints)
	wantUntouched(t, d, p, before)
}

// A wrong password in a file must not lock the service account.
func TestWrongServicePasswordIsNotTriedAgain(t *testing.T) {
	dc := dctest.Start(t)
	p := dc.NewPerson(t)
	var password atomic.Value
	password.Store("wrong")
	c := configFor(t, dc)
	c.User = p.UPN
	c.Password = func(context.Context) ([]byte, error) { return []byte(password.Load().(string)), nil }
	d := open(t, c)
	for range 12 { // the lab locks at 5
		_, err := d.Check(t.Context())
		wantReason(t, err, protocol.ReasonServiceAccount)
	}
	if got := dc.Attr(t, p.DN, "badPwdCount"); len(got) != 1 || got[0] != "1" {
		t.Errorf("badPwdCount %v, want 1", got)
	}
	password.Store(p.Password) // a changed file counts at once
	if _, err := d.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAccount(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	set := time.Now().AddDate(0, 0, -40)
	p := dc.NewPerson(t, dctest.In(dc.OUs()[2]), dctest.PasswordSet(set))
	a := account(t, d, p)
	got := []string{a.DN, a.SAM, a.UPN, a.DisplayName, a.Mail, a.GUID.String(), a.DC.Host, a.PSO}
	if diff := cmp.Diff([]string{p.DN, p.SAM, p.UPN, p.DisplayName, p.Mail, p.GUID, dc.Host(), ""}, got); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	switch {
	case a.PasswordSet.Sub(set).Abs() > 2*time.Second, a.MustChange, !a.AccountExpires.IsZero():
		t.Errorf("times: %+v", a)
	case a.PasswordExpires.Sub(set.AddDate(0, 0, 90)).Abs() > 2*time.Hour: // a change of the clocks lies between, perhaps
		t.Errorf("expires %v", a.PasswordExpires)
	case !a.Control.Has(directory.NormalAccount), a.Locked(), a.Protected, a.Critical, a.Own, a.Refusal(protocol.Reset) != nil, a.Refusal(protocol.Change) != nil:
		t.Errorf("flags: %+v", a)
	case a.Password.Number == 0 || a.Password.Origin != a.DC.Invocation:
		t.Errorf("the service account cannot read the metadata: %+v", a.Password)
	}
	t.Run("locked", func(t *testing.T) {
		dc.Lock(t, p)
		if !account(t, d, p).Locked() {
			t.Error("not seen")
		}
	})
	t.Run("must change", func(t *testing.T) {
		dc.MustChange(t, p)
		if a := account(t, d, p); !a.MustChange || !a.PasswordSet.IsZero() {
			t.Errorf("not seen: %+v", a)
		}
	})
	t.Run("not there", func(t *testing.T) {
		_, err := d.Account(t.Context(), directory.GUID{1, 2, 3})
		wantReason(t, err, protocol.ReasonNotFound)
	})
	t.Run("not a user", func(t *testing.T) {
		guid, err := directory.GUIDFromBytes([]byte(dc.Attr(t, dc.OUs()[0], "objectGUID")[0]))
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Account(t.Context(), guid)
		wantReason(t, err, protocol.ReasonNotFound)
	})
}

func TestPolicy(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	got, err := d.Policy(t.Context(), account(t, d, p))
	if err != nil {
		t.Fatal(err)
	}
	want := directory.PasswordPolicy{
		Source: "domain", MinLength: 12, Complexity: true, History: 24, MinAge: 2 * time.Minute,
		MaxAge: 90 * 24 * time.Hour, LockoutThreshold: 5, LockoutWindow: 10 * time.Minute,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("domain (-want +got):\n%s", diff)
	}
	dn := dc.ApplyPSO(t, p, dctest.Policy{MinLength: 30, History: 3, MinAge: time.Hour, LockoutThreshold: 7})
	a := account(t, d, p)
	if got, err = d.Policy(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(dn, "CN="), ",")
	want = directory.PasswordPolicy{Source: name, MinLength: 30, History: 3, MinAge: time.Hour, LockoutThreshold: 7, LockoutWindow: 30 * time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fine-grained (-want +got):\n%s", diff)
	}
	if a.PSO != dn {
		t.Errorf("PSO %q, want %q", a.PSO, dn)
	}
}

func TestPolicyIsRememberedForAMinute(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	now := time.Now()
	c := configFor(t, dc)
	c.Clock = func() time.Time { return now }
	d := open(t, c)
	p := dc.NewPerson(t)
	length := func() int {
		policy, err := d.Policy(t.Context(), account(t, d, p))
		if err != nil {
			t.Fatal(err)
		}
		return policy.MinLength
	}
	first := length()
	dc.SetPolicy(t, dctest.Policy{MinLength: first + 2})
	if got := length(); got != first {
		t.Errorf("read again at once: %d", got)
	}
	now = now.Add(policyAge)
	if got := length(); got != first+2 {
		t.Errorf("after a minute still %d", got)
	}
}

func TestPeople(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	// One OU has a comma and an ampersand in its name; the domain itself overlaps them all.
	got := map[string]protocol.Person{}
	read := func(bases ...string) error {
		return d.People(t.Context(), bases, func(page []protocol.Person) error {
			for _, p := range page {
				if _, twice := got[p.Anchor]; twice {
					t.Errorf("%s twice", p.SAM)
				}
				got[p.Anchor] = p
			}
			return nil
		})
	}
	if err := read(append(dc.OUs(), dc.BaseDN())...); err != nil {
		t.Fatal(err)
	}
	for _, want := range dc.People() {
		p, ok := got[guidOf(t, want).Hex()]
		if !ok {
			t.Errorf("%s is missing", want.SAM)
			continue
		}
		if want.Kind == lab.KindInheritanceCut {
			continue // most attributes are not readable there
		}
		expect := protocol.Person{
			Anchor: p.Anchor, UPN: want.UPN, SAM: want.SAM, Mail: want.Mail, DisplayName: want.DisplayName, DN: want.DN,
			Disabled: want.Kind == lab.KindDisabled, Protected: want.Kind == lab.KindProtected,
		}
		if diff := cmp.Diff(expect, p); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.SAM, diff)
		}
	}
	for _, p := range got {
		if strings.HasSuffix(p.SAM, "$") || p.SAM == "krbtgt" || p.SAM == "Guest" {
			t.Errorf("%s is not a person", p.SAM)
		}
	}
	t.Run("an OU that is not there", func(t *testing.T) {
		err := read(dc.OUs()[0], "OU=Nowhere,"+dc.BaseDN())
		if e := wantReason(t, err, protocol.ReasonNotFound); !strings.Contains(e.Error(), "OU=Nowhere,") {
			t.Errorf("%v does not name it", e)
		}
	})
	t.Run("a page that is refused", func(t *testing.T) {
		stop := errors.New("enough")
		if err := d.People(t.Context(), dc.OUs(), func([]protocol.Person) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
}

func TestNextURL(t *testing.T) {
	dc := dctest.Start(t)
	c := configFor(t, dc)
	c.URLs = append([]string{"ldaps://127.0.0.1:1"}, c.URLs...)
	d := open(t, c)
	p := dc.NewPerson(t)
	if err := d.Reset(t.Context(), account(t, d, p), []byte(lab.RandomPassword())); err != nil {
		t.Fatal(err)
	}
}

func TestOldConnectionsBindAgain(t *testing.T) {
	dc := dctest.Start(t)
	now := time.Now()
	binds := 0
	c := configFor(t, dc)
	c.Clock = func() time.Time { return now }
	password := c.Password
	c.Password = func(ctx context.Context) ([]byte, error) { binds++; return password(ctx) }
	d := open(t, c)
	p := dc.NewPerson(t)
	for _, step := range []struct {
		later time.Duration
		binds int
	}{{0, 1}, {maxAge, 1}, {time.Second, 2}} {
		now = now.Add(step.later)
		account(t, d, p)
		if binds != step.binds {
			t.Errorf("%v later: %d binds, want %d", step.later, binds, step.binds)
		}
	}
}

func TestRestartIsSurvived(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	a := account(t, d, p)
	if err := d.Unlock(t.Context(), a); err != nil { // so that both pools hold a connection
		t.Fatal(err)
	}
	if err := dc.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := lab.RandomPassword()
	if err := d.Reset(t.Context(), account(t, d, p), []byte(next)); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, next, "")
}

func TestFrozenController(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	c := configFor(t, dc)
	c.WriteTimeout, c.ReadTimeout, c.DialTimeout = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	d := open(t, c)
	p := dc.NewPerson(t)
	a := account(t, d, p)
	if err := d.Unlock(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := dc.Pause(); err != nil {
		t.Fatal(err)
	}
	e := wantReason(t, d.Reset(t.Context(), a, []byte(lab.RandomPassword())), protocol.ReasonTimeout)
	if !e.Sent {
		t.Error("a write without an answer does not count as sent")
	}
	_, err := d.Account(t.Context(), a.GUID)
	wantReason(t, err, protocol.ReasonDirectoryDown)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Check(ctx); err == nil {
		t.Error("check of a frozen controller worked")
	}
	if err := dc.Resume(); err != nil {
		t.Fatal(err)
	}
	dctest.Eventually(t, soon, func() error { _, err := d.Check(t.Context()); return err })
}
