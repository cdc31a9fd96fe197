package server

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/licence"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// TestMoreQuestionsAreAsked: as many as the administrator says, of invented ones too, and whoever has registered fewer
// registers anew.
func TestMoreQuestionsAreAsked(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.withQuestions()
		b.tenant.Settings.Checks.QuestionsSetUp, b.tenant.Settings.Checks.QuestionsAsked = 5, 5
		for _, name := range []string{"amara@contoso.com", "nobody@contoso.com"} {
			a := b.begin(name)
			methods, err := b.Methods(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(methods, func(m reset.Method) bool { return m.Kind == "questions" })
			if i < 0 {
				continue // not invented for this name
			}
			if ids, _ := b.asked(b.choose(a, methods[i].Value)); methods[i].Count != 5 || len(ids) != 5 {
				t.Errorf("%s: %d announced, %d asked", name, methods[i].Count, len(ids))
			}
		}
		a := b.choose(b.begin("amara@contoso.com"), "questions")
		_, right := b.asked(a)
		if _, answer, err := b.CheckAnswers(t.Context(), a, right); err != nil || answer.Result != verify.OK {
			t.Errorf("five right answers: %+v %v", answer, err)
		}
		few := []verify.QA{{Question: "street", Answer: "Elm Street"}, {Question: "school", Answer: "Sankt"}, {Question: "job", Answer: "Malmö"}}
		secret, err := verify.NewAnswers(few, 3)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify.NewAnswers(few, 5); !errors.Is(err, verify.ErrFewQuestions) {
			t.Errorf("three where five are needed: %v", err)
		}
		b.with(b.person("nomail@contoso.com").ID, verify.Questions, "", secret)
		b.with(b.person("nomail@contoso.com").ID, verify.App, "", seed)
		a = b.say(b.choose(b.begin("nomail@contoso.com"), "app"), appCode(t, b.clock()), verify.OK)
		if a.State != reset.Failed || a.Reason != reset.ReasonNotRegistered {
			t.Errorf("three registered answers count where five are asked: %s %s", a.State, a.Reason)
		}
	})
}

// TestPassesCanBeTurnedOff: none is given out any more, and one that was given counts for nothing.
func TestPassesCanBeTurnedOff(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		code, _, err := b.IssuePass(t.Context(), b.tenant, "cli:root", "amara@contoso.com", "called back", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		a := b.choose(b.begin("amara@contoso.com"), "pass")
		b.tenant.Settings.Checks.PassOff = true
		if _, _, err := b.CheckCode(t.Context(), a, code); !errors.Is(err, reset.ErrNoMethod) {
			t.Errorf("an old pass: %v", err)
		}
		if _, _, err := b.IssuePass(t.Context(), b.tenant, "cli:root", "amara@contoso.com", "called back", time.Hour); !errors.Is(err, reset.ErrPassOff) {
			t.Errorf("a new pass: %v", err)
		}
		b.tenant.Settings.Checks.PassOff = false
		b.say(a, code, verify.OK)
	})
}

// TestWhoIsTold: the person unless that is turned off, and every Global Administrator when somebody who holds a role gets a
// new password.
func TestWhoIsTold(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		holds := false
		b.deps.HoldsRole = func(context.Context, string, string) (bool, error) { return holds, nil }
		b.deps.Administrators = func(context.Context, string) ([]string, error) {
			return []string{"karin@contoso.com", "AMARA@mail.example"}, nil
		}
		b.Service = reset.New(b.deps)
		t.Cleanup(b.Close)
		told := func(set tenant.Settings, role bool) []string {
			t.Helper()
			holds = false // one check is enough to get there
			a := b.submitted()
			b.letters.mu.Lock()
			before := len(b.letters.doneTo)
			b.letters.mu.Unlock()
			holds, b.tenant.Settings = role, set
			if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, "")); err != nil {
				t.Fatal(err)
			}
			b.tenant.Settings = tenant.Settings{}
			b.letters.mu.Lock()
			defer b.letters.mu.Unlock()
			return slices.Clone(b.letters.doneTo[before:])
		}
		for name, c := range map[string]struct {
			set  tenant.Settings
			role bool
			want []string
		}{
			"as it begins":            {tenant.Settings{}, true, []string{"amara@mail.example"}},
			"people untold":           {tenant.Settings{PeopleUntold: true}, false, nil},
			"administrators":          {tenant.Settings{TellAdministrators: true}, true, []string{"amara@mail.example", "karin@contoso.com"}},
			"only administrators":     {tenant.Settings{TellAdministrators: true, PeopleUntold: true}, true, []string{"karin@contoso.com"}},
			"somebody without a role": {tenant.Settings{TellAdministrators: true}, false, []string{"amara@mail.example"}},
		} {
			if got := told(c.set, c.role); !slices.Equal(got, c.want) {
				t.Errorf("%s: told %v, want %v", name, got, c.want)
			}
		}
		if i := slices.IndexFunc(b.letters.doneTo, func(to string) bool { return to == "karin@contoso.com" }); b.letters.told[i].Of != "amara@contoso.com" {
			t.Errorf("the administrator isn't told whose: %+v", b.letters.told[i])
		}
	})
}

// TestEachPersonNeedsALicence: who has none is as an unknown name, and the record says why.
func TestEachPersonNeedsALicence(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		book := Licences(b.store, b.clock, func(err error) { t.Error(err) })
		b.deps.HoldsLicence = func(ctx context.Context, t tenant.Tenant, p provision.Person) (bool, error) {
			return book.Covers(ctx, t, p.ID, p.Object)
		}
		b.Service = reset.New(b.deps)
		t.Cleanup(b.Close)
		b.tenant.Settings.LicencesNeeded, b.tenant.Settings.LicencePerPerson, b.tenant.Settings.Licences = true, true, []string{"SPE_E3", "ENTERPRISEPACK"}
		if a := b.begin("amara@contoso.com"); a.Person != "" || a.State != reset.Started {
			t.Errorf("without a licence: person %q, %s", a.Person, a.State)
		}
		found, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Limit: 5})
		if err != nil || len(found) == 0 || found[0].Event != int(event.FlowUnlicensed) || found[0].Detail != b.amara().ID {
			t.Errorf("recorded %+v, %v", found, err)
		}
		give := func(part string) {
			t.Helper()
			if err := book.Assign(t.Context(), b.tenant, assignment(part, b.amara().ID)); err != nil {
				t.Fatal(err)
			}
		}
		give("ENTERPRISEPACK")
		if a := b.begin("amara@contoso.com"); a.Person != "" {
			t.Error("Office 365 E3 is enough")
		}
		give("SPE_E3")
		if a := b.begin("amara@contoso.com"); a.Person == "" {
			t.Error("Microsoft 365 E3 isn't enough")
		}
		b.tenant.Settings.LicencePerPerson = false
		if a := b.begin("nomail@contoso.com"); a.Person == "" {
			t.Error("the tenant's licence isn't enough where that is all that is asked")
		}
	})
}

func assignment(part, person string) licence.Assignment {
	return licence.Assignment{Part: part, Kind: licence.Person, Subject: person, Operator: "cli:root"}
}
