package kerberos

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/test/testdata"
)

// A cache that MIT's kinit wrote (test vector of gokrb5): its holder, and its one ticket that gets others.
func TestParseCache(t *testing.T) {
	t.Parallel()
	b, err := hex.DecodeString(testdata.CCACHE_TEST)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCache(slices.Clone(b))
	if err != nil || c.Holder != "testuser1@TEST.GOKRB5" || len(c.tickets) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	ends := c.tickets[0].Expires
	if tgt, err := c.granting("test.gokrb5", ends.Add(-time.Second)); err != nil || tgt.client.PrincipalNameString() != "testuser1" {
		t.Errorf("%v", err)
	}
	for name, tt := range map[string]struct {
		realm string
		now   time.Time
	}{"over": {"TEST.GOKRB5", ends}, "another realm": {"OTHER.TEST", ends.Add(-time.Second)}} {
		if _, err := c.granting(tt.realm, tt.now); !errors.Is(err, ErrNoTicket) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string][]byte{"empty": nil, "keytab": {5, 2}, "cut": b[:len(b)-1], "more": append(slices.Clone(b), 1), "version 3": append([]byte{5, 3}, b[2:]...)} {
		if _, err := ParseCache(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	tgt, err := c.granting("TEST.GOKRB5", ends.Add(-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.Clone(tgt.key.KeyValue)
	c.Wipe()
	if !bytes.Equal(kept, tgt.key.KeyValue) {
		t.Error("a ticket in use was wiped with the cache")
	}
}

// Whatever the file holds, it is tickets or one error, which shows nothing of it.
func FuzzParseCache(f *testing.F) {
	b, err := hex.DecodeString(testdata.CCACHE_TEST)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(b[:100])
	f.Add([]byte{5, 4, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCache(b)
		if err != nil && err.Error() != errCache.Error() {
			t.Error(err)
		}
		if err == nil && (len(c.tickets) > maxEntries || c.Holder == "") {
			t.Errorf("%d tickets of %q", len(c.tickets), c.Holder)
		}
	})
}
