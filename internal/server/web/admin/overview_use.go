package admin

import (
	"fmt"
	"strings"

	"homeward/internal/server/operator"
	"homeward/internal/server/report"
)

const (
	usedDays, ratedDays = 14, 7
	// sparkWide and sparkHigh are the size of a drawn line, in its own units.
	sparkWide, sparkHigh = 104, 30
)

// Stat is one number with its line, which only decorates it.
type Stat struct {
	Name, Value, About string
	Line               string // points of the line; empty: there is none
}

// used looks at what was done lately, for who may read reports.
func (v *visit) used(p *OverviewPage) (err error) {
	if !v.by.Role.May(operator.ReadReports) {
		return nil
	}
	if p.Pace, err = v.Reports.Pace(v.ctx(), v.tenant); err != nil {
		return err
	}
	if p.Paced = true; p.Down() {
		return nil
	}
	p.Usage, err = v.Reports.Usage(v.ctx(), v.tenant, usedDays)
	return err
}

// Stats say how much writeback is used; none: it wasn't counted.
func (p OverviewPage) Stats() []Stat {
	days := p.Usage.Days
	if len(days) == 0 {
		return nil
	}
	return []Stat{
		p.daily(p.T("admin.overview.use.resets"), "Reset password (self-service)", "Reset password (by admin)"),
		p.daily(p.T("admin.overview.use.unlocks"), "Unlock user account (self-service)", "Unlock user account (by admin)"),
		p.rate(days[max(0, len(days)-ratedDays):]),
		p.pace(),
	}
}

// pace is how long it took until passwords were in the directory. The line is that of its days.
func (p OverviewPage) pace() Stat {
	s := Stat{Name: p.T("admin.overview.use.pace"), Value: "–", About: p.T("admin.overview.use.pace.none")}
	if p.Pace.N == 0 {
		return s
	}
	s.Value, s.About = p.span(p.Pace.Median), p.T("admin.overview.use.pace.slow", "Slow", p.span(p.Pace.Slow))
	var each []int
	for _, d := range p.Pace.Days {
		each = append(each, int(d.Milliseconds()))
	}
	s.Line = spark(each)
	return s
}

// daily counts some activities that were done, by day.
func (p OverviewPage) daily(name string, activities ...string) Stat {
	var each []int
	sum := 0
	for _, d := range p.Usage.Days {
		n := 0
		for _, a := range activities {
			n += d.Done[a]
		}
		each, sum = append(each, n), sum+n
	}
	average := (sum + len(each)/2) / len(each)
	return Stat{Name: name, Value: p.Number(each[len(each)-1]), About: p.T("admin.overview.use.average", "N", p.Number(average)), Line: spark(each)}
}

// rate is how many in a hundred attempts that came to an end were done. It is never rounded up: all is all.
func (p OverviewPage) rate(days []report.Day) Stat {
	var done, refused, all int
	var each []int
	for _, d := range days {
		ended := d.Sum() - d.Of[report.Unfinished]
		done, refused, all = done+d.Of[report.Done], refused+d.Of[report.Refused], all+ended
		if ended > 0 {
			each = append(each, 100*d.Of[report.Done]/ended)
		}
	}
	s := Stat{Name: p.T("admin.overview.use.rate"), Value: "–", About: p.T("admin.overview.use.rate.none"), Line: spark(each)}
	if all > 0 {
		s.Value = p.T("admin.percent", "N", 100*done/all)
		s.About = p.T("admin.overview.use.rate.of", "Refused", p.Number(refused), "Failed", p.Number(all-done-refused), "All", p.Number(all))
	}
	return s
}

// spark are the points of a line through some numbers, from left to right; a single one draws none.
func spark(each []int) string {
	if len(each) < 2 {
		return ""
	}
	most := 1
	for _, n := range each {
		most = max(most, n)
	}
	var out strings.Builder
	for i, n := range each {
		fmt.Fprintf(&out, "%d,%d ", i*sparkWide/(len(each)-1), 2+(sparkHigh-4)*(most-n)/most)
	}
	return strings.TrimSpace(out.String())
}
