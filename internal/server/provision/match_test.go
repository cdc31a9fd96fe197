package provision_test

import (
	"errors"
	"strings"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
)

// rule is one rule of matching: cloud accounts that exist, settings, what the directory sends, and what must come of it.
type rule struct {
	name     string
	settings tenant.Sync
	prepare  func(y *yard) // before the sync
	send     func(*protocol.SyncPerson)
	how      provision.How // joined so; empty: not joined
	reason   protocol.Reason
	alone    bool // an account of its own exists afterwards
	check    func(t *testing.T, y *yard, cloud provision.Person)
}

const held = "the account that exists"

// cloudAccount is the cloud account of every rule, with mail and name of person(1).
func cloudAccount() provision.Account {
	return provision.Account{UPN: "user1@corp.example", Mail: "user1@mail.example", DisplayName: held, Mobile: "+46 1"}
}

func rules() []rule {
	admin := func(y *yard) {
		ok(y.tb, y.SetRole(y.tb.Context(), org, "op", y.find("user1@corp.example")[0].ID, "Global Administrator"))
	}
	anchored := func(y *yard) {
		p := y.find("user1@corp.example")[0]
		p.Anchor = id(1)
		ok(y.tb, y.store.UpdatePeople(y.tb.Context(), []provision.Person{p}))
	}
	foreign := func(y *yard) {
		p := y.find("user1@corp.example")[0]
		p.Anchor = id(77)
		ok(y.tb, y.store.UpdatePeople(y.tb.Context(), []provision.Person{p}))
	}
	elsewhere := func(m *protocol.SyncPerson) {
		m.UPN, m.Mail, m.Proxies = "other@corp.example", "other@mail.example", []string{"SMTP:other@mail.example"}
	}
	nameOnly := func(m *protocol.SyncPerson) { m.Mail, m.Proxies = "x@mail.example", []string{"SMTP:x@mail.example"} }
	mailOnly := func(m *protocol.SyncPerson) { m.UPN = "x@corp.example" }
	return []rule{
		{name: "2 hard match by source anchor comes first", prepare: anchored, send: elsewhere, how: provision.HardMatch},
		{name: "2 hard match is turned off", settings: tenant.Sync{BlockHardMatch: true}, prepare: anchored, send: elsewhere, reason: provision.HardMatchBlocked},
		{name: "3 soft match by primary SMTP", send: mailOnly, how: provision.SoftSMTP},
		{name: "3 soft match by mail where there are no proxyAddresses", send: func(m *protocol.SyncPerson) { m.UPN, m.Proxies = "x@corp.example", nil }, how: provision.SoftSMTP},
		{name: "3 no soft match by a secondary address", send: func(m *protocol.SyncPerson) {
			m.UPN, m.Mail, m.Proxies = "x@corp.example", "", []string{"SMTP:x@mail.example", "smtp:user1@mail.example"}
		}, alone: true, reason: provision.AddressDropped},
		{name: "3 no soft match by mail beside other proxyAddresses", send: func(m *protocol.SyncPerson) {
			m.UPN, m.Proxies = "x@corp.example", []string{"SMTP:x@mail.example"}
		}, alone: true},
		{name: "3 soft match by sign-in name", send: nameOnly, how: provision.SoftUPN},
		{name: "3 soft match by sign-in name in another case", send: func(m *protocol.SyncPerson) { nameOnly(m); m.UPN = "USER1@Corp.Example" }, how: provision.SoftUPN},
		{name: "3 soft match by sign-in name is turned off", settings: tenant.Sync{NoUPNMatch: true}, send: nameOnly, reason: provision.UPNTaken},
		{name: "3 soft match is turned off", settings: tenant.Sync{BlockSoftMatch: true}, reason: provision.SoftMatchBlocked},
		{name: "3 soft match is asked for", settings: tenant.Sync{AskSoftMatch: true}, reason: provision.SoftMatchAsk},
		{name: "3 soft match stamps the source anchor", how: provision.SoftSMTP, check: func(t *testing.T, y *yard, _ provision.Person) {
			if p := y.one(id(1)); p.Anchor != id(1) {
				t.Errorf("anchor is %q", p.Anchor)
			}
		}},
		{name: "4 no match creates", send: elsewhere, alone: true},
		{name: "4 a target with another anchor is InvalidSoftMatch", prepare: foreign, reason: provision.SoftMatchAnchor},
		{name: "4 a target with another anchor by name", prepare: foreign, send: nameOnly, reason: provision.SoftMatchAnchor},
		{name: "5 the directory masters what is joined", how: provision.SoftSMTP, check: func(t *testing.T, y *yard, cloud provision.Person) {
			p := y.one(id(1))
			if p.ID != cloud.ID || p.DisplayName != "User 1" || p.Mobile != "" || p.SAM != "user1" || p.Domain != "corp.example" {
				t.Errorf("%+v", p)
			}
		}},
		{name: "6 soft match never takes a role holder by address", prepare: admin, send: mailOnly, reason: provision.SoftMatchRole},
		{name: "6 soft match never takes a role holder by name", prepare: admin, send: nameOnly, reason: provision.SoftMatchRole},
		{name: "6 not even as a question", settings: tenant.Sync{AskSoftMatch: true}, prepare: admin, reason: provision.SoftMatchRole},
		{name: "7 hard match never takes a role holder", prepare: func(y *yard) { anchored(y); admin(y) }, send: elsewhere, reason: provision.HardMatchRole},
		{name: "11 an empty source anchor is objectGUID", send: func(m *protocol.SyncPerson) { elsewhere(m); m.Anchor = "" }, alone: true, check: func(t *testing.T, y *yard, _ provision.Person) {
			if p := y.one(id(1)); p.Anchor != id(1) {
				t.Errorf("anchor is %q", p.Anchor)
			}
		}},
	}
}

func TestMatching(t *testing.T) {
	t.Parallel()
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			y.sync(r.settings)
			cloud := y.account(cloudAccount())
			if r.prepare != nil {
				r.prepare(y)
			}
			m := person(1)
			if r.send != nil {
				r.send(&m)
			}
			a := y.synced(m)
			r.verify(t, y, cloud)
			// The same again, as change and in a full run, changes nothing.
			a.change(m)
			a.full(m)
			r.verify(t, y, cloud)
		})
	}
}

func (r rule) verify(t *testing.T, y *yard, cloud provision.Person) {
	t.Helper()
	p := y.one(id(1))
	switch {
	case r.how != "":
		if p == nil || p.ID != cloud.ID || p.How != r.how || p.Joined.IsZero() || p.Password != provision.FromDirectory {
			t.Fatalf("not joined by %s: %+v", r.how, p)
		}
	case r.alone:
		if p == nil || p.ID == cloud.ID || p.How != "" {
			t.Fatalf("no account of its own: %+v", p)
		}
	case p != nil:
		t.Fatalf("applied: %+v", p)
	}
	if got := y.problem(id(1)).Reason; got != r.reason {
		t.Errorf("problem is %q, want %q", got, r.reason)
	}
	if r.how == "" { // the account that exists is untouched
		if got := at[provision.Person](t)(y.store.Person(t.Context(), org, cloud.ID)); got.DisplayName != held || got.UPN != cloud.UPN || !got.Cloud() {
			t.Errorf("the account changed: %+v", got)
		}
	}
	want := 1
	if r.alone {
		want = 2
	}
	if n := y.count(); n != want {
		t.Errorf("%d accounts, want %d", n, want)
	}
	if r.check != nil {
		r.check(t, y, cloud)
	}
}

// TestRule1OnlyNewObjectsMatch: a synced account that changes into a match is an error, and the rest is applied.
func TestRule1OnlyNewObjectsMatch(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	m := person(2)
	a := y.synced(m)
	cloud := y.account(cloudAccount())
	m.UPN, m.Proxies, m.DisplayName = cloud.UPN, []string{"SMTP:" + cloud.Mail}, "Renamed"
	a.change(m)
	p := y.one(id(2))
	if p.UPN != "user2@corp.example" || p.DisplayName != "Renamed" || p.How != "" {
		t.Errorf("%+v", p)
	}
	found := at[[]provision.Explained](t)(y.Problems(t.Context(), org, "", 10))
	if len(found) != 2 || found[0].Reason != provision.MatchExisting || found[1].Reason != provision.MatchExisting {
		t.Fatalf("%+v", found)
	}
	// An anchor that somebody changed to the cloud account's isn't taken either.
	m = person(2)
	m.Anchor = id(99)
	a.change(m)
	if y.one(id(2)).Anchor != id(2) || y.problem(id(2)).Reason != provision.AnchorChanged {
		t.Errorf("%+v", y.problem(id(2)))
	}
	a.change(person(2))
	if got := y.problem(id(2)).Reason; got != "" {
		t.Errorf("the problem stays: %s", got)
	}
}

// TestRule8NoRemapping: an object's account never becomes another living object's.
func TestRule8NoRemapping(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(person(1))
	first := y.one(id(1))
	copied := person(2)
	copied.Anchor = id(1)
	a.change(copied)
	if y.one(id(2)) != nil || y.problem(id(2)).Reason != provision.AnchorTaken {
		t.Fatalf("the copy was taken: %+v", y.problem(id(2)))
	}
	// When the first is gone the second is the same person.
	a.gone(id(1))
	p := y.one(id(2))
	if p == nil || p.ID != first.ID {
		t.Fatalf("not the same person: %+v", p)
	}
	if y.one(id(1)) != nil || y.problem(id(2)).Reason != "" {
		t.Error("two objects")
	}
}

// TestRule10Quarantine: of two objects with one name the first keeps it, the second waits, and neither can reset.
func TestRule10Quarantine(t *testing.T) {
	t.Parallel()
	for name, contest := range map[string]func(m *protocol.SyncPerson){
		"sign-in name":    func(m *protocol.SyncPerson) { m.UPN = "USER1@corp.example" },
		"primary address": func(m *protocol.SyncPerson) { m.Proxies = []string{"SMTP:User1@mail.example"} },
		"primary address that is the other's secondary": func(m *protocol.SyncPerson) { m.Proxies = []string{"SMTP:user1@old.example"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			a := y.synced(person(1))
			second := person(2)
			contest(&second)
			a.change(second)
			if y.one(id(2)) != nil || y.one(id(1)).Held == "" {
				t.Fatalf("%+v, held %q", y.one(id(2)), y.one(id(1)).Held)
			}
			first := person(1) // gives everything up
			first.UPN, first.Proxies = "moved@corp.example", nil
			a.change(first)
			if y.one(id(2)) == nil || y.one(id(1)).Held != "" || y.problem(id(2)).Reason != "" {
				t.Errorf("still waits: %+v", y.problem(id(2)))
			}
		})
	}
	t.Run("between two known ones both are held", func(t *testing.T) {
		t.Parallel()
		y := newYard(t)
		a := y.synced(person(1), person(2))
		second := person(2)
		second.UPN = "user1@corp.example"
		a.change(second)
		one, two := y.one(id(1)), y.one(id(2))
		if one.Held != provision.UPNTaken || two.Held != provision.UPNTaken || two.UPN != "user2@corp.example" {
			t.Fatalf("%+v\n%+v", one, two)
		}
		a.gone(id(1))
		if two = y.one(id(2)); two.Held != "" || two.UPN != "user1@corp.example" {
			t.Errorf("%+v", two)
		}
	})
	t.Run("a secondary address is left out and the rest taken", func(t *testing.T) {
		t.Parallel()
		y := newYard(t)
		second := person(2)
		second.Proxies = append(second.Proxies, "smtp:user1@mail.example")
		a := y.synced(person(1), second)
		if y.one(id(2)) == nil || y.one(id(1)).Held != "" || y.problem(id(2)).Reason != provision.AddressDropped {
			t.Fatalf("%+v", y.problem(id(2)))
		}
		first := person(1)
		first.Proxies = nil
		a.change(first)
		if found := y.find("user1@mail.example"); len(found) != 2 { // the first by mail, the second by its address
			t.Errorf("%d people have the address", len(found))
		}
	})
	t.Run("two that swap names in one batch", func(t *testing.T) {
		t.Parallel()
		y := newYard(t)
		a := y.synced(person(1), person(2), person(3))
		one, two, three := person(1), person(2), person(3)
		one.UPN, two.UPN, three.UPN = two.UPN, three.UPN, one.UPN
		one.Proxies, two.Proxies, three.Proxies = two.Proxies, three.Proxies, one.Proxies
		a.change(one, two, three)
		if y.one(id(1)).UPN != one.UPN || y.one(id(2)).UPN != two.UPN || y.one(id(3)).UPN != three.UPN {
			t.Error("names weren't swapped")
		}
		if found := at[[]provision.Explained](t)(y.Problems(t.Context(), org, "", 10)); len(found) != 0 {
			t.Errorf("%+v", found)
		}
	})
	t.Run("a chain of names that ends at somebody outside the batch", func(t *testing.T) {
		t.Parallel()
		y := newYard(t)
		a := y.synced(person(1), person(2), person(3))
		one, two := person(1), person(2)
		one.UPN, two.UPN = "user2@corp.example", "user3@corp.example" // two can't have three's, so one can't have two's
		a.change(one, two)
		if y.one(id(1)).UPN != "user1@corp.example" || y.one(id(2)).UPN != "user2@corp.example" || y.one(id(3)).UPN != "user3@corp.example" {
			t.Error("somebody lost a name")
		}
		a.gone(id(3)) // now all can move up
		if y.one(id(2)).UPN != "user3@corp.example" || y.one(id(1)).UPN != "user2@corp.example" {
			t.Errorf("%s %s", y.one(id(1)).UPN, y.one(id(2)).UPN)
		}
	})
}

// TestNoRoutableName: domains that aren't verified are named, and the person is synced all the same.
func TestNoRoutableName(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	_ = at[provision.Domain](t)(y.AddDomain(t.Context(), org, "op", "mail.example"))
	a := y.synced(person(1))
	if y.problem(id(1)).Reason != "" {
		t.Error("nothing is verified, so nothing is named")
	}
	ok(t, y.VerifyDomain(t.Context(), org, "op", "Mail.Example"))
	a.full(person(1))
	if p := y.problem(id(1)); p.Reason != provision.NoRoutableName || p.Value != "corp.example" || y.one(id(1)) == nil {
		t.Fatalf("%+v", p)
	}
	if err := y.Decide(t.Context(), org, "op", id(1), provision.ChooseMail); err != nil {
		t.Fatal(err)
	}
	if p := y.one(id(1)); p.UPN != "user1@mail.example" || p.ADUPN != "user1@corp.example" || len(y.find("user1@corp.example")) != 1 {
		t.Errorf("%+v", p)
	}
	a.full(person(1))
	if p := y.one(id(1)); p.UPN != "user1@mail.example" || y.problem(id(1)).Reason != "" {
		t.Errorf("the next sync undid it: %+v", p)
	}
}

// TestNobodyIsTakenOver tries every way from a hostile directory object to an account with a role.
func TestNobodyIsTakenOver(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	victim := person(1)
	a := y.synced(victim, person(2))
	admin, cloud := y.one(id(1)), y.account(provision.Account{UPN: "root@corp.example", Mail: "root@mail.example", Anchor: strings.Repeat("ab", 16)})
	for _, p := range []string{admin.ID, cloud.ID} {
		ok(t, y.SetRole(t.Context(), org, "op", p, "Global Administrator"))
	}
	b := y.agent("UB", "evil.example")
	b.full()
	attack := func(n int, change func(*protocol.SyncPerson)) protocol.SyncPerson {
		m := person(n)
		change(&m)
		return m
	}
	for name, m := range map[string]protocol.SyncPerson{
		"anchor of a cloud account":           attack(11, func(m *protocol.SyncPerson) { m.Anchor = cloud.Anchor }),
		"address of a cloud account":          attack(12, func(m *protocol.SyncPerson) { m.Proxies = []string{"SMTP:root@mail.example"} }),
		"mail of a cloud account":             attack(13, func(m *protocol.SyncPerson) { m.Proxies, m.Mail = nil, "root@mail.example" }),
		"name of a cloud account":             attack(14, func(m *protocol.SyncPerson) { m.UPN = "ROOT@corp.example" }),
		"object of a synced account":          attack(1, func(m *protocol.SyncPerson) { m.DisplayName = "Mallory" }),
		"anchor of a synced account":          attack(15, func(m *protocol.SyncPerson) { m.Anchor = id(1) }),
		"known object with a cloud's anchor":  attack(2, func(m *protocol.SyncPerson) { m.Anchor = cloud.Anchor }),
		"known object with a cloud's name":    attack(2, func(m *protocol.SyncPerson) { m.UPN = "root@corp.example" }),
		"known object with a synced's anchor": attack(2, func(m *protocol.SyncPerson) { m.Anchor = id(1) }),
	} {
		t.Run(name, func(t *testing.T) {
			for _, from := range []*agent{a, b} {
				if from == a && m.Object == id(1) {
					continue // its own directory masters it
				}
				from.change(m)
				for _, c := range []provision.Choice{provision.ChooseLink, provision.ChooseThis} {
					if err := y.Decide(t.Context(), org, "op", m.Object, c); err == nil {
						t.Errorf("%s was carried out", c)
					}
				}
				y.untouched(t, admin, cloud)
			}
		})
	}
	t.Run("after its own domain lost it", func(t *testing.T) {
		a.gone(id(1))
		if y.one(id(1)) == nil {
			t.Fatal("an account with a role was deleted unasked")
		}
		b.change(attack(1, func(m *protocol.SyncPerson) { m.DisplayName = "Mallory" }))
		b.change(attack(15, func(m *protocol.SyncPerson) { m.Anchor = id(1) }))
		y.untouched(t, admin, cloud)
		_ = at[int](t)(y.AllowDeletions(t.Context(), org, "corp.example", "op"))
		b.change(attack(1, func(m *protocol.SyncPerson) { m.DisplayName = "Mallory" }))
		b.change(attack(15, func(m *protocol.SyncPerson) { m.Anchor = id(1) }))
		ok(t, y.Sweep(t.Context(), org))
		if p := y.one(id(1)); p != nil {
			t.Errorf("the deleted administrator came back as %+v", p)
		}
		if p := y.one(id(15)); p != nil && p.ID == admin.ID {
			t.Error("the deleted administrator came back as another")
		}
		a.change(victim) // its own domain may have it back
		if p := y.one(id(1)); p == nil || p.ID != admin.ID {
			t.Errorf("not restored: %+v", p)
		}
	})
	t.Run("roles given after the question was asked", func(t *testing.T) {
		y.sync(tenant.Sync{AskSoftMatch: true})
		late := y.account(provision.Account{UPN: "late@corp.example"})
		a.change(attack(20, func(m *protocol.SyncPerson) { m.UPN = "late@corp.example" }))
		ok(t, y.SetRole(t.Context(), org, "op", late.ID, "User Administrator"))
		if err := y.Decide(t.Context(), org, "op", id(20), provision.ChooseLink); !errors.Is(err, provision.ErrRefused) {
			t.Fatalf("linked to a role holder: %v", err)
		}
		// An operator takes the role away first; then it is theirs to decide.
		ok(t, y.ClearRole(t.Context(), org, "op", late.ID, "User Administrator"))
		ok(t, y.Decide(t.Context(), org, "op", id(20), provision.ChooseLink))
		if p := y.one(id(20)); p == nil || p.ID != late.ID || p.How != provision.Linked {
			t.Errorf("%+v", p)
		}
	})
}

func (y *yard) untouched(t *testing.T, admin *provision.Person, cloud provision.Person) {
	t.Helper()
	p := at[provision.Person](t)(y.store.Person(t.Context(), org, admin.ID))
	if p.Object != admin.Object || p.Anchor != admin.Anchor || p.UPN != admin.UPN || p.DisplayName != admin.DisplayName || p.Domain != admin.Domain || p.Mail != admin.Mail {
		t.Fatalf("the synced administrator is now %+v", p)
	}
	if c := at[provision.Person](t)(y.store.Person(t.Context(), org, cloud.ID)); !c.Cloud() || c.UPN != cloud.UPN || c.Anchor != cloud.Anchor || !c.Joined.IsZero() {
		t.Fatalf("the cloud administrator is now %+v", c)
	}
}
