package admin_test

import (
	"net/http"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/web/admin"
)

func syncState(domain string, staging bool) provision.Status {
	key := provision.Key{Tenant: "contoso", Domain: domain, Staging: staging}
	return provision.Status{
		Lease: provision.Lease{
			Key: key, Holder: "U1", Machine: "SRV-HW01", Mode: protocol.SyncByDirSync, Applied: ago(4 * time.Minute), Changed: ago(9 * time.Minute), Newest: ago(9 * time.Minute),
		},
		Held: true, People: 1248, Groups: 86,
		LastRun: provision.Run{
			Key: key, ID: "r1", Full: true, Started: ago(4*time.Minute + 3400*time.Millisecond), Ended: ago(4 * time.Minute), Status: provision.RunDone,
			Counts: provision.Counts{Added: 2, Updated: 5, Deleted: 1, Objects: 1334},
		},
	}
}

func syncCases() []provision.Case {
	one := func(reason protocol.Reason, value string, holds bool, choices ...provision.Choice) provision.Case {
		return provision.Case{Explained: provision.Explained{
			Problem: provision.Problem{Object: "9d41aa00bb11cc22dd33ee44ff5577c2", Domain: "corp.contoso.test", Reason: reason, Value: value, Name: `CORP\onyman-old`, Holds: holds},
			Choices: choices,
		}}
	}
	duplicate := one(provision.UPNTaken, "oskar.nyman@contoso.com", true, provision.ChooseThis, provision.ChooseThat, provision.ChooseIgnore)
	duplicate.OtherName, duplicate.Suggested = `CORP\onyman`, provision.ChooseThat
	duplicate.This = provision.Party{Name: `CORP\onyman-old`, UPN: "oskar.nyman@contoso.com", DN: "CN=onyman-old,OU=Archive,DC=corp", Disabled: true, Object: duplicate.Object}
	duplicate.That = provision.Party{Person: "p1", Name: `CORP\onyman`, UPN: "oskar.nyman@contoso.com", DN: "CN=onyman,OU=Logistics,DC=corp", Object: "1111aa00bb11cc22dd33ee44ff552222"}
	soft := one(provision.SoftMatchAsk, "", false, provision.ChooseLink, provision.ChooseApart, provision.ChooseIgnore)
	soft.OtherName = "ines.carvalho@contoso.com"
	soft.This = provision.Party{Name: `CORP\icarvalho`, UPN: "ines.carvalho@contoso.com", DN: "CN=i,OU=Sales,DC=corp", Object: soft.Object}
	soft.That = provision.Party{Person: "p2", Name: "ines.carvalho@contoso.com", DisplayName: "Ines Carvalho", UPN: "ines.carvalho@contoso.com", Cloud: true}
	name := one(provision.NoRoutableName, "corp.contoso.test", false, provision.ChooseMail, provision.ChooseIgnore)
	name.Detail, name.This = "praman2@corp.contoso.test", provision.Party{Name: `CORP\praman2`}
	fault := one(protocol.FaultLong, "description", false, provision.ChooseIgnore)
	fault.Attribute, fault.This = "description", provision.Party{Name: `CORP\long`}
	return []provision.Case{duplicate, soft, name, fault}
}

func syncSamples(catalog *locale.Catalog, lang string) []sample {
	f := frame(catalog, lang, "/admin/sync", working())
	f.Waits = provision.Waits{Problems: 3, Reasons: map[protocol.Reason]int{provision.UPNTaken: 3}}
	reader := f
	reader.Operator.Role = operator.ReportsReader
	fresh := syncState("corp.contoso.test", false)
	fresh.Problems = map[protocol.Reason]int{provision.UPNTaken: 3}
	going := syncState("corp.contoso.test", false)
	going.Run, going.LastRun.Ended, going.LastRun.Status, going.LastRun.Objects = "r1", time.Time{}, provision.RunGoing, 400
	stopped := syncState("lab.contoso.test", false)
	stopped.Stopped, stopped.Pending, stopped.PendingGroups = true, provision.PendingCount{Living: 900, Missing: 700, Holders: 1}, provision.PendingCount{Living: 20, Missing: 3}
	staged := syncState("corp.contoso.test", true)
	row := func(s provision.Status, offAt string) admin.SyncRow {
		return f.SyncRow(admin.SyncRow{Status: s, Known: s.Mode != "", OffAt: offAt})
	}
	off := row(provision.Status{Lease: provision.Lease{Key: provision.Key{Domain: "old.contoso.test"}}}, "SRV-HW02")
	var cards []admin.Card
	for i, c := range syncCases() {
		cards = append(cards, f.Card(i, c))
	}
	runs := []admin.RunRow{f.RunRow(going.LastRun), f.RunRow(fresh.LastRun), f.RunRow(provision.Run{Key: staged.Key, Started: ago(time.Hour), Ended: ago(59 * time.Minute), Status: provision.RunStopped})}
	page := admin.SyncPage{
		Frame: f, Rows: []admin.SyncRow{row(fresh, "")}, Cards: cards, Total: 4, Found: 4, Runs: runs, Decided: 7, Turn: admin.Pages{Number: 2, Count: 250, Before: "/admin/sync", After: "/admin/sync?page=3"},
		Reasons: []admin.Choice{{Value: "", Name: f.T("admin.audit.all"), Chosen: true}, {Value: "upn_taken", Name: f.CaseName(provision.UPNTaken) + " (3)"}, {Value: "soft_match", Name: f.CaseName(provision.SoftMatchAsk) + " (1)"}},
	}
	busy := page
	busy.Rows, busy.Done = []admin.SyncRow{row(going, ""), row(stopped, ""), row(staged, ""), off}, f.T("admin.done.decided")
	refused := page
	refused.Problems = admin.Problems{{Field: "decisions", Text: f.T("admin.sync.gone")}}
	read := page
	read.Frame = reader
	deletions := admin.DeletionsPage{Frame: f, Row: row(stopped, ""), Total: 703, People: []admin.DeletionRow{
		{Name: "Amara Okafor", Account: `LAB\aokafor`, Unit: "OU=Logistics"}, {Account: `LAB\svc-print`, Unit: "OU=Service"},
	}}
	grown := deletions
	grown.Problems = admin.Problems{{Field: "list", Text: f.T("admin.deletions.grown", "Count", "703")}}
	decisions := admin.DecisionsPage{Frame: f, Done: f.T("admin.done.forgotten"), Turn: admin.Pages{Number: 1, Count: 1}, Rows: []admin.DecisionRow{
		{Decided: provision.Decided{Decision: provision.Decision{Object: "o1", Operator: "karin.holm@contoso.com"}, Name: `CORP\icarvalho`}, Time: "14:20:11", What: f.T("admin.choice.link"), About: "ines.carvalho@contoso.com"},
	}}
	verdict := func(v provision.Verdict, reason protocol.Reason, with string) admin.VerdictRow {
		return f.VerdictRow(provision.Preview{Object: "o1", Verdict: v, Reason: reason, Name: `CORP\amara`, UPN: "amara.okafor@contoso.com", Address: "amara@mail.example", Display: "Amara Okafor", OtherName: with})
	}
	preview := admin.PreviewPage{
		Frame: f, Domain: "corp.contoso.test", State: row(staged, ""), Total: 3, Turn: admin.Pages{Number: 1, Count: 2, After: "/admin/sync/preview?page=2"},
		Served: []admin.Choice{{Value: "corp.contoso.test", Name: "corp.contoso.test", Chosen: true}, {Value: "lab.contoso.test", Name: "lab.contoso.test"}},
		Groups: []admin.GroupCount{{Name: f.T("admin.audit.all"), Path: "/admin/sync/preview", Count: "1,248", Here: true}, {Name: f.T("admin.preview.conflict"), Path: "/admin/sync/preview?what=conflict", Count: "3"}},
		Rows: []admin.VerdictRow{
			verdict(provision.WouldJoinSoft, "", "amara.okafor@contoso.com"), verdict(provision.WouldConflict, provision.SoftMatchRole, "karin.holm@contoso.com"),
			verdict(provision.WouldCreate, "", ""), verdict(provision.WouldLeave, "", ""), verdict(provision.WouldSkip, provision.SoftMatchAsk, ""),
		},
	}
	none := admin.PreviewPage{Frame: f, Domain: "corp.contoso.test", Problems: admin.Problems{{Field: "ask", Text: f.T("admin.preview.nobody")}}}
	overview := admin.OverviewPage{Frame: frame(catalog, lang, "/admin", working()), Host: "password.contoso.com", Testable: true, Latest: entries(f)}
	overview.Waits = provision.Waits{Problems: 3, Stopped: []string{"lab.contoso.test"}, Unheld: []string{"old.contoso.test"}}
	empty := admin.SyncPage{Frame: f, Reasons: page.Reasons[:1], Turn: admin.Pages{Number: 1, Count: 1}}
	return []sample{
		{"sync", http.StatusOK, page},
		{"sync-busy", http.StatusOK, busy},
		{"sync-refused", http.StatusUnprocessableEntity, refused},
		{"sync-reader", http.StatusOK, read},
		{"sync-empty", http.StatusOK, empty},
		{"sync-deletions", http.StatusOK, deletions},
		{"sync-deletions-grown", http.StatusConflict, grown},
		{"sync-decisions", http.StatusOK, decisions},
		{"sync-preview", http.StatusOK, preview},
		{"sync-preview-none", http.StatusUnprocessableEntity, none},
		{"overview-sync", http.StatusOK, overview},
	}
}
