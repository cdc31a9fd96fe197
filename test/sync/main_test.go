// Package sync_test proves, on the whole path and against a real domain controller, that the cloud directory ends equal to
// Active Directory: whatever is changed there, and whoever is killed in the middle.
//
// What Active Directory holds is read here by plain LDAP, with none of the product's reading code.
package sync_test

import (
	"cmp"
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/test/dctest"
)

const (
	startTime = 9 * time.Minute // the first start on a machine builds the lab's cache
	patience  = 60 * time.Second
)

// program is the path of the program under test.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "homeward-sync-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "homeward")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "homeward/cmd/homeward")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// site is a running stack and an administrator's hands on its directory.
type site struct {
	*demo.Stack

	admin  *dctest.DC
	engine *provision.Engine
	units  []string   // that are synced
	eyes   *ldap.Conn // the service account's: whom it may not see isn't synced, and the doctor says so
}

func start(t *testing.T, o demo.Options) *site {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	o.Homeward, o.Logger = program, slog.New(slog.NewTextHandler(t.Output(), nil))
	stack, err := demo.Start(ctx, o)
	if err != nil {
		t.Fatalf("starting a stack: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("server's log:\n%s\nagent's log:\n%s", end(stack.Path("server.log")), end(stack.Path("agent.log")))
		}
		if err := stack.Close(); err != nil {
			t.Errorf("stopping the stack: %v", err)
		}
	})
	eyes, err := stack.DC.Dial(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = eyes.Close() })
	if err := eyes.Bind(stack.DC.ServiceAccount().UPN, stack.DC.ServiceAccount().Password); err != nil {
		t.Fatal(err)
	}
	return &site{Stack: stack, admin: dctest.Wrap(t, stack.DC), engine: server.Accounts(stack.Store, time.Now), units: stack.DC.OUs(), eyes: eyes}
}

func end(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-6000):])
}

// lax lets any number of deletions pass: the guard has tests of its own.
func (s *site) lax(t *testing.T) {
	t.Helper()
	_, err := s.Store.ChangeTenant(t.Context(), demo.TenantID, func(_ *store.Store, now *tenant.Tenant) error {
		now.Settings.Sync.DeleteLimit, now.Settings.Sync.DeletePercent = 1_000_000, 100
		return nil
	})
	must(t, err)
}

// entry is a person as both sides should have them.
type entry struct {
	Object, DN, SAM, UPN, Mail, Display string
	Proxies                             string
	Disabled, Protected                 bool
}

// picture is everybody, and who is in which group, nested ones counted in.
type picture struct {
	people map[string]entry
	groups map[string][]string // objectGUID to people's
}

// read is what Active Directory holds below the synced units.
func (s *site) read(t *testing.T) picture {
	t.Helper()
	p := picture{people: map[string]entry{}, groups: map[string][]string{}}
	byDN, members := map[string]string{}, map[string][]string{}
	for _, unit := range s.units {
		for _, e := range s.search(t, unit, "(&(objectCategory=person)(objectClass=user)(sAMAccountType=805306368)(!(isCriticalSystemObject=TRUE)))",
			"objectGUID", "sAMAccountName", "userPrincipalName", "mail", "displayName", "proxyAddresses", "userAccountControl", "adminCount") {
			one := person(e)
			p.people[one.Object] = one
			byDN[fold(e.DN)] = one.Object
		}
		for _, e := range s.search(t, unit, "(objectClass=group)", "objectGUID", "member") {
			id := hex.EncodeToString(e.GetRawAttributeValue("objectGUID"))
			byDN[fold(e.DN)] = id
			members[id] = e.GetAttributeValues("member")
		}
	}
	for id := range members {
		p.groups[id] = closure(id, members, byDN, p.people)
	}
	return p
}

func person(e *ldap.Entry) entry {
	var control int
	_, _ = fmt.Sscan(e.GetAttributeValue("userAccountControl"), &control)
	var proxies []string
	for _, v := range e.GetAttributeValues("proxyAddresses") {
		if prefix, address, ok := strings.Cut(v, ":"); ok && strings.EqualFold(prefix, "smtp") {
			proxies = append(proxies, strings.ToLower(address))
		}
	}
	slices.Sort(proxies)
	return entry{
		Object: hex.EncodeToString(e.GetRawAttributeValue("objectGUID")), DN: e.DN, SAM: e.GetAttributeValue("sAMAccountName"),
		UPN: e.GetAttributeValue("userPrincipalName"), Mail: e.GetAttributeValue("mail"), Display: e.GetAttributeValue("displayName"),
		Proxies: strings.Join(proxies, " "), Disabled: control&2 != 0, Protected: e.GetAttributeValue("adminCount") == "1",
	}
}

// closure lists the people of a group and of those in it.
func closure(id string, members map[string][]string, byDN map[string]string, people map[string]entry) []string {
	found, seen := map[string]bool{}, map[string]bool{}
	var walk func(string)
	walk = func(g string) {
		if seen[g] {
			return
		}
		seen[g] = true
		for _, dn := range members[g] {
			m := byDN[fold(dn)]
			if _, ok := people[m]; ok {
				found[m] = true
			} else if m != "" {
				walk(m)
			}
		}
	}
	walk(id)
	out := make([]string, 0, len(found))
	for m := range found {
		out = append(out, m)
	}
	slices.Sort(out)
	return out
}

func (s *site) search(t *testing.T, base, filter string, attributes ...string) []*ldap.Entry {
	t.Helper()
	r, err := s.eyes.SearchWithPaging(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil), 1000)
	if err != nil {
		t.Fatalf("reading %s: %v", base, err)
	}
	return r.Entries
}

func fold(dn string) string { return strings.ToLower(dn) }

// cloud is what the cloud directory holds.
func (s *site) cloud(ctx context.Context, groups []string) (picture, error) {
	p := picture{people: map[string]entry{}, groups: map[string][]string{}}
	after := ""
	for {
		page, err := s.engine.Accounts(ctx, demo.TenantID, provision.Filter{After: after, Limit: 1000})
		if err != nil {
			return p, err
		}
		var ids []string
		for _, one := range page {
			after = one.ID
			ids = append(ids, one.ID)
		}
		claims, err := s.Store.ClaimsOf(ctx, demo.TenantID, ids)
		if err != nil {
			return p, err
		}
		proxies := map[string][]string{}
		for _, c := range claims {
			proxies[c.Person] = append(proxies[c.Person], c.Address)
		}
		for _, one := range page {
			if one.Cloud() {
				continue
			}
			slices.Sort(proxies[one.ID])
			if _, twice := p.people[one.Object]; twice {
				return p, fmt.Errorf("%s is there twice", one.DN)
			}
			p.people[one.Object] = entry{
				Object: one.Object, DN: one.DN, SAM: one.SAM, UPN: one.UPN, Mail: one.Mail, Display: one.DisplayName,
				Proxies: strings.Join(proxies[one.ID], " "), Disabled: one.Disabled, Protected: one.Protected,
			}
		}
		if len(page) < 1000 {
			break
		}
	}
	for _, g := range groups {
		people, err := s.engine.PeopleOf(ctx, demo.TenantID, g, "", 100_000)
		if err != nil {
			return p, err
		}
		out := make([]string, 0, len(people))
		for _, one := range people {
			out = append(out, one.Object)
		}
		slices.Sort(out)
		p.groups[g] = out
	}
	return p, nil
}

// equal waits until the cloud equals the directory.
func (s *site) equal(t *testing.T, within time.Duration) {
	t.Helper()
	want := s.read(t)
	groups := make([]string, 0, len(want.groups))
	for g := range want.groups {
		groups = append(groups, g)
	}
	dctest.Eventually(t, within, func() error {
		got, err := s.cloud(t.Context(), groups)
		if err != nil {
			return err
		}
		return differ(want, got)
	})
}

func differ(want, got picture) error {
	var lines []string
	for id, w := range want.people {
		g, ok := got.people[id]
		switch {
		case !ok:
			lines = append(lines, "not in the cloud: "+w.DN)
		case g != w:
			lines = append(lines, fmt.Sprintf("differs:\n  directory %+v\n  cloud     %+v", w, g))
		}
	}
	for id, g := range got.people {
		if _, ok := want.people[id]; !ok {
			lines = append(lines, "in the cloud only: "+g.DN)
		}
	}
	for id, w := range want.groups {
		if !slices.Equal(w, got.groups[id]) {
			lines = append(lines, fmt.Sprintf("group %s has %d people in the directory, %d in the cloud", id, len(w), len(got.groups[id])))
		}
	}
	if lines == nil {
		return nil
	}
	slices.SortFunc(lines, cmp.Compare)
	return fmt.Errorf("%d differences:\n%s", len(lines), strings.Join(lines[:min(len(lines), 8)], "\n"))
}

// people of the sample are enough where the number doesn't matter.
func sample() demo.Options { return demo.Options{Lab: lab.Options{Sample: true}} }
