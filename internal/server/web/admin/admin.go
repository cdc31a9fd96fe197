// Package admin holds the pages of the admin portal: who may see and do what on them, their typed structs, templates,
// styles and scripts.
//
// Every route stands in one table with the permission it needs, and nothing is served that isn't in it. A page shows what
// is true at the moment it is asked for; it asks again every few seconds and swaps what has changed. Without script a
// reload does the same. The pages decide nothing about agents, people or settings: the services do.
package admin

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"homeward/internal/server/locale"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/status"
	"homeward/internal/server/web"
)

//go:embed parts/*.html pages/*.html static
var files embed.FS

// staticPath is where this package's static files are served.
const staticPath = "/admin/static/"

// Assets returns the admin portal's static files, to be served under /admin/static/.
func Assets() (*web.Assets, error) {
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, fmt.Errorf("admin static files: %w", err)
	}
	common, err := web.Shared()
	if err != nil {
		return nil, fmt.Errorf("shared static files: %w", err)
	}
	return web.NewAssetsAt(staticPath, common, static)
}

// NewEngine returns the engine that renders this package's pages.
func NewEngine(assets *web.Assets, catalog *locale.Catalog) (*web.Engine, error) {
	return web.NewEngine(files, assets, catalog)
}

// Frame is what every page shows around its own part.
type Frame struct {
	locale.Localizer

	TenantName string
	Domains    []string // of the directory
	Version    string   // of this server
	Operator   operator.Operator
	Report     status.Report
	Known      bool // the report could be made
	Waits      provision.Waits
	Licences   bool // the tenant needs them
	Path       string
	Poll       string // where the page asks again whether it is still true; empty: it doesn't
	Languages  []locale.Language
	Theme      string
	Now        time.Time
	Location   *time.Location
}

// Bare reports whether the page stands without navigation: nobody has signed in.
func (f Frame) Bare() bool { return f.Operator.ID == "" }

// Problem reports whether the page carries an error.
func (Frame) Problem() bool { return false }

// Crumbs lead to the page; the last one is the page itself.
func (Frame) Crumbs() []Crumb { return nil }

// Crumb is one step of the way to a page.
type Crumb struct{ Name, Path string }

// Scripts lists the static files a page runs.
func (Frame) Scripts() []string { return []string{"admin.js"} }

// Sheets are style sheets of a page's own, beside the portal's.
func (Frame) Sheets() []string { return nil }

// CanRun reports whether the operator may run a test write.
func (f Frame) CanRun() bool { return f.Operator.Role.May(operator.TestWrite) }

// CanTurn reports whether the operator may turn writeback and unlocking on and off.
func (f Frame) CanTurn() bool { return f.Operator.Role.May(operator.ChangeIntegration) }

// CanChangeAgents reports whether the operator may add, drain and cut off agents.
func (f Frame) CanChangeAgents() bool { return f.Operator.Role.May(operator.ChangeAgents) }

// CanSeeAgents reports whether the operator may see agents.
func (f Frame) CanSeeAgents() bool { return f.Operator.Role.May(operator.ReadAgents) }

// CanSeeSettings reports whether the operator may see the settings of password reset.
func (f Frame) CanSeeSettings() bool { return f.Operator.Role.May(operator.ReadSettings) }

// CanSeeAudit reports whether the operator may read the audit log.
func (f Frame) CanSeeAudit() bool { return f.Operator.Role.May(operator.ReadAudit) }

// Initials are the letters in the round picture.
func (f Frame) Initials() string {
	local, _, _ := strings.Cut(f.Operator.Name, "@")
	words := strings.FieldsFunc(local, func(r rune) bool { return strings.ContainsRune(".-_+", r) })
	var out strings.Builder
	for _, word := range words[:min(len(words), 2)] {
		r, _ := utf8.DecodeRuneInString(word)
		out.WriteString(strings.ToUpper(string(r)))
	}
	return out.String()
}

// LanguageName returns the present language in its own words.
func (f Frame) LanguageName() string {
	for _, l := range f.Languages {
		if l.Tag == f.Lang() {
			return l.Name
		}
	}
	return f.Lang()
}

// Group is one part of the side navigation.
type Group struct {
	Name  string
	Items []Item
}

// Item is one entry of the side navigation.
type Item struct {
	Name, Path, Icon string
	Here             bool
	Count            string // of what waits there; empty: nothing does
}

// Nav lists what the operator may open, and only what there is.
func (f Frame) Nav() []Group {
	groups := []Group{
		{Items: []Item{
			f.item(operator.ReadOverview, f.T("admin.nav.overview"), overviewPath, "home"),
			f.item(operator.ReadUsers, f.T("admin.nav.users"), usersPath, "people"),
			f.item(operator.ReadAudit, f.T("admin.nav.audit"), auditPath, "list"),
			f.item(operator.ReadReports, f.T("admin.nav.reports"), reportsPath, "chart"),
		}},
		{Name: f.T("admin.nav.reset"), Items: append(f.settingsItems(), f.item(operator.ReadIntegration, f.T("admin.nav.onprem"), onpremPath, "link"))},
		{Name: f.T("admin.nav.directory"), Items: []Item{
			f.item(operator.ReadAgents, f.T("admin.nav.agents"), agentsPath, "agent"),
			f.waiting(f.item(operator.ReadSync, f.T("admin.nav.sync"), syncPath, "refresh")),
			f.item(operator.ReadOverview, f.T("admin.nav.setup"), setupPath, "flag"),
		}},
		{Name: f.T("admin.nav.administration"), Items: f.administrationItems()},
	}
	var out []Group
	for _, g := range groups {
		kept := Group{Name: g.Name}
		for _, i := range g.Items {
			if i.Path != "" {
				kept.Items = append(kept.Items, i)
			}
		}
		if len(kept.Items) > 0 {
			out = append(out, kept)
		}
	}
	return out
}

func (f Frame) item(p operator.Permission, name, path, icon string) Item {
	if !f.Operator.Role.May(p) {
		return Item{}
	}
	here := f.Path == path || path != overviewPath && strings.HasPrefix(f.Path, path+"/")
	return Item{Name: name, Path: path, Icon: icon, Here: here}
}

// waiting adds to the entry of the sync page how much waits there.
func (f Frame) waiting(i Item) Item {
	if n := f.Waits.Problems + len(f.Waits.Stopped); n > 0 && i.Path != "" {
		i.Count = f.Number(n)
	}
	return i
}

// Pill says on every page whether writeback works.
func (f Frame) Pill() Pill {
	if !f.Known {
		return Pill{"unknown", "question", f.T("admin.pill.unknown")}
	}
	switch f.Report.State {
	case status.Working, status.Degraded:
		return Pill{"ok", "check", f.T("admin.pill.working")}
	case status.Down:
		return Pill{"bad", "cross", f.T("admin.pill.down")}
	case status.Off:
		return Pill{"warn", "warning", f.T("admin.pill.off")}
	case status.Unset:
		return Pill{"warn", "clock", f.T("admin.pill.setup")}
	case status.Unknown:
	}
	return Pill{"unknown", "question", f.T("admin.pill.unknown")}
}

// Pill is the state of writeback in a few words. Look is ok, warn, bad or unknown.
type Pill struct{ Look, Icon, Text string }

// Sentence is the status in the operator's language.
func (f Frame) Sentence() string {
	r := f.Report
	if !f.Known {
		return f.T("admin.status.unread")
	}
	id := sentenceID(r.SentenceID)
	if id == "" {
		return r.Sentence
	}
	return f.T(id, f.values(r.Values, r.Moment)...)
}

// Second writes a moment with its seconds: 14:32:07, and the day when it isn't today.
func (f Frame) Second(t time.Time) string {
	if t.IsZero() || f.Location == nil {
		return f.T("admin.never")
	}
	clock := f.Seconds(t, f.Location)
	if f.today(t) {
		return clock
	}
	return f.T("time.moment", "Day", f.Day(t, f.Location), "Time", clock)
}

// place says which part of a list is shown, of so many; empty: that isn't known.
func (f Frame) place(passed, shown int, of string, known bool) string {
	if !known || shown == 0 {
		return ""
	}
	return f.T("admin.list.place", "First", f.Number(passed+1), "Last", f.Number(passed+shown), "All", of)
}

// Beside are the pages on both sides of one part of a list: addresses, where there is such a page, and what they are called.
type Beside struct{ Back, On, BackText, OnText string }

// Ago says how long ago something was that is hours old at most, and of anything else when it was. Pages keep it true.
func (f Frame) Ago(t time.Time) string {
	const hours = 12
	switch past := f.Now.Sub(t); {
	case t.IsZero() || past >= hours*time.Hour:
		return f.Second(t)
	case past < time.Minute:
		return f.T("admin.ago.seconds", "N", int(max(0, past)/time.Second))
	case past < time.Hour:
		return f.T("admin.ago.minutes", "N", int(past/time.Minute))
	default:
		return f.T("admin.ago.hours", "N", int(past/time.Hour))
	}
}

// heard is how many agents are online, and when one of them was last heard: what the status stands on.
func (f Frame) heard() (online int, last time.Time) {
	for _, a := range f.Report.Agents {
		if a.State != "ready" && a.State != "draining" {
			continue
		}
		if online++; a.Seen.After(last) {
			last = a.Seen
		}
	}
	return online, last
}

// PillAge says how old the answer is that the pill gives; empty: it stands on no answer.
func (f Frame) PillAge() string {
	online, last := f.heard()
	if !f.Known || online == 0 || f.Report.State != status.Working && f.Report.State != status.Degraded {
		return ""
	}
	return f.T("admin.pill.checked", "Ago", f.Ago(last))
}

// Heartbeat says when an agent was last heard; empty: none serves.
func (f Frame) Heartbeat() string {
	online, last := f.heard()
	if !f.Known || online == 0 {
		return ""
	}
	return f.T("admin.path.heartbeat", "Ago", f.Ago(last))
}

// OnlineText says how many agents there are, and when one was last heard; empty: none serves.
func (f Frame) OnlineText() string {
	online, last := f.heard()
	if !f.Known || online == 0 {
		return ""
	}
	return f.T("admin.onprem.online", "N", online, "Ago", f.Ago(last))
}

// When writes a moment with its whole date.
func (f Frame) When(t time.Time) string {
	if t.IsZero() || f.Location == nil {
		return f.T("admin.never")
	}
	return f.T("admin.date", "Day", f.Day(t, f.Location), "Year", t.In(f.Location).Format("2006"), "Time", f.Seconds(t, f.Location))
}

// today reports whether a moment is of the same day as the page.
func (f Frame) today(t time.Time) bool {
	at, now := t.In(f.Location), f.Now.In(f.Location)
	return at.YearDay() == now.YearDay() && at.Year() == now.Year()
}

// Zone says which clock the page's times are of, as the database of time zones names it, and its distance from UTC.
func (f Frame) Zone() string {
	if f.Location == nil {
		return ""
	}
	return locale.Zone(f.Now, f.Location)
}

// values turns what a sentence of the status says into the arguments of its message. Its moment is written as the page's
// reader does; a machine that told no name gets a word of theirs.
func (f Frame) values(m map[string]string, moment time.Time) []any {
	out := make([]any, 0, 2*len(m))
	for name, v := range m {
		switch {
		case name == "Time" && f.Location != nil && (v == "" || !moment.IsZero()):
			v = f.day(moment)
		case name == "New" && v == "":
			v = f.T("admin.agent.unnamed")
		}
		out = append(out, name, v)
	}
	return out
}
