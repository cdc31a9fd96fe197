package server

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/audit"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/limit"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
	"homeward/internal/server/web/admin"
)

// desk is a helpdesk over a bench, with operators of every kind.
type desk struct {
	*bench
	*helpdesk.Service
}

func newDesk(b *bench) desk {
	registered := newWays(b.store, b.clock)
	return desk{b, helpdesk.New(helpdesk.Deps{
		People: b.store, Around: b.store, Records: b.store, Operators: b.store, Ways: registered, Resets: b.Service,
		Limits: limits{limit.New(b.store, []byte("pepper"), b.clock)},
		Record: func(ctx context.Context, tenantID string, r audit.Record) { _ = b.store.Append(ctx, tenantID, r) },
		Again: func(ctx context.Context, t tenant.Tenant, operator, person, reason string) error {
			return b.infos.RequireAgain(ctx, t, b.store, registration.Order{Operator: operator, Person: person, Reason: reason})
		},
		FormKey: []byte("forms"), Now: b.clock, Log: b.deps.Log,
	})}
}

// somebody stores a person and returns them.
func (d desk) somebody(id string, change func(p *provision.Person)) provision.Person {
	d.t.Helper()
	object := fmt.Sprintf("%032x", len(id)*1000+int(id[len(id)-1]))
	p := provision.Person{
		Tenant: "contoso", ID: id, Object: object, Anchor: object, Domain: "corp.contoso.test", NetBIOS: "CONTOSO", UPN: id + "@contoso.com", SAM: id,
		Mail: id + "@mail.example", DisplayName: strings.ToUpper(id[:1]) + id[1:], DN: "CN=" + id + ",OU=Sales,DC=corp,DC=contoso,DC=test", Updated: d.clock(),
	}
	if change != nil {
		change(&p)
	}
	if err := d.store.InsertPeople(d.t.Context(), []provision.Person{p}); err != nil {
		d.t.Fatal(err)
	}
	return p
}

// operator stores an operator of a tenant and returns them.
func (d desk) operator(tenantID, name string, role operator.Role, scope ...operator.Within) operator.Operator {
	d.t.Helper()
	o := operator.Operator{Tenant: tenantID, ID: "op-" + name, Name: name, Role: role, Created: d.clock()}
	l := operator.Link{Hash: []byte("link " + name), Tenant: tenantID, Operator: o.ID, Created: d.clock(), Expires: d.clock().Add(time.Hour)}
	if err := d.store.CreateOperator(d.t.Context(), o, l); err != nil {
		d.t.Fatal(err)
	}
	if err := d.store.SetScope(d.t.Context(), tenantID, o.ID, scope); err != nil {
		d.t.Fatal(err)
	}
	return o
}

func (d desk) act(by operator.Operator, person string) helpdesk.Act {
	a := helpdesk.Act{By: by, Person: person, Reason: "ticket 7"}
	a.Mark = d.Mark(a)
	return a
}

// answered has the stub's agent say that everybody can be written.
func (b *bench) answered() {
	b.fleet.policy = protocol.PersonPolicy{Version: 2, Found: true, MinLength: 14, Complexity: true, Source: "domain"}
}

// TestStandingIsWhatThePortalDoes: for each thing that can stop somebody, the gate that an operator is shown and what the portal
// does are the same.
func TestStandingIsWhatThePortalDoes(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.answered()
		update := func(change func(p *provision.Person)) {
			p := b.amara()
			change(&p)
			if err := b.store.UpdatePeople(t.Context(), []provision.Person{p}); err != nil {
				t.Fatal(err)
			}
		}
		for name, c := range map[string]struct {
			arrange, undo func()
			gate          reset.GateID
			reason        protocol.Reason
		}{
			"nothing":    {gate: ""},
			"writeback":  {func() { b.tenant.Settings.WritebackOff = true }, func() { b.tenant.Settings.WritebackOff = false }, reset.GateWriteback, protocol.ReasonTurnedOff},
			"no agent":   {func() { b.fleet.writers = 0 }, func() { b.fleet.writers = 1 }, reset.GateAgent, protocol.ReasonNoAgent},
			"scope":      {func() { b.inScope(false) }, func() { b.inScope(true) }, reset.GateScope, protocol.ReasonNotInScope},
			"licence":    {func() { b.licensed(false) }, func() { b.licensed(true) }, reset.GateLicence, protocol.ReasonNotLicensed},
			"match":      {func() { update(func(p *provision.Person) { p.Held = protocol.ReasonAmbiguous }) }, func() { update(func(p *provision.Person) { p.Held = "" }) }, reset.GateMatch, protocol.ReasonAmbiguous},
			"methods":    {func() { b.tenant.Settings.Checks.Required = 2 }, func() { b.tenant.Settings.Checks.Required = 0 }, reset.GateMethods, reset.ReasonNotRegistered},
			"protection": {func() { update(func(p *provision.Person) { p.Protected = true }) }, func() { update(func(p *provision.Person) { p.Protected = false }) }, reset.GateMethods, protocol.ReasonProtected},
		} {
			if c.arrange != nil {
				c.arrange()
			}
			standing, err := b.Judge(b.tenant).Live(t.Context(), b.amara(), time.Second)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if first := standing.First(); first.ID != c.gate || (c.gate == "") != (standing.Can() == reset.Open) {
				t.Errorf("%s: first gate %+v, can %s", name, first, standing.Can())
			}
			if got := b.portalStops("amara@contoso.com"); got != c.reason {
				t.Errorf("%s: the portal stops with %q, want %q", name, got, c.reason)
			}
			if c.undo != nil {
				c.undo()
			}
		}
	})
}

func (b *bench) inScope(yes bool) {
	b.deps.InScope = func(context.Context, tenant.Tenant, provision.Person) (bool, error) { return yes, nil }
	b.Service = reset.New(b.deps)
}

func (b *bench) licensed(yes bool) {
	b.tenant.Settings.LicencesNeeded = !yes
	b.deps.Licensed = func(tenant.Tenant) bool { return yes }
	b.Service = reset.New(b.deps)
}

// portalStops goes as far as the password page and says why it doesn't get there, as the records say it.
func (b *bench) portalStops(name string) protocol.Reason {
	b.t.Helper()
	b.advance(time.Hour)
	_, a, err := b.Start(b.t.Context(), b.tenant, reset.StartRequest{Typed: name, Kind: protocol.Reset, Address: "192.0.2.8", Locale: "en"})
	if err != nil {
		b.t.Fatal(err)
	}
	if a.State == reset.Failed {
		return a.Reason
	}
	if a.Person == "" {
		for _, r := range b.records(b.t, a) {
			if r.Reason != "" {
				return protocol.Reason(r.Reason)
			}
		}
		return "unknown"
	}
	if err := b.SendCode(b.t.Context(), b.tenant, a); err != nil {
		b.t.Fatal(err)
	}
	a, _, err = b.CheckCode(b.t.Context(), b.reload(a), b.letters.codes[len(b.letters.codes)-1])
	if err != nil {
		b.t.Fatal(err)
	}
	if a.State == reset.Verified {
		return ""
	}
	return a.Reason
}

// TestNobodyActsOutsideTheirScope is the matrix: who finds whom, and who may do what to whom. It asks the one door that every
// page and every act goes through.
func TestNobodyActsOutsideTheirScope(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		if err := b.store.CreateTenant(t.Context(), tenant.Tenant{ID: "fabrikam", Name: "Fabrikam", Account: "AFAB", Created: b.now}); err != nil {
			t.Fatal(err)
		}
		d := newDesk(b)
		other := tenant.Tenant{ID: "fabrikam"}
		sales := d.somebody("sales1", nil)
		north := d.somebody("north2", func(p *provision.Person) { p.DN = "CN=north,OU=North,DC=corp,DC=contoso,DC=test" })
		role := d.somebody("role3", nil)
		karin := d.somebody("karin4", nil)
		shielded := d.somebody("shield5", func(p *provision.Person) { p.Protected = true })
		sam := d.somebody("sam6", nil)
		cloud := d.somebody("cloud7", func(p *provision.Person) { p.Object, p.Anchor, p.DN = "", "", "" })
		if err := b.store.PutRole(t.Context(), provision.Role{Tenant: "contoso", Person: role.ID, Role: "Global Administrator", At: b.clock()}); err != nil {
			t.Fatal(err)
		}
		group := provision.Group{Tenant: "contoso", Object: strings.Repeat("9", 32), Domain: "corp.contoso.test", Name: "Helped", Updated: b.clock()}
		if err := errors.Join(b.store.PutGroups(t.Context(), []provision.Group{group}), b.store.PutMembers(t.Context(), "contoso", group.Object, "t", []string{north.Object})); err != nil {
			t.Fatal(err)
		}
		unit := operator.Within{Kind: operator.WithinUnit, Value: provision.Place("ou=SALES,DC=corp,DC=contoso,DC=test"), Name: "Sales"}
		operators := map[string]operator.Operator{
			"global":       d.operator("contoso", "karin4@contoso.com", operator.GlobalAdministrator),
			"user":         d.operator("contoso", "ua@contoso.com", operator.UserAdministrator),
			"hybrid":       d.operator("contoso", "hy@contoso.com", operator.HybridIdentityAdministrator),
			"reports":      d.operator("contoso", "rr@contoso.com", operator.ReportsReader),
			"helpdesk":     d.operator("contoso", "sam6@mail.example", operator.HelpdeskAdministrator),
			"sales desk":   d.operator("contoso", "sd@contoso.com", operator.HelpdeskAdministrator, unit),
			"group desk":   d.operator("contoso", "gd@contoso.com", operator.HelpdeskAdministrator, operator.Within{Kind: operator.WithinGroup, Value: group.Object, Name: "Helped"}),
			"gone desk":    d.operator("contoso", "go@contoso.com", operator.HelpdeskAdministrator, operator.Within{Kind: operator.WithinGroup, Value: strings.Repeat("8", 32), Name: "Gone"}),
			"other tenant": d.operator("fabrikam", "fa@fabrikam.com", operator.GlobalAdministrator),
		}
		people := map[string]provision.Person{"sales": sales, "north": north, "role": role, "admin": karin, "protected": shielded, "own": sam, "cloud": cloud}
		const hidden = helpdesk.Bar("not found")
		all := func(b helpdesk.Bar) map[string]helpdesk.Bar {
			return map[string]helpdesk.Bar{"sales": b, "north": b, "role": b, "admin": b, "protected": b, "own": b, "cloud": b}
		}
		with := func(m map[string]helpdesk.Bar, change map[string]helpdesk.Bar) map[string]helpdesk.Bar {
			maps.Copy(m, change)
			return m
		}
		const ad, pr, cl = helpdesk.BarAdministrator, helpdesk.BarProtected, helpdesk.BarCloud
		want := map[string]map[string]helpdesk.Bar{
			"global":       with(all(""), map[string]helpdesk.Bar{"admin": helpdesk.BarOwn, "protected": pr, "cloud": cl}),
			"user":         with(all(""), map[string]helpdesk.Bar{"role": ad, "admin": ad, "own": ad, "protected": pr, "cloud": cl}),
			"hybrid":       all(helpdesk.BarRole),
			"reports":      all(hidden),
			"helpdesk":     with(all(""), map[string]helpdesk.Bar{"role": ad, "admin": ad, "own": helpdesk.BarOwn, "protected": pr, "cloud": cl}),
			"sales desk":   with(all(""), map[string]helpdesk.Bar{"north": hidden, "cloud": hidden, "role": ad, "admin": ad, "own": ad, "protected": pr}),
			"group desk":   with(all(hidden), map[string]helpdesk.Bar{"north": ""}),
			"gone desk":    all(hidden),
			"other tenant": all(hidden),
		}
		b.ends(func(*protocol.Result) {})
		for who, by := range operators {
			for whom, p := range people {
				home := b.tenant
				if by.Tenant != home.ID {
					if _, err := d.Find(t.Context(), other, by, p.ID); !errors.Is(err, helpdesk.ErrNoPerson) {
						t.Errorf("%s finds %s in their own tenant: %v", who, whom, err)
					}
				}
				d.checkBar(t, home, who+" on "+whom, by, p, want[who][whom], hidden)
			}
			page, err := d.List(t.Context(), b.tenant, by, helpdesk.Query{})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Rows {
				for whom, p := range people {
					if p.ID == r.Person.ID && want[who][whom] == hidden {
						t.Errorf("%s lists %s", who, whom)
					}
				}
			}
		}
	})
}

// checkBar tries every act. What is barred sends nothing to any agent and no letter.
func (d desk) checkBar(t *testing.T, home tenant.Tenant, name string, by operator.Operator, p provision.Person, want, hidden helpdesk.Bar) {
	t.Helper()
	d.advance(2 * time.Hour)
	calls, letters := len(d.fleet.called()), d.letters.count()+len(d.letters.codes)
	acts := map[string]func() error{
		"unlock": func() error { _, err := d.Unlock(t.Context(), home, d.act(by, p.ID)); return err },
		"reset":  func() error { _, err := d.Reset(t.Context(), home, d.act(by, p.ID)); return err },
		"pass":   func() error { _, err := d.Pass(t.Context(), home, d.act(by, p.ID), time.Hour); return err },
		"ask":    func() error { _, err := d.Ask(t.Context(), home, by, p.ID, "mail"); return err },
		"ways":   func() error { _, err := d.CallerMethods(t.Context(), home, by, p.ID); return err },
	}
	for what, act := range acts {
		err := act()
		kept, barred := errors.AsType[*helpdesk.BarredError](err)
		switch {
		case want == hidden && !errors.Is(err, helpdesk.ErrNoPerson):
			t.Errorf("%s, %s: %v, want not found", name, what, err)
		case want == "" && err != nil:
			t.Errorf("%s, %s: %v", name, what, err)
		case want != "" && want != hidden && (!barred || kept.Bar != want):
			t.Errorf("%s, %s: %v, want %s", name, what, err, want)
		}
	}
	if _, err := d.Look(t.Context(), home, by, p.ID, false); errors.Is(err, helpdesk.ErrNoPerson) != (want == hidden) {
		t.Errorf("%s looks: %v", name, err)
	}
	if want != "" && (len(d.fleet.called()) != calls || d.letters.count()+len(d.letters.codes) != letters) {
		t.Errorf("%s: something was sent", name)
	}
}

// TestHelpdeskResetOnce: the password satisfies the policy, reaches the agent and the operator and nobody else, and the same form
// does nothing a second time.
func TestHelpdeskResetOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		d := newDesk(b)
		key, err := seal.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		b.fleet.key = key.Public().Bytes()
		b.answered()
		b.fleet.policy.MinLength = 22
		b.ends(func(*protocol.Result) {})
		by := d.operator("contoso", "desk", operator.HelpdeskAdministrator)
		amara := b.amara()
		a := d.act(by, amara.ID)
		for _, bad := range []string{"", " ", strings.Repeat("x", 201), "two\nlines"} {
			wrong := a
			wrong.Reason = bad
			if _, err := d.Reset(t.Context(), b.tenant, wrong); !errors.Is(err, reset.ErrNoReason) {
				t.Errorf("reason %q: %v", bad, err)
			}
		}
		for name, change := range map[string]func(a *helpdesk.Act){
			"another's": func(a *helpdesk.Act) { a.By.ID = "op-other" }, "another person's": func(a *helpdesk.Act) { a.Person = "x" },
			"none": func(a *helpdesk.Act) { a.Mark = "" }, "cut": func(a *helpdesk.Act) { a.Mark = a.Mark[1:] },
		} {
			wrong := a
			change(&wrong)
			if _, err := d.Reset(t.Context(), b.tenant, wrong); !errors.Is(err, helpdesk.ErrUsed) && !errors.Is(err, helpdesk.ErrNoPerson) {
				t.Errorf("mark is %s: %v", name, err)
			}
		}
		done, err := d.Reset(t.Context(), b.tenant, a)
		if err != nil || done.Attempt.State != reset.Changed || len(done.Password) < 22 {
			t.Fatalf("%s, %d characters, %v", done.Attempt.State, len(done.Password), err)
		}
		secrets, err := seal.Open(key, b.fleet.sent[0].Header, b.fleet.sent[0].Sealed)
		if err != nil || len(secrets) != 1 || !bytes.Equal(secrets[0], done.Password) {
			t.Errorf("the agent gets another password, %v", err)
		}
		again, err := d.Reset(t.Context(), b.tenant, a)
		if !errors.Is(err, helpdesk.ErrUsed) || again.Password != nil || len(b.fleet.called()) != 1 {
			t.Errorf("the form is sent again: %v, %d calls", err, len(b.fleet.called()))
		}
		late := d.act(by, amara.ID)
		b.advance(31 * time.Minute)
		if _, err := d.Reset(t.Context(), b.tenant, late); !errors.Is(err, helpdesk.ErrUsed) {
			t.Errorf("a form left open: %v", err)
		}
		if told := b.letters.told; len(told) != 1 || !told[0].ByAdmin || !told[0].MustChange {
			t.Errorf("told %+v", told)
		}
		first := b.records(t, done.Attempt)[0]
		if first.Actor != "desk" || first.Detail != "ticket 7" || first.Support == "" || first.Target != amara.ID {
			t.Errorf("%+v", first)
		}
	})
}

// TestTemporaryPasswordWithoutAPolicy: one that is drawn while nobody can say what holds for the person is long enough for stricter
// policies than most have; the shortest one would be refused there, and the operator would have to begin again.
func TestTemporaryPasswordWithoutAPolicy(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		d := newDesk(b)
		key, err := seal.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		b.fleet.key, b.fleet.mute = key.Public().Bytes(), true
		b.answered()
		b.ends(func(*protocol.Result) {})
		done, err := d.Reset(t.Context(), b.tenant, d.act(d.operator("contoso", "desk", operator.HelpdeskAdministrator), b.amara().ID))
		const long = 29
		if err != nil || done.Attempt.State != reset.Changed || len(done.Password) < long {
			t.Errorf("%s, %d characters, %v", done.Attempt.State, len(done.Password), err)
		}
	})
}

// TestCallerIsVerifiedOnce: the code goes to the person's own destination, proves nothing in the portal, and a portal's code proves
// nothing here.
func TestCallerIsVerifiedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		d := newDesk(b)
		by, second := d.operator("contoso", "desk", operator.HelpdeskAdministrator), d.operator("contoso", "desk2", operator.HelpdeskAdministrator)
		amara := b.amara()
		b.tenant.Settings.Checks.Methods = []string{"mail", "app", "text", "passkey"}
		b.with(amara.ID, verify.Text, "•••• 42", []byte("+46701234542"))
		ways, err := d.CallerMethods(t.Context(), b.tenant, by, amara.ID)
		if err != nil || len(ways) != 2 {
			t.Fatalf("%+v %v", ways, err)
		}
		for _, bad := range []string{"", "app", "mail-2", "+46700000000"} {
			if _, err := d.Ask(t.Context(), b.tenant, by, amara.ID, bad); !errors.Is(err, reset.ErrNoMethod) {
				t.Errorf("to %q: %v", bad, err)
			}
		}
		a, err := d.Ask(t.Context(), b.tenant, by, amara.ID, "text")
		if err != nil {
			t.Fatal(err)
		}
		code := b.letters.codes[len(b.letters.codes)-1]
		if to := b.letters.to[len(b.letters.to)-1]; to != "+46701234542" {
			t.Errorf("sent to %s", to)
		}
		if _, _, err := b.CheckCode(t.Context(), b.choose(b.begin("amara@contoso.com"), "text"), code); err != nil {
			t.Fatal(err)
		}
		hear := func(by operator.Operator, code string, want verify.Result) {
			t.Helper()
			answer, err := d.Hear(t.Context(), b.tenant, by, amara.ID, a.ID, code)
			if want == "" && !errors.Is(err, reset.ErrNoSession) || want != "" && (err != nil || answer.Result != want) {
				t.Errorf("%s: %+v %v", code, answer, err)
			}
		}
		hear(by, b.letters.codes[len(b.letters.codes)-1], verify.Wrong) // the portal's, of the same person
		hear(second, code, "")                                          // another operator's
		hear(by, "000000", verify.Wrong)
		hear(by, code[:3]+" "+code[3:], verify.OK)
		if _, err := d.Hear(t.Context(), b.tenant, by, amara.ID, a.ID, code); !errors.Is(err, reset.ErrState) {
			t.Errorf("twice: %v", err)
		}
		view, err := d.Look(t.Context(), b.tenant, by, amara.ID, false)
		if err != nil || view.Verified.Event != 34080 || view.Verified.Actor != "desk" {
			t.Errorf("%+v %v", view.Verified, err)
		}
		if view, err = d.Look(t.Context(), b.tenant, second, amara.ID, false); err != nil || view.Verified.Seq != 0 {
			t.Errorf("another operator has verified nobody: %+v %v", view.Verified, err)
		}
		for _, m := range view.Methods {
			if len(m.Secret) > 0 {
				t.Error("a page gets a method's secret")
			}
		}
		for _, r := range b.records(t, a) {
			if strings.Contains(r.Detail, code) || strings.Contains(r.Detail, "1234542") {
				t.Errorf("%+v", r)
			}
		}
		var limited *reset.LimitError
		for range 30 { // guesses are counted for the person, however many questions are put
			if a, err = d.Ask(t.Context(), b.tenant, by, amara.ID, "mail"); errors.As(err, &limited) {
				return
			}
			for range 5 {
				if _, err = d.Hear(t.Context(), b.tenant, by, amara.ID, a.ID, "000001"); errors.As(err, &limited) {
					return
				}
			}
		}
		t.Error("guessing goes on for ever")
	})
}

// TestTemporaryPasswordLeavesNoTrace hunts for it: in every table, in the log, in headers and addresses, and in what is shown when the
// page is loaded again.
func TestTemporaryPasswordLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	stub := &fleetStub{writers: 1, version: 2, lost: make(chan struct{}), key: key.Public().Bytes(), policy: protocol.PersonPolicy{Version: 2, Found: true, MinLength: 14, Complexity: true}}
	stub.answer = func(request string) (protocol.Accepted, error) {
		at := protocol.MilliOf(time.Now())
		return protocol.Accepted{Version: 2, Request: request, Agent: "UAGENT", Accepted: true, At: at, Result: &protocol.Result{
			Version: 2, Request: request, Agent: "UAGENT", Operation: protocol.AdminReset, Outcome: protocol.Changed, Event: 31010, At: at, MustChange: protocol.MustChangeSet,
		}}, nil
	}
	b.overStub(stub, &log)
	form := func(path string) url.Values {
		w := b.ask("karin", http.MethodGet, path, nil)
		mark := regexp.MustCompile(`name="mark" value="([^"]+)"`).FindStringSubmatch(w.Body.String())
		if w.Code != http.StatusOK || mark == nil {
			t.Fatalf("%s: status %d", path, w.Code)
		}
		return url.Values{"mark": {mark[1]}, "reason": {"ticket 7"}, "life": {"1h"}}
	}
	for what, length := range map[string]int{"reset": 19, "pass": 9} {
		path := "/admin/users/" + benchPerson + "/" + what
		f := form(path)
		w := b.ask("karin", http.MethodPost, path, f)
		found := regexp.MustCompile(`id="secret"[^>]*>([^<]+)<`).FindStringSubmatch(w.Body.String())
		if w.Code != http.StatusOK || found == nil || len(found[1]) != length || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: status %d, %v", what, w.Code, found)
		}
		secret := found[1]
		if strings.Count(w.Body.String(), secret) != 1 || strings.Contains(fmt.Sprint(w.Header()), secret) || strings.Contains(w.Body.String(), "data-poll") {
			t.Errorf("%s: the page tells it more than once, or asks for itself again", what)
		}
		again := b.ask("karin", http.MethodPost, path, f)
		if again.Code != http.StatusConflict || strings.Contains(again.Body.String(), secret) || strings.Contains(again.Body.String(), `id="secret"`) {
			t.Errorf("%s, loaded again: status %d", what, again.Code)
		}
		for _, page := range []string{"/admin/users/" + benchPerson, "/admin/users", "/admin/audit", "/admin", path} {
			if body := b.ask("karin", http.MethodGet, page, nil).Body.String(); strings.Contains(body, secret) {
				t.Errorf("%s: %s shows it", what, page)
			}
		}
		files, err := filepath.Glob(filepath.Join(b.config.State, "homeward.db*"))
		if err != nil || len(files) == 0 {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte(secret)) || bytes.Contains(raw, []byte(strings.ReplaceAll(secret, "-", ""))) {
				t.Errorf("%s is in %s", what, filepath.Base(f))
			}
		}
		if bytes.Contains(log.bytes(), []byte(secret)) || len(log.bytes()) == 0 {
			t.Errorf("%s is in the log, or nothing is", what)
		}
	}
	if len(stub.sent) != 1 {
		t.Fatalf("%d requests were sent", len(stub.sent))
	}
	records, err := b.store.LastRecords(t.Context(), "contoso", 200)
	if err != nil || !slices.ContainsFunc(records, func(r audit.Record) bool { return r.Actor == "karin" && r.Detail == "ticket 7" && r.Support != "" }) {
		t.Errorf("%v", err)
	}
	if raw, err := json.Marshal(records); err != nil || !bytes.Contains(raw, []byte("Issue helpdesk pass")) {
		t.Errorf("%v", err)
	}
}

// TestPagesKeepTheScope: by whatever page, address, name or support code, a scoped operator finds nobody else; and their scope holds
// with the next request.
func TestPagesKeepTheScope(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	b.operator("contoso", "sam", operator.HelpdeskAdministrator)
	b.operator("contoso", "karin", operator.GlobalAdministrator)
	if err := b.store.Append(t.Context(), "contoso", audit.Record{Activity: "Reset password (self-service)", Result: "changed", Support: "HW-2M4P-71QC", Target: benchPerson}); err != nil {
		t.Fatal(err)
	}
	b.overStub(&fleetStub{lost: make(chan struct{})}, &lockedBuffer{})
	within := func(dn string) {
		place, err := provision.ParsePlace(dn)
		if err == nil {
			_, err = b.operators.SetScope(t.Context(), "sam", operator.Scope{{Kind: operator.WithinUnit, Value: place, Name: dn}}, "test")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	one := "/admin/users/" + benchPerson
	for _, c := range []struct {
		dn    string
		found bool
	}{{"OU=North,DC=corp,DC=contoso,DC=test", false}, {"OU=Sales,DC=corp,DC=contoso,DC=test", true}, {"OU=Sales,DC=other,DC=test", false}} {
		within(c.dn)
		for _, rule := range admin.Rules() {
			method, path := address(rule.Pattern)
			if !strings.Contains(rule.Pattern, "/users/{id}") || strings.Contains(rule.Pattern, "{attempt}") {
				continue
			}
			if w := b.ask("sam", method, path, url.Values{"reason": {"x"}}); (w.Code != http.StatusNotFound) != c.found || !c.found && strings.Contains(w.Body.String(), "Lindqvist") {
				t.Errorf("%s, %s: status %d", c.dn, rule.Pattern, w.Code)
			}
		}
		for _, find := range []string{"", "jonas", "lindqvist", "jlindqvist", "jonas@mail.example"} {
			w := b.ask("sam", http.MethodGet, "/admin/users?"+url.Values{"find": {find}}.Encode(), nil)
			if w.Code != http.StatusOK || strings.Contains(w.Body.String(), one) != c.found {
				t.Errorf("%s, looking for %q: status %d", c.dn, find, w.Code)
			}
		}
		w := b.ask("sam", http.MethodGet, "/admin/users?find=hw-2m4p-71qc", nil)
		if (w.Code == http.StatusSeeOther && w.Header().Get("Location") == one) != c.found {
			t.Errorf("%s, by support code: status %d to %q", c.dn, w.Code, w.Header().Get("Location"))
		}
	}
	within("OU=Sales,DC=corp,DC=contoso,DC=test")
	w := b.ask("sam", http.MethodPost, one+"/verify", url.Values{"way": {"mail"}})
	to := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(to, one+"/verify/") {
		t.Fatalf("status %d to %q", w.Code, to)
	}
	for code, want := range map[string]int{"": http.StatusUnprocessableEntity, "12 34": http.StatusUnprocessableEntity, "000000": http.StatusUnprocessableEntity} {
		if w := b.ask("sam", http.MethodPost, to, url.Values{"code": {code}}); w.Code != want {
			t.Errorf("code %q: status %d", code, w.Code)
		}
	}
	if w := b.ask("karin", http.MethodGet, to, nil); w.Code != http.StatusNotFound {
		t.Errorf("another operator's question: status %d", w.Code)
	}
	if w := b.ask("sam", http.MethodPost, one+"/unlock", url.Values{"reason": {""}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: status %d", w.Code)
	}
	if w := b.ask("sam", http.MethodPost, one+"/unlock", url.Values{"reason": {"x"}, "mark": {"forged"}}); w.Code != http.StatusConflict {
		t.Errorf("without a form of ours: status %d", w.Code)
	}
}

// lockedBuffer is what was logged.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lockedBuffer) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.all.Bytes())
}

// overStub has a whole server reach agents that a test answers for, and log everything to a buffer.
func (b *adminBench) overStub(stub *fleetStub, log *lockedBuffer) {
	b.t.Helper()
	_, command, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	logger.Info("begins")
	b.resets.Fleet, b.resets.Log, b.helpdesk.Log, b.admin.Log, b.log = stub, logger, logger, logger, logger
	b.resets.Command = func(context.Context, string) (ed25519.PrivateKey, error) { return command, nil }
	b.t.Cleanup(b.resets.Close)
}
