package connect

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The screen: 80 columns by 24 rows, the list of steps on the left, the page on the right.
const (
	width, height = 80, 24
	listWidth     = 27
	bodyRows      = 15 // from row 7 to row 21
)

// view is the whole screen, one string a row, without colour.
func (w *wizard) view() []string {
	rows := make([]string, 0, height)
	left, right := " Homeward Connect "+clip(w.s.opts.Build, 24), clip(w.s.opts.Machine, 34)
	rows = append(rows, left+strings.Repeat(" ", max(1, width-1-utf8.RuneCountInString(left)-utf8.RuneCountInString(right)))+right)
	rows = append(rows, strings.Repeat("─", listWidth)+"┬"+strings.Repeat("─", width-listWidth-1))
	list, pane := w.list(), w.pane()
	for i := range height - 4 {
		l, p := "", ""
		if i < len(list) {
			l = list[i]
		}
		if i < len(pane) {
			p = pane[i]
		}
		rows = append(rows, strings.TrimRight(pad(l, listWidth)[:len(pad(l, listWidth))]+"│"+p, " "))
	}
	rows = append(rows, strings.Repeat("─", listWidth)+"┴"+strings.Repeat("─", width-listWidth-1))
	return append(rows, " "+w.foot())
}

func (w *wizard) foot() string {
	switch {
	case w.busy != "":
		return clip("Please wait: "+w.busy+" …   Ctrl+C Quit", width-2)
	case w.notice != "":
		return clip(w.notice, width-2)
	case w.help:
		return "Any key: back to the page"
	case w.page().final:
		return "Enter Finish   F2 Save this page   F1 Help"
	}
	return "Tab Move   Space Choose   Enter Next   Esc Back   F1 Help   Ctrl+C Quit"
}

// list is the left side: what was done, where one is, and what comes.
func (w *wizard) list() []string {
	out := []string{""}
	here := -1
	var names []string
	for i, p := range w.pages {
		name := p.title
		if p.step == stepConfigure { // its progress belongs to the step before
			name = names[len(names)-1]
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
		if i == w.at {
			here = len(names) - 1
		}
	}
	for i, name := range names {
		mark := "    "
		switch {
		case i == here && w.page().final:
			mark = "  ✓ "
		case i == here:
			mark = "  ▸ "
		case i < here:
			mark = "  ✓ "
		}
		out = append(out, mark+name)
	}
	return out
}

// pane is the right side.
func (w *wizard) pane() []string {
	p := w.page()
	title := p.title
	if w.help {
		return append([]string{"", " Help", " ════", ""}, indent(" ", wrap(helpText, paneWidth-1))...)
	}
	body, last := w.items()
	out := []string{"", " " + title, " " + strings.Repeat("═", utf8.RuneCountInString(title)), ""}
	lines, at := w.lines(body)
	from := 0
	if len(lines) > bodyRows {
		switch {
		case w.unread:
		case w.focus >= len(body) && (w.page().title == titleReady || len(w.findings) > 0 || w.page().final): // what a check found comes last
			from = len(lines) - bodyRows
		case at >= bodyRows-2:
			from = min(at-bodyRows/2, len(lines)-bodyRows)
		}
		if from > 0 {
			out[2] += strings.Repeat(" ", max(1, paneWidth-10-utf8.RuneCountInString(out[2]))) + "(more up)"
		}
	}
	shown := lines[from:min(from+bodyRows, len(lines))]
	out = append(out, shown...)
	for len(out) < 4+bodyRows {
		out = append(out, "")
	}
	if w.busy != "" && !p.final {
		return append(out, "   ...")
	}
	foot := last.lines(w.focus >= len(body), 0, nil)[0]
	if from+bodyRows < len(lines) {
		foot += strings.Repeat(" ", max(1, paneWidth-12-utf8.RuneCountInString(foot))) + "(more down)"
	}
	return append(out, foot)
}

// lines are all lines of the items, and where the focused one begins.
func (w *wizard) lines(body []item) (out []string, at int) {
	labels := 0
	for _, it := range body {
		if it.kind == field || it.kind == secret {
			labels = max(labels, utf8.RuneCountInString(it.text)+2)
		}
	}
	for i, it := range body {
		if i == w.focus {
			at = len(out)
		}
		out = append(out, it.lines(i == w.focus, labels, w.s.here().tree)...)
	}
	return out, at
}

// small is what is shown instead while the window is too small, in the rows and columns it has.
func small(columns, rows int) []string {
	text := fmt.Sprintf("Homeward Connect\n\nThis window has %d columns and %d rows. Make it at least %d by %d to go on: nothing is lost.\n\nCtrl+C Quit", columns, rows, width, height)
	out := wrap(text, max(columns-1, 1))
	return out[:min(len(out), max(rows, 1))]
}

// painted repeats in colour what the words say.
func painted(rows []string) []string {
	marks := strings.NewReplacer("[ok]", "\x1b[32m[ok]\x1b[39m", "[warn]", "\x1b[33m[warn]\x1b[39m", "[FAIL]", "\x1b[31m[FAIL]\x1b[39m", "✓", "\x1b[32m✓\x1b[39m")
	out := make([]string, len(rows))
	for i, r := range rows {
		r = marks.Replace(r)
		if left, right, ok := strings.Cut(r, "│"); ok {
			if strings.Contains(left, "▸") {
				left = "\x1b[36m" + left + "\x1b[39m"
			}
			if strings.HasPrefix(right, ">") {
				right = "\x1b[7m" + right + "\x1b[27m"
			}
			r = left + "│" + right
		}
		out[i] = r
	}
	return out
}

const helpText = `Tab and the arrows move, Space chooses, Enter goes on, Esc goes back. In the tree of OUs the right arrow opens an OU and the left arrow closes it.

Nothing is changed before you choose Configure: until then you can leave with Ctrl+C. Passwords and codes are used at that moment and kept nowhere; running the wizard again does only what is missing.

homeward connect --plain asks the same questions one line at a time. homeward connect --answers FILE keeps the answers, without secrets, and repeats them.`
