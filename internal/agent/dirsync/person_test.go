package dirsync

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

func compiled(t *testing.T, s Scope) *scope {
	t.Helper()
	if s.Units == nil {
		s.Units = []string{"OU=A,DC=x"}
	}
	c, err := s.compile()
	if err != nil {
		t.Fatal(err)
	}
	c.netbios = "CORP"
	return c
}

func object(pairs ...string) activedirectory.Object {
	o := activedirectory.Object{ID: directory.GUID{1}, DN: "CN=Ann,OU=A,DC=x", Kind: activedirectory.PersonKind, Attributes: map[string][][]byte{}}
	for i := 0; i < len(pairs); i += 2 {
		o.Attributes[pairs[i]] = append(o.Attributes[pairs[i]], []byte(pairs[i+1]))
	}
	return o
}

func TestPerson(t *testing.T) {
	id := directory.GUID{1}.Hex()
	got, faults, anchorless := compiled(t, Scope{}).person(object(
		"samaccountname", "ann", "userprincipalname", "ann@x.example", "displayname", "Ann", "givenname", "Ann", "sn", "A", "mobile", "+1",
		"preferredlanguage", "de-DE", "mail", "a@x.example", "useraccountcontrol", "514", "admincount", "1", "pwdlastset", "133485408000000000",
		"whencreated", "20240102030405.0Z", "title", "Boss", "department", "D", "company", "C", "physicaldeliveryofficename", "O",
		"employeeid", "7", "telephonenumber", "+2", "proxyaddresses", "SMTP:a@x.example", "proxyaddresses", "sip:a@x.example"))
	want := protocol.SyncPerson{
		Object: id, Anchor: id, DN: "CN=Ann,OU=A,DC=x", SAM: "ann", UPN: "ann@x.example", Mail: "a@x.example", Proxies: []string{"SMTP:a@x.example"},
		DisplayName: "Ann", GivenName: "Ann", Surname: "A", Mobile: "+1", Language: "de-DE", Disabled: true, Protected: true,
		PasswordSet: 1704067200000, Created: 1704164645000,
		More: map[string]string{"jobTitle": "Boss", "department": "D", "companyName": "C", "officeLocation": "O", "employeeId": "7", "businessPhone": "+2"},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(faults) != 0 || !anchorless {
		t.Errorf("(-want +got)\n%s faults %v, to be written %v", diff, faults, anchorless)
	}
}

func TestPersonFaults(t *testing.T) {
	many := []string{"samaccountname", "ann", "userprincipalname", "ann@x.example"}
	for range 400 {
		many = append(many, "proxyaddresses", "smtp:a@x.example")
	}
	huge := []string{"samaccountname", "ann", "userprincipalname", "ann@x.example"}
	for range 200 {
		huge = append(huge, "proxyaddresses", "smtp:"+strings.Repeat("a", 300)+"@x.example")
	}
	for name, tt := range map[string]struct {
		o         activedirectory.Object
		attribute string
		reason    protocol.Reason
	}{
		"no sAMAccountName": {object("userprincipalname", "a@x"), "sAMAccountName", protocol.FaultNoName},
		"no UPN":            {object("samaccountname", "a"), "userPrincipalName", protocol.FaultNoUPN},
		"UTF-8":             {object("samaccountname", "a", "userprincipalname", "a@x", "displayname", "a\xff"), "displayName", protocol.FaultText},
		"NUL":               {object("samaccountname", "a", "userprincipalname", "a@x", "displayname", "a\x00"), "displayName", protocol.FaultText},
		"long name":         {object("samaccountname", "a", "userprincipalname", "a@x", "displayname", strings.Repeat("x", 1025)), "displayName", protocol.FaultLong},
		"long title":        {object("samaccountname", "a", "userprincipalname", "a@x", "title", strings.Repeat("x", 4097)), "title", protocol.FaultLong},
		"anchor":            {object("samaccountname", "a", "userprincipalname", "a@x", "ms-ds-consistencyguid", "short"), ConsistencyGUID, protocol.FaultAnchor},
		"many addresses":    {object(many...), "proxyAddresses", protocol.FaultMany},
		"large addresses":   {object(huge...), "proxyAddresses", protocol.FaultMany},
	} {
		t.Run(name, func(t *testing.T) {
			p, faults, _ := compiled(t, Scope{}).person(tt.o)
			if len(faults) != 1 || faults[0].Reason != tt.reason || faults[0].Attribute != tt.attribute || faults[0].Object != p.Object || faults[0].Name == "" {
				t.Errorf("faults %+v", faults)
			}
			if _, err := protocol.EncodeBatch(protocol.SyncBatch{Domain: "x", People: []protocol.SyncPerson{p}, Faults: faults}); err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzPerson: whatever the directory holds, what is made of it fits a batch and can be read by the server.
func FuzzPerson(f *testing.F) {
	f.Add("ann", "ann@x.example", "Ann", "SMTP:a@x", []byte("0123456789abcdef"), "CN=Ann,OU=A,DC=x")
	f.Add("", "\xff", strings.Repeat("\x01", 5000), "smtp:@", []byte{}, "\x00")
	f.Fuzz(func(t *testing.T, sam, upn, text, proxy string, anchor []byte, dn string) {
		s, err := Scope{Units: []string{"OU=A,DC=x"}, Suffixes: map[string]string{"x.example": "y.example"}}.compile()
		if err != nil {
			t.Fatal(err)
		}
		o := object("samaccountname", sam, "userprincipalname", upn, "displayname", text, "title", text, "mail", text, "proxyaddresses", proxy,
			"whencreated", text, "pwdlastset", text, "useraccountcontrol", text, "name", text, "ms-ds-consistencyguid", string(anchor))
		o.DN = dn
		p, faults, _ := s.person(o)
		g, more := s.group(o)
		b, err := protocol.EncodeBatch(protocol.SyncBatch{
			Domain: "x", People: []protocol.SyncPerson{p}, Groups: []protocol.SyncGroup{g}, Faults: append(faults, more...),
		})
		if err != nil {
			t.Fatal(err)
		}
		back, err := protocol.DecodeBatch(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, back.People[0]); diff != "" {
			t.Errorf("changed on the way:\n%s", diff)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor{mode: protocol.SyncByUSN, place: []byte("place")}.encode())
	f.Add(cursor{mode: protocol.SyncByDirSync, place: []byte{0}}.encode())
	f.Add([]byte("D12345678"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCursor(b)
		if err == nil && string(c.encode()) != string(b) {
			t.Errorf("%x became %x", b, c.encode())
		}
	})
}

func TestCursorDamaged(t *testing.T) {
	for _, c := range []cursor{
		{mode: protocol.SyncByDirSync, place: []byte("a cookie")},
		{mode: protocol.SyncByUSN, place: []byte("a number")},
	} {
		b := c.encode()
		if got, err := parseCursor(b); err != nil || got.mode != c.mode || string(got.place) != string(c.place) {
			t.Errorf("%+v: %+v, %v", c, got, err)
		}
		for bit := range len(b) * 8 {
			damaged := append([]byte(nil), b...)
			damaged[bit/8] ^= 1 << (bit % 8)
			if _, err := parseCursor(damaged); err == nil {
				t.Errorf("%+v: bit %d changed, and nothing said so", c, bit)
			}
		}
	}
	for _, b := range [][]byte{nil, {}, []byte("D"), make([]byte, protocol.MaxCursor+1)} {
		if _, err := parseCursor(b); err == nil {
			t.Errorf("%d bytes were taken", len(b))
		}
	}
}

func TestScopeDigest(t *testing.T) {
	base := Scope{Units: []string{"OU=A,DC=x", "ou=b,dc=x"}}
	same := []Scope{
		{Units: []string{"OU=B,DC=X", "OU=A,DC=x"}}, {Units: base.Units, SignIn: FromUPN, Anchor: ConsistencyGUID, Attributes: map[string]string{"surname": "sn"}},
	}
	other := []Scope{
		{Units: base.Units[:1]},
		{Units: base.Units, Exclude: []string{"OU=C,OU=A,DC=x"}},
		{Units: base.Units, Pilot: "CN=P,DC=x"},
		{Units: base.Units, SignIn: FromMail},
		{Units: base.Units, Anchor: ObjectGUID},
		{Units: base.Units, Attributes: map[string]string{"surname": ""}},
		{Units: base.Units, Suffixes: map[string]string{"a": "b"}},
	}
	want, err := base.Digest()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{want: true}
	for _, s := range same {
		if got, err := s.Digest(); err != nil || got != want {
			t.Errorf("%+v: %s, %v", s, got, err)
		}
	}
	for _, s := range other {
		got, err := s.Digest()
		if err != nil || seen[got] {
			t.Errorf("%+v: %s, %v", s, got, err)
		}
		seen[got] = true
	}
}

func TestScopeRefuses(t *testing.T) {
	for want, s := range map[string]Scope{
		"no units":      {},
		"is no DN":      {Units: []string{"Sales"}},
		"has no":        {Units: []string{"OU=A"}, Attributes: map[string]string{"nickname": "x"}},
		"is never read": {Units: []string{"OU=A"}, Attributes: map[string]string{"jobTitle": "thumbnailPhoto"}},
		"domain names":  {Units: []string{"OU=A"}, Suffixes: map[string]string{"@a": "b"}},
		"sign-in names": {Units: []string{"OU=A"}, SignIn: "cn"},
		"source anchor": {Units: []string{"OU=A"}, Anchor: "cn"},
	} {
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want something with %q", err, want)
		}
	}
	c := compiled(t, Scope{Units: []string{"OU=A,DC=x"}, Exclude: []string{"OU=No,OU=A,DC=x"}})
	for dn, want := range map[string]bool{
		"CN=a,ou=a,dc=x": true, "CN=a,OU=B,DC=x": false, "CN=a,OU=Deep,OU=no,OU=A,DC=x": false, "CN=a,OU=AA,DC=x": false, "x": false, "": false,
	} {
		if got := c.holds(dn); got != want {
			t.Errorf("%s: %v", dn, got)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, b := range []protocol.SyncBatch{
		{People: make([]protocol.SyncPerson, 7), Faults: make([]protocol.SyncFault, 3)},
		{People: make([]protocol.SyncPerson, 1), Faults: make([]protocol.SyncFault, 1)},
		{Groups: make([]protocol.SyncGroup, 1), Gone: make([]protocol.SyncGone, 1)},
		{Gone: make([]protocol.SyncGone, 1), Faults: make([]protocol.SyncFault, 1)},
	} {
		b.Last, b.Cursor = true, []byte("x")
		one, two := split(parcel{SyncBatch: b})
		count := func(b protocol.SyncBatch) int { return len(b.People) + len(b.Groups) + len(b.Gone) + len(b.Faults) }
		if count(one.SyncBatch) == 0 || count(two.SyncBatch) == 0 || count(one.SyncBatch)+count(two.SyncBatch) != count(b) {
			t.Errorf("%d became %d and %d", count(b), count(one.SyncBatch), count(two.SyncBatch))
		}
		if one.Last || one.Cursor != nil || !two.Last || two.Cursor == nil {
			t.Error("where to go on isn't with the second")
		}
	}
}
