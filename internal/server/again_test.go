package server

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/operator"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

// TestRegisterAgain: what somebody has registered is gone at once, with what they had open; they are told where they could be
// reached, it is recorded with the reason, and nobody else loses anything.
func TestRegisterAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		d := newDesk(b)
		helper := d.operator("contoso", "uma", operator.UserAdministrator)
		amara := b.amara()
		d.somebody("other", nil)
		for person, id := range map[string]string{amara.ID: "m1", "other": "m2"} {
			m := verify.Method{Tenant: "contoso", ID: id, Person: person, Kind: verify.Text, Masked: "•••• 07", Secret: []byte("+46700000007"), Created: b.clock(), Confirmed: b.clock()}
			if err := b.store.PutMethod(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if err := b.store.NoteReview(t.Context(), "contoso", person, b.clock()); err != nil {
				t.Fatal(err)
			}
		}
		open := b.verified()
		view, err := d.Look(t.Context(), b.tenant, helper, amara.ID, false)
		if err != nil || view.Reset != "" || len(view.Methods) != 1 {
			t.Fatalf("%+v %v", view, err)
		}
		without := d.act(helper, amara.ID)
		without.Reason = ""
		if err := d.RegisterAgain(t.Context(), b.tenant, without); !errors.Is(err, reset.ErrNoReason) {
			t.Errorf("without a reason: %v", err)
		}
		reader := d.operator("contoso", "rita", operator.ReportsReader)
		if err := d.RegisterAgain(t.Context(), b.tenant, d.act(reader, amara.ID)); !errors.Is(err, helpdesk.ErrNoPerson) {
			t.Errorf("somebody who may not: %v", err)
		}
		act := d.act(helper, amara.ID)
		if err := d.RegisterAgain(t.Context(), b.tenant, act); err != nil {
			t.Fatal(err)
		}
		if err := d.RegisterAgain(t.Context(), b.tenant, act); !errors.Is(err, helpdesk.ErrUsed) {
			t.Errorf("the same form again: %v", err)
		}
		methods, err := b.store.Methods(t.Context(), "contoso", amara.ID)
		r, errReview := b.store.Registration(t.Context(), "contoso", amara.ID)
		if err = errors.Join(err, errReview); err != nil || len(methods) != 0 || !r.Reviewed.IsZero() {
			t.Errorf("left: %+v %+v %v", methods, r, err)
		}
		if others, err := b.store.Methods(t.Context(), "contoso", "other"); err != nil || len(others) != 1 {
			t.Errorf("of somebody else: %+v %v", others, err)
		}
		if a := b.reload(open); a.Expires.After(b.clock().Add(time.Second)) {
			t.Errorf("what was open in the portal goes on until %s", a.Expires)
		}
		found, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Require to register again", Limit: 9})
		if err != nil || len(found) != 1 || !slices.ContainsFunc(found, func(r audit.Record) bool {
			return r.Hop == "operator" && r.Actor == helper.Name && r.Target == amara.ID && strings.Contains(r.Detail, "ticket 7")
		}) {
			t.Errorf("%+v %v", found, err)
		}
		rows, err := b.store.LastRecords(t.Context(), "contoso", 20)
		told := slices.DeleteFunc(rows, func(r audit.Record) bool { return r.Hop != "notify" || r.Activity != "Require to register again" })
		if err != nil || len(told) != 2 { // by the directory's address and by the number that they had registered
			t.Errorf("told: %+v %v", told, err)
		}
	})
}
