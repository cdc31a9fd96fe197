package sync_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/server/provision"
	"homeward/test/dctest"
)

// TestManyDeletionsStopAndAsk: a wrong filter or a wrong delete takes nobody's account before somebody has looked.
func TestManyDeletionsStopAndAsk(t *testing.T) {
	t.Parallel()
	s := start(t, sample())
	c := &chaos{site: s, t: t}
	for i := range 30 {
		name := fmt.Sprintf("many%d", i)
		c.people = append(c.people, c.add("CN="+name+","+s.units[0], "user", map[string][]string{"sAMAccountName": {name}, "userAccountControl": {"514"}}))
	}
	s.equal(t, patience)
	before := len(s.read(t).people)
	for _, who := range c.people[:20] {
		must(t, s.admin.Admin(t).Del(ldap.NewDelRequest(who, nil)))
	}
	dctest.Eventually(t, patience, func() error {
		d, err := s.state(t)
		if err != nil {
			return err
		}
		if !d.Stopped {
			return fmt.Errorf("the guard hasn't stopped anything: %+v", d.Pending)
		}
		return nil
	})
	// Some of the first few may pass, as long as the guard's limit isn't reached; never most of them.
	if got := s.count(t); got < before-before/10-1 {
		t.Errorf("%d of %d people are left: the guard came too late", got, before)
	}
	// What else changes goes on meanwhile.
	s.admin.Set(t, c.people[25], "displayName", "Changed Meanwhile")
	dctest.Eventually(t, patience, func() error {
		found, err := s.engine.Accounts(t.Context(), demo.TenantID, provision.Filter{Find: "Changed Meanwhile"})
		if err != nil || len(found) != 1 {
			return fmt.Errorf("%d people, %w", len(found), err)
		}
		return nil
	})
	if _, err := s.engine.AllowDeletions(t.Context(), demo.TenantID, s.DC.Domain(), "operator"); err != nil {
		t.Fatal(err)
	}
	s.equal(t, patience)
}

func (s *site) state(t *testing.T) (provision.Status, error) {
	t.Helper()
	all, err := s.engine.State(t.Context(), demo.TenantID)
	if err != nil {
		return provision.Status{}, err
	}
	for _, d := range all {
		if !d.Staging && strings.EqualFold(d.Domain, s.DC.Domain()) {
			return d, nil
		}
	}
	return provision.Status{}, fmt.Errorf("%s isn't synced yet", s.DC.Domain())
}

func (s *site) count(t *testing.T) int {
	t.Helper()
	p, err := s.cloud(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return len(p.people)
}

// TestOneAgentSyncsAtATime: a second agent waits, and goes on where the first one was when that is killed.
func TestOneAgentSyncsAtATime(t *testing.T) {
	t.Parallel()
	s := start(t, sample())
	s.lax(t)
	s.equal(t, patience)
	second, err := s.AddAgent(t.Context(), "second")
	must(t, err)
	first, err := s.state(t)
	must(t, err)
	if first.Holder == "" || first.Holder == second.ID {
		t.Fatalf("the first agent's lease is %q's", first.Holder)
	}
	must(t, s.Agent.Kill())
	c := &chaos{site: s, t: t}
	c.people = append(c.people, c.add("CN=after,"+s.units[0], "user", map[string][]string{"sAMAccountName": {"after"}, "userAccountControl": {"514"}}))
	s.equal(t, patience)
	now, err := s.state(t)
	must(t, err)
	if now.Holder != second.ID || now.Epoch <= first.Epoch {
		t.Errorf("holder %q, epoch %d after %d; want the second agent's next epoch", now.Holder, now.Epoch, first.Epoch)
	}
	runs, err := s.engine.Runs(t.Context(), demo.TenantID, "", 100)
	must(t, err)
	full := 0
	for _, r := range runs {
		if r.Full {
			full++
		}
	}
	if full != 1 {
		t.Errorf("%d full runs: the second agent didn't go on where the first one was", full)
	}
	s.manyGroups(t)
}
