package dirsync

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// TestBadData: what can't be synced is named, and everything else goes on.
func TestBadData(t *testing.T) {
	w := newWorld(t, dctest.Start(t))
	good := w.person("Good", w.ou)
	noUPN := w.person("NoUPN", w.ou, "userPrincipalName", "")
	long := w.person("Long", w.ou, "userPKCS12", strings.Repeat("x", 64<<10))
	text := w.person("Text", w.ou, "userPKCS12", "bad\xff\xfe")
	proxies := w.person("Proxies", w.ou)
	m := ldap.NewModifyRequest(proxies, nil)
	m.Add("proxyAddresses", []string{"SMTP:good@contoso.com", "smtp:no address", "nothing", "X500:/o=Contoso", "smtp:also@contoso.com"})
	if err := w.dc.Admin(t).Modify(m); err != nil {
		t.Fatal(err)
	}
	c := newCloud(t)
	e := w.engine(c, func(d *Deps) { d.Scope.Attributes = map[string]string{"jobTitle": "userPKCS12"} })
	w.start(e)
	w.full(e)
	w.seen(c)
	check := func() {
		t.Helper()
		for _, tt := range []struct {
			dn, attribute string
			reason        protocol.Reason
		}{
			{noUPN, "userPrincipalName", protocol.FaultNoUPN},
			{long, "userPKCS12", protocol.FaultLong},
			{text, "userPKCS12", protocol.FaultText},
			{proxies, "proxyAddresses", protocol.FaultAddress},
		} {
			if got := c.reasons(w.id(tt.dn)); got[tt.reason] != tt.attribute || len(got) != 1 {
				t.Errorf("%s: faults %v", tt.dn, got)
			}
		}
		if got := c.reasons(w.id(good)); len(got) != 0 {
			t.Errorf("good: faults %v", got)
		}
		if p, _ := c.person(w.id(proxies)); fmt.Sprint(p.Proxies) != "[SMTP:good@contoso.com smtp:also@contoso.com]" {
			t.Errorf("proxies %q", p.Proxies)
		}
	}
	check()
	for _, dn := range []string{noUPN, long, text, proxies} { // the same by a change
		w.dc.Set(t, dn, "displayName", "Changed")
	}
	w.seen(c)
	check()
	w.dc.Set(t, noUPN, "userPrincipalName", "mended-"+strings.ToLower(rand.Text()[:8])+"@contoso.com")
	w.seen(c)
	if got := c.reasons(w.id(noUPN)); len(got) != 0 {
		t.Errorf("mended: faults %v", got)
	}
}

// TestNames: alternate sign-in by mail, suffix rules, units left out.
func TestNames(t *testing.T) {
	w := newWorld(t, dctest.Start(t))
	left := w.unit("OU=Left out", w.ou)
	w.person("Hidden", left)
	a := w.person("A", w.ou, "mail", "a@Corp.Contoso.test")
	b := w.person("B", w.ou)
	for _, tt := range []struct {
		from     string
		upn      map[string]string
		contains string
	}{
		{FromMail, map[string]string{a: "a@contoso.com", b: ""}, ""},
		{FromUPN, nil, "@fabrikam.example"},
	} {
		c := newCloud(t)
		e := w.engine(c, func(d *Deps) {
			d.Scope.SignIn, d.Scope.Exclude = tt.from, []string{strings.ToLower(left)}
			d.Scope.Suffixes = map[string]string{"corp.contoso.test": "contoso.com", "CONTOSO.com": "fabrikam.example"}
		})
		if _, err := e.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, _, _, _ := c.count(); n != 2 {
			t.Errorf("%d people", n)
		}
		for _, dn := range []string{a, b} {
			p, _ := c.person(w.id(dn))
			directory := w.dc.Attr(t, dn, "userPrincipalName")[0]
			if tt.upn != nil && p.UPN != tt.upn[dn] || !strings.HasSuffix(p.UPN, tt.contains) || p.ADUPN != directory {
				t.Errorf("%s from %s: %q, in the directory %q (it has %q)", dn, tt.from, p.UPN, p.ADUPN, directory)
			}
		}
	}
}

// TestLargeGroup: thousands of members come in several batches, and a change of one is one.
func TestLargeGroup(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	const crowd = 4000
	if err := dc.Crowd(t.Context(), crowd); err != nil {
		t.Fatal(err)
	}
	if err := dc.CrowdGroups(t.Context(), 1, crowd, crowd); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dc: dc, ou: dc.OUs()[1]}
	c := newCloud(t)
	e := w.engine(c, func(d *Deps) { d.Anchors = false })
	w.start(e)
	w.full(e)
	group := "CN=crowd-group-0001," + w.ou
	id := w.id(group)
	if n := len(c.members(id)); n != crowd {
		t.Errorf("%d members, want %d", n, crowd)
	}
	before := e.Source.Bytes()
	w.member(group, []string{dc.ServiceAccount().DN}, []string{"CN=crowd-00001," + dc.OUs()[1]})
	dctest.Eventually(t, soon, func() error {
		members := c.members(id)
		if len(members) != crowd || !strings.Contains(fmt.Sprint(members), w.id(dc.ServiceAccount().DN)) {
			return fmt.Errorf("%d members", len(members))
		}
		return nil
	})
	if n := e.Source.Bytes() - before; n > 100<<10 {
		t.Errorf("a change of two members of %d read %d bytes", crowd, n)
	}
	// One person in as many groups as there is patience for: nothing of a person grows with them.
	name := w.move(group, "CN=Moved", w.ou)
	dctest.Eventually(t, soon, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if g := c.groups[id]; g.DN != name || len(g.members) != crowd {
			return fmt.Errorf("%s has %d members", g.DN, len(g.members))
		}
		return nil
	})
}

// TestWithoutRights: without Replicating Directory Changes everything still comes, and without sight of what is deleted
// comparing tells.
func TestWithoutRights(t *testing.T) {
	dc := dctest.Private(t, lab.Options{Sample: true})
	dc.Revoke(t, dc.BaseDN(), lab.ACEReplicate)
	life := func(t *testing.T, as *lab.Account, change func(*Deps)) {
		w := newWorld(t, dc)
		outside := w.unit("OU=Outside-"+w.ou[3:11], dc.BaseDN())
		inner := w.unit("OU=Inner", w.ou)
		one, two := w.person("One", w.ou), w.person("Two", inner)
		team := w.group("Team", w.ou, one)
		c := newCloud(t)
		e := w.engineOn(w.directory(as), c, change)
		w.start(e)
		w.full(e)
		if m := e.Status().Mode; m != protocol.SyncByUSN {
			t.Fatalf("mode %s", m)
		}
		w.seen(c)
		three := w.person("Three", w.ou)
		w.seen(c)
		w.dc.Set(t, three, "displayName", "Drei")
		w.member(team, []string{two, three}, []string{one})
		w.seen(c)
		w.move(two, "CN=Two", outside)
		w.seen(c)
		inner = w.move(inner, "OU=Inner", outside)
		w.seen(c)
		w.move("CN=Two,"+outside, "CN=Two", inner)
		w.move(inner, "OU=Inner", w.ou)
		w.seen(c)
		id := w.id(three)
		w.remove(three)
		w.gone(c, id, protocol.GoneDeleted)
		w.seen(c)
		if _, _, _, runs := c.count(); runs != 1 {
			t.Errorf("%d full runs", runs)
		}
	}
	t.Run("deletions show", func(t *testing.T) { life(t, nil, nil) })
	t.Run("deletions don't show", func(t *testing.T) {
		plain := dc.NewPerson(t)
		life(t, &lab.Account{UPN: plain.UPN, Password: plain.Password}, func(d *Deps) { d.Sweep, d.Anchors = 500*time.Millisecond, false })
	})
}

// TestBrokenOff ends engines at random moments, loses answers and batches, and takes the lease away: in the end the cloud
// has what the directory has.
func TestBrokenOff(t *testing.T) {
	w := newWorld(t, dctest.Start(t))
	var people []string
	for i := range 60 {
		people = append(people, w.person(fmt.Sprintf("P%02d", i), w.ou))
	}
	team := w.group("Team", w.ou, people...)
	c := newCloud(t)
	random := mathrand.New(mathrand.NewPCG(1, 2))
	flaky := func(protocol.SyncBatch) error {
		if random.IntN(3) == 0 {
			return errNetwork
		}
		return nil
	}
	c.before, c.after = flaky, flaky

	for round := range 20 {
		e := w.engine(c, nil)
		e.people = 7
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20+random.IntN(400))*time.Millisecond)
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		who := people[random.IntN(len(people))]
		w.dc.Set(t, who, "displayName", fmt.Sprintf("Round %d", round))
		switch random.IntN(3) {
		case 0:
			w.member(team, nil, []string{who})
			w.member(team, []string{who}, nil)
		case 1:
			c.fence()
		}
		<-done
		cancel()
	}
	c.mu.Lock()
	c.before, c.after = nil, nil
	c.mu.Unlock()
	w.start(w.engine(c, nil))
	w.seen(c)
}
