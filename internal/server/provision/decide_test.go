package provision_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
)

func (y *yard) decide(object string, c provision.Choice) {
	y.tb.Helper()
	ok(y.tb, y.Decide(y.tb.Context(), org, "op", object, c))
}

// conflict is two objects with one sign-in name: person 1 has it, person 2 waits.
func conflict(t *testing.T) (*yard, *agent, protocol.SyncPerson) {
	t.Helper()
	y := newYard(t)
	second := person(2)
	second.UPN = "user1@corp.example"
	a := y.synced(person(1), second)
	if y.one(id(2)) != nil || y.one(id(1)).Held == "" {
		t.Fatal("no conflict")
	}
	return y, a, second
}

func TestDecideWhoKeepsAName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		choice   provision.Choice
		one, two string
	}{
		{provision.ChooseThis, "", "user1@corp.example"},
		{provision.ChooseThat, "user1@corp.example", ""},
	} {
		t.Run(string(c.choice), func(t *testing.T) {
			t.Parallel()
			y, a, second := conflict(t)
			y.decide(id(2), c.choice)
			check := func(when string) {
				t.Helper()
				one, two := y.one(id(1)), y.one(id(2))
				if two == nil || one.UPN != c.one || two.UPN != c.two || one.Held+two.Held != "" {
					t.Fatalf("%s: %+v\n%+v", when, one, two)
				}
				if found := at[[]provision.Explained](t)(y.Problems(t.Context(), org, "", 9)); len(found) != 0 {
					t.Errorf("%s: %+v", when, found)
				}
			}
			check("at once")
			a.full(person(1), second)
			check("after a full run")
			first := person(1)
			first.DisplayName = "Changed"
			second.DisplayName = "Changed"
			a.change(first, second)
			check("after changes")
		})
	}
}

func TestDecideIgnore(t *testing.T) {
	t.Parallel()
	y, a, second := conflict(t)
	y.decide(id(2), provision.ChooseIgnore)
	a.full(person(1), second)
	if y.one(id(2)) != nil || y.one(id(1)).Held != "" || y.problem(id(2)).Reason != "" {
		t.Fatalf("%+v", y.problem(id(2)))
	}
	ok(t, y.Forget(t.Context(), org, "op", id(2)))
	if y.problem(id(2)).Reason != provision.UPNTaken || y.one(id(1)).Held == "" {
		t.Error("the decision wasn't forgotten")
	}
	y.decide(id(2), provision.ChooseIgnore)
	second.UPN = "free@corp.example"
	a.change(second)
	if p := y.one(id(2)); p == nil || p.UPN != "free@corp.example" {
		t.Errorf("%+v", p)
	}
	ok(t, y.Sweep(t.Context(), org)) // nothing stale is left to be applied
	if p := y.one(id(2)); p.UPN != "free@corp.example" {
		t.Errorf("%+v", p)
	}
}

func TestDecideLinkOrApart(t *testing.T) {
	t.Parallel()
	for _, c := range []provision.Choice{provision.ChooseLink, provision.ChooseApart} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			y.sync(tenant.Sync{AskSoftMatch: true})
			cloud := y.account(cloudAccount())
			a := y.synced(person(1))
			if p := y.problem(id(1)); p.Reason != provision.SoftMatchAsk || p.Other != cloud.ID || p.Value != "user1@mail.example" {
				t.Fatalf("%+v", p)
			}
			y.decide(id(1), c)
			for range 2 {
				p := y.one(id(1))
				if p == nil || (p.ID == cloud.ID) != (c == provision.ChooseLink) || y.problem(id(1)).Reason != "" {
					t.Fatalf("%+v, %+v", p, y.problem(id(1)))
				}
				if c == provision.ChooseApart && (p.UPN != "" || len(y.find("user1@old.example")) != 1) {
					t.Errorf("%+v", p)
				}
				a.full(person(1))
			}
			if err := y.Decide(t.Context(), org, "op", id(1), c); !errors.Is(err, provision.ErrNoObject) {
				t.Errorf("decided twice: %v", err)
			}
		})
	}
	t.Run("hard match that is turned off", func(t *testing.T) {
		t.Parallel()
		y := newYard(t)
		y.sync(tenant.Sync{BlockHardMatch: true})
		cloud := y.account(provision.Account{UPN: "anna@corp.example", Anchor: id(1)})
		y.synced(person(1))
		if err := y.Decide(t.Context(), org, "op", id(1), provision.ChooseApart); err == nil {
			t.Error("two accounts with one anchor")
		}
		y.decide(id(1), provision.ChooseLink)
		if p := y.one(id(1)); p == nil || p.ID != cloud.ID {
			t.Errorf("%+v", p)
		}
	})
}

func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	y, _, _ := conflict(t)
	for name, c := range map[string]struct {
		object string
		choice provision.Choice
		kind   error
	}{
		"no object":             {"zz", provision.ChooseLink, provision.ErrNoObject},
		"no problem":            {id(1), provision.ChooseThis, provision.ErrNoObject},
		"two directory objects": {id(2), provision.ChooseLink, provision.ErrNoObject},
		"not a choice":          {id(2), "something", provision.ErrNoObject},
		"a mail for a name":     {id(2), provision.ChooseMail, provision.ErrNoObject},
	} {
		if err := y.Decide(t.Context(), org, "op", c.object, c.choice); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ok(t, y.SetRole(t.Context(), org, "op", y.one(id(1)).ID, "Global Administrator"))
	if err := y.Decide(t.Context(), org, "op", id(2), provision.ChooseThis); !errors.Is(err, provision.ErrRefused) || !strings.Contains(err.Error(), "holds a role") {
		t.Errorf("took an administrator's name: %v", err)
	}
	if p := y.one(id(1)); p.UPN != "user1@corp.example" {
		t.Errorf("%+v", p)
	}
}

func TestEveryReasonIsExplained(t *testing.T) {
	t.Parallel()
	for _, r := range provision.Reasons() {
		x, known := provision.Explain(r)
		if !known || !strings.HasSuffix(x.Meaning, ".") && !strings.HasSuffix(x.Meaning, "?") || !strings.HasSuffix(x.Remedy, ".") || len(x.Choices) == 0 {
			t.Errorf("%s: %+v", r, x)
		}
	}
	for _, r := range []protocol.Reason{
		provision.UPNTaken, provision.AddressTaken, provision.AddressDropped, provision.MatchExisting, provision.AnchorTaken, provision.AnchorChanged,
		provision.HardMatchRole, provision.HardMatchBlocked, provision.SoftMatchRole, provision.SoftMatchAnchor, provision.SoftMatchBlocked,
		provision.SoftMatchAsk, provision.NoRoutableName, provision.OtherDomain, provision.RoleMoves, provision.BadObject, protocol.FaultNoName,
		protocol.FaultNoUPN, protocol.FaultText, protocol.FaultLong, protocol.FaultMany, protocol.FaultAnchor, protocol.FaultAddress, protocol.FaultUnreadable,
	} {
		if _, known := provision.Explain(r); !known {
			t.Errorf("%s has no explanation", r)
		}
	}
	if x, known := provision.Explain("of another build"); known || x.Meaning == "" {
		t.Errorf("%+v", x)
	}
}

func TestWhichPasswordWins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		choice tenant.JoinPassword
		own    bool // the account has a password of its own
		want   provision.PasswordState
	}{
		{tenant.KeepDirectory, true, provision.FromDirectory}, {tenant.KeepCloud, true, provision.CloudPending}, {tenant.KeepCloud, false, provision.FromDirectory},
	} {
		t.Run(fmt.Sprintf("%q %v", c.choice, c.own), func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			y.sync(tenant.Sync{JoinPassword: c.choice})
			cloud := y.account(cloudAccount())
			if c.own {
				ok(t, y.SetCloudPassword(t.Context(), org, cloud.ID, "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"))
			}
			y.synced(person(1))
			if got := y.one(id(1)).Password; got != c.want {
				t.Fatalf("password is %q, want %q", got, c.want)
			}
			if err := y.SetCloudPassword(t.Context(), org, cloud.ID, "$x"); !errors.Is(err, provision.ErrRefused) {
				t.Errorf("a synced account got its own password: %v", err)
			}
			p, has, err := y.CloudPasswordOf(t.Context(), org, cloud.ID)
			ok(t, err)
			if has != c.own || has && p.Superseded.IsZero() != (c.want == provision.CloudPending) {
				t.Errorf("%+v", p)
			}
			remain := at[[]provision.Person](t)(y.NotYetOne(t.Context(), org, "", 10))
			pending := c.want == provision.CloudPending
			if (len(remain) == 1) != pending {
				t.Fatalf("%d remain", len(remain))
			}
			move := func(from, to provision.PasswordState, note string) bool {
				return at[bool](t)(y.MovePassword(t.Context(), org, cloud.ID, from, to, note))
			}
			if moved := move(provision.CloudPending, provision.CloudWriting, "attempt"); moved != pending {
				t.Errorf("begun: %v", moved)
			}
			if move(provision.CloudPending, provision.CloudWriting, "another") {
				t.Error("begun twice")
			}
			if moved := move(provision.CloudWriting, provision.CloudWritten, ""); moved != pending {
				t.Errorf("moved %v", moved)
			}
			if move(provision.CloudWriting, provision.CloudRefused, string(protocol.ReasonTooShort)) {
				t.Error("refused after it was written")
			}
			if remain := at[[]provision.Person](t)(y.NotYetOne(t.Context(), org, "", 10)); len(remain) != 0 {
				t.Errorf("%d remain", len(remain))
			}
			if p, has, _ := y.CloudPasswordOf(t.Context(), org, cloud.ID); has && p.Superseded.IsZero() {
				t.Error("the old password still opens something")
			}
		})
	}
	y := newYard(t)
	y.sync(tenant.Sync{JoinPassword: tenant.KeepCloud})
	cloud := y.account(cloudAccount())
	ok(t, y.SetCloudPassword(t.Context(), org, cloud.ID, "$x"))
	y.synced(person(1))
	if !at[bool](t)(y.MovePassword(t.Context(), org, cloud.ID, provision.CloudPending, provision.CloudRefused, string(protocol.ReasonTooShort))) {
		t.Error("not refused")
	}
	if p := at[[]provision.Person](t)(y.NotYetOne(t.Context(), org, "", 10)); len(p) != 1 || p[0].PasswordReason != protocol.ReasonTooShort {
		t.Errorf("%+v", p)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.synced(person(1))
	cloud := y.account(provision.Account{UPN: " anna@corp.example ", Mail: "anna@mail.example", Anchor: "AAAAAAAAAAAAAAAAAAAAAA=="})
	if cloud.UPN != "anna@corp.example" || cloud.Anchor != strings.Repeat("0", 32) {
		t.Errorf("%+v", cloud)
	}
	for name, a := range map[string]provision.Account{
		"name of a synced account":   {UPN: "USER1@corp.example"},
		"address of a synced one":    {UPN: "x@corp.example", Mail: "user1@OLD.example"},
		"anchor of a synced account": {UPN: "x@corp.example", Anchor: id(1)},
		"name of a cloud account":    {UPN: "Anna@corp.example"},
	} {
		if _, err := y.CreateAccount(t.Context(), org, "op", a); !errors.Is(err, provision.ErrTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, a := range map[string]provision.Account{
		"no name": {}, "no domain": {UPN: "anna"}, "no local part": {UPN: "@corp.example"}, "two": {UPN: "a@b@c"},
		"too long": {UPN: strings.Repeat("a", 65) + "@corp.example"}, "mail": {UPN: "x@corp.example", Mail: "nobody"},
		"anchor": {UPN: "x@corp.example", Anchor: "AAAA"}, "anchor in another case": {UPN: "x@corp.example", Anchor: "aaaaaaaaaaaaaaaaaaaaaB=="},
	} {
		if _, err := y.CreateAccount(t.Context(), org, "op", a); !errors.Is(err, provision.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var refused *provision.Error
	if err := y.DeleteAccount(t.Context(), org, "op", y.one(id(1)).ID); !errors.As(err, &refused) || refused.Type != 114 {
		t.Errorf("deleted a synced account: %v", err)
	}
	ok(t, y.SetRole(t.Context(), org, "op", cloud.ID, "Global Administrator"))
	if err := y.DeleteAccount(t.Context(), org, "op", cloud.ID); !errors.Is(err, provision.ErrRefused) {
		t.Errorf("deleted an administrator: %v", err)
	}
	if r := at[[]provision.Role](t)(y.RoleHolders(t.Context(), org)); len(r) != 1 || r[0].Person != cloud.ID {
		t.Errorf("%+v", r)
	}
	ok(t, y.ClearRole(t.Context(), org, "op", cloud.ID, "Global Administrator"))
	ok(t, y.DeleteAccount(t.Context(), org, "op", cloud.ID))
	if err := y.DeleteAccount(t.Context(), org, "op", cloud.ID); !errors.Is(err, provision.ErrNoAccount) {
		t.Errorf("deleted twice: %v", err)
	}
	y.account(provision.Account{UPN: "anna@corp.example", Mail: "anna@mail.example", Anchor: strings.Repeat("0", 32)}) // all free again
	if list := at[[]provision.Person](t)(y.Accounts(t.Context(), org, provision.Filter{Find: "ANNA", Cloud: true})); len(list) != 1 {
		t.Errorf("%d found", len(list))
	}
	ok(t, y.store.VerifyChain(t.Context(), org))
}

func TestImportAccounts(t *testing.T) {
	t.Parallel()
	const good = "\uFEFFUserPrincipalName;displayName;mail;immutableId\r\nanna@corp.example;\"Anna; A.\";anna@mail.example;\r\nbo@corp.example;Bo;;" +
		"AQIDBAUGBwgJCgsMDQ4PEA==\r\n"
	y := newYard(t)
	n, wrong, err := y.ImportAccounts(t.Context(), org, "op", strings.NewReader(good), false)
	if n != 2 || len(wrong) != 0 || err != nil {
		t.Fatalf("%d %v %v", n, wrong, err)
	}
	if p := y.find("anna@mail.example"); len(p) != 1 || p[0].DisplayName != "Anna; A." || !p[0].Cloud() {
		t.Errorf("%+v", p)
	}
	if p := y.find("bo@corp.example"); len(p) != 1 || p[0].Anchor != "0102030405060708090a0b0c0d0e0f10" {
		t.Errorf("%+v", p)
	}
	const bad = "userPrincipalName,mail\nnew@corp.example,\nanna@corp.example,\nnobody,\nnew@corp.example,x@y\none,two,three\n\"broken\"x,\nlast@corp.example,\n"
	n, wrong, err = y.ImportAccounts(t.Context(), org, "op", strings.NewReader(bad), false)
	if n != 0 || err != nil || len(wrong) != 5 || len(y.find("new@corp.example")) != 0 {
		t.Fatalf("%d %v %v", n, wrong, err)
	}
	lines := map[int]bool{}
	for _, w := range wrong {
		lines[w.Line] = true
	}
	for _, line := range []int{3, 4, 5, 6, 7} {
		if !lines[line] {
			t.Errorf("line %d isn't told: %v", line, wrong)
		}
	}
	n, wrong, err = y.ImportAccounts(t.Context(), org, "op", strings.NewReader(bad), true)
	if n != 2 || len(wrong) != 5 || err != nil {
		t.Errorf("%d %v %v", n, wrong, err)
	}
	for _, heading := range []string{"", "name,mail\na,b\n", "mail\nx@y\n", "mail,userPrincipalName,MAIL\n", "\"\n"} {
		if _, _, err := y.ImportAccounts(t.Context(), org, "op", strings.NewReader(heading), true); !errors.Is(err, provision.ErrInvalid) {
			t.Errorf("%q: %v", heading, err)
		}
	}
}

func FuzzParseAccounts(f *testing.F) {
	f.Add("userPrincipalName,displayName,mail,givenName,surname,mobile,immutableId\na@b,A,,,,,\n")
	f.Add("\uFEFFuserPrincipalName;mail\n\"a@b\";\"c\n")
	f.Add("userPrincipalName\n\xff\x00@b\n")
	f.Fuzz(func(t *testing.T, text string) {
		accounts, wrong, err := provision.ParseAccounts(strings.NewReader(text))
		if err != nil && len(accounts)+len(wrong) > 0 {
			t.Errorf("both an error and accounts")
		}
		seen := map[string]bool{}
		for _, a := range accounts {
			if name := provision.Fold(a.UPN); !strings.Contains(name, "@") || seen[name] {
				t.Errorf("%q is no name, or there twice", a.UPN)
			}
			seen[provision.Fold(a.UPN)] = true
			if a.Anchor != "" && len(a.Anchor) != 32 {
				t.Errorf("anchor %q", a.Anchor)
			}
		}
		for _, w := range wrong {
			if w.Line < 1 || w.Message == "" {
				t.Errorf("%+v", w)
			}
		}
	})
}
