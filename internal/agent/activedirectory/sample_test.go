package activedirectory

import (
	"testing"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

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
