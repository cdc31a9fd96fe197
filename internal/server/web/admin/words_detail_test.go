package admin_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/audit"
	"homeward/internal/server/locale"
	"homeward/internal/server/operator"
	"homeward/internal/server/setting"
	"homeward/internal/server/status"
	"homeward/internal/server/tenant"
	"homeward/internal/server/web/admin"
)

func TestEverySettingHasWords(t *testing.T) {
	t.Parallel()
	var s tenant.Settings
	all := slices.Concat(setting.Scope(s), setting.Methods(s), setting.Registration(s), setting.Notifications(s), setting.Provider(s), setting.Licences(s),
		setting.Brand(tenant.Tenant{}), setting.Place(s), []setting.Value{{Name: "writeback"}, {Name: "unlock"}, {Name: "client secret"}})
	const least = 40
	if len(all) < least {
		t.Errorf("only %d settings", len(all))
	}
	for _, v := range all {
		if admin.Word("setting", v.Name) == "" {
			t.Errorf("the setting %q has no message", v.Name)
		}
	}
}

// TestRecordsSpeakTheReadersLanguage: what has a form is said in German; anything else is shown as it was recorded.
func TestRecordsSpeakTheReadersLanguage(t *testing.T) {
	t.Parallel()
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	f := frame(catalog, "de", "/admin/audit", status.Report{})
	on, off := f.T("admin.on"), f.T("admin.off")
	was := tenant.Settings{Checks: tenant.Checks{Methods: []string{"app"}}}
	is := tenant.Settings{PeopleUntold: true, Alerts: tenant.Alerts{Mail: []string{"it@contoso.com"}}, Checks: tenant.Checks{Methods: []string{"app", "text"}}}
	both := func(s tenant.Settings) []setting.Value {
		return append(setting.Methods(s), setting.Notifications(s)...)
	}
	policy := setting.Record("karin", setting.Difference(both(was), both(is)))
	old := policy
	old.Detail = "alerts to: – → it@contoso.com"
	operatorSaid := audit.Record{Activity: "Issue helpdesk pass", Hop: "operator", Detail: "until 2026-03-10T20:00:00Z: new phone: Monday"}
	for name, c := range map[string]struct {
		record audit.Record
		want   admin.Said
	}{
		"settings": {policy, admin.Said{Lines: []string{
			f.T("admin.methods.available") + ": " + f.T("admin.methods.app") + " → " + f.T("admin.methods.app") + ", " + f.T("admin.methods.text"),
			f.T("admin.notifications.people") + ": " + on + " → " + off,
			"Warnungen senden an: – → it@contoso.com",
		}}},
		"a switch":            {setting.Turned("karin", "writeback", true), admin.Said{Lines: []string{f.T("admin.onprem.writeback") + ": " + off + " → " + on}}},
		"from before quoting": {old, admin.Said{Own: old.Detail}},
		"no setting":          {setting.Record("karin", "colour of the sky: blue → grey"), admin.Said{Own: "colour of the sky: blue → grey"}},
		"a reason and a time": {operatorSaid, admin.Said{Lines: []string{f.T("admin.detail.until", "Time", f.When(time.Date(2026, 3, 10, 20, 0, 0, 0, time.UTC)))}, Own: "new phone: Monday"}},
		"a typed reason":      {audit.Record{Activity: "Reset password (by admin)", Hop: "operator", Detail: "text"}, admin.Said{Own: "text"}},
		"an agent":            {audit.Record{Activity: "Reset password (self-service)", Hop: "directory", Detail: "LDAP 50"}, admin.Said{Own: "LDAP 50", English: true}},
		"a check":             {audit.Record{Hop: "verify", Detail: "text •••• 07"}, admin.Said{Lines: []string{f.T("admin.methods.text") + " •••• 07"}}},
		"a role":              {audit.Record{Activity: "Invite administrator", Hop: "operator", Detail: string(operator.ReportsReader)}, admin.Said{Lines: []string{f.RoleName(operator.ReportsReader)}}},
		"everybody":           {audit.Record{Activity: "Change administrator scope", Hop: "operator", Detail: operator.Scope(nil).String()}, admin.Said{Lines: []string{"Alle"}}},
		"a passkey's name":    {audit.Record{Activity: "Add passkey (administrator)", Hop: "operator", Detail: "app"}, admin.Said{Own: "app"}},
		"nothing":             {audit.Record{}, admin.Said{}},
	} {
		if diff := cmp.Diff(c.want, f.Say(c.record)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestFormsAreThoseThatAreWritten: a form that is read must stand in the sources as it is written, and be read.
func TestFormsAreThoseThatAreWritten(t *testing.T) {
	t.Parallel()
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	f := frame(catalog, "sv", "/admin/audit", status.Report{})
	for _, c := range []struct{ file, written, activity, detail string }{
		{"agents.go", `"works until "+until`, "Make enrolment code", "works until 2026-03-10T20:00:00Z"},
		{"../../reset/pass.go", `"until " + given.Expires.UTC().Format(time.RFC3339) + ": " + reason`, "Issue helpdesk pass", "until 2026-03-10T20:00:00Z: x"},
		{"../../operator/manage.go", `"every session"`, "Sign out (administrator)", "every session"},
		{"../../operator/session.go", `"every other session"`, "Sign out (administrator)", "every other session"},
		{"../../operator/manage.go", `string(o.Role) + " → " + string(role)`, "Change administrator role", string(operator.ReportsReader) + " → " + string(operator.UserAdministrator)},
		{"../../reminder/reminder.go", `"%d days before %s"`, "Remind of password expiry", "5 days before 2026-03-10T20:00:00Z"},
		{"../../reminder/register.go", `"people: "+`, "Remind to register", "people: 12"},
		{"../../alert/alert.go", `"told " + strconv.Itoa(len(t.Settings.Alerts.Mail)) + " addresses"`, "Alert", "told 2 addresses"},
		{"../../alert/alert.go", `" and the webhook"`, "Alert", "told 2 addresses and the webhook"},
		{"../../provision/operate.go", `"%d objects of %s"`, "Allow deletions", "7 objects of corp.contoso.test"},
		{"../../provision/csv.go", `"%d made, %d lines wrong"`, "Import users", "3 made, 1 lines wrong"},
		{"../../registration/import.go", `"%d destinations of %d people, %d were there"`, "Import security info", "3 destinations of 2 people, 1 were there"},
	} {
		if !strings.Contains(sources(t, c.file), c.written) {
			t.Errorf("%s doesn't write %s any more", c.file, c.written)
		}
		got := f.Say(audit.Record{Activity: c.activity, Hop: "operator", Detail: c.detail})
		if len(got.Lines) != 1 || strings.Contains(got.Lines[0], c.detail) || got.Lines[0] == "" {
			t.Errorf("%s: %q is said as %+v", c.activity, c.detail, got)
		}
		if got := f.Say(audit.Record{Activity: c.activity, Hop: "operator", Detail: "%d " + c.detail[:3]}); len(got.Lines) != 0 || got.Own == "" {
			t.Errorf("%s: nonsense is said as %+v", c.activity, got)
		}
	}
}
