package activedirectory

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/directory/security"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

const (
	computerClassGUID = "bf967a86-0de6-11d0-a285-00aa003049e2"
	personalInfoSet   = "77b5b886-944a-11d1-aebd-0000f80367c1"
	restrictionsSet   = "4c164200-20c0-11d0-a768-00aa006e0529" // User-Account-Restrictions, pwdLastSet's
	uacGUID           = "bf967a68-0de6-11d0-a285-00aa003049e2"
)

// listOf reads an object's list as administrator.
func listOf(t testing.TB, dc *dctest.DC, dn string) security.Descriptor {
	t.Helper()
	r, err := dc.Admin(t).Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
		[]string{"nTSecurityDescriptor"}, []ldap.Control{control{oidSDFlags, ownerAndDACL}}))
	if err != nil || len(r.Entries) != 1 {
		t.Fatalf("permissions of %s: %v", dn, err)
	}
	d, err := security.Parse(attribute(r.Entries[0], "nTSecurityDescriptor"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// setList changes an object's list as administrator.
func setList(t testing.TB, dc *dctest.DC, dn string, d security.Descriptor) {
	t.Helper()
	raw, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	m := ldap.NewModifyRequest(dn, []ldap.Control{control{oidSDFlags, onlyDACL}})
	m.Replace("nTSecurityDescriptor", []string{string(raw)})
	if err := dc.Admin(t).Modify(m); err != nil {
		t.Fatalf("permissions of %s: %v", dn, err)
	}
}

// entry makes an entry from SDDL-like parts: kind, flags, bit, object, class, SID.
func entry(kind security.Kind, flags byte, mask uint32, object, class, sid string) security.ACE {
	a := security.ACE{Kind: kind, Flags: flags, Mask: mask, SID: sid}
	if object != "" {
		a.HasObject, a.Object = true, mustGUID(object)
	}
	if class != "" {
		a.HasClass, a.Class = true, mustGUID(class)
	}
	if object != "" || class != "" {
		a.Kind = security.AllowObject
		if kind == security.Deny {
			a.Kind = security.DenyObject
		}
	}
	return a
}

func add(t testing.TB, dc *dctest.DC, attributes map[string][]string, dn string) {
	t.Helper()
	req := ldap.NewAddRequest(dn, nil)
	for name, values := range attributes {
		req.Attribute(name, values)
	}
	if err := dc.Admin(t).Add(req); err != nil {
		t.Fatalf("adding %s: %v", dn, err)
	}
}

func newUnit(t testing.TB, dc *dctest.DC, name, parent string) string {
	t.Helper()
	dn := directory.DN{{Type: "OU", Value: name}}.String() + "," + parent
	add(t, dc, map[string][]string{"objectClass": {"organizationalUnit"}}, dn)
	return dn
}

func newGroup(t testing.TB, dc *dctest.DC, member string) (dn, sid string) {
	t.Helper()
	name := "g-" + strings.ToLower(rand.Text()[:8])
	dn = "CN=" + name + ",CN=Users," + dc.BaseDN()
	attributes := map[string][]string{"objectClass": {"group"}, "sAMAccountName": {name}}
	if member != "" {
		attributes["member"] = []string{member}
	}
	add(t, dc, attributes, dn)
	return dn, sidOf(t, dc, dn)
}

func sidOf(t testing.TB, dc *dctest.DC, dn string) string {
	t.Helper()
	s, err := directory.SIDFromBytes([]byte(dc.Attr(t, dn, "objectSid")[0]))
	if err != nil {
		t.Fatal(err)
	}
	return s.String()
}

// asService is a fresh connection of the service account: its token is made when it binds.
func asService(t testing.TB, dc *dctest.DC) *ldap.Conn {
	t.Helper()
	conn, err := dc.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if svc := dc.ServiceAccount(); conn.Bind(svc.UPN, svc.Password) != nil {
		t.Fatal("the service account can't bind")
	}
	return conn
}

// world is a domain with a unit where everything is delegated and one where nothing is.
type world struct {
	dc                          *dctest.DC
	given, bare, otherClass     string
	cutUnit, deniedUnit         string
	me, nested, outer, stranger string // SIDs
	domainUsers                 string
}

func newWorld(t *testing.T) world {
	dc := dctest.Private(t, lab.Options{})
	w := world{dc: dc, given: dc.OUs()[0], bare: newUnit(t, dc, "Bare", dc.BaseDN())}
	svc := dc.ServiceAccount()
	w.me = sidOf(t, dc, svc.DN)
	inner, sid := newGroup(t, dc, svc.DN)
	w.nested = sid
	_, w.outer = newGroup(t, dc, inner)
	_, w.stranger = newGroup(t, dc, "")
	w.domainUsers = w.me[:strings.LastIndexByte(w.me, '-')] + "-513"
	below := byte(security.ContainerInherit | security.InheritOnly)
	w.otherClass = newUnit(t, dc, "Other class", w.bare)
	setList(t, dc, w.otherClass, listOf(t, dc, w.otherClass).With(
		entry(security.Allow, below, security.ControlAccess, resetPasswordRight, computerClassGUID, w.me)))
	w.cutUnit = newUnit(t, dc, "Cut, off", w.given)
	cut := listOf(t, dc, w.cutUnit)
	setList(t, dc, w.cutUnit, protected(t, cut, true))
	w.deniedUnit = newUnit(t, dc, "Denied", w.given)
	setList(t, dc, w.deniedUnit, listOf(t, dc, w.deniedUnit).With(
		entry(security.Deny, below, security.ControlAccess, resetPasswordRight, userClassGUID, w.outer)))
	return w
}

// protected turns inheritance off; what was inherited goes, or stays as explicit entries.
func protected(t testing.TB, d security.Descriptor, drop bool) security.Descriptor {
	t.Helper()
	var kept []security.ACE
	for _, a := range d.ACEs {
		switch {
		case !a.Has(security.Inherited):
			kept = append(kept, a)
		case !drop:
			kept = append(kept, security.ACE{ // as the object's own
				Kind: a.Kind, Flags: a.Flags &^ security.Inherited, Mask: a.Mask, SID: a.SID,
				Object: a.Object, Class: a.Class, HasObject: a.HasObject, HasClass: a.HasClass,
			})
		}
	}
	d.ACEs = kept
	raw, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	raw[3] |= 0x10 // SE_DACL_PROTECTED ([MS-DTYP] 2.4.6)
	if d, err = security.Parse(raw); err != nil || !d.Protected {
		t.Fatalf("protected: %v, %v", d.Protected, err)
	}
	return d
}

type rightsCase struct {
	name string
	unit string
	with func(security.Descriptor) security.Descriptor
	sd   bool // AdminSDHolder's list and adminCount
	// generous are rights that Samba gives against [MS-ADTS] 5.1.3.3.3: it takes an entry limited to the object's
	// class for any property, whatever the entry allows. The doctor says what Windows does.
	generous []Right
}

// cases are people whose permissions differ in what decides.
func (w world) cases(t testing.TB) []rightsCase {
	t.Helper()
	const allow, deny = security.Allow, security.Deny
	const cr, wp = security.ControlAccess, security.WriteProperty
	with := func(aces ...security.ACE) func(security.Descriptor) security.Descriptor {
		return func(d security.Descriptor) security.Descriptor { return d.With(aces...) }
	}
	ordered := func(last bool, aces ...security.ACE) func(security.Descriptor) security.Descriptor {
		return func(d security.Descriptor) security.Descriptor {
			if d.ACEs = slices.Concat(aces, d.ACEs); last {
				d.ACEs = slices.Concat(d.ACEs[len(aces):], aces)
			}
			return d
		}
	}
	e := entry
	return []rightsCase{
		{name: "delegated", unit: w.given},
		{name: "nothing delegated", unit: w.bare},
		{name: "denied", unit: w.given, with: with(e(deny, 0, cr, resetPasswordRight, "", w.me))},
		{name: "denied through nested group", unit: w.given, with: with(e(deny, 0, cr, resetPasswordRight, "", w.outer))},
		{name: "denied to others", unit: w.given, with: with(e(deny, 0, cr, resetPasswordRight, "", w.stranger))},
		{name: "denied to everyone", unit: w.given, with: with(e(deny, 0, cr, resetPasswordRight, "", security.Everyone))},
		{name: "denial for inheriting only", unit: w.given, with: with(e(deny, security.InheritOnly|security.ContainerInherit, cr, resetPasswordRight, "", w.me))},
		{name: "denied all rights", unit: w.given, with: with(e(deny, 0, cr, "", "", w.me))},
		{name: "denied full control, allowed behind it", unit: w.bare, with: ordered(false, e(deny, 0, security.FullControl, "", "", w.me), e(allow, 0, cr, resetPasswordRight, "", w.me))},
		{name: "allowed before it is denied", unit: w.bare, with: ordered(false, e(allow, 0, cr, resetPasswordRight, "", w.me), e(deny, 0, cr, resetPasswordRight, "", w.me))},
		{name: "denied before it is allowed", unit: w.bare, with: ordered(false, e(deny, 0, cr, resetPasswordRight, "", w.me), e(allow, 0, cr, resetPasswordRight, "", w.me))},
		{name: "denied in the last entry", unit: w.given, with: ordered(true, e(deny, 0, cr, resetPasswordRight, "", w.me))},
		{name: "allowed, all rights denied behind", unit: w.bare, with: ordered(false, e(allow, 0, cr, resetPasswordRight, "", w.me), e(deny, 0, cr, "", "", w.me))},
		{name: "inheritance off, entries dropped", unit: w.given, with: func(d security.Descriptor) security.Descriptor { return protected(t, d, true) }},
		{name: "inheritance off, entries kept", unit: w.given, with: func(d security.Descriptor) security.Descriptor { return protected(t, d, false) }},
		{name: "AdminSDHolder", unit: w.given, sd: true},
		{name: "property set", unit: w.bare, with: with(e(allow, 0, wp, restrictionsSet, "", w.me))},
		{name: "property set denied", unit: w.given, with: with(e(deny, 0, wp, restrictionsSet, "", w.me))},
		{name: "another property set", unit: w.bare, with: with(e(allow, 0, wp, personalInfoSet, "", w.me))},
		{name: "full control", unit: w.bare, with: with(e(allow, 0, 0x10000000, "", "", w.me))},
		{name: "generic write", unit: w.bare, with: with(e(allow, 0, 0x40000000, "", "", w.me))},
		{name: "all extended rights", unit: w.bare, with: with(e(allow, 0, cr, "", "", w.me))},
		{name: "class, write", unit: w.bare, with: with(e(allow, 0, wp, userClassGUID, "", w.me))},
		{name: "class, extended rights", unit: w.bare, with: with(e(allow, 0, cr, userClassGUID, "", w.me)), generous: []Right{WriteLockoutTime, WritePwdLastSet}},
		{name: "for another class, on the account", unit: w.bare, with: with(e(allow, 0, cr, resetPasswordRight, computerClassGUID, w.me))},
		{name: "inherited for another class", unit: w.otherClass},
		{name: "through nested group", unit: w.bare, with: with(e(allow, 0, cr, resetPasswordRight, "", w.outer))},
		{name: "through group", unit: w.bare, with: with(e(allow, 0, cr, resetPasswordRight, "", w.nested))},
		{name: "through primary group", unit: w.bare, with: with(e(allow, 0, cr, resetPasswordRight, "", w.domainUsers))},
		{name: "through another group", unit: w.bare, with: with(e(allow, 0, cr, resetPasswordRight, "", w.stranger))},
		{name: "through everyone", unit: w.bare, with: with(e(allow, 0, cr, resetPasswordRight, "", security.Everyone))},
		{name: "through authenticated users", unit: w.bare, with: with(e(allow, 0, cr, resetPasswordRight, "", security.AuthenticatedUsers))},
		{name: "for SELF", unit: w.bare, with: with(e(allow, 0, cr, resetPasswordRight, "", security.Self))},
		{name: "denied to SELF", unit: w.given, with: with(e(deny, 0, cr, resetPasswordRight, "", security.Self))},
		{name: "all properties", unit: w.bare, with: with(e(allow, 0, wp, "", "", w.me))},
		{name: "all properties denied", unit: w.given, with: with(e(deny, 0, wp, "", "", w.me))},
		{name: "lockoutTime alone", unit: w.bare, with: with(e(allow, 0, wp, lockoutTimeGUID, "", w.me))},
		{name: "lockoutTime denied", unit: w.given, with: with(e(deny, 0, wp, lockoutTimeGUID, "", security.Everyone))},
		{name: "pwdLastSet alone", unit: w.bare, with: with(e(allow, 0, wp, pwdLastSetGUID, "", w.me))},
		{name: "pwdLastSet denied, its set allowed behind", unit: w.bare, with: ordered(false, e(deny, 0, wp, pwdLastSetGUID, "", w.me), e(allow, 0, wp, restrictionsSet, "", w.me))},
		{name: "another extended right", unit: w.bare, with: with(e(allow, 0, cr, changePasswordRight, "", w.me))},
		{name: "inheritance off on the unit", unit: w.cutUnit},
		{name: "denied on the unit", unit: w.deniedUnit},
		{name: "reading denied", unit: w.given, with: with(e(deny, 0, security.ReadProperty, uacGUID, "", w.me))},
		{name: "reading the set denied", unit: w.given, with: with(e(deny, 0, security.ReadProperty, restrictionsSet, "", w.nested))},
	}
}

// prepare makes the person of a case.
func (w world) prepare(t *testing.T, c rightsCase) lab.Person {
	t.Helper()
	p := w.dc.NewPerson(t, dctest.In(c.unit), dctest.Named(c.name))
	if c.sd {
		w.dc.SetAdminCount(t, p)
	}
	if c.with != nil {
		setList(t, w.dc, p.DN, c.with(listOf(t, w.dc, p.DN)))
	}
	return p
}

// done is what the controller lets the service account do.
func (w world) done(t *testing.T, svc *ldap.Conn, p lab.Person) map[Right]bool {
	t.Helper()
	verdict := func(err error) bool {
		if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
			t.Fatalf("%s: %v", p.DN, err)
		}
		return err == nil
	}
	set := func(name, value string, controls ...ldap.Control) bool {
		m := ldap.NewModifyRequest(p.DN, controls)
		m.Replace(name, []string{value})
		return verdict(svc.Modify(m))
	}
	r, err := svc.Search(ldap.NewSearchRequest(p.DN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", readAttributes(), nil))
	read := err == nil && len(r.Entries) == 1 && attribute(r.Entries[0], "userAccountControl") != nil &&
		attribute(r.Entries[0], "replPropertyMetaData") != nil && attribute(r.Entries[0], "pwdLastSet") != nil
	return map[Right]bool{
		ReadAccount: read, WriteLockoutTime: set("lockoutTime", "0"),
		ResetPassword:   set("unicodePwd", string(quotedUTF16([]byte(lab.RandomPassword()))), policyHints(oidPolicyHints)),
		WritePwdLastSet: set("pwdLastSet", "0"),
	}
}

// What the doctor says of every right on every kind of account is compared with what the controller then does.
func TestVerdictIsWhatTheControllerDoes(t *testing.T) {
	w := newWorld(t)
	cases := w.cases(t)
	people := make([]lab.Person, len(cases))
	for i, c := range cases {
		people[i] = w.prepare(t, c)
	}
	d := open(t, configFor(t, w.dc))
	all, err := d.Delegation(t.Context(), []string{w.given, w.bare, w.cutUnit})
	if err != nil {
		t.Fatal(err)
	}
	lacking := map[string][]Right{}
	for _, f := range all.Faults {
		if f.Count != len(f.People) || f.Fix == nil {
			t.Errorf("%d counted, %d named, %d remedies: %s %s", f.Count, len(f.People), len(f.Fix), f.Cause, f.Where)
		}
		for _, dn := range f.People {
			lacking[dn] = append(lacking[dn], f.Rights...)
		}
	}
	svc := asService(t, w.dc)
	granted, unseen := 0, 0
	for i, p := range people {
		standing, err := d.Standing(t.Context(), guidOf(t, p))
		did := w.done(t, svc, p)
		for _, r := range cases[i].generous {
			if !did[r] {
				t.Errorf("%s: Samba doesn't give %s any more", cases[i].name, r)
			}
			did[r] = false
		}
		if err != nil {
			// Who may not be read is refused before anything is judged, and who may not even be seen isn't found.
			if did[ReadAccount] || (ReasonOf(err) != "rights" && ReasonOf(err) != "not_found") {
				t.Errorf("%s: %v, reading worked: %v", cases[i].name, err, did[ReadAccount])
			}
			if ReasonOf(err) == "not_found" {
				unseen++
				lacking[p.DN] = peopleRights()
			}
		}
		for _, eff := range standing.Rights {
			if (eff.Outcome == security.Granted) != did[eff.Right] {
				t.Errorf("%s: %s is %s by %q; the controller: %v", cases[i].name, eff.Right, eff.Outcome, eff.By, did[eff.Right])
			}
		}
		for r, works := range did {
			if works {
				granted++
			}
			if lacks := slices.Contains(lacking[p.DN], r); lacks == works && !cases[i].sd {
				t.Errorf("%s: over everybody, %s lacks: %v; the controller: %v", cases[i].name, r, lacks, works)
			}
		}
	}
	if all.People != len(cases)-unseen || unseen != 1 || all.Protected != 1 || all.Lists < 30 {
		t.Errorf("%d people, %d unseen, %d protected, %d lists", all.People, unseen, all.Protected, all.Lists)
	}
	t.Logf("%d people, %d rights of %d work", len(people), granted, 4*len(people))
	w.wantCauses(t, all)
}

func (w world) wantCauses(t *testing.T, all Delegation) {
	t.Helper()
	for _, want := range []struct {
		cause  Cause
		where  string
		person string
	}{
		{NotGranted, w.bare, "nothing delegated"},
		{InheritanceOff, w.cutUnit, "inheritance off on the unit"},
		{PersonCutOff, w.given, "inheritance off, entries dropped"},
		{PersonDenied, w.given, "denied"},
		{DeniedAbove, w.deniedUnit, "denied on the unit"},
		{NotReached, w.otherClass, "inherited for another class"},
	} {
		found := slices.ContainsFunc(all.Faults, func(f Fault) bool {
			return f.Cause == want.cause && f.Where == want.where && slices.Contains(f.Rights, ResetPassword) &&
				slices.ContainsFunc(f.People, func(dn string) bool {
					return strings.HasPrefix(dn, "CN="+strings.ReplaceAll(want.person, ",", `\,`)+",")
				})
		})
		if !found {
			t.Errorf("no fault %q at %s for %q", want.cause, want.where, want.person)
		}
	}
	if t.Failed() {
		for _, f := range all.Faults {
			t.Logf("%s at %s: %s, %d (%s) %s", f.Cause, f.Where, joined(f.Rights), f.Count, f.By, f.People)
		}
	}
}

// On its own account the service account is SELF; nowhere else, though the lists are equal.
func TestSelfIsTheServiceAccountOnly(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	unit := newUnit(t, dc, "Self", dc.BaseDN())
	svc := dc.ServiceAccount()
	if err := dc.Admin(t).ModifyDN(ldap.NewModifyDNRequest(svc.DN, "CN=svc-homeward", true, unit)); err != nil {
		t.Fatal(err)
	}
	setList(t, dc, unit, listOf(t, dc, unit).With(entry(security.Allow, security.ContainerInherit|security.InheritOnly, security.WriteProperty,
		lockoutTimeGUID, userClassGUID, security.Self)))
	p := dc.NewPerson(t, dctest.In(unit))
	all, err := open(t, configFor(t, dc)).Delegation(t.Context(), []string{unit})
	if err != nil {
		t.Fatal(err)
	}
	lacks := func(dn string) bool {
		return slices.ContainsFunc(all.Faults, func(f Fault) bool {
			return slices.Contains(f.Rights, WriteLockoutTime) && slices.Contains(f.People, dn)
		})
	}
	conn := asService(t, dc)
	for dn, want := range map[string]bool{"CN=svc-homeward," + unit: true, p.DN: false} {
		m := ldap.NewModifyRequest(dn, nil)
		m.Replace("lockoutTime", []string{"0"})
		err := conn.Modify(m)
		if (err == nil) != want || lacks(dn) == want {
			t.Errorf("%s: %v, lacking %v", dn, err, lacks(dn))
		}
	}
}

func TestDelegationOfTheSample(t *testing.T) {
	dc := dctest.Private(t, lab.Options{Sample: true})
	conf := configFor(t, dc)
	conf.Uses = Uses{Sync: true}
	d := open(t, conf)
	all, err := d.Delegation(t.Context(), dc.OUs())
	if err != nil {
		t.Fatal(err)
	}
	if all.Account != `CONTOSO\svc-homeward` || all.Domain != "corp.contoso.test" || all.People != len(dc.People()) || all.Protected != 1 ||
		!all.Policies || all.Unexpire != security.Granted || !all.Deleted || all.Replicate != security.Granted {
		t.Errorf("%+v", all)
	}
	if len(all.Faults) != 1 || all.Faults[0].Cause != PersonCutOff || all.Faults[0].Count != 1 {
		t.Errorf("%+v", all.Faults)
	}
	for _, e := range all.Excess {
		t.Errorf("too much: %s at %q for %d: %s", e.What, e.Where, e.Count, e.Why)
	}
	_, err = d.Delegation(t.Context(), []string{"OU=Nowhere," + dc.BaseDN()})
	if e := wantReason(t, err, "not_found"); !strings.Contains(e.doing, "OU=Nowhere") {
		t.Error(e)
	}
}

// While one list is changed, somebody else may change another.
func TestApplyKeepsWhatOthersChange(t *testing.T) {
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	first, second := newUnit(t, dc, "First "+rand.Text()[:6], dc.BaseDN()), newUnit(t, dc, "Second "+rand.Text()[:6], dc.BaseDN())
	t.Cleanup(func() {
		for _, unit := range []string{first, second} {
			if err := dc.Admin(t).Del(ldap.NewDelRequest(unit, nil)); err != nil {
				t.Error(err)
			}
		}
	})
	plan, err := d.PlanGrant(t.Context(), []string{first, second})
	if err != nil {
		t.Fatal(err)
	}
	as := dc.Administrator()
	admin, err := d.As(as.UPN, fixed(as.Password))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	_, stranger := newGroup(t, dc, "")
	theirs := entry(security.Allow, 0, security.ReadProperty, "", "", stranger)
	once := false
	err = admin.Apply(t.Context(), plan, func(c Change) {
		if c.Step.DN == first && !once {
			once = true
			setList(t, dc, second, listOf(t, dc, second).With(theirs))
		}
	})
	if err != nil || !once {
		t.Fatalf("%v, told: %v", err, once)
	}
	after := listOf(t, dc, second)
	if !slices.ContainsFunc(after.ACEs, theirs.Same) {
		t.Error("what somebody else gave meanwhile is gone")
	}
	for _, s := range plan.Steps {
		if s.DN == second && !slices.ContainsFunc(after.ACEs, s.ACE.Same) {
			t.Errorf("not given: %s", s.ACE.SDDL())
		}
	}
}

// Too much is a warning, each kind with its reason.
func TestExcess(t *testing.T) {
	dc := dctest.Private(t, lab.Options{Sample: true})
	svc := dc.ServiceAccount()
	me := sidOf(t, dc, svc.DN)
	unit := newUnit(t, dc, "Full", dc.BaseDN())
	helpdesk, helpers := newGroup(t, dc, dc.People()[0].DN)
	below := byte(security.ContainerInherit | security.InheritOnly)
	give := func(dn string, aces ...security.ACE) { setList(t, dc, dn, listOf(t, dc, dn).With(aces...)) }
	give(unit, entry(security.Allow, security.ContainerInherit, 0x10000000, "", "", me))
	give(dc.BaseDN(), entry(security.Allow, 0, security.ControlAccess, replicateRight, "", me), entry(security.Allow, 0, security.ControlAccess, replicateAllRight, "", me),
		entry(security.Allow, below, security.ControlAccess, resetPasswordRight, userClassGUID, me))
	give("CN=AdminSDHolder,CN=System,"+dc.BaseDN(), entry(security.Allow, 0, security.ControlAccess, resetPasswordRight, "", me))
	give(svc.DN, entry(security.Allow, 0, security.ControlAccess, resetPasswordRight, "", helpers))
	m := ldap.NewModifyRequest("CN=Account Operators,CN=Builtin,"+dc.BaseDN(), nil)
	m.Add("member", []string{svc.DN})
	if err := dc.Admin(t).Modify(m); err != nil {
		t.Fatal(err)
	}
	dc.NewPerson(t, dctest.In(unit))
	all, err := open(t, configFor(t, dc)).Delegation(t.Context(), append(dc.OUs(), unit))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range all.Excess {
		got = append(got, e.What+" | "+e.Where)
	}
	group := strings.TrimPrefix(strings.Split(helpdesk, ",")[0], "CN=")
	for _, want := range []string{
		excessFull + " | people", excessFull + " | " + unit, "Replicating Directory Changes | " + dc.BaseDN(), "Replicating Directory Changes All | " + dc.BaseDN(),
		"Reset Password for the whole domain | " + dc.BaseDN(), "Reset Password | CN=AdminSDHolder,CN=System," + dc.BaseDN(), "Member of Account Operators | ",
		"Reset Password over the service account, for " + group + ` | CONTOSO\svc-homeward`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("not said: %s", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(got, "\n"))
	}
}

// BenchmarkDelegation is the doctor over 20,000 people. Run it alone: go test -run '^$' -bench Delegation -benchtime 3x.
func BenchmarkDelegation(b *testing.B) {
	dc := dctest.Private(b, lab.Options{})
	const crowd = 20000
	begin := time.Now()
	if err := dc.Crowd(b.Context(), crowd); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d people loaded in %.1f s", crowd, time.Since(begin).Seconds())
	d := open(b, configFor(b, dc))
	var all Delegation
	for b.Loop() {
		var err error
		if all, err = d.Delegation(b.Context(), dc.OUs()); err != nil {
			b.Fatal(err)
		}
	}
	if all.People != crowd {
		b.Fatalf("%d people, not %d", all.People, crowd)
	}
	seconds := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(seconds, "s/doctor")
	b.ReportMetric(seconds*1000/crowd*1000, "ms/1000people")
	b.Logf("%d people, %d lists, %.2f s", all.People, all.Lists, seconds)
}
