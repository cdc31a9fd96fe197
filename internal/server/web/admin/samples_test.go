package admin_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/locale"
	"homeward/internal/server/operator"
	"homeward/internal/server/report"
	"homeward/internal/server/setting"
	"homeward/internal/server/status"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
	"homeward/internal/server/web"
	"homeward/internal/server/web/admin"
)

func newSite(t *testing.T) (*web.Engine, *web.Assets, *locale.Catalog) {
	t.Helper()
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	assets, err := admin.Assets()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := admin.NewEngine(assets, catalog)
	if err != nil {
		t.Fatal(err)
	}
	return engine, assets, catalog
}

// sample is one page with the data of a mock, or of a state that has none.
type sample struct {
	name   string
	status int
	page   web.Page
}

// now is the moment of the mocks.
func now() time.Time { return time.Date(2026, 3, 10, 14, 32, 7, 0, time.UTC) }

func ago(d time.Duration) time.Time { return now().Add(-d) }

func frame(catalog *locale.Catalog, lang, path string, r status.Report) admin.Frame {
	f := admin.Frame{
		Localizer: catalog.In(lang), TenantName: "Contoso", Domains: []string{"corp.contoso.test"}, Version: "1.4.2",
		Operator: operator.Operator{Tenant: "contoso", ID: "o1", Name: "karin.holm@contoso.com", Role: operator.GlobalAdministrator},
		Report:   r, Known: true, Path: path, Languages: catalog.Languages(), Now: now(), Location: time.UTC,
	}
	return f
}

func working() status.Report {
	return status.Report{
		State: status.Degraded, Works: true, Up: true, Sentence: "…", SentenceID: "working",
		Agents: []status.Agent{
			{ID: "U1", Machine: "SRV-HW01", Build: "1.4.2", Protocol: protocol.Version, State: "ready", Seen: ago(6 * time.Second)},
			{ID: "U2", Machine: "SRV-HW02", Build: "1.4.2", Protocol: protocol.Version, State: "draining", Idle: true, Seen: ago(9 * time.Second)},
			{ID: "U3", Machine: "HW-BRANCH-01", Build: "1.2.0", Protocol: 1, State: "offline", Seen: ago(21 * time.Hour)},
		},
		Domains: []status.Domain{{Name: "corp.contoso.test", Works: true, Agents: 1, DC: "dc01.corp.contoso.test", Test: &status.Test{At: ago(2 * time.Minute), Passed: true, Micros: 1_100_000}}},
		Notes: []status.Cause{
			{ID: "away", Agent: "U3", Values: map[string]string{"Agent": "HW-BRANCH-01", "Time": "9 March at 17:32"}, Moment: ago(21 * time.Hour)},
			{ID: "rights", Agent: "U1", Values: map[string]string{"Agent": "SRV-HW01", "Domain": "corp.contoso.test"}},
		},
	}
}

func down() status.Report {
	r := working()
	r.State, r.Works, r.SentenceID, r.Values, r.Notes = status.Down, false, "silent", map[string]string{"Time": "14:18"}, nil
	r.Moment = ago(14 * time.Minute)
	for i := range r.Agents {
		r.Agents[i].State = "offline"
	}
	r.Domains[0].Works, r.Domains[0].Agents = false, 0
	for _, id := range []string{"offline", "moved", "outdated", "rights", "unreachable"} {
		r.Off = append(r.Off, status.Cause{ID: id, Agent: "U1", Moment: ago(14 * time.Minute), Values: map[string]string{
			"Agent": "SRV-HW01", "Time": "14:18", "New": "SRV-HW03", "Version": "1.2.0", "Domain": "corp.contoso.test",
		}})
	}
	return r
}

// entries are those of the mock, in words as the pages put them.
func entries(f admin.Frame) []admin.Entry {
	var out []admin.Entry
	for _, r := range records() {
		out = append(out, f.Entry(r))
	}
	return out
}

func records() []audit.Record {
	at := func(clock string) time.Time {
		t, _ := time.Parse("2006-01-02 15:04:05", "2026-03-10 "+clock)
		return t
	}
	return []audit.Record{
		{Seq: 9, Support: "HW-7K3Q-92MD", Activity: "Reset password (self-service)", Event: 33004, At: at("14:21:03"), Target: "Jonas Lindqvist", Actor: "SRV-HW01", Result: "failed", Reason: "rights", Micros: 328_000},
		{Seq: 8, Support: "HW-2M4P-71QC", Activity: "Change password (self-service)", Event: 33008, At: at("14:17:40"), Target: "Sam Berg", Actor: "SRV-HW02", Result: "refused", Reason: "used_before", Micros: 291_000},
		{Seq: 7, Activity: "Drain agent", Event: 31037, At: at("13:02:55"), Target: "SRV-HW02", Actor: "karin.holm@contoso.com", Result: "ok"},
		{Seq: 6, Support: "HW-9T5W-40XB", Activity: "Unlock user account (self-service)", Event: 31032, At: at("10:30:07"), Target: "Nadia Haddad", Actor: "SRV-HW02", Result: "unknown", Micros: 30_000_000},
		{Seq: 5, Support: "HW-1B2C-33DE", Activity: "Reset password (self-service)", Event: 31002, At: at("09:11:42"), Target: "Sam Berg", Actor: "SRV-HW02", Result: "ok", Micros: 1_340_000},
	}
}

func samples(catalog *locale.Catalog, lang string) []sample {
	return slices.Concat(
		signInSamples(catalog, lang), factorSamples(catalog, lang), statusSamples(catalog, lang), otherSamples(catalog, lang), settingsSamples(catalog, lang), deskSamples(catalog, lang),
		syncSamples(catalog, lang), userSamples(catalog, lang),
	)
}

func signInSamples(catalog *locale.Catalog, lang string) []sample {
	bare := frame(catalog, lang, "/admin/sign-in", status.Report{})
	bare.Operator = operator.Operator{}
	pending := operator.Pending{
		Operator: operator.Operator{Name: "karin.holm@contoso.com", Role: operator.GlobalAdministrator},
		Secret:   "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", Address: "otpauth://totp/Homeward%20Contoso:karin.holm@contoso.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Homeward%20Contoso",
	}
	const question = `{"challenge":"AAAA"}`
	codes := []string{"abcd-efgh-ijkl-mnop", "qrst-uvwx-yz23-4567", "bcde-fghi-jklm-nopq", "rstu-vwxy-z234-567a"}
	return []sample{
		{"signin", http.StatusOK, admin.SignInPage{Frame: bare, Next: "/admin"}},
		{"signin-ways", http.StatusOK, admin.SignInPage{Frame: bare, Next: "/admin", Token: "t", Options: question, Provider: "Contoso login", ProviderPath: "/admin/sign-in/oidc/contoso"}},
		{"signin-passkey", http.StatusUnprocessableEntity, admin.SignInPage{Frame: bare, Next: "/admin", Token: "t", Options: question, Problems: admin.Problems{{Field: "use", Text: bare.T("passkey.error")}}}},
		{"second", http.StatusOK, admin.FactorPage{Frame: bare, Action: "/admin/sign-in/second", Next: "/admin", Options: question, Code: true}},
		{"second-wrong", http.StatusUnprocessableEntity, admin.FactorPage{Frame: bare, Action: "/admin/sign-in/second", Options: question, Code: true, Problems: admin.Problems{{Field: "code", Text: bare.T("admin.factor.refused")}}}},
		{"second-code", http.StatusOK, admin.FactorPage{Frame: bare, Action: "/admin/sign-in/second", Code: true}},
		{"on", http.StatusOK, admin.OnPage{Frame: bare, Next: "/admin"}},
		{"signedout", http.StatusOK, admin.SignedOutPage{Frame: bare, Provider: "Contoso login", Address: "https://login.contoso.test/logout"}},
		{"stranger", http.StatusForbidden, admin.MessagePage{Frame: bare, Kind: "stranger"}},
		{"signin-refused", http.StatusUnprocessableEntity, admin.SignInPage{Frame: bare, Name: "karin.holm@contoso.com", Next: "/admin", Problems: admin.Problems{{Field: "password", Text: bare.T("admin.signin.refused")}}}},
		{"setup", http.StatusOK, admin.SetUpPage{Frame: bare, Pending: pending}},
		{"setup-wrong", http.StatusUnprocessableEntity, admin.SetUpPage{Frame: bare, Pending: pending, Problems: admin.Problems{{Field: "code", Text: bare.T("admin.setup.wrong")}}}},
		{"codes", http.StatusOK, admin.CodesPage{Frame: bare, Codes: codes}},
		{"limited", http.StatusTooManyRequests, admin.MessagePage{Frame: bare, Kind: "too_many", Wait: 5 * time.Minute}},
		{"link-over", http.StatusGone, admin.MessagePage{Frame: bare, Kind: "link_over"}},
	}
}

// used are the days before the mocks' moment.
func used() (u report.Usage) {
	for n := range 14 {
		resets, unlocks := 24+n*7%13, 9+n*5%11
		u.Days = append(u.Days, report.Day{
			Date: now().AddDate(0, 0, n-13), Of: map[report.Outcome]int{report.Done: resets + unlocks, report.Refused: n % 3, report.Failed: n % 5 / 4, report.Unfinished: n % 2},
			Done: map[string]int{"Reset password (self-service)": resets, "Unlock user account (self-service)": unlocks},
		})
	}
	return u
}

// rules are those of the mock; a lockout lasts so long.
func rules(lockout time.Duration) protocol.RulesAnswer {
	const day = 24 * time.Hour
	return protocol.RulesAnswer{Policies: []protocol.PasswordRule{
		{MinLength: 12, Complexity: true, History: 24, MaxAge: (90 * day).Milliseconds(), Threshold: 10, Lockout: (15 * time.Minute).Milliseconds()},
		{
			Name: "PSO-Finance", Precedence: 10, AppliesTo: []string{"GG-Finance", "GG-Payroll", "Amara Okafor"}, Linked: 5, MinLength: 16, Complexity: true, History: 24,
			MinAge: day.Milliseconds(), MaxAge: (60 * day).Milliseconds(), Threshold: 5, Lockout: lockout.Milliseconds(),
		},
		{Name: "PSO-Kiosk", Precedence: 200, MinLength: 8, MinAge: time.Hour.Milliseconds()},
	}}
}

func statusSamples(catalog *locale.Catalog, lang string) []sample {
	at := func(path string, r status.Report) admin.Frame { return frame(catalog, lang, path, r) }
	unknown := at("/admin", status.Report{})
	unknown.Known = false
	off := working()
	off.State, off.SentenceID = status.Off, "off"
	reasons := unknown.Causes(down().Off[:2])
	page := admin.OnpremPage{
		Frame:     at("/admin/password-reset/onprem", working()),
		Writeback: admin.Switch{Name: "writeback", Title: unknown.T("admin.onprem.writeback"), About: unknown.T("admin.onprem.writeback.about"), Stored: true, On: true, Editable: true},
		Unlock:    admin.Switch{Name: "unlock", Title: unknown.T("admin.onprem.unlock"), About: unknown.T("admin.onprem.unlock.about"), Editable: true},
		Saved:     true,
	}
	page.Last = unknown.T("admin.onprem.last", "Time", unknown.Day(ago(7*24*time.Hour), time.UTC), "Name", "karin.holm@contoso.com")
	page.Table = page.RulesTable(ago(2*time.Minute), "", map[string]protocol.RulesAnswer{"corp.contoso.test": rules(time.Hour)})
	blocked := page
	blocked.Frame, blocked.Saved = at("/admin/password-reset/onprem", down()), false
	blocked.Writeback.On, blocked.Writeback.Editable, blocked.Writeback.Reasons = false, false, reasons
	blocked.Unlock.Editable, blocked.Unlock.Reasons = false, reasons[1:]
	blocked.Problems = admin.Problems{{Field: "writeback", Text: unknown.T("admin.onprem.blocked", "Switch", unknown.T("admin.onprem.writeback"))}}
	blocked.Table = blocked.RulesTable(ago(14*time.Minute), "corp.contoso.test", nil)
	reader := page
	reader.Operator.Role, reader.Writeback.Editable, reader.Unlock.Editable, reader.Saved = operator.HybridIdentityAdministrator, false, false, false
	hidden := protocol.RulesAnswer{Policies: rules(0).Policies[:1], Unseen: true}
	crowd := rules(0)
	crowd.More = 3
	several := reader
	several.Table = several.RulesTable(ago(9*time.Second), "far.contoso.test", map[string]protocol.RulesAnswer{
		"corp.contoso.test": hidden, "lab.contoso.test": crowd, "quiet.contoso.test": {Withheld: true},
	})
	reader.Table, reader.Last = admin.RulesTable{}, ""
	pace := report.Pace{
		N: 180, Median: 1400 * time.Millisecond, Slow: 3200 * time.Millisecond, Write: 4 * time.Millisecond, Last: ago(3 * time.Minute),
		Days: []time.Duration{1600 * time.Millisecond, 1200 * time.Millisecond, 1200 * time.Millisecond, 2900 * time.Millisecond, 1400 * time.Millisecond, 1400 * time.Millisecond},
	}
	trip := fleet.Trip{Relay: 12 * time.Millisecond, Agent: 18 * time.Millisecond}
	return []sample{
		{"overview-new", http.StatusOK, admin.OverviewPage{Frame: at("/admin", working()), Host: "password.contoso.com", Usage: used(), Paced: true, Valid: ago(-9 * 24 * time.Hour)}},
		{"onprem-several", http.StatusOK, several},
		{"overview", http.StatusOK, admin.OverviewPage{Frame: at("/admin", working()), Host: "password.contoso.com", Testable: true, Latest: entries(unknown), Short: 62, Scope: 1204, Usage: used(), Pace: pace, Paced: true, Trip: trip, Valid: ago(-74*24*time.Hour - time.Hour)}},
		{"overview-down", http.StatusOK, admin.OverviewPage{Frame: at("/admin", down()), Host: "password.contoso.com", Untested: true, Latest: entries(unknown), Pace: pace, Paced: true, Trip: fleet.Trip{Relay: trip.Relay}, Valid: ago(time.Hour)}},
		{"overview-relay", http.StatusOK, admin.OverviewPage{Frame: at("/admin", status.Report{State: status.Unknown, SentenceID: "relay", Values: map[string]string{"Relay": "password.contoso.com"}}), Host: "password.contoso.com"}},
		{"overview-off", http.StatusOK, admin.OverviewPage{Frame: at("/admin", off), Late: true, Host: "password.contoso.com"}},
		{"overview-unset", http.StatusOK, admin.OverviewPage{Frame: at("/admin", status.Report{State: status.Unset, Up: true, SentenceID: "unset", Off: []status.Cause{{ID: "none"}}}), Host: "password.contoso.com"}},
		{"overview-unknown", http.StatusOK, admin.OverviewPage{Frame: unknown, Host: "password.contoso.com"}},
		{"onprem", http.StatusOK, page},
		{"onprem-blocked", http.StatusUnprocessableEntity, blocked},
		{"onprem-reader", http.StatusOK, reader},
	}
}

func otherSamples(catalog *locale.Catalog, lang string) []sample {
	at := func(path string) admin.Frame { return frame(catalog, lang, path, working()) }
	row := func(i int, d enrol.Domain) admin.AgentRow {
		d.Name, d.DC, d.Since = "corp.contoso.test", "dc01.corp.contoso.test", ago(time.Hour)
		return at("/admin/agents").AgentRow(working().Agents[i], enrol.Agent{KeyID: "7f3a91c4d20b5e81", Domains: []enrol.Domain{d}}, checkups()[i], writes())
	}
	rows := []admin.AgentRow{
		row(0, enrol.Domain{OK: true, Testable: true}), row(1, enrol.Domain{Reason: protocol.ReasonRights}), row(2, enrol.Domain{OK: true}),
	}
	full := enrol.Agent{
		ID: "UBENCHAGENTBENCHAGENTBENCHAGENTBENCHAGENTBENCHAGENTBENCH", Machine: "SRV-HW01", Build: "1.4.2", Protocol: 1, KeyID: "7f3a91c4d20b5e81",
		Created: ago(41 * 24 * time.Hour), Seen: ago(6 * time.Second), Rival: enrol.Rival{Machine: protocol.Machine{Name: "SRV-HW03"}, Reason: protocol.ReasonAgentMoved, At: ago(30 * time.Minute)},
	}
	sound := full
	sound.ID, sound.Protocol, sound.Rival = "U1", protocol.Version, enrol.Rival{}
	agents := admin.AgentsPage{Frame: at("/admin/agents"), BaseURL: "https://password.contoso.com", Rows: rows, Code: "FJ4K-82QP-ABCD", Until: ago(-30 * time.Minute)}
	none := admin.AgentsPage{Frame: at("/admin/agents"), BaseURL: "https://password.contoso.com"}
	twin := rows[0]
	twin.ID, twin.Path, twin.Machine = "U7", "/admin/agents/U7", "SRV-HW04"
	third := twin
	third.ID, third.Path, third.Machine = "U8", "/admin/agents/U8", "SRV-HW05"
	two, three := none, none
	two.Rows, three.Rows = []admin.AgentRow{rows[0], twin}, []admin.AgentRow{rows[0], twin, third}
	log := admin.AuditPage{
		Frame: at("/admin/audit"), Who: "jonas", When: "today", Rows: entries(at("/admin/audit")), Older: "/admin/audit?before=6", Newer: "/admin/audit?after=9", Fit: 7, All: 1001,
		Agents: []admin.Choice{{Value: "", Name: catalog.In(lang).T("admin.audit.any"), Chosen: true}, {Value: "U1", Name: "SRV-HW01"}},
	}
	hop := func(seconds float64, hop, result string, event int, r audit.Record) audit.Record {
		r.Support, r.Activity, r.Hop, r.Result, r.Event = "HW-7K3Q-92MD", "Reset password (self-service)", hop, result, event
		r.At, r.Target = ago(11*time.Minute).Add(time.Duration(seconds*float64(time.Second))), "Jonas Lindqvist"
		return r
	}
	event := at("/admin/audit/HW-7K3Q-92MD").EventPage([]audit.Record{
		hop(0.412, "portal", "ok", 34007, audit.Record{}), hop(0.450, "agent", "ok", 31001, audit.Record{Actor: "SRV-HW01", Micros: 38_000}),
		hop(0.740, "result", "failed", 33004, audit.Record{Actor: "SRV-HW01", Reason: "rights", Detail: "LDAP 50 insufficientAccessRights", Micros: 328_000}),
	})
	policy := setting.Record("karin.holm@contoso.com", setting.WithSecret(setting.Difference(
		append(setting.Notifications(tenant.Settings{}), setting.Brand(tenant.Tenant{Name: "Contoso"})...),
		append(setting.Notifications(tenant.Settings{PeopleUntold: true}), setting.Brand(tenant.Tenant{Name: "Contoso Group"})...)), "client secret"))
	policy.Seq, policy.At = 12, ago(time.Hour)
	sessions := []operator.Session{
		{ID: "s1", Created: ago(time.Hour), Seen: ago(time.Minute), Address: "192.0.2.7", Browser: "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"},
		{ID: "s2", Created: ago(26 * time.Hour), Seen: ago(25 * time.Hour), Address: "2001:db8::7", Browser: "curl/8"},
	}
	return []sample{
		{"agents", http.StatusOK, agents},
		{"agents-none", http.StatusOK, none},
		{"agents-two", http.StatusOK, two},
		{"agents-three", http.StatusOK, three},
		{"agent", http.StatusUnprocessableEntity, admin.AgentPage{Frame: at("/admin/agents/U"), Row: rows[0], Full: full, Lone: "corp.contoso.test"}},
		{"agent-checked", http.StatusOK, admin.AgentPage{Frame: at("/admin/agents/U"), Row: rows[0], Full: sound, Checkup: checkups()[0], Writes: writes(), Host: "password.contoso.com"}},
		{"agent-checking", http.StatusOK, admin.AgentPage{Frame: at("/admin/agents/U"), Row: rows[1], Full: sound, Checkup: checkups()[1], Writes: writes(), Host: "password.contoso.com"}},
		{"agent-revoked", http.StatusOK, admin.AgentPage{Frame: at("/admin/agents/U"), Row: rows[2], Full: full, Revoked: true}},
		{"audit", http.StatusOK, log},
		{"audit-none", http.StatusOK, admin.AuditPage{Frame: at("/admin/audit")}},
		{"event", http.StatusOK, event.Of(jonas())},
		{"event-setting", http.StatusOK, at("/admin/audit/12").EventPage([]audit.Record{policy})},
		{"reports", http.StatusOK, reports(at("/admin/reports"), 30)},
		{"reports-long", http.StatusOK, reports(at("/admin/reports"), 90)},
		{"reports-empty", http.StatusOK, admin.ReportsPage{Frame: at("/admin/reports"), Span: 30}},
		{"setup-list", http.StatusOK, admin.ChecklistPage{Frame: at("/admin/setup"), Steps: at("/admin/setup").Checklist(1248, 1142, true)}},
		{"setup-begun", http.StatusOK, begun(frame(catalog, lang, "/admin/setup", starting()))},
		{"account", http.StatusOK, admin.AccountPage{Frame: at("/admin/account"), Sessions: sessions, Current: "s1"}},
		{"forbidden", http.StatusForbidden, admin.MessagePage{Frame: at("/admin/agents"), Kind: "forbidden"}},
		{"not-found", http.StatusNotFound, admin.MessagePage{Frame: at("/admin/nothing"), Kind: "not_found"}},
		{"broken", http.StatusInternalServerError, admin.MessagePage{Frame: at("/admin"), Kind: "broken"}},
	}
}

// begun is the checklist of a tenant whose agent lacks rights.
func begun(f admin.Frame) admin.ChecklistPage {
	return admin.ChecklistPage{Frame: f, Steps: f.Checklist(1248, 0, false)}
}

// starting is a tenant whose first agent is there, but may not write yet.
func starting() status.Report {
	r := working()
	r.State, r.Works, r.SentenceID, r.Notes = status.Down, false, "broken", nil
	r.Agents, r.Domains[0].Works, r.Domains[0].Agents, r.Domains[0].Test = r.Agents[:1], false, 0, nil
	r.Off = []status.Cause{{ID: "rights", Agent: "U1", Values: map[string]string{"Agent": "SRV-HW01", "Domain": "corp.contoso.test"}}}
	return r
}

// reports is the page with the people of the mock.
func reports(f admin.Frame, days int) admin.ReportsPage {
	p := admin.ReportsPage{Frame: f, Span: days, Summary: report.Summary{
		People: 1204, Able: 1142, None: 14, With: map[verify.Kind]int{verify.App: 1102, verify.Passkey: 214, verify.Text: 640, verify.Mail: 75},
		Why: map[report.Why]int{report.TooFew: 48, report.Disabled: 9, report.Protected: 5},
	}, Usage: report.Usage{Totals: map[string]map[report.Outcome]int{}}}
	for _, a := range report.Activities() {
		p.Usage.Totals[a] = map[report.Outcome]int{report.Done: 143, report.Refused: 12, report.Failed: 3}
	}
	for n := range days {
		of := map[report.Outcome]int{report.Done: 20 + n*7%13, report.Refused: n % 4, report.Failed: n % 9 / 8, report.Unfinished: n % 3}
		p.Usage.Days = append(p.Usage.Days, report.Day{Date: now().AddDate(0, 0, n+1-days), Of: of})
	}
	return p
}
