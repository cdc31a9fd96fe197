package activedirectory

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func FuzzExtendedDN(f *testing.F) {
	f.Add("<GUID=0102030405060708090a0b0c0d0e0f10>;<SID=01>;CN=a,DC=x")
	f.Add("CN=a,DC=x")
	f.Add("<GUID=")
	f.Fuzz(func(t *testing.T, s string) {
		id, dn, ok := cutExtended(s)
		if !ok && id != (directory.GUID{}) {
			t.Errorf("%q gave %v and no id", s, id)
		}
		if len(dn) > len(s) {
			t.Errorf("%q gave %q", s, dn)
		}
	})
}

func FuzzRange(f *testing.F) {
	f.Add("member;range=0-1499")
	f.Add("member;range=1500-*")
	f.Add("member;range=-1--2")
	f.Fuzz(func(t *testing.T, s string) {
		base, got := cutRange(s)
		if got == nil && base != s || got != nil && (got.from < 0 || !got.last && got.to < got.from) {
			t.Errorf("%q: %q %+v", s, base, got)
		}
	})
}

func FuzzUSNPlace(f *testing.F) {
	f.Add(usnPlace(directory.GUID{1}, 7))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, n, err := parseUSNPlace(b)
		if err == nil && string(usnPlace(id, n)) != string(b) || err != nil && !errors.Is(err, ErrPlace) {
			t.Errorf("%x: %v %d %v", b, id, n, err)
		}
	})
}

// Everybody comes in pages: while the consumer has one, the next is fetched and no more, so that nothing piles up; and
// nothing is lost.
func TestAllReadsOnePageAhead(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	const crowd = 4*syncPage + 100
	if err := dc.Crowd(t.Context(), crowd); err != nil {
		t.Fatal(err)
	}
	f := open(t, configFor(t, dc)).Feed(dc.OUs(), nil)
	defer f.Close()
	n := 0
	var one, two int64
	_, err := f.All(t.Context(), protocol.SyncByDirSync, func(o Object) error {
		if !strings.Contains(o.DN, "crowd-") {
			return nil
		}
		if n++; n > 1 {
			return nil
		}
		one = f.Bytes()
		dctest.Eventually(t, time.Minute, func() error {
			before := two
			if two = f.Bytes(); two < one+syncPage*100 || two != before {
				return fmt.Errorf("%d bytes for the first page, %d now: nothing is read ahead, or it goes on", one, two)
			}
			return nil
		})
		return nil
	})
	if err != nil || n < crowd {
		t.Errorf("%d objects, %v", n, err)
	}
	if rest := f.Bytes() - one; two-one > rest/2 {
		t.Errorf("%d of %d bytes were read ahead while the consumer had the first page", two-one, rest)
	}
	stop := errors.New("enough")
	if _, err := f.All(t.Context(), protocol.SyncByDirSync, func(Object) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a consumer that stops: %v", err)
	}
	if _, err := f.All(t.Context(), protocol.SyncByDirSync, func(Object) error { return nil }); err != nil {
		t.Errorf("after one that stopped: %v", err)
	}
}

// A cookie works on another controller of the domain; a place by USN doesn't.
func TestPlaces(t *testing.T) {
	dc := dctest.Start(t)
	f := open(t, configFor(t, dc)).Feed(dc.OUs(), nil)
	defer f.Close()
	for mode, place := range map[string][]byte{
		protocol.SyncByDirSync: []byte("garbage"), protocol.SyncByUSN: []byte("garbage"),
	} {
		if _, err := f.Changes(t.Context(), mode, place); !errors.Is(err, ErrPlace) {
			t.Errorf("%s: %v", mode, err)
		}
	}
	if _, err := f.Changes(t.Context(), protocol.SyncByUSN, usnPlace(directory.GUID{1}, 1)); !errors.Is(err, ErrPlace) {
		t.Errorf("another database: %v", err)
	}
	if _, err := f.Look(t.Context()); err != nil {
		t.Error(err)
	}
	lost := open(t, configFor(t, dc)).Feed([]string{"OU=Nowhere," + dc.BaseDN()}, nil)
	defer lost.Close()
	_, err := lost.Look(t.Context())
	wantReason(t, err, protocol.ReasonNotFound)
}

// Large groups are read in ranges, as Active Directory answers them, and so are somebody's many groups.
func TestMembersByRange(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	dn := "CN=ranged,OU=Sales," + dc.BaseDN()
	r := ldap.NewAddRequest(dn, nil)
	r.Attribute("objectClass", []string{"group"})
	r.Attribute("sAMAccountName", []string{"ranged"})
	var want []string
	for _, p := range dc.People() {
		want = append(want, p.DN)
	}
	r.Attribute("member", want)
	if err := dc.Admin(t).Add(r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dc.Admin(t).Del(ldap.NewDelRequest(dn, nil)) })
	const groups = 7
	somebody := dc.NewPerson(t)
	for i := range groups {
		one := fmt.Sprintf("CN=ranged%d,OU=Sales,%s", i, dc.BaseDN())
		r := ldap.NewAddRequest(one, nil)
		r.Attribute("objectClass", []string{"group"})
		r.Attribute("member", []string{somebody.DN})
		if err := dc.Admin(t).Add(r); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = dc.Admin(t).Del(ldap.NewDelRequest(one, nil)) })
	}
	for _, step := range []int{0, 1, 3, len(want), 1500} {
		f := d.Feed(dc.OUs(), nil)
		f.step = step
		of, err := f.GroupsOf(t.Context(), guidOf(t, somebody))
		slices.SortFunc(of, func(a, b directory.GUID) int { return bytes.Compare(a[:], b[:]) })
		if of = slices.Compact(of); err != nil || len(of) != groups {
			t.Errorf("by %d: in %d groups, want %d, %v", step, len(of), groups, err)
		}
		id, err := f.ID(t.Context(), dn)
		if err != nil {
			t.Fatal(err)
		}
		got := map[directory.GUID]bool{}
		err = f.Members(t.Context(), id, func(ids []directory.GUID) error {
			if step > 0 && len(ids) > step {
				return fmt.Errorf("%d at once", len(ids))
			}
			for _, id := range ids {
				got[id] = true
			}
			return nil
		})
		if err != nil || len(got) != len(want) {
			t.Errorf("by %d: %d members, want %d, %v", step, len(got), len(want), err)
		}
		for _, p := range dc.People() {
			if !got[guidOf(t, p)] {
				t.Errorf("by %d: %s is missing", step, p.SAM)
			}
		}
		f.Close()
	}
}
