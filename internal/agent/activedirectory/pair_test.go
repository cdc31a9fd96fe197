package activedirectory

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

const replicated = 30 * time.Second

// knows waits until a controller holds somebody who was made on another one, the backdated password too.
func knows(t testing.TB, from, to *dctest.DC, p lab.Person) {
	t.Helper()
	dctest.Eventually(t, replicated, func() error { return to.Bind(p.UPN, p.Password) })
	want := from.Attr(t, p.DN, "pwdLastSet")
	dctest.Eventually(t, replicated, func() error {
		if got := to.Attr(t, p.DN, "pwdLastSet"); !slices.Equal(got, want) {
			return fmt.Errorf("pwdLastSet %v, not %v", got, want)
		}
		return nil
	})
}

// checkUntil calls Check as an agent does, until the directory is as wanted.
func checkUntil(t testing.TB, d *Directory, within time.Duration, want func(State) bool) State {
	t.Helper()
	var s State
	dctest.Eventually(t, within, func() error {
		var err error
		if s, err = d.Check(t.Context()); err != nil {
			return err
		}
		if !want(s) {
			return fmt.Errorf("state %+v", s)
		}
		return nil
	})
	return s
}

// usesPDC: the controller in use is the PDC emulator, and it is this one.
func usesPDC(dc *dctest.DC) func(State) bool {
	return func(s State) bool { return s.DC == dc.Host() && s.PDC == dc.Host() }
}

// One pair of controllers for everything that leaves both of them alive.
func TestTwoControllers(t *testing.T) {
	one, two := dctest.Pair(t, lab.Options{})
	d := open(t, viaDNS(t, one))

	t.Run("found in DNS", func(t *testing.T) {
		s := checkUntil(t, d, replicated, func(s State) bool { return usesPDC(one)(s) && len(s.Controllers) == 2 })
		for _, c := range s.Controllers {
			if !c.OK || !c.Hints || c.ReadOnly || c.Latency <= 0 || c.Site != "Default-First-Site-Name" || c.PDC != (c.Host == one.Host()) {
				t.Errorf("%+v", c)
			}
		}
		if diff := cmp.Diff([]string{one.Host(), two.Host()}, hostsOf(s)); diff != "" {
			t.Errorf("hosts (-want +got):\n%s", diff)
		}
	})
	t.Run("the first call already goes to the PDC emulator", func(t *testing.T) {
		p := one.NewPerson(t)
		knows(t, one, two, p)
		fresh := open(t, atURLs(configFor(t, one), two.LDAPSURL(), one.LDAPSURL()))
		if a := account(t, fresh, p); a.DC.Host != one.Host() || !a.DC.PDC || a.DC.Site != "Default-First-Site-Name" {
			t.Errorf("read from %+v", a.DC)
		}
	})
	t.Run("a list is kept to", func(t *testing.T) {
		only := open(t, atURLs(configFor(t, one), two.LDAPSURL()))
		s, err := only.Check(t.Context())
		if err != nil || s.DC != two.Host() || s.PDC != one.Host() || len(s.Controllers) != 1 {
			t.Errorf("%+v, %v", s, err)
		}
	})
	t.Run("witnesses", func(t *testing.T) { witnesses(t, d, one, two) })
	t.Run("replication lag", func(t *testing.T) { lag(t, d, one, two) })
	t.Run("the role moves", func(t *testing.T) {
		if err := two.TransferPDC(t.Context()); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		checkUntil(t, d, replicated, usesPDC(two))
		t.Logf("noticed after %v", time.Since(begin))
		p := two.NewPerson(t)
		if a := account(t, d, p); a.DC.Host != two.Host() || !a.DC.PDC {
			t.Errorf("read from %+v", a.DC)
		}
	})
}

func witnesses(t *testing.T, d *Directory, one, two *dctest.DC) {
	t.Helper()
	p := one.NewPerson(t)
	knows(t, one, two, p)
	onTwo := account(t, open(t, atURLs(configFor(t, one), two.LDAPSURL())), p)
	hosts := func(invocation string) (out []string) {
		seen, err := d.Witnesses(t.Context(), onTwo.GUID, invocation)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range seen {
			out = append(out, a.DC.Host)
			if a.SAM != p.SAM || a.DC.PDC != (a.DC.Host == one.Host()) || a.DC.Invocation.Hex() == "" {
				t.Errorf("%+v", a)
			}
		}
		slices.Sort(out)
		return out
	}
	if got := hosts(onTwo.DC.Invocation.Hex()); !slices.Equal(got, []string{one.Host(), two.Host()}) {
		t.Errorf("written on the second: %v", got)
	}
	if got := hosts(account(t, d, p).DC.Invocation.Hex()); !slices.Equal(got, []string{one.Host()}) {
		t.Errorf("written on the PDC emulator: %v", got)
	}
	if got := hosts(strings.Repeat("ab", 16)); !slices.Equal(got, []string{one.Host()}) {
		t.Errorf("written on one that is gone: %v", got)
	}
}

// lag: somebody made on one controller is not on the other yet.
func lag(t *testing.T, d *Directory, one, two *dctest.DC) {
	t.Helper()
	if err := one.PauseReplication(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := two.NewPerson(t)
	_, err := d.Account(t.Context(), guidOf(t, p))
	if e := wantReason(t, err, protocol.ReasonReplication); !strings.Contains(e.Error(), two.Host()) {
		t.Errorf("%v doesn't name who knows the account", e)
	}
	// The one that was written shows it; the PDC emulator's not knowing it proves nothing.
	onTwo := account(t, open(t, atURLs(configFor(t, one), two.LDAPSURL())), p)
	seen, err := d.Witnesses(t.Context(), onTwo.GUID, onTwo.DC.Invocation.Hex())
	if err != nil || len(seen) != 1 || seen[0].DC.Host != two.Host() {
		t.Errorf("witnesses %+v, %v", seen, err)
	}
	_, err = d.Witnesses(t.Context(), onTwo.GUID, strings.Repeat("ab", 16))
	wantReason(t, err, protocol.ReasonDirectoryDown)
	// Every other one is looked at; not knowing the account is an answer too.
	for invocation, want := range map[string]int{onTwo.DC.Invocation.Hex(): 0, strings.Repeat("ab", 16): 1} {
		if seen, err := d.Elsewhere(t.Context(), onTwo.GUID, invocation); err != nil || len(seen) != want {
			t.Errorf("elsewhere than %s: %+v, %v", invocation, seen, err)
		}
	}
	if err := one.ResumeReplication(t.Context()); err != nil {
		t.Fatal(err)
	}
	dctest.Eventually(t, replicated, func() error { _, err := d.Account(t.Context(), guidOf(t, p)); return err })
}

// What a person waits for when a controller is unplugged, in each of the ways that happens.
func TestFailoverBetweenControllers(t *testing.T) {
	one, two := dctest.Pair(t, lab.Options{})
	relay := forward(t, one)
	d := open(t, atURLs(configFor(t, one), relay.url(), two.LDAPSURL()))
	for _, tt := range []struct {
		name           string
		unplug, replug func() error
	}{
		{
			"black hole", func() error { relay.swallow(true); return nil },
			func() error { relay.swallow(false); relay.cut(); return nil },
		},
		{"frozen", one.Pause, one.Resume},
		{"killed", one.Kill, func() error { return one.Restart(t.Context()) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			checkUntil(t, d, 2*replicated, usesPDC(one))
			p := one.NewPerson(t)
			knows(t, one, two, p)
			a := account(t, d, p)
			if err := d.Unlock(t.Context(), a); err != nil { // connections for reading and for writing are there
				t.Fatal(err)
			}
			took, after := failover(t, d, a.GUID, func() {
				if err := tt.unplug(); err != nil {
					t.Fatal(err)
				}
			})
			t.Logf("%v to the next good reset, on %s", took, after.DC.Host)
			if took > failoverTime || after.DC.Host != two.Host() {
				t.Errorf("took %v, on %s", took, after.DC.Host)
			}
			s, err := d.Check(t.Context())
			if err != nil || s.DC != two.Host() || s.Controllers[0].OK || s.Controllers[0].Reason != protocol.ReasonDirectoryDown {
				t.Errorf("%+v, %v", s, err)
			}
			_, err = d.Witnesses(t.Context(), a.GUID, a.DC.Invocation.Hex())
			wantReason(t, err, protocol.ReasonDirectoryDown)
			if err := tt.replug(); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			checkUntil(t, d, longestRest+replicated, usesPDC(one))
			t.Logf("back at the PDC emulator after %v", time.Since(begin))
		})
	}
}

func TestReadOnlyController(t *testing.T) {
	one := dctest.Private(t, lab.Options{})
	ro := one.JoinReadOnly(t)
	p := one.NewPerson(t)
	d := open(t, atURLs(configFor(t, one), ro.LDAPSURL(), one.LDAPSURL()))
	if a := account(t, d, p); a.DC.Host != one.Host() {
		t.Errorf("read from %+v", a.DC)
	}
	s, err := d.Check(t.Context())
	if err != nil || !s.Controllers[0].ReadOnly || s.Controllers[0].PDC || s.Controllers[1].ReadOnly {
		t.Errorf("%+v, %v", s, err)
	}
	alone := open(t, atURLs(configFor(t, one), ro.LDAPSURL()))
	for range 2 {
		_, err = alone.Account(t.Context(), guidOf(t, p))
		wantReason(t, err, protocol.ReasonReadOnly)
		_, err = alone.Check(t.Context())
		wantReason(t, err, protocol.ReasonReadOnly)
	}
	referral(t, alone, ro, p)
	if err := one.Kill(); err != nil {
		t.Fatal(err)
	}
	_, err = d.Account(t.Context(), guidOf(t, p))
	wantReason(t, err, protocol.ReasonReadOnly)
	if err := one.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A referral names another server; following it would send a bound connection's question, or a password, to wherever
// an answer says. A read-only controller answers every write with one.
func referral(t *testing.T, d *Directory, ro *dctest.DC, p lab.Person) {
	t.Helper()
	l, _, err := d.open(t.Context(), ro.Addr(), net.JoinHostPort(ro.Addr(), "636"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	m := ldap.NewModifyRequest(guidOf(t, p).DN(), nil)
	m.Replace("lockoutTime", []string{"0"})
	dctest.Eventually(t, replicated, func() error { // until it has heard of the person
		if err := sent("write to a read-only controller", l.Modify(m)); ReasonOf(err) != protocol.ReasonReferral {
			return fmt.Errorf("got %w", err)
		}
		return nil
	})
}

// BenchmarkFailover measures the seconds from unplugging the controller in use, a PDC emulator, to the next good
// reset on the other one.
func BenchmarkFailover(b *testing.B) {
	one, two := dctest.Pair(b, lab.Options{})
	relay := forward(b, one)
	for _, tt := range []struct {
		name           string
		unplug, replug func() error
	}{
		{
			"blackhole", func() error { relay.swallow(true); return nil },
			func() error { relay.swallow(false); relay.cut(); return nil },
		},
		{"frozen", one.Pause, one.Resume},
		{"killed", one.Kill, func() error { return one.Restart(b.Context()) }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			var total, longest time.Duration
			for range b.N {
				d := open(b, atURLs(configFor(b, one), relay.url(), two.LDAPSURL()))
				checkUntil(b, d, 2*replicated, usesPDC(one))
				p := one.NewPerson(b)
				knows(b, one, two, p)
				a := account(b, d, p)
				if err := d.Unlock(b.Context(), a); err != nil {
					b.Fatal(err)
				}
				took, _ := failover(b, d, a.GUID, func() {
					if err := tt.unplug(); err != nil {
						b.Fatal(err)
					}
				})
				total, longest = total+took, max(longest, took)
				if err := tt.replug(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(total.Seconds()/float64(b.N), "s/failover")
			b.ReportMetric(longest.Seconds(), "s/longest")
		})
	}
}
