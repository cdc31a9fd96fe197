package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
)

func key(tenant string) provision.Key { return provision.Key{Tenant: tenant, Domain: "corp.example"} }

// whole has every field set.
func whole(tenant string, n int) provision.Person {
	p := person(tenant, n)
	p.ADUPN, p.GivenName, p.Surname, p.Mobile, p.Language = fmt.Sprintf("ad%d@corp.example", n), "Åsa", "Öberg", "+46 70 1", "sv"
	p.More = map[string]string{"jobTitle": "Cook"}
	p.PasswordSet, p.Created, p.Joined = noon().Add(time.Minute), noon().Add(time.Hour), noon().Add(2*time.Hour)
	p.How, p.Hash, p.Held, p.Missing = provision.SoftSMTP, "h", provision.UPNTaken, true
	p.Password, p.PasswordReason = provision.CloudRefused, protocol.ReasonTooShort
	return p
}

func cloudPerson(n int) provision.Person {
	return provision.Person{Tenant: TenantA, ID: fmt.Sprintf("cloud%03d", n), UPN: fmt.Sprintf("cloud%d@corp.example", n), Updated: noon()}
}

func syncTests() []test {
	return []test{
		{"a person comes back whole", func(t *testing.T, e *env) {
			want := []provision.Person{whole(TenantA, 1), cloudPerson(2), person(TenantA, 3)}
			ok(t, e.InsertPeople(e.ctx, want))
			for i := range want {
				got := at[[]provision.Person](t)(e.PeopleByID(e.ctx, TenantA, []string{want[i].ID}))
				if diff := cmp.Diff(want[i:i+1], got); diff != "" {
					t.Error(diff)
				}
			}
			next := whole(TenantA, 3)
			ok(t, e.UpdatePeople(e.ctx, []provision.Person{next}))
			if diff := cmp.Diff([]provision.Person{next}, at[[]provision.Person](t)(e.PeopleByObject(e.ctx, TenantA, []string{next.Object}))); diff != "" {
				t.Error(diff)
			}
			if got := at[[]provision.Person](t)(e.FindPeople(e.ctx, TenantA, "AD3@corp.example")); len(got) != 1 {
				t.Errorf("%d found by the directory's own name", len(got))
			}
		}},
		{"many are read and written by lists", manyPeople},
		{"the same person twice is impossible", samePersonTwice},
		{"a deleted person's names are free", deletedNames},
		{"addresses are one person's", claimTests},
		{"missing people", missingPeople},
		{"leases", leaseTests},
		{"one tenant's transactions don't overlap", syncTxTests},
		{"groups in groups", groupTests},
		{"deleted members", deletedMembers},
		{"problems, what waits and who is held", problemTests},
		{"decisions", func(t *testing.T, e *env) {
			d := provision.Decision{Tenant: TenantA, Object: "o", Choice: provision.ChooseApart, Other: "p", Operator: "op", At: noon()}
			ok(t, e.PutDecision(e.ctx, d))
			d.Choice = provision.ChooseLink
			ok(t, e.PutDecision(e.ctx, d))
			if diff := cmp.Diff([]provision.Decision{d}, at[[]provision.Decision](t)(e.Decisions(e.ctx, TenantA, []string{"o"}))); diff != "" {
				t.Error(diff)
			}
			if got := at[[]provision.Decision](t)(e.Decisions(e.ctx, TenantB, []string{"o"})); len(got) != 0 {
				t.Error("seen by another tenant")
			}
			newer := d
			newer.Object, newer.At = "o2", noon().Add(time.Minute)
			ok(t, e.PutDecision(e.ctx, newer))
			for skip, want := range [][]provision.Decision{{newer, d}, {d}, nil} {
				got, total, err := e.DecisionPage(e.ctx, TenantA, skip, 2)
				if diff := cmp.Diff(want, got); err != nil || total != 2 || diff != "" {
					t.Errorf("after %d: %d in all, %v, %s", skip, total, err, diff)
				}
			}
			if got, total, err := e.DecisionPage(e.ctx, TenantB, 0, 9); err != nil || total != 0 || len(got) != 0 {
				t.Errorf("another tenant's: %d, %v, %v", total, got, err)
			}
			ok(t, e.DropDecisions(e.ctx, TenantA, "o"))
			if got := at[[]provision.Decision](t)(e.Decisions(e.ctx, TenantA, []string{"o"})); len(got) != 0 {
				t.Error("not forgotten")
			}
		}},
		{"runs and previews", runTests},
		{"roles, domains and cloud passwords", accountTests},
	}
}

func manyPeople(t *testing.T, e *env) {
	var list []provision.Person
	var objects, anchors, names []string
	for n := range 1100 {
		p := person(TenantA, n)
		list, objects, anchors, names = append(list, p), append(objects, p.Object), append(anchors, p.Anchor), append(names, provision.Fold(p.UPN))
	}
	ok(t, e.InsertPeople(e.ctx, list))
	for _, n := range []int{0, 1, 2, 16, 17, 512, 513, 1100} {
		a := at[[]provision.Person](t)(e.PeopleByObject(e.ctx, TenantA, objects[:n]))
		b := at[[]provision.Person](t)(e.PeopleByAnchor(e.ctx, TenantA, anchors[:n]))
		c := at[[]provision.Person](t)(e.PeopleByUPN(e.ctx, TenantA, names[:n]))
		d := at[[]provision.Seen](t)(e.SeenObjects(e.ctx, TenantA, objects[:n]))
		if len(a) != n || len(b) != n || len(c) != n || len(d) != n {
			t.Errorf("%d: %d %d %d %d", n, len(a), len(b), len(c), len(d))
		}
	}
	ok(t, e.FreeUPN(e.ctx, TenantA, []string{list[0].ID, list[1].ID}))
	if got := at[[]provision.Person](t)(e.PeopleByUPN(e.ctx, TenantA, names)); len(got) != 1098 {
		t.Errorf("%d have a name", len(got))
	}
	if got := at[[]provision.Person](t)(e.ListPeople(e.ctx, TenantA, provision.Filter{Find: "user1_", Limit: 5000})); len(got) != 0 {
		t.Errorf("a wildcard finds %d", len(got))
	}
	if got := at[[]provision.Person](t)(e.ListPeople(e.ctx, TenantA, provision.Filter{Find: "USER109", Limit: 5000})); len(got) != 11 {
		t.Errorf("%d listed", len(got))
	}
}

// samePersonTwice tries it by the methods, and in SQL beside them.
func samePersonTwice(t *testing.T, e *env) {
	first := whole(TenantA, 1)
	ok(t, e.InsertPeople(e.ctx, []provision.Person{first}))
	ok(t, e.PutClaims(e.ctx, TenantA, []provision.Claim{{Address: "a@b", Person: first.ID, Primary: true}}))
	for name, change := range map[string]func(*provision.Person){
		"id":      func(p *provision.Person) { p.ID = first.ID },
		"object":  func(p *provision.Person) { p.Object = first.Object },
		"anchor":  func(p *provision.Person) { p.Anchor = first.Anchor },
		"name":    func(p *provision.Person) { p.UPN = strings.ToUpper(first.UPN) },
		"unicode": func(p *provision.Person) { p.UPN = " " + first.UPN + " " },
	} {
		second := whole(TenantA, 2)
		change(&second)
		if err := e.InsertPeople(e.ctx, []provision.Person{second}); !errors.Is(err, store.ErrConflict) {
			t.Errorf("two with one %s: %v", name, err)
		}
	}
	ok(t, e.InsertPeople(e.ctx, []provision.Person{whole(TenantA, 2), whole(TenantB, 1), cloudPerson(3), cloudPerson(4)}))
	second := whole(TenantA, 2)
	second.Anchor = first.Anchor
	if err := e.UpdatePeople(e.ctx, []provision.Person{second}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("became another: %v", err)
	}
	db := e.raw(t)
	for _, text := range []string{
		`UPDATE people SET object = '` + first.Object + `' WHERE tenant = 'contoso' AND id = 'person002'`,
		`UPDATE people SET anchor = '` + first.Anchor + `' WHERE tenant = 'contoso' AND id = 'cloud003'`,
		`UPDATE people SET upn_fold = 'user1@corp.example' WHERE tenant = 'contoso' AND id = 'cloud004'`,
		`INSERT INTO addresses (tenant, address_fold, person, is_primary) SELECT 'contoso', 'a@b', 'person002', is_primary FROM addresses`,
		`INSERT INTO addresses (tenant, address_fold, person, is_primary) SELECT 'contoso', 'x@b', 'nobody', is_primary FROM addresses`,
		`INSERT INTO roles (tenant, person, role, name, operator, at) VALUES ('contoso', 'nobody', 'r', '', '', 0)`,
	} {
		if _, err := db.ExecContext(e.ctx, text); err == nil && !strings.Contains(text, "'nobody'") {
			t.Errorf("the database lets pass: %s", text)
		} else if err == nil && !strings.HasPrefix(e.dsn, "sqlite:") { // SQLite checks references for connections that ask for it
			t.Errorf("the database lets pass: %s", text)
		}
	}
}

func deletedNames(t *testing.T, e *env) {
	first, second := whole(TenantA, 1), cloudPerson(2)
	second.UPN = first.UPN
	ok(t, e.InsertPeople(e.ctx, []provision.Person{first}))
	ok(t, e.PutClaims(e.ctx, TenantA, []provision.Claim{{Address: "a@b", Person: first.ID}}))
	ok(t, e.DeletePeople(e.ctx, TenantA, []string{first.ID}, noon()))
	ok(t, e.InsertPeople(e.ctx, []provision.Person{second}))
	ok(t, e.PutClaims(e.ctx, TenantA, []provision.Claim{{Address: "a@b", Person: second.ID}}))
	if got := at[[]provision.Person](t)(e.FindPeople(e.ctx, TenantA, "a@b")); len(got) != 1 || got[0].ID != second.ID {
		t.Errorf("%+v", got)
	}
	if _, err := e.Person(e.ctx, TenantA, first.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted person: %v", err)
	}
	if got := at[[]provision.Person](t)(e.PeopleByObject(e.ctx, TenantA, []string{first.Object})); len(got) != 1 || got[0].Living() || got[0].Missing || got[0].Held != "" {
		t.Errorf("%+v", got)
	}
	if n := at[int](t)(e.Purge(e.ctx, TenantA, noon())); n != 0 {
		t.Errorf("purged %d too early", n)
	}
	if n := at[int](t)(e.Purge(e.ctx, TenantA, noon().Add(1))); n != 0 { // below a millisecond
		t.Errorf("purged %d too early", n)
	}
	if n := at[int](t)(e.Purge(e.ctx, TenantA, noon().Add(time.Second))); n != 1 {
		t.Errorf("purged %d", n)
	}
}

func claimTests(t *testing.T, e *env) {
	ok(t, e.InsertPeople(e.ctx, []provision.Person{person(TenantA, 1), person(TenantA, 2)}))
	want := []provision.Claim{{Address: "a@b", Person: "person001", Primary: true}, {Address: "c@d", Person: "person001"}}
	ok(t, e.PutClaims(e.ctx, TenantA, want))
	if diff := cmp.Diff(want, at[[]provision.Claim](t)(e.ClaimsOf(e.ctx, TenantA, []string{"person001", "person002"}))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[:1], at[[]provision.Claim](t)(e.Claims(e.ctx, TenantA, []string{"a@b", "x@y"}))); diff != "" {
		t.Error(diff)
	}
	if err := e.PutClaims(e.ctx, TenantA, []provision.Claim{{Address: "a@b", Person: "person002"}}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("two have an address: %v", err)
	}
	if err := e.PutClaims(e.ctx, TenantA, []provision.Claim{{Address: "x@y", Person: "nobody"}}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody has an address: %v", err)
	}
	if got := at[[]provision.Person](t)(e.FindPeople(e.ctx, TenantA, "C@D")); len(got) != 1 {
		t.Errorf("%d found by an address", len(got))
	}
	ok(t, e.DropClaims(e.ctx, TenantA, []string{"person001"}))
	ok(t, e.PutClaims(e.ctx, TenantA, []provision.Claim{{Address: "a@b", Person: "person002"}}))
}

func missingPeople(t *testing.T, e *env) {
	other := person(TenantA, 5)
	other.Domain = "lab.example"
	ok(t, e.InsertPeople(e.ctx, []provision.Person{person(TenantA, 1), person(TenantA, 2), person(TenantA, 3), person(TenantA, 4), other, cloudPerson(6), person(TenantB, 1)}))
	object := func(n int) string { return person(TenantA, n).Object }
	count := func(want provision.PendingCount) {
		t.Helper()
		if diff := cmp.Diff(want, at[provision.PendingCount](t)(e.CountPending(e.ctx, key(TenantA), noon()))); diff != "" {
			t.Error(diff)
		}
	}
	ok(t, e.MarkMissing(e.ctx, key(TenantA), []string{object(1), other.Object, "unknown"}))
	count(provision.PendingCount{Living: 4, Missing: 1})
	if got := at[[]provision.Person](t)(e.MissingPeople(e.ctx, key(TenantA), 9)); len(got) != 1 || got[0].ID != "person001" {
		t.Errorf("missing: %+v", got)
	}
	if n := at[int](t)(e.KeepMissing(e.ctx, key(TenantB))); n != 0 {
		t.Errorf("kept %d of another tenant", n)
	}
	if n := at[int](t)(e.KeepMissing(e.ctx, key(TenantA))); n != 1 {
		t.Errorf("kept %d", n)
	}
	count(provision.PendingCount{Living: 4})
	ok(t, e.MarkMissing(e.ctx, key(TenantA), []string{object(1)}))
	ok(t, e.MarkSeen(e.ctx, TenantA, "", []string{object(1)}))
	count(provision.PendingCount{Living: 4})
	ok(t, e.MarkSeen(e.ctx, TenantA, "second", []string{object(1), object(4)}))
	ok(t, e.MarkUnnamed(e.ctx, key(TenantA), "second"))
	ok(t, e.PutRole(e.ctx, provision.Role{Tenant: TenantA, Person: "person002", Role: "r", At: noon()}))
	count(provision.PendingCount{Living: 4, Missing: 2, Holders: 1})
	gone := at[[]provision.Person](t)(e.DeleteMissing(e.ctx, key(TenantA), noon().Add(time.Minute), false))
	if len(gone) != 1 || gone[0].ID != "person003" {
		t.Errorf("%+v", gone)
	}
	count(provision.PendingCount{Living: 3, Missing: 1, Holders: 1, Recent: 1})
	if gone := at[[]provision.Person](t)(e.DeleteMissing(e.ctx, key(TenantA), noon(), true)); len(gone) != 1 || gone[0].ID != "person002" {
		t.Errorf("%+v", gone)
	}
	if n := at[int](t)(e.CountPeople(e.ctx, TenantA)); n != 4 {
		t.Errorf("%d people", n)
	}
	if n := at[int](t)(e.CountPeople(e.ctx, TenantB)); n != 1 {
		t.Error("another tenant lost somebody")
	}
}

func leaseTests(t *testing.T, e *env) {
	ask := provision.Lease{Key: key(TenantA), Holder: "UA", Machine: "host", NetBIOS: "CORP", Expires: noon().Add(30 * time.Second), Mode: "dirsync", Asked: noon()}
	other := ask
	other.Holder, other.Machine = "UB", "other"
	a, taken, err := e.TakeLease(e.ctx, ask, 0, noon())
	if err != nil || !taken || a.Epoch != 1 || a.Seq != 1 || a.Holder != "UA" {
		t.Fatalf("%+v %v %v", a, taken, err)
	}
	if have, taken, err := e.TakeLease(e.ctx, other, 0, noon()); err != nil || taken || have.Machine != "host" {
		t.Fatalf("%+v %v %v", have, taken, err)
	}
	if again, taken, err := e.TakeLease(e.ctx, ask, 1, noon()); err != nil || !taken || again.Epoch != 1 {
		t.Fatalf("%+v %v %v", again, taken, err)
	}
	if again, taken, err := e.TakeLease(e.ctx, ask, 0, noon()); err != nil || !taken || again.Epoch != 2 {
		t.Fatalf("a new process: %+v %v %v", again, taken, err)
	}
	a.Seq, a.Run, a.Cursor, a.RunCursor, a.Full, a.Applied = 2, "r", []byte{0, 1}, []byte{2}, true, noon()
	if done := at[bool](t)(e.SaveLease(e.ctx, a, 1)); done {
		t.Error("an old epoch was stored")
	}
	a.Epoch = 2
	if done := at[bool](t)(e.SaveLease(e.ctx, a, 7)); done {
		t.Error("another number was stored")
	}
	if done := at[bool](t)(e.SaveLease(e.ctx, a, 1)); !done {
		t.Error("not stored")
	}
	if done := at[bool](t)(e.SaveLease(e.ctx, a, 1)); done {
		t.Error("stored twice")
	}
	got, found, err := e.Lease(e.ctx, key(TenantA))
	if diff := cmp.Diff(a, got); err != nil || !found || diff != "" {
		t.Error(err, diff)
	}
	late, taken, err := e.TakeLease(e.ctx, other, 0, ask.Expires)
	if err != nil || !taken || late.Epoch != 3 || late.Seq != 2 || late.Run != "r" {
		t.Fatalf("%+v %v %v", late, taken, err)
	}
	ok(t, e.FreeLeases(e.ctx, "UA")) // holds none
	if _, taken, _ := e.TakeLease(e.ctx, ask, 0, noon()); taken {
		t.Error("two hold it")
	}
	ok(t, e.FreeLeases(e.ctx, "UB"))
	if l, taken, _ := e.TakeLease(e.ctx, ask, 0, noon()); !taken || l.Epoch != 4 {
		t.Error("not free")
	}
	if n := at[int](t)(e.WantFull(e.ctx, TenantA, "")); n != 1 {
		t.Errorf("asked %d", n)
	}
	ok(t, e.SetSyncOff(e.ctx, key(TenantA), true))
	ok(t, e.AllowPending(e.ctx, key(TenantA), noon()))
	if l := at[[]provision.Lease](t)(e.Leases(e.ctx, TenantA)); len(l) != 1 || !l[0].Full || !l[0].Off || !l[0].Allowed.Equal(noon()) {
		t.Errorf("%+v", l)
	}
	if err := e.SetSyncOff(e.ctx, key(TenantB), true); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another tenant: %v", err)
	}
	winners := make([]bool, 8)
	race(len(winners), func(i int) {
		l := ask
		l.Key, l.Holder = key(TenantB), fmt.Sprint("U", i)
		_, winners[i], _ = e.TakeLease(e.ctx, l, 0, noon())
	})
	n := 0
	for _, won := range winners {
		if won {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d took it at once", n)
	}
}

// syncTxTests: each adds one to a count that it read before; none may be lost.
func syncTxTests(t *testing.T, e *env) {
	const many = 12
	errs := make([]error, many)
	race(many, func(i int) {
		errs[i] = e.SyncTx(e.ctx, TenantA, func(tx provision.Tx) error {
			r, _, err := tx.Run(e.ctx, TenantA, "r")
			if err != nil {
				return err
			}
			r.Key, r.ID, r.Added = key(TenantA), "r", r.Added+1
			return tx.PutRun(e.ctx, r)
		})
	})
	ok(t, errors.Join(errs...))
	if r, _, err := e.Run(e.ctx, TenantA, "r"); err != nil || r.Added != many {
		t.Errorf("%d of %d, %v", r.Added, many, err)
	}
	if err := e.SyncTx(e.ctx, "nobody", func(provision.Tx) error { return nil }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown tenant: %v", err)
	}
	stop := errors.New("stop")
	err := e.SyncTx(e.ctx, TenantA, func(tx provision.Tx) error {
		return errors.Join(stop, tx.InsertPeople(e.ctx, []provision.Person{person(TenantA, 1)}))
	})
	if n := at[int](t)(e.CountPeople(context.WithoutCancel(e.ctx), TenantA)); !errors.Is(err, stop) || n != 0 {
		t.Errorf("%v, %d people", err, n)
	}
}

func problemTests(t *testing.T, e *env) {
	ok(t, e.InsertPeople(e.ctx, []provision.Person{person(TenantA, 1), person(TenantA, 2)}))
	p := provision.Problem{
		Tenant: TenantA, Object: "o1", Reason: provision.UPNTaken, Value: "v", Domain: "corp.example", Name: `CORP\o`, DN: "CN=o", Attribute: "userPrincipalName",
		Detail: "d", Person: "person001", Other: "person002", OtherName: "x", Holds: true, Run: "r", Since: noon(),
	}
	fault := provision.Problem{Tenant: TenantA, Object: "o1", Reason: protocol.FaultText, Domain: "corp.example", Agent: true, Since: noon(), Run: "old"}
	elsewhere := p
	elsewhere.Domain, elsewhere.Holds, elsewhere.Other, elsewhere.Person = "lab.example", false, "", ""
	ok(t, e.PutProblems(e.ctx, []provision.Problem{p, fault, elsewhere}))
	later := p
	later.Since, later.Detail = noon().Add(time.Hour), "new"
	ok(t, e.PutProblems(e.ctx, []provision.Problem{later}))
	later.Since = noon()
	if got := at[[]provision.Problem](t)(e.Problems(e.ctx, TenantA, "corp.example", 9)); len(got) != 2 || cmp.Diff(later, got[0]) != "" {
		t.Errorf("%+v", got)
	}
	page := func(q provision.ProblemQuery) []provision.Problem {
		t.Helper()
		return at[[]provision.Problem](t)(e.ProblemPage(e.ctx, TenantA, q))
	}
	if got := page(provision.ProblemQuery{Limit: 9}); len(got) != 3 || cmp.Diff(later, got[0]) != "" {
		t.Errorf("%+v", got)
	}
	if got := page(provision.ProblemQuery{Domain: "corp.example", Reason: provision.UPNTaken, Limit: 9}); len(got) != 1 || cmp.Diff(later, got[0]) != "" {
		t.Errorf("%+v", got)
	}
	if a, b := page(provision.ProblemQuery{Limit: 1, Skip: 1}), page(provision.ProblemQuery{Limit: 2, Skip: 1}); len(a) != 1 || len(b) != 2 || cmp.Diff(a[0], b[0]) != "" {
		t.Errorf("%+v, %+v", a, b)
	}
	if got := at[[]provision.Problem](t)(e.ProblemPage(e.ctx, TenantB, provision.ProblemQuery{Limit: 9})); len(got) != 0 {
		t.Errorf("another tenant's: %+v", got)
	}
	counts := at[[]provision.ProblemCount](t)(e.CountProblems(e.ctx, TenantA))
	if len(counts) != 3 {
		t.Errorf("%+v", counts)
	}
	ok(t, e.SetHeld(e.ctx, TenantA, []string{"person001", "person002"}))
	held := func(want int) {
		t.Helper()
		n := 0
		for _, q := range at[[]provision.Person](t)(e.PeopleByID(e.ctx, TenantA, []string{"person001", "person002"})) {
			if q.Held == provision.UPNTaken {
				n++
			}
		}
		if n != want {
			t.Errorf("%d are held, want %d", n, want)
		}
	}
	held(2)
	w := provision.Waiting{Tenant: TenantA, Object: "o1", Domain: "corp.example", NetBIOS: "CORP", Hash: "h", Run: "r", Since: noon(), Person: protocol.SyncPerson{Object: "o1", Proxies: []string{"SMTP:a@b"}}}
	ok(t, e.PutWaiting(e.ctx, w))
	w.Hash = "h2"
	ok(t, e.PutWaiting(e.ctx, w))
	if diff := cmp.Diff([]provision.Waiting{w}, at[[]provision.Waiting](t)(e.Waiting(e.ctx, TenantA, []string{"o1"}))); diff != "" {
		t.Error(diff)
	}
	for name, found := range map[string][]string{
		"by name":  at[[]string](t)(e.WaitingFor(e.ctx, TenantA, []string{"v"}, nil, 9)),
		"by other": at[[]string](t)(e.WaitingFor(e.ctx, TenantA, nil, []string{"person002"}, 9)),
		"by both":  at[[]string](t)(e.WaitingFor(e.ctx, TenantA, []string{"v", "x"}, []string{"person002"}, 9)),
		"all":      at[[]string](t)(e.AllWaiting(e.ctx, TenantA, "", 9)),
	} {
		if diff := cmp.Diff([]string{"o1"}, found); diff != "" {
			t.Error(name, diff)
		}
	}
	if got := at[[]string](t)(e.AllWaiting(e.ctx, TenantA, "o1", 9)); len(got) != 0 {
		t.Errorf("%v", got)
	}
	ok(t, e.DropUnnamed(e.ctx, key(TenantA), "r"))
	if got := at[[]provision.Problem](t)(e.ProblemsOf(e.ctx, TenantA, []string{"o1"})); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	held(2)
	ok(t, e.DropProblems(e.ctx, []provision.Problem{p}))
	ok(t, e.SetHeld(e.ctx, TenantA, []string{"person001"}))
	held(1)
	ok(t, e.DropUnnamed(e.ctx, key(TenantA), "next"))
	held(0)
	if got := at[[]provision.Waiting](t)(e.Waiting(e.ctx, TenantA, []string{"o1"})); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	ok(t, e.PutWaiting(e.ctx, w))
	ok(t, e.DropWaiting(e.ctx, provision.Key{Tenant: TenantA, Domain: "lab.example"}, []string{"o1"}))
	if got := at[[]provision.Waiting](t)(e.Waiting(e.ctx, TenantA, []string{"o1"})); len(got) != 1 {
		t.Error("another domain's was dropped")
	}
}

func runTests(t *testing.T, e *env) {
	r := provision.Run{
		Key: key(TenantA), ID: "r1", Full: true, Agent: "UA", DC: "dc1", Started: noon(), Ended: noon().Add(time.Second), Status: provision.RunDone,
		Counts: provision.Counts{Added: 1, Updated: 2, Deleted: 3, Joined: 4, Faults: 5, Unchanged: 6, Groups: 7, Objects: 8, Bytes: 9, Micros: 10},
	}
	going := r
	going.ID, going.Started, going.Ended = "r2", noon().Add(time.Minute), time.Time{}
	ok(t, e.PutRun(e.ctx, r))
	ok(t, e.PutRun(e.ctx, going))
	if diff := cmp.Diff([]provision.Run{going, r}, at[[]provision.Run](t)(e.Runs(e.ctx, TenantA, "corp.example", 9))); diff != "" {
		t.Error(diff)
	}
	if got := at[[]provision.Run](t)(e.Runs(e.ctx, TenantA, "lab.example", 9)); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	ok(t, e.PruneRuns(e.ctx, TenantA, noon().Add(time.Hour)))
	if got := at[[]provision.Run](t)(e.Runs(e.ctx, TenantA, "", 9)); len(got) != 1 || got[0].ID != "r2" {
		t.Errorf("%+v", got)
	}
	k := key(TenantA)
	k.Staging = true
	p := provision.Preview{
		Key: k, Object: "o1", Verdict: provision.WouldCreate, Reason: provision.NoRoutableName, Name: "n", UPN: "Å@b", Address: "c@d", Display: "x", Other: "o",
		OtherName: "on", Run: "r",
	}
	second := p
	second.Object, second.Verdict, second.UPN, second.Address, second.Run = "o2", provision.WouldConflict, "", "", "r2"
	ok(t, e.PutPreviews(e.ctx, []provision.Preview{second, second}[:1]))
	ok(t, e.PutPreviews(e.ctx, []provision.Preview{p}))
	if diff := cmp.Diff([]provision.Preview{p, second}, at[[]provision.Preview](t)(e.Previews(e.ctx, k, "", 9))); diff != "" {
		t.Error(diff)
	}
	for _, q := range []struct {
		query provision.PreviewQuery
		want  []provision.Preview
	}{
		{provision.PreviewQuery{Limit: 9}, []provision.Preview{p, second}},
		{provision.PreviewQuery{Limit: 9, Verdicts: []provision.Verdict{provision.WouldCreate, provision.WouldSkip}}, []provision.Preview{p}},
		{provision.PreviewQuery{Limit: 1, Skip: 1}, []provision.Preview{second}},
		{provision.PreviewQuery{Limit: 9, After: "o1"}, []provision.Preview{second}},
		{provision.PreviewQuery{Limit: 9, After: "o2"}, nil},
	} {
		if diff := cmp.Diff(q.want, at[[]provision.Preview](t)(e.PreviewPage(e.ctx, k, q.query))); diff != "" {
			t.Errorf("%+v: %s", q.query, diff)
		}
	}
	if diff := cmp.Diff(map[provision.Verdict]int{provision.WouldCreate: 1, provision.WouldConflict: 1}, at[map[provision.Verdict]int](t)(e.CountPreviews(e.ctx, k))); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"å@b", "c@d"} {
		if got := at[[]provision.Preview](t)(e.PreviewsNamed(e.ctx, k, []string{name})); len(got) != 1 {
			t.Errorf("%d named %s", len(got), name)
		}
	}
	ok(t, e.DropUnnamedPreviews(e.ctx, k, "r"))
	ok(t, e.DropPreviews(e.ctx, k, []string{"o3"}))
	if got := at[[]provision.Preview](t)(e.Previews(e.ctx, k, "", 9)); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	ok(t, e.DropPreviews(e.ctx, k, []string{"o1"}))
	if got := at[[]provision.Preview](t)(e.Previews(e.ctx, k, "", 9)); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func accountTests(t *testing.T, e *env) {
	p := whole(TenantA, 1)
	p.Password = provision.CloudPending
	ok(t, e.InsertPeople(e.ctx, []provision.Person{p, cloudPerson(2)}))
	r := provision.Role{Tenant: TenantA, Person: p.ID, Role: "Global Administrator", Name: "n", Operator: "op", At: noon()}
	ok(t, e.PutRole(e.ctx, r))
	ok(t, e.PutRole(e.ctx, r))
	for _, of := range [][]string{nil, {p.ID}} {
		if diff := cmp.Diff([]provision.Role{r}, at[[]provision.Role](t)(e.RolesOf(e.ctx, TenantA, of))); diff != "" {
			t.Error(diff)
		}
	}
	if err := e.PutRole(e.ctx, provision.Role{Tenant: TenantA, Person: "nobody", Role: "r"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody has a role: %v", err)
	}
	if !at[bool](t)(e.DropRole(e.ctx, TenantA, p.ID, r.Role)) || at[bool](t)(e.DropRole(e.ctx, TenantA, p.ID, r.Role)) {
		t.Error("a role is taken away once")
	}
	d := provision.Domain{Tenant: TenantA, Name: "corp.example", Token: "t"}
	ok(t, e.PutDomain(e.ctx, d))
	d.Verified = noon()
	ok(t, e.PutDomain(e.ctx, d))
	if diff := cmp.Diff([]provision.Domain{d}, at[[]provision.Domain](t)(e.TenantDomains(e.ctx, TenantA))); diff != "" {
		t.Error(diff)
	}
	if !at[bool](t)(e.DropDomain(e.ctx, TenantA, d.Name)) || at[bool](t)(e.DropDomain(e.ctx, TenantA, d.Name)) {
		t.Error("a domain is removed once")
	}
	c := provision.CloudPassword{Tenant: TenantA, Person: p.ID, Hash: "$x", Set: noon()}
	ok(t, e.PutCloudPassword(e.ctx, c))
	c.Superseded = noon().Add(time.Second)
	ok(t, e.PutCloudPassword(e.ctx, c))
	if diff := cmp.Diff([]provision.CloudPassword{c}, at[[]provision.CloudPassword](t)(e.CloudPasswords(e.ctx, TenantA, []string{p.ID, "nobody"}))); diff != "" {
		t.Error(diff)
	}
	if err := e.PutCloudPassword(e.ctx, provision.CloudPassword{Tenant: TenantA, Person: "nobody"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody has a password: %v", err)
	}
	moved := make([]bool, 6)
	race(len(moved), func(i int) {
		moved[i], _ = e.MovePassword(e.ctx, TenantA, p.ID, provision.CloudPending, provision.CloudWritten, "")
	})
	n := 0
	for _, m := range moved {
		if m {
			n++
		}
	}
	if n != 1 {
		t.Errorf("written %d times", n)
	}
	list := at[[]provision.Person](t)(e.ListPeople(e.ctx, TenantA, provision.Filter{Passwords: []provision.PasswordState{provision.CloudWritten}}))
	if len(list) != 1 || list[0].ID != p.ID {
		t.Errorf("%+v", list)
	}
	if list := at[[]provision.Person](t)(e.ListPeople(e.ctx, TenantA, provision.Filter{Cloud: true})); len(list) != 1 || list[0].ID != "cloud002" {
		t.Errorf("%+v", list)
	}
	if list := at[[]provision.Person](t)(e.ListPeople(e.ctx, TenantA, provision.Filter{Limit: 1, After: "cloud002"})); len(list) != 1 || list[0].ID != p.ID {
		t.Errorf("%+v", list)
	}
}
