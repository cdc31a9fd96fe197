package portal_test

import (
	"sync"
	"testing"
	"time"

	"homeward/internal/directory"
	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/web"
	"homeward/internal/server/web/portal"
)

// newSite returns what a server needs to show pages. It is made once for all tests: nothing of it changes.
func newSite(t *testing.T) (*web.Engine, *web.Assets, *locale.Catalog) {
	t.Helper()
	s, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return s.engine, s.assets, s.catalog
}

type site struct {
	engine  *web.Engine
	assets  *web.Assets
	catalog *locale.Catalog
}

var made = sync.OnceValues(func() (site, error) { //nolint:gochecknoglobals // a constant in all but type
	catalog, err := locale.New()
	if err != nil {
		return site{}, err
	}
	assets, err := portal.Assets()
	if err != nil {
		return site{}, err
	}
	engine, err := portal.NewEngine(assets, catalog)
	return site{engine, assets, catalog}, err
})

func sampleFrame(catalog *locale.Catalog, lang, path string) portal.Frame {
	return portal.Frame{
		Localizer:  catalog.In(lang),
		TenantName: "Contoso",
		HelpPhone:  "+46 8 555 01 42",
		HelpURL:    "https://help.contoso.com/",
		SignInURL:  "https://login.contoso.com/",
		Languages:  catalog.Languages(),
		Path:       path,
	}
}

// sample is one page with the data of a mock, or of a state that has none.
type sample struct {
	name   string
	status int
	page   web.Page
}

// now is the moment of the mocks: 15 March, 14:32.
func now() time.Time { return time.Date(2027, 3, 15, 14, 32, 0, 0, time.UTC) }

func samples(catalog *locale.Catalog, lang string) []sample {
	out := append(formSamples(catalog, lang), passwordSamples(catalog, lang)...)
	out = append(out, statusSamples(catalog, lang)...)
	out = append(out, infoSamples(catalog, lang)...)
	out = append(out, ownSamples(catalog, lang)...)
	return append(out, messageSamples(catalog, lang)...)
}

// ownSamples are pages as an organisation made them its own: colours, logo, texts.
func ownSamples(catalog *locale.Catalog, lang string) []sample {
	frame := sampleFrame(catalog, lang, "/start")
	frame.HelpMail = "help@contoso.com"
	frame.Look = portal.Look{
		Sheet: "/brand.css?v=1", Logo: "/brand/logo.png?v=1", Lead: "Reset your password for everything at Contoso.",
		Note: "On 12 March from 18:00 to 20:00 the directory is being moved.\nPasswords can’t be changed then.", VPN: "Connect to Contoso VPN using your new password.",
	}
	status := portal.StatusPage{Frame: frame, State: portal.Changed, Now: now(), Location: time.UTC, At: now()}
	return []sample{
		{"own-start", 200, portal.StartPage{Frame: frame, Choice: portal.ProblemForgot, UnlockOffered: true, Checks: 2}},
		{"own-code", 200, portal.CodePage{Frame: frame, Check: portal.Check{Number: 1, Of: 2}, AnotherURL: "/verify/1", Method: portal.Method{Kind: portal.MethodApp}}},
		{"own-changed", 200, status},
	}
}

func formSamples(catalog *locale.Catalog, lang string) []sample {
	start := portal.StartPage{
		Frame: sampleFrame(catalog, lang, "/start"), Name: "amara.okafor@contoso.com", Choice: portal.ProblemForgot,
		UnlockOffered: true, ExampleUPN: "sam.berg@contoso.com", ExampleDown: `CORP\sberg`, Checks: 2,
	}
	empty := start
	empty.Name, empty.Choice, empty.NoName, empty.NoChoice = "", "", true, true
	change := portal.StartPage{Frame: sampleFrame(catalog, lang, "/change"), Change: true, ExampleUPN: "sam.berg@contoso.com", ExampleDown: `CORP\sberg`}
	nameless := change
	nameless.NoName = true
	methods := portal.MethodPage{
		Frame: sampleFrame(catalog, lang, "/verify/1"), Check: portal.Check{Number: 1, Of: 2}, Pass: true,
		Methods: []portal.Method{
			{Kind: portal.MethodApp, Value: "app"},
			{Kind: portal.MethodText, Value: "text", Masked: "•••• 42"},
			{Kind: portal.MethodMail, Value: "mail", Masked: "a•••@fastmail.example"},
			{Kind: portal.MethodPasskey, Value: "passkey"},
			{Kind: portal.MethodQuestions, Value: "questions", Count: 3},
		},
	}
	mailOnly := methods
	mailOnly.Check, mailOnly.Methods = portal.Check{Number: 1, Of: 1}, methods.Methods[2:3]
	code := portal.CodePage{
		Frame: sampleFrame(catalog, lang, "/verify/1/code"), Check: portal.Check{Number: 1, Of: 2},
		AnotherURL: "/verify/1", Method: portal.Method{Kind: portal.MethodMail, Masked: "a•••@fastmail.example"}, Until: now().Add(4 * time.Minute), Location: time.UTC,
		NextSend: now().Add(24 * time.Second), Now: now(),
	}
	wrong := code
	wrong.Error, wrong.TriesLeft, wrong.NextSend = portal.CodeWrong, 3, time.Time{}
	many := wrong
	many.Error, many.Wait = portal.CodeTooMany, 15*time.Minute
	resent := code
	resent.Resent = true
	second := methods
	second.Check, second.Methods = portal.Check{Number: 2, Of: 2}, methods.Methods[1:3]
	text := code
	text.Method = portal.Method{Kind: portal.MethodText, Masked: "•••• 42"}
	textWrong := text
	textWrong.Error, textWrong.TriesLeft = portal.CodeWrong, 3
	pass := code
	pass.Method = portal.Method{Kind: portal.MethodPass}
	pass.Until, pass.NextSend = time.Time{}, time.Time{}
	passWrong := pass
	passWrong.Error = portal.CodeShape
	app := code
	app.Method = portal.Method{Kind: portal.MethodApp}
	app.Until, app.NextSend = time.Time{}, time.Time{}
	appWrong := app
	appWrong.Error = portal.CodeWrong
	appMany := app
	appMany.Error, appMany.Wait = portal.CodeTooMany, 20*time.Hour
	return []sample{
		{"start", 200, start},
		{"start-empty", 422, empty},
		{"start-change", 200, change},
		{"start-change-empty", 422, nameless},
		{"method", 200, methods},
		{"method-mail", 200, mailOnly},
		{"code", 200, code},
		{"code-wrong", 422, wrong},
		{"code-many", 429, many},
		{"code-resent", 200, resent},
		{"method-second", 200, second},
		{"code-text", 200, text},
		{"code-text-wrong", 422, textWrong},
		{"code-app", 200, app},
		{"code-pass", 200, pass},
		{"code-pass-wrong", 422, passWrong},
		{"code-app-wrong", 422, appWrong},
		{"code-app-many", 429, appMany},
	}
}

func passwordSamples(catalog *locale.Catalog, lang string) []sample {
	page := portal.PasswordPage{
		Frame: sampleFrame(catalog, lang, "/password"), Checks: 2, Flow: "flow-token", Shown: "amara.okafor@contoso.com", FullName: "Amara Okafor",
		Policy: portal.Policy{
			MinLength: 12, Complexity: true, History: 24, MinAge: 24 * time.Hour,
			NameParts: directory.NameParts("aokafor", "Amara Okafor"),
		},
		Now: now(), Location: time.UTC,
	}
	refused := page
	refused.Refused = portal.Refusal{Reason: protocol.ReasonUsedBefore, Rule: protocol.Rule{History: 24}}
	unknown := page
	unknown.Refused = portal.Refusal{Reason: protocol.ReasonRuleUnknown}
	young := page
	young.Refused = portal.Refusal{Reason: protocol.ReasonTooYoung}
	young.NotBefore = time.Date(2027, 3, 11, 8, 10, 0, 0, time.UTC)
	filter := page
	filter.Refused = portal.Refusal{Reason: protocol.ReasonFilter}
	words := page
	words.Policy.Banned = []string{"contoso", "harbour"}
	banned := words
	banned.Refused = portal.Refusal{Reason: protocol.ReasonBanned}
	ending := page
	ending.Expires = now().Add(121 * time.Second)
	out := changeSamples(page)
	return append(out, []sample{
		{"password-filter", 422, filter},
		{"password-words", 200, words},
		{"password-banned", 422, banned},
		{"password-ending", 200, ending},
		{"password", 200, page},
		{"password-refused", 422, refused},
		{"password-unknown", 422, unknown},
		{"password-young", 200, young},
	}...)
}

// changeSamples are the page of a change: the mock's, and what it says of expiry, tries and refusals.
func changeSamples(page portal.PasswordPage) []sample {
	with := func(c portal.Change, reason protocol.Reason) portal.PasswordPage {
		p := page
		p.Change = &c
		p.Refused.Reason = reason
		return p
	}
	days := func(n int) time.Time { return now().Add(time.Duration(n) * 24 * time.Hour) }
	young := with(portal.Change{}, "")
	young.NotBefore = now().Add(8 * time.Hour)
	return []sample{
		{"change", 200, with(portal.Change{ExpiresAt: days(5)}, "")},
		{"change-tomorrow", 200, with(portal.Change{ExpiresAt: days(1)}, "")},
		{"change-today", 200, with(portal.Change{ExpiresAt: now().Add(time.Hour)}, "")},
		{"change-later", 200, with(portal.Change{ExpiresAt: days(40)}, "")},
		{"change-never", 200, with(portal.Change{}, "")},
		{"change-expired", 200, with(portal.Change{Expired: true, ExpiresAt: days(-3)}, "")},
		{"change-must", 200, with(portal.Change{MustChange: true}, "")},
		{"change-tries", 200, with(portal.Change{TriesLeft: 2, ExpiresAt: days(40)}, "")},
		{"change-wrong", 422, with(portal.Change{TriesLeft: 1}, protocol.ReasonWrongPassword)},
		{"change-used", 422, with(portal.Change{ExpiresAt: days(5)}, protocol.ReasonUsedBefore)},
		{"change-young", 200, young},
	}
}

func statusSamples(catalog *locale.Catalog, lang string) []sample {
	page := portal.StatusPage{
		Frame: sampleFrame(catalog, lang, "/status/4f2a"), ID: "4f2a", Now: now(), Location: time.UTC, At: now(), Support: "HW-7K3Q-92MD",
	}
	with := func(state portal.Outcome, change func(*portal.StatusPage)) portal.StatusPage {
		p := page
		p.State = state
		if change != nil {
			change(&p)
		}
		return p
	}
	unlock := func(p *portal.StatusPage) { p.Unlock = true }
	stopped := func(name string, reason protocol.Reason) sample {
		return sample{"status-" + name, 200, with(portal.Stopped, func(p *portal.StatusPage) { p.Reason = reason })}
	}
	mailed := func(p *portal.StatusPage) { p.Mailed = true }
	return []sample{
		{"status-writing", 200, with(portal.Writing, nil)},
		{"status-directory", 200, with(portal.Writing, func(p *portal.StatusPage) { p.Progress = portal.AtDirectory })},
		{"status-unlocking", 200, with(portal.Writing, unlock)},
		{"status-changed", 200, with(portal.Changed, mailed)},
		{"status-changed-earlier", 200, with(portal.Changed, func(p *portal.StatusPage) { p.Now = now().Add(48 * time.Hour) })},
		{"status-changed-register", 200, with(portal.Changed, func(p *portal.StatusPage) { p.Next = portal.NextRegister })},
		{"status-unlocked-review", 200, with(portal.Unlocked, func(p *portal.StatusPage) { p.Unlock, p.Next = true, portal.NextReview })},
		{"status-unlocked", 200, with(portal.Unlocked, unlock)},
		{"status-offline", 200, with(portal.Offline, func(p *portal.StatusPage) { p.Told, p.At = true, now().Add(-14*time.Minute) })},
		{"status-offline-untold", 200, with(portal.Offline, nil)},
		{"status-unsure", 200, with(portal.NotSure, func(p *portal.StatusPage) { p.Support = "HW-4TXN-81RB" })},
		{"status-unsure-lost", 200, with(portal.NotSure, func(p *portal.StatusPage) { p.Support, p.Lost = "HW-4TXN-81RB", true })},
		{"status-unsure-unlock", 200, with(portal.NotSure, unlock)},
		{"status-expired", 200, with(portal.Expired, nil)},
		{"status-failed", 200, with(portal.Failed, nil)},
		{"status-failed-unlock", 200, with(portal.Failed, unlock)},
		{"status-disabled", 200, with(portal.Disabled, nil)},
		{"status-protected", 200, with(portal.Protected, nil)},
		{"status-not-set-up", 200, with(portal.NotSetUp, nil)},
		stopped("locked", protocol.ReasonLocked),
		stopped("last-try", protocol.ReasonLastTry),
		stopped("cannot-change", protocol.ReasonCannotChange),
		stopped("account-expired", protocol.ReasonAccountExpired),
		stopped("outdated", protocol.ReasonAgentOutdated),
		stopped("not-found", protocol.ReasonNotFound),
		stopped("ambiguous", protocol.ReasonAmbiguous),
		stopped("busy", protocol.ReasonDirectoryBusy),
		stopped("late", protocol.ReasonNotWritten),
		stopped("replication", protocol.ReasonReplication),
		stopped("read-only", protocol.ReasonReadOnly),
		stopped("referral", protocol.ReasonReferral),
	}
}

func messageSamples(catalog *locale.Catalog, lang string) []sample {
	frame := sampleFrame(catalog, lang, "/start")
	link := sampleFrame(catalog, lang, "/not-me/ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	return []sample{
		{"not-me", 200, portal.NotMePage{Frame: link, At: now(), Location: time.UTC, Proof: "proof"}},
		{"not-me-done", 200, portal.NotMePage{Frame: link, Done: true}},
		{"not-me-over", 410, portal.NotMePage{Frame: link, Over: true}},
		{"message-not-found", 404, portal.MessagePage{Frame: frame, Kind: portal.NotFound}},
		{"message-too-many", 429, portal.MessagePage{Frame: frame, Kind: portal.TooMany, Wait: 15 * time.Minute}},
		{"message-broken", 500, portal.MessagePage{Frame: frame, Kind: portal.Broken, Support: "HW-7K3Q-92MD"}},
		{"message-session-over", 410, portal.MessagePage{Frame: frame, Kind: portal.SessionOver}},
		{"message-elsewhere", 410, portal.MessagePage{Frame: frame, Kind: portal.Elsewhere}},
	}
}
