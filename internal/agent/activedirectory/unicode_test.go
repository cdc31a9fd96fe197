package activedirectory

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// Passwords as people's keyboards, managers and pastes make them. Each is written as typed, or the test's own
// sign-in with the same bytes would fail: nothing on the way composes, folds or trims.
func typed() map[string]string {
	return map[string]string{
		"one letter":       "x",
		"one space":        " ",
		"one quote":        `"`,
		"one emoji":        "😀",
		"quotes":           `""He said "No way" 9 times"`,
		"spaces around":    "  Leading and trailing 7  ",
		"composed":         "Cafü-12",
		"combining":        "Cafu\u0308-12",
		"stacked marks":    "Z\u0351\u036b\u0343algo-12",
		"emoji":            "Smile😀👩\u200d🚀👍🏽-12",
		"right to left":    "سلام-שלום-12",
		"bidi controls":    "\u202eabc\u2066-12\u2069",
		"CJK":              "密码-パスワード-암호",
		"half and full":    "Ａbc-Abc-ﬁ-ſ",
		"Turkish i":        "Iİıi-12",
		"private use":      "Abc\ue000\U000f0000-12",
		"noncharacters":    "Abc\ufffe\uffff\U0001fffe-12",
		"replacement":      "Abc\ufffd-12",
		"byte order mark":  "\ufeffAbc-12",
		"control":          "Abc\x01\x1b\x7f\u0085\u2028-12",
		"tab and newline":  "Abc\t\r\ndef-12",
		"shell and SQL":    `'; DROP $(x) %n \0 \\ &amp; </pw>`,
		"256 letters":      strings.Repeat("aB3-", 64),
		"128 emoji":        strings.Repeat("😀", 128),
		"256 beyond ASCII": strings.Repeat("漢", 256),
	}
}

func TestPasswordsAsTyped(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for name, password := range typed() {
		t.Run(name, func(t *testing.T) {
			p := dc.NewPerson(t)
			dc.ApplyPSO(t, p, dctest.Policy{LockoutThreshold: 5})
			if err := d.Reset(t.Context(), account(t, d, p), []byte(password)); err != nil {
				t.Fatal(err)
			}
			wantBind(t, dc, p, password, "")
			if err := dc.Kinit(p.UPN, password); err != nil {
				t.Errorf("kinit: %v", err)
			}
			if err := change(t, d, p, password, lab.RandomPassword()); err != nil {
				t.Fatalf("as the current password: %v", err)
			}
			if n := badPasswords(t, dc, p); n != 0 {
				t.Errorf("%d wrong passwords counted", n)
			}
		})
	}
}

// Composed and decomposed look alike and are two passwords.
func TestNothingIsNormalised(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	const composed, combining = "Größe-über-Straße-12", "Gro\u0308ße-u\u0308ber-Straße-12"
	if err := d.Reset(t.Context(), account(t, d, p), []byte(combining)); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, combining, "")
	wantBind(t, dc, p, composed, "52e")
}

func TestPasswordsThatCannotBeTypedAreNamed(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	before := account(t, d, p)
	for name, tt := range map[string]struct {
		password string
		reason   protocol.Reason
	}{
		"not UTF-8":                {"Abc-Abc-Abc-12\xff", protocol.ReasonMalformed},
		"cut off":                  {"Abc-Abc-Abc-12\xf0\x9f\x98", protocol.ReasonMalformed},
		"overlong":                 {"Abc-Abc-Abc-12\xc0\xaf", protocol.ReasonMalformed},
		"high surrogate alone":     {"Abc-Abc-Abc-12\xed\xa0\xbd", protocol.ReasonMalformed},
		"low surrogate alone":      {"Abc-Abc-Abc-12\xed\xb8\x80", protocol.ReasonMalformed},
		"surrogates as two":        {"Abc-Abc-Abc-12\xed\xa0\xbd\xed\xb8\x80", protocol.ReasonMalformed},
		"NUL":                      {"Abc-Abc-\x00-Abc-12", protocol.ReasonMalformed},
		"NUL last":                 {"Abc-Abc-Abc-12\x00", protocol.ReasonMalformed},
		"257 units":                {strings.Repeat("aB3-", 64) + "x", protocol.ReasonTooLong},
		"257 units of 129 letters": {strings.Repeat("😀", 128) + "x", protocol.ReasonTooLong},
		"empty":                    {"", protocol.ReasonTooShort},
	} {
		t.Run(name, func(t *testing.T) {
			for what, err := range map[string]error{
				"reset":  d.Reset(t.Context(), before, []byte(tt.password)),
				"change": d.Change(t.Context(), before, []byte(p.Password), []byte(tt.password)),
			} {
				if e := wantReason(t, err, tt.reason); e.Sent || e.Detail != "" {
					t.Errorf("%s was sent: %q", what, e.Detail)
				}
				wantNoSecret(t, err, tt.password, p.Password)
			}
			wantUntouched(t, d, p, before)
		})
	}
}

func FuzzQuotedUTF16(f *testing.F) {
	for _, password := range typed() {
		f.Add([]byte(password))
	}
	f.Add([]byte("\xed\xa0\xbd"))
	f.Fuzz(func(t *testing.T, password []byte) {
		if !utf8.Valid(password) {
			return // refused before
		}
		got := quotedUTF16(password)
		units := make([]uint16, 0, len(got)/2)
		for i := 0; i+1 < len(got); i += 2 {
			units = append(units, binary.LittleEndian.Uint16(got[i:]))
		}
		if back := string(utf16.Decode(units)); back != `"`+string(password)+`"` {
			t.Errorf("%q became %q", password, back)
		}
		if directory.Length(password) != len(units)-2 {
			t.Errorf("%q: length %d, %d units", password, directory.Length(password), len(units)-2)
		}
		if cap(got) < len(got) || cap(got) > 2*len(password)+8 {
			t.Errorf("grew to %d: a copy is left behind", cap(got))
		}
	})
}
