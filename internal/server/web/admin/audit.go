package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
)

// pageSize is how many entries a page of the audit log has.
const pageSize = 50

// AuditPage is the log with its filters: GET /admin/audit. Its form is a plain GET, so an address is a search.
type AuditPage struct {
	Frame

	Who, When, Activity, Result, Agent string

	Agents       []Choice
	Rows         []Entry
	Older, Newer string // addresses; empty: there is no such page
	Passed       int    // entries on newer pages; more than mostCounted: they weren't counted further
	Fit, All     int    // entries that fit the filter, of those of its time; more than mostCounted: they weren't counted further
}

// mostCounted is how far entries are counted: a log has millions, and nobody needs to know how many.
const mostCounted = 1000

// Beside are the pages on both sides.
func (p AuditPage) Beside() Beside {
	return Beside{p.Newer, p.Older, p.T("admin.audit.newer"), p.T("admin.audit.older")}
}

// Template names the page's file.
func (AuditPage) Template() string { return "audit" }

// Title is the page's one h1.
func (p AuditPage) Title() string { return p.T("admin.nav.audit") }

// Crumbs lead to the page.
func (p AuditPage) Crumbs() []Crumb { return []Crumb{{p.Title(), ""}} }

// Filtered reports whether anything is filtered.
func (p AuditPage) Filtered() bool {
	return p.Who != "" || p.When != "" || p.Activity != "" || p.Result != "" || p.Agent != ""
}

// counted is a number of entries, as far as they were counted.
func (p AuditPage) counted(n int) string {
	if n > mostCounted {
		return p.T("admin.audit.count.many", "N", p.Number(mostCounted))
	}
	return p.Number(n)
}

// Place says which entries of all that fit are shown; empty: it wasn't counted.
func (p AuditPage) Place() string {
	return p.place(p.Passed, len(p.Rows), p.counted(max(p.Fit, p.Passed+len(p.Rows))), p.Passed <= mostCounted)
}

// Counted says how many entries fit.
func (p AuditPage) Counted() string {
	number := p.counted
	if !p.narrows() {
		return p.T("admin.audit.count.all", "All", number(p.All))
	}
	return p.T("admin.audit.count", "N", number(p.Fit), "All", number(p.All))
}

// narrows reports whether the filter leaves out entries of its time.
func (p AuditPage) narrows() bool {
	return p.Who != "" || p.Activity != "" || p.Result != "" || p.Agent != ""
}

// Choice is one entry of a select.
type Choice struct {
	Value, Name string
	Chosen      bool
}

// Whens are the spans of time.
func (p AuditPage) Whens() []Choice {
	var out []Choice
	for _, w := range []string{"", "hour", "today", "week", "month"} {
		out = append(out, Choice{w, p.T(spanWord(orAll(w))), w == p.When})
	}
	return out
}

// Activities are those there are. An address has the name that is stored, in every language.
func (p AuditPage) Activities() []Choice {
	out := []Choice{{"", p.T("admin.audit.all"), p.Activity == ""}}
	for _, a := range activities() {
		if !p.Licences && a != p.Activity && strings.Contains(a, "licence") {
			continue // nothing mentions them where none are needed
		}
		out = append(out, Choice{a, p.activity(a), a == p.Activity})
	}
	return out
}

// Results are what an entry can come to.
func (p AuditPage) Results() []Choice {
	out := []Choice{{"", p.T("admin.audit.all"), p.Result == ""}}
	for _, r := range audit.Results() {
		out = append(out, Choice{r, p.T(resultWord(r)), r == p.Result})
	}
	return append(out, Choice{needsLook, p.T("admin.audit.needs_look"), p.Result == needsLook})
}

// needsLook is the choice of those somebody should look at.
const needsLook = "failed,refused"

func orAll(s string) string {
	if s == "" {
		return "all"
	}
	return s
}

// activities lists what is recorded, all of it: whatever the log holds, it can be filtered by.
func activities() []string {
	return []string{
		"Reset password (self-service)", "Change password (self-service)", "Unlock user account (self-service)",
		"Reset password (by admin)", "Change password (by admin)", "Unlock user account (by admin)", "Look up user account (by admin)",
		"Verify caller (by admin)", "Issue helpdesk pass", "Help somebody", "Require to register again", "Change administrator scope",
		"Sign in to security info", "User registered security info", "User updated security info", "User deleted security info", "User reviewed security info",
		"Admin registered security info", "Import security info",
		"Remind of password expiry", "Remind to register", "Send test message", "Report a change as not one's own", "Stop self-service", "Release self-service",
		"Test write", "Test write (by admin)", "Schedule test writes", "Change setting", "Self-service password reset policy changes",
		"Choose who may reset", "Change the list of banned words", "Change sync rules",
		"Add licence", "Remove licence", "Change licence seats", "Assign licence", "Remove licence from holder",
		"Make enrolment code", "Approve machine", "Refuse machine", "Register agent", "Agent connection", "Serve domain", "Drain agent", "Resume agent", "Revoke agent", "Accept moved agent",
		"Replace sealing key", "Replace sealing key (by admin)", "Replace command key", "Check agent",
		"Sync now", "Turn sync off", "Turn sync on", "Decide sync conflict", "Forget sync decision", "Allow deletions", "Keep deletions", "Preview sync", "Join account",
		"Add user", "Delete user", "Import users", "Check cloud password (by admin)", "Add member to role", "Remove member from role",
		"Add domain", "Verify domain", "Remove domain",
		"Sign in (administrator)", "Sign out (administrator)", "Set up administrator", "Invite administrator", "Reset administrator sign-in", "Disable administrator",
		"Change administrator role", "Confirm (administrator)",
		"Add authenticator app (administrator)", "Remove authenticator app (administrator)", "New recovery codes (administrator)",
		"Add passkey (administrator)", "Remove passkey (administrator)", "Make administrator from a group",
		"Link provider account (administrator)", "Unlink provider account (administrator)", "Change sign-in of administrators",
		"Export audit log", "Download list of people", "Alert",
	}
}

// Entry is one line of the log.
type Entry struct {
	audit.Record

	Path               string
	What               string // the activity
	Time, Who, Through string
	Look, Icon         string
	Word, Why          string
	Name               string // of the event, where it says more than the result
	Took               string
}

func (v *visit) getAudit() error {
	q := v.r.URL.Query()
	p, search, err := v.asked()
	if err != nil {
		return err
	}
	search.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64) // nonsense is no number: the first page
	search.After, _ = strconv.ParseInt(q.Get("after"), 10, 64)
	search.Limit = pageSize + 1
	found, err := v.Records.SearchAudit(v.ctx(), v.tenant.ID, search)
	if err != nil {
		return err
	}
	back := search.After > 0 && search.Before == 0
	more := len(found) > pageSize
	if more && back {
		found = found[1:]
	} else if more {
		found = found[:pageSize]
	}
	if len(found) > 0 {
		if more || back {
			p.Older = p.turned("before", found[len(found)-1].Seq)
		}
		if back && more || search.Before > 0 {
			p.Newer = p.turned("after", found[0].Seq)
		}
	}
	first := search.Before == 0 && search.After == 0
	if first && !more {
		p.Fit = len(found) // all of them are on this page: nothing is left to count
	}
	if err := v.count(&p, search, found, first && !more); err != nil {
		return err
	}
	if p.Rows, err = v.entries(found); err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// count counts what a search finds, unless that is known already, what its time holds, and what stands on the pages before.
func (v *visit) count(p *AuditPage, search audit.Query, found []audit.Record, known bool) (err error) {
	if paged := search.Before > 0 || search.After > 0; paged && len(found) > 0 {
		newer := search
		newer.After = found[0].Seq
		if p.Passed, err = v.Records.CountAudit(v.ctx(), v.tenant.ID, newer, mostCounted); err != nil {
			return err
		}
	}
	search.After = 0
	all := audit.Query{From: search.From, To: search.To}
	switch {
	case known && !p.narrows():
		p.All = p.Fit
		return nil
	case p.narrows() && !known:
		if p.Fit, err = v.Records.CountAudit(v.ctx(), v.tenant.ID, search, mostCounted); err != nil {
			return err
		}
	}
	p.All, err = v.Records.CountAudit(v.ctx(), v.tenant.ID, all, mostCounted)
	if !p.narrows() {
		p.Fit = p.All
	}
	return err
}

// asked is the filter of an address, and the query it comes to.
func (v *visit) asked() (AuditPage, audit.Query, error) {
	q := v.r.URL.Query()
	p := AuditPage{
		Frame: v.frame, Who: strings.TrimSpace(q.Get("who")), When: q.Get("when"), Activity: q.Get("activity"), Result: q.Get("result"), Agent: q.Get("agent"),
	}
	agents, err := v.Names.Agents(v.ctx(), v.tenant.ID)
	if err != nil {
		return p, audit.Query{}, err
	}
	p.Agents = []Choice{{"", v.frame.T("admin.audit.any"), p.Agent == ""}}
	for _, a := range agents {
		p.Agents = append(p.Agents, Choice{a.ID, a.Machine, a.ID == p.Agent})
	}
	search, err := v.search(p, agents)
	return p, search, err
}

// filter is the search as a part of an address.
func (p AuditPage) filter() url.Values {
	q := url.Values{}
	for key, value := range map[string]string{"who": p.Who, "when": p.When, "activity": p.Activity, "result": p.Result, "agent": p.Agent} {
		if value != "" {
			q.Set(key, value)
		}
	}
	return q
}

// turned is the address of another page of the same search.
func (p AuditPage) turned(name string, seq int64) string {
	q := p.filter()
	q.Set(name, strconv.FormatInt(seq, 10))
	return auditPath + "?" + q.Encode()
}

// search turns what was typed and chosen into a query.
func (v *visit) search(p AuditPage, agents []enrol.Agent) (audit.Query, error) {
	q := audit.Query{Activity: p.Activity, Agent: p.Agent}
	if p.Result == needsLook {
		q.Results = audit.NeedsLook()
	} else if p.Result != "" {
		q.Results = []string{p.Result}
	}
	now := v.Now().In(v.frame.Location)
	switch p.When {
	case "hour":
		q.From = now.Add(-time.Hour)
	case "today":
		q.From = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, v.frame.Location)
	case "week":
		q.From = now.AddDate(0, 0, -7)
	case "month":
		q.From = now.AddDate(0, 0, -30)
	}
	return q, q.Ask(p.Who, func() ([]string, error) {
		people, err := v.Names.FindPeople(v.ctx(), v.tenant.ID, p.Who)
		var ids []string
		for _, one := range people {
			ids = append(ids, one.ID)
		}
		for _, a := range agents {
			if strings.EqualFold(a.Machine, p.Who) {
				ids = append(ids, a.ID)
			}
		}
		return ids, err
	})
}

// namer says who an id stands for, each looked up once.
type namer struct {
	v      *visit
	agents map[string]string
	people map[string]string
}

func (v *visit) namer() (*namer, error) {
	n := &namer{v: v, agents: map[string]string{}, people: map[string]string{}}
	all, err := v.Names.Agents(v.ctx(), v.tenant.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		n.agents[a.ID] = a.Machine
	}
	return n, nil
}

// name returns a machine's or a person's name, or the id itself: an operator's name, a domain, somebody who is gone.
func (n *namer) name(id string) string {
	if id == "" {
		return ""
	}
	if machine, ok := n.agents[id]; ok {
		return machine
	}
	if known, ok := n.people[id]; ok {
		return known
	}
	name := id
	if p, err := n.v.Names.Person(n.v.ctx(), n.v.tenant.ID, id); err == nil {
		if name = p.DisplayName; name == "" {
			name = p.UPN
		}
	}
	n.people[id] = name
	return name
}

func (v *visit) entries(found []audit.Record) ([]Entry, error) {
	n, err := v.namer()
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, r := range found {
		out = append(out, v.entry(n, r))
	}
	return out, nil
}

func (v *visit) entry(n *namer, r audit.Record) Entry {
	return v.frame.entry(r, n.name)
}

// entry puts a record in words; name says who an id stands for.
func (f Frame) entry(r audit.Record, name func(id string) string) Entry {
	e := Entry{Record: r, Path: auditPath + "/" + r.Support, What: f.activity(r.Activity), Time: f.Second(r.At), Took: f.took(r.Micros)}
	if r.Support == "" {
		e.Path = auditPath + "/" + strconv.FormatInt(r.Seq, 10)
	}
	e.Who, e.Through = name(r.Target), name(r.Actor)
	if e.Who == e.Through {
		e.Through = ""
	}
	e.Look, e.Icon = look(r)
	e.Word, e.Why = f.result(r.Result), f.reason(r.Reason)
	if e.Why == "" && r.Support != "" && r.Result == "ok" {
		e.Name, _, _ = f.event(r.Event)
	}
	return e
}

// look is how a record's result is drawn.
func look(r audit.Record) (look, icon string) {
	switch r.Result {
	case "ok", "changed":
		return "ok", "check"
	case "refused":
		return "warn", "warning"
	case "failed":
		return "bad", "cross"
	}
	return "unknown", "question"
}
