package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
)

// EventPage is one attempt hop by hop, or one record that belongs to none: GET /admin/audit/….
type EventPage struct {
	Frame

	Support string
	Entry   Entry // what it came to
	Steps   []Step
	Meaning string // of the last event, from the catalogue
	Remedy  string
	Code    int
	Total   string
	Person  string // address of the person it is about; empty: it's about nobody whom the operator may see
	Command string // says what is missing and prints what mends it
}

// Step is one hop.
type Step struct {
	audit.Record
	Said

	What, Time, Took   string
	Look, Icon         string
	Hop, Name, Meaning string
	Who                string
	Word, Why          string
}

// Template names the page's file.
func (EventPage) Template() string { return "event" }

// Title is the page's one h1.
func (p EventPage) Title() string {
	if p.Entry.Why != "" {
		return p.T("admin.event.title.why", "What", p.Entry.What, "Result", p.Entry.Word, "Why", p.Entry.Why)
	}
	return p.T("admin.event.title", "What", p.Entry.What, "Result", p.Entry.Word)
}

// Changed says what an attempt to change something left behind that didn't come to a good end; empty: that says nothing here.
func (p EventPage) Changed() string {
	if !p.Entry.attempt() {
		return ""
	}
	switch p.Entry.Result {
	case "refused", "failed":
		return p.T("admin.event.changed.nothing")
	case "unknown":
		return p.T("admin.event.changed.unknown")
	}
	return ""
}

// attempt reports whether a record belongs to the attempt to write an account.
func (e Entry) attempt() bool {
	switch e.Activity {
	case "Reset password (self-service)", "Change password (self-service)", "Unlock user account (self-service)",
		"Reset password (by admin)", "Change password (by admin)", "Unlock user account (by admin)":
		return e.Support != ""
	}
	return false
}

// Plain is the page as text, to paste into a ticket or a mail.
func (p EventPage) Plain() string {
	lines := []string{p.Title(), p.about()}
	for _, s := range p.Steps {
		says := s.Meaning
		if says == "" {
			says = s.What
		}
		line := s.Time + " " + together(" · ", s.Hop, s.Who) + ": " + says + " " + together(", ", s.Word, s.Why, s.Took)
		if s.Event != 0 {
			line += " (" + strconv.Itoa(s.Event) + ")"
		}
		lines = append(append(lines, line), s.Lines...)
		if s.Own != "" {
			lines = append(lines, s.Own)
		}
	}
	if p.Remedy != "" {
		lines = append(lines, p.T("admin.event.fix")+": "+together(" ", p.Remedy, p.Command))
	}
	return strings.Join(lines, "\n")
}

// about says whom it is about, when it was, and the support code.
func (p EventPage) about() string {
	code := p.Support
	if code != "" {
		code = p.T("admin.event.support") + " " + code
	}
	return together(" · ", p.Entry.Who, p.When(p.Entry.At), code)
}

// together puts texts that aren't empty together.
func together(between string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), between)
}

// Mail is an address that begins a mail about it: whom it is about, why and what mends it; the page holds the rest.
func (p EventPage) Mail() string {
	body := together("\n", p.about(), p.Meaning, together(" ", p.Remedy, p.Command))
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	return "mailto:?subject=" + escape(p.Title()) + "&body=" + escape(body)
}

// Crumbs lead to the page.
func (p EventPage) Crumbs() []Crumb {
	last := p.Support
	if last == "" {
		last = p.T("admin.event.number", "Number", strconv.FormatInt(p.Entry.Seq, 10))
	}
	return []Crumb{{p.T("admin.nav.audit"), auditPath}, {last, ""}}
}

func (v *visit) getEvent() error {
	id := v.r.PathValue("id")
	var records []audit.Record
	var err error
	if audit.IsSupport(id) {
		records, err = v.Records.Records(v.ctx(), v.tenant.ID, id)
	} else if seq, bad := strconv.ParseInt(id, 10, 64); bad == nil {
		records, err = v.Records.AuditRow(v.ctx(), v.tenant.ID, seq)
		if len(records) > 0 && records[0].Support != "" {
			return v.seeOther(auditPath + "/" + records[0].Support)
		}
	}
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return errNoPage
	}
	p, err := v.eventPage(records)
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

func (v *visit) eventPage(records []audit.Record) (EventPage, error) {
	n, err := v.namer()
	if err != nil {
		return EventPage{}, err
	}
	p := v.frame.eventPage(records, n.name)
	target := p.Entry.Target
	if target == "" || !p.CanSeeUsers() {
		return p, nil
	}
	people, err := v.Names.PeopleByID(v.ctx(), v.tenant.ID, []string{target})
	if err != nil || len(people) == 0 || !people[0].Living() {
		return p, err // an agent, a domain, somebody who is gone: there is no page to lead to
	}
	return p.of(people[0]), nil
}

// of leads to the person an attempt was about, and to what mends it for them.
func (p EventPage) of(person provision.Person) EventPage {
	p.Person = userPath(person.ID)
	if p.Entry.Reason == string(protocol.ReasonRights) {
		p.Command = doctorFor(person)
	}
	return p
}

// doctorFor is the command that looks for what an agent lacks to write a person.
func doctorFor(p provision.Person) string { return "homeward-agent doctor --person " + p.SAM }

// eventPage puts the records of one attempt in words; name says who an id stands for.
func (f Frame) eventPage(records []audit.Record, name func(id string) string) EventPage {
	p := EventPage{Frame: f, Support: records[0].Support}
	last := records[len(records)-1]
	for _, r := range records {
		if r.Event != audit.Told {
			last = r
		}
		p.Steps = append(p.Steps, f.step(r, name))
	}
	p.Entry = f.entry(last, name)
	// The reason is in the last row that names one: an answer row that follows says only that it failed.
	for _, r := range records {
		if _, meaning, remedy := f.event(r.Event); meaning != "" && (p.Meaning == "" || remedy != "" || p.Remedy == "") {
			p.Meaning, p.Remedy, p.Code = meaning, remedy, r.Event
		}
	}
	if whole := records[len(records)-1].At.Sub(records[0].At); whole > 0 {
		p.Total = p.took(int64(whole / time.Microsecond))
	}
	return p
}

func (f Frame) step(r audit.Record, name func(id string) string) Step {
	s := Step{
		Record: r, What: f.activity(r.Activity), Time: f.Seconds(r.At, f.Location) + r.At.Format(".000"), Took: f.took(r.Micros),
		Word: f.result(r.Result), Why: f.reason(r.Reason), Who: name(r.Actor), Said: f.said(r),
	}
	s.Look, s.Icon = look(r)
	if s.Hop = f.hop(r.Hop); s.Look == "ok" {
		s.Icon = hopIcon(r.Hop)
	}
	s.Name, s.Meaning, _ = f.event(r.Event)
	return s
}

func hopIcon(hop string) string {
	switch hop {
	case "portal":
		return "globe"
	case "relay":
		return "swap"
	case "agent":
		return "agent"
	case "directory":
		return "tree"
	case "operator", "person", "browser":
		return "person"
	}
	return "list"
}

// note records what this operator did.
func (v *visit) note(activity, target, detail string) {
	v.Record(v.ctx(), v.tenant.ID, audit.Record{Activity: activity, Hop: "operator", Result: "ok", Actor: v.by.Name, Target: target, Detail: detail})
}
