package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
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
	// textColumn is where texts begin: two blanks, the status in six columns, the name.
	textColumn = 2 + 6 + nameWidth
	// width is a terminal's. Only commands and single long words go beyond it.
	width = 80
	// named is how many of those affected the table names; JSON names more.
	named = 3
)

// Table writes the report for people. Commands stay on one line each, so that they can be copied.
func (r Report) Table(w io.Writer, color bool) error {
	t := table{color: color}
	at := moment(r.At)
	t.printf("%s%s%s\n", r.Title, strings.Repeat(" ", max(2, width-utf8.RuneCountInString(r.Title)-len(at))), at)
	for _, s := range r.Sections {
		if len(s.Findings) == 0 {
			continue
		}
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

// moment writes the report's time as people do.
func moment(at string) string {
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return at
	}
	return t.Format("2 Jan 2006 15:04:05 -07:00")
}

type table struct {
	b     strings.Builder
	color bool
}

func (t *table) printf(format string, args ...any) { fmt.Fprintf(&t.b, format, args...) }

func (t *table) finding(f Finding) {
	pad := strings.Repeat(" ", max(1, nameWidth-utf8.RuneCountInString(f.Name)))
	t.printf("  %s%s%s", t.status(f.Status), f.Name, pad)
	t.wrapped(textColumn, clean(f.Text))
	margin := strings.Repeat(" ", textColumn)
	for _, who := range f.Affected[:min(named, len(f.Affected))] {
		t.printf("%s%s\n", margin, clean(who))
	}
	if more := max(f.Count, len(f.Affected)) - named; more > 0 && len(f.Affected) > 0 {
		t.printf("%sand %d more\n", margin, more)
	}
}

// wrapped writes a text that begins at a column, and its further lines at the same one.
func (t *table) wrapped(column int, text string) {
	at := column
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case at+1+n > width:
			t.printf("\n%s", strings.Repeat(" ", column))
			at = column
		default:
			t.printf(" ")
			at++
		}
		t.printf("%s", word)
		at += n
	}
	t.printf("\n")
}

// status pads the word; colour goes around it only.
func (t *table) status(s Status) string {
	text := fmt.Sprintf("%-6s", string(s))
	code := map[Status]string{OK: "32", Warn: "33", Fail: "31"}[s]
	if !t.color || code == "" {
		return text
	}
	word := string(s)
	return "\x1b[" + code + "m" + word + "\x1b[0m" + text[len(word):]
}

func (t *table) remedies(s Section, f Finding) {
	if len(f.Remedies) == 0 {
		return
	}
	t.printf("\n%s: %s\n", s.Name, f.Name)
	for _, r := range f.Remedies {
		t.printf("  ")
		t.wrapped(2, strings.TrimRight(clean(r.What), ".:")+":")
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
	code := "Exit code 0."
	if r.Problems > 0 {
		code = "Exit code 1."
	}
	problems := plural(r.Problems, "problem")
	return strings.ToUpper(problems[:1]) + problems[1:] + ", " + plural(r.Warnings, "warning") + ". " + code
}

func plural(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
