package portal_test

import (
	"time"

	"homeward/internal/server/locale"
	"homeward/internal/server/web/portal"
)

// infoSamples are the pages of the security info.
func infoSamples(catalog *locale.Catalog, lang string) []sample {
	frame := sampleFrame(catalog, lang, "/security-info")
	start := portal.StartPage{Frame: frame, Info: true, ExampleUPN: "sam.berg@contoso.com", ExampleDown: `CORP\sberg`}
	frame.SignOut = true
	day := func(m time.Month, d int) time.Time { return time.Date(2027, m, d, 9, 0, 0, 0, time.UTC) }
	info := portal.InfoPage{
		Frame: frame, Need: 2, Usable: 3, Reviewed: day(time.September, 9), CanAdd: true, Location: time.UTC,
		Items: []portal.InfoItem{
			{ID: "A", Kind: portal.MethodApp, Added: day(time.January, 12)},
			{ID: "B", Kind: portal.MethodText, Masked: "•••• 42"},
			{ID: "C", Kind: portal.MethodMail, Masked: "a•••@fastmail.example"},
		},
	}
	missing := info
	missing.Usable, missing.Due, missing.Done, missing.Items = 1, true, "removed", []portal.InfoItem{{Kind: portal.MethodMail, Masked: "a•••@fastmail.example", Directory: true}}
	app := portal.InfoAppPage{
		Frame: frame, Action: "/security-info/new/A", Key: "NB2XGZLENB2XGZLENB2XGZLENB2XGZLE",
		URL: "otpauth://totp/Contoso:amara.okafor@contoso.com?issuer=Contoso&secret=NB2XGZLENB2XGZLENB2XGZLENB2XGZLE",
	}
	appWrong := app
	appWrong.Error = portal.CodeWrong
	mail := portal.InfoDestinationPage{Frame: frame, Kind: portal.MethodMail, Action: "/security-info/add/mail"}
	wrong := mail
	wrong.Typed, wrong.Error = "amara", portal.DestinationShape
	change := portal.InfoDestinationPage{Frame: frame, Kind: portal.MethodText, Action: "/security-info/change/B", Replaced: "•••• 42", RemoveURL: "/security-info/remove/B"}
	taken := change
	taken.Typed, taken.Error = "+46 70 123 45 42", portal.DestinationTaken
	code := portal.CodePage{
		Frame: frame, Registering: true, Method: portal.Method{Kind: portal.MethodMail, Masked: "a•••@fastmail.example"}, AnotherURL: "/security-info",
		Until: now().Add(4 * time.Minute), Location: time.UTC, NextSend: now().Add(24 * time.Second), Now: now(),
	}
	passkey := portal.PasskeyPage{Frame: sampleFrame(catalog, lang, "/verify/1/code"), Check: portal.Check{Number: 1, Of: 2}, Options: "{}", Action: "/verify/1/code", AnotherURL: "/verify/1"}
	stopped := passkey
	stopped.Stopped = true
	create := portal.PasskeyPage{Frame: frame, Create: true, Options: "{}", Action: "/security-info/add/passkey", AnotherURL: "/security-info"}
	questions := portal.QuestionsPage{Frame: sampleFrame(catalog, lang, "/verify/2/code"), Check: portal.Check{Number: 2, Of: 2}, Asked: []string{"street", "teacher", "dish"}, Action: "/verify/2/code", AnotherURL: "/verify/2"}
	forgotten := questions
	forgotten.Error = portal.QuestionsWrong
	choose := portal.QuestionsPage{Frame: frame, Create: true, Action: "/security-info/add/questions", AnotherURL: "/security-info"}
	twice := choose
	twice.Asked, twice.Error = []string{"street", "street", "book"}, portal.QuestionsTwice
	missing1 := portal.InfoInterruptPage{InfoPage: missing, Missing: 1, Kinds: []string{"passkey", "app", "text"}}
	missing1.Done = ""
	review := portal.InfoInterruptPage{InfoPage: info}
	review.Due = true
	return []sample{
		{"info-required", 200, missing1},
		{"info-review", 200, review},
		{"questions", 200, questions},
		{"questions-wrong", 422, forgotten},
		{"info-questions", 200, choose},
		{"info-questions-twice", 422, twice},
		{"passkey", 200, passkey},
		{"passkey-stopped", 422, stopped},
		{"info-passkey", 200, create},
		{"info-start", 200, start},
		{"info", 200, info},
		{"info-missing", 200, missing},
		{"info-add", 200, portal.InfoAddPage{Frame: frame, Kinds: []string{"passkey", "app", "text", "mail", "questions"}}},
		{"info-app", 200, app},
		{"info-app-wrong", 422, appWrong},
		{"info-mail", 200, mail},
		{"info-mail-wrong", 422, wrong},
		{"info-text-change", 200, change},
		{"info-text-taken", 422, taken},
		{"info-code", 200, code},
		{"info-remove", 200, portal.InfoRemovePage{Frame: frame, Action: "/security-info/remove/A", Item: portal.InfoItem{Kind: portal.MethodApp}}},
	}
}
