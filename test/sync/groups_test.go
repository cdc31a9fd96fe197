package sync_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
)

// aboveRange is more values of an attribute than a controller gives at once ([MS-ADTS] 3.1.1.3.1.3.3); make soak takes the
// whole number, and that many people in one group besides.
const (
	aboveRange = 1600
	soakRange  = 10_000
)

// manyGroups puts one person into more groups than are read at once: all come, the run names nothing as wrong, and a change of one
// group is one change, however many there are.
func (s *site) manyGroups(t *testing.T) {
	t.Helper()
	n, within := aboveRange, patience
	soak := os.Getenv("HOMEWARD_SOAK") != ""
	if soak {
		n, within = soakRange, 10*time.Minute
	}
	people := 1
	if soak {
		people = n
	}
	began := time.Now()
	must(t, s.DC.Crowd(t.Context(), people))
	must(t, s.DC.CrowdGroups(t.Context(), n, 1, 1))
	t.Logf("%d people and %d groups of one of them after %v", people, n, time.Since(began))
	s.equal(t, within)
	t.Logf("in the cloud after %v", time.Since(began))
	who := s.search(t, s.DC.BaseDN(), "(sAMAccountName=crowd-00001)", "objectGUID")[0].DN
	if got := len(s.admin.Attr(t, who, "memberOf")); got != n {
		t.Fatalf("the person is in %d groups, not %d", got, n)
	}

	// Out of one of them, under another name; and who resets passwords by that group is told apart.
	c := &chaos{site: s, t: t}
	last := s.search(t, s.DC.BaseDN(), fmt.Sprintf("(sAMAccountName=crowd-group-%04d)", n), "objectGUID")[0]
	s.lets(t, last, true)
	r := ldap.NewModifyRequest(last.DN, nil)
	r.Delete("member", []string{who})
	must(t, s.admin.Admin(t).Modify(r))
	c.modify(who, "CN=in many", "")
	s.equal(t, within)
	s.lets(t, last, false)
	if soak {
		var everybody []string
		for _, e := range s.search(t, s.DC.BaseDN(), "(sAMAccountName=crowd-0*)", "objectGUID") {
			everybody = append(everybody, e.DN)
		}
		c.add("CN=everybody,"+s.units[0], "group", map[string][]string{"sAMAccountName": {"everybody"}, "member": everybody})
		s.equal(t, within)
	}
	must(t, s.admin.Admin(t).Del(ldap.NewDelRequest(s.search(t, s.DC.BaseDN(), "(sAMAccountName=crowd-00001)", "objectGUID")[0].DN, nil)))
	s.equal(t, within)
	problems, err := s.engine.Problems(t.Context(), demo.TenantID, "", 1000)
	must(t, err)
	for _, p := range problems {
		if strings.Contains(p.Name, "crowd") {
			t.Errorf("it is told as wrong: %+v", p)
		}
	}
}

// lets expects that crowd-00001 may reset their password, or may not, where one group may.
func (s *site) lets(t *testing.T, group *ldap.Entry, want bool) {
	t.Helper()
	found, err := s.engine.Accounts(t.Context(), demo.TenantID, provision.Filter{Find: "crowd-00001"})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d people, %v", len(found), err)
	}
	now, err := s.Store.Tenant(t.Context(), demo.TenantID)
	must(t, err)
	now.Settings.ResetScope, now.Settings.ResetGroup = tenant.ScopeSelected, hex.EncodeToString(group.GetRawAttributeValue("objectGUID"))
	if got, err := s.engine.InScope(t.Context(), now, found[0]); err != nil || got != want {
		t.Errorf("in scope: %v, %v; want %v", got, err, want)
	}
}
