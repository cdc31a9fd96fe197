package provision_test

import (
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/test/pgtest"
)

const org = "contoso"

// yard is an engine on a real store, with a clock that stands still until it is moved.
type yard struct {
	*provision.Engine
	tb    testing.TB
	store *store.Store
	now   time.Time
}

func newYard(tb testing.TB) *yard { return yardOn(tb, storetest.New(tb)) }

func yardOn(tb testing.TB, s *store.Store) *yard {
	tb.Helper()
	y := &yard{tb: tb, store: s, now: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)}
	y.Engine = provision.New(provision.Deps{Store: s, Now: func() time.Time { return y.now }, Log: slog.New(slog.DiscardHandler)})
	ok(tb, s.CreateTenant(tb.Context(), tenant.Tenant{ID: org, Name: "Contoso", Account: "AC", Created: y.now}))
	return y
}

func ok(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func at[T any](tb testing.TB) func(T, error) T {
	return func(v T, err error) T {
		tb.Helper()
		ok(tb, err)
		return v
	}
}

func (y *yard) settings(s tenant.Settings) {
	_, err := y.store.ChangeTenant(y.tb.Context(), org, func(_ *store.Store, now *tenant.Tenant) error {
		now.Settings = s
		return nil
	})
	ok(y.tb, err)
}

func (y *yard) sync(s tenant.Sync) { y.settings(tenant.Settings{Sync: s}) }

// agent syncs one domain as an agent would.
type agent struct {
	*yard
	id, domain, netbios string
	scope               string
	staging             bool
	grant               protocol.SyncGrant
}

func (y *yard) agent(id, domain string) *agent {
	return &agent{yard: y, id: id, domain: domain, netbios: strings.ToUpper(strings.SplitN(domain, ".", 2)[0]), scope: "s1"}
}

// synced is an agent whose domain had its first full run, with those people.
func (y *yard) synced(people ...protocol.SyncPerson) *agent {
	a := y.agent("UA", "corp.example")
	a.full(people...)
	return a
}

func (a *agent) ask(change func(*protocol.SyncAsk)) protocol.SyncGrant {
	a.tb.Helper()
	ask := protocol.SyncAsk{
		Version: protocol.Version, Agent: a.id, Domain: a.domain, NetBIOS: a.netbios, Epoch: a.grant.Epoch, Scope: a.scope, Staging: a.staging,
		Mode: protocol.SyncByDirSync, At: protocol.MilliOf(a.now),
	}
	if change != nil {
		change(&ask)
	}
	g := a.Lease(a.tb.Context(), org, provision.Agent{ID: a.id, Machine: "host-" + a.id}, ask)
	if g.OK && !ask.Release {
		a.grant = g
	}
	return g
}

func (a *agent) batch(b protocol.SyncBatch) protocol.SyncBatch {
	b.Version, b.Agent, b.Domain, b.NetBIOS, b.Staging = protocol.Version, a.id, a.domain, a.netbios, a.staging
	b.Epoch, b.Seq, b.Run = a.grant.Epoch, a.grant.Seq, a.grant.Run
	return b
}

// send sends the batch that comes next and goes on when it was taken.
func (a *agent) send(b protocol.SyncBatch) protocol.SyncAck {
	a.tb.Helper()
	a.now = a.now.Add(time.Millisecond)
	ack := a.Apply(a.tb.Context(), org, a.id, a.batch(b))
	if ack.OK {
		a.grant.Seq = ack.Seq
		if b.Last {
			a.grant.Run = ""
		}
	}
	return ack
}

func (a *agent) must(b protocol.SyncBatch) protocol.SyncAck {
	a.tb.Helper()
	ack := a.send(b)
	if !ack.OK {
		a.tb.Fatalf("batch refused: %s %s", ack.Reason, ack.Message)
	}
	return ack
}

// full does a full run with those people.
func (a *agent) full(people ...protocol.SyncPerson) protocol.SyncAck {
	a.tb.Helper()
	if _, err := a.store.WantFull(a.tb.Context(), org, a.domain); err != nil {
		a.tb.Fatal(err)
	}
	if g := a.ask(nil); !g.OK || g.Run == "" {
		a.tb.Fatalf("no full run granted: %+v", g)
	}
	return a.must(protocol.SyncBatch{People: people, Last: true, Cursor: []byte("c1")})
}

// change sends changed people.
func (a *agent) change(people ...protocol.SyncPerson) protocol.SyncAck {
	a.tb.Helper()
	return a.must(protocol.SyncBatch{People: people, Cursor: []byte("c2")})
}

func (a *agent) gone(objects ...string) protocol.SyncAck {
	a.tb.Helper()
	var list []protocol.SyncGone
	for _, o := range objects {
		list = append(list, protocol.SyncGone{Object: o, Why: protocol.GoneDeleted})
	}
	return a.must(protocol.SyncBatch{Gone: list, Cursor: []byte("c3")})
}

// id is the object id of the nth person or group of a test.
func id(n int) string { return fmt.Sprintf("%032x", n) }

// person is the nth person of a directory.
func person(n int) protocol.SyncPerson {
	name := fmt.Sprintf("user%d", n)
	return protocol.SyncPerson{
		Object: id(n), Anchor: id(n), DN: "CN=" + name + ",OU=Staff,DC=corp,DC=example", SAM: name, UPN: name + "@corp.example",
		Mail: name + "@mail.example", Proxies: []string{"SMTP:" + name + "@mail.example", "smtp:" + name + "@old.example"}, DisplayName: "User " + fmt.Sprint(n),
		GivenName: "User", Surname: fmt.Sprint(n),
	}
}

func (y *yard) find(name string) (found []provision.Person) {
	y.tb.Helper()
	return at[[]provision.Person](y.tb)(y.store.FindPeople(y.tb.Context(), org, name))
}

// one returns the living person of an object, or nil.
func (y *yard) one(object string) *provision.Person {
	y.tb.Helper()
	for _, p := range at[[]provision.Person](y.tb)(y.store.PeopleByObject(y.tb.Context(), org, []string{object})) {
		if p.Living() {
			return &p
		}
	}
	return nil
}

func (y *yard) account(a provision.Account) provision.Person {
	y.tb.Helper()
	return at[provision.Person](y.tb)(y.CreateAccount(y.tb.Context(), org, "op", a))
}

// problem returns the only problem of an object; none has no reason.
func (y *yard) problem(object string) provision.Problem {
	y.tb.Helper()
	found := at[[]provision.Problem](y.tb)(y.store.ProblemsOf(y.tb.Context(), org, []string{object}))
	if len(found) > 1 {
		y.tb.Fatalf("%d problems: %+v", len(found), found)
	}
	if len(found) == 0 {
		return provision.Problem{}
	}
	return found[0]
}

func (y *yard) count() int {
	y.tb.Helper()
	return at[int](y.tb)(y.store.CountPeople(y.tb.Context(), org))
}

// BenchmarkApply20000SQLite measures by processor time too: the machine may be busy with other things.
func BenchmarkApply20000SQLite(b *testing.B) { benchmarkApply(b, storetest.SQLite) }

func BenchmarkApply20000PostgreSQL(b *testing.B) { benchmarkApply(b, pgtest.Start) }

func benchmarkApply(b *testing.B, dsn func(testing.TB) string) {
	const n = 20_000
	for b.Loop() {
		a := yardOn(b, storetest.Open(b, dsn(b))).agent("UA", "corp.example")
		for _, unit := range []string{"people", "unchanged"} {
			began, used := time.Now(), processorTime(b)
			firstSync(a, n)
			b.ReportMetric(n/time.Since(began).Seconds(), unit+"/s")
			b.ReportMetric((processorTime(b) - used).Seconds(), unit+"-cpu-s")
		}
		began := time.Now()
		changed := person(7)
		changed.DisplayName = fmt.Sprint("Changed ", b.N)
		a.change(changed)
		b.ReportMetric(float64(time.Since(began).Microseconds()), "us/delta")
		began = time.Now()
		for i := range 100 {
			a.find(fmt.Sprintf("user%d@old.example", i*150))
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/100, "us/find")
	}
}

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	ok(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// firstSync does a full run of n people and n/40 groups of 40.
func firstSync(a *agent, n int) int {
	_, err := a.store.WantFull(a.tb.Context(), org, "")
	ok(a.tb, err)
	a.ask(nil)
	const size = 1000
	for from := 0; from < n; from += size {
		var people []protocol.SyncPerson
		for i := from; i < min(from+size, n); i++ {
			people = append(people, person(i))
		}
		a.must(protocol.SyncBatch{People: people, Cursor: []byte{byte(from)}})
	}
	for from := 0; from < n; from += 40 * 40 {
		var groups []protocol.SyncGroup
		for g := from; g < min(from+40*40, n); g += 40 {
			var members []string
			for i := range 40 {
				members = append(members, id(g+i))
			}
			groups = append(groups, protocol.SyncGroup{Object: id(1_000_000 + g), DN: "CN=g", Name: fmt.Sprint("Group ", g), Token: a.grant.Run, Complete: true, Added: members})
		}
		a.must(protocol.SyncBatch{Groups: groups})
	}
	a.must(protocol.SyncBatch{Last: true, Cursor: []byte("end")})
	return n
}
