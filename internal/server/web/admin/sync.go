package admin

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

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
		out = append(out, Choice{string(reason), p.CaseName(reason) + " (" + p.Number(n) + ")", p.Reason == string(reason)})
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
