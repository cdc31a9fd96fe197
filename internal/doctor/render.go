package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

const (
	nameWidth = 18
	// named is how many of those affected the table names; JSON names more.
	named = 3
)

// Table writes the report for people. Commands stay on one line each, so that they can be copied.
func (r Report) Table(w io.Writer, color bool) error {
	t := table{color: color}
	t.printf("%s  %s\n", r.Title, r.At)
	for _, s := range r.Sections {
		t.printf("\n%s\n", s.Name)
		for _, f := range s.Findings {
			t.finding(f)
		}
	}
	for _, s := range r.Sections {
		for _, f := range s.Findings {
			t.remedies(s, f)
		}
	}
	t.printf("\n%s\n", r.summary())
	_, err := io.WriteString(w, t.b.String())
	return err
}

type table struct {
	b     strings.Builder
	color bool
}

func (t *table) printf(format string, args ...any) { fmt.Fprintf(&t.b, format, args...) }

func (t *table) finding(f Finding) {
	pad := strings.Repeat(" ", max(1, nameWidth-utf8.RuneCountInString(f.Name)))
	t.printf("  %s %s%s%s\n", t.status(f.Status), f.Name, pad, clean(f.Text))
	for _, who := range f.Affected[:min(named, len(f.Affected))] {
		t.printf("       %s%s\n", strings.Repeat(" ", nameWidth), clean(who))
	}
	if more := max(f.Count, len(f.Affected)) - named; more > 0 && len(f.Affected) > 0 {
		t.printf("       %sand %d more\n", strings.Repeat(" ", nameWidth), more)
	}
}

// status pads the word; colour goes around it only.
func (t *table) status(s Status) string {
	text := fmt.Sprintf("%-4s", string(s))
	code := map[Status]string{OK: "32", Warn: "33", Fail: "31"}[s]
	if !t.color || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *table) remedies(s Section, f Finding) {
	if len(f.Remedies) == 0 {
		return
	}
	t.printf("\n%s: %s\n", s.Name, f.Name)
	for _, r := range f.Remedies {
		t.printf("  %s:\n", strings.TrimRight(clean(r.What), ".:"))
		where := ""
		for _, c := range r.Commands {
			if c.Where != where {
				where = c.Where
				t.printf("  # %s\n", where)
			}
			t.printf("%s\n", clean(c.Line))
		}
	}
}

// clean keeps what comes from a directory from steering the terminal or breaking a line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || (r >= 0x7f && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return '?'
		}
		return r
	}, s)
}

func (r Report) summary() string {
	if r.Problems == 0 && r.Warnings == 0 {
		return "All is well."
	}
	return plural(r.Problems, "problem") + ", " + plural(r.Warnings, "warning") + "."
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
