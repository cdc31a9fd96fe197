package provision_test

import (
	"errors"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
)

func page(n int, last bool, people ...protocol.SyncPerson) protocol.People {
	p := protocol.People{Version: 1, Agent: "OLD", Import: "i1", Page: n, Last: last, Domain: "corp.example", NetBIOS: "CORP"}
	for _, m := range people {
		p.People = append(p.People, protocol.Person{Anchor: m.Object, UPN: m.UPN, SAM: m.SAM, Mail: m.Mail, DisplayName: m.DisplayName, DN: m.DN})
	}
	return p
}

// TestPagesOfOldAgents go through the same engine: same matching, same guard, own lease.
func TestPagesOfOldAgents(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	cloud := y.account(cloudAccount())
	old := provision.NewImporter(y.Engine)
	take := func(p protocol.People) bool {
		t.Helper()
		return at[bool](t)(old.Page(t.Context(), org, "OLD", p))
	}
	take(page(0, false, person(1), person(2)))
	take(page(0, false, person(1), person(2))) // the acknowledgement was lost
	if _, err := old.Page(t.Context(), org, "OLD", page(2, false)); !errors.Is(err, provision.ErrPage) {
		t.Errorf("a gap: %v", err)
	}
	if !take(page(1, true, person(3))) {
		t.Error("not done")
	}
	if y.count() != 3 || y.one(id(1)).ID != cloud.ID {
		t.Fatalf("%d accounts, %+v", y.count(), y.one(id(1)))
	}
	// A new agent takes over with all it knows, and an old one after it takes nothing away.
	a := y.agent("UA", "corp.example")
	if g := a.ask(nil); !g.OK || g.Run == "" {
		t.Fatalf("%+v", g)
	}
	one := person(1)
	one.Anchor = id(500)
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{one, person(2), person(3)}, Last: true, Cursor: []byte("c")})
	if y.problem(id(1)).Reason != provision.AnchorChanged {
		t.Errorf("%+v", y.problem(id(1)))
	}
	if _, err := old.Page(t.Context(), org, "OLD", page(0, true, person(1))); !errors.Is(err, provision.ErrPage) {
		t.Errorf("imported while another agent syncs: %v", err)
	}
	a.ask(func(s *protocol.SyncAsk) { s.Release = true })
	next := page(0, true, person(1), person(2))
	next.Import = "i2"
	take(next)
	if p := y.one(id(2)); y.count() != 2 || p.GivenName != "User" || len(y.find("user2@old.example")) != 1 {
		t.Errorf("%d accounts, %+v", y.count(), p)
	}
	var many []protocol.SyncPerson
	for n := range 20 {
		many = append(many, person(n))
	}
	all := page(0, true, many...)
	all.Import = "i3"
	take(all)
	none := page(0, true, person(1))
	none.Import = "i4"
	take(none)
	if y.count() != 20 {
		t.Errorf("%d left: no guard", y.count())
	}
	for name, change := range map[string]func(*protocol.People){
		"version": func(p *protocol.People) { p.Version = 99 }, "no domain": func(p *protocol.People) { p.Domain = "" },
		"no import": func(p *protocol.People) { p.Import = "" }, "anchor": func(p *protocol.People) { p.People[0].Anchor = "zz" },
		"no name": func(p *protocol.People) { p.People[0].SAM = "" },
	} {
		p := page(0, false, person(1))
		change(&p)
		if _, err := old.Page(t.Context(), org, "OLD", p); !errors.Is(err, provision.ErrPage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
