package provision_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
)

func TestLeaseIsOneAgents(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a, b := y.agent("UA", "corp.example"), y.agent("UB", "Corp.Example")
	first := a.ask(nil)
	if !first.OK || first.Epoch != 1 || first.Seq != 1 || first.Run == "" {
		t.Fatalf("%+v", first)
	}
	if g := b.ask(nil); g.OK || g.Reason != protocol.ReasonSyncHeld || g.Holder != "host-UA" {
		t.Fatalf("two hold it: %+v", g)
	}
	if g := a.ask(nil); g.Epoch != first.Epoch || g.Run != first.Run {
		t.Fatalf("prolonged to %+v", g)
	}
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{person(1)}, Cursor: []byte("half")})
	ok(t, y.FreeLeases(t.Context(), "UA")) // known to be gone
	second := b.ask(nil)
	if !second.OK || second.Epoch != 2 || second.Run != first.Run || string(second.Cursor) != "half" || second.Seq != 2 {
		t.Fatalf("took over with %+v", second)
	}
	if ack := a.send(protocol.SyncBatch{People: []protocol.SyncPerson{person(2)}}); ack.Reason != protocol.ReasonSyncFenced {
		t.Fatalf("the old agent's batch: %+v", ack)
	}
	b.must(protocol.SyncBatch{People: []protocol.SyncPerson{person(2)}, Last: true, Cursor: []byte("end")})
	if y.count() != 2 {
		t.Errorf("%d people", y.count())
	}
	y.now = y.now.Add(protocol.LeaseLife + time.Second)
	a.grant = protocol.SyncGrant{}
	if g := a.ask(nil); !g.OK || g.Epoch != 3 || g.Run != "" || string(g.Cursor) != "end" {
		t.Errorf("after it was over: %+v", g)
	}
	if g := a.ask(func(s *protocol.SyncAsk) { s.Release = true }); !g.OK {
		t.Errorf("%+v", g)
	}
	if g := b.ask(nil); !g.OK || g.Epoch != 4 {
		t.Errorf("after it was given back: %+v", g)
	}
	// The same agent started anew: what the process before it still sends doesn't count.
	old := *b
	b.grant = protocol.SyncGrant{}
	b.ask(nil)
	if ack := old.send(protocol.SyncBatch{}); ack.Reason != protocol.ReasonSyncFenced {
		t.Errorf("%+v", ack)
	}
}

func TestBatchesAreInOrderAndOnce(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(person(1))
	b := a.batch(protocol.SyncBatch{People: []protocol.SyncPerson{person(2)}, Cursor: []byte("c2")})
	for range 3 { // the acknowledgement was lost
		if ack := a.Apply(t.Context(), org, a.id, b); !ack.OK || ack.Seq != b.Seq+1 {
			t.Fatalf("%+v", ack)
		}
	}
	for name, change := range map[string]func(*protocol.SyncBatch){
		"one too far": func(b *protocol.SyncBatch) { b.Seq += 2 },
		"long past":   func(b *protocol.SyncBatch) { b.Seq-- },
	} {
		wrong := b
		change(&wrong)
		if ack := a.Apply(t.Context(), org, a.id, wrong); ack.Reason != protocol.ReasonSyncOrder || ack.Seq != b.Seq+1 {
			t.Errorf("%s: %+v", name, ack)
		}
	}
	a.grant.Seq = b.Seq + 1
	if ack := a.send(protocol.SyncBatch{Run: "x"}); !ack.OK {
		t.Errorf("%+v", ack)
	}
	wrong := a.batch(protocol.SyncBatch{})
	wrong.Run = "another"
	if ack := a.Apply(t.Context(), org, a.id, wrong); ack.Reason != protocol.ReasonSyncRestart {
		t.Errorf("another run: %+v", ack)
	}
	wrong.Domain = ""
	if ack := a.Apply(t.Context(), org, a.id, wrong); ack.Reason != protocol.ReasonMalformed {
		t.Errorf("no domain: %+v", ack)
	}
	if ack := a.Apply(t.Context(), org, "UB", a.batch(protocol.SyncBatch{})); ack.Reason != protocol.ReasonSyncFenced {
		t.Errorf("another agent: %+v", ack)
	}
	if ack := a.Apply(t.Context(), "nobody", a.id, a.batch(protocol.SyncBatch{})); ack.OK {
		t.Errorf("another tenant: %+v", ack)
	}
	ok(t, y.SetOff(t.Context(), org, "corp.example", "op", true))
	if ack := a.send(protocol.SyncBatch{}); ack.Reason != protocol.ReasonSyncOff {
		t.Errorf("turned off: %+v", ack)
	}
	if g := a.ask(nil); g.Reason != protocol.ReasonSyncOff {
		t.Errorf("turned off: %+v", g)
	}
	ok(t, y.SetOff(t.Context(), org, "corp.example", "op", false))
	if g := a.ask(nil); !g.OK {
		t.Errorf("turned on: %+v", g)
	}
}

func TestFullRunsAreAskedFor(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(person(1))
	if g := a.ask(nil); g.Run != "" || string(g.Cursor) != "c1" {
		t.Fatalf("%+v", g)
	}
	a.scope = "s2"
	g := a.ask(nil)
	if g.Run == "" || len(g.Cursor) != 0 {
		t.Fatalf("another scope: %+v", g)
	}
	if again := a.ask(nil); again.Run != g.Run {
		t.Errorf("the run changed: %+v", again)
	}
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{person(1)}})
	// A process that begins without a cursor reads everything anew: a run of its own, so that nobody is missed.
	a.grant = protocol.SyncGrant{}
	if again := a.ask(nil); again.Run == "" || again.Run == g.Run || len(again.Cursor) != 0 {
		t.Errorf("after a crash: %+v", again)
	}
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{person(1)}, Cursor: []byte("r1")})
	run := a.grant.Run
	a.grant = protocol.SyncGrant{}
	if again := a.ask(nil); again.Run != run || string(again.Cursor) != "r1" {
		t.Errorf("with a cursor: %+v", again)
	}
	if again := a.ask(func(s *protocol.SyncAsk) { s.Restart = true }); again.Run == run || len(again.Cursor) != 0 {
		t.Errorf("the cursor is of no use: %+v", again)
	}
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{person(1)}, Last: true, Cursor: []byte("c9")})
	ok(t, y.WantFull(t.Context(), org, "CORP.example", "op"))
	if g := a.ask(nil); g.Run == "" {
		t.Errorf("asked for: %+v", g)
	}
	if err := y.WantFull(t.Context(), org, "nowhere.example", "op"); err == nil {
		t.Error("asked for a domain that nobody syncs")
	}
	runs := at[[]provision.Run](t)(y.Runs(t.Context(), org, "", 20))
	status := map[string]int{}
	for _, r := range runs {
		status[r.Status]++
	}
	if status[provision.RunSuperseded] != 2 || status[provision.RunDone] != 2 || status[provision.RunGoing] != 1 {
		t.Errorf("%v", status)
	}
}

func people(from, to int) (list []protocol.SyncPerson) {
	for n := from; n < to; n++ {
		list = append(list, person(n))
	}
	return list
}

func objects(from, to int) (list []string) {
	for n := from; n < to; n++ {
		list = append(list, id(n))
	}
	return list
}

func TestDeletionGuard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		settings   tenant.Sync
		all, goes  int
		want, left int // pending; living afterwards
	}{
		{"few of few", tenant.Sync{}, 10, 4, 0, 6},
		{"a tenth", tenant.Sync{}, 100, 10, 0, 90},
		{"more than a tenth", tenant.Sync{}, 100, 11, 11, 100},
		{"five of few", tenant.Sync{}, 10, 5, 5, 10},
		{"500 of thousands", tenant.Sync{}, 5100, 500, 0, 4600},
		{"501 of thousands, less than a tenth", tenant.Sync{}, 5100, 501, 501, 5100},
		{"more than the number", tenant.Sync{DeleteLimit: 6, DeletePercent: 90}, 100, 7, 7, 100},
		{"another share", tenant.Sync{DeletePercent: 50}, 20, 10, 0, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, way := range []string{"gone", "unnamed"} {
				y := newYard(t)
				y.sync(c.settings)
				a := y.synced(people(0, c.all)...)
				var ack protocol.SyncAck
				if way == "gone" {
					ack = a.gone(objects(0, c.goes)...)
				} else {
					ack = a.full(people(c.goes, c.all)...)
				}
				if ack.Pending != c.want || y.count() != c.left {
					t.Errorf("%s: %d pending, %d left", way, ack.Pending, y.count())
				}
				s := at[[]provision.Status](t)(y.State(t.Context(), org))[0]
				if s.Stopped != (c.want > 0) || s.LastRun.Status == provision.RunStopped != (c.want > 0) {
					t.Errorf("%s: stopped %v, %s", way, s.Stopped, s.LastRun.Status)
				}
				if c.want == 0 {
					continue
				}
				n := at[int](t)(y.AllowDeletions(t.Context(), org, "corp.example", "op"))
				if n != c.goes || y.count() != c.all-n {
					t.Errorf("%s: %d deleted, %d left", way, n, y.count())
				}
				if ack := a.gone(id(c.all - 1)); ack.Pending != 0 { // what was allowed doesn't count
					t.Errorf("%s: %+v", way, ack)
				}
			}
		})
	}
}

func TestWhoComesBackIsNotDeleted(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(people(0, 100)...)
	a.gone(objects(0, 30)...)
	if ack := a.change(people(0, 15)...); ack.Pending != 15 {
		t.Fatalf("%+v", ack)
	}
	// Fewer than the limit now: they go, as they would have at first.
	if ack := a.change(people(15, 20)...); ack.Pending != 0 || y.count() != 90 || y.one(id(0)) == nil {
		t.Errorf("%+v, %d left", ack, y.count())
	}
}

func TestManySmallDeletionsAreOneLargeOne(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(people(0, 100)...)
	for n := range 10 {
		if ack := a.gone(id(n)); ack.Pending != 0 {
			t.Fatalf("after %d: %+v", n, ack)
		}
	}
	if ack := a.gone(id(10)); ack.Pending != 1 || y.count() != 90 {
		t.Fatalf("%+v, %d left", ack, y.count())
	}
	y.now = y.now.Add(61 * time.Minute)
	ok(t, y.Sweep(t.Context(), org))
	if y.count() != 89 {
		t.Errorf("%d left an hour later", y.count())
	}
}

func TestDeletedComesBackAsTheSame(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(person(1), person(2))
	before := y.one(id(1))
	a.gone(id(1))
	if len(y.find("user1")) != 0 || len(y.find("user1@old.example")) != 0 {
		t.Fatal("still found")
	}
	taker := person(3)
	taker.UPN = "user1@corp.example" // the name is free
	a.change(taker)
	a.change(person(1)) // and now taken: it has to wait
	if y.one(id(1)) != nil || y.problem(id(1)).Reason != provision.UPNTaken {
		t.Fatalf("%+v", y.problem(id(1)))
	}
	a.gone(id(3))
	if p := y.one(id(1)); p == nil || p.ID != before.ID {
		t.Fatalf("%+v", p)
	}
	a.gone(id(1))
	y.now = y.now.Add(31 * 24 * time.Hour)
	ok(t, y.Sweep(t.Context(), org))
	a.change(person(1))
	if p := y.one(id(1)); p == nil || p.ID == before.ID {
		t.Errorf("after thirty days: %+v", p)
	}
}

func TestAnotherDomainsObjectsAreSafe(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(person(1), person(2))
	b := y.agent("UB", "lab.example")
	b.full(person(3))
	b.gone(id(1))
	b.full(person(3))
	b.change(person(2))
	if y.count() != 3 || y.one(id(2)).Domain != "corp.example" || y.problem(id(2)).Reason != provision.OtherDomain {
		t.Fatalf("%d people, %+v", y.count(), y.problem(id(2)))
	}
	mine := y.one(id(2))
	a.gone(id(2)) // moved, in truth
	if p := y.one(id(2)); p == nil || p.Domain != "lab.example" || p.ID != mine.ID {
		t.Errorf("%+v", p)
	}
}

func TestBadObjectsNeverStopARun(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	long := person(3)
	long.UPN, long.DisplayName, long.DN = strings.Repeat("å", 4000)+"@corp.example", strings.Repeat("x", 64<<10), strings.Repeat("y", 64<<10)
	for range 1000 {
		long.Proxies = append(long.Proxies, fmt.Sprintf("smtp:%d@%s", len(long.Proxies), strings.Repeat("z", 1000)), "x500:/o=a", "smtp:", "SMTP:noat")
	}
	odd := person(4)
	odd.DisplayName, odd.UPN, odd.Mail, odd.Proxies = "nul\x00 and \xff", "", "", nil
	twin := person(5)
	twin.UPN = "odd\x00@corp.example"
	other := person(6)
	other.UPN = "odd\xff@corp.example" // the same once it is stored
	nameless, idless := person(7), person(8)
	nameless.SAM, idless.Object = "", "zz"
	a := y.synced(person(1), person(2), long, odd, twin, other, nameless, idless, person(1))
	if y.count() != 5 {
		t.Errorf("%d people", y.count())
	}
	a.full(person(2)) // and again everything at once
	ack := a.must(protocol.SyncBatch{
		Faults: []protocol.SyncFault{
			{Object: id(2), Name: `CORP\user2`, Attribute: "mail", Reason: protocol.FaultText, Detail: strings.Repeat("d", 9000)},
			{Object: id(9), Reason: protocol.FaultUnreadable, Left: true},
			{Object: "zz", Reason: "something new"},
		},
		Groups: []protocol.SyncGroup{{Object: "zz"}, {Object: id(50), Name: strings.Repeat("n", 5000), Added: []string{"zz", id(2), id(2)}}},
		Gone:   []protocol.SyncGone{{Object: "zz"}},
	})
	if !ack.OK {
		t.Errorf("%+v", ack)
	}
	if found := at[[]provision.Explained](t)(y.Problems(t.Context(), org, "", 50)); len(found) < 3 {
		t.Errorf("%+v", found)
	}
	a.change(person(2)) // without a fault
	if p := y.problem(id(2)); p.Reason != "" {
		t.Errorf("%+v", p)
	}
}

// TestLeftOutIsNotGone: an object that can't be read is still there.
func TestLeftOutIsNotGone(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(person(1), person(2))
	ok(t, y.WantFull(t.Context(), org, "", "op"))
	a.ask(nil)
	a.must(protocol.SyncBatch{
		People: []protocol.SyncPerson{person(2)}, Faults: []protocol.SyncFault{{Object: id(1), Reason: protocol.FaultUnreadable, Left: true}}, Last: true,
		Cursor: []byte("c"),
	})
	if y.count() != 2 || y.problem(id(1)).Reason != protocol.FaultUnreadable {
		t.Errorf("%d people, %+v", y.count(), y.problem(id(1)))
	}
}

func TestUnchangedCostsNoRows(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(people(0, 50)...)
	before := y.one(id(7)).Updated
	y.now = y.now.Add(time.Minute)
	a.full(people(0, 50)...)
	r := at[[]provision.Run](t)(y.Runs(t.Context(), org, "", 1))[0]
	if r.Unchanged != 50 || r.Updated+r.Added != 0 || !y.one(id(7)).Updated.Equal(before) {
		t.Errorf("%+v", r)
	}
	a.change(person(7))
	if runs := at[[]provision.Run](t)(y.Runs(t.Context(), org, "", 9)); len(runs) != 2 {
		t.Errorf("%d lines of history for nothing", len(runs))
	}
}

func TestGroupsAndScope(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.synced(people(0, 6)...)
	group := func(n int, name string, members ...int) protocol.SyncGroup {
		g := protocol.SyncGroup{Object: id(100 + n), DN: "CN=" + name, Name: name, Token: "t" + fmt.Sprint(len(members), n), Complete: true}
		for _, m := range members {
			g.Added = append(g.Added, id(m))
		}
		return g
	}
	// 0 in All; 1 in Sub, which is in All; 2 in Loop, which is in Sub and has All in it.
	a.must(protocol.SyncBatch{Groups: []protocol.SyncGroup{group(0, "All", 0, 101), group(1, "Sub", 1, 102), group(2, "Loop", 2, 100)}})
	org1 := tenant.Tenant{ID: org, Settings: tenant.Settings{ResetScope: tenant.ScopeSelected, ResetGroup: id(100)}}
	in := func() (list []int) {
		for n := range 6 {
			if at[bool](t)(y.InScope(t.Context(), org1, *y.one(id(n)))) {
				list = append(list, n)
			}
		}
		return list
	}
	if got := fmt.Sprint(in()); got != "[0 1 2]" {
		t.Errorf("in scope: %s", got)
	}
	n, all, err := y.ScopeCount(t.Context(), org, tenant.ScopeSelected, id(100))
	if err != nil || n != 3 || all != 6 {
		t.Errorf("%d of %d, %v", n, all, err)
	}
	if list := at[[]provision.Person](t)(y.PeopleOf(t.Context(), org, id(100), "", 10)); len(list) != 3 {
		t.Errorf("%d people listed", len(list))
	}
	if g := at[[]provision.Group](t)(y.FindGroups(t.Context(), org, "aLL")); len(g) != 1 || g[0].Object != id(100) {
		t.Errorf("%+v", g)
	}
	a.must(protocol.SyncBatch{Groups: []protocol.SyncGroup{{Object: id(101), Name: "Sub", DN: "CN=Sub", Added: []string{id(5)}, Removed: []string{id(102)}}}})
	if got := fmt.Sprint(in()); got != "[0 1 5]" {
		t.Errorf("after a change: %s", got)
	}
	// A list in two batches, a member fewer.
	first, second := group(1, "Sub", 1), group(1, "Sub", 4)
	first.Token, first.Complete, second.Token = "x", false, "x"
	a.must(protocol.SyncBatch{Groups: []protocol.SyncGroup{first}})
	a.must(protocol.SyncBatch{Groups: []protocol.SyncGroup{second}})
	if got := fmt.Sprint(in()); got != "[0 1 4]" {
		t.Errorf("after a new list: %s", got)
	}
	a.gone(id(101))
	if got := fmt.Sprint(in()); got != "[0]" {
		t.Errorf("after a group went: %s", got)
	}
	a.gone(id(100))
	if got := fmt.Sprint(in()); got != "[]" {
		t.Errorf("after the group of the scope went: %s", got)
	}
	org1.Settings.ResetScope = tenant.ScopeNone
	if len(in()) != 0 {
		t.Error("None lets somebody")
	}
	org1.Settings.ResetScope = tenant.ScopeAll
	if len(in()) != 6 {
		t.Error("All leaves somebody out")
	}
}

// A restored tombstone is in no group, and the directory says so nowhere. Who only left the scope is still a member.
func TestDeletedAreInNoGroup(t *testing.T) {
	t.Parallel()
	for why, stays := range map[string]bool{
		protocol.GoneDeleted: false, protocol.GoneMoved: true, protocol.GoneGroup: true, protocol.GoneFiltered: true,
	} {
		for _, guarded := range []bool{false, true} {
			y := newYard(t)
			if guarded { // the guard keeps the person; what the directory did to the group holds all the same
				y.sync(tenant.Sync{DeleteLimit: 1})
			}
			a := y.synced(people(0, 6)...)
			a.must(protocol.SyncBatch{Groups: []protocol.SyncGroup{
				{Object: id(100), DN: "CN=All", Name: "All", Token: "t", Complete: true, Added: []string{id(0), id(1), id(2), id(101)}},
				{Object: id(101), DN: "CN=Sub", Name: "Sub", Token: "u", Complete: true, Added: []string{id(3)}},
			}})
			gone := []protocol.SyncGone{{Object: id(1), Why: why}, {Object: id(2), Why: why}, {Object: id(101), Why: why}}
			a.must(protocol.SyncBatch{Gone: gone, Cursor: []byte("c2")})
			if kept := y.one(id(1)) != nil; kept != guarded {
				t.Fatalf("%s, guarded %v: kept %v", why, guarded, kept)
			}
			back := protocol.SyncGroup{Object: id(101), DN: "CN=Sub", Name: "Sub"}
			a.must(protocol.SyncBatch{People: people(1, 3), Groups: []protocol.SyncGroup{back}, Cursor: []byte("c3")})
			in := func(object string) bool { return at[bool](t)(y.store.InGroup(t.Context(), org, id(100), object)) }
			if got := []bool{in(id(0)), in(id(1)), in(id(2)), in(id(101))}; fmt.Sprint(got) != fmt.Sprint([]bool{true, stays, stays, stays}) {
				t.Errorf("%s, guarded %v: restored they are members: %v", why, guarded, got)
			}
		}
	}
}

// A page of a report always fits a message and gets on, however long names are.
func TestReportFitsAMessage(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.agent("UA", "corp.example")
	a.staging = true
	if g := a.ask(nil); g.Run == "" {
		t.Fatalf("%+v", g)
	}
	const many = 450
	some := people(0, many)
	for i := range some {
		some[i].UPN, some[i].Proxies, some[i].Mail = strings.Repeat("<", 300)+fmt.Sprint(i)+"@corp.example", nil, ""
	}
	a.must(protocol.SyncBatch{People: some, Last: true, Cursor: []byte("c1")})
	seen, pages := map[string]bool{}, 0
	ask := protocol.PreviewAsk{Domain: "CORP.example"}
	for {
		r := y.Report(t.Context(), org, ask)
		if _, err := protocol.Encode(r); err != nil || !r.OK || len(r.Rows) == 0 || len(r.Rows) > protocol.MaxPreviewRows {
			t.Fatalf("page %d: %d rows, %v", pages, len(r.Rows), err)
		}
		for _, row := range r.Rows {
			seen[row.Name] = true
			if row.Reason != "" && r.Why[row.Reason] == "" {
				t.Errorf("%s isn't explained", row.Reason)
			}
		}
		total := 0
		for _, n := range r.Counts {
			total += n
		}
		if total != many {
			t.Errorf("counts %v", r.Counts)
		}
		if pages++; r.Next == "" {
			break
		}
		ask.After = r.Next
	}
	if len(seen) != many || pages < 3 {
		t.Errorf("%d people on %d pages", len(seen), pages)
	}
	if r := y.Report(t.Context(), org, protocol.PreviewAsk{Domain: "lab.example"}); !r.OK || len(r.Rows) != 0 || r.Next != "" {
		t.Errorf("%+v", r)
	}
}

func TestStagingChangesNothing(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.account(cloudAccount())
	anchored := y.account(provision.Account{UPN: "anna@corp.example", Anchor: id(2)})
	admin := y.account(provision.Account{UPN: "root@corp.example"})
	ok(t, y.SetRole(t.Context(), org, "op", admin.ID, "Global Administrator"))
	a := y.agent("UA", "corp.example")
	a.staging = true
	root, twin := person(3), person(5)
	root.UPN = admin.UPN
	twin.UPN = "user4@corp.example"
	a.ask(nil)
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{person(1), person(2), root, person(4)}})
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{twin}, Last: true, Cursor: []byte("c")})
	list, counts, err := y.Previews(t.Context(), org, "corp.example", "", 50)
	ok(t, err)
	want := map[string]string{id(1): "join_soft", id(2): "join_hard", id(3): "conflict admin_role", id(4): "create", id(5): "conflict upn_taken"}
	for _, p := range list {
		if got := strings.TrimSpace(string(p.Verdict) + " " + string(p.Reason)); got != want[p.Object] {
			t.Errorf("%s: %s, want %s", p.Name, got, want[p.Object])
		}
		if p.Object == id(2) && p.Other != anchored.ID {
			t.Errorf("joined to %q", p.Other)
		}
	}
	if len(list) != 5 || counts[provision.WouldConflict] != 2 || y.count() != 3 || y.one(id(1)) != nil {
		t.Errorf("%d verdicts, %v, %d accounts", len(list), counts, y.count())
	}
	if found := at[[]provision.Explained](t)(y.Problems(t.Context(), org, "", 50)); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	// The active agent has a lease and a cursor of its own beside it.
	b := y.agent("UB", "corp.example")
	if g := b.ask(nil); !g.OK || g.Seq != 1 {
		t.Errorf("%+v", g)
	}
	a.gone(id(4))
	if list, _, _ := y.Previews(t.Context(), org, "corp.example", "", 50); len(list) != 4 {
		t.Errorf("%d verdicts after one went", len(list))
	}
	a.full(person(1))
	if list, _, _ := y.Previews(t.Context(), org, "corp.example", "", 50); len(list) != 1 {
		t.Errorf("%d verdicts after a full run", len(list))
	}
}
