package kerberos

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
)

// written is a keytab as gokrb5 writes it.
func written(t testing.TB, add func(*keytab.Keytab) error) []byte {
	t.Helper()
	k := keytab.New()
	if err := add(k); err != nil {
		t.Fatal(err)
	}
	b, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func entryOf(name string, version uint8, etype int32) func(*keytab.Keytab) error {
	return func(k *keytab.Keytab) error {
		return k.AddEntry(name, "CORP.EXAMPLE", "Copper-Kettle-42", time.Unix(1700000000, 0), version, etype)
	}
}

func all(adds ...func(*keytab.Keytab) error) func(*keytab.Keytab) error {
	return func(k *keytab.Keytab) error {
		for _, add := range adds {
			if err := add(k); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestKeytabGivesTheNewestKeyThatIsTaken(t *testing.T) {
	k, err := ParseKeytab(written(t, all(entryOf("svc", 3, 18), entryOf("svc", 4, 23), entryOf("svc", 4, 17), entryOf("svc", 4, 18), entryOf("other", 9, 18))))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		user  string
		offer []offer
		etype int32
	}{
		{"svc", []offer{{etype: 18}, {etype: 17}}, 18},
		{"SVC@corp.example", []offer{{etype: 17}, {etype: 18}}, 17},
		{"svc", []offer{{etype: 17}}, 17},
	} {
		key, version, err := k.key(tt.user, tt.offer)
		if err != nil || key.KeyType != tt.etype || version != 4 || len(key.KeyValue) != keySize(tt.etype) {
			t.Errorf("%s: type %d version %d (%v)", tt.user, key.KeyType, version, err)
		}
	}
	_, _, err = k.key("nobody", []offer{{etype: 18}})
	if err == nil || !strings.Contains(err.Error(), "svc@CORP.EXAMPLE, other@CORP.EXAMPLE") {
		t.Error(err)
	}
	k.Wipe()
	if !bytes.Equal(k.entries[0].key.KeyValue, make([]byte, 32)) {
		t.Error("not wiped")
	}
}

func TestKeytabThatCannotBeUsed(t *testing.T) {
	good := written(t, entryOf("svc", 3, 18))
	for name, tt := range map[string]struct {
		data []byte
		says string
	}{
		"RC4 only":  {written(t, entryOf("svc", 3, 23)), "no AES keys"},
		"empty":     {[]byte{5, 2}, "empty"},
		"cut off":   {good[:len(good)-3], "not a keytab"},
		"not one":   {[]byte("Copper-Kettle-42\n"), "not a keytab"},
		"no bytes":  {nil, "not a keytab"},
		"old":       {[]byte{5, 1, 0, 0}, "not a keytab"},
		"bad sizes": {append([]byte{5, 2, 0x80, 0, 0, 0}, good...), "not a keytab"},
	} {
		if _, err := ParseKeytab(tt.data); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "Kettle") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzKeytab(f *testing.F) {
	f.Add(written(f, entryOf("svc", 3, 18)))
	f.Add([]byte{5, 2, 0xff, 0xff, 0xff, 0xfc, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseKeytab(b)
		if err != nil {
			return
		}
		for _, e := range k.entries {
			if err := checkKey(e.key); err != nil {
				t.Error(err)
			}
		}
		_, _, _ = k.key("svc", []offer{{etype: 18}})
		k.Wipe()
	})
}
