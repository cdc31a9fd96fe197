package activedirectory

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// checkRules: the policies of a real domain are read as they are, in the order in which they win; an account that may not see the
// fine-grained ones, or by what people are found, knows that it doesn't.
func checkRules(t *testing.T, dc *dctest.DC, list *Domains, domain string, config Config) {
	t.Helper()
	const day = 24 * time.Hour
	dc.SetPolicy(t, dctest.Policy{
		MinLength: 9, History: 5, Complexity: true, MinAge: day, MaxAge: 90 * day, LockoutThreshold: 7, LockoutDuration: 20 * time.Minute,
	})
	one, two := dc.NewPerson(t), dc.NewPerson(t)
	late := dc.ApplyPSO(t, one, dctest.Policy{MinLength: 16, History: 24, Complexity: true, MaxAge: 60 * day, LockoutThreshold: 5, LockoutDuration: 10 * time.Minute})
	dc.Set(t, late, "msDS-PasswordSettingsPrecedence", "40")
	dc.Set(t, late, "msDS-LockoutDuration", "-9223372036854775808") // until somebody unlocks it
	dc.Set(t, late, appliesTo, one.DN, two.DN, dc.NewPerson(t).DN, dc.NewPerson(t).DN)
	found, err := list.Rules(t.Context(), domain)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Policies) < 4 || found.Unseen || found.Withheld || found.More != 0 || found.DC == "" {
		t.Fatalf("%+v", found)
	}
	want := Rule{
		PasswordPolicy: directory.PasswordPolicy{
			Source: "domain", MinLength: 9, History: 5, Complexity: true, MinAge: day, MaxAge: 90 * day, LockoutThreshold: 7, LockoutWindow: 20 * time.Minute,
		}, LockoutDuration: 20 * time.Minute,
	}
	if diff := cmp.Diff(want, found.Policies[0]); diff != "" {
		t.Errorf("the domain's own: %s", diff)
	}
	last := found.Policies[len(found.Policies)-1]
	if last.MinLength != 16 || last.History != 24 || !last.Complexity || last.MaxAge != 60*day || last.LockoutThreshold != 5 || last.LockoutDuration != 0 ||
		last.LockoutWindow != 10*time.Minute || last.Precedence != 40 || last.Linked != 4 || len(last.AppliesTo) != maxApplies || !slices.IsSorted(last.AppliesTo) {
		t.Errorf("the fine-grained one: %+v", last)
	}
	_, err = list.Rules(t.Context(), "other.example")
	wantReason(t, err, protocol.ReasonNotFound)

	config.HideRules = true
	if found, err := open(t, config).Rules(t.Context(), domain); err != nil || !found.Withheld || len(found.Policies) != 0 {
		t.Errorf("where the configuration keeps them: %+v, %v", found, err)
	}
	dc.GrantForGood(t, dc.BaseDN(), "(OD;CIIO;RP;"+lockoutTimeGUID+";"+userClassGUID+";$S)")
	_, _, err = list.Which(t.Context(), domain, protocol.StandingLocked)
	wantReason(t, err, protocol.ReasonRights) // nobody is found, because by what they would be found may not be read
	dc.Revoke(t, policyContainer(dc.BaseDN()), lab.ACEReadPSOs)
	if found, err = list.Rules(t.Context(), domain); err != nil || !found.Unseen || len(found.Policies) != 1 {
		t.Errorf("without the right to see them: %+v, %v", found, err)
	}
}

// checkWhich: who is looked for by how their account stands is found, and nobody else.
func checkWhich(t *testing.T, dc *dctest.DC, list *Domains, domain string, people map[string]lab.Person) {
	t.Helper()
	for standing, name := range map[protocol.Standing]string{
		protocol.StandingLocked: "locked", protocol.StandingMust: "must", protocol.StandingEnded: "ended",
	} {
		found, more, err := list.Which(t.Context(), domain, standing)
		if err != nil || more || !slices.Contains(found, guidOf(t, people[name])) {
			t.Errorf("%s: %d people, more %v, %v", standing, len(found), more, err)
		}
		for other, p := range people {
			if other != name && slices.Contains(found, guidOf(t, p)) {
				t.Errorf("%s finds %s", standing, other)
			}
		}
	}
	if found, more, err := list.Which(t.Context(), domain, "made up"); err == nil && (len(found) > 0 || more) {
		t.Errorf("nothing that there is finds %d people", len(found))
	}
	_, _, err := list.Which(t.Context(), "other.example", protocol.StandingLocked)
	wantReason(t, err, protocol.ReasonNotFound)
}
