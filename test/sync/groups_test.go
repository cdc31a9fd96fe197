package sync_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
)

// aboveRange is more values of an attribute than a controller gives at once ([MS-ADTS] 3.1.1.3.1.3.3). Samba takes four minutes to
// put one person into 10,000 groups, and answers nobody meanwhile.
const aboveRange = 1600

// manyGroups puts one person into more groups than are read at once: all come, nothing is named as wrong, and changes go on.
func (s *site) manyGroups(t *testing.T) {
	t.Helper()
	began := time.Now()
	must(t, s.DC.Crowd(t.Context(), 1))
	must(t, s.DC.CrowdGroups(t.Context(), aboveRange, 1, 1))
	t.Logf("one person in %d groups after %v", aboveRange, time.Since(began))
	s.equal(t, 2*patience)
	t.Logf("in the cloud after %v", time.Since(began))
	who := s.search(t, s.DC.BaseDN(), "(sAMAccountName=crowd-00001)", "objectGUID")[0].DN
	if got := len(s.admin.Attr(t, who, "memberOf")); got != aboveRange {
		t.Fatalf("the person is in %d groups, not %d", got, aboveRange)
	}

	// Out of one of them, under another name; and who resets passwords by that group is told apart.
	c := &chaos{site: s, t: t}
	last := s.search(t, s.DC.BaseDN(), fmt.Sprintf("(sAMAccountName=crowd-group-%04d)", aboveRange), "objectGUID")[0]
	s.lets(t, last, true)
	r := ldap.NewModifyRequest(last.DN, nil)
	r.Delete("member", []string{who})
	must(t, s.admin.Admin(t).Modify(r))
	c.modify(who, "CN=in many", "")
	s.equal(t, patience)
	s.lets(t, last, false)
	must(t, s.admin.Admin(t).Del(ldap.NewDelRequest(s.search(t, s.DC.BaseDN(), "(sAMAccountName=crowd-00001)", "objectGUID")[0].DN, nil)))
	s.equal(t, patience)
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
