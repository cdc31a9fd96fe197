package admin

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
)

const (
	syncPath      = "/admin/sync"
	deletionsPath = syncPath + "/deletions"
	decisionsPath = syncPath + "/decisions"
	previewPath   = syncPath + "/preview"

	// casePage is how many decision cards a page has, rowPage how many rows a table.
	casePage = 20
	rowPage  = 50
	// recentRuns is how many runs the page shows.
	recentRuns = 10
)

// Sync is what the pages about sync stand on.
type Sync struct {
	Engine *provision.Engine
	// Preview asks the agent that brings a domain in to read it again for a preview. It returns once the agent has begun.
	Preview func(ctx context.Context, tenantID, operator, domain string) error
}

// syncRoutes are the pages about sync.
func syncRoutes() []route {
	return []route{
		{"GET " + syncPath, operator.ReadSync, (*visit).getSync},
		{"POST " + syncPath + "/now", operator.ChangeSync, (*visit).postSyncNow},
		{"POST " + syncPath + "/decide", operator.ChangeSync, (*visit).postDecide},
		{"POST " + syncPath + "/switch", operator.ChangeSync, (*visit).postSyncSwitch},
		{"GET " + deletionsPath, operator.ReadSync, (*visit).getDeletions},
		{"POST " + deletionsPath, operator.ChangeSync, (*visit).postDeletions},
		{"GET " + decisionsPath, operator.ReadSync, (*visit).getDecisions},
		{"POST " + decisionsPath + "/forget", operator.ChangeSync, (*visit).postForget},
		{"GET " + previewPath, operator.ReadSync, (*visit).getPreview},
		{"POST " + previewPath, operator.ChangeSync, (*visit).postPreview},
		{"GET " + previewPath + "/verdicts.csv", operator.ReadSync, (*visit).getPreviewFile},
	}
}

// CanChangeSync reports whether the operator may decide, let deletions pass and ask for a run.
func (f Frame) CanChangeSync() bool { return f.Operator.Role.May(operator.ChangeSync) }

// CanSeeSync reports whether the operator may see how sync is.
func (f Frame) CanSeeSync() bool { return f.Operator.Role.May(operator.ReadSync) }

// SyncPage says how each domain's sync is, and asks for the decisions that wait: GET /admin/sync.
type SyncPage struct {
	Frame

	Rows     []SyncRow
	Cards    []Card
	Total    int // problems, whatever the page and its filter
	Found    int // problems that the filter chooses
	Reasons  []Choice
	Reason   string
	Only     string // domain that is chosen
	Turn     Pages
	Runs     []RunRow
	Decided  int    // decisions that are remembered
	Done     string // what was just done
	Problems Problems
}

// Template names the page's file.
func (SyncPage) Template() string { return "sync" }

// Title is the page's one h1.
func (p SyncPage) Title() string { return p.T("admin.nav.sync") }

// Crumbs lead to the page.
func (p SyncPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.directory"), ""}, {p.Title(), ""}}
}

// Problem reports whether what was asked for was refused.
func (p SyncPage) Problem() bool { return len(p.Problems) > 0 }

// CanSync reports whether there is a domain whose sync can be asked for.
func (p SyncPage) CanSync() bool {
	return p.CanChangeSync() && slices.ContainsFunc(p.Rows, func(r SyncRow) bool { return r.Known && !r.Staging })
}

// Several reports whether there is more than one domain.
func (p SyncPage) Several() bool { return len(p.Rows) > 1 }

// Here is the page's own address, with its filter, for the forms on it.
func (p SyncPage) Here() string { return syncAddress(p.Only, p.Reason, p.Turn.Number) }

func syncAddress(domain, reason string, page int) string {
	q := url.Values{}
	if domain != "" {
		q.Set("domain", domain)
	}
	if reason != "" {
		q.Set("reason", reason)
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	if len(q) == 0 {
		return syncPath
	}
	return syncPath + "?" + q.Encode()
}

// Pages is where a list of several pages is.
type Pages struct {
	Number, Count int
	Before, After string // addresses; empty: there is no such page
}

// pagesOf turns a list of so many rows into pages. An address past the end is the last page's.
func pagesOf(asked string, total, size int, address func(page int) string) Pages {
	n, err := strconv.Atoi(asked)
	if err != nil || n < 1 {
		n = 1
	}
	p := Pages{Count: max(1, (total+size-1)/size)}
	p.Number = min(n, p.Count)
	if p.Number > 1 {
		p.Before = address(p.Number - 1)
	}
	if p.Number < p.Count {
		p.After = address(p.Number + 1)
	}
	return p
}

// SyncRow is one domain's sync.
type SyncRow struct {
	provision.Status

	Known    bool // some agent has asked for it once
	Sentence string
	Look     string // ok, warn, bad or unknown
	Icon     string
	Last     string // when something was last taken in
	Progress string // of the run under way, or how the last one ended
	Changes  string // what the last run did to people
	Grouped  string // and to groups
	Waiting  int
	Agent    string // path of the agent's page
	Facts    []Fact
	OffAt    string // agents whose own configuration turns it off
}

// Fact is one line of a list of facts.
type Fact struct{ Name, Text string }

// ID names the row's parts on the page.
func (r SyncRow) ID() string {
	id := strings.ReplaceAll(r.Domain, ".", "-")
	if r.Staging {
		id += "-staging"
	}
	return "d-" + id
}

// Share is how much of a full run is done, in percent, as far as can be told; zero: it can't.
func (r SyncRow) Share() int {
	if r.Run == "" || r.LastRun.ID != r.Run || !r.LastRun.Ended.IsZero() || r.People+r.Groups == 0 {
		return 0
	}
	return min(99, 100*r.LastRun.Objects/(r.People+r.Groups))
}

// lateAfter is when changes that wait count as late.
const lateAfter = time.Minute

// syncRows says how each domain is: those that were ever synced, and those that an agent serves without syncing them.
func (v *visit) syncRows() ([]SyncRow, error) {
	states, err := v.Sync.Engine.State(v.ctx(), v.tenant.ID)
	if err != nil {
		return nil, err
	}
	off := v.frame.switchedOff()
	var rows []SyncRow
	known := map[string]bool{}
	for _, s := range states {
		known[s.Domain] = known[s.Domain] || !s.Staging
		row := SyncRow{Status: s, Known: true}
		if !s.Staging && !s.Held {
			row.OffAt = off[s.Domain]
		}
		rows = append(rows, v.frame.syncRow(row))
	}
	for _, domain := range slices.Sorted(maps.Keys(off)) {
		if !known[domain] {
			rows = append(rows, v.frame.syncRow(SyncRow{Status: provision.Status{Lease: provision.Lease{Key: provision.Key{Domain: domain}}}, OffAt: off[domain]}))
		}
	}
	return rows, nil
}

// switchedOff names, for each domain that no agent is configured to sync, the agents that say so.
func (f Frame) switchedOff() map[string]string {
	out := map[string]string{}
	for _, d := range f.Report.Domains {
		if len(d.SyncOff) > 0 {
			out[provision.Fold(d.Name)] = strings.Join(d.SyncOff, ", ")
		}
	}
	return out
}

// syncRow puts a domain's state in words, what matters most first.
func (f Frame) syncRow(r SyncRow) SyncRow {
	r.Waiting = 0
	for _, n := range r.Problems {
		r.Waiting += n
	}
	if r.Holder != "" && f.CanSeeAgents() {
		r.Agent = agentsPath + "/" + r.Holder
	}
	say := func(look, icon, text string) { r.Look, r.Icon, r.Sentence = look, icon, text }
	switch {
	case r.OffAt != "":
		say("unknown", "minus", f.T("admin.sync.off_at", "Agent", r.OffAt))
	case r.Off:
		say("warn", "minus", f.T("admin.sync.off"))
	case r.Stopped:
		say("bad", "warning", f.T("admin.sync.stopped", "N", r.Pending.Missing+r.PendingGroups.Missing))
	case r.Staging && r.Run != "" && r.Held:
		say("ok", "refresh", f.T("admin.sync.staging.going"))
	case r.Staging && r.Run != "":
		say("warn", "warning", f.T("admin.sync.staging.broken"))
	case r.Staging:
		say("ok", "check", f.T("admin.sync.staging.done"))
	case !r.Held:
		say("bad", "cross", f.T("admin.sync.unheld"))
	case r.Detail != "":
		say("warn", "warning", f.T("admin.sync.stuck", "Detail", r.Detail))
	case r.Run != "":
		say("ok", "refresh", f.T("admin.sync.going"))
	case r.Full:
		say("ok", "clock", f.T("admin.sync.asked"))
	case r.Lag > lateAfter:
		say("warn", "clock", f.T("admin.sync.late", "Time", f.Second(r.Lagging)))
	case r.Waiting > 0:
		say("ok", "check", f.T("admin.sync.fresh.but"))
	default:
		say("ok", "check", f.T("admin.sync.fresh"))
	}
	r.Last, r.Progress = f.Second(r.Applied), f.progress(r)
	r.Changes, r.Grouped = f.changes(r.LastRun), f.T("admin.sync.same")
	if n := r.LastRun.Counts.Groups; n > 0 {
		r.Grouped = f.T("admin.sync.groups.changed", "Count", f.Number(n))
	}
	r.Facts = f.syncFacts(r)
	return r
}

// progress is how far the run under way is, or how the last one ended.
func (f Frame) progress(r SyncRow) string {
	run := r.LastRun
	switch {
	case run.ID == "":
		return f.T("admin.sync.none_yet")
	case run.Ended.IsZero() && r.Run != "":
		if all := r.People + r.Groups; all > 0 && !r.Staging {
			return f.T("admin.sync.read.of", "Count", f.Number(run.Objects), "Total", f.Number(all))
		}
		return f.T("admin.sync.read", "Count", f.Number(run.Objects))
	case run.Ended.IsZero():
		return f.outcome(run.Status)
	}
	return f.T("admin.sync.took", "Outcome", f.outcome(run.Status), "Took", f.span(run.Ended.Sub(run.Started)))
}

// span writes a length of time shortly.
func (f Frame) span(d time.Duration) string {
	if d < time.Minute {
		return f.took(max(d.Microseconds(), 1))
	}
	return d.Round(time.Second).String()
}

func (f Frame) changes(r provision.Run) string {
	if r.Added+r.Updated+r.Deleted+r.Joined == 0 {
		return f.T("admin.sync.same")
	}
	return f.T("admin.sync.changes", "Added", f.Number(r.Added), "Changed", f.Number(r.Updated), "Deleted", f.Number(r.Deleted))
}

// outcome is how a run ended, in words.
func (f Frame) outcome(status string) string {
	if id := runWord(status); id != "" {
		return f.T(id)
	}
	return status
}

func (f Frame) syncFacts(r SyncRow) []Fact {
	if !r.Known {
		return nil
	}
	mode := f.T("admin.sync.mode.active")
	if r.Staging {
		mode = f.T("admin.sync.mode.staging")
	}
	facts := []Fact{{f.T("admin.sync.mode"), mode}}
	switch r.Mode {
	case protocol.SyncByDirSync:
		facts = append(facts, Fact{f.T("admin.sync.reads"), f.T("admin.sync.reads.dirsync")})
	case protocol.SyncByUSN:
		facts = append(facts, Fact{f.T("admin.sync.reads"), f.T("admin.sync.reads.usn")})
	}
	lag := f.T("admin.sync.lag.none")
	if r.Lag > 0 {
		lag = f.T("admin.sync.lag.since", "Time", f.Second(r.Lagging))
	}
	facts = append(facts, Fact{f.T("admin.sync.newest"), f.Second(r.Newest)}, Fact{f.T("admin.sync.changed"), f.Second(r.Changed)}, Fact{f.T("admin.sync.lag"), lag})
	if r.Unanchored > 0 {
		facts = append(facts, Fact{f.T("admin.sync.unanchored"), f.Number(r.Unanchored)})
	}
	return facts
}

// RunRow is one run of the history.
type RunRow struct {
	provision.Run

	Time, Kind, Outcome, Took string
	Look, Icon, Word          string
}

func (f Frame) runRow(r provision.Run) RunRow {
	row := RunRow{Run: r, Time: f.Second(r.Started), Kind: f.T("admin.sync.run.changes"), Word: f.outcome(r.Status), Took: "–"}
	switch {
	case r.Staging:
		row.Kind = f.T("admin.sync.run.preview")
	case r.Full:
		row.Kind = f.T("admin.sync.run.full")
	}
	row.Look, row.Icon = runLook(r.Status)
	if !r.Ended.IsZero() {
		row.Took = f.span(r.Ended.Sub(r.Started))
	}
	return row
}

func runLook(status string) (look, icon string) {
	switch status {
	case provision.RunDone:
		return "ok", "check"
	case provision.RunProblems, provision.RunSuperseded:
		return "warn", "warning"
	case provision.RunStopped:
		return "bad", "cross"
	}
	return "unknown", "clock"
}

// syncPage gathers what the page shows.
func (v *visit) syncPage(q url.Values) (SyncPage, error) {
	p := SyncPage{Frame: v.frame, Reason: q.Get("reason"), Only: strings.ToLower(strings.TrimSpace(q.Get("domain")))}
	var err error
	if p.Rows, err = v.syncRows(); err != nil {
		return p, err
	}
	counts := map[protocol.Reason]int{}
	for _, r := range p.Rows {
		for reason, n := range r.Problems {
			p.Total += n
			if p.Only == "" || p.Only == r.Domain {
				counts[reason] += n
			}
		}
	}
	p.Reasons = p.reasons(counts)
	if p.Found = counts[protocol.Reason(p.Reason)]; p.Reason == "" {
		for _, n := range counts {
			p.Found += n
		}
	}
	p.Turn = pagesOf(q.Get("page"), p.Found, casePage, func(n int) string { return syncAddress(p.Only, p.Reason, n) })
	cases, err := v.Sync.Engine.Cases(v.ctx(), v.tenant.ID, provision.ProblemQuery{
		Domain: p.Only, Reason: protocol.Reason(p.Reason), Skip: (p.Turn.Number - 1) * casePage, Limit: casePage,
	})
	if err != nil {
		return p, err
	}
	for i, c := range cases {
		p.Cards = append(p.Cards, p.card(i, c))
	}
	if _, p.Decided, err = v.Sync.Engine.Decided(v.ctx(), v.tenant.ID, 0, 1); err != nil {
		return p, err
	}
	runs, err := v.Sync.Engine.Runs(v.ctx(), v.tenant.ID, p.Only, recentRuns)
	for _, r := range runs {
		p.Runs = append(p.Runs, p.runRow(r))
	}
	return p, err
}

// reasons are what the cards can be filtered by: only those there are.
func (p SyncPage) reasons(counts map[protocol.Reason]int) []Choice {
	out := []Choice{{"", p.T("admin.audit.all"), p.Reason == ""}}
	for reason, n := range counts {
		out = append(out, Choice{string(reason), p.caseName(reason) + " (" + p.Number(n) + ")", p.Reason == string(reason)})
	}
	slices.SortFunc(out[1:], func(a, b Choice) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (v *visit) getSync() error {
	p, err := v.syncPage(v.r.URL.Query())
	if err != nil {
		return err
	}
	p.Done = v.frame.done(v.r.URL.Query().Get("done"))
	return v.render(http.StatusOK, p)
}

// done says what was just done; nothing for what an address can't say.
func (f Frame) done(what string) string {
	if id := doneWord(what); id != "" {
		return f.T(id)
	}
	return ""
}
