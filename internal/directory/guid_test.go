package directory

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestGUIDForms(t *testing.T) {
	// Reset Password, as [MS-ADTS] 5.1.3.2.1 writes it and as a DC stores it.
	const dashed, stored = "00299570-246d-11d0-a768-00aa006e0529", "709529006d24d011a76800aa006e0529"
	for _, s := range []string{dashed, strings.ToUpper(dashed), "{" + dashed + "}"} {
		g, err := ParseGUID(s)
		if err != nil {
			t.Fatal(err)
		}
		if g.Hex() != stored || g.String() != dashed || g.DN() != "<GUID="+dashed+">" {
			t.Errorf("%s: %s, %s, %s", s, g.Hex(), g, g.DN())
		}
	}
	for _, s := range []string{
		"", "{}", dashed[1:], dashed + "0", strings.ReplaceAll(dashed, "-", ""), "{" + dashed, dashed + "}",
		"00299570-246d-11d0-a768-00aa006e052g", "00299570x246dx11d0xa768x00aa006e0529", "é0299570-246d-11d0-a768-00aa006e052",
	} {
		if _, err := ParseGUID(s); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", stored[1:], stored + "00", "zz" + stored[2:]} {
		if _, err := ParseGUIDHex(s); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzGUID(f *testing.F) {
	f.Add("00299570-246d-11d0-a768-00aa006e0529")
	f.Add("{709529006d24d011a76800aa006e0529}")
	f.Fuzz(func(t *testing.T, s string) {
		if g, err := ParseGUID(s); err == nil {
			again, err := ParseGUID(g.String())
			if err != nil || again != g || !strings.EqualFold(strings.Trim(s, "{}"), g.String()) {
				t.Errorf("%q became %s, then %s (%v)", s, g, again, err)
			}
		}
		if g, err := ParseGUIDHex(s); err == nil && !strings.EqualFold(g.Hex(), s) {
			t.Errorf("%q became %s", s, g.Hex())
		}
		if g, err := GUIDFromBytes([]byte(s)); err == nil {
			again, err := ParseGUID(g.String())
			if err != nil || again != g {
				t.Errorf("% x became %s (%v)", s, g, err)
			}
		}
	})
}

func TestSIDForms(t *testing.T) {
	for text, raw := range map[string][]byte{
		"S-1-1-0":                        {1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0},
		"S-1-5-32-544":                   {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0},
		"S-1-5":                          {1, 0, 0, 0, 0, 0, 0, 5},
		"S-1-281474976710655-4294967295": {1, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255},
	} {
		parsed, err := ParseSID(text)
		if err != nil {
			t.Fatal(err)
		}
		read, err := SIDFromBytes(raw)
		if err != nil {
			t.Fatal(err)
		}
		if parsed.String() != text || read.String() != text {
			t.Errorf("%s: %s and %s", text, parsed, read)
		}
	}
	for _, s := range []string{
		"", "S-1", "S-2-5-32", "s-1-5-32", "S-1-5-", "S-1-x", "S-1-5-4294967296", "S-1-281474976710656", "S-1-5--1",
		"S-1-5" + strings.Repeat("-1", 16),
	} {
		if _, err := ParseSID(s); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, b := range [][]byte{nil, {1, 0}, {2, 0, 0, 0, 0, 0, 0, 5}, {1, 1, 0, 0, 0, 0, 0, 5}, {1, 0, 0, 0, 0, 0, 0, 5, 0}, append([]byte{1, 16, 0, 0, 0, 0, 0, 5}, make([]byte, 64)...)} {
		if _, err := SIDFromBytes(b); !errors.Is(err, ErrSyntax) {
			t.Errorf("% x: %v", b, err)
		}
	}
}

func FuzzSID(f *testing.F) {
	f.Add("S-1-5-21-1-2-3-1104", []byte{1, 1, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0})
	f.Fuzz(func(t *testing.T, s string, b []byte) {
		if sid, err := ParseSID(s); err == nil {
			again, err := ParseSID(sid.String())
			if err != nil || again.String() != sid.String() {
				t.Errorf("%q became %s, then %s (%v)", s, sid, again, err)
			}
		}
		sid, err := SIDFromBytes(b)
		if err != nil {
			return
		}
		again, err := ParseSID(sid.String())
		if err != nil || again.String() != sid.String() {
			t.Errorf("% x became %s, then %s (%v)", b, sid, again, err)
		}
		if other, err := SIDFromBytes(bytes.Clone(b)); err != nil || other.String() != sid.String() {
			t.Errorf("% x reads differently", b)
		}
	})
}
