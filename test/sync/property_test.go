package sync_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// rounds of the property test, and operations in each. make soak sets the seed aside and takes more.
const (
	rounds    = 8
	perRound  = 25
	soakTimes = 12
)

// TestCloudEqualsDirectory makes random changes of people, groups and units in a real directory, and after each round the cloud
// equals it. The seed is in the log; HOMEWARD_SEED repeats a run.
func TestCloudEqualsDirectory(t *testing.T) {
	t.Parallel()
	s := start(t, sample())
	s.lax(t)
	seed := uint64(time.Now().UnixNano())
	if set := os.Getenv("HOMEWARD_SEED"); set != "" {
		var err error
		if seed, err = strconv.ParseUint(set, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HOMEWARD_SEED=%d", seed)
	n := rounds
	if os.Getenv("HOMEWARD_SOAK") != "" {
		n *= soakTimes
	}
	s.equal(t, patience)
	c := &chaos{site: s, t: t, r: rand.New(rand.NewPCG(seed, 1))}
	c.outside = "OU=Elsewhere," + s.DC.BaseDN()
	c.add(c.outside, "organizationalUnit", nil)
	for round := range n {
		for range perRound {
			c.step()
		}
		t.Logf("round %d: %s", round+1, strings.Join(c.done, ", "))
		c.done = nil
		s.equal(t, patience)
	}
}

// chaos changes the directory at random. It keeps what it made, by objectGUID.
type chaos struct {
	*site

	t       *testing.T
	r       *rand.Rand
	outside string
	n       int
	people  []string // <GUID=…>
	groups  []string
	units   []string // DNs of units below the synced ones
	deleted []string // <GUID=…>
	done    []string
}

func (c *chaos) step() {
	steps := []struct {
		name string
		do   func() bool
	}{
		{"create", c.create},
		{"create", c.create},
		{"change", c.change},
		{"change", c.change},
		{"name", c.renamePerson},
		{"move", c.move},
		{"move out", c.moveOut},
		{"delete", c.remove},
		{"restore", c.restore},
		{"group", c.group},
		{"member", c.member},
		{"member", c.member},
		{"no member", c.noMember},
		{"unit", c.unit},
		{"rename unit", c.renameUnit},
		{"delete group", c.removeGroup},
	}
	for {
		one := steps[c.r.IntN(len(steps))]
		if one.do() {
			c.done = append(c.done, one.name)
			return
		}
	}
}

func (c *chaos) next(prefix string) string {
	c.n++
	return fmt.Sprintf("%s%d", prefix, c.n)
}

func (c *chaos) pick(list []string) string { return list[c.r.IntN(len(list))] }

// place is a unit that is synced.
func (c *chaos) place() string {
	if len(c.units) > 0 && c.r.IntN(3) == 0 {
		return c.pick(c.units)
	}
	return c.pick(c.site.units)
}

func (c *chaos) add(dn, class string, attributes map[string][]string) string {
	c.t.Helper()
	r := ldap.NewAddRequest(dn, nil)
	r.Attribute("objectClass", []string{class})
	for name, values := range attributes {
		r.Attribute(name, values)
	}
	if err := c.admin.Admin(c.t).Add(r); err != nil {
		c.t.Fatalf("adding %s: %v", dn, err)
	}
	return "<GUID=" + c.guid(dn) + ">"
}

func (c *chaos) guid(dn string) string {
	c.t.Helper()
	return fmt.Sprintf("%x", c.admin.Attr(c.t, dn, "objectGUID")[0])
}

func (c *chaos) dn(guid string) string {
	c.t.Helper()
	return c.admin.Attr(c.t, guid, "distinguishedName")[0]
}

func (c *chaos) create() bool {
	name := c.next("chaos")
	attributes := map[string][]string{
		"sAMAccountName": {name}, "displayName": {"Chaos " + name}, "userAccountControl": {"514"},
	}
	if c.r.IntN(4) > 0 {
		attributes["userPrincipalName"] = []string{name + "@contoso.com"}
	}
	if c.r.IntN(3) > 0 {
		attributes["mail"] = []string{name + "@mail.example"}
	}
	if c.r.IntN(3) == 0 {
		attributes["proxyAddresses"] = []string{"SMTP:" + name + "@contoso.com", "smtp:" + name + "@old.example", "x500:/o=Contoso/cn=" + name}
	}
	c.people = append(c.people, c.add("CN="+name+","+c.place(), "user", attributes))
	return true
}

func (c *chaos) change() bool {
	if len(c.people) == 0 {
		return false
	}
	who := c.pick(c.people)
	value := c.next("v")
	switch c.r.IntN(6) {
	case 0:
		c.admin.Set(c.t, who, "displayName", "Åsa "+value)
	case 1:
		c.admin.Set(c.t, who, "mail", value+"@mail.example")
	case 2:
		c.admin.Set(c.t, who, "mail")
	case 3:
		c.admin.Set(c.t, who, "userPrincipalName", value+"@contoso.com")
	case 4:
		c.admin.Set(c.t, who, "userAccountControl", []string{"514", "546", "66050"}[c.r.IntN(3)])
	case 5:
		c.admin.Set(c.t, who, "proxyAddresses", "SMTP:"+value+"@contoso.com")
	}
	return true
}

func (c *chaos) modify(dn, rdn, parent string) {
	c.t.Helper()
	if err := c.admin.Admin(c.t).ModifyDN(ldap.NewModifyDNRequest(dn, rdn, true, parent)); err != nil {
		c.t.Fatalf("moving %s to %s: %v", dn, parent, err)
	}
}

func (c *chaos) renamePerson() bool {
	if len(c.people) == 0 {
		return false
	}
	c.modify(c.dn(c.pick(c.people)), "CN="+c.next("renamed"), "")
	return true
}

// move takes somebody into another synced unit, from wherever they are.
func (c *chaos) move() bool { return c.relocate(c.place()) }

func (c *chaos) moveOut() bool { return c.relocate(c.outside) }

func (c *chaos) relocate(to string) bool {
	if len(c.people) == 0 {
		return false
	}
	dn := c.dn(c.pick(c.people))
	rdn, parent, _ := strings.Cut(dn, ",")
	if strings.EqualFold(parent, to) {
		return false
	}
	c.modify(dn, rdn, to)
	return true
}

func (c *chaos) remove() bool {
	if len(c.people) < 3 {
		return false
	}
	i := c.r.IntN(len(c.people))
	who := c.people[i]
	if err := c.admin.Admin(c.t).Del(ldap.NewDelRequest(who, nil)); err != nil {
		c.t.Fatalf("deleting %s: %v", who, err)
	}
	c.people = append(c.people[:i], c.people[i+1:]...)
	c.deleted = append(c.deleted, who)
	return true
}

// restore reanimates a tombstone ([MS-ADTS] 3.1.1.5.3.7.2): it comes back without most of its attributes.
func (c *chaos) restore() bool {
	if len(c.deleted) == 0 {
		return false
	}
	i := c.r.IntN(len(c.deleted))
	who := c.deleted[i]
	name := c.next("restored")
	raw := strings.Trim(strings.TrimPrefix(who, "<GUID="), ">")
	bytes := ""
	for n := 0; n < len(raw); n += 2 {
		bytes += `\` + raw[n:n+2]
	}
	found, err := c.admin.Admin(c.t).Search(ldap.NewSearchRequest("CN=Deleted Objects,"+c.DC.BaseDN(), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(objectGUID="+bytes+")", []string{"objectGUID"}, []ldap.Control{ldap.NewControlMicrosoftShowDeleted()}))
	if err != nil || len(found.Entries) != 1 {
		c.t.Fatalf("looking for %s among what was deleted: %v", who, err)
	}
	// By its DN: Samba can't reanimate what is named by GUID.
	r := ldap.NewModifyRequest(found.Entries[0].DN, []ldap.Control{ldap.NewControlMicrosoftShowDeleted()})
	r.Delete("isDeleted", nil)
	r.Replace("distinguishedName", []string{"CN=" + name + "," + c.place()})
	if err = c.admin.Admin(c.t).Modify(r); err != nil {
		c.t.Fatalf("restoring %s: %v", who, err)
	}
	c.deleted = append(c.deleted[:i], c.deleted[i+1:]...)
	c.people = append(c.people, who)
	return true
}

func (c *chaos) group() bool {
	name := c.next("group")
	c.groups = append(c.groups, c.add("CN="+name+","+c.place(), "group", map[string][]string{"sAMAccountName": {name}}))
	return true
}

// member puts a person or another group into a group. Circles are welcome.
func (c *chaos) member() bool {
	if len(c.groups) == 0 || len(c.people) == 0 {
		return false
	}
	group, who := c.pick(c.groups), c.pick(c.people)
	if c.r.IntN(4) == 0 {
		who = c.pick(c.groups)
	}
	if who == group {
		return false
	}
	r := ldap.NewModifyRequest(group, nil)
	r.Add("member", []string{c.dn(who)})
	err := c.admin.Admin(c.t).Modify(r)
	if ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) || ldap.IsErrorWithCode(err, ldap.LDAPResultAttributeOrValueExists) {
		return false
	}
	if err != nil {
		c.t.Fatalf("adding %s to %s: %v", who, group, err)
	}
	return true
}

func (c *chaos) noMember() bool {
	if len(c.groups) == 0 {
		return false
	}
	group := c.pick(c.groups)
	members := c.admin.Attr(c.t, group, "member")
	if len(members) == 0 {
		return false
	}
	r := ldap.NewModifyRequest(group, nil)
	r.Delete("member", []string{c.pick(members)})
	if err := c.admin.Admin(c.t).Modify(r); err != nil {
		c.t.Fatalf("taking a member out of %s: %v", group, err)
	}
	return true
}

func (c *chaos) removeGroup() bool {
	if len(c.groups) < 3 {
		return false
	}
	i := c.r.IntN(len(c.groups))
	if err := c.admin.Admin(c.t).Del(ldap.NewDelRequest(c.groups[i], nil)); err != nil {
		c.t.Fatalf("deleting %s: %v", c.groups[i], err)
	}
	c.groups = append(c.groups[:i], c.groups[i+1:]...)
	return true
}

func (c *chaos) unit() bool {
	if len(c.units) > 5 {
		return false
	}
	dn := "OU=" + c.next("unit") + "," + c.pick(c.site.units)
	c.add(dn, "organizationalUnit", nil)
	c.units = append(c.units, dn)
	return true
}

// renameUnit renames a unit, or moves it below another synced one: its people's DNs change, and they don't.
func (c *chaos) renameUnit() bool {
	if len(c.units) == 0 {
		return false
	}
	i := c.r.IntN(len(c.units))
	rdn, parent, _ := strings.Cut(c.units[i], ",")
	if c.r.IntN(2) == 0 {
		rdn = "OU=" + c.next("unit")
	} else {
		parent = c.pick(c.site.units)
	}
	if rdn+","+parent == c.units[i] {
		return false
	}
	c.modify(c.units[i], rdn, parent)
	c.units[i] = rdn + "," + parent
	return true
}
