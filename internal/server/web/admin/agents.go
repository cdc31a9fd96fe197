package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/operator"
	"homeward/internal/server/report"
	"homeward/internal/server/status"
)

// AgentsPage lists the agents and makes codes for new ones: GET /admin/agents, POST /admin/agents/codes.
type AgentsPage struct {
	Frame

	BaseURL string
	Rows    []AgentRow
	Code    string // just made; shown this once
	Until   time.Time
}

// Template names the page's file.
func (AgentsPage) Template() string { return "agents" }

// Title is the page's one h1.
func (p AgentsPage) Title() string { return p.T("admin.nav.agents") }

// Crumbs lead to the page.
func (p AgentsPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.directory"), ""}, {p.Title(), ""}}
}

// Online counts the agents that can take a request now.
func (p AgentsPage) Online() int {
	n := 0
	for _, r := range p.Rows {
		if r.State == "ready" {
			n++
		}
	}
	return n
}

// OneSite warns where all agents that can take a request now stand on one Active Directory site; empty: they don't, there is one at
// most, or it isn't known.
func (p AgentsPage) OneSite() string {
	var names []string
	site := ""
	for _, r := range p.Rows {
		if r.State != "ready" {
			continue
		}
		if r.Site == "" || len(names) > 0 && r.Site != site {
			return ""
		}
		names, site = append(names, r.Machine), r.Site
	}
	switch len(names) {
	case 0, 1:
		return ""
	case 2:
		return p.T("admin.agents.site.both", "One", names[0], "Other", names[1])
	}
	return p.T("admin.agents.site.all", "N", len(names))
}

// UntilText is when the code is over.
func (p AgentsPage) UntilText() string { return p.Clock(p.Until, p.Location) }

// AgentRow is one agent with its state in words. Look is ok, warn, bad or unknown.
type AgentRow struct {
	status.Agent

	Path, Look, Icon, Word, Extra string
	Key                           string
	Lines                         []DomainLine
	Site, Latency, Share          string // empty: not known, or nothing
	Tally                         Tally
}

// DomainLine is one domain as one agent sees it.
type DomainLine struct {
	Name, Controller, Look, Icon, Word string
	Reason                             string
	OK                                 bool
	Since                              time.Time
	Testable                           bool
}

func (f Frame) agentRow(a status.Agent, full enrol.Agent, c fleet.Checkup, all []report.Written) AgentRow {
	r := AgentRow{
		Agent: a, Path: agentsPath + "/" + a.ID, Key: shortKey(full.KeyID), Tally: f.tally(c), Site: sites(c), Latency: f.latency(a.State, c), Share: f.part(a.ID, all),
	}
	switch a.State {
	case "ready":
		r.Look, r.Icon = "ok", "check"
	case "offline", "silent", "draining":
		r.Look, r.Icon = "warn", "warning"
	case "outdated", "directory":
		r.Look, r.Icon = "bad", "cross"
	default:
		r.Look, r.Icon = "unknown", "question"
	}
	r.Word = f.T("admin.code", "Code", a.State)
	if id := agentWord(a.State); id != "" {
		r.Word = f.T(id)
	}
	switch {
	case a.State == "draining" && a.Idle:
		r.Extra = f.T("admin.agent.idle")
	case a.State == "draining":
		r.Extra = f.T("admin.agent.pending", "N", a.Pending)
	case a.Protocol < protocol.Version && a.State == "ready":
		r.Extra = f.T("admin.agent.behind")
	case a.Rival != nil:
		r.Extra = f.T("admin.agent.rival")
	}
	for _, d := range full.Domains {
		l := DomainLine{Name: d.Name, Controller: short(d.DC), OK: d.OK, Since: d.Since, Testable: d.Testable, Reason: f.reason(string(d.Reason))}
		switch {
		case a.State == "offline" || a.State == "silent":
			l.Look, l.Icon, l.Word = "unknown", "question", f.T("admin.agent.domain.unknown")
		case d.OK && d.Reason == "":
			l.Look, l.Icon, l.Word = "ok", "check", f.T("admin.agent.domain.ok")
		case d.OK:
			l.Look, l.Icon, l.Word = "warn", "warning", f.T("admin.agent.domain.partly")
		default:
			l.Look, l.Icon, l.Word = "bad", "cross", f.T("admin.agent.domain.broken")
		}
		r.Lines = append(r.Lines, l)
	}
	return r
}

// shortKey is the beginning of a key's id, as people compare it.
func shortKey(id string) string {
	const shown = 8
	if len(id) < shown {
		return id
	}
	return id[:4] + "-" + id[4:shown]
}

func (v *visit) agentsPage() (AgentsPage, error) {
	p := AgentsPage{Frame: v.frame, BaseURL: strings.TrimSuffix(v.BaseURL, "/")}
	all, err := v.Names.Agents(v.ctx(), v.tenant.ID)
	if err != nil {
		return p, err
	}
	byID := map[string]enrol.Agent{}
	for _, a := range all {
		byID[a.ID] = a
	}
	written, err := v.Written(v.ctx(), v.tenant.ID)
	if err != nil {
		return p, err
	}
	for _, a := range v.frame.Report.Agents {
		p.Rows = append(p.Rows, p.agentRow(a, byID[a.ID], v.Checkups.Of(a.ID), written))
	}
	return p, nil
}

func (v *visit) getAgents() error {
	p, err := v.agentsPage()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// postCode makes a one-time code. It is shown with this answer and never again.
func (v *visit) postCode() error {
	code, until, err := v.Code(v.ctx(), v.tenant.ID)
	if err != nil {
		return err
	}
	v.note("Make enrolment code", "", "works until "+until.UTC().Format(time.RFC3339))
	p, err := v.agentsPage()
	if err != nil {
		return err
	}
	p.Code, p.Until = code, until
	return v.render(http.StatusOK, p)
}

// AgentPage is one agent: GET /admin/agents/….
type AgentPage struct {
	Frame

	Row     AgentRow
	Full    enrol.Agent
	Checkup fleet.Checkup
	Writes  []report.Written
	Host    string // the portal's, and the relay's
	Revoked bool
	Lone    string // domains that nobody else writes: draining needs a second word
	Refused string // why what was asked for isn't possible
}

// agentRoutes are those of what only the agent itself can do.
func agentRoutes() []route {
	return []route{
		{"POST " + agentsPath + "/{id}/check", operator.ChangeAgents, (*visit).postCheck},
		{"POST " + agentsPath + "/{id}/rotate-key", operator.ChangeAgents, (*visit).postRotate},
	}
}

// Template names the page's file.
func (AgentPage) Template() string { return "agent" }

// Title is the page's one h1.
func (p AgentPage) Title() string { return p.Full.Machine }

// Crumbs lead to the page.
func (p AgentPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.directory"), ""}, {p.T("admin.nav.agents"), agentsPath}, {p.Title(), ""}}
}

// Problem reports whether what was asked for was refused.
func (p AgentPage) Problem() bool { return p.Lone != "" || p.Refused != "" }

// Behind reports whether the agent lacks something this server knows.
func (p AgentPage) Behind() bool { return p.Full.Protocol < protocol.Version }

// Lacks says what the agent can't do and how to update it, as the status does; nothing for a present one.
func (p AgentPage) Lacks() []string {
	w := wordsOfCause(status.Lacks(p.Full.Protocol))
	if p.Row.State == "outdated" {
		w = wordsOfCause("outdated")
	}
	if w.says == "" {
		return nil
	}
	return []string{p.T(w.says, "Agent", p.Full.Machine, "Version", p.Full.Build), p.T(w.next, "Agent", p.Full.Machine, "Version", p.Full.Build)}
}

// KeyAge says since when the sealing key is in use.
func (p AgentPage) KeyAge() string {
	since := p.Full.KeySince
	if since.IsZero() {
		since = p.Full.Created
	}
	return p.T("admin.agent.key.since", "Day", p.Day(since, p.Location), "N", int(p.Now.Sub(since)/(24*time.Hour)))
}

// KeyID is the sealing key's id in groups of four.
func (p AgentPage) KeyID() string {
	b, err := hex.DecodeString(p.Full.KeyID)
	if err != nil {
		return p.Full.KeyID
	}
	var groups []string
	for i := 0; i+1 < len(b); i += 2 {
		groups = append(groups, hex.EncodeToString(b[i:i+2]))
	}
	return strings.Join(groups, "-")
}

// Draining reports whether the agent takes no new requests.
func (p AgentPage) Draining() bool { return !p.Full.Draining.IsZero() }

// Moved is the machine that waits for approval; empty: none does.
func (p AgentPage) Moved() string {
	if p.Full.Rival.Reason != protocol.ReasonAgentMoved {
		return ""
	}
	return p.Full.Rival.Machine.Name
}

// MovedAt is when that machine asked last.
func (p AgentPage) MovedAt() string { return p.Second(p.Full.Rival.At) }

// agentPage finds the agent of this address among the tenant's.
func (v *visit) agentPage() (AgentPage, error) {
	p := AgentPage{Frame: v.frame, Host: v.host()}
	all, err := v.Names.Agents(v.ctx(), v.tenant.ID)
	if err != nil {
		return p, err
	}
	for _, a := range all {
		if a.ID != v.r.PathValue("id") {
			continue
		}
		p.Full, p.Revoked = a, a.Status != enrol.Approved
		line := status.Agent{ID: a.ID, Machine: a.Machine, State: "revoked"}
		for _, r := range v.frame.Report.Agents {
			if r.ID == a.ID {
				line = r
			}
		}
		if p.Writes, err = v.Written(v.ctx(), v.tenant.ID); err != nil {
			return p, err
		}
		p.Checkup = v.Checkups.Of(a.ID)
		p.Row = p.agentRow(line, a, p.Checkup, p.Writes)
		return p, nil
	}
	return p, errNoPage
}

func (v *visit) getAgent() error {
	p, err := v.agentPage()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// change does something to the agent of this address, and shows why not when it isn't possible.
func (v *visit) change(do func(ctx context.Context, id string) error) error {
	if err := v.form(); err != nil {
		return err
	}
	p, err := v.agentPage()
	if err != nil {
		return err
	}
	err = do(v.ctx(), p.Full.ID)
	lone, alone := errors.AsType[*fleet.Lone](err)
	why := p.notAsked(err, p.Full)
	switch {
	case why != "":
		p.Refused = why
	case alone:
		p.Lone = strings.Join(lone.Domains, ", ")
	case errors.Is(err, fleet.ErrState):
		p.Refused = p.T("admin.agent.state")
	case errors.Is(err, errUnconfirmed):
		p.Refused = p.T("admin.agent.unconfirmed")
	case errors.Is(err, fleet.ErrNoAgent):
		return errNoPage
	case err != nil:
		return err
	default:
		return v.seeOther(agentsPath + "/" + p.Full.ID)
	}
	return v.render(http.StatusUnprocessableEntity, p)
}

func (v *visit) postDrain() error {
	return v.change(func(ctx context.Context, id string) error {
		return v.Fleet.Drain(ctx, v.tenant.ID, id, v.by.Name, v.r.PostForm.Get("force") == "1")
	})
}

func (v *visit) postResume() error {
	return v.change(func(ctx context.Context, id string) error { return v.Fleet.Resume(ctx, v.tenant.ID, id, v.by.Name) })
}

func (v *visit) postMove() error {
	return v.change(func(ctx context.Context, id string) error {
		_, err := v.Fleet.AcceptMove(ctx, v.tenant.ID, id, v.by.Name)
		return err
	})
}

// errUnconfirmed reports a cut-off that nobody has confirmed.
var errUnconfirmed = errors.New("not confirmed")

// postCutOff ends an agent for good, so the form asks twice. It goes on when the browser goes away.
func (v *visit) postCutOff() error {
	return v.change(func(ctx context.Context, id string) error {
		if v.r.PostForm.Get("sure") != "1" {
			return errUnconfirmed
		}
		return v.Fleet.Revoke(context.WithoutCancel(ctx), v.tenant.ID, id, v.by.Name, "")
	})
}
