package security

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"

	"homeward/internal/directory"
)

func guid(t testing.TB, s string) directory.GUID {
	t.Helper()
	g, err := directory.ParseGUID(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const (
	reset = "00299570-246d-11d0-a768-00aa006e0529"
	user  = "bf967aba-0de6-11d0-a285-00aa003049e2"
	me    = "S-1-5-21-1-2-3-1105"
)

func encoded(t testing.TB, aces ...ACE) []byte {
	t.Helper()
	b, err := Descriptor{ACEs: aces}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// conditional makes a callback entry of another: the kind moves and a condition follows the SID.
func conditional(t testing.TB, a ACE) ACE {
	t.Helper()
	b, err := a.bytes()
	if err != nil {
		t.Fatal(err)
	}
	b = append(bytes.Clone(b), "artx\x00\x00\x00\x00"...)
	b[0] += map[Kind]byte{Allow: 9, Deny: 9, AllowObject: 6, DenyObject: 6}[a.Kind]
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)))
	c, err := readACE(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheck(t *testing.T) {
	g := guid(t, reset)
	other := guid(t, user)
	allow := ACE{Kind: AllowObject, Mask: ControlAccess, HasObject: true, Object: g, SID: me}
	deny := ACE{Kind: DenyObject, Mask: ControlAccess, HasObject: true, Object: g, SID: me}
	with := func(a ACE, change func(*ACE)) ACE { change(&a); return a }
	for name, tt := range map[string]struct {
		aces []ACE
		want Outcome
		by   int // index of the deciding entry, -1 for none
	}{
		"nothing":                        {nil, Missing, -1},
		"allowed":                        {[]ACE{allow}, Granted, 0},
		"denied first":                   {[]ACE{deny, allow}, Denied, 0},
		"not canonical":                  {[]ACE{allow, deny}, Granted, 0},
		"of another":                     {[]ACE{with(allow, func(a *ACE) { a.SID = Everyone })}, Missing, -1},
		"inherit only":                   {[]ACE{with(allow, func(a *ACE) { a.Flags = InheritOnly | ContainerInherit })}, Missing, -1},
		"another right":                  {[]ACE{with(allow, func(a *ACE) { a.Object = other })}, Missing, -1},
		"all extended rights":            {[]ACE{{Kind: Allow, Mask: ControlAccess, SID: me}}, Granted, 0},
		"object kind without object":     {[]ACE{{Kind: AllowObject, Mask: ControlAccess, SID: me}}, Granted, 0},
		"generic all":                    {[]ACE{{Kind: Allow, Mask: genericAll, SID: me}}, Granted, 0},
		"generic write":                  {[]ACE{{Kind: Allow, Mask: genericWrite, SID: me}}, Missing, -1},
		"other class, not inherit only":  {[]ACE{with(allow, func(a *ACE) { a.HasClass, a.Class = true, g })}, Granted, 0},
		"conditional allow":              {[]ACE{conditional(t, allow)}, Unclear, 0},
		"conditional allow, then allow":  {[]ACE{conditional(t, allow), allow}, Granted, 1},
		"conditional allow, then deny":   {[]ACE{conditional(t, allow), deny}, Unclear, 0},
		"conditional deny, then allow":   {[]ACE{conditional(t, deny), allow}, Unclear, 0},
		"conditional deny behind allow":  {[]ACE{allow, conditional(t, deny)}, Granted, 0},
		"conditional deny, then deny":    {[]ACE{conditional(t, deny), deny}, Denied, 1},
		"conditional deny, nothing else": {[]ACE{conditional(t, deny)}, Missing, 0},
		"conditional plain allow":        {[]ACE{conditional(t, ACE{Kind: Allow, Mask: ControlAccess, SID: me})}, Unclear, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Parse(encoded(t, tt.aces...))
			if err != nil {
				t.Fatal(err)
			}
			got := d.Check(Token{me: true}, Right{Bit: ControlAccess, Objects: []directory.GUID{g}})
			if got.Outcome != tt.want || (got.By == nil) != (tt.by < 0) || (got.By != nil && got.By != &d.ACEs[tt.by]) {
				t.Errorf("%s by %v, want %s by %d", got.Outcome, got.By, tt.want, tt.by)
			}
		})
	}
}

// A real descriptor keeps every byte of its list, whatever is put in and taken out again.
func TestWithAndWithout(t *testing.T) {
	inherited := ACE{Kind: Allow, Flags: Inherited, Mask: ReadProperty, SID: AuthenticatedUsers}
	deny := ACE{Kind: Deny, Mask: WriteDACL, SID: Everyone}
	allow := ACE{Kind: Allow, Mask: ReadControl, SID: Everyone}
	before := encoded(t, deny, allow, inherited)
	d, err := Parse(before)
	if err != nil {
		t.Fatal(err)
	}
	more := ACE{
		Kind: AllowObject, Flags: ContainerInherit | InheritOnly, Mask: ControlAccess, HasObject: true, Object: guid(t, reset),
		HasClass: true, Class: guid(t, user), SID: me,
	}
	grown, err := d.With(more).Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(grown)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.ACEs) != 4 || !again.ACEs[1].Same(more) || again.revision != revisionDS {
		t.Fatalf("revision %d: %v", again.revision, again.ACEs)
	}
	back, err := again.Without(more).Encode()
	if err != nil {
		t.Fatal(err)
	}
	back[sdHeader] = before[sdHeader] // the revision stays the higher one
	if !bytes.Equal(before, back) {
		t.Errorf("before %x\nafter  %x", before, back)
	}
	copied := more
	copied.Flags |= Inherited
	if d := again.Without(copied); len(d.ACEs) != 4 {
		t.Error("an inherited entry was taken out")
	}
}

func TestSDDL(t *testing.T) {
	for want, a := range map[string]ACE{
		"(OA;CIIO;CR;" + reset + ";" + user + ";" + me + ")": {
			Kind: AllowObject, Flags: ContainerInherit | InheritOnly, Mask: ControlAccess,
			HasObject: true, Object: guid(t, reset), HasClass: true, Class: guid(t, user), SID: me,
		},
		"(A;CI;LCRPLORC;;;" + me + ")":    {Kind: Allow, Flags: ContainerInherit, Mask: ListContents | ReadProperty | ListObject | ReadControl, SID: me},
		"(D;ID;GA;;;S-1-1-0)":             {Kind: Deny, Flags: Inherited, Mask: genericAll, SID: Everyone},
		"(A;;0x100001;;;S-1-1-0)":         {Kind: Allow, Mask: 0x100001, SID: Everyone},
		"(entry of kind 0x11)":            {Kind: 0x11},
		"(XD;;WP;;;S-1-5-21-1-2-3-4;(…))": {Kind: DenyConditional, Mask: WriteProperty, SID: "S-1-5-21-1-2-3-4"},
	} {
		if got := a.SDDL(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := encoded(t, ACE{Kind: Allow, Mask: ReadControl, SID: me})
	cut := func(change func([]byte) []byte) []byte { return change(bytes.Clone(good)) }
	for name, b := range map[string][]byte{
		"nothing":        nil,
		"cut short":      good[:len(good)-1],
		"DACL outside":   cut(func(b []byte) []byte { b[sdDACL] = 0xff; return b }),
		"DACL in header": cut(func(b []byte) []byte { b[sdDACL] = 4; return b }),
		"owner outside":  cut(func(b []byte) []byte { b[sdOwner+1] = 0xff; return b }),
		"no such entry":  cut(func(b []byte) []byte { b[sdHeader+4] = 2; return b }),
		"entry too long": cut(func(b []byte) []byte { b[sdHeader+aclHeader+2] = 0xff; return b }),
		"SID too long":   cut(func(b []byte) []byte { b[sdHeader+aclHeader+aceHeader+1] = 15; return b }),
	} {
		if d, err := Parse(b); !errors.Is(err, directory.ErrSyntax) {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
	if _, err := Parse(cut(func(b []byte) []byte { clear(b[sdDACL:sdHeader]); return b })); !errors.Is(err, ErrNoDACL) {
		t.Errorf("without a DACL: %v", err)
	}
	if _, err := (Descriptor{ACEs: []ACE{{Kind: Allow, SID: "nobody"}}}).Encode(); err == nil {
		t.Error("an entry for nobody was written")
	}
}

func FuzzParse(f *testing.F) {
	allow := ACE{Kind: AllowObject, Mask: ControlAccess, HasObject: true, Object: guid(f, reset), HasClass: true, Class: guid(f, user), SID: me}
	f.Add(encoded(f, allow, ACE{Kind: Deny, Flags: Inherited, Mask: WriteDACL, SID: Everyone}, conditional(f, allow)))
	f.Add([]byte{})
	b, err := hex.DecodeString("0100048000000000000000000000000014000000040008000000000")
	if err == nil {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		if len(d.ACEs)*aceHeader > len(b) {
			t.Fatalf("%d entries in %d bytes", len(d.ACEs), len(b))
		}
		for _, a := range d.ACEs {
			_ = a.SDDL()
		}
		v := d.Check(Token{me: true, Everyone: true}, Right{Bit: ControlAccess, Objects: []directory.GUID{allow.Object}})
		if v.Outcome == Granted && !v.By.Allows() || v.Outcome == Denied && !v.By.Denies() {
			t.Fatalf("%s by %s", v.Outcome, v.By.SDDL())
		}
		again, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		e, err := Parse(again)
		if err != nil || len(e.ACEs) != len(d.ACEs) || e.Protected != d.Protected {
			t.Fatalf("read again: %v", err)
		}
		for i := range e.ACEs {
			if !bytes.Equal(e.ACEs[i].raw, d.ACEs[i].raw) {
				t.Fatalf("entry %d changed", i)
			}
		}
	})
}
