package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
)

// maxNamed is how many of those who wait to be deleted are named.
const maxNamed = 100

// refusal is what an operator is told of something that the engine refuses; nothing for an error of ours.
func (f Frame) refusal(err error) (string, bool) {
	no, ok := errors.AsType[*provision.Error](err)
	if !ok {
		return "", false
	}
	id := refusalWord(no.Why)
	if id == "" { // only a form that nobody was shown asks for such a thing
		id = refusalWord(provision.RefusedCase)
	}
	says := ""
	if word := wordsOfCase(no.Case).says; word != "" {
		says = f.T(word, "Attribute", "")
	}
	return strings.TrimSpace(f.T(id, "Who", no.Who, "Value", no.Value, "Case", says)), true
}

// refusalWord is why the engine refuses something.
func refusalWord(r provision.Refusal) string {
	return map[provision.Refusal]string{
		provision.RefusedGone:       "admin.sync.refused.gone",
		provision.RefusedDirectory:  "admin.sync.refused.directory",
		provision.RefusedJoined:     "admin.sync.refused.joined",
		provision.RefusedRole:       "admin.sync.refused.role",
		provision.RefusedNoMail:     "admin.sync.refused.no_mail",
		provision.RefusedUnverified: "admin.sync.refused.unverified",
		provision.RefusedSignsIn:    "admin.sync.refused.signs_in",
		provision.RefusedCloud:      "admin.sync.refused.cloud",
		provision.RefusedLink:       "admin.sync.refused.link",
		provision.RefusedCase:       "admin.sync.refused.case",
		provision.RefusedDomain:     "admin.sync.refused.domain",
	}[r]
}

// syncAnswer shows the sync page with why something was refused, or goes back to it.
func (v *visit) syncAnswer(err error, done string) error {
	back := v.r.PostForm
	message, refused := v.frame.refusal(err)
	switch {
	case errors.Is(err, provision.ErrNoObject):
		message = v.frame.T("admin.sync.gone")
	case err != nil && !refused:
		return err
	case err == nil:
		page, _ := strconv.Atoi(back.Get("page"))
		to, parseErr := url.Parse(syncAddress(back.Get("only"), back.Get("filter"), page))
		if parseErr != nil {
			return parseErr
		}
		q := to.Query()
		q.Set("done", done)
		to.RawQuery = q.Encode()
		return v.seeOther(to.String())
	}
	v.frame.Path, v.frame.Poll = syncPath, ""
	p, err := v.syncPage(url.Values{"domain": {back.Get("only")}, "reason": {back.Get("filter")}, "page": {back.Get("page")}})
	if err != nil {
		return err
	}
	p.Problems = Problems{{Field: "decisions", Text: message}}
	return v.render(http.StatusUnprocessableEntity, p)
}

func (v *visit) postSyncNow() error {
	if err := v.form(); err != nil {
		return err
	}
	return v.syncAnswer(v.Sync.Engine.WantFull(v.ctx(), v.tenant.ID, v.r.PostForm.Get("domain"), v.by.Name), "now")
}

func (v *visit) postSyncSwitch() error {
	if err := v.form(); err != nil {
		return err
	}
	off := v.r.PostForm.Get("to") != "on"
	return v.syncAnswer(v.Sync.Engine.SetOff(v.ctx(), v.tenant.ID, v.r.PostForm.Get("domain"), v.by.Name, off), "switch_"+onOff(!off))
}

// postDecide carries one card's decision out.
func (v *visit) postDecide() error {
	if err := v.form(); err != nil {
		return err
	}
	f := v.r.PostForm
	about := provision.About{Object: f.Get("object"), Domain: f.Get("domain"), Reason: protocol.Reason(f.Get("reason")), Value: f.Get("value")}
	return v.syncAnswer(v.Sync.Engine.DecideAbout(v.ctx(), v.tenant.ID, v.by.Name, about, provision.Choice(f.Get("choice"))), "decided")
}

// DeletionsPage says what the deletion guard holds back, and asks what is to become of it: GET and POST /admin/sync/deletions.
type DeletionsPage struct {
	Frame

	Row      SyncRow
	People   []DeletionRow
	Total    int
	Problems Problems
}

// DeletionRow is one who waits to be deleted.
type DeletionRow struct{ Name, Account, Unit string }

// Template names the page's file.
func (DeletionsPage) Template() string { return "deletions" }

// Title is the page's one h1.
func (p DeletionsPage) Title() string { return p.T("admin.deletions.title", "Domain", p.Row.Domain) }

// Crumbs lead to the page.
func (p DeletionsPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.directory"), ""}, {p.T("admin.nav.sync"), syncPath}, {p.T("admin.deletions.crumb"), ""}}
}

// Problem reports whether what was asked for was refused.
func (p DeletionsPage) Problem() bool { return len(p.Problems) > 0 }

// More is how many aren't named.
func (p DeletionsPage) More() int { return p.Row.Pending.Missing - len(p.People) }

// deletionsPage finds the domain, which has to be one that the tenant syncs.
func (v *visit) deletionsPage(domain string) (DeletionsPage, error) {
	p := DeletionsPage{Frame: v.frame}
	rows, err := v.syncRows()
	if err != nil {
		return p, err
	}
	for _, r := range rows {
		if !r.Known || r.Staging || !strings.EqualFold(r.Domain, domain) {
			continue
		}
		p.Row, p.Total = r, r.Pending.Missing+r.PendingGroups.Missing
		people, err := v.Sync.Engine.Pending(v.ctx(), v.tenant.ID, r.Domain, maxNamed)
		for _, one := range people {
			p.People = append(p.People, DeletionRow{Name: one.DisplayName, Account: one.Name(), Unit: unitOf(one.DN)})
		}
		return p, err
	}
	return p, errNoPage
}

func (v *visit) getDeletions() error {
	p, err := v.deletionsPage(v.r.URL.Query().Get("domain"))
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// postDeletions lets them pass or keeps them. What was looked at is part of the form: more than that passes only after
// another look.
func (v *visit) postDeletions() error {
	if err := v.form(); err != nil {
		return err
	}
	f := v.r.PostForm
	v.frame.Path, v.frame.Poll = deletionsPath, ""
	p, err := v.deletionsPage(f.Get("domain"))
	if err != nil {
		return err
	}
	done := "kept"
	switch seen, bad := strconv.Atoi(f.Get("seen")); f.Get("what") {
	case "keep":
		_, err = v.Sync.Engine.KeepDeletions(v.ctx(), v.tenant.ID, p.Row.Domain, v.by.Name)
	case "allow":
		if bad != nil || p.Total > seen {
			p.Problems = Problems{{Field: "list", Text: p.T("admin.deletions.grown", "Count", p.Number(p.Total))}}
			return v.render(http.StatusConflict, p)
		}
		done = "allowed"
		_, err = v.Sync.Engine.AllowDeletions(v.ctx(), v.tenant.ID, p.Row.Domain, v.by.Name)
	default:
		return v.render(http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		return err
	}
	return v.seeOther(syncPath + "?done=" + done)
}

// DecisionsPage lists what was decided and lets it be taken back: GET /admin/sync/decisions.
type DecisionsPage struct {
	Frame

	Rows []DecisionRow
	Turn Pages
	Done string
}

// DecisionRow is one decision.
type DecisionRow struct {
	provision.Decided

	Time, What, About string
}

// Template names the page's file.
func (DecisionsPage) Template() string { return "decisions" }

// Title is the page's one h1.
func (p DecisionsPage) Title() string { return p.T("admin.decisions.title") }

// Crumbs lead to the page.
func (p DecisionsPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.directory"), ""}, {p.T("admin.nav.sync"), syncPath}, {p.Title(), ""}}
}

func (v *visit) getDecisions() error {
	p := DecisionsPage{Frame: v.frame, Done: v.frame.done(v.r.URL.Query().Get("done"))}
	_, total, err := v.Sync.Engine.Decided(v.ctx(), v.tenant.ID, 0, 1)
	if err != nil {
		return err
	}
	p.Turn = pagesOf(v.r.URL.Query().Get("page"), total, rowPage, func(n int) string { return decisionsPath + "?page=" + strconv.Itoa(n) })
	list, _, err := v.Sync.Engine.Decided(v.ctx(), v.tenant.ID, (p.Turn.Number-1)*rowPage, rowPage)
	if err != nil {
		return err
	}
	for _, d := range list {
		row := DecisionRow{Decided: d, Time: p.Second(d.At), What: p.T("admin.code", "Code", string(d.Choice)), About: joined(d.OtherName, d.Value)}
		if id := choiceWord(d.Choice); id != "" {
			row.What = p.T(id)
		}
		if row.Name == "" {
			row.Name = shortID(d.Object)
		}
		p.Rows = append(p.Rows, row)
	}
	return v.render(http.StatusOK, p)
}

// postForget takes back what was decided about an object.
func (v *visit) postForget() error {
	if err := v.form(); err != nil {
		return err
	}
	err := v.Sync.Engine.Forget(v.ctx(), v.tenant.ID, v.by.Name, v.r.PostForm.Get("object"))
	if _, refused := v.frame.refusal(err); refused {
		return errNoPage // no object has such an id
	}
	if err != nil {
		return err
	}
	return v.seeOther(decisionsPath + "?done=forgotten")
}
