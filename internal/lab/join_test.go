package lab_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/lab"
	"homeward/test/dctest"
)

func TestJoinedDCReplicatesBothWays(t *testing.T) {
	one, two := dctest.Pair(t, lab.Options{})
	if one.Addr() == two.Addr() || one.Host() == two.Host() || one.BaseDN() != two.BaseDN() {
		t.Errorf("%s at %s and %s at %s", one.Host(), one.Addr(), two.Host(), two.Addr())
	}
	for _, way := range [][2]*dctest.DC{{one, two}, {two, one}} {
		from, to := way[0], way[1]
		p := from.NewPerson(t)
		begin := time.Now()
		dctest.Eventually(t, 15*time.Second, func() error { return to.Bind(p.UPN, p.Password) })
		t.Logf("%s to %s by itself: %s", from.Host(), to.Host(), time.Since(begin))
		p = from.NewPerson(t)
		begin = time.Now()
		if err := to.Replicate(t.Context(), from.DC); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s to %s on demand: %s", from.Host(), to.Host(), time.Since(begin))
		if err := to.Bind(p.UPN, p.Password); err != nil {
			t.Errorf("sign in at %s after Replicate: %v", to.Host(), err)
		}
	}
}

func TestPausedReplication(t *testing.T) {
	one, two := dctest.Pair(t, lab.Options{})
	if err := two.PauseReplication(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := one.NewPerson(t)
	if err := two.Replicate(t.Context(), one.DC); err == nil {
		t.Error("Replicate worked while it is paused")
	}
	if err := two.Bind(p.UPN, p.Password); dctest.BindCode(err) != "52e" {
		t.Errorf("sign in at a DC that can't know the person: %v", err)
	}
	if err := two.ResumeReplication(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := two.Replicate(t.Context(), one.DC); err != nil {
		t.Fatal(err)
	}
	if err := two.Bind(p.UPN, p.Password); err != nil {
		t.Error(err)
	}
}

func TestOneAuthorityForBothAndDNSListsBoth(t *testing.T) {
	one, two := dctest.Pair(t, lab.Options{})
	// dctest's administrator dials two with its CA file; here one's file has to do.
	conf, err := one.TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	other, err := two.TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	if !conf.RootCAs.Equal(other.RootCAs) {
		t.Error("the DCs have different authorities")
	}
	for _, dc := range []*dctest.DC{one, two} {
		dctest.Eventually(t, 15*time.Second, func() error {
			return dnsLists(t.Context(), dc, one, two)
		})
	}
}

func dnsLists(ctx context.Context, dc *dctest.DC, want ...*dctest.DC) error {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, dc.DNS())
	}}
	var hosts, addrs []string
	for _, w := range want {
		hosts, addrs = append(hosts, w.Host()+"."), append(addrs, w.Addr())
		got, err := resolver.LookupHost(ctx, w.Host())
		if err != nil || !slices.Equal(got, []string{w.Addr()}) {
			return &net.DNSError{Err: "addresses " + strings.Join(got, " "), Name: w.Host(), UnwrapErr: err}
		}
	}
	for _, name := range []string{"dc._msdcs." + dc.Domain(), dc.Domain(), "Default-First-Site-Name._sites.dc._msdcs." + dc.Domain()} {
		_, srv, err := resolver.LookupSRV(ctx, "ldap", "tcp", name)
		var got []string
		for _, s := range srv {
			got = append(got, s.Target)
		}
		slices.Sort(got)
		if err != nil || !slices.Equal(got, hosts) {
			return &net.DNSError{Err: "SRV records " + strings.Join(got, " "), Name: name, UnwrapErr: err}
		}
	}
	got, err := resolver.LookupHost(ctx, dc.Domain())
	slices.Sort(got)
	if err != nil || !slices.Equal(got, addrs) {
		return &net.DNSError{Err: "addresses " + strings.Join(got, " "), Name: dc.Domain(), UnwrapErr: err}
	}
	return nil
}

func TestTransferPDC(t *testing.T) {
	one, two := dctest.Pair(t, lab.Options{})
	before := one.Attr(t, one.BaseDN(), "fSMORoleOwner")
	if err := two.TransferPDC(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := two.Attr(t, two.BaseDN(), "fSMORoleOwner")
	if diff := cmp.Diff(before, after); diff == "" || !strings.Contains(after[0], "CN=DC2,") {
		t.Errorf("PDC emulator %v, then %v", before, after)
	}
}

func TestTwoForests(t *testing.T) {
	one, two := dctest.Private(t, lab.Options{}), dctest.Private(t, lab.Options{Domain: lab.Fabrikam()})
	if two.BaseDN() != "DC=eu,DC=fabrikam,DC=test" || two.Realm() != "EU.FABRIKAM.TEST" || two.Host() != "dc1.eu.fabrikam.test" {
		t.Errorf("%s, %s, %s", two.BaseDN(), two.Realm(), two.Host())
	}
	p := two.NewPerson(t)
	if !strings.HasSuffix(p.UPN, "@fabrikam.com") {
		t.Errorf("the person is called %s", p.UPN)
	}
	next := lab.RandomPassword()
	if err := two.ResetAs(two.ServiceAccount(), p.DN, next); err != nil {
		t.Fatal(err)
	}
	if err := two.Kinit(p.UPN, next); err != nil {
		t.Error(err)
	}
	if err := one.Bind(p.UPN, next); dctest.BindCode(err) != "52e" {
		t.Errorf("sign in at the other forest: %v", err)
	}
}

func TestJoinLater(t *testing.T) {
	one, two := dctest.Pair(t, lab.Options{})
	three := one.Join(t)
	if three.Host() != "dc3."+one.Domain() {
		t.Errorf("the third DC is called %s", three.Host())
	}
	p := two.NewPerson(t)
	dctest.Eventually(t, 20*time.Second, func() error { return three.Bind(p.UPN, p.Password) })
}
