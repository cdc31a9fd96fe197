package admin

import (
	"net/http"
	"strconv"
	"time"

	"homeward/internal/event"
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

	Time, Took         string
	Look, Icon         string
	Hop, Name, Meaning string
	Who                string
	Word, Why          string
}

// Template names the page's file.
func (EventPage) Template() string { return "event" }

// Title is the page's one h1.
func (p EventPage) Title() string { return p.Entry.Activity + ": " + p.Entry.Word }

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
	p := EventPage{Frame: v.frame, Support: records[0].Support}
	n, err := v.namer()
	if err != nil {
		return p, err
	}
	last := records[len(records)-1]
	for _, r := range records {
		if r.Event != audit.Told {
			last = r
		}
		p.Steps = append(p.Steps, v.step(n, r))
	}
	p.Entry = v.entry(n, last)
	// The reason is in the last row that names one: an answer row that follows says only that it failed.
	for _, r := range records {
		if e, ok := event.Lookup(event.Code(r.Event)); ok && (p.Meaning == "" || e.Remedy != "" || p.Remedy == "") {
			p.Meaning, p.Remedy, p.Code = e.Meaning, e.Remedy, r.Event
		}
	}
	if whole := records[len(records)-1].At.Sub(records[0].At); whole > 0 {
		p.Total = p.took(int64(whole / time.Microsecond))
	}
	return p, nil
}

func (v *visit) step(n *namer, r audit.Record) Step {
	s := Step{
		Record: r, Time: r.At.In(v.frame.Location).Format("15:04:05.000"), Took: v.frame.took(r.Micros),
		Word: v.frame.result(r.Result), Why: v.frame.reason(r.Reason), Who: n.name(r.Actor),
	}
	s.Look, _ = look(r)
	s.Icon, s.Hop = hopIcon(r.Hop), v.frame.T("admin.hop.other", "Name", r.Hop)
	if id := hopWord(r.Hop); id != "" {
		s.Hop = v.frame.T(id)
	}
	if e, ok := event.Lookup(event.Code(r.Event)); ok {
		s.Name, s.Meaning = e.Name, e.Meaning
	}
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
