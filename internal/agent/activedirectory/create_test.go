package activedirectory

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// asAdmin is the directory for the domain's administrator, for these uses.
func asAdmin(t testing.TB, dc *dctest.DC, uses Uses) *Directory {
	t.Helper()
	c := configFor(t, dc)
	as := dc.Administrator()
	c.User, c.Password, c.Uses, c.Conns = as.UPN, fixed(as.Password), uses, 1
	return open(t, c)
}

// A made account is an ordinary user that can sign in and do nothing else, and making it again mends it.
func TestCreateAccount(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	admin := asAdmin(t, dc, Everything())
	password := lab.RandomPassword()
	a := NewAccount{Name: "svc-new", Description: "Made by Homeward Connect.", Password: []byte(password)}
	made, err := admin.CreateAccount(t.Context(), a)
	if err != nil || made.Existed || made.Account != `CONTOSO\svc-new` || made.UPN != "svc-new@"+dc.Domain() {
		t.Fatalf("%+v, %v", made, err)
	}
	if got := dc.Attr(t, made.DN, "userAccountControl"); len(got) != 1 || got[0] != "66048" {
		t.Errorf("userAccountControl %v, not an ordinary user whose password never expires", got)
	}
	if got := dc.Attr(t, made.DN, "memberOf"); len(got) != 0 {
		t.Errorf("a member of %v", got)
	}
	if err := dc.Bind(made.UPN, password); err != nil {
		t.Fatal(err)
	}
	other := lab.RandomPassword()
	a.Password = []byte(other)
	again, err := admin.CreateAccount(t.Context(), a)
	if err != nil || !again.Existed || again.DN != made.DN {
		t.Fatalf("%+v, %v", again, err)
	}
	if err := dc.Bind(made.UPN, other); err != nil {
		t.Error(err)
	}
	a.Description = "Somebody else's"
	if _, err := admin.CreateAccount(t.Context(), a); err == nil || !strings.Contains(err.Error(), "wasn't made by Homeward") {
		t.Errorf("took over somebody's account: %v", err)
	}
	if err := dc.Bind(made.UPN, other); err != nil {
		t.Error("the account was changed all the same", err)
	}
	if _, err := admin.CreateAccount(t.Context(), NewAccount{Name: "Administrator", Description: "x", Password: a.Password}); err == nil {
		t.Error("took over the administrator")
	}
	for _, name := range []string{"", "with space", "a/b", strings.Repeat("x", maxSAM+1), "..."} {
		if _, err := admin.CreateAccount(t.Context(), NewAccount{Name: name, Description: "x", Password: a.Password}); err == nil {
			t.Errorf("%q was taken as a name", name)
		}
	}
	p := dc.NewPerson(t)
	weak := open(t, func() Config {
		c := configFor(t, dc)
		c.User, c.Password = p.UPN, fixed(p.Password)
		return c
	}())
	_, err = weak.CreateAccount(t.Context(), NewAccount{Name: "svc-weak", Description: "x", Password: a.Password})
	wantReason(t, err, protocol.ReasonRights)
	wantNoSecret(t, err, other, p.Password)
	a.Description = "Made by Homeward Connect."
	if err := admin.DeleteAccount(t.Context(), a); err != nil {
		t.Error(err)
	}
	if err := dc.Bind(made.UPN, other); err == nil {
		t.Error("the account is still there")
	}
}

func TestSelfNamesAdministrators(t *testing.T) {
	dc := dctest.Start(t)
	self, err := asAdmin(t, dc, Uses{}).Self(t.Context())
	if err != nil || !slices.Contains(self.Privileged, "Domain Admins") || !slices.Contains(self.Privileged, "Enterprise Admins") {
		t.Errorf("%+v, %v", self, err)
	}
	self, err = open(t, configFor(t, dc)).Self(t.Context())
	if err != nil || self.Privileged != nil || self.Account != `CONTOSO\svc-homeward` {
		t.Errorf("%+v, %v", self, err)
	}
}

// What sync needs is planned, given, proven and taken back without a trace, and what is given works.
func TestSyncRights(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	uses := Everything()
	admin := asAdmin(t, dc, uses)
	password := lab.RandomPassword()
	made, err := admin.CreateAccount(t.Context(), NewAccount{Name: "svc-sync", Description: "x", Password: []byte(password)})
	if err != nil {
		t.Fatal(err)
	}
	config := configFor(t, dc)
	config.User, config.Password, config.Uses = made.UPN, fixed(password), uses
	service := open(t, config)
	unit := newUnit(t, dc, "Sync", dc.BaseDN())
	p := dc.NewPerson(t, dctest.In(unit))
	gone := dc.NewPerson(t, dctest.In(unit))
	if err := dc.Admin(t).Del(ldap.NewDelRequest(gone.DN, nil)); err != nil {
		t.Fatal(err)
	}
	places := []string{unit, dc.BaseDN(), policyContainer(dc.BaseDN())}
	before := bytesOf(t, dc, places...)
	d, err := service.Delegation(t.Context(), []string{unit})
	if err != nil || d.Replicate.String() == "granted" || d.Deleted || len(d.Faults) != 1 || !slices.Contains(d.Faults[0].Rights, WriteAnchor) || len(d.Fix) < 3 {
		t.Fatalf("%+v, %v", d, err)
	}
	if asksDirSync(t, dc, made.UPN, password) == nil || anchor(t, dc, made.UPN, password, p) == nil || seesTombstones(t, dc, made.UPN, password) {
		t.Fatal("it works without the rights")
	}
	plan, err := admin.PlanFor(t.Context(), made.Account, []string{unit})
	if err != nil || len(plan.Steps) != 8 || plan.Done() {
		t.Fatalf("%d steps, %v", len(plan.Steps), err)
	}
	commands := fmt.Sprint(plan.Commands())
	for _, want := range []string{
		`:CA;Replicating Directory Changes"`, `:WP;mS-DS-ConsistencyGuid;user"`, `dsacls "CN=Deleted Objects,DC=corp,DC=contoso,DC=test" /takeOwnership`, `:LCRP"`,
	} {
		if !strings.Contains(commands, want) {
			t.Errorf("the script lacks %s: %s", want, commands)
		}
	}
	if err := admin.Apply(t.Context(), plan, func(Change) {}); err != nil {
		t.Fatal(err)
	}
	d, err = service.Delegation(t.Context(), []string{unit})
	if err != nil || d.Replicate.String() != "granted" || !d.Deleted || len(d.Faults) != 0 || len(d.Fix) != 0 || len(d.Excess) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	if err := asksDirSync(t, dc, made.UPN, password); err != nil {
		t.Error("DirSync:", err)
	}
	if err := anchor(t, dc, made.UPN, password, p); err != nil {
		t.Error("source anchor:", err)
	}
	if !seesTombstones(t, dc, made.UPN, password) {
		t.Error("what was deleted can't be seen")
	}
	if again, err := admin.PlanFor(t.Context(), made.Account, []string{unit}); err != nil || !again.Done() {
		t.Errorf("%+v, %v", again, err)
	}
	// The account itself finds that nothing is missing, though it can't read the list of what was deleted.
	for name, ask := range map[string]func() (Plan, error){
		"its own plan": func() (Plan, error) { return service.PlanGrant(t.Context(), []string{unit}) },
		"by name":      func() (Plan, error) { return service.PlanFor(t.Context(), made.Account, []string{unit}) },
	} {
		if own, err := ask(); err != nil || !own.Done() {
			t.Errorf("%s: %+v, %v", name, own, err)
		}
	}
	// The same right is too much where sync is off; All always is.
	config.Uses = Uses{}
	d, err = open(t, config).Delegation(t.Context(), []string{unit})
	if err != nil || !slices.ContainsFunc(d.Excess, func(e Excess) bool { return e.What == string(ReplicateChanges) && e.Why == whyChanges }) {
		t.Errorf("%+v, %v", d.Excess, err)
	}
	back, err := service.PlanRevoke(t.Context(), []string{unit})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Apply(t.Context(), back, func(Change) {}); err != nil {
		t.Fatal(err)
	}
	if after := bytesOf(t, dc, places...); !bytes.Equal(before, after) {
		t.Errorf("taken back, the lists are\n%x\nand were\n%x", after, before)
	}
	if asksDirSync(t, dc, made.UPN, password) == nil || anchor(t, dc, made.UPN, password, dc.NewPerson(t, dctest.In(unit))) == nil {
		t.Error("it works after the rights were taken back")
	}
}

// A use that is switched off needs fewer rights.
func TestUsesDecideTheRights(t *testing.T) {
	for _, tt := range []struct {
		uses Uses
		want []Right
	}{
		{Uses{}, []Right{ResetPassword, WriteLockoutTime, WritePwdLastSet, ReadPolicies, UnexpirePassword}},
		{Uses{NoUnlock: true}, []Right{ResetPassword, WriteLockoutTime, WritePwdLastSet, ReadPolicies, UnexpirePassword}},
		{Uses{NoWriteback: true}, []Right{WriteLockoutTime}},
		{Uses{NoWriteback: true, NoUnlock: true}, nil},
		{Uses{NoWriteback: true, NoUnlock: true, Sync: true}, []Right{ReplicateChanges, ReadDeleted}},
		{Everything(), []Right{ResetPassword, WriteLockoutTime, WritePwdLastSet, WriteAnchor, ReadPolicies, UnexpirePassword, ReplicateChanges, ReadDeleted}},
	} {
		var got []Right
		for _, s := range tt.uses.needed([]string{"OU=a,DC=b"}, "DC=b", "S-1-5-21-1-2-3-4") {
			got = append(got, s.Right)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.uses, got, tt.want)
		}
	}
}

func bytesOf(t testing.TB, dc *dctest.DC, dns ...string) []byte {
	t.Helper()
	var out []byte
	for _, dn := range dns {
		r, err := dc.Admin(t).Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"nTSecurityDescriptor"}, nil))
		if err != nil || len(r.Entries) != 1 {
			t.Fatalf("%s: %v", dn, err)
		}
		out = append(out, attribute(r.Entries[0], "nTSecurityDescriptor")...)
	}
	return out
}

func signedIn(t testing.TB, dc *dctest.DC, upn, password string) *ldap.Conn {
	t.Helper()
	conn, err := dc.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Bind(upn, password); err != nil {
		t.Fatal(err)
	}
	return conn
}

func asksDirSync(t testing.TB, dc *dctest.DC, upn, password string) error {
	t.Helper()
	_, err := signedIn(t, dc, upn, password).DirSync(ldap.NewSearchRequest(dc.BaseDN(), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=user)", []string{"cn"}, nil), 0, 1<<20, nil)
	return err
}

func anchor(t testing.TB, dc *dctest.DC, upn, password string, p lab.Person) error {
	t.Helper()
	m := ldap.NewModifyRequest(p.DN, nil)
	guid := guidOf(t, p)
	m.Replace("mS-DS-ConsistencyGuid", []string{string(guid[:])})
	return signedIn(t, dc, upn, password).Modify(m)
}

func seesTombstones(t testing.TB, dc *dctest.DC, upn, password string) bool {
	t.Helper()
	r, err := signedIn(t, dc, upn, password).Search(ldap.NewSearchRequest(deletedContainer(dc.BaseDN()), ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false,
		"(isDeleted=TRUE)", []string{"cn"}, []ldap.Control{showDeleted{}}))
	return err == nil && len(r.Entries) > 0
}

func TestCensus(t *testing.T) {
	dc := dctest.Private(t, lab.Options{Sample: true})
	inner := newUnit(t, dc, "Inner, one", dc.OUs()[0])
	first := dc.NewPerson(t, dctest.In(inner))
	dc.SetAdminCount(t, first)
	second := dc.NewPerson(t, dctest.In(inner))
	dc.Set(t, second.DN, "userPrincipalName", "x@Other.test")
	dc.Set(t, "CN=Partitions,CN=Configuration,"+dc.BaseDN(), "uPNSuffixes", "Other.test", "contoso.com")
	got, err := open(t, configFor(t, dc)).Census(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Units[0].DN != dc.BaseDN() || got.Units[0].Depth != 0 || got.Units[0].Name != dc.Domain() {
		t.Errorf("%+v", got.Units[0])
	}
	if !slices.Equal(got.Forest, []string{"contoso.com", "other.test"}) {
		t.Errorf("suffixes of the forest: %v", got.Forest)
	}
	i := slices.IndexFunc(got.Units, func(u Unit) bool { return u.Name == "Inner, one" })
	if i < 1 || got.Units[i].DN != inner || got.Units[i].Depth != 2 || got.Units[i].People != 2 || got.Units[i].Protected != 1 || got.Units[i].Suffixes["other.test"] != 1 ||
		got.Units[i-1].DN != dc.OUs()[0] {
		t.Errorf("%d: %+v", i, got.Units)
	}
	n := 0
	for _, u := range got.Units {
		n += u.People
	}
	if n < len(dc.People())+2 {
		t.Errorf("%d people counted, at least %d exist", n, len(dc.People())+2)
	}
}

// BenchmarkCensus counts 20,000 people by their OUs. Run it alone: go test -run '^$' -bench Census -benchtime 3x.
func BenchmarkCensus(b *testing.B) {
	dc := dctest.Private(b, lab.Options{})
	const crowd = 20000
	if err := dc.Crowd(b.Context(), crowd); err != nil {
		b.Fatal(err)
	}
	d := open(b, configFor(b, dc))
	n := 0
	for b.Loop() {
		c, err := d.Census(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		n = 0
		for _, u := range c.Units {
			n += u.People
		}
	}
	if n < crowd {
		b.Fatalf("%d people", n)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/census")
}
