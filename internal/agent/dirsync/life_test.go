package dirsync

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// TestLife takes people and groups through everything that can happen to them.
func TestLife(t *testing.T) {
	w := newWorld(t, dctest.Start(t))
	inner := w.unit("OU=Inner", w.ou)
	outside := w.unit("OU=Outside-"+w.ou[3:11], w.dc.BaseDN())
	one := w.person("One", w.ou)
	two := w.person("Two", inner)
	team := w.group("Team", w.ou, one, two)
	c := newCloud(t)
	e := w.engine(c, nil)
	w.start(e)
	w.full(e)
	w.seen(c)
	if s := e.Status(); s.Mode != protocol.SyncByDirSync || s.DC != w.dc.Host() {
		t.Errorf("status %+v", s)
	}

	three := w.person("Three", w.ou)
	w.seen(c)
	w.dc.Set(t, three, "displayName", "Three the Third")
	w.seen(c)
	w.dc.Set(t, three, "displayName")
	w.seen(c)
	three = w.move(three, "CN=Drei", w.ou) // renamed
	w.seen(c)
	three = w.move(three, "CN=Drei", inner)
	w.seen(c)
	w.member(team, []string{three}, []string{one})
	w.seen(c)
	w.dc.Set(t, one, "userAccountControl", "514")
	w.seen(c)

	id := w.id(three)
	three = w.move(three, "CN=Drei", outside)
	w.gone(c, id, protocol.GoneMoved)
	w.seen(c)
	three = w.move(three, "CN=Drei", w.ou)
	w.seen(c)

	// Children of a unit that is renamed or moved aren't told by the directory.
	inner = w.move(inner, "OU=Renamed", w.ou)
	w.seen(c)
	id = w.id("CN=Two," + inner)
	inner = w.move(inner, "OU=Renamed", outside)
	w.gone(c, id, protocol.GoneMoved)
	w.seen(c)
	inner = w.move(inner, "OU=Renamed", w.ou)
	w.seen(c)

	id = w.id(three)
	w.remove(three)
	w.gone(c, id, protocol.GoneDeleted)
	w.seen(c)
	w.restore(id, "CN=Drei", w.ou)
	w.seen(c)
	w.remove(team)
	w.seen(c)
	if _, _, _, runs := c.count(); runs != 1 {
		t.Errorf("%d full runs", runs)
	}
	_ = inner
}

// restore brings a deleted person back ([MS-ADTS] 3.1.1.5.3.7).
func (w *world) restore(id, rdn, parent string) {
	w.t.Helper()
	var raw string
	for i := 0; i < len(id); i += 2 {
		raw += `\` + id[i:i+2]
	}
	conn := w.dc.Admin(w.t)
	r, err := conn.Search(ldap.NewSearchRequest("CN=Deleted Objects,"+w.dc.BaseDN(), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(objectGUID="+raw+")", []string{"sAMAccountName"}, []ldap.Control{ldap.NewControlMicrosoftShowDeleted()}))
	if err != nil || len(r.Entries) != 1 {
		w.t.Fatalf("looking for what was deleted: %v", err)
	}
	m := ldap.NewModifyRequest(r.Entries[0].DN, []ldap.Control{ldap.NewControlMicrosoftShowDeleted()})
	m.Delete("isDeleted", []string{})
	m.Replace("distinguishedName", []string{rdn + "," + parent})
	if err := conn.Modify(m); err != nil {
		w.t.Fatalf("restoring: %v", err)
	}
}

// TestAnchors: the id is written into empty source anchors, and nowhere else; the echo isn't read again.
func TestAnchors(t *testing.T) {
	w := newWorld(t, dctest.Start(t))
	empty := w.person("Empty", w.ou)
	other := w.person("Other", w.ou, "mS-DS-ConsistencyGuid", "0123456789abcdef")
	short := w.person("Short", w.ou, "mS-DS-ConsistencyGuid", "short")
	c := newCloud(t)
	e := w.engine(c, nil)
	stop := w.start(e)
	w.full(e)
	dctest.Eventually(t, soon, func() error {
		if got := w.dc.Attr(t, empty, "mS-DS-ConsistencyGuid"); len(got) != 1 || fmt.Sprintf("%x", got[0]) != w.id(empty) {
			return fmt.Errorf("anchor %x", got)
		}
		return nil
	})
	for dn, want := range map[string]string{other: "0123456789abcdef", short: "short"} {
		if got := w.dc.Attr(t, dn, "mS-DS-ConsistencyGuid"); got[0] != want {
			t.Errorf("%s: anchor %q", dn, got)
		}
	}
	for dn, want := range map[string]string{empty: w.id(empty), other: fmt.Sprintf("%x", "0123456789abcdef"), short: w.id(short)} {
		if p, _ := c.person(w.id(dn)); p.Anchor != want {
			t.Errorf("%s: anchor %s, want %s", dn, p.Anchor, want)
		}
	}
	if c.reasons(w.id(short))[protocol.FaultAnchor] == "" {
		t.Errorf("faults %v", c.reasons(w.id(short)))
	}
	// A change after the echo proves that the echo was passed over.
	before := e.Status().People
	w.dc.Set(t, other, "displayName", "Another")
	w.seen(c)
	if n := e.Status().People - before; n != 1 {
		t.Errorf("%d people were sent, want the one who changed", n)
	}
	stop()

	// Staging and switched off: nothing is written. Without the right: counted.
	w.dc.Set(t, empty, "mS-DS-ConsistencyGuid")
	w.dc.Revoke(t, w.ou, lab.ACESourceAnchor)
	stage := newCloud(t)
	if _, err := w.engine(stage, func(d *Deps) { d.Staging = true }).Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p, _ := stage.person(w.id(empty)); p.Anchor != w.id(empty) {
		t.Errorf("preview: %+v", p)
	}
	again := w.engine(newCloud(t), nil)
	w.start(again)
	dctest.Eventually(t, soon, func() error {
		if again.Status().Unanchored != 1 {
			return fmt.Errorf("%d couldn't be written", again.Status().Unanchored)
		}
		return nil
	})
	if got := w.dc.Attr(t, empty, "mS-DS-ConsistencyGuid"); got != nil {
		t.Errorf("anchor %x was written without the right", got)
	}
}

// TestPilot: only people in the group, directly or through others, are synced; kept current.
func TestPilot(t *testing.T) {
	w := newWorld(t, dctest.Start(t))
	other := w.unit("OU=Groups-"+w.ou[3:11], w.dc.BaseDN())
	a, b, d := w.person("A", w.ou), w.person("B", w.ou), w.person("D", w.ou)
	nested := w.group("Nested", other, b)
	middle := w.group("Middle", other, nested)
	pilot := w.group("Pilot", other, a, middle)
	w.member(nested, []string{pilot}, nil) // a circle
	c := newCloud(t)
	pick := func(deps *Deps) { deps.Scope.Pilot = pilot }
	e := w.engine(c, pick)
	stop := w.start(e)
	w.full(e)
	want := func(dns ...string) {
		t.Helper()
		dctest.Eventually(t, soon, func() error {
			n, _, _, _ := c.count()
			for _, dn := range dns {
				if _, ok := c.person(w.id(dn)); !ok {
					return fmt.Errorf("%s isn't there", dn)
				}
			}
			if n != len(dns) {
				return fmt.Errorf("%d people, want %d", n, len(dns))
			}
			return nil
		})
	}
	want(a, b)
	w.member(nested, []string{d}, nil)
	want(a, b, d)
	w.member(pilot, nil, []string{a})
	want(b, d)
	w.gone(c, w.id(a), protocol.GoneGroup)
	w.member(middle, nil, []string{nested})
	want()
	w.member(middle, []string{nested}, nil)
	want(b, d)
	w.remove(nested) // whoever was in it, the directory doesn't tell
	want()
	w.member(middle, []string{a}, nil)
	want(a)
	stop()
	// While nobody looks.
	w.member(middle, []string{b}, []string{a})
	w.start(w.engine(c, pick))
	want(b)
	if _, _, _, runs := c.count(); runs != 1 {
		t.Errorf("%d full runs", runs)
	}
}

// TestLatency measures how long a change takes until it is in a batch.
func TestLatency(t *testing.T) {
	w := newWorld(t, dctest.Start(t))
	dn := w.person("Fast", w.ou)
	c := newCloud(t)
	e := w.engine(c, func(d *Deps) { d.Poll = time.Hour }) // only notification can tell
	w.start(e)
	w.full(e)
	dctest.Eventually(t, soon, func() error { w.dc.Set(t, dn, "title", "warm up"); return w.differs(c) })
	id := w.id(dn)
	var worst time.Duration
	for i := range 10 {
		name := fmt.Sprintf("Fast %d", i)
		began := time.Now()
		w.dc.Set(t, dn, "displayName", name)
		dctest.Eventually(t, soon, func() error {
			if p, _ := c.person(id); p.DisplayName != name {
				return fmt.Errorf("still %q", p.DisplayName)
			}
			return nil
		})
		worst = max(worst, time.Since(began))
	}
	t.Logf("from the write to the batch taken: %v at worst of 10", worst)
	if worst > soon {
		t.Errorf("%v", worst)
	}
}
