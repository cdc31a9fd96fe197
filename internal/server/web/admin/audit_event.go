package admin

import (
	"net/http"
	"strconv"
	"time"

	"homeward/internal/server/audit"
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
}

// Step is one hop.
type Step struct {
	audit.Record

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
	return p.T("admin.event.title", "What", p.Entry.What, "Result", p.Entry.Word)
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
	return v.frame.eventPage(records, n.name), nil
}

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
		Word: f.result(r.Result), Why: f.reason(r.Reason), Who: name(r.Actor),
	}
	s.Look, _ = look(r)
	s.Icon, s.Hop = hopIcon(r.Hop), f.hop(r.Hop)
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
