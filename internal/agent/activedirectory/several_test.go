package activedirectory

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// failoverTime is what issue 3 allows from unplugging a controller to the next good reset. Other packages' tests
// share the machine, so a test allows twice that; the benchmark holds the figure.
const failoverTime = 6 * time.Second

func bothCAs(t testing.TB, files ...string) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	for _, f := range files {
		pem, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		pool.AppendCertsFromPEM(pem)
	}
	return pool
}

// viaDNS finds the controllers by SRV records.
func viaDNS(t testing.TB, dc *dctest.DC) Config {
	t.Helper()
	c := configFor(t, dc)
	c.URLs, c.Domain, c.Resolver = nil, dc.Domain(), dc.DNS()
	return c
}

func atURLs(c Config, urls ...string) Config {
	c.URLs = urls
	return c
}

func hostsOf(s State) []string {
	var hosts []string
	for _, c := range s.Controllers {
		hosts = append(hosts, c.Host)
	}
	slices.Sort(hosts)
	return hosts
}

// resetAnywhere is what writeback does: read, write, and once more from the read on when nothing was sent.
func resetAnywhere(ctx context.Context, d *Directory, guid directory.GUID, password string) (Account, error) {
	for again := true; ; again = false {
		a, err := d.Account(ctx, guid)
		if err != nil {
			return a, err
		}
		err = d.Reset(ctx, a, []byte(password))
		var e *Error
		if !again || !errors.As(err, &e) || e.Sent || e.Reason != protocol.ReasonDirectoryDown {
			return a, err
		}
	}
}

// failover unplugs the controller in use, and returns how long it takes to the next good reset and where that was.
func failover(t testing.TB, d *Directory, guid directory.GUID, unplug func()) (time.Duration, Account) {
	t.Helper()
	unplug()
	begin := time.Now()
	for {
		a, err := resetAnywhere(t.Context(), d, guid, lab.RandomPassword())
		if err == nil {
			return time.Since(begin), a
		}
		t.Logf("after %v: %v", time.Since(begin), err)
		if time.Since(begin) > 30*time.Second {
			t.Fatalf("no reset within 30 s: %v", err)
		}
	}
}

func TestControllersFromDNS(t *testing.T) {
	dc := dctest.Start(t)
	for _, site := range []string{"", "Default-First-Site-Name", "Nowhere"} {
		c := viaDNS(t, dc)
		c.Site = site
		s, err := open(t, c).Check(t.Context())
		if err != nil {
			t.Fatalf("site %q: %v", site, err)
		}
		if len(s.Controllers) != 1 || s.DC != dc.Host() || !s.Controllers[0].PDC {
			t.Errorf("site %q: %+v", site, s)
		}
	}
}

func TestDNSErrorsSayWhatWasAskedOfWhom(t *testing.T) {
	dc := dctest.Start(t)
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"no such domain", func(c *Config) { c.Domain = "nowhere.test" }, []string{dc.DNS(), "_ldap._tcp.dc._msdcs.nowhere.test"}},
		{"nobody answers", func(c *Config) { c.Resolver = "127.0.0.1:1" }, []string{"127.0.0.1:1", "_ldap._tcp.dc._msdcs." + dc.Domain(), "dns"}},
		{"unknown host", func(c *Config) { c.URLs = []string{"ldaps://dc77." + dc.Domain()} }, []string{dc.DNS(), "dc77." + dc.Domain()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := viaDNS(t, dc)
			tt.change(&c)
			_, err := open(t, c).Check(t.Context())
			e := wantReason(t, err, protocol.ReasonDirectoryDown)
			for _, want := range tt.want {
				if !strings.Contains(e.Error(), want) {
					t.Errorf("%v: no %q", e, want)
				}
			}
		})
	}
}

func TestLastListIsKeptWhileDNSIsAway(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, viaDNS(t, dc))
	if _, err := d.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.resolver = newResolver("127.0.0.1:1")
	d.fleet.stale = true
	s, err := d.Check(t.Context())
	if err != nil || len(s.Controllers) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	account(t, d, dc.NewPerson(t))
}

func TestOrderOfControllers(t *testing.T) {
	now := time.Now()
	const owner = "CN=NTDS Settings,CN=PDC,CN=Servers,CN=There,CN=Sites"
	make := func(name string, change func(*target)) *target {
		t := &target{address: name, known: true, hints: true, owner: owner, dc: Controller{service: "CN=NTDS Settings,CN=" + name}}
		change(t)
		return t
	}
	f := &fleet{site: "Here", list: []*target{
		make("down", func(t *target) { t.rest = now.Add(time.Second); t.dc.service = strings.ToUpper(owner) }),
		make("no hints", func(t *target) { t.hints = false }),
		make("far", func(t *target) { t.priority = 0; t.latency = 80 * time.Millisecond }),
		make("near", func(t *target) { t.priority = 0; t.latency = 2 * time.Millisecond; t.draw = 1 }),
		make("as near, drawn later", func(t *target) { t.latency = 3 * time.Millisecond; t.draw = 2 }),
		make("second choice", func(t *target) { t.priority = 10 }),
		make("in the site", func(t *target) { t.dc.Site = "here"; t.priority = 90 }),
		make("read-only", func(t *target) { t.dc.ReadOnly = true }),
	}}
	names := func() (out []string) {
		for _, t := range f.order(now) {
			out = append(out, t.address)
		}
		return out
	}
	want := []string{"in the site", "near", "as near, drawn later", "far", "second choice", "no hints", "down"}
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	f.list[0].rest = time.Time{} // the PDC emulator is back
	if got := names(); got[0] != "down" {
		t.Errorf("the PDC emulator isn't first: %q", got)
	}
	// Whom most controllers name is the PDC emulator: a seized role has two claimants for a while.
	f.list[0].owner = "CN=NTDS Settings,CN=down"
	f.list[1].owner = ""
	if got := f.pdc(); got != strings.ToLower(owner) {
		t.Errorf("PDC emulator %s", got)
	}
}

func TestRestGrows(t *testing.T) {
	now := time.Now()
	f := &fleet{list: []*target{{address: "a"}}}
	for _, want := range []int{1, 2, 4, 8, 16, 30, 30} {
		f.fail("a", errors.New("x"), now)
		if got := f.list[0].rest.Sub(now); got.Seconds() != float64(want) {
			t.Errorf("rest %v, want %d s", got, want)
		}
	}
	now = now.Add(forgetAfter + time.Second)
	f.fail("a", errors.New("x"), now)
	if got := f.list[0].rest.Sub(now); got != firstRest {
		t.Errorf("after a quiet minute %v", got)
	}
	f.missing("a", errors.New("y"), now)
	f.learn(&conn{dc: Controller{address: "a"}})
	if f.list[0].resting(now) {
		t.Error("a look that works doesn't end the rest after one that failed")
	}
}

// A password that is wrong counts once, however many controllers there are, and however they are connected to.
func TestWrongServicePasswordCountsOnce(t *testing.T) {
	dc := dctest.Start(t)
	p := dc.NewPerson(t)
	var urls []string
	for range 6 { // the lab locks at 5
		urls = append(urls, forward(t, dc).url())
	}
	c := atURLs(configFor(t, dc), urls...)
	c.User, c.Password = p.UPN, fixed("not it")
	d := open(t, c)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			_, err := d.Check(t.Context())
			_, err2 := d.Account(t.Context(), guidOf(t, p))
			for _, err := range []error{err, err2} {
				if ReasonOf(err) != protocol.ReasonServiceAccount {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	all.Wait()
	if got := dc.Attr(t, p.DN, "badPwdCount"); len(got) != 1 || got[0] != "1" {
		t.Errorf("badPwdCount %v, want 1", got)
	}
}

// A controller without the control is not written while there is one with it.
func TestControllerWithoutHintsIsPassedOver(t *testing.T) {
	dc := dctest.Start(t)
	proxy := dctest.ProxyWithoutControl(t, dc)
	c := atURLs(configFor(t, dc), proxy.LDAPSURL, forward(t, dc).url())
	c.RootCAs = bothCAs(t, proxy.CAFile, dc.CAFile())
	d := open(t, c)
	p := dc.NewPerson(t)
	if err := d.Reset(t.Context(), account(t, d, p), []byte(lab.RandomPassword())); err != nil {
		t.Fatal(err)
	}
	s, err := d.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Controllers[0].Hints || !s.Controllers[1].Hints || !s.Controllers[0].OK || !s.Controllers[1].OK {
		t.Errorf("%+v", s.Controllers)
	}
}

func TestFailoverBetweenAddresses(t *testing.T) {
	dc := dctest.Start(t)
	one, two := forward(t, dc), forward(t, dc)
	d := open(t, atURLs(configFor(t, dc), one.url(), two.url()))
	p := dc.NewPerson(t)
	use := func() string { return account(t, d, p).DC.address }
	back := func() {
		dctest.Eventually(t, 40*time.Second, func() error {
			if _, err := d.Check(t.Context()); err != nil {
				return err
			}
			if got := use(); got != one.listener.Addr().String() {
				return fmt.Errorf("still at %s", got)
			}
			return nil
		})
	}
	back()
	for _, tt := range []struct {
		name           string
		unplug, replug func()
	}{
		{"connections cut", one.cut, func() {}},
		{"black hole", func() { one.swallow(true) }, func() { one.swallow(false); one.cut() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			took, a := failover(t, d, guidOf(t, dc.NewPerson(t)), tt.unplug)
			t.Logf("%s: %v, at %s", tt.name, took, a.DC.address)
			if took > failoverTime {
				t.Errorf("took %v", took)
			}
			tt.replug()
			back()
		})
	}
}

// A write connection that a firewall has forgotten is found out before anything is sent on it.
func TestQuietWriteConnectionIsTestedFirst(t *testing.T) {
	dc := dctest.Start(t)
	one := forward(t, dc)
	now := time.Now()
	c := atURLs(configFor(t, dc), one.url())
	var mu sync.Mutex
	c.Clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	d := open(t, c)
	p := dc.NewPerson(t)
	a := account(t, d, p)
	if err := d.Unlock(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	now = now.Add(quiet)
	mu.Unlock()
	d.config.DialTimeout = time.Second // nobody will answer
	one.swallow(true)
	e := wantReason(t, d.Reset(t.Context(), a, []byte(lab.RandomPassword())), protocol.ReasonDirectoryDown)
	if e.Sent {
		t.Error("sent into a connection that leads nowhere")
	}
}

// The same logon name in another domain is somebody else's.
func TestFindByLogonName(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	for _, name := range []string{p.SAM, `CONTOSO\` + p.SAM, `contoso\` + p.SAM, p.UPN, p.DN} {
		if found, err := d.Find(t.Context(), name); err != nil || found != guidOf(t, p) {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	_, err := d.Find(t.Context(), `FABRIKAM\`+p.SAM)
	wantReason(t, err, protocol.ReasonNotFound)
}

// A connection remembers the clock as it saw it; another one may know better by now.
func TestLatestClockCounts(t *testing.T) {
	f := &fleet{list: []*target{{address: "a"}}}
	old := &conn{dc: Controller{address: "a", Invocation: directory.GUID{1}, Offset: time.Second}}
	f.learn(old)
	f.learn(&conn{dc: Controller{address: "a", Invocation: directory.GUID{1}, Offset: -5 * time.Minute}})
	if got := f.now(old).Offset; got != -5*time.Minute {
		t.Errorf("offset %v", got)
	}
	other := &conn{dc: Controller{address: "a", Invocation: directory.GUID{2}, Offset: time.Second}}
	if got := f.now(other).Offset; got != time.Second {
		t.Errorf("another database's offset %v", got)
	}
}

func TestReservedCharacters(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for _, name := range []string{
		"Sales, North", `a+b "c" \ <d>; e=f / #g`, " leading", "trailing ", "#hash first", "line\r\nbreak", "Ünïcode 漢字 😀", "semi;colon,=",
	} {
		t.Run(name, func(t *testing.T) {
			// Samba wants = escaped as well, which RFC 4514 leaves open.
			ou := "OU=" + strings.ReplaceAll(ldap.EscapeDN(name+" "+rand.Text()[:6]+name), "=", `\=`) + "," + dc.OUs()[0]
			req := ldap.NewAddRequest(ou, nil)
			req.Attribute("objectClass", []string{"organizationalUnit"})
			if err := dc.Admin(t).Add(req); err != nil {
				t.Fatalf("add %s: %v", ou, err)
			}
			t.Cleanup(func() {
				if err := dc.Admin(t).Del(ldap.NewDelRequest(ou, nil)); err != nil {
					t.Error(err)
				}
			})
			p := dc.NewPerson(t, dctest.In(ou), dctest.Named(strings.ReplaceAll(name, "=", "~")))
			a := account(t, d, p)
			if a.SAM != p.SAM {
				t.Errorf("read %+v", a)
			}
			if _, err := directory.ParseDN(a.DN); err != nil {
				t.Errorf("DN %q: %v", a.DN, err)
			}
			next := lab.RandomPassword()
			if err := d.Reset(t.Context(), a, []byte(next)); err != nil {
				t.Fatal(err)
			}
			wantBind(t, dc, p, next, "")
			found, err := d.Find(t.Context(), a.DN)
			if err != nil || found != a.GUID {
				t.Errorf("find %q: %v, %v", a.DN, found, err)
			}
			var people []protocol.Person
			err = d.People(t.Context(), []string{ou}, func(page []protocol.Person) error { people = append(people, page...); return nil })
			if err != nil || len(people) != 1 || people[0].SAM != p.SAM || people[0].DN != a.DN {
				t.Errorf("people below %q: %+v, %v", ou, people, err)
			}
		})
	}
}
