package admin_test

import (
	"net/http"
	"time"

	"homeward/internal/server/licence"
	"homeward/internal/server/locale"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/web/admin"
)

// settingsSamples are the pages of settings, each as it is, refused, and for a role that may only look.
func settingsSamples(catalog *locale.Catalog, lang string) []sample {
	at := func(path string) admin.Settings {
		return admin.Settings{Frame: frame(catalog, lang, path, working()), Revision: "7f3a91c4d20b5e81"}
	}
	reader := func(path string) admin.Settings {
		s := at(path)
		s.Operator.Role = operator.HybridIdentityAdministrator
		return s
	}
	const base = "/admin/password-reset/"
	f := at("").Frame
	ready := provision.Readiness{People: 1204, Protected: 14, Disabled: 9, None: 14, One: 48, More: 1142}
	properties := admin.PropertiesPage{
		Settings: at(base + "properties"), Scope: tenant.ScopeSelected, Group: "0f", Name: "GG-SSPR-Users", InGroup: 1204, Everyone: provision.Readiness{People: 1248, Protected: 14, Disabled: 9, None: 31, One: 52, More: 1142}, Ready: ready, Need: 2, Licensed: true,
	}
	finding := properties
	finding.Finding, finding.Find = true, "sspr"
	finding.Found = []admin.GroupRow{{Object: "0f", Name: "GG-SSPR-Users", DN: "CN=GG-SSPR-Users,OU=Groups,DC=corp,DC=contoso,DC=test", People: 1204}, {Object: "1f", Name: "GG-SSPR-Pilot", DN: "CN=GG-SSPR-Pilot,OU=Groups,DC=corp,DC=contoso,DC=test", People: 12}}
	gone := properties
	gone.Name, gone.Problems, gone.Licensed = "", admin.Problems{{Field: "selected", Text: f.T("admin.properties.group.none")}}, false
	looking := properties
	looking.Settings = reader(base + "properties")

	row := func(kind, icon, phishing, name, about string, registered, last int, on bool) admin.MethodRow {
		return admin.MethodRow{Kind: kind, Icon: icon, Phishing: phishing, Name: name, About: about, Registered: registered, Last: last, On: on, Editable: true}
	}
	methods := admin.MethodsPage{
		Settings: at(base + "methods"), Required: 2, Directory: true, Pass: true, SetUp: 5, Asked: 3, Few: 62, Helped: 48,
		Rows: []admin.MethodRow{
			row("passkey", "passkey", "yes", f.T("admin.methods.passkey"), f.T("admin.methods.passkey.about"), 212, 88, true),
			row("app", "device", "partly", f.T("admin.methods.app"), f.T("admin.methods.app.about"), 1031, 604, true),
			row("mail", "mail", "partly", f.T("admin.methods.mail"), f.T("admin.methods.mail.about"), 1120, 571, true),
			row("text", "text", "partly", f.T("admin.methods.text"), f.T("admin.methods.text.about"), 1088, 1, false),
			row("questions", "question", "no", f.T("admin.methods.questions"), f.T("admin.methods.questions.about"), 96, 0, false),
		},
	}
	methods.Rows[3].Editable, methods.Rows[3].Why = false, f.T("admin.methods.text.why")
	refused := methods
	refused.Required, refused.Problems = 1, admin.Problems{{Field: "questions", Text: f.T("admin.methods.questions.alone")}}
	methodsReader := methods
	methodsReader.Settings = reader(base + "methods")

	registration := admin.RegistrationPage{Settings: at(base + "registration"), Required: true, Days: "180", First: true, Pass: true, Ready: ready, Need: 2}
	registration.Calls = admin.Reminders{Due: 48, Left: 14, Reminded: 9, Sent: -1, Licensed: true}
	reminded := registration
	reminded.Calls = admin.Reminders{Left: 62, Reminded: 57, Sent: 48}
	unmailed := registration
	unmailed.Calls.Later, unmailed.Calls.NoMail = 212, true
	unmailed.Problems = admin.Problems{{Field: "remind", Text: f.T("admin.registration.remind.nomail")}}
	wrongDays := registration
	wrongDays.Days, wrongDays.Problems = "731", admin.Problems{{Field: "days", Text: f.T("admin.registration.days.wrong", "Most", 730)}}
	registration.Saved = true

	notifications := admin.NotificationsPage{
		Settings: at(base + "notifications"), People: true, Texts: true, CanText: true, Admins: true, Administrators: 9, Mail: "it-alerts@contoso.com", Days: "14, 5, 1", From: "22:00", Until: "07:00",
		Subject: f.T("mail.changed.subject", "Name", "Contoso"), Text: f.T("mail.changed.text", "Name", "Contoso", "Moment", f.Moment(now(), time.UTC)) + "\n" + f.T("mail.help", "Phone", "+46 8 555 01 42"),
	}
	notifications.Mailer = "password@contoso.com"
	tried, untried := notifications, notifications
	tried.Tried = "karin.holm@contoso.com"
	untried.Problems = admin.Problems{{Field: "test", Text: f.T("admin.notifications.test.failed", "Error", "mail server mail.contoso.com: 550 5.7.1 relaying denied")}}
	wrongMail := notifications
	wrongMail.CanText = false
	wrongMail.Mail, wrongMail.Webhook, wrongMail.Days = "it alerts", "hooks", "soon"
	wrongMail.Problems = admin.Problems{
		{Field: "webhook", Text: f.T("admin.notifications.webhook.wrong")},
		{Field: "alerts", Text: f.T("admin.notifications.alerts.wrong")},
		{Field: "expiry", Text: f.T("admin.notifications.expiry.wrong", "Times", 5, "Most", 90)},
		{Field: "from", Text: f.T("admin.notifications.quiet.wrong")},
	}
	return append([]sample{
		{"properties", http.StatusOK, properties},
		{"properties-find", http.StatusOK, finding},
		{"properties-gone", http.StatusUnprocessableEntity, gone},
		{"properties-reader", http.StatusOK, looking},
		{"methods", http.StatusOK, methods},
		{"methods-refused", http.StatusUnprocessableEntity, refused},
		{"methods-reader", http.StatusOK, methodsReader},
		{"registration", http.StatusOK, registration},
		{"registration-reminded", http.StatusOK, reminded},
		{"registration-no-mail", http.StatusUnprocessableEntity, unmailed},
		{"registration-wrong", http.StatusUnprocessableEntity, wrongDays},
		{"notifications", http.StatusOK, notifications},
		{"notifications-tried", http.StatusOK, tried},
		{"notifications-untried", http.StatusUnprocessableEntity, untried},
		{"notifications-wrong", http.StatusUnprocessableEntity, wrongMail},
	}, customizeSamples(at(base+"customization"), reader(base+"customization"))...)
}

func customizeSamples(settings, reader admin.Settings) []sample {
	f := settings.Frame
	page := admin.CustomizePage{
		Settings: settings, Name: "Contoso", Accent: "#7a1f5c", Phone: "+46 8 555 01 42", Mail: "help@contoso.com", Help: "https://help.contoso.com", SignIn: "https://apps.contoso.com",
		VPN:    "Connect to Contoso VPN using your new password.",
		Limits: admin.CustomizeLimits{Name: 60, Phone: 40, Lead: 200, Note: 400, VPN: 200, KB: 256},
	}
	own := page
	own.Logo, own.Lead, own.Note = "5b1c", "Reset your password for everything at Contoso.", "On 12 March from 18:00 to 20:00 the directory is being moved.\nPasswords can’t be changed then."
	wrong := page
	wrong.Accent = "#ffd36b"
	wrong.Problems = admin.Problems{
		{Field: "accent", Text: f.T("admin.customize.accent.light", "Ratio", "1.4 : 1", "Near", "#857142")},
		{Field: "logo", Text: f.T("admin.customize.logo.wrong")},
		{Field: "phone", Text: f.T("admin.customize.phone.wrong")},
		{Field: "lead", Text: f.T("admin.customize.text.long", "Most", 200)},
	}
	looking := own
	looking.Settings = reader
	return []sample{
		{"customize", http.StatusOK, page},
		{"customize-own", http.StatusOK, own},
		{"customize-wrong", http.StatusUnprocessableEntity, wrong},
		{"customize-reader", http.StatusOK, looking},
	}
}

// deskSamples are the pages of operators and licences.
func deskSamples(catalog *locale.Catalog, lang string) []sample {
	f := frame(catalog, lang, "/admin/operators", working())
	f.Licences = true
	one := func(id, name string, role operator.Role, look, icon, word string, sessions int) admin.OperatorRow {
		return admin.OperatorRow{Operator: operator.Operator{ID: id, Name: name, Role: role}, Path: "/admin/operators/" + id, Look: look, Icon: icon, Word: word, Sessions: sessions}
	}
	operators := admin.OperatorsPage{Frame: f, Role: operator.HelpdeskAdministrator, Rows: []admin.OperatorRow{
		one("o1", "karin.holm@contoso.com", operator.GlobalAdministrator, "ok", "check", f.T("admin.operators.ready"), 2),
		one("o2", "sam.berg@contoso.com", operator.HelpdeskAdministrator, "warn", "clock", f.T("admin.operators.invited"), 0),
		one("o3", "nadia.haddad@contoso.com", operator.ReportsReader, "unknown", "minus", f.T("admin.operators.disabled"), 0),
	}}
	operators.Rows[0].Self, operators.Rows[0].Last, operators.Rows[2].Disabled = true, true, true
	linked := operators
	linked.Link, linked.For, linked.Until = "https://password.contoso.com/admin/set-up/wYQ3bJ0cWmPp4Yt0m3b3k0o8VnQxv4yHc7y2Zk1r9sE", "sam.berg@contoso.com", ago(-24*time.Hour)
	refused := operators
	refused.Name, refused.Problems = "two words", admin.Problems{{Field: "name", Text: f.T("admin.operators.name.wrong")}, {Field: "role-o1", Text: f.T("admin.operators.last", "Name", "karin.holm@contoso.com")}}

	f.Path = "/admin/licences"
	sku := func(part, trap string, seats, used int, owned bool) admin.ProductRow {
		k, err := licence.Find(part)
		if err != nil {
			k = licence.SKU{Part: part, Name: part}
		}
		return admin.ProductRow{SKU: k, Trap: trap, Seats: seats, Used: used, Owned: owned}
	}
	given := func(kind licence.Kind, name string) admin.HolderRow {
		return admin.HolderRow{Assignment: licence.Assignment{Part: "SPE_E3", Kind: kind, Subject: "x", Name: name, Operator: "karin.holm@contoso.com", At: ago(time.Hour)}, Product: "Microsoft 365 E3"}
	}
	plain := admin.LicencesPage{Settings: admin.Settings{Frame: f, Revision: "5e81"}, Verdict: licence.Verdict{Allowed: true}}
	full := plain
	full.Needed, full.PerPerson, full.Kind, full.Verdict = true, true, "group", licence.Verdict{Needed: true, Allowed: true, Plans: []string{"Microsoft 365 E3"}}
	full.Products = []admin.ProductRow{sku("SPE_E3", "", 1000, 1204, true), sku("ENTERPRISEPACK", f.T("admin.licences.trap.office"), 0, 31, true)}
	full.Holders = []admin.HolderRow{given(licence.Group, "GG-Office-Staff"), given(licence.Person, "Amara Okafor"), given(licence.Group, "")}
	full.Finding, full.Find, full.Found = true, "premium", []admin.ProductRow{sku("SPB", "", 0, 0, false), sku("O365_BUSINESS_PREMIUM", f.T("admin.licences.trap.standard"), 0, 0, false), sku("SPE_E3", "", 0, 0, true)}
	lacking := full
	lacking.Verdict, lacking.Finding, lacking.Holders, lacking.Products = licence.Verdict{Needed: true, Plans: []string{"Office 365 E3"}}, false, nil, full.Products[1:]
	lacking.Problems, lacking.Name = admin.Problems{{Field: "holder", Text: f.T("admin.licences.holder.none")}}, "nobody"
	assigning := full
	assigning.Operator.Role, assigning.Finding = operator.UserAdministrator, false
	return []sample{
		{"operators", http.StatusOK, operators},
		{"operators-link", http.StatusOK, linked},
		{"operators-refused", http.StatusUnprocessableEntity, refused},
		{"licences", http.StatusOK, full},
		{"licences-none", http.StatusOK, plain},
		{"licences-lacking", http.StatusUnprocessableEntity, lacking},
		{"licences-assign", http.StatusOK, assigning},
	}
}
