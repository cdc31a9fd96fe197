package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/report"
)

// CheckRow is one finding of a checkup as the pages show it. Look is ok, warn, bad or unknown.
type CheckRow struct {
	Names            []string // in the reader's language, or what Active Directory's tools call it
	Plain            bool     // the names are such
	For              string   // what it is needed for
	Where            string   // a DN, or in words
	Lines            []string
	Look, Icon, Word string
	Text             string // the agent's own words, in English
	Fix              []protocol.CheckupRemedy
}

// RightsCard is what the service account may do in one domain.
type RightsCard struct {
	Domain, Text string
	Rows         []CheckRow
}

// checkLook draws a status.
func checkLook(s protocol.FindingStatus) (look, icon string) {
	switch s {
	case protocol.FindingOK:
		return "ok", "check"
	case protocol.FindingNote:
		return "unknown", "info"
	case protocol.FindingWarn:
		return "warn", "warning"
	case protocol.FindingFail:
		return "bad", "cross"
	case protocol.FindingSkip:
	}
	return "unknown", "question"
}

// checkName is what a check is called; one that these pages don't know yet has the agent's name.
func (f Frame) checkName(check string) string {
	if id := checkWord(check); id != "" {
		return f.T(id)
	}
	return strings.ReplaceAll(check, "_", " ")
}

func (f Frame) checkRow(x protocol.CheckupFinding) CheckRow {
	r := CheckRow{Names: []string{f.checkName(x.Check)}, Text: x.Text, Fix: x.Fix}
	r.Look, r.Icon = checkLook(x.Status)
	r.Word = f.T(findingWord(x.Status))
	if x.Section == protocol.SectionDirectory {
		r.For = x.Domain
	}
	return r
}

// rightRow is a finding about rights. Those that hold for everybody, and what is missing, name the rights themselves.
func (f Frame) rightRow(x protocol.CheckupFinding, units int) CheckRow {
	r := f.checkRow(x)
	granted := x.Status == protocol.FindingOK
	if x.Check == "unexpire_password" || x.Check == "policies" || x.Check == "changes" || x.Check == "deleted_objects" {
		r.For, r.Where = f.T(rightFor(x.Check)), f.T("admin.check.root")
		switch {
		case granted:
			r.Word, r.Text = f.T("admin.check.granted"), ""
		case x.Status == protocol.FindingWarn:
			r.Word = f.T("admin.check.missing")
		}
	}
	if x.Check == "too_much" {
		r.For = f.T("admin.check.for.least")
	}
	if len(x.Rights) == 0 {
		return r
	}
	r.Names, r.Plain, r.Text = x.Rights, true, ""
	var uses []string
	for _, name := range x.Rights {
		if id := rightFor(name); id != "" && !slices.Contains(uses, f.T(id)) {
			uses = append(uses, f.T(id))
		}
	}
	r.For = strings.Join(uses, ", ")
	if granted {
		r.Word, r.Where = f.T("admin.check.granted"), f.T("admin.check.units", "N", units)
		return r
	}
	r.Word, r.Where = f.T("admin.check.missing"), x.Where
	if x.Cause == "conditional" || x.Cause == "unreadable" {
		r.Word = f.T("admin.check.unclear")
	}
	if x.Count > 0 {
		r.Lines = append(r.Lines, f.T("admin.check.affected", "N", x.Count))
	}
	if id := faultWord(x.Cause); id != "" {
		r.Lines = append(r.Lines, f.T(id))
	} else {
		r.Text = x.Text
	}
	return r
}

// split gives each right that everybody grants a row of its own.
func split(x protocol.CheckupFinding) []protocol.CheckupFinding {
	if x.Check != "on_everybody" {
		return []protocol.CheckupFinding{x}
	}
	var out []protocol.CheckupFinding
	for _, name := range x.Rights {
		one := x
		one.Rights = []string{name}
		out = append(out, one)
	}
	return out
}

// rightsCards are the tables of rights, a domain each, what is missing first.
func (f Frame) rightsCards(all []protocol.CheckupFinding) []RightsCard {
	var out []RightsCard
	units := map[string]int{}
	for _, x := range all {
		if x.Section != protocol.SectionRights {
			continue
		}
		if len(out) == 0 || out[len(out)-1].Domain != x.Domain {
			out = append(out, RightsCard{Domain: x.Domain})
		}
		card := &out[len(out)-1]
		if x.Check == "service_account" && x.Status == protocol.FindingOK {
			units[x.Domain] = x.Units
			card.Text = f.T("admin.checks.over", "Units", f.T("admin.check.units", "N", x.Units), "People", f.T("admin.check.affected", "N", x.Count))
			continue
		}
		for _, one := range split(x) {
			card.Rows = append(card.Rows, f.rightRow(one, units[x.Domain]))
		}
	}
	for i, card := range out {
		_, judged := units[card.Domain]
		if judged && !slices.ContainsFunc(all, func(x protocol.CheckupFinding) bool { return x.Domain == card.Domain && x.Check == "too_much" }) {
			card.Rows = append(card.Rows, CheckRow{
				Names: []string{f.checkName("too_much")}, For: f.T("admin.check.for.least"), Where: f.checkName("service_account"), Look: "ok", Icon: "check",
				Word: f.T("admin.check.nothing"),
			})
			out[i] = card
		}
		slices.SortStableFunc(card.Rows, func(a, b CheckRow) int { return severity(a.Look) - severity(b.Look) })
	}
	return out
}

func severity(look string) int { return slices.Index([]string{"bad", "warn", "ok", "unknown"}, look) }

// otherChecks are those that aren't about rights, in the doctor's order.
func (f Frame) otherChecks(all []protocol.CheckupFinding) []CheckRow {
	var out []CheckRow
	for _, x := range all {
		if x.Section != protocol.SectionRights {
			out = append(out, f.checkRow(x))
		}
	}
	return out
}

// Tally is the last checkup in a word, for the list.
type Tally struct{ Look, Icon, Word, Ago string }

func (f Frame) tally(c fleet.Checkup) Tally {
	if c.Ended == 0 {
		return Tally{Look: "unknown", Icon: "question", Word: f.T("admin.checks.none")}
	}
	passed, warned, failed := c.Tally()
	t := Tally{Look: "ok", Icon: "check", Word: f.T("admin.checks.passed", "N", passed), Ago: f.Ago(c.Ended.Time())}
	switch all := passed + warned + failed; {
	case failed > 0:
		t.Look, t.Icon, t.Word = "bad", "cross", f.T("admin.checks.failed", "N", failed, "All", all)
	case warned > 0:
		t.Look, t.Icon, t.Word = "warn", "warning", f.T("admin.checks.warned", "N", warned, "All", all)
	}
	return t
}

// away reports whether what an agent says of itself is old.
func away(state string) bool { return state == "offline" || state == "silent" || state == "revoked" }

// latency is how long an agent's answer takes; empty: it doesn't answer.
func (f Frame) latency(state string, c fleet.Checkup) string {
	if away(state) || c.Heard.IsZero() {
		return ""
	}
	return f.T("admin.agents.latency", "Took", f.took(max(c.Trip, time.Millisecond).Microseconds()))
}

// sites are the Active Directory sites that an agent's controllers stand in.
func sites(c fleet.Checkup) string {
	var out []string
	for _, d := range c.Domains {
		if d.Site != "" && !slices.Contains(out, d.Site) {
			out = append(out, d.Site)
		}
	}
	return strings.Join(out, ", ")
}

// part is an agent's part of what all have written.
func (f Frame) part(agent string, all []report.Written) string {
	mine, total := 0, 0
	for _, w := range all {
		if total += w.N; w.Agent == agent {
			mine += w.N
		}
	}
	switch {
	case total == 0:
		return ""
	case mine == 0:
		return f.T("admin.agents.share", "Share", f.T("admin.percent", "N", 0))
	}
	return f.T("admin.agents.share", "Share", f.share(mine, total))
}

// Checking is how the present checkup gets on; empty: there is none.
func (p AgentPage) Checking() string {
	switch {
	case !p.Checkup.Going || away(p.Row.State):
		return ""
	case p.Checkup.Of == 0:
		return p.T("admin.checks.begun")
	}
	return p.T("admin.checks.going", "Done", p.Checkup.Done, "Of", p.Checkup.Of)
}

// TooOld reports whether the agent doesn't know what a checkup is.
func (p AgentPage) TooOld() bool { return p.Checkup.Old || p.Full.Protocol < protocol.Checkup.Since() }

// Askable reports whether the agent can be asked for a checkup or another key now.
func (p AgentPage) Askable() bool {
	return p.CanChangeAgents() && !p.Revoked && !p.TooOld() && !away(p.Row.State) && p.Row.State != "outdated"
}

// Checked says how old the last checkup is; empty: there was none.
func (p AgentPage) Checked() string {
	if p.Checkup.Ended == 0 {
		return ""
	}
	return p.T("admin.checks.at", "Ago", p.Ago(p.Checkup.Ended.Time()))
}

// Rights are the tables of rights, Checks the table of everything else.
func (p AgentPage) Rights() []RightsCard { return p.rightsCards(p.Checkup.Findings) }

// Checks are what the last checkup found of everything but rights.
func (p AgentPage) Checks() []CheckRow { return p.otherChecks(p.Checkup.Findings) }

// More says how many findings there was no room for.
func (p AgentPage) More() string {
	if p.Checkup.More == 0 {
		return ""
	}
	return p.T("admin.checks.more", "N", p.Checkup.More)
}

// Tally is the last checkup in a word.
func (p AgentPage) Tally() Tally { return p.tally(p.Checkup) }

// Live reports whether the agent says what it is at this moment.
func (p AgentPage) Live() bool {
	return !p.Checkup.Heard.IsZero() && p.Now.Sub(p.Checkup.Heard) < saidFor && !away(p.Row.State)
}

// saidFor is how long what an agent says of itself counts as present: it is asked three times meanwhile.
const saidFor = time.Minute

// Up says how long the agent has been running.
func (p AgentPage) Up() string {
	started := p.Checkup.Started.Time()
	if !p.Live() || started.IsZero() {
		return ""
	}
	up := p.Now.Sub(started)
	if days := int(up / (24 * time.Hour)); days > 0 {
		return p.T("admin.agent.up", "Span", p.T("admin.agent.days", "N", days))
	}
	return p.T("admin.agent.up", "Span", p.span(max(up, 0)))
}

// KeyDue says when the sealing key is replaced by itself.
func (p AgentPage) KeyDue() string {
	due := p.Checkup.KeyDue.Time()
	if !p.Live() || due.IsZero() {
		return ""
	}
	return p.T("admin.agent.key.due", "N", int(max(due.Sub(p.Now), 0)/(24*time.Hour)))
}

// Way says how long the way to the agent is, and whether a proxy is on it.
func (p AgentPage) Way() string {
	if !p.Live() {
		return ""
	}
	through := "admin.agent.direct"
	if p.Checkup.Proxy {
		through = "admin.agent.proxy"
	}
	return p.T("admin.agent.way", "Took", p.took(max(p.Checkup.Trip, time.Millisecond).Microseconds()), "Through", p.T(through))
}

// clockOff is from when on a clock's difference is worth a warning. Homeward corrects it; Kerberos forgives five minutes.
const clockOff = 30 * time.Second

// Clock says how far the machine's clock is off.
func (p AgentPage) Clock() string {
	if !p.Live() {
		return ""
	}
	off := p.Checkup.Clock
	id := "admin.agent.clock.ahead"
	if off < 0 {
		id = "admin.agent.clock.behind"
	}
	if off.Abs() < 100*time.Millisecond { //nolint:mnd // as exactly as anybody needs it
		return p.T("admin.agent.clock.right")
	}
	if off.Abs() < time.Minute {
		return p.T(id, "Span", p.T("admin.seconds", "Seconds", p.Decimal(off.Abs().Seconds(), 1)))
	}
	return p.T(id, "Span", p.span(off.Abs()))
}

// ClockWrong reports whether the clock should be set.
func (p AgentPage) ClockWrong() bool { return p.Live() && p.Checkup.Clock.Abs() > clockOff }

// Reached is how the agent reaches its domains.
func (p AgentPage) Reached() []protocol.CheckupDomain {
	if !p.Live() {
		return nil
	}
	return p.Checkup.Domains
}

// Controllers says how fast each controller of a domain answers.
func (p AgentPage) Controllers(d protocol.CheckupDomain) []string {
	var out []string
	for _, c := range d.Controllers {
		switch {
		case c.ReadOnly:
			out = append(out, p.T("admin.agent.dc.readonly", "Name", short(c.Host)))
		case !c.OK:
			out = append(out, p.T("admin.agent.dc.away", "Name", short(c.Host)))
		default:
			out = append(out, short(c.Host)+" "+p.took(max(c.Micros, 1)))
		}
	}
	return out
}

// Site is where the agent's controllers stand.
func (p AgentPage) Site() string { return sites(p.Checkup) }

// Written is what the agent has written within the last day, a line each.
func (p AgentPage) Written() []string {
	passwords, unlocks := 0, 0
	for _, w := range p.Writes {
		switch {
		case w.Agent != p.Full.ID:
		case w.Operation == protocol.Unlock:
			unlocks += w.N
		default:
			passwords += w.N
		}
	}
	return []string{p.T("admin.agent.passwords", "N", passwords), p.T("admin.agent.unlocks", "N", unlocks)}
}

func (v *visit) postCheck() error {
	return v.change(func(ctx context.Context, id string) error { return v.Checkups.Begin(ctx, v.tenant.ID, id, v.by.Name) })
}

func (v *visit) postRotate() error {
	return v.change(func(ctx context.Context, id string) error {
		_, err := v.Checkups.Roll(ctx, v.tenant.ID, id, v.by.Name)
		return err
	})
}

// notAsked says why an agent didn't do what it was asked for; empty: that isn't why.
func (f Frame) notAsked(err error, a enrol.Agent) string {
	kept, ok := errors.AsType[*fleet.KeyKept](err)
	switch {
	case ok && kept.Reason == protocol.ReasonOverloaded:
		return f.T("admin.agent.key.often")
	case ok:
		return f.T("admin.agent.key.kept", "Reason", f.reason(string(kept.Reason)))
	case errors.Is(err, fleet.ErrTooOld):
		return f.T("admin.checks.old", "Agent", a.Machine, "Version", a.Build)
	case errors.Is(err, fleet.ErrAway):
		return f.T("admin.checks.away", "Agent", a.Machine)
	}
	return ""
}

// Fixes is what is to be done about one row, under it.
type Fixes struct {
	Row     CheckRow
	Columns int
	After   string
}

// FixOf has a row's remedies span its table.
func (p AgentPage) FixOf(r CheckRow, columns int) Fixes {
	f := Fixes{Row: r, Columns: columns}
	if columns == rightColumns {
		f.After = p.T("admin.check.after")
	}
	return f
}

// rightColumns is how many columns a table of rights has.
const rightColumns = 4

// ID is a domain's name as part of an element's.
func (AgentPage) ID(d protocol.CheckupDomain) string { return strings.ReplaceAll(d.Name, ".", "-") }
