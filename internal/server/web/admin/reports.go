package admin

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"homeward/internal/server/export"
	"homeward/internal/server/operator"
	"homeward/internal/server/report"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

const (
	reportsPath      = "/admin/reports"
	registrationFile = reportsPath + "/registration.csv"
	usageFile        = reportsPath + "/usage.csv"

	barWidth  = 1000 // of a drawn bar, in its own units
	barHeight = 100
)

// Reports counts what the reports show.
type Reports interface {
	Summary(ctx context.Context, t tenant.Tenant) (report.Summary, error)
	Walk(ctx context.Context, t tenant.Tenant, do func(report.Person) error) error
	Usage(ctx context.Context, t tenant.Tenant, days int) (report.Usage, error)
	Pace(ctx context.Context, t tenant.Tenant) (report.Pace, error)
}

func reportRoutes() []route {
	return []route{
		{"GET " + reportsPath, operator.ReadReports, (*visit).getReports},
		{"GET " + registrationFile, operator.ReadReports, (*visit).getRegistrationFile},
		{"GET " + usageFile, operator.ReadReports, (*visit).getUsageFile},
	}
}

// ReportsPage tells who is ready to help themselves, and what was done: GET /admin/reports.
type ReportsPage struct {
	Frame

	Summary report.Summary
	Usage   report.Usage
	Span    int // days
}

// Template names the page's file.
func (ReportsPage) Template() string { return "reports" }

// Title is the page's one h1.
func (p ReportsPage) Title() string { return p.T("admin.nav.reports") }

// Crumbs lead to the page.
func (p ReportsPage) Crumbs() []Crumb { return []Crumb{{p.Title(), ""}} }

// Figure is one line of a table of counts.
type Figure struct {
	Name string
	N    int
}

// Unable is how many people can't reset their password.
func (p ReportsPage) Unable() int { return p.Summary.People - p.Summary.Able }

// AbleWidth is the part of the bar that stands for those who can.
func (p ReportsPage) AbleWidth() int {
	if p.Summary.People == 0 {
		return 0
	}
	return p.Summary.Able * barWidth / p.Summary.People
}

// Reasons are why people can't, those that hold for somebody.
func (p ReportsPage) Reasons() []Figure {
	var out []Figure
	for _, w := range report.Reasons() {
		if n := p.Summary.Why[w]; n > 0 {
			out = append(out, Figure{p.T(whyWord(w)), n})
		}
	}
	return out
}

// Methods are what people have registered.
func (p ReportsPage) Methods() []Figure {
	var out []Figure
	for _, k := range verify.Kinds() {
		out = append(out, Figure{p.T(kindWord(k)), p.Summary.With[k]})
	}
	return append(out, Figure{p.T("admin.reports.nothing"), p.Summary.None})
}

// Heads are the outcomes, as columns.
func (p ReportsPage) Heads() []string {
	var out []string
	for _, o := range report.Outcomes() {
		out = append(out, p.T(outcomeWord(o)))
	}
	return out
}

// Line is one row of numbers.
type Line struct {
	Name    string
	Numbers []int
}

// Totals are the outcomes of each activity.
func (p ReportsPage) Totals() []Line {
	var out []Line
	for _, a := range report.Activities() {
		out = append(out, Line{p.activity(a), outcomes(p.Usage.Totals[a])})
	}
	return out
}

// Days are the outcomes of each day, newest first.
func (p ReportsPage) Days() []Line {
	var out []Line
	for _, d := range slices.Backward(p.Usage.Days) {
		out = append(out, Line{p.Day(d.Date, p.Location), outcomes(d.Of)})
	}
	return out
}

func outcomes(of map[report.Outcome]int) []int {
	var out []int
	for _, o := range report.Outcomes() {
		out = append(out, of[o])
	}
	return out
}

// Column is one day of the drawing: what was done at the bottom, what wasn't above it.
type Column struct{ X, Width, DoneY, Done, RestY, Rest int }

// Columns draw the days. The table beside the drawing says the same.
func (p ReportsPage) Columns() []Column {
	most := 1
	for _, d := range p.Usage.Days {
		most = max(most, d.Sum())
	}
	step := barWidth / max(len(p.Usage.Days), 1)
	var out []Column
	for i, d := range p.Usage.Days {
		done := d.Of[report.Done] * barHeight / most
		all := d.Sum() * barHeight / most
		out = append(out, Column{X: i * step, Width: max(step-2, 1), DoneY: barHeight - done, Done: done, RestY: barHeight - all, Rest: all - done})
	}
	return out
}

// UsageFile is the address of the usage as a file.
func (p ReportsPage) UsageFile() string { return usageFile + "?days=" + strconv.Itoa(p.Span) }

// span is how many days were asked for.
func (v *visit) span() int {
	if v.r.URL.Query().Get("days") == "90" {
		return 90
	}
	return 30
}

func (v *visit) getReports() error {
	p := ReportsPage{Frame: v.frame, Span: v.span()}
	var err error
	if p.Summary, err = v.Reports.Summary(v.ctx(), v.tenant); err != nil {
		return err
	}
	if p.Usage, err = v.Reports.Usage(v.ctx(), v.tenant, p.Span); err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// getRegistrationFile sends a line for each person as they are read.
func (v *visit) getRegistrationFile() error {
	v.attach(export.CSV, "homeward-registration")
	out := export.NewTable(v.w, report.Columns()...)
	n := 0
	err := v.Reports.Walk(v.ctx(), v.tenant, func(p report.Person) error {
		if n++; n%exportPage == 0 {
			v.patient()
		}
		return out.Row(p.Line().Cells()...)
	})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return v.broken(err)
	}
	return nil
}

// getUsageFile sends a line for each day.
func (v *visit) getUsageFile() error {
	u, err := v.Reports.Usage(v.ctx(), v.tenant, v.span())
	if err != nil {
		return err
	}
	v.attach(export.CSV, "homeward-usage")
	out := export.NewTable(v.w, report.DayColumns()...)
	for _, d := range u.Days {
		if err := out.Row(d.Cells()...); err != nil {
			return v.broken(err)
		}
	}
	if err := out.Flush(); err != nil {
		return v.broken(err)
	}
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// whyWord is why somebody can't reset their password.
func whyWord(w report.Why) string {
	return map[report.Why]string{
		report.TurnedOff:  "admin.reports.why.turned_off",
		report.Unlicensed: "admin.reports.why.not_licensed",
		report.Cloud:      "admin.reports.why.cloud_only",
		report.NotInScope: "admin.reports.why.not_in_scope",
		report.Stopped:    "admin.reports.why.stopped",
		report.Held:       "admin.reports.why.held",
		report.NoAgent:    "admin.reports.why.no_agent",
		report.Other:      "admin.reports.why.other",
		report.Disabled:   "admin.reports.why.disabled",
		report.Protected:  "admin.reports.why.protected",
		report.TooFew:     "admin.reports.why.too_few",
	}[w]
}

// kindWord is a kind of check as a heading.
func kindWord(k verify.Kind) string {
	return map[verify.Kind]string{
		verify.Passkey:   "method.passkey",
		verify.App:       "method.app",
		verify.Text:      "admin.reports.phone",
		verify.Mail:      "admin.reports.mail",
		verify.Questions: "method.questions",
	}[k]
}

// outcomeWord is what became of attempts.
func outcomeWord(o report.Outcome) string {
	return map[report.Outcome]string{
		report.Done:       "admin.result.changed",
		report.Refused:    "admin.result.refused",
		report.Failed:     "admin.result.failed",
		report.Unsure:     "admin.result.unknown",
		report.Unfinished: "admin.reports.unfinished",
	}[o]
}
