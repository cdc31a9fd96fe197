package activedirectory

import (
	"testing"
	"time"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// TestExpiries: when a password expires is what a real controller computes, with the domain's policy and a fine-grained one;
// who never expires, must change anyway or is turned off has no such moment.
func TestExpiries(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	dc.SetPolicy(t, dctest.Policy{MinLength: 7, MaxAge: 42 * 24 * time.Hour})
	set := time.Now().Add(-30 * 24 * time.Hour).Truncate(time.Second)
	plain, fine := dc.NewPerson(t, dctest.PasswordSet(set)), dc.NewPerson(t, dctest.PasswordSet(set))
	never := dc.NewPerson(t, dctest.Control(int(directory.DontExpirePassword)))
	must, off, ageless := dc.NewPerson(t), dc.NewPerson(t), dc.NewPerson(t, dctest.PasswordSet(set))
	dc.ApplyPSO(t, fine, dctest.Policy{MinLength: 12, MaxAge: 35 * 24 * time.Hour})
	dc.ApplyPSO(t, ageless, dctest.Policy{MinLength: 12})
	dc.MustChange(t, must)
	dc.Disable(t, off)
	d := open(t, configFor(t, dc))
	s, err := d.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var people []directory.GUID
	names := map[directory.GUID]string{}
	for name, p := range map[string]directory.GUID{
		"plain": guidOf(t, plain), "fine": guidOf(t, fine), "never": guidOf(t, never), "must": guidOf(t, must), "off": guidOf(t, off), "ageless": guidOf(t, ageless), "unknown": {1},
	} {
		people, names[p] = append(people, p), name
	}
	list, err := NewDomains(d)
	if err != nil {
		t.Fatal(err)
	}
	found, err := list.Expiries(t.Context(), s.Domain, people)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]time.Time{"plain": set.Add(42 * 24 * time.Hour), "fine": set.Add(35 * 24 * time.Hour)}
	for guid, at := range found {
		if w, ok := want[names[guid]]; !ok || at.Sub(w).Abs() > time.Minute {
			t.Errorf("%s expires at %s, want %s", names[guid], at, w)
		}
	}
	if len(found) != len(want) {
		t.Errorf("%d people have an expiry, want %d", len(found), len(want))
	}
	if a := account(t, d, fine); !a.PasswordExpires.Equal(found[guidOf(t, fine)]) {
		t.Errorf("the page of a change says %s", a.PasswordExpires)
	}
	_, err = list.Expiries(t.Context(), "other.example", people)
	wantReason(t, err, protocol.ReasonNotFound)
	if found, err = list.Expiries(t.Context(), s.Domain, people[:0]); err != nil || len(found) != 0 {
		t.Errorf("of nobody: %v %v", found, err)
	}
}
