package admin_test

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/locale"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/web/admin"
)

func jonas() provision.Person {
	return provision.Person{
		Tenant: "contoso", ID: "p2", Object: strings.Repeat("0b", 16), Anchor: strings.Repeat("0b", 16), Domain: "corp.contoso.test", NetBIOS: "CORP",
		UPN: "jonas.lindqvist@contoso.com", SAM: "jlindqvist", Mail: "jonas@contoso.com", DisplayName: "Jonas Lindqvist", How: provision.HardMatch,
		DN: "CN=Jonas Lindqvist,OU=Sales,DC=corp,DC=contoso,DC=test", PasswordSet: ago(91 * 24 * time.Hour), Updated: ago(4 * time.Minute),
	}
}

func userSamples(catalog *locale.Catalog, lang string) []sample {
	at := func(path string) admin.Frame { return frame(catalog, lang, path, working()) }
	list, one := at("/admin/users"), at("/admin/users/p2")
	ok, no := admin.Look{Look: "ok", Icon: "check", Word: list.T("admin.users.active")}, admin.Look{Look: "bad", Icon: "cross", Word: list.T("admin.can.agent")}
	row := func(id, name, unit string, account, can admin.Look, methods int, last, how string) admin.UserRow {
		upn := strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@contoso.com"
		return admin.UserRow{ID: id, Path: "/admin/users/" + id, Name: name, UPN: upn, Source: list.T("admin.users.onprem"), Unit: unit, Account: account, Can: can, Methods: methods, Licence: list.T("admin.users.licence.yes"), Last: last, LastHow: how}
	}
	yes := admin.Look{Look: "ok", Icon: "check", Word: list.T("admin.can.yes")}
	short := admin.Look{Look: "warn", Icon: "warning", Word: list.T("admin.can.methods", "N", 1)}
	off := admin.Look{Look: "unknown", Icon: "minus", Word: list.T("admin.users.disabled")}
	locked := admin.Look{Look: "unknown", Icon: "lock", Word: list.T("admin.can.protected")}
	rows := []admin.UserRow{
		row("p1", "Amara Okafor", "OU=Finance", ok, yes, 3, "14:29", list.T("admin.users.self")), row("p2", "Jonas Lindqvist", "OU=Sales", ok, no, 2, "14:21", "HW-7K3Q-92MD"),
		row("p3", "Priya Raman", "OU=Support", ok, short, 1, list.T("admin.never"), ""), row("p4", "Tove Holgersson", "OU=Interns", off, admin.Look{Look: "unknown", Icon: "minus", Word: list.T("admin.can.enabled")}, 0, list.Day(ago(127*24*time.Hour), time.UTC), list.T("admin.users.helpdesk")),
		row("p5", "admin kholm", "OU=Tier0", ok, locked, 2, list.T("admin.never"), ""),
	}
	rows[1].Account = admin.Look{Look: "bad", Icon: "lock", Word: list.T("admin.users.locked")}
	rows[2].Account = admin.Look{Look: "warn", Icon: "clock", Word: list.T("admin.users.state.soon", "N", 2)}
	unheard := slices.Clone(rows)
	for i := range unheard {
		unheard[i].Account, unheard[i].Stored = ok, true
	}
	people := admin.UsersPage{Frame: list, Total: 1248, Found: 1248, Passed: 25, Rows: rows, Next: "/admin/users?after=p5", Previous: "/admin/users?before=p1", Licensed: true}
	filtered := admin.UsersPage{Frame: list, Scoped: true, Find: "jon", Can: "no", Rows: rows[1:2], Looked: 200, Next: "/admin/users?after=p5"}

	live := protocol.PersonPolicy{Found: true, MinLength: 12, Source: "domain", Locked: true, PasswordSet: protocol.MilliOf(ago(91 * 24 * time.Hour)), ExpiresAt: protocol.MilliOf(ago(24 * time.Hour))}
	view := helpdesk.View{
		Person: jonas(), Standing: reset.Standing{Live: &live, At: now(), Gates: []reset.Gate{{ID: reset.GateAccount, State: reset.Shut}}},
		Groups: []provision.Group{{Name: "GG-SSPR-Users"}, {Name: "All staff"}}, More: true, Reviewed: ago(time.Hour),
		Last: audit.Record{Seq: 1, At: ago(time.Hour), Result: "failed", Reason: "rights", Support: "HW-7K3Q-92MD"},
	}
	line := func(look, icon, text string) admin.GateLine {
		return admin.GateLine{ID: text, Look: look, Icon: icon, Text: text}
	}
	bad := line("bad", "cross", one.T("admin.gate.account.shut", "Reason", one.T("admin.reason.rights")))
	bad.Next, bad.Command = one.T("admin.gate.account.next"), "homeward-agent doctor --person jlindqvist"
	agent := line("bad", "cross", one.T("admin.gate.agent.shut", "Domain", "corp.contoso.test"))
	agent.Next, agent.Path, agent.Place = one.T("admin.gate.agent.next"), "/admin", one.T("admin.nav.overview")
	gates := []admin.GateLine{
		line("ok", "check", one.T("admin.gate.enabled.open")), line("ok", "check", one.T("admin.gate.scope.member", "Group", "GG-SSPR-Users")),
		line("ok", "check", one.T("admin.gate.licence.open", "Plan", "Microsoft 365 E3")), line("ok", "check", one.T("admin.gate.methods", "Have", 2, "Need", 2)),
		line("ok", "check", one.T("admin.gate.directory.open", "Domain", "corp.contoso.test")), agent, line("ok", "check", one.T("admin.gate.protected.open")),
		line("warn", "warning", one.T("admin.gate.role.noted")), bad, line("unknown", "question", one.T("admin.gate.age.unknown")),
	}
	person := admin.UserPage{
		Frame: one, View: view, Since: "13:58", Gates: gates, Answer: admin.Look{Look: "bad", Icon: "cross", Word: one.T("admin.can.no")}, Recent: entries(one), Portal: "https://password.contoso.com",
		Methods: []admin.MethodLine{{Icon: "device", Name: one.T("admin.methods.app"), When: one.Day(ago(57*24*time.Hour), time.UTC)}, {Icon: "text", Name: one.T("admin.methods.text"), Masked: "•••• 07", When: one.Day(ago(57*24*time.Hour), time.UTC)}},
	}
	quiet := person
	quiet.Operator = operator.Operator{Tenant: "contoso", ID: "o2", Name: "sam.berg@contoso.com", Role: operator.HelpdeskAdministrator}
	quiet.View.Help, quiet.View.Reset, quiet.Barred = helpdesk.BarAdministrator, helpdesk.BarAdministrator, one.T("admin.bar.administrator")
	quiet.View.Groups, quiet.Methods, quiet.Recent, quiet.View.Standing.Live, quiet.View.Limited = nil, nil, nil, nil, true
	quiet.View.Problems = []provision.Problem{{Reason: provision.AddressTaken, Attribute: "mail", OtherName: `CORP\twin`}}
	quiet.View.Roles = []provision.Role{{Role: "Global Administrator"}}

	help := admin.HelpPage{Frame: one, Act: "reset", PersonPath: "/admin/users/p2", Name: "Jonas Lindqvist", Mark: "m", CanVerify: true, Problems: admin.Problems{{Field: "reason", Text: one.T("admin.help.reason.wrong")}}}
	pass := admin.HelpPage{Frame: one, Act: "pass", PersonPath: "/admin/users/p2", Name: "Jonas Lindqvist", Mark: "m", Verified: "14:29"}
	done := admin.DonePage{
		Frame: one, Act: "reset", Name: "Jonas Lindqvist", PersonPath: "/admin/users/p2", Look: admin.Look{Look: "ok", Icon: "check", Word: one.T("admin.help.done.reset")},
		Support: "HW-7K3Q-92MD", SupportPath: "/admin/audit/HW-7K3Q-92MD", Secret: "Kbtr-7vxm-q4nd-hzp3", Must: one.T("admin.help.must"), Told: one.T("admin.help.told"), Changed: true,
	}
	unsure := done
	unsure.Look, unsure.Unsure, unsure.Changed = admin.Look{Look: "unknown", Icon: "question", Word: one.T("admin.help.done.unsure")}, one.T("admin.help.unsure"), false
	failed := admin.DonePage{Frame: one, Act: "unlock", Name: "Jonas Lindqvist", PersonPath: "/admin/users/p2", Look: admin.Look{Look: "bad", Icon: "cross", Word: one.T("admin.help.done.failed")}, Why: one.T("admin.reason.no_agent"), Support: "HW-7K3Q-92MD"}
	verify := admin.VerifyPage{Frame: one, Name: "Jonas Lindqvist", PersonPath: "/admin/users/p2", Ways: []admin.CallerWay{{"app", one.T("method.app"), ""}, {"text", one.T("method.text"), "•••• 07"}}, Problems: admin.Problems{{Field: "way-app", Text: one.T("admin.caller.choose")}}}
	caller := admin.CallerPage{Frame: one, Name: "Jonas Lindqvist", PersonPath: "/admin/users/p2", Here: "/admin/users/p2/verify/a", To: "•••• 07", Support: "HW-7K3Q-92MD", Problems: admin.Problems{{Field: "code", Text: one.T("admin.caller.wrong")}}}
	over, right := caller, caller
	over.Over, over.Problems = true, admin.Problems{{Field: "again", Text: one.T("admin.caller.over")}}
	right.Right, right.Problems = true, nil
	return []sample{
		{"users", http.StatusOK, people},
		{"users-silent", http.StatusOK, admin.UsersPage{Frame: list, Total: 1248, Rows: unheard, Silent: []string{"corp.contoso.test"}}},
		{"users-first", http.StatusOK, admin.UsersPage{Frame: list, Total: 1248, Found: 1248, Rows: rows, Next: "/admin/users?after=p5"}},
		{"users-locked", http.StatusOK, admin.UsersPage{Frame: list, Total: 1248, Found: 1, Account: "locked", Rows: rows[1:2], Unasked: []string{"far.contoso.test"}, Partial: []string{"corp.contoso.test"}}},
		{"users-filtered", http.StatusOK, filtered},
		{"users-none", http.StatusOK, admin.UsersPage{Frame: list, Find: "zz"}},
		{"user", http.StatusOK, person},
		{"user-barred", http.StatusOK, quiet},
		{"help-reset", http.StatusUnprocessableEntity, help},
		{"help-pass", http.StatusOK, pass},
		{"help-register", http.StatusOK, admin.HelpPage{Frame: one, Act: "register", PersonPath: "/admin/users/p2", Name: "Jonas Lindqvist", Mark: "m", CanVerify: true}},
		{"done", http.StatusOK, done},
		{"done-unsure", http.StatusOK, unsure},
		{"done-failed", http.StatusOK, failed},
		{"verify", http.StatusUnprocessableEntity, verify},
		{"verify-none", http.StatusOK, admin.VerifyPage{Frame: one, Name: "Jonas Lindqvist", PersonPath: "/admin/users/p2"}},
		{"caller", http.StatusUnprocessableEntity, caller},
		{"caller-over", http.StatusUnprocessableEntity, over},
		{"caller-right", http.StatusOK, right},
		{"used", http.StatusConflict, admin.MessagePage{Frame: one, Kind: "used"}},
		{"barred", http.StatusForbidden, admin.MessagePage{Frame: one, Kind: "barred", Why: "admin.bar.protected"}},
	}
}
