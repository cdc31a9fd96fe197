package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/licence"
	"homeward/internal/server/objection"
	"homeward/internal/server/provision"
	"homeward/internal/server/report"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// TestReportsSayWhatThePortalDoes: whatever the people, their groups and the settings, the report's line of somebody, the row of the
// page of users and the answer that is asked for them alone are one.
func TestReportsSayWhatThePortalDoes(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 1))
		b.randomPeople(random)
		book := &licence.Book{Store: b.store, Now: b.clock, Record: func(context.Context, string, audit.Record) {}}
		holds := func(ctx context.Context, of tenant.Tenant, p provision.Person) (bool, error) {
			return book.Covers(ctx, of, p.ID, p.Object)
		}
		b.deps.InScope, b.deps.HoldsLicence, b.deps.Licensed = b.engine().InScope, holds, licensed
		b.deps.HoldsRole = func(ctx context.Context, tenantID, person string) (bool, error) {
			held, err := b.store.RolesOf(ctx, tenantID, []string{person})
			return len(held) > 0, err
		}
		alone := reset.New(b.deps)
		b.deps.Crowd = gateFacts{b.store, b.engine(), book}.facts
		together := reset.New(b.deps)
		t.Cleanup(func() { alone.Close(); together.Close() })
		reasons := map[report.Why]int{}
		for round := range 20 {
			b.randomSettings(random, round)
			r := &report.Registration{Store: b.store, Judge: together.Judge, Now: b.clock}
			var lines []report.Person
			var people []provision.Person
			if err := r.Walk(t.Context(), b.tenant, func(p report.Person) error {
				lines, people = append(lines, p), append(people, p.Person)
				return nil
			}); err != nil || len(lines) != randomPeople+2 {
				t.Fatalf("%d people, %v", len(lines), err)
			}
			crowd, err := together.Judge(b.tenant).Crowd(t.Context(), people)
			if err != nil {
				t.Fatal(err)
			}
			judge := alone.Judge(b.tenant)
			for i, line := range lines {
				want, err := judge.Stored(t.Context(), line.Person)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, crowd[i]); diff != "" || report.WhyOf(want) != line.Why || (want.Can() == reset.Open) != (line.Why == "") {
					t.Errorf("seed %d, round %d, %s, %+v: the report says %q, the gates %q: %s", seed, round, line.ID, b.tenant.Settings, line.Why, report.WhyOf(want), diff)
				}
				reasons[line.Why]++
			}
		}
		for _, why := range report.Reasons() {
			if reasons[why] == 0 && why != report.Other {
				t.Errorf("seed %d: nobody was stopped by %s: %v", seed, why, reasons)
			}
		}
		if reasons[""] == 0 || reasons[report.Other] != 0 {
			t.Errorf("seed %d: %v", seed, reasons)
		}
	})
}

const randomPeople, plainPeople = 40, 4

// randomPeople stores people who have, or lack, whatever a gate asks about, and groups in each other.
func (b *bench) randomPeople(random *rand.Rand) {
	b.t.Helper()
	ctx, often := b.t.Context(), func(one int) bool { return random.IntN(one) == 0 }
	check := func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
	}
	for g := range 6 {
		group := provision.Group{Tenant: "contoso", Object: fmt.Sprintf("%032x", 0xf00+g), Domain: "corp.contoso.test", Name: fmt.Sprintf("G%d", g), Updated: b.clock()}
		if g == 5 {
			group.Deleted = b.clock()
		}
		check(b.store.PutGroups(ctx, []provision.Group{group}))
		check(b.store.PutMembers(ctx, "contoso", group.Object, "", []string{fmt.Sprintf("%032x", 0xf00+random.IntN(6)), fmt.Sprintf("%032x", 0xf00+random.IntN(6))}))
	}
	for i := range randomPeople {
		id := fmt.Sprintf("r%d", i)
		p := provision.Person{
			Tenant: "contoso", ID: id, Object: fmt.Sprintf("%032x", 0x1000+i), Anchor: fmt.Sprintf("%032x", 0x1000+i), Domain: "corp.contoso.test", NetBIOS: "CONTOSO",
			UPN: id + "@contoso.com", SAM: id, Disabled: often(9), Protected: often(9), Updated: b.clock(),
		}
		if i < plainPeople { // each is stopped by one thing at most
			p.Disabled, p.Protected = false, i == 0
		}
		if i < plainPeople || !often(3) {
			p.Mail = id + "@mail.example"
		}
		if i == 1 || i >= plainPeople && often(9) {
			p.Held = protocol.ReasonAmbiguous
		}
		if i == 2 || i >= plainPeople && often(9) {
			p.Object, p.Anchor, p.Domain, p.NetBIOS, p.SAM = "", "", "", "", ""
		}
		check(b.store.InsertPeople(ctx, []provision.Person{p}))
		if p.Object != "" && often(2) {
			check(b.store.PutMembers(ctx, "contoso", fmt.Sprintf("%032x", 0xf00+random.IntN(6)), "", []string{p.Object}))
		}
		if i >= plainPeople && often(8) {
			check(b.store.Stop(ctx, nil, objection.Hold{Tenant: "contoso", Person: id, Operator: "op", Reason: "why", At: b.clock()}))
		}
		if i >= plainPeople && often(6) {
			check(b.store.PutRole(ctx, provision.Role{Tenant: "contoso", Person: id, Role: "Global Administrator", At: b.clock()}))
		}
		if often(3) {
			check(b.store.PutLicence(ctx, licence.Assignment{Tenant: "contoso", Part: randomPart(random), Kind: licence.Person, Subject: id, At: b.clock()}))
		}
		if i < plainPeople {
			check(b.store.PutMethod(ctx, verify.Method{Tenant: "contoso", ID: id, Person: id, Kind: verify.App, Secret: []byte("s"), Created: b.clock(), Confirmed: b.clock()}))
			continue
		}
		for m := range random.IntN(4) {
			kinds := verify.Kinds()
			method := verify.Method{
				Tenant: "contoso", ID: fmt.Sprintf("%s-%d", id, m), Person: id, Kind: kinds[random.IntN(len(kinds))], Masked: "m", Created: b.clock(),
				Secret: []byte("[" + strings.TrimSuffix(strings.Repeat("{},", 2+random.IntN(4)), ",") + "]"),
			}
			if !often(5) {
				method.Confirmed = b.clock()
			}
			check(b.store.PutMethod(ctx, method))
		}
	}
	for range 3 {
		group := fmt.Sprintf("%032x", 0xf00+random.IntN(6))
		check(b.store.PutLicence(ctx, licence.Assignment{Tenant: "contoso", Part: randomPart(random), Kind: licence.Group, Subject: group, At: b.clock()}))
	}
}

// randomPart is a product that includes writeback, or one that doesn't.
func randomPart(random *rand.Rand) string {
	return []string{"AAD_PREMIUM", "AAD_PREMIUM", "STANDARDPACK"}[random.IntN(3)]
}

// randomSettings are drawn, but in the first rounds, in which next to nothing is in the way.
func (b *bench) randomSettings(random *rand.Rand, round int) {
	yes := func(one int) bool { return random.IntN(one) == 0 }
	s := tenant.Settings{
		WritebackOff: yes(6), LicencesNeeded: yes(2), LicencePerPerson: yes(2), ResetScope: []tenant.Scope{tenant.ScopeAll, tenant.ScopeAll, tenant.ScopeSelected, tenant.ScopeSelected, tenant.ScopeNone}[random.IntN(5)],
		Checks: tenant.Checks{Required: random.IntN(3), RegisteredOnly: yes(3), QuestionsAsked: []int{0, 3, 5}[random.IntN(3)]},
	}
	if s.ResetScope == tenant.ScopeSelected {
		s.ResetGroup = fmt.Sprintf("%032x", 0xf00+random.IntN(6))
	}
	if !yes(5) {
		s.Licences = []string{"AAD_PREMIUM", "STANDARDPACK"}
	}
	for _, kind := range tenant.AllMethods() {
		if yes(2) {
			s.Checks.Methods = append(s.Checks.Methods, kind)
		}
	}
	b.tenant.Settings = s
	b.fleet.writers, b.fleet.version = min(random.IntN(5), 1), 2
	if round < 3 {
		b.tenant.Settings, b.fleet.writers = tenant.Settings{WritebackOff: round == 1}, min(round, 1)
	}
}
