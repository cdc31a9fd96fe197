package dirsync

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func TestMain(m *testing.M) { os.Exit(dctest.Main(m)) }

// soon is how long a change may take to be in a batch.
const soon = 5 * time.Second

// world is a unit of its own on the DC, with hands to change it.
type world struct {
	t  testing.TB
	dc *dctest.DC
	ou string
}

func newWorld(t testing.TB, dc *dctest.DC) *world {
	w := &world{t: t, dc: dc}
	w.ou = w.unit("OU=w-"+strings.ToLower(rand.Text()[:8]), dc.BaseDN())
	dc.GrantForGood(t, w.ou, lab.ACESourceAnchor)
	return w
}

func (w *world) add(dn string, attributes map[string][]string) string {
	w.t.Helper()
	r := ldap.NewAddRequest(dn, nil)
	for name, values := range attributes {
		r.Attribute(name, values)
	}
	if err := w.dc.Admin(w.t).Add(r); err != nil {
		w.t.Fatalf("adding %s: %v", dn, err)
	}
	return dn
}

func (w *world) unit(rdn, parent string) string {
	return w.add(rdn+","+parent, map[string][]string{"objectClass": {"organizationalUnit"}})
}

// person makes somebody without a password, which costs the DC least. Attributes come in pairs.
func (w *world) person(name, ou string, attributes ...string) string {
	sam := "w" + strings.ToLower(rand.Text()[:12])
	all := map[string][]string{
		"objectClass": {"user"}, "sAMAccountName": {sam}, "userPrincipalName": {sam + "@contoso.com"}, "displayName": {name},
		"userAccountControl": {"546"},
	}
	for i := 0; i < len(attributes); i += 2 {
		all[attributes[i]] = []string{attributes[i+1]}
		if attributes[i+1] == "" {
			delete(all, attributes[i])
		}
	}
	return w.add("CN="+name+","+ou, all)
}

func (w *world) group(name, ou string, members ...string) string {
	all := map[string][]string{"objectClass": {"group"}, "sAMAccountName": {"g" + strings.ToLower(rand.Text()[:12])}}
	if members != nil {
		all["member"] = members
	}
	return w.add("CN="+name+","+ou, all)
}

func (w *world) member(group string, add, remove []string) {
	w.t.Helper()
	m := ldap.NewModifyRequest(group, nil)
	if add != nil {
		m.Add("member", add)
	}
	if remove != nil {
		m.Delete("member", remove)
	}
	if err := w.dc.Admin(w.t).Modify(m); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) move(dn, rdn, parent string) string {
	w.t.Helper()
	if err := w.dc.Admin(w.t).ModifyDN(ldap.NewModifyDNRequest(dn, rdn, true, parent)); err != nil {
		w.t.Fatalf("moving %s: %v", dn, err)
	}
	return rdn + "," + parent
}

func (w *world) remove(dn string) {
	w.t.Helper()
	if err := w.dc.Admin(w.t).Del(ldap.NewDelRequest(dn, nil)); err != nil {
		w.t.Fatalf("deleting %s: %v", dn, err)
	}
}

func (w *world) id(dn string) string {
	w.t.Helper()
	return hex.EncodeToString([]byte(w.dc.Attr(w.t, dn, "objectGUID")[0]))
}

// directory opens the DC as the service account, or as somebody else.
func (w *world) directory(as *lab.Account) *activedirectory.Directory {
	w.t.Helper()
	pem, err := os.ReadFile(w.dc.CAFile())
	if err != nil {
		w.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	svc := w.dc.ServiceAccount()
	if as != nil {
		svc = *as
	}
	d, err := activedirectory.Open(activedirectory.Config{
		URLs: []string{w.dc.LDAPSURL()}, User: svc.UPN, RootCAs: pool,
		Password: func(context.Context) ([]byte, error) { return []byte(svc.Password), nil },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = d.Close() })
	return d
}

func (w *world) scope() Scope { return Scope{Units: []string{w.ou}} }

func (w *world) engine(c Cloud, change func(*Deps)) *Engine {
	return w.engineOn(w.directory(nil), c, change)
}

func (w *world) engineOn(dir *activedirectory.Directory, c Cloud, change func(*Deps)) *Engine {
	w.t.Helper()
	d := Deps{
		Agent: "UAGENT", Domain: w.dc.Domain(), NetBIOS: w.dc.NetBIOSName(), Cloud: c, Scope: w.scope(), Anchors: true,
		Logger: slog.New(slog.NewTextHandler(w.t.Output(), nil)), Poll: 500 * time.Millisecond,
	}
	if change != nil {
		change(&d)
	}
	wanted, err := d.Scope.Wanted()
	if err != nil {
		w.t.Fatal(err)
	}
	feed := dir.Feed(d.Scope.Units, wanted)
	w.t.Cleanup(feed.Close)
	if d.Source == nil {
		d.Source = feed
	}
	e, err := New(d)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// start runs the engine until the test ends, or stop is called.
func (w *world) start(e *Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := e.Run(ctx); !errors.Is(err, context.Canceled) {
			w.t.Errorf("the engine ended: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	w.t.Cleanup(stop)
	return stop
}

// seen waits until the cloud's picture is the directory's, read independently as an administrator.
func (w *world) seen(c *cloud) {
	w.t.Helper()
	dctest.Eventually(w.t, soon, func() error { return w.differs(c) })
}

type face struct {
	DN, SAM, UPN, Display string
	Disabled              bool
}

func (w *world) differs(c *cloud) error {
	r, err := w.dc.Admin(w.t).SearchWithPaging(ldap.NewSearchRequest(w.ou, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(|(&(objectCategory=person)(objectClass=user))(objectClass=group))",
		[]string{"objectGUID", "sAMAccountName", "userPrincipalName", "displayName", "userAccountControl", "objectClass", "member"}, nil), 500)
	if err != nil {
		return err
	}
	ids := map[string]string{}
	for _, e := range r.Entries {
		ids[e.DN] = hex.EncodeToString(e.GetRawAttributeValue("objectGUID"))
	}
	people, groups := map[string]face{}, map[string][]string{}
	for _, e := range r.Entries {
		if slices.Contains(e.GetAttributeValues("objectClass"), "group") {
			var members []string
			for _, m := range e.GetAttributeValues("member") {
				if ids[m] == "" {
					ids[m] = w.id(m)
				}
				members = append(members, ids[m])
			}
			slices.Sort(members)
			groups[ids[e.DN]] = members
			continue
		}
		people[ids[e.DN]] = face{
			e.DN, e.GetAttributeValue("sAMAccountName"), e.GetAttributeValue("userPrincipalName"), e.GetAttributeValue("displayName"),
			e.GetAttributeValue("userAccountControl") == "546" || e.GetAttributeValue("userAccountControl") == "514",
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	have, haveGroups := map[string]face{}, map[string][]string{}
	for id, p := range c.people {
		have[id] = face{p.DN, p.SAM, p.UPN, p.DisplayName, p.Disabled}
	}
	for id, g := range c.groups {
		var members []string
		for m := range g.members {
			members = append(members, m)
		}
		slices.Sort(members)
		haveGroups[id] = members
	}
	if diff := cmp.Diff(people, have); diff != "" {
		return fmt.Errorf("people (-directory +cloud):\n%s", cut(diff, 2000))
	}
	if diff := cmp.Diff(groups, haveGroups); diff != "" {
		return fmt.Errorf("groups (-directory +cloud):\n%s", cut(diff, 2000))
	}
	return nil
}

// full waits until the first full run is done.
func (w *world) full(e *Engine) {
	w.t.Helper()
	dctest.Eventually(w.t, 30*time.Second, func() error {
		if e.Status().Ran.IsZero() {
			return errors.New("no full run yet: " + e.Status().Detail)
		}
		return nil
	})
}

func (w *world) gone(c *cloud, id, why string) {
	w.t.Helper()
	dctest.Eventually(w.t, soon, func() error {
		if got := c.why(id); got != why {
			return fmt.Errorf("gone %q, want %q", got, why)
		}
		return nil
	})
}

var _ Cloud = (*cloud)(nil)

var _ = protocol.Version
