package activedirectory

import (
	"maps"
	"strconv"
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
	checkStates(t, dc, list, s.Domain, map[string]lab.Person{"plain": plain, "never": never, "must": must, "off": off}, want["plain"])
	checkRules(t, dc, list, s.Domain, d.config)
}

// checkStates: how an account stands is what the controller computes, and a lockout that has elapsed is none.
func checkStates(t *testing.T, dc *dctest.DC, list *Domains, domain string, known map[string]lab.Person, expires time.Time) {
	t.Helper()
	people := map[string]lab.Person{
		"locked": dc.NewPerson(t), "old": dc.NewPerson(t, dctest.PasswordSet(time.Now().Add(-60*24*time.Hour))), "ended": dc.NewPerson(t),
	}
	maps.Copy(people, known)
	pso := dc.ApplyPSO(t, people["locked"], dctest.Policy{MinLength: 7, LockoutThreshold: 2})
	ended := time.Now().Add(-48 * time.Hour).Truncate(time.Second)
	dc.Set(t, people["ended"].DN, "accountExpires", strconv.FormatInt(ended.UnixNano()/100+116_444_736_000_000_000, 10))
	dc.Lock(t, people["locked"])
	guids := []directory.GUID{{1}}
	for _, p := range people {
		guids = append(guids, guidOf(t, p))
	}
	ask := func() map[directory.GUID]AccountState {
		t.Helper()
		found, err := list.States(t.Context(), domain, guids)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	found := ask()
	of := func(name string) AccountState { return found[guidOf(t, people[name])] }
	if len(found) != len(people) {
		t.Errorf("%d of %d people are answered for", len(found), len(people))
	}
	if s := of("locked"); !s.Locked || time.Since(s.Since).Abs() > time.Hour || s.Disabled || s.Elapsed {
		t.Errorf("locked: %+v", s)
	}
	if s := of("plain"); s.Locked || s.Elapsed || s.MustChange || s.Disabled || s.PasswordExpires.Sub(expires).Abs() > time.Minute {
		t.Errorf("plain: %+v", s)
	}
	if s := of("old"); !s.Elapsed || s.PasswordExpires.After(time.Now()) || s.PasswordExpires.IsZero() {
		t.Errorf("old: %+v", s)
	}
	if s := of("must"); !s.MustChange || s.Elapsed || !s.PasswordExpires.IsZero() {
		t.Errorf("must: %+v", s)
	}
	if s := of("ended"); !s.Expires.Equal(ended) || s.Elapsed {
		t.Errorf("ended: %+v", s)
	}
	if s := of("off"); !s.Disabled {
		t.Errorf("off: %+v", s)
	}
	if s := of("never"); s != (AccountState{}) {
		t.Errorf("never: %+v", s)
	}
	checkWhich(t, dc, list, domain, people)
	dc.Set(t, pso, "msDS-LockoutDuration", "-10000000") // a second
	for deadline := time.Now().Add(time.Minute); of("locked").Locked; found = ask() {
		if time.Now().After(deadline) {
			t.Fatal("a lockout whose duration has elapsed counts as one")
		}
	}
	if found, _, err := list.Which(t.Context(), domain, protocol.StandingLocked); err != nil || len(found) != 0 {
		t.Errorf("%d people are locked after it elapsed, %v", len(found), err)
	}
	if at := dc.Attr(t, people["locked"].DN, "lockoutTime"); len(at) != 1 || at[0] == "0" || !of("locked").Since.IsZero() {
		t.Errorf("after it elapsed: lockoutTime %v, %+v", at, of("locked"))
	}
	_, err := list.States(t.Context(), "other.example", guids)
	wantReason(t, err, protocol.ReasonNotFound)
}
