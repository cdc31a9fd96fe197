package admin_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/locale"
	"homeward/internal/server/operator"
	"homeward/internal/server/report"
	"homeward/internal/server/status"
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
			{ID: "away", Agent: "U3", Values: map[string]string{"Agent": "HW-BRANCH-01", "Time": "9 March at 17:40"}},
			{ID: "rights", Agent: "U1", Values: map[string]string{"Agent": "SRV-HW01", "Domain": "corp.contoso.test"}},
		},
	}
}

func down() status.Report {
	r := working()
	r.State, r.Works, r.SentenceID, r.Values, r.Notes = status.Down, false, "silent", map[string]string{"Time": "14:18"}, nil
	for i := range r.Agents {
		r.Agents[i].State = "offline"
	}
	r.Domains[0].Works, r.Domains[0].Agents = false, 0
	for _, id := range []string{"offline", "moved", "outdated", "rights", "unreachable"} {
		r.Off = append(r.Off, status.Cause{ID: id, Agent: "U1", Values: map[string]string{
			"Agent": "SRV-HW01", "Time": "14:18", "New": "SRV-HW03", "Version": "1.2.0", "Domain": "corp.contoso.test",
		}})
	}
	return r
}

func entries() []admin.Entry {
	rec := func(seq int64, support, activity string, code int) audit.Record {
		return audit.Record{Seq: seq, Support: support, Activity: activity, Event: code, At: ago(time.Hour)}
	}
	return []admin.Entry{
		{Record: rec(9, "HW-7K3Q-92MD", "Reset password (self-service)", 33004), Path: "/admin/audit/HW-7K3Q-92MD", Time: "14:21:03", Who: "Jonas Lindqvist", Through: "SRV-HW01", Look: "bad", Icon: "cross", Word: "Failed", Why: "the agent lacks a permission", Took: "328 ms"},
		{Record: rec(8, "HW-2M4P-71QC", "Change password (self-service)", 33008), Path: "/admin/audit/HW-2M4P-71QC", Time: "14:17:40", Who: "Sam Berg", Through: "SRV-HW02", Look: "warn", Icon: "warning", Word: "Refused", Why: "used before", Took: "291 ms"},
		{Record: rec(7, "", "Drain agent", 31037), Path: "/admin/audit/7", Time: "13:02:55", Who: "SRV-HW02", Through: "karin.holm@contoso.com", Look: "ok", Icon: "check", Word: "OK"},
		{Record: rec(6, "HW-9T5W-40XB", "Unlock user account (self-service)", 31032), Path: "/admin/audit/HW-9T5W-40XB", Time: "10:30:07", Who: "Nadia Haddad", Through: "SRV-HW02", Look: "unknown", Icon: "question", Word: "Not confirmed", Took: "30 s"},
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

func statusSamples(catalog *locale.Catalog, lang string) []sample {
	at := func(path string, r status.Report) admin.Frame { return frame(catalog, lang, path, r) }
	unknown := at("/admin", status.Report{})
	unknown.Known = false
	off := working()
	off.State, off.SentenceID = status.Off, "off"
	cause := func(id, name, says, next, command string) admin.CauseView {
		return admin.CauseView{ID: id, Name: name, Says: says, Next: next, Command: command, Agent: "/admin/agents/U1"}
	}
	reasons := []admin.CauseView{
		cause("offline", "No agent online", "SRV-HW01 last answered at 14:18. At least one agent must be online.", "On SRV-HW01: check that the agent’s service runs.", "homeward-agent doctor"),
		cause("moved", "Agent not approved", "SRV-HW03 asked to serve at 14:02.", "Open it and approve that.", ""),
	}
	page := admin.OnpremPage{
		Frame:     at("/admin/password-reset/onprem", working()),
		Writeback: admin.Switch{Name: "writeback", Title: unknown.T("admin.onprem.writeback"), About: unknown.T("admin.onprem.writeback.about"), Stored: true, On: true, Editable: true},
		Unlock:    admin.Switch{Name: "unlock", Title: unknown.T("admin.onprem.unlock"), About: unknown.T("admin.onprem.unlock.about"), Editable: true},
		Saved:     true,
	}
	blocked := page
	blocked.Frame, blocked.Saved = at("/admin/password-reset/onprem", down()), false
	blocked.Writeback.On, blocked.Writeback.Editable, blocked.Writeback.Reasons = false, false, reasons
	blocked.Unlock.Editable, blocked.Unlock.Reasons = false, reasons[1:]
	blocked.Problems = admin.Problems{{Field: "writeback", Text: "It can’t be turned on now."}}
	reader := page
	reader.Operator.Role, reader.Writeback.Editable, reader.Unlock.Editable, reader.Saved = operator.HybridIdentityAdministrator, false, false, false
	return []sample{
		{"overview", http.StatusOK, admin.OverviewPage{Frame: at("/admin", working()), Host: "password.contoso.com", Testable: true, Latest: entries(), Short: 62, Scope: 1204, Usage: used()}},
		{"overview-down", http.StatusOK, admin.OverviewPage{Frame: at("/admin", down()), Host: "password.contoso.com", Untested: true, Latest: entries()}},
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
	line := func(look, icon, word string) admin.DomainLine {
		return admin.DomainLine{Name: "corp.contoso.test", Controller: "dc01", Look: look, Icon: icon, Word: word, Since: ago(time.Hour)}
	}
	row := func(i int, look, icon, word, extra string, d admin.DomainLine) admin.AgentRow {
		return admin.AgentRow{Agent: working().Agents[i], Path: "/admin/agents/U", Look: look, Icon: icon, Word: word, Extra: extra, Key: "7f3a-91c4", Lines: []admin.DomainLine{d}}
	}
	rows := []admin.AgentRow{
		row(0, "ok", "check", "Online", "", line("ok", "check", "Can be written")),
		row(1, "warn", "warning", "Draining", "nothing left to do", line("bad", "cross", "Can’t be written")),
		row(2, "warn", "warning", "Offline", "", line("unknown", "question", "Not known")),
	}
	full := enrol.Agent{
		ID: "UBENCHAGENTBENCHAGENTBENCHAGENTBENCHAGENTBENCHAGENTBENCH", Machine: "SRV-HW01", Build: "1.4.2", Protocol: 1, KeyID: "7f3a91c4d20b5e81",
		Created: ago(41 * 24 * time.Hour), Seen: ago(6 * time.Second), Rival: enrol.Rival{Machine: protocol.Machine{Name: "SRV-HW03"}, Reason: protocol.ReasonAgentMoved, At: ago(30 * time.Minute)},
	}
	agents := admin.AgentsPage{Frame: at("/admin/agents"), BaseURL: "https://password.contoso.com", Rows: rows, Code: "FJ4K-82QP-ABCD", Until: ago(-30 * time.Minute)}
	none := admin.AgentsPage{Frame: at("/admin/agents"), BaseURL: "https://password.contoso.com"}
	log := admin.AuditPage{
		Frame: at("/admin/audit"), Who: "jonas", When: "today", Rows: entries(), Older: "/admin/audit?before=6", Newer: "/admin/audit?after=9", Fit: 7, All: 1001,
		Agents: []admin.Choice{{Value: "", Name: catalog.In(lang).T("admin.audit.any"), Chosen: true}, {Value: "U1", Name: "SRV-HW01"}},
	}
	step := func(hop, icon, look, word, meaning string) admin.Step {
		return admin.Step{Record: audit.Record{Event: 31001, Detail: "LDAP 50 insufficientAccessRights"}, Time: "14:21:03.412", Took: "38 ms", Look: look, Icon: icon, Hop: hop, Name: "PasswordResetStart", Meaning: meaning, Word: word, Who: "SRV-HW01"}
	}
	event := admin.EventPage{
		Frame: at("/admin/audit/HW-7K3Q-92MD"), Support: "HW-7K3Q-92MD", Entry: entries()[0], Meaning: "The service account may not write this person.",
		Remedy: "Grant Reset Password and write lockoutTime on the person's organizational unit.", Code: 33004, Total: "328 ms",
		Steps: []admin.Step{
			step("Portal", "globe", "ok", "OK", "A sealed request left the portal."), step("Agent", "agent", "ok", "OK", "A reset request arrived at the agent."),
			step("Active Directory", "tree", "bad", "Failed", "The service account may not write this person."),
		},
	}
	sessions := []operator.Session{
		{ID: "s1", Created: ago(time.Hour), Seen: ago(time.Minute), Address: "192.0.2.7", Browser: "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"},
		{ID: "s2", Created: ago(26 * time.Hour), Seen: ago(25 * time.Hour), Address: "2001:db8::7", Browser: "curl/8"},
	}
	return []sample{
		{"agents", http.StatusOK, agents},
		{"agents-none", http.StatusOK, none},
		{"agent", http.StatusUnprocessableEntity, admin.AgentPage{Frame: at("/admin/agents/U"), Row: rows[0], Full: full, Lone: "corp.contoso.test"}},
		{"agent-revoked", http.StatusOK, admin.AgentPage{Frame: at("/admin/agents/U"), Row: rows[2], Full: full, Revoked: true}},
		{"audit", http.StatusOK, log},
		{"audit-none", http.StatusOK, admin.AuditPage{Frame: at("/admin/audit")}},
		{"event", http.StatusOK, event},
		{"reports", http.StatusOK, reports(at("/admin/reports"), 30)},
		{"reports-long", http.StatusOK, reports(at("/admin/reports"), 90)},
		{"reports-empty", http.StatusOK, admin.ReportsPage{Frame: at("/admin/reports"), Span: 30}},
		{"setup-list", http.StatusOK, admin.ChecklistPage{Frame: at("/admin/setup"), Steps: []admin.CheckStep{
			{Number: 1, Name: "Register an agent", About: "3 registered", State: "done"},
			{Number: 2, Name: "Give the agent its rights", About: "It checks each domain.", State: "next", Path: "/admin/agents", Action: "Agents", Command: "homeward-agent doctor"},
			{Number: 3, Name: "Write a test password", About: "Uses a test account.", State: "later"},
		}}},
		{"account", http.StatusOK, admin.AccountPage{Frame: at("/admin/account"), Sessions: sessions, Current: "s1"}},
		{"forbidden", http.StatusForbidden, admin.MessagePage{Frame: at("/admin/agents"), Kind: "forbidden"}},
		{"not-found", http.StatusNotFound, admin.MessagePage{Frame: at("/admin/nothing"), Kind: "not_found"}},
		{"broken", http.StatusInternalServerError, admin.MessagePage{Frame: at("/admin"), Kind: "broken"}},
	}
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
