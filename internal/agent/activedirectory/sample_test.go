package activedirectory

import (
	"slices"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// Those who stand for a unit are chosen once, not with every look: finding them may cost a controller a walk through
// everybody. When one of them goes, others are chosen.
func TestSampleIsKept(t *testing.T) {
	t.Parallel()
	dc := dctest.Private(t, lab.Options{})
	d := open(t, configFor(t, dc))
	unit := dc.OUs()[0]
	for range sampled + 1 {
		dc.NewPerson(t)
	}
	if err := d.Sample(t.Context(), []string{unit}); err != nil {
		t.Fatal(err)
	}
	first := d.samples[unit]
	if len(first.guids) < sampled {
		t.Fatalf("%d people stand for the unit", len(first.guids))
	}
	if err := d.Sample(t.Context(), []string{unit}); err != nil || !d.samples[unit].until.Equal(first.until) {
		t.Errorf("chosen again: %v", err)
	}
	conn := dc.Admin(t)
	if err := conn.Del(ldap.NewDelRequest(first.guids[0].DN(), nil)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Sample(t.Context(), []string{unit}); err != nil {
			t.Error(err)
		}
	}
	if slices.Contains(d.samples[unit].guids, first.guids[0]) || d.samples[unit].until.IsZero() {
		t.Error("somebody who is gone still stands for the unit")
	}
}

// A few people stand for their unit: one exception is none of its business, the unit's own right is.
func TestSampleNoticesAUnitWithoutRights(t *testing.T) {
	t.Parallel()
	dc := dctest.Private(t, lab.Options{})
	d := open(t, configFor(t, dc))
	first := dc.NewPerson(t)
	dc.NewPerson(t)
	if err := d.Sample(t.Context(), dc.OUs()); err != nil {
		t.Fatalf("with every right: %v", err)
	}
	dc.CutInheritance(t, first)
	if err := d.Sample(t.Context(), dc.OUs()); err != nil {
		t.Errorf("one person without inheritance: %v", err)
	}
	dc.Revoke(t, dc.OUs()[0], lab.ACEResetPassword)
	wantReason(t, d.Sample(t.Context(), dc.OUs()), protocol.ReasonRights)
	if err := d.Sample(t.Context(), dc.OUs()[1:]); err != nil {
		t.Errorf("the other units: %v", err)
	}
	if err := d.Sample(t.Context(), []string{"OU=Nowhere," + dc.BaseDN()}); ReasonOf(err) != protocol.ReasonNotFound {
		t.Errorf("a unit that doesn't exist: %v", err)
	}
}
