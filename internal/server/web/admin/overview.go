package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/fleet"
	"homeward/internal/server/operator"
	"homeward/internal/server/report"
	"homeward/internal/server/status"
)

// OverviewPage answers, in this order: does it work, what needs me, what happened last. GET /admin.
type OverviewPage struct {
	Frame

	Host     string // the portal's
	Testable bool   // some agent names a test account
	Untested bool   // a test write was asked for and nobody names a test account
	Late     bool   // a test write was asked for and its answer isn't here yet
	Latest   []Entry
	Usage    report.Usage
	Pace     report.Pace
	Paced    bool // Pace was looked at
	Trip     fleet.Trip
	Valid    time.Time // the portal's own certificate; zero: somebody else ends TLS
	Short    int       // people who have registered too little, of those in scope; not counted for who can't see settings
	Scope    int
}

// Template names the page's file.
func (OverviewPage) Template() string { return "overview" }

// Title is the page's one h1.
func (p OverviewPage) Title() string { return p.T("admin.nav.overview") }

// Crumbs lead to the page.
func (p OverviewPage) Crumbs() []Crumb { return []Crumb{{p.Title(), ""}} }

// Date is today's, with the time the page was made.
func (p OverviewPage) Date() string { return p.When(p.Now) }

// Down reports whether likely causes take the place of what happened last.
func (p OverviewPage) Down() bool {
	return p.Known && (p.Report.State == status.Down || p.Report.State == status.Unset || p.Report.State == status.Off)
}

// Headline is the state in a sentence of its own.
func (p OverviewPage) Headline() string {
	if !p.Known {
		return p.T("admin.overview.unknown")
	}
	switch p.Report.State {
	case status.Working, status.Degraded:
		return p.T("admin.overview.working")
	case status.Down:
		return p.T("admin.overview.down")
	case status.Off:
		return p.T("admin.overview.off")
	case status.Unset:
		return p.T("admin.overview.unset")
	case status.Unknown:
	}
	return p.T("admin.overview.unknown")
}

// TestText says how the last test write of a domain ended, or nothing.
func (p OverviewPage) TestText() string {
	var last *status.Test
	for _, d := range p.Report.Domains {
		if d.Test != nil && (last == nil || d.Test.At.After(last.At)) {
			last = d.Test
		}
	}
	switch {
	case last == nil:
		return ""
	case !last.Passed:
		return p.T("admin.overview.test.failed", "Time", p.Second(last.At), "Reason", p.reason(string(last.Reason)))
	case last.Micros > 0:
		return p.T("admin.overview.test.took", "Time", p.Second(last.At), "Took", p.took(last.Micros))
	}
	return p.T("admin.overview.test.ok", "Time", p.Second(last.At))
}

// Causes are why it is off, with their next steps; Notes what needs attention while it works.
func (p OverviewPage) Causes() []CauseView { return p.causes(p.Report.Off) }

// Notes are what needs attention while it works.
func (p OverviewPage) Notes() []CauseView {
	if !p.Known {
		return nil
	}
	out := append(p.causes(p.Report.Notes), p.syncNotes()...)
	if days := p.certificateDays(); !p.Valid.IsZero() && days < certificateSoon {
		out = append(out, CauseView{
			ID: "certificate", Name: p.T("admin.note.certificate", "N", max(0, days)), Says: p.T("admin.note.certificate.says"), Next: p.T("admin.note.certificate.next"),
		})
	}
	if p.Short > 0 && p.Scope > 0 {
		out = append(out, CauseView{
			ID: "short", Name: p.T("admin.note.short", "N", p.Short), Says: p.T("admin.note.short.says", "Share", p.share(p.Short, p.Scope)),
			Agent: registrationPath, Go: p.T("admin.note.short.go"), Info: true,
		})
	}
	return out
}

// share is a part of a whole in hundredths, never none of what there is.
func (f Frame) share(n, of int) string { return f.T("admin.percent", "N", max(1, (100*n+of/2)/of)) }

// syncNotes say what waits on the page about sync.
func (p OverviewPage) syncNotes() []CauseView {
	var out []CauseView
	note := func(id, name, says, next string) {
		out = append(out, CauseView{ID: id, Name: name, Says: says, Next: next, Agent: syncPath})
	}
	if list := p.Waits.Stopped; len(list) > 0 {
		note("sync_stopped", p.T("admin.note.stopped"), p.T("admin.note.stopped.says", "Domains", strings.Join(list, ", ")), p.T("admin.note.stopped.next"))
	}
	if n := p.Waits.Problems; n > 0 {
		note("sync_decisions", p.T("admin.note.decisions"), p.T("admin.note.decisions.says", "N", n), p.T("admin.note.decisions.next"))
	}
	off := p.switchedOff()
	list := slices.DeleteFunc(slices.Clone(p.Waits.Unheld), func(domain string) bool { return off[domain] != "" })
	if len(list) > 0 {
		note("sync_unheld", p.T("admin.note.unheld"), p.T("admin.note.unheld.says", "Domains", strings.Join(list, ", ")), p.T("admin.note.unheld.next"))
	}
	return out
}

// Hop is one stop of the drawn path. State is ok, warn, bad or unknown; Link is that of the line before it.
type Hop struct {
	Icon, State, Link, Name string
	Lines                   []string
	Beat                    string // when an agent was last heard
	Took                    string // how long the way from the stop before takes, or that it isn't known
}

// Hops draws the way: portal, relay, agents, Active Directory. What wasn't checked is never drawn as working.
func (p OverviewPage) Hops() []Hop {
	portal := p.portalHop()
	relay := Hop{Icon: "swap", State: "ok", Link: "ok", Name: p.T("admin.path.relay"), Lines: []string{p.Host, p.T("admin.path.working")}, Took: p.took(p.Trip.Relay.Microseconds())}
	agents := Hop{Icon: "agent", State: "unknown", Link: "unknown", Name: p.T("admin.path.agents.unknown"), Lines: []string{p.T("admin.path.unchecked")}}
	tree := Hop{Icon: "tree", State: "unknown", Link: "unknown", Name: "Active Directory", Lines: []string{p.T("admin.path.no_agent")}}
	switch {
	case !p.Known:
		relay.State, relay.Link, relay.Lines = "unknown", "unknown", []string{p.T("admin.path.unchecked")}
		return p.linked(portal, relay, agents, tree)
	case !p.Report.Up:
		relay.State, relay.Link, relay.Lines = "bad", "bad", []string{p.Host, p.T("admin.path.unreached")}
		return p.linked(portal, relay, agents, tree)
	}
	relay.Lines[1] = p.T("admin.path.waiting", "N", p.pending())
	online := p.agents(&agents)
	if online > 0 {
		p.directory(&tree)
		agents.Took = p.took(p.Trip.Agent.Microseconds())
		if p.Pace.Write > 0 {
			tree.Took = p.T("admin.path.write", "Took", p.took(p.Pace.Write.Microseconds()))
		}
	}
	return p.linked(portal, relay, agents, tree)
}

// linked says of each line that doesn't lead anywhere why there is no time on it.
func (p OverviewPage) linked(hops ...Hop) []Hop {
	for i := range hops {
		switch hops[i].Link {
		case "bad":
			hops[i].Took = p.T("admin.path.mute")
		case "unknown":
			hops[i].Took = p.T("admin.path.dark")
		}
	}
	return hops
}

// certificateSoon is how many days before a certificate expires the overview says so: time enough for whoever renews it.
const certificateSoon = 14

// certificateDays is how many whole days the portal's certificate is still valid.
func (p OverviewPage) certificateDays() int { return int(p.Valid.Sub(p.Now) / (24 * time.Hour)) }

func (p OverviewPage) portalHop() Hop {
	h := Hop{Icon: "globe", State: "ok", Name: p.T("admin.path.portal"), Lines: []string{p.Host, p.T("admin.path.working")}}
	switch days := p.certificateDays(); {
	case p.Valid.IsZero():
	case !p.Valid.After(p.Now):
		h.State, h.Lines[1] = "bad", p.T("admin.path.expired")
	default:
		h.Lines[1] = p.T("admin.path.certificate", "N", days)
		if days < certificateSoon {
			h.State = "warn"
		}
	}
	return h
}

// pending is how many requests the agents have in hand.
func (p OverviewPage) pending() (n int) {
	for _, a := range p.Report.Agents {
		n += a.Pending
	}
	return n
}

// LastText says when a password was last written; empty: that wasn't looked at.
func (p OverviewPage) LastText() string {
	switch {
	case !p.Paced:
		return ""
	case p.Pace.Last.IsZero():
		return p.T("admin.overview.last.none")
	case p.Now.Sub(p.Pace.Last) < 12*time.Hour:
		return p.T("admin.overview.last", "Ago", p.Ago(p.Pace.Last))
	}
	return p.T("admin.overview.last.day", "Day", p.day(p.Pace.Last))
}

// agents fills the agents' stop and returns how many are online.
func (p OverviewPage) agents(h *Hop) (online int) {
	h.Lines = nil
	for _, a := range p.Report.Agents {
		if a.State == "offline" || a.State == "silent" {
			h.Lines = append(h.Lines, p.T("admin.path.seen", "Agent", a.Machine, "Time", p.Second(a.Seen)))
			continue
		}
		online++
	}
	h.Beat = p.Heartbeat()
	total := len(p.Report.Agents)
	h.Name = p.T("admin.path.agents", "Online", online, "N", total)
	switch {
	case total == 0:
		h.State, h.Link, h.Lines = "unknown", "unknown", []string{p.T("admin.path.none")}
	case online == 0:
		h.State, h.Link = "bad", "bad"
	case online < total:
		h.State, h.Link = "warn", "ok"
	default:
		h.State, h.Link = "ok", "ok"
	}
	const most = 3
	if len(h.Lines) > most {
		h.Lines = append(h.Lines[:most-1], p.T("admin.path.more", "N", len(h.Lines)-most+1))
	}
	return online
}

func (p OverviewPage) directory(h *Hop) {
	works := 0
	h.Lines = nil
	for _, d := range p.Report.Domains {
		line := p.T("admin.path.domain.broken", "Domain", d.Name)
		if d.Works {
			works++
			if line = d.Name; d.DC != "" {
				line = p.T("admin.path.domain", "Domain", d.Name, "Controller", short(d.DC))
			}
		}
		h.Lines = append(h.Lines, line)
	}
	switch {
	case len(p.Report.Domains) == 0:
		h.Lines = []string{p.T("admin.path.unchecked")}
	case works == 0:
		h.State, h.Link = "bad", "bad"
	case works < len(p.Report.Domains):
		h.State, h.Link = "warn", "ok"
	default:
		h.State, h.Link = "ok", "ok"
	}
}

// short is a host's name without its domain.
func short(host string) string {
	name, _, _ := strings.Cut(host, ".")
	return name
}

// latest is how many entries the overview shows.
const latest = 5

func (v *visit) getOverview() error {
	p := OverviewPage{Frame: v.frame, Host: v.host(), Untested: v.r.URL.Query().Get("test") == "none", Late: v.r.URL.Query().Get("test") == "late"}
	domains, err := v.Tests.Domains(v.ctx(), v.tenant.ID)
	if err != nil {
		return err
	}
	p.Testable = len(domains) > 0
	if err := v.used(&p); err != nil {
		return err
	}
	if v.Certificate != nil {
		p.Valid = v.Certificate()
	}
	if v.Trip != nil && p.Known && p.Report.Up {
		if p.Trip, err = v.Trip(v.ctx(), v.tenant.ID); err != nil {
			return err
		}
	}
	if v.by.Role.May(operator.ReadSettings) && !p.Down() {
		if p.Short, p.Scope, err = v.short(); err != nil {
			return err
		}
	}
	if v.frame.CanSeeAudit() {
		found, err := v.Records.SearchAudit(v.ctx(), v.tenant.ID, audit.Query{Limit: latest})
		if err != nil {
			return err
		}
		if p.Latest, err = v.entries(found); err != nil {
			return err
		}
	}
	return v.render(http.StatusOK, p)
}

func (v *visit) host() string {
	if u, err := url.Parse(v.BaseURL); err == nil {
		return u.Host
	}
	return v.BaseURL
}

// postTest writes to every domain that names a test account. How it ended is part of the status.
func (v *visit) postTest() error {
	domains, err := v.Tests.Domains(v.ctx(), v.tenant.ID)
	if err != nil {
		return err
	}
	if len(domains) == 0 {
		return v.seeOther(overviewPath + "?test=none")
	}
	for _, d := range domains {
		_, err := v.Tests.Write(v.ctx(), v.tenant.ID, v.by.Name, d)
		if errors.Is(err, fleet.ErrUntestable) {
			return v.seeOther(overviewPath + "?test=none")
		}
		if err != nil {
			v.Log.Warn("test write has no answer yet", "domain", d, "error", err)
			return v.seeOther(overviewPath + "?test=late")
		}
	}
	return v.seeOther(overviewPath)
}

// took writes how long something took.
func (f Frame) took(micros int64) string {
	switch ms := micros / 1000; {
	case micros <= 0:
		return ""
	case ms >= 10_000:
		return f.T("admin.seconds", "Seconds", f.Decimal(float64(ms/1000), 0))
	case ms >= 1000:
		return f.T("admin.seconds", "Seconds", f.Decimal(float64(ms)/1000, 1))
	case ms > 0:
		return f.T("admin.milliseconds", "Milliseconds", f.Decimal(float64(ms), 0))
	}
	return f.T("admin.milliseconds", "Milliseconds", f.Decimal(float64(micros)/1000, 1))
}

// span writes a length of time shortly: 400 ms, 3.4 s, 2 min 5 s, 1 h 3 min.
func (f Frame) span(d time.Duration) string {
	if d < time.Minute {
		return f.took(max(d.Microseconds(), 1))
	}
	d = d.Round(time.Second)
	hours, minutes, seconds := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if hours > 0 {
		return f.T("admin.hours", "Hours", f.Number(hours), "Minutes", minutes)
	}
	return f.T("admin.minutes", "Minutes", minutes, "Seconds", seconds)
}
