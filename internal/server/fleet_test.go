package server

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/audit"
	"homeward/internal/server/commandkey"
	"homeward/internal/server/control"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/status"
	"homeward/internal/server/tenant"
)

// door is a relay whose connections the test decides; test/e2e has the real one.
type door struct {
	online  map[string]bool
	kicked  []string
	revoked []string
}

func (*door) Conn(context.Context, string) (*nats.Conn, error) {
	return nil, errors.New("no relay in this test")
}
func (d *door) Online(_, agent string) bool { return d.online[agent] }
func (d *door) Lost(string, string) <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
func (d *door) Kick(_, agent string) { d.kicked = append(d.kicked, agent); delete(d.online, agent) }
func (d *door) Revoke(_ context.Context, _, agent string) error {
	d.revoked = append(d.revoked, agent)
	delete(d.online, agent)
	return nil
}

// yard is a fleet over a real database.
type yard struct {
	*fleet.Fleet
	*fleet.Uplink
	b       *bench
	door    *door
	records []audit.Record
}

type noResults struct{}

func (noResults) Result(context.Context, string, string, protocol.Result) error { return nil }

// pages takes every page; what is imported is provision's business.
type pages struct{}

func (pages) Page(_ context.Context, _, _ string, p protocol.People) (bool, error) {
	return p.Last, nil
}

func newYard(t *testing.T, b *bench) *yard {
	t.Helper()
	y := &yard{b: b, door: &door{online: map[string]bool{}}}
	y.Fleet = fleet.New(fleet.Deps{
		Store: agents{b.store}, Relay: y.door, Now: b.clock, Log: slog.New(slog.DiscardHandler),
		Tenants: func(context.Context, string) (tenant.Tenant, error) { return b.tenant, nil },
		Record:  func(_ context.Context, _ string, r audit.Record) { y.records = append(y.records, r) },
	})
	y.Uplink = &fleet.Uplink{
		Fleet: y.Fleet, Results: noResults{}, Imports: pages{},
		TenantOf: func(context.Context, string) (string, error) { return "contoso", nil },
	}
	return y
}

// enrolled stores an approved agent that is online.
func (y *yard) enrolled(t *testing.T, id string, edit ...func(*enrol.Agent)) {
	t.Helper()
	k, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	a := enrol.Agent{
		Tenant: "contoso", ID: id, Machine: "SRV-" + id, SealKey: k.Public().Bytes(), KeyID: k.Public().ID().String(),
		Protocol: 1, Status: enrol.Approved, Created: y.b.clock(), ImportWanted: true,
	}
	for _, e := range edit {
		e(&a)
	}
	if err := y.b.store.SaveAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	y.door.online[id] = true
}

// send hands one upward message in, as JSON, and decodes the answer.
func (y *yard) send(t *testing.T, agent, kind string, message, answer any) {
	t.Helper()
	data, ok := message.([]byte)
	if !ok {
		var err error
		if data, err = protocol.Encode(message); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(y.Handle(t.Context(), protocol.Uplink{Account: "AACC", Agent: agent, Kind: kind}, data))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, answer); err != nil {
		t.Fatal(err)
	}
}

func domain(name string, ok bool) protocol.Domain {
	return protocol.Domain{Name: name, NetBIOS: "X", Directory: protocol.Directory{OK: ok, DC: "dc." + name}}
}

func (y *yard) hello(t *testing.T, agent string, domains ...protocol.Domain) protocol.HelloAnswer {
	t.Helper()
	var answer protocol.HelloAnswer
	y.send(t, agent, protocol.UpHello, protocol.Hello{
		Version: 2, MinVersion: 1, Agent: agent, Build: "2.0.0", Machine: "SRV-" + agent,
		Domain: domains[0].Name, Directory: domains[0].Directory, Domains: domains,
	}, &answer)
	if !answer.OK {
		t.Fatalf("%+v", answer)
	}
	return answer
}

// writers lists who may write a domain.
func (y *yard) writers(t *testing.T, domain string) []string {
	t.Helper()
	list, err := y.Writers(t.Context(), "contoso", domain)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, w := range list {
		ids = append(ids, w.Agent)
	}
	return ids
}

// TestEachDomainHasItsOwnWriters: one agent may serve several domains, and each counts by itself.
func TestEachDomainHasItsOwnWriters(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		y.enrolled(t, "U1")
		y.enrolled(t, "U2")
		y.hello(t, "U1", domain("Corp.Test", true), domain("child.corp.test", false))
		y.hello(t, "U2", domain("child.corp.test", true))
		for d, want := range map[string][]string{"corp.test": {"U1"}, "CHILD.corp.test": {"U2"}, "other.test": nil} {
			if got := y.writers(t, d); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", d, got, want)
			}
		}
		if got := y.writers(t, ""); len(got) != 2 {
			t.Errorf("any domain: %v", got)
		}
		// An agent answers for its own domains only.
		for d, want := range map[string]bool{"corp.test": true, "CHILD.corp.test": true, "other.test": false} {
			var ack protocol.Ack
			y.send(t, "U1", protocol.UpSync, protocol.People{Version: 2, Agent: "U1", Import: "i", Domain: d, Last: true}, &ack)
			if ack.OK != want {
				t.Errorf("people of %s: %+v", d, ack)
			}
		}
		// Who began to serve what is on record, once.
		y.hello(t, "U1", domain("corp.test", true), domain("child.corp.test", false), domain("\x1b[2Jevil.test", true))
		y.hello(t, "U1", domain("corp.test", true), domain("child.corp.test", false), domain("[2jevil.test", true))
		var served []string
		for _, r := range y.records {
			if r.Activity == "Serve domain" && r.Actor == "U1" {
				served = append(served, r.Detail)
			}
		}
		if want := []string{"corp.test child.corp.test", "[2jevil.test"}; !slices.Equal(served, want) {
			t.Errorf("on record: %q, want %q", served, want)
		}
		// Silent for more than three heartbeats.
		b.advance(66 * time.Second)
		if got := y.writers(t, "corp.test"); len(got) != 0 {
			t.Errorf("silent, and chosen: %v", got)
		}
	})
}

// TestVersion1AgentsStillWork sends the very bytes that version 1 sent.
func TestVersion1AgentsStillWork(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		for file, kind := range map[string]string{"hello": protocol.UpHello, "beat": protocol.UpBeat} {
			data, err := os.ReadFile(filepath.Join("..", "protocol", "testdata", "v1", file+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var who struct{ Agent, Domain string }
			if err := json.Unmarshal(data, &who); err != nil {
				t.Fatal(err)
			}
			if _, err := b.store.Agent(t.Context(), who.Agent); err != nil {
				y.enrolled(t, who.Agent, func(a *enrol.Agent) { a.Domain = "corp.contoso.test" })
			}
			var answer protocol.HelloAnswer
			y.send(t, who.Agent, kind, data, &answer)
			if !answer.OK || len(answer.CommandKeys) != 0 {
				t.Errorf("%s: %+v", file, answer)
			}
		}
		y.enrolled(t, "UOLD", func(a *enrol.Agent) { a.Domain = "old.test" })
		var answer protocol.HelloAnswer
		y.send(t, "UOLD", protocol.UpHello, protocol.Hello{Version: 1, MinVersion: 1, Agent: "UOLD", Build: "1", Machine: "m", Domain: "Old.Test", Directory: protocol.Directory{OK: true}}, &answer)
		if got := y.writers(t, "old.test"); !slices.Equal(got, []string{"UOLD"}) {
			t.Errorf("writers %v", got)
		}
		y.send(t, "UOLD", protocol.UpBeat, protocol.Beat{Version: 1, Agent: "UOLD", Directory: protocol.Directory{Reason: protocol.ReasonDirectoryDown}}, &answer)
		if got := y.writers(t, "old.test"); len(got) != 0 {
			t.Errorf("directory down, and chosen: %v", got)
		}
	})
}

// TestBestAgentFirst: not the one that failed, not the old one, not the busy one; and not the draining one at all.
func TestBestAgentFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		for _, id := range []string{"U1", "U2", "U3"} {
			y.enrolled(t, id)
			y.hello(t, id, domain("corp.test", true))
		}
		first := map[string]bool{}
		for range 100 {
			first[y.writers(t, "corp.test")[0]] = true
		}
		if len(first) != 3 {
			t.Errorf("equals don't share the load: %v", first)
		}
		var answer protocol.HelloAnswer
		y.send(t, "U1", protocol.UpBeat, protocol.Beat{Version: 2, Agent: "U1", Pending: 5, Domains: []protocol.Domain{domain("corp.test", true)}}, &answer)
		y.Left("U2") // its connection ended a moment ago, and it is back
		for range 20 {
			if got := y.writers(t, "corp.test"); !slices.Equal(got, []string{"U3", "U1", "U2"}) {
				t.Fatalf("order %v", got)
			}
		}
		if err := y.Drain(t.Context(), "contoso", "U3", "karin", false); err != nil {
			t.Fatal(err)
		}
		if got := y.writers(t, "corp.test"); !slices.Equal(got, []string{"U1", "U2"}) {
			t.Errorf("order %v with U3 drained", got)
		}
		if err := y.Drain(t.Context(), "contoso", "U1", "karin", false); err != nil {
			t.Fatal(err)
		}
		var lone *fleet.Lone
		if err := y.Drain(t.Context(), "contoso", "U2", "karin", false); !errors.As(err, &lone) || !slices.Equal(lone.Domains, []string{"corp.test"}) {
			t.Errorf("the last one is drained: %v", err)
		}
		y.Fleet = fleet.New(y.Deps) // as a restart does
		if got := y.writers(t, "corp.test"); !slices.Equal(got, []string{"U2"}) {
			t.Errorf("after a restart: %v", got)
		}
		if err := y.Resume(t.Context(), "contoso", "U1", "karin"); err != nil || len(y.writers(t, "corp.test")) != 2 {
			t.Errorf("resumed: %v", err)
		}
		b.advance(time.Minute + time.Second)
		for _, id := range []string{"U1", "U2"} {
			y.send(t, id, protocol.UpBeat, protocol.Beat{Version: 2, Agent: id, Domains: []protocol.Domain{domain("corp.test", true)}}, &answer)
		}
		first = map[string]bool{}
		for range 50 {
			first[y.writers(t, "corp.test")[0]] = true
		}
		if !first["U2"] {
			t.Error("a failure is held against it for ever")
		}
	})
}

// TestIdentityStaysOnItsMachine: here nobody answers pings, so whoever is connected counts as dead.
func TestIdentityStaysOnItsMachine(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		y.enrolled(t, "U1")
		home, away := protocol.Machine{Name: "srv-u1", ID: "aa"}, protocol.Machine{Name: "other", ID: "bb"}
		admit := func(m protocol.Machine, reason protocol.Reason) {
			t.Helper()
			err := y.Admit(t.Context(), fleet.Arrival{Agent: "U1", Machine: m, Upgrade: true})
			var turned *fleet.Turned
			if reason == "" && err != nil || reason != "" && (!errors.As(err, &turned) || turned.Reason != reason) {
				t.Fatalf("%+v: %v, want %q", m, err, reason)
			}
		}
		admit(home, "") // a dead connection of its own is in the way: it is ended
		if len(y.door.kicked) != 1 {
			t.Errorf("kicked %v", y.door.kicked)
		}
		admit(protocol.Machine{Name: "renamed", ID: "aa"}, "")
		admit(protocol.Machine{Name: "renamed"}, "") // reinstalled
		admit(protocol.Machine{}, "")                // protocol 1 doesn't say
		for range 3 {
			admit(away, protocol.ReasonAgentMoved)
		}
		if a, err := b.store.Agent(t.Context(), "U1"); err != nil || a.Rival.Machine != away || a.Machine != "renamed" {
			t.Errorf("%+v %v", a, err)
		}
		if len(y.records) != 1 { // one record for three tries
			t.Errorf("%d records", len(y.records))
		}
		if _, err := y.AcceptMove(t.Context(), "contoso", "U1", "karin"); err != nil {
			t.Fatal(err)
		}
		admit(away, "")
		admit(home, protocol.ReasonAgentMoved)
		if err := y.Revoke(t.Context(), "contoso", "U1", "karin", ""); err != nil || len(y.door.revoked) != 1 {
			t.Errorf("%v, revoked %v", err, y.door.revoked)
		}
		admit(away, protocol.ReasonNotFound)
	})
}

// TestOneImportPerDomainAtATime: the end of an import removes whom it didn't name, so two would remove each other's.
func TestOneImportPerDomainAtATime(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		y.enrolled(t, "U1")
		y.enrolled(t, "U2")
		page := func(agent string, n int, last bool) bool {
			var ack protocol.Ack
			y.send(t, agent, protocol.UpSync, protocol.People{Version: 2, Agent: agent, Import: "i" + agent, Page: n, Domain: "corp.test", Last: last}, &ack)
			return ack.OK
		}
		if !y.hello(t, "U1", domain("corp.test", true)).Import || !page("U1", 0, false) {
			t.Fatal("the first agent doesn't import")
		}
		if y.hello(t, "U2", domain("corp.test", true)).Import || page("U2", 0, false) {
			t.Error("two import at once")
		}
		if !page("U1", 1, true) || y.hello(t, "U1", domain("corp.test", true)).Import {
			t.Error("a complete import is wanted again")
		}
		if !y.hello(t, "U2", domain("corp.test", true)).Import || !page("U2", 0, false) {
			t.Error("the second agent never gets its turn")
		}
		b.advance(3 * time.Minute) // it broke off
		if err := b.store.WantImport(t.Context(), "contoso"); err != nil {
			t.Fatal(err)
		}
		if !y.hello(t, "U1", domain("corp.test", true)).Import || !page("U1", 0, false) {
			t.Error("a broken off import blocks the domain")
		}
	})
}

// TestSealingKeyRolls takes an offer, twice, and refuses what isn't one.
func TestSealingKeyRolls(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		y.enrolled(t, "U1")
		before, err := b.store.Agent(t.Context(), "U1")
		if err != nil {
			t.Fatal(err)
		}
		k, err := seal.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		offer := protocol.KeyOffer{Version: 2, Agent: "U1", SealKey: k.Public().Bytes(), KeyID: k.Public().ID().String()}
		for name, c := range map[string]struct {
			edit func(*protocol.KeyOffer)
			ok   bool
		}{
			"another's name": {func(o *protocol.KeyOffer) { o.Agent = "U2" }, false},
			"wrong id":       {func(o *protocol.KeyOffer) { o.KeyID = "00" }, false},
			"no key":         {func(o *protocol.KeyOffer) { o.SealKey = []byte("key") }, false},
		} {
			bad, ack := offer, protocol.Ack{}
			c.edit(&bad)
			if y.send(t, "U1", protocol.UpKeys, bad, &ack); ack.OK {
				t.Errorf("%s is taken", name)
			}
		}
		for range 2 {
			var ack protocol.Ack
			if y.send(t, "U1", protocol.UpKeys, offer, &ack); !ack.OK {
				t.Errorf("%+v", ack)
			}
		}
		after, err := b.store.Agent(t.Context(), "U1")
		if err != nil || after.KeyID != offer.KeyID || after.OldKeyID != before.KeyID || len(y.records) != 1 {
			t.Errorf("%+v %v, %d records", after, err, len(y.records))
		}
	})
}

// TestCommandKeysRoll: each agent is told with the newest key it obeys, and a key that nobody needs is erased.
func TestCommandKeysRoll(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		ring, err := commandkey.Open(t.Context(), agents{b.store}, 180*24*time.Hour, b.clock)
		if err != nil {
			t.Fatal(err)
		}
		first := ring.Newest()
		knows := func(id string, key ed25519.PublicKey, version int) {
			t.Helper()
			a := enrol.Agent{Tenant: "contoso", ID: id, SealKey: []byte{1}, Status: enrol.Approved, Protocol: version, Created: b.clock(), Seen: b.clock(), CommandKey: protocol.CommandKeyID(key)}
			if err := b.store.SaveAgent(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		signs := func(id string, want ed25519.PublicKey) {
			t.Helper()
			k, err := ring.For(t.Context(), id)
			if err != nil || !want.Equal(k.Public()) {
				t.Errorf("commands to %s are signed with another key: %v", id, err)
			}
		}
		for _, id := range []string{"U1", "U2"} {
			knows(id, first, 2)
		}
		if id, err := ring.Check(t.Context()); err != nil || id != "" {
			t.Errorf("a fresh key is replaced: %q %v", id, err)
		}
		b.advance(180 * 24 * time.Hour)
		knows("U1", first, 2)
		knows("U2", first, 2)
		if id, err := ring.Check(t.Context()); err != nil || id == "" {
			t.Fatalf("an old key isn't replaced: %v", err)
		}
		second := ring.Newest()
		links := ring.Links(t.Context(), "contoso", protocol.CommandKeyID(first))
		if len(links) != 1 || !ed25519.Verify(first, protocol.KeyLinkProof("contoso", second), links[0].Signature) || !second.Equal(ed25519.PublicKey(links[0].Key)) {
			t.Errorf("links %v", links)
		}
		signs("U1", first)
		knows("U1", second, 2)
		signs("U1", second)
		signs("U2", first) // it hasn't followed yet
		if ring, err = commandkey.Open(t.Context(), agents{b.store}, 180*24*time.Hour, b.clock); err != nil {
			t.Fatal(err)
		}
		signs("U2", first) // nor is it forgotten in a restart
		b.advance(31 * 24 * time.Hour)
		knows("U1", second, 2)
		if _, err := ring.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := ring.For(t.Context(), "U2"); !errors.Is(err, commandkey.ErrGone) {
			t.Errorf("the old key outlives its use: %v", err)
		}
		if again := ring.Links(t.Context(), "contoso", protocol.CommandKeyID(first)); len(again) != 1 || string(again[0].Signature) != string(links[0].Signature) {
			t.Errorf("whoever was away gets no chain: %v", again)
		}
		if stranger := ring.Links(t.Context(), "contoso", "0011223344556677"); stranger != nil {
			t.Errorf("links for a key that isn't ours: %v", stranger)
		}
		_ = y
	})
}

// TestCommandKeysOfTwoServers: what one replaces the other neither forgets nor overwrites.
func TestCommandKeysOfTwoServers(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		open := func() *commandkey.Ring {
			t.Helper()
			ring, err := commandkey.Open(t.Context(), agents{b.store}, 180*24*time.Hour, b.clock)
			if err != nil {
				t.Fatal(err)
			}
			return ring
		}
		one, other := open(), open()
		second, err := one.Roll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a := enrol.Agent{Tenant: "contoso", ID: "U1", SealKey: []byte{1}, Status: enrol.Approved, Protocol: 2, Created: b.clock(), Seen: b.clock(), CommandKey: second}
		if err := b.store.SaveAgent(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if _, err := other.For(t.Context(), "U1"); err != nil {
			t.Errorf("the other server doesn't know the key: %v", err)
		}
		third := open()
		if _, err := one.Roll(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, ring := range []*commandkey.Ring{third, other, one} {
			if _, err := ring.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := third.Roll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if keys, _, err := open().Status(t.Context()); err != nil || len(keys) != 4 || keys[1].Erased || !keys[0].Erased {
			t.Errorf("%+v %v", keys, err)
		}
		if _, err := open().For(t.Context(), "U1"); err != nil {
			t.Errorf("a key was lost: %v", err)
		}
	})
}

// TestVersion1KeepsItsCommandKey: it can't follow, so the key it pinned is kept for it.
func TestVersion1KeepsItsCommandKey(t *testing.T) {
	b := newBench(t, "sqlite:"+filepath.Join(t.TempDir(), "homeward.db"))
	_, old, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.PutSecret(t.Context(), "", "command", old.Seed()); err != nil { // as servers kept it before
		t.Fatal(err)
	}
	ring, err := commandkey.Open(t.Context(), agents{b.store}, time.Hour, b.clock)
	if err != nil || !ring.Newest().Equal(old.Public()) {
		t.Fatalf("the present key isn't taken over: %v", err)
	}
	a := enrol.Agent{Tenant: "contoso", ID: "U1", SealKey: []byte{1}, Status: enrol.Approved, Protocol: 1, Created: b.clock()}
	if err := b.store.SaveAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	b.advance(100 * 24 * time.Hour)
	for range 3 {
		if _, err := ring.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.advance(100 * 24 * time.Hour)
	}
	if k, err := ring.For(t.Context(), "U1"); err != nil || !k.Equal(old) {
		t.Errorf("%v", err)
	}
}

// TestControlSocket leads from a verb's question to the fleet. How it is kept is tested in package control.
func TestControlSocket(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	y := newYard(t, b)
	path := control.Path(t.TempDir())
	l, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s := &control.Service{Fleet: y.Fleet, Log: slog.New(slog.DiscardHandler)}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, path) }()
	client, q := control.NewClient(path), control.Target{Tenant: "contoso", Agent: "SRV-U1", Operator: "karin"}
	var got control.Done
	if err := client.Call(t.Context(), control.PathDrain, q, &got); err == nil || len(err.Error()) < 20 {
		t.Errorf("an unknown agent: %v", err)
	}
	y.enrolled(t, "U1")
	elsewhere := q
	elsewhere.Tenant = "fabrikam"
	if err := client.Call(t.Context(), control.PathDrain, elsewhere, &got); err == nil {
		t.Error("another tenant's agent is drained")
	}
	if err := client.Call(t.Context(), control.PathDrain, q, &got); err != nil || got.Agent != "U1" {
		t.Errorf("%+v %v", got, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestOldAgentsAreNamed: one that knows less than this server is told what it can't do while it writes; below the minimum
// nothing is written through it, and the status says so before anybody has tried. An update puts both right.
func TestOldAgentsAreNamed(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		y.enrolled(t, "U1", func(a *enrol.Agent) { a.Domain = "corp.test" })
		said := domain("corp.test", true)
		hello := func(version, least int, build string) (answer protocol.HelloAnswer) {
			t.Helper()
			y.send(t, "U1", protocol.UpHello, protocol.Hello{
				Version: version, MinVersion: least, Agent: "U1", Build: build, Machine: "SRV-HW01", Domain: said.Name, Directory: said.Directory, Domains: []protocol.Domain{said},
			}, &answer)
			return answer
		}
		report := func() status.Report {
			t.Helper()
			one, err := b.store.Tenant(t.Context(), "contoso")
			if err != nil {
				t.Fatal(err)
			}
			a, err := b.store.Agent(t.Context(), "U1")
			if err != nil {
				t.Fatal(err)
			}
			return status.Judge(status.Facts{Tenant: one, At: y.Now(), Relay: "relay", Up: true, Agents: []status.Fact{{
				Agent: a, Obstacle: func(domain string) fleet.Obstacle { return y.Obstacle(one, a, domain) },
			}}})
		}
		for version, id := range map[int]string{1: "behind_first", 2: "behind_second"} {
			if answer := hello(version, 1, "1.2.0"); !answer.OK {
				t.Fatalf("version %d is refused: %+v", version, answer)
			}
			r := report()
			if !r.Works || r.SentenceID != "outdated" || len(r.Notes) != 1 || r.Notes[0].ID != id || !strings.Contains(r.Notes[0].Says, "SRV-U1 runs 1.2.0") {
				t.Errorf("version %d: %s, %+v", version, r.Sentence, r.Notes)
			}
		}
		for name, answer := range map[string]protocol.HelloAnswer{"too old": hello(protocol.MinVersion-1, 0, "0.9.0"), "too new": hello(protocol.Version+2, protocol.Version+1, "9.0.0")} {
			if answer.OK || answer.Reason != protocol.ReasonVersion || !strings.Contains(answer.Message, "Update the older side") {
				t.Errorf("%s: %+v", name, answer)
			}
		}
		if got := y.writers(t, "corp.test"); len(got) != 0 {
			t.Errorf("writers %v", got)
		}
		r := report()
		if r.Works || len(r.Off) == 0 || r.Off[0].ID != "outdated" || r.SentenceID != "unchecked" || r.Agents[0].State != "outdated" {
			t.Errorf("%s, %+v", r.Sentence, r.Off)
		}
		var answer protocol.HelloAnswer
		if y.send(t, "U1", protocol.UpBeat, protocol.Beat{Version: 3, Agent: "U1", Domains: []protocol.Domain{said}}, &answer); answer.OK || len(y.writers(t, "corp.test")) != 0 {
			t.Error("a heartbeat brought it back")
		}
		if answer := hello(protocol.Version, protocol.MinVersion, "1.4.2"); !answer.OK {
			t.Fatalf("%+v", answer)
		}
		if r := report(); !r.Works || r.SentenceID != "working" || len(r.Notes) != 0 || !slices.Equal(y.writers(t, "corp.test"), []string{"U1"}) {
			t.Errorf("after the update: %s, %+v", r.Sentence, r.Notes)
		}
	})
}
