package report

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"homeward/internal/server/verify"
)

// Line is one person of the report, as files and programs have it.
type Line struct {
	UPN      string        `json:"upn" about:"Sign-in name."`
	Name     string        `json:"name"`
	Domain   string        `json:"domain,omitempty"`
	Can      bool          `json:"can_reset" about:"Now, by what the server knows; no agent is asked."`
	Why      Why           `json:"reason,omitempty" about:"Why they can't."`
	Methods  []verify.Kind `json:"methods" about:"Registered ones."`
	Mailbox  bool          `json:"directory_mail" about:"The directory's mail address counts as a check."`
	Last     verify.Kind   `json:"last_used,omitempty" about:"What they last passed a check with."`
	Reviewed time.Time     `json:"reviewed,omitzero" about:"When they last said that their methods are right."`
}

// Line is the person as files and programs have them.
func (p Person) Line() Line {
	kinds := append([]verify.Kind{}, p.Kinds...)
	slices.Sort(kinds)
	return Line{
		UPN: p.UPN, Name: p.DisplayName, Domain: p.Domain, Can: p.Why == "", Why: p.Why, Methods: kinds, Mailbox: p.Mailbox, Last: p.Last, Reviewed: p.Reviewed,
	}
}

// Columns name the fields of Cells.
func Columns() []string {
	return []string{"user_principal_name", "display_name", "domain", "can_reset", "reason", "methods", "directory_mail", "last_used", "reviewed"}
}

// Cells are a line of a CSV file.
func (l Line) Cells() []string {
	reviewed := ""
	if !l.Reviewed.IsZero() {
		reviewed = l.Reviewed.UTC().Format(time.DateOnly)
	}
	return []string{l.UPN, l.Name, l.Domain, yesNo(l.Can), string(l.Why), l.Kinds(), yesNo(l.Mailbox), string(l.Last), reviewed}
}

// Kinds are the methods in one text.
func (l Line) Kinds() string {
	kinds := make([]string, len(l.Methods))
	for i, k := range l.Methods {
		kinds[i] = string(k)
	}
	return strings.Join(kinds, " ")
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// DayColumns name the fields of a day's Cells.
func DayColumns() []string {
	out := []string{"date"}
	for _, a := range Activities() {
		out = append(out, "done: "+a)
	}
	for _, o := range Outcomes() {
		out = append(out, string(o))
	}
	return out
}

// Cells are a line of a CSV file.
func (d Day) Cells() []string {
	out := []string{d.Date.Format(time.DateOnly)}
	for _, a := range Activities() {
		out = append(out, strconv.Itoa(d.Done[a]))
	}
	for _, o := range Outcomes() {
		out = append(out, strconv.Itoa(d.Of[o]))
	}
	return out
}
