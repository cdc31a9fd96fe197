package activedirectory

import (
	"testing"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// What the configuration switches off is refused before the controller hears of it, whatever the rights are.
func TestTurnedOffIsRefused(t *testing.T) {
	dc := dctest.Start(t)
	p := dc.NewPerson(t)
	with := func(u Uses, staging bool) (*Directory, Account) {
		c := configFor(t, dc)
		c.Uses, c.Staging = u, staging
		d := open(t, c)
		return d, account(t, d, p)
	}
	d, a := with(Uses{NoWriteback: true}, false)
	wantReason(t, d.Reset(t.Context(), a, []byte(lab.RandomPassword())), protocol.ReasonTurnedOff)
	wantReason(t, d.Change(t.Context(), a, []byte(p.Password), []byte(lab.RandomPassword())), protocol.ReasonTurnedOff)
	if err := d.Unlock(t.Context(), a); err != nil {
		t.Error("unlock is on:", err)
	}
	if err := d.Sample(t.Context(), dc.OUs()); err != nil {
		t.Error(err)
	}
	d, a = with(Uses{}, true)
	wantReason(t, d.Reset(t.Context(), a, []byte(lab.RandomPassword())), protocol.ReasonTurnedOff)
	wantReason(t, d.Change(t.Context(), a, []byte(p.Password), []byte(lab.RandomPassword())), protocol.ReasonTurnedOff)
	wantReason(t, d.Unlock(t.Context(), a), protocol.ReasonTurnedOff)
	d, a = with(Uses{NoUnlock: true}, false)
	wantReason(t, d.Unlock(t.Context(), a), protocol.ReasonTurnedOff)
	wantUntouched(t, d, p, a)
	if err := d.Reset(t.Context(), a, []byte(lab.RandomPassword())); err != nil {
		t.Error("resets are on:", err)
	}
}
