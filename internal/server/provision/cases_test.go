package provision_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
)

func (y *yard) cases(q provision.ProblemQuery) []provision.Case {
	y.tb.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	return at[[]provision.Case](y.tb)(y.Cases(y.tb.Context(), org, q))
}

// TestCaseTellsBothParties: who the two are, which decisions have a chance, and which is the obvious one.
func TestCaseTellsBothParties(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	first, second := person(1), person(2)
	second.UPN, second.Disabled, second.DN = first.UPN, true, "CN=user2,OU=Archive,DC=corp,DC=example"
	y.synced(first, second)
	found := y.cases(provision.ProblemQuery{})
	if len(found) != 1 {
		t.Fatalf("%d cases", len(found))
	}
	c := found[0]
	if c.This.Name != `CORP\user2` || !c.This.Disabled || c.This.DN != second.DN || c.This.Person != "" || c.This.UPN != first.UPN {
		t.Errorf("this is %+v", c.This)
	}
	if c.That.Name != `CORP\user1` || c.That.Disabled || c.That.Cloud || c.That.Person == "" || c.That.Object != id(1) {
		t.Errorf("that is %+v", c.That)
	}
	if c.Suggested != provision.ChooseThat || !slices.Equal(c.Choices, []provision.Choice{provision.ChooseThis, provision.ChooseThat, provision.ChooseIgnore}) {
		t.Errorf("suggested %q of %v", c.Suggested, c.Choices)
	}
	// Whoever holds a role keeps the name: what would be refused isn't offered.
	ok(t, y.SetRole(t.Context(), org, "op", c.That.Person, "Global Administrator"))
	c = y.cases(provision.ProblemQuery{})[0]
	if slices.Contains(c.Choices, provision.ChooseThis) || c.Suggested != "" || !c.That.Role {
		t.Errorf("suggested %q of %v, role %v", c.Suggested, c.Choices, c.That.Role)
	}
}

func TestCaseOfACloudAccount(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.sync(tenant.Sync{AskSoftMatch: true})
	cloud := y.account(cloudAccount())
	y.synced(person(1))
	c := y.cases(provision.ProblemQuery{Reason: provision.SoftMatchAsk})[0]
	if !c.That.Cloud || c.That.Person != cloud.ID || !slices.Contains(c.Choices, provision.ChooseLink) {
		t.Fatalf("%+v of %v", c.That, c.Choices)
	}
	ok(t, y.DecideAbout(t.Context(), org, "karin", c.About(), provision.ChooseLink))
	if p := y.one(id(1)); p == nil || p.ID != cloud.ID {
		t.Errorf("linked to %+v", p)
	}
	list, total, err := y.Decided(t.Context(), org, 0, 10)
	if err != nil || total != 1 || list[0].Choice != provision.ChooseLink || list[0].Operator != "karin" || list[0].Name != `CORP\user1` || list[0].OtherName != `CORP\user1` {
		t.Errorf("%v, %d: %+v", err, total, list)
	}
	found, err := y.store.SearchAudit(t.Context(), org, audit.Query{Activity: "Decide sync conflict", Limit: 9})
	if err != nil || len(found) != 1 || found[0].Actor != "karin" {
		t.Errorf("%v: %+v", err, found)
	}
	if err := y.DecideAbout(t.Context(), org, "karin", c.About(), provision.ChooseLink); !errors.Is(err, provision.ErrNoObject) {
		t.Errorf("decided twice: %v", err)
	}
}

// TestDecideAboutLeavesTheRest: a card decides what stands on it, not what else the object has.
func TestDecideAboutLeavesTheRest(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	m := person(1)
	ok(t, y.store.PutDomain(t.Context(), provision.Domain{Tenant: org, Name: "mail.example", Token: "t", Verified: y.now}))
	a := y.agent("UA", "corp.example")
	a.ask(nil)
	a.must(protocol.SyncBatch{
		People: []protocol.SyncPerson{m}, Last: true, Cursor: []byte("c"),
		Faults: []protocol.SyncFault{{Object: m.Object, Name: m.SAM, Reason: protocol.FaultText, Attribute: "title"}},
	})
	found := y.cases(provision.ProblemQuery{})
	if len(found) != 2 {
		t.Fatalf("%d cases", len(found))
	}
	i := slices.IndexFunc(found, func(c provision.Case) bool { return c.Reason == provision.NoRoutableName })
	if !slices.Contains(found[i].Choices, provision.ChooseMail) {
		t.Errorf("choices %v", found[i].Choices)
	}
	ok(t, y.DecideAbout(t.Context(), org, "op", found[i].About(), provision.ChooseIgnore))
	if left := y.cases(provision.ProblemQuery{}); len(left) != 1 || left[0].Reason != protocol.FaultText {
		t.Errorf("left: %+v", left)
	}
}

// TestForgetIsJudgedAnew: what was decided and taken back is asked again, also when the object has an account by now.
func TestForgetIsJudgedAnew(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	first, second := person(1), person(2)
	second.UPN = first.UPN
	a := y.synced(first, second)
	c := y.cases(provision.ProblemQuery{})[0]
	ok(t, y.DecideAbout(t.Context(), org, "op", c.About(), provision.ChooseThat))
	if p := y.one(id(2)); p == nil || p.UPN != "" {
		t.Fatalf("goes without the name as %+v", p)
	}
	if g := a.ask(nil); g.Run != "" {
		t.Fatal("a decision asks for a full run")
	}
	ok(t, y.Forget(t.Context(), org, "op", id(2)))
	if g := a.ask(nil); g.Run == "" {
		t.Fatal("nobody reads the directory again")
	}
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{first, second}, Last: true, Cursor: []byte("c2")})
	if left := y.cases(provision.ProblemQuery{}); len(left) != 1 || left[0].Reason != provision.UPNTaken || left[0].Object != id(2) {
		t.Errorf("asked again: %+v", left)
	}
}

// TestKeepDeletions: everybody stays until the directory has been read again, and then the guard asks again.
func TestKeepDeletions(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(people(1, 40)...)
	a.gone(objects(1, 20)...)
	w := at[provision.Waits](t)(y.Waits(t.Context(), org))
	if !slices.Equal(w.Stopped, []string{"corp.example"}) {
		t.Fatalf("%+v", w)
	}
	pending := at[[]provision.Person](t)(y.Pending(t.Context(), org, "Corp.Example", 5))
	if len(pending) != 5 || !pending[0].Missing {
		t.Errorf("pending %+v", pending)
	}
	n := at[int](t)(y.KeepDeletions(t.Context(), org, "corp.example", "karin"))
	w = at[provision.Waits](t)(y.Waits(t.Context(), org))
	if n != 20 && n != 19 || len(w.Stopped) != 0 || y.count() != len(people(1, 40)) {
		t.Errorf("%d kept, %d people, stopped %v", n, y.count(), w.Stopped)
	}
	if g := a.ask(nil); g.Run == "" {
		t.Fatal("no full run was asked for")
	}
	a.must(protocol.SyncBatch{People: people(21, 40), Last: true, Cursor: []byte("c9")})
	w = at[provision.Waits](t)(y.Waits(t.Context(), org))
	if len(w.Stopped) != 1 || y.count() != len(people(1, 40)) {
		t.Errorf("the guard doesn't ask again: %+v, %d people", w, y.count())
	}
	if _, err := y.KeepDeletions(t.Context(), org, "other.example", "op"); !errors.Is(err, provision.ErrNoDomain) {
		t.Errorf("another domain: %v", err)
	}
	y.now = y.now.Add(time.Hour)
	if w = at[provision.Waits](t)(y.Waits(t.Context(), org)); len(w.Stopped)+len(w.Unheld) != 1 {
		t.Errorf("%+v", w)
	}
}

// TestWantPreview: an agent that stages all the time is asked to read again; otherwise the one that brings the domain in is
// named.
func TestWantPreview(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.synced(person(1))
	type answer struct {
		going, asked bool
		holder       string
	}
	want := func() (a answer) {
		var err error
		a.going, a.asked, a.holder, err = y.WantPreview(t.Context(), org, "Corp.Example")
		ok(t, err)
		return a
	}
	if diff := cmp.Diff(answer{holder: "UA"}, want(), cmp.AllowUnexported(answer{})); diff != "" {
		t.Error(diff)
	}
	s := y.agent("US", "corp.example")
	s.staging = true
	s.ask(nil)
	if got := want(); !got.going || got.asked {
		t.Errorf("while it reads: %+v", got)
	}
	s.must(protocol.SyncBatch{People: []protocol.SyncPerson{person(2)}, Last: true, Cursor: []byte("c")})
	if got := want(); got.going || !got.asked {
		t.Errorf("while it stages: %+v", got)
	}
	if g := s.ask(nil); g.Run == "" {
		t.Error("it isn't asked to read again")
	}
	s.ask(func(a *protocol.SyncAsk) { a.Release = true })
	if got := want(); got.going || got.asked {
		t.Errorf("given back: %+v", got)
	}
	list := at[[]provision.Preview](t)(y.PreviewPage(t.Context(), org, "corp.example", provision.PreviewQuery{Verdicts: []provision.Verdict{provision.WouldCreate}, Limit: 9}))
	if len(list) != 1 || !strings.HasSuffix(list[0].Name, "user2") {
		t.Errorf("%+v", list)
	}
	if list = at[[]provision.Preview](t)(y.PreviewPage(t.Context(), org, "corp.example", provision.PreviewQuery{Verdicts: []provision.Verdict{provision.WouldConflict}, Limit: 9})); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}
