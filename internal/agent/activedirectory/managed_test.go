package activedirectory

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/crypto/md4" //nolint:staticcheck // what an NT hash is

	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// blob is MSDS-MANAGEDPASSWORD_BLOB as [MS-ADTS] 2.2.19 describes it.
func blob(current, previous []byte) []byte {
	b := make([]byte, managedHeader)
	binary.LittleEndian.PutUint16(b, 1)
	binary.LittleEndian.PutUint16(b[8:], uint16(len(b)))
	b = append(append(b, current...), 0, 0)
	if previous != nil {
		binary.LittleEndian.PutUint16(b[10:], uint16(len(b)))
		b = append(append(b, previous...), 0, 0)
	}
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	binary.LittleEndian.PutUint16(b[12:], uint16(len(b)))
	b = binary.LittleEndian.AppendUint64(b, 30*24*3600*1e7)
	binary.LittleEndian.PutUint16(b[14:], uint16(len(b)))
	b = binary.LittleEndian.AppendUint64(b, 29*24*3600*1e7)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
	return b
}

func random(size int, seed byte) []byte {
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(i)*7 + seed
	}
	return out
}

func TestParseManagedPassword(t *testing.T) {
	t.Parallel()
	current, previous := random(managedSize, 1), random(managedSize, 90)
	zero := slices.Clone(current)
	zero[100], zero[101] = 0, 0
	for name, tt := range map[string]struct{ blob, want []byte }{
		"first password":     {blob(current, nil), current},
		"second password":    {blob(current, previous), current},
		"a zero inside":      {blob(zero, previous), zero},
		"shorter, by a zero": {blob([]byte("a\x00b\x00"), nil), []byte("a\x00b\x00")},
	} {
		got, err := parseManagedPassword(tt.blob)
		if err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	good := blob(current, previous)
	spoilt := func(at int, value ...byte) []byte {
		b := slices.Clone(good)
		copy(b[at:], value)
		return b
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "short": good[:15], "cut": good[:len(good)-1], "longer than it says": append(slices.Clone(good), 0), "version": spoilt(0, 2),
		"current behind previous": spoilt(8, 0xff, 0x01), "current in the header": spoilt(8, 4), "interval at the end": spoilt(12, byte(len(good)-4), byte((len(good)-4)>>8)),
		"previous behind the interval": spoilt(10, 0xff, 0xff), "empty": blob(nil, nil),
	} {
		if got, err := parseManagedPassword(b); err == nil {
			t.Errorf("%s: taken as a password of %d bytes", name, len(got))
		}
	}
}

// A password of a real Windows controller, with the NT hash that the same controller stored for it. Both are from the tests
// of DSInternals (ManagedPasswordTester, MIT licence).
const (
	windowsBlob = "01000000220100001000000012011a011609f270f541c315ffee9fcd22a98447b5c6e6fb7151cb020a2b017bb4e003647949967fc96f7c9ec3426b80901bb9c1" +
		"62867cbc68c520c4d7a431c3d9a670f8aa41d2ae5c0c08f27f8698b90c18a5a576e9933fb0cadaf8e661be2f58308c580866b1ae582ee50a9aa7c5d65a312dbb" +
		"c3542c51c7e0b2d4c61e9763de481d9963367273aa72b53c2e402e31c6cd38e7785ad06639cdfa07738d19ae20c370e06787ad2f600823c505fc9dd32b3f0650" +
		"5da37b86b298d3650140af83c1f01c907964d182ea0efb19e74c949f58123fdecb41f78ed0eabbde31bb46afd3134da82550380ed36038d100f71095404a97e5" +
		"2d661dbe4f74deef4122a102dca698960000864973f96017000086eba24660170000"
	windowsHash = "1fe07f47bfa7f511d902ed5cfb79cc4d"
)

func TestParseManagedPasswordOfWindows(t *testing.T) {
	t.Parallel()
	b, err := hex.DecodeString(windowsBlob)
	if err != nil {
		t.Fatal(err)
	}
	p, err := parseManagedPassword(b)
	if err != nil || len(p) != managedSize {
		t.Fatalf("%d bytes, %v", len(p), err)
	}
	hash := md4.New()
	hash.Write(p)
	if got := hex.EncodeToString(hash.Sum(nil)); got != windowsHash {
		t.Errorf("its NT hash is %s, and the controller has %s", got, windowsHash)
	}
}

// What can't be UTF-16 becomes what the controllers make of it.
func TestStringToKeyText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"61006200":     "ab",
		"00006100":     "\x01a",            // a zero
		"00d86100":     "\uFFFDa",          // a high half alone
		"00dc6100":     "\uFFFDa",          // a low half alone
		"3dd800de":     "\U0001F600",       // a pair
		"3dd83dd800de": "\uFFFD\U0001F600", // a high half, then a pair
		"00dc3dd8":     "\uFFFD\uFFFD",     // the wrong way round
		"feffffff":     "\uFFFE\uFFFF",     // no characters, but no halves either
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(stringToKeyText(b)); got != want {
			t.Errorf("%s: %q, not %q", in, got, want)
		}
	}
}

// Whatever the controller sends, it is a password of UTF-16 or an error that shows nothing of it.
func FuzzParseManagedPassword(f *testing.F) {
	f.Add(blob(random(managedSize, 1), nil))
	f.Add(blob(random(managedSize, 1), random(managedSize, 2)))
	f.Add(blob([]byte("a\x00"), nil)[:20])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		p, err := parseManagedPassword(b)
		if err != nil && err.Error() != errManaged.Error() {
			t.Errorf("%v", err)
		}
		if err == nil && (len(p) == 0 || len(p)%2 != 0 || len(p) > len(b)) {
			t.Errorf("a password of %d bytes in %d", len(p), len(b))
		}
		if text := stringToKeyText(p); len(text) > 3*len(p)/2 {
			t.Errorf("%d bytes of text from %d", len(text), len(p))
		}
		clear(p)
		if !bytes.Equal(b, before) {
			t.Error("the password is no copy")
		}
	})
}

// A managed account made on a real controller: who may read its password signs in as it, by password and by keytab,
// over every kind of channel; who may not is told what is missing; making it again keeps it.
func TestManagedAccount(t *testing.T) {
	dc := dctest.Start(t)
	admin := asAdmin(t, dc, Everything())
	reader, other := dc.NewPerson(t), dc.NewPerson(t)
	a := NewManaged{Name: "gmsa-homeward", Description: "Made by Homeward Connect.", Reader: dc.NetBIOSName() + `\` + reader.SAM}
	made, err := admin.CreateManaged(t.Context(), a)
	if err != nil || made.Existed || made.Account != dc.NetBIOSName()+`\gmsa-homeward$` {
		t.Fatalf("%+v, %v", made, err)
	}
	t.Cleanup(func() { _ = dc.Admin(t).Del(ldap.NewDelRequest(made.DN, nil)) })
	if again, err := admin.CreateManaged(t.Context(), a); err != nil || !again.Existed || again.DN != made.DN {
		t.Errorf("again: %+v, %v", again, err)
	}
	taken := a
	taken.Description = "Somebody else's"
	if _, err := admin.CreateManaged(t.Context(), taken); err == nil || !strings.Contains(err.Error(), "wasn't made by Homeward") {
		t.Errorf("took over somebody's account: %v", err)
	}
	for _, name := range []string{"", "gmsa$", "sixteen-letters-", "a b"} {
		if _, err := admin.CreateManaged(t.Context(), NewManaged{Name: name, Description: "x", Reader: a.Reader}); err == nil {
			t.Errorf("%q was taken as a name", name)
		}
	}
	keytab := keytabOf(t, dc, reader.SAM)
	for name, c := range modes(t, dc) {
		c.User, c.Reader, c.Domain, c.ServerName = made.Account, dc.NetBIOSName()+`\`+reader.SAM, dc.Domain(), dc.Host()
		if c.Keytab != "" {
			c.Keytab = keytab
		} else {
			c.Password = fixed(reader.Password)
		}
		self, err := open(t, c).Self(t.Context())
		if err != nil || !strings.EqualFold(self.Account, made.Account) || len(self.Privileged) != 0 {
			t.Errorf("%s: %+v, %v", name, self, err)
		}
		wantNoSecret(t, err, reader.Password)
	}
	refused := modes(t, dc)["LDAPS"]
	refused.User, refused.Domain, refused.ServerName = made.Account, dc.Domain(), dc.Host()
	for want, who := range map[string]Config{
		"may not read the password":               {User: made.Account, Reader: dc.NetBIOSName() + `\` + other.SAM, Password: fixed(other.Password)},
		"there is no managed account gone$":       {User: `CONTOSO\gone$`, Reader: dc.NetBIOSName() + `\` + reader.SAM, Password: fixed(reader.Password)},
		"is not a group managed service account:": {User: `CONTOSO\` + other.SAM, Reader: dc.NetBIOSName() + `\` + reader.SAM, Password: fixed(reader.Password)},
	} {
		c := refused
		c.User, c.Reader, c.Password = who.User, who.Reader, who.Password
		_, err := open(t, c).Self(t.Context())
		if e := wantReason(t, err, protocol.ReasonServiceAccount); !strings.Contains(e.Error(), want) {
			t.Errorf("%v doesn't say %q", err, want)
		}
	}
}
