package activedirectory

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func TestPolicyHintsBytes(t *testing.T) {
	// SEQUENCE { OID, BOOLEAN TRUE (FF), OCTET STRING 30 03 02 01 01 }
	want := "3023" + "0417" + hex.EncodeToString([]byte("1.2.840.113556.1.4.2239")) + "0101ff" + "0405" + "3003020101"
	if got := hex.EncodeToString(policyHints(oidPolicyHints).Encode().Bytes()); got != want {
		t.Errorf("control\n got %s\nwant %s", got, want)
	}
}

func TestQuotedUTF16(t *testing.T) {
	for _, s := range []string{"", "abc", `q"uote`, "ÅÄÖß漢", "emoji 😀 end"} {
		var want []byte
		for _, u := range utf16.Encode([]rune(`"` + s + `"`)) {
			want = append(want, byte(u), byte(u>>8))
		}
		if got := quotedUTF16([]byte(s)); string(got) != string(want) || len(got) > cap(got) {
			t.Errorf("%q: % x, want % x", s, got, want)
		}
	}
}

func TestResetOrdinary(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	before := account(t, d, p)
	next := lab.RandomPassword()
	if err := d.Reset(t.Context(), before, []byte(next)); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, next, "")
	// Only Kerberos shows that the old one is gone at once: Samba, like Windows, lets the previous password
	// pass a simple bind for an hour ("old password allowed period").
	if err := dc.Kinit(p.UPN, next); err != nil {
		t.Errorf("kinit with the new password: %v", err)
	}
	if err := dc.Kinit(p.UPN, p.Password); err == nil {
		t.Error("kinit with the old password still works")
	}
	after := account(t, d, p)
	if after.Password.Number != before.Password.Number+1 || after.Password.Origin != after.DC.Invocation {
		t.Errorf("metadata: before %+v, after %+v on %s", before.Password, after.Password, after.DC.Invocation)
	}
	if age := time.Since(after.Password.At); age < -2*time.Second || age > time.Minute {
		t.Errorf("originating time %v is %v ago", after.Password.At, age)
	}
}

func TestResetPasswordsOfEveryKind(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for name, next := range map[string]string{
		"quotes":       `He said "No way" 9 times`,
		"beyond BMP":   "Smile😀😀and-wave-42",
		"letters":      "Ünterwegs-Größe-ßæ1",
		"256 units":    strings.Repeat("aB3-", 64),
		"inner spaces": " Leading and trailing 7 ",
	} {
		t.Run(name, func(t *testing.T) {
			p := dc.NewPerson(t)
			if err := d.Reset(t.Context(), account(t, d, p), []byte(next)); err != nil {
				t.Fatal(err)
			}
			wantBind(t, dc, p, next, "")
		})
	}
}

func TestResetUnlocksInTheSameModify(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	dc.Lock(t, p)
	before, audited := account(t, d, p), len(auditedResets(t, dc, p))
	if !before.Locked() {
		t.Fatal("the account is not locked")
	}
	next := lab.RandomPassword()
	if err := d.Reset(t.Context(), before, []byte(next)); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, next, "")
	after := account(t, d, p)
	if after.Locked() {
		t.Error("still locked")
	}
	// Samba takes the clock once per attribute: a second may end between the two.
	apart := after.Password.At.Sub(after.Lockout.At).Abs()
	if after.Password.Number != before.Password.Number+1 || after.Lockout.Number != before.Lockout.Number+1 || apart > time.Second {
		t.Errorf("not one change: password %+v, lockout %+v", after.Password, after.Lockout)
	}
	if n := len(auditedResets(t, dc, p)) - audited; n != 1 {
		t.Errorf("the controller audited %d resets, not 1", n)
	}
}

// auditedResets are the controller's own audit records of resets of p, the administrator's at its making included.

func auditedResets(t *testing.T, dc *dctest.DC, p lab.Person) []string {
	return audited(t, dc, p, "Reset")
}

func audited(t *testing.T, dc *dctest.DC, p lab.Person, action string) []string {
	t.Helper()
	log, err := os.ReadFile(dc.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, `"passwordChange"`) && strings.Contains(line, `"action": "`+action+`"`) && strings.Contains(line, p.DN) {
			found = append(found, line)
		}
	}
	return found
}

func TestUnlock(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	dc.Lock(t, p)
	before := account(t, d, p)
	for range 2 { // repeating it does no harm
		if err := d.Unlock(t.Context(), before); err != nil {
			t.Fatal(err)
		}
	}
	wantBind(t, dc, p, p.Password, "")
	if after := account(t, d, p); after.Password != before.Password {
		t.Error("unlocking touched the password")
	}
}

func TestRefusedByTheController(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	twice := lab.RandomPassword()
	tests := []struct {
		name     string
		person   []dctest.PersonOption
		password func(lab.Person) string
		prepare  func(*testing.T, lab.Person)
		reason   protocol.Reason
		unsent   bool // known before asking; the controller says the same
		check    func(*testing.T, Account, protocol.Rule)
	}{
		{
			name: "the current password again", reason: protocol.ReasonUsedBefore,
			password: func(p lab.Person) string { return p.Password },
			check:    func(t *testing.T, _ Account, r protocol.Rule) { wantRule(t, r, protocol.Rule{History: 24}) },
		},
		{
			name: "an older one", reason: protocol.ReasonUsedBefore, password: func(p lab.Person) string { return p.Password },
			prepare: func(t *testing.T, p lab.Person) {
				if err := d.Reset(t.Context(), account(t, d, p), []byte(twice)); err != nil {
					t.Fatal(err)
				}
				if err := dc.DatePassword(t.Context(), p.DN, time.Now().AddDate(0, 0, -3)); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "too short", unsent: true, reason: protocol.ReasonTooShort, password: func(lab.Person) string { return "aB3-xyz" },
			check: func(t *testing.T, _ Account, r protocol.Rule) { wantRule(t, r, protocol.Rule{MinLength: 12}) },
		},
		{
			name: "too short for the fine-grained policy", unsent: true, reason: protocol.ReasonTooShort, password: func(lab.Person) string { return "aB3-xyz-aB3-xyz" },
			prepare: func(t *testing.T, p lab.Person) {
				dc.ApplyPSO(t, p, dctest.Policy{MinLength: 30, Complexity: true})
			},
			check: func(t *testing.T, _ Account, r protocol.Rule) { wantRule(t, r, protocol.Rule{MinLength: 30}) },
		},
		{name: "too simple", unsent: true, reason: protocol.ReasonTooSimple, password: func(lab.Person) string { return "correcthorsebattery" }},
		{
			name: "too young", unsent: true, reason: protocol.ReasonTooYoung, person: []dctest.PersonOption{dctest.PasswordSetNow()},
			password: func(lab.Person) string { return lab.RandomPassword() },
			check: func(t *testing.T, a Account, r protocol.Rule) {
				wantRule(t, r, protocol.Rule{
					Changed: protocol.MilliOf(a.PasswordSet), MinAge: 120_000,
					NotBefore: protocol.MilliOf(a.PasswordSet.Add(2 * time.Minute)),
				})
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t, tt.person...)
			if tt.prepare != nil {
				tt.prepare(t, p)
			}
			before := account(t, d, p)
			e := wantReason(t, d.Reset(t.Context(), before, []byte(tt.password(p))), tt.reason)
			if e.Sent || (e.Detail == "") != tt.unsent {
				t.Errorf("sent %v, detail %q: want it refused before sending: %v", e.Sent, e.Detail, tt.unsent)
			}
			asked := wantReason(t, d.reset(t.Context(), before, []byte(tt.password(p))), tt.reason)
			if asked.Sent || !strings.Contains(asked.Detail, "0000052D") {
				t.Errorf("sent %v, detail %q: want the controller's own refusal", asked.Sent, asked.Detail)
			}
			wantRule(t, asked.Rule, e.Rule)
			wantNoSecret(t, e, tt.password(p), p.Password)
			wantNoSecret(t, asked, tt.password(p), p.Password)
			if strings.Contains(e.Error(), p.DN) {
				t.Errorf("the error names the person: %v", e)
			}
			if tt.check != nil {
				tt.check(t, before, e.Rule)
			}
			wantUntouched(t, d, p, before)
		})
	}
}

func wantRule(t *testing.T, got, want protocol.Rule) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rule (-want +got):\n%s", diff)
	}
}

func TestRefusedBeforeSending(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t, dctest.Named("Frida Lindqvist"))
	before := account(t, d, p)
	for _, tt := range []struct {
		name, password string
		reason         protocol.Reason
		rule           protocol.Rule
	}{
		{"display name", "xx-LINDQVIST-2024", protocol.ReasonContainsName, protocol.Rule{Name: "lindqvist"}},
		{"logon name", "Qq7 " + p.SAM, protocol.ReasonContainsName, protocol.Rule{Name: p.SAM}},
		{"257 units", strings.Repeat("aB3-", 64) + "x", protocol.ReasonTooLong, protocol.Rule{}},
		{"empty", "", protocol.ReasonTooShort, protocol.Rule{MinLength: 12}},
		{"not UTF-8", "aB3-aB3-aB3-\xff", protocol.ReasonMalformed, protocol.Rule{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := wantReason(t, d.Reset(t.Context(), before, []byte(tt.password)), tt.reason)
			wantRule(t, e.Rule, tt.rule)
			if e.Detail != "" || e.Sent {
				t.Errorf("it was sent: %+v", e)
			}
			wantUntouched(t, d, p, before)
		})
	}
	t.Run("a name is fine without complexity", func(t *testing.T) {
		dc.ApplyPSO(t, p, dctest.Policy{MinLength: 8})
		if err := d.Reset(t.Context(), account(t, d, p), []byte("frida lindqvist here")); err != nil {
			t.Error(err)
		}
	})
}

func TestAccountsThatAreNotWritten(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	grant := func(t *testing.T, p lab.Person) { // so that nothing but our own code can refuse
		t.Helper()
		if err := dc.ResetAs(dc.ServiceAccount(), p.DN, p.Password+"x"); err != nil {
			t.Fatalf("the account cannot be written in the first place: %v", err)
		}
	}
	for _, tt := range []struct {
		name   string
		make   func(*testing.T, lab.Person)
		reason protocol.Reason
		asked  bool // the controller refuses, not we
	}{
		{name: "protected", make: func(t *testing.T, p lab.Person) { grant(t, p); dc.Set(t, p.DN, "adminCount", "1") }, reason: protocol.ReasonProtected},
		{name: "disabled", make: func(t *testing.T, p lab.Person) { grant(t, p); dc.Disable(t, p) }, reason: protocol.ReasonDisabled},
		{name: "reset denied", reason: protocol.ReasonRights, asked: true, make: func(t *testing.T, p lab.Person) {
			dc.Grant(t, p.DN, "(OD;;CR;00299570-246d-11d0-a768-00aa006e0529;;$S)(OD;;WP;28630ebf-41d5-11d1-a9c1-0000f80367c1;;$S)")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := dc.NewPerson(t)
			tt.make(t, p)
			before := account(t, d, p)
			e := wantReason(t, d.Reset(t.Context(), before, []byte(lab.RandomPassword())), tt.reason)
			if (e.Detail != "") != tt.asked {
				t.Errorf("detail %q: want the controller asked: %v", e.Detail, tt.asked)
			}
			wantReason(t, d.Unlock(t.Context(), before), tt.reason)
			wantUntouched(t, d, p, before)
		})
	}
}

// With its inheritance cut off an account cannot even be read well enough to be written.

func TestInheritanceCut(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	before := account(t, d, p)
	dc.CutInheritance(t, p)
	_, err := d.Account(t.Context(), guidOf(t, p))
	wantReason(t, err, protocol.ReasonRights)
	// Read before it was cut off: the controller refuses.
	e := wantReason(t, d.Reset(t.Context(), before, []byte(lab.RandomPassword())), protocol.ReasonRights)
	if !strings.Contains(e.Detail, "insufficient access rights") {
		t.Errorf("detail %q", e.Detail)
	}
	wantBind(t, dc, p, p.Password, "")
}

func TestOwnAndSystemAccounts(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	for name, dn := range map[string]string{
		"the agent's own": dc.ServiceAccount().DN,
		"krbtgt":          "CN=krbtgt,CN=Users," + dc.BaseDN(),
		"Guest":           "CN=Guest,CN=Users," + dc.BaseDN(),
	} {
		t.Run(name, func(t *testing.T) {
			guid, err := directory.GUIDFromBytes([]byte(dc.Attr(t, dn, "objectGUID")[0]))
			if err != nil {
				t.Fatal(err)
			}
			a, err := d.Account(t.Context(), guid)
			if err != nil {
				t.Fatal(err)
			}
			wantReason(t, d.Reset(t.Context(), a, []byte(lab.RandomPassword())), protocol.ReasonProtected)
		})
	}
}

func TestDeletedBetweenReadAndWrite(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	a := account(t, d, p)
	if err := dc.Admin(t).Del(ldap.NewDelRequest(p.DN, nil)); err != nil {
		t.Fatal(err)
	}
	wantReason(t, d.Reset(t.Context(), a, []byte(lab.RandomPassword())), protocol.ReasonNotFound)
}

func TestRenamedBetweenReadAndWrite(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	a := account(t, d, p)
	if err := dc.Admin(t).ModifyDN(ldap.NewModifyDNRequest(p.DN, "CN=Moved "+p.SAM, true, dc.OUs()[2])); err != nil {
		t.Fatal(err)
	}
	next := lab.RandomPassword()
	if err := d.Reset(t.Context(), a, []byte(next)); err != nil {
		t.Fatal(err)
	}
	wantBind(t, dc, p, next, "")
}

func TestUnknownCriticalControl(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	a := account(t, d, p)
	for range 2 { // the connection stays usable
		err := d.write(t.Context(), a.DC, func(c *conn) error {
			m := ldap.NewModifyRequest(a.GUID.DN(), []ldap.Control{policyHints("1.2.840.113556.1.4.999999")})
			m.Replace("unicodePwd", []string{string(quotedUTF16([]byte(lab.RandomPassword())))})
			return sent("reset the password", c.ldap.Modify(m))
		})
		if e := wantReason(t, err, protocol.ReasonNoPolicyHints); e.Sent {
			t.Error("a refusal counts as lost")
		}
	}
	wantUntouched(t, d, p, a)
}

// Samba words a password filter's refusal like one for complexity; only that it is not can be known.
