package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/provision"
)

// PreviewPage lists what a sync would do: GET and POST /admin/sync/preview.
type PreviewPage struct {
	Frame

	Served   []Choice // domains to choose from
	Domain   string
	Group    string // of verdicts; empty: all
	Groups   []GroupCount
	State    SyncRow // of the staging run; not Known: there is no preview yet
	Rows     []VerdictRow
	Turn     Pages
	Total    int
	Done     string
	Problems Problems
}

// GroupCount is one kind of verdict and how many have it.
type GroupCount struct {
	Name, Path string
	Count      string
	Here       bool
}

// VerdictRow is one object.
type VerdictRow struct {
	provision.Preview

	Look, Icon, Word string
	With, Why        string
}

// Template names the page's file.
func (PreviewPage) Template() string { return "preview" }

// Title is the page's one h1.
func (p PreviewPage) Title() string { return p.T("admin.preview.title") }

// Crumbs lead to the page.
func (p PreviewPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.directory"), ""}, {p.T("admin.nav.sync"), syncPath}, {p.Title(), ""}}
}

// Problem reports whether what was asked for was refused.
func (p PreviewPage) Problem() bool { return len(p.Problems) > 0 }

// Going reports whether a preview is being made.
func (p PreviewPage) Going() bool { return p.State.Known && p.State.Run != "" && p.State.Held }

// File is the address of the list as a file.
func (p PreviewPage) File() string { return previewPath + "/verdicts.csv?" + p.query(1).Encode() }

func (p PreviewPage) query(page int) url.Values {
	q := url.Values{"domain": {p.Domain}}
	if p.Group != "" {
		q.Set("what", p.Group)
	}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	return q
}

func (p PreviewPage) address(page int) string { return previewPath + "?" + p.query(page).Encode() }

// verdictGroups are the kinds of verdicts that the page tells apart, in its order.
func verdictGroups() []string {
	return []string{"join", "create", "update", "conflict", "skip", "unchanged"}
}

// verdictsOf are the verdicts of one kind.
func verdictsOf(group string) []provision.Verdict {
	return map[string][]provision.Verdict{
		"join":      {provision.WouldJoinHard, provision.WouldJoinSoft, provision.WouldLink},
		"create":    {provision.WouldCreate, provision.WouldRestore},
		"update":    {provision.WouldUpdate},
		"conflict":  {provision.WouldConflict},
		"skip":      {provision.WouldSkip},
		"unchanged": {provision.WouldLeave},
	}[group]
}

// previewPage chooses the domain and gathers its verdicts.
func (v *visit) previewPage(q url.Values) (PreviewPage, error) {
	p := PreviewPage{Frame: v.frame, Group: q.Get("what"), Domain: strings.ToLower(strings.TrimSpace(q.Get("domain")))}
	if verdictsOf(p.Group) == nil {
		p.Group = ""
	}
	rows, err := v.syncRows()
	if err != nil {
		return p, err
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if p.Domain == "" || !seen[p.Domain] && !hasDomain(rows, p.Domain) {
			p.Domain = r.Domain
		}
		if r.Staging && r.Domain == p.Domain {
			p.State = r
		}
		if !seen[r.Domain] {
			seen[r.Domain] = true
			p.Served = append(p.Served, Choice{r.Domain, r.Domain, r.Domain == p.Domain})
		}
	}
	if !p.State.Known {
		return p, nil
	}
	counts, err := v.Sync.Engine.PreviewCounts(v.ctx(), v.tenant.ID, p.Domain)
	if err != nil {
		return p, err
	}
	p.count(counts)
	p.Turn = pagesOf(q.Get("page"), p.Total, rowPage, p.address)
	list, err := v.Sync.Engine.PreviewPage(v.ctx(), v.tenant.ID, p.Domain, provision.PreviewQuery{
		Verdicts: verdictsOf(p.Group), Skip: (p.Turn.Number - 1) * rowPage, Limit: rowPage,
	})
	for _, one := range list {
		p.Rows = append(p.Rows, p.verdictRow(one))
	}
	return p, err
}

func hasDomain(rows []SyncRow, domain string) bool {
	for _, r := range rows {
		if r.Domain == domain {
			return true
		}
	}
	return false
}

// count fills in how many there are of each kind, and of the one that is chosen.
func (p *PreviewPage) count(counts map[provision.Verdict]int) {
	all, chosen := 0, p.Group
	var groups []GroupCount
	for _, g := range verdictGroups() {
		n := 0
		for _, verdict := range verdictsOf(g) {
			n += counts[verdict]
		}
		all += n
		p.Group = g
		groups = append(groups, GroupCount{Name: p.T(groupWord(g)), Path: p.address(1), Count: p.Number(n), Here: g == chosen})
		if g == chosen {
			p.Total = n
		}
	}
	p.Group = ""
	p.Groups = append([]GroupCount{{Name: p.T("admin.audit.all"), Path: p.address(1), Count: p.Number(all), Here: chosen == ""}}, groups...)
	if p.Group = chosen; chosen == "" {
		p.Total = all
	}
}

func (f Frame) verdictRow(one provision.Preview) VerdictRow {
	row := VerdictRow{Preview: one, Word: f.verdict(one.Verdict), With: one.OtherName, Why: f.why(one.Reason)}
	switch one.Verdict {
	case provision.WouldConflict:
		row.Look, row.Icon = "bad", "warning"
	case provision.WouldSkip:
		row.Look, row.Icon = "warn", "minus"
	case provision.WouldLeave:
		row.Look, row.Icon = "unknown", "check"
	case provision.WouldCreate, provision.WouldRestore:
		row.Look, row.Icon = "ok", "plus"
	default:
		row.Look, row.Icon = "ok", "link"
	}
	return row
}

func (f Frame) verdict(v provision.Verdict) string {
	if id := verdictWord(v); id != "" {
		return f.T(id)
	}
	return f.T("admin.code", "Code", string(v))
}

// why is what a verdict's reason means, and what to do.
func (f Frame) why(r protocol.Reason) string {
	if r == protocol.ReasonNone {
		return ""
	}
	if w := wordsOfCase(r); w.says != "" {
		return f.T(w.says, "Attribute", "")
	}
	return f.T("admin.code", "Code", string(r))
}

func (v *visit) getPreview() error {
	p, err := v.previewPage(v.r.URL.Query())
	if err != nil {
		return err
	}
	p.Done = v.frame.done(v.r.URL.Query().Get("done"))
	return v.render(http.StatusOK, p)
}

// postPreview has the domain's agent read it again.
func (v *visit) postPreview() error {
	if err := v.form(); err != nil {
		return err
	}
	domain := v.r.PostForm.Get("domain")
	err := v.Sync.Preview(v.ctx(), v.tenant.ID, v.by.Name, domain)
	if err == nil {
		return v.seeOther(previewPath + "?" + url.Values{"domain": {domain}, "done": {"preview"}}.Encode())
	}
	v.frame.Path, v.frame.Poll = previewPath, ""
	p, bad := v.previewPage(url.Values{"domain": {domain}})
	if bad != nil {
		return bad
	}
	p.Problems = Problems{{Field: "ask", Text: v.frame.noPreview(err)}}
	v.Log.Info("a preview can't be made", "domain", domain, "error", err)
	return v.render(http.StatusUnprocessableEntity, p)
}

// noPreview says why no agent has begun one.
func (f Frame) noPreview(err error) string {
	switch {
	case errors.Is(err, fleet.ErrNoPreviewer):
		return f.T("admin.preview.nobody")
	case errors.Is(err, fleet.ErrPreviewGoing):
		return f.T("admin.preview.busy")
	}
	return f.T("admin.preview.failed")
}

// fileRows is how many verdicts are read at once for a file.
const fileRows = 1000

// getPreviewFile sends the list as a file, row by row: it may be longer than what a page could hold.
func (v *visit) getPreviewFile() error {
	p, err := v.previewPage(v.r.URL.Query())
	if err != nil {
		return err
	}
	if !p.State.Known {
		return errNoPage
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="preview-`+fileName(p.Domain)+`.csv"`)
	h.Set("Cache-Control", "no-store")
	file, err := newSpreadsheet(v.w, p.T("admin.preview.verdict"), p.T("admin.preview.who"), p.T("admin.preview.upn"), p.T("admin.preview.address"),
		p.T("admin.preview.with"), p.T("admin.preview.reason"), p.T("admin.preview.why"), "objectGUID")
	q := provision.PreviewQuery{Verdicts: verdictsOf(p.Group), Limit: fileRows}
	for err == nil {
		var list []provision.Preview
		if list, err = v.Sync.Engine.PreviewPage(v.ctx(), v.tenant.ID, p.Domain, q); err != nil {
			break
		}
		for _, one := range list {
			q.After = one.Object
			if err = file.row(p.verdict(one.Verdict), one.Name, one.UPN, one.Address, one.OtherName, string(one.Reason), p.why(one.Reason), one.Object); err != nil {
				break
			}
		}
		if err == nil {
			err = file.flush()
		}
		if len(list) < fileRows {
			break
		}
	}
	if err != nil && v.ctx().Err() == nil { // the answer has begun: nothing else can be said in it
		v.Log.Warn("a preview's file couldn't be sent whole", "error", err)
		if file != nil {
			return errors.Join(file.row(p.T("admin.preview.incomplete")), file.flush())
		}
	}
	return nil
}

// fileName is a domain's name as part of a file's.
func fileName(domain string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, domain)
}
