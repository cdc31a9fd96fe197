package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server"
	"homeward/internal/server/licence"
	"homeward/internal/server/locale"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/test/dctest"
)

// flowSite is one stack for all flows of the portal, with a message centre for text messages and one browser.
type flowSite struct {
	*site
	centre  *centre
	browser *browser
	words   locale.Localizer // English, as the pages
}

// The directory's groups.
const (
	groupScoped   = "Flow scope"
	groupLicensed = "Flow licences"
)

// newFlowSite starts the stack. Everybody is in the group of those who may help themselves and in that of those who hold a
// licence, but for the two ordinary people made last: the very last lacks the first group, the one before the second.
func newFlowSite(t *testing.T, people supply) *flowSite {
	t.Helper()
	d := &flowSite{centre: newCentre(t)}
	d.site = own(t, demo.Options{
		EditServer: func(server map[string]any) {
			d.centre.use(t, server)
			server["trusted_proxies"] = []string{"127.0.0.1"} // each tab comes from an address of its own
		},
		Edit: func(agent map[string]any) {
			for _, one := range agent["directories"].([]any) {
				one.(map[string]any)["features"] = map[string]any{"phones": true}
			}
		},
		Prepare: func(ctx context.Context, dc *lab.DC) error { return flowGroups(ctx, dc, people) },
	}, people)
	d.hands = dctest.Wrap(t, d.DC)
	catalog, err := locale.New()
	must(t, err)
	d.words = catalog.In("en")
	d.browser = openBrowser(t, "en", 1280, 800)
	return d
}

// last takes the person of a kind who was made last.
func (s *site) last(t *testing.T, kind lab.Kind) lab.Person {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.people[kind]
	if len(all) == 0 {
		t.Fatalf("nobody is left who is %s", kind)
	}
	s.people[kind] = all[:len(all)-1]
	return all[len(all)-1]
}

// flowGroups makes the two groups, with the sample's people in both.
func flowGroups(ctx context.Context, dc *lab.DC, people supply) (err error) {
	conn, err := dc.Dial(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Bind(dc.Administrator().UPN, dc.Administrator().Password); err != nil {
		return err
	}
	var all []string
	for _, p := range dc.People() {
		all = append(all, p.DN)
	}
	for kind, n := range people {
		for i := range n {
			all = append(all, draft(dc, kind, i).DN)
		}
	}
	ordinary := people[lab.KindOrdinary]
	for group, left := range map[string]lab.Person{
		groupScoped: draft(dc, lab.KindOrdinary, ordinary-1), groupLicensed: draft(dc, lab.KindOrdinary, ordinary-2),
	} {
		r := ldap.NewAddRequest("CN="+group+","+dc.OUs()[0], nil)
		r.Attribute("objectClass", []string{"group"})
		r.Attribute("sAMAccountName", []string{group})
		r.Attribute("member", slices.DeleteFunc(slices.Clone(all), func(dn string) bool { return dn == left.DN }))
		if err := conn.Add(r); err != nil {
			return fmt.Errorf("add group %s: %w", group, err)
		}
	}
	return nil
}

// groups waits until both are synced, and returns their object ids.
func (d *flowSite) groups(t *testing.T, people int) (scoped, licensed string) {
	t.Helper()
	accounts := server.Accounts(d.Store, time.Now)
	for name, id := range map[string]*string{groupScoped: &scoped, groupLicensed: &licensed} {
		eventually(t, func() error {
			found, err := accounts.FindGroups(t.Context(), demo.TenantID, name)
			if err != nil || len(found) != 1 {
				return fmt.Errorf("%d groups are called %s: %w", len(found), name, err)
			}
			*id = found[0].Object
			in, _, err := accounts.ScopeCount(t.Context(), demo.TenantID, tenant.ScopeSelected, *id)
			if err == nil && in < people {
				err = fmt.Errorf("%s has %d people, not %d", name, in, people)
			}
			return err
		})
	}
	return scoped, licensed
}

// set changes the tenant's settings and waits until the pages know. marker is anything that no setting before had.
func (d *flowSite) set(t *testing.T, marker string, change func(s *tenant.Settings)) {
	t.Helper()
	_, err := d.Store.ChangeTenant(t.Context(), demo.TenantID, func(_ *store.Store, now *tenant.Tenant) error {
		change(&now.Settings)
		now.Settings.ExampleUPN = marker + "@contoso.example"
		return nil
	})
	must(t, err)
	v := d.visitor(t)
	eventually(t, func() error {
		p, err := v.Get(t.Context(), "/start")
		if err == nil && !strings.Contains(p.Body, marker+"@contoso.example") {
			err = errors.New("the settings aren't taken up")
		}
		return err
	})
}

// licences gives everybody of a group one.
func (d *flowSite) licences(t *testing.T, group string) {
	t.Helper()
	now, err := d.Store.Tenant(t.Context(), demo.TenantID)
	must(t, err)
	book := server.Licences(d.Store, time.Now, func(err error) { t.Error(err) })
	must(t, book.Assign(t.Context(), now, licence.Assignment{Part: "SPE_E3", Kind: licence.Group, Subject: group, Name: groupLicensed, Operator: "test"}))
}

// hasWords waits until the agent has the organisation's words.
func (d *flowSite) hasWords(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		b, err := os.ReadFile(filepath.Join(d.Path("agent"), "banned.json"))
		if err == nil && !strings.Contains(string(b), "harbour") {
			err = errors.New("the agent has other words")
		}
		return err
	})
}
