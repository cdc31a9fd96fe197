package connect

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"homeward/internal/doctor"
)

// ErrStopped reports that a page stopped an unattended run, or that somebody gave up. Why has been told.
var ErrStopped = errors.New("nothing was changed")

// ErrUnfinished reports that Configure broke off, or that the doctor found problems. What has been told.
var ErrUnfinished = errors.New("not everything is done")

// Lines is the wizard without screens.
type Lines struct {
	In  io.Reader // read byte by byte: what follows a line belongs to the next question
	Out io.Writer
	// Secret reads a line that isn't shown.
	Secret func() ([]byte, error)
	ASCII  bool // the terminal shows no UTF-8
	// Unattended asks nothing: a file of answers has spoken. What is missing ends the run.
	Unattended bool
}

// Plain runs the wizard line by line.
func (l Lines) run(ctx context.Context, world World, s session) error {
	w := newWizard(s)
	defer w.s.wipe()
	l.printf("Homeward Connect %s on %s\n", w.s.opts.Build, w.s.opts.Machine)
	l.finish(ctx, world, w, w.look())
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.printf("\n%s\n", w.page().title)
		if blocks(w.findings) {
			l.show(w)
			return ErrStopped
		}
		if w.page().final {
			l.show(w)
			if w.s.facts.failed || w.s.facts.report.Problems > 0 {
				return ErrUnfinished
			}
			return nil
		}
		if err := l.page(ctx, world, w); err != nil {
			return err
		}
	}
}

// page asks one page's questions until its check is content.
func (l Lines) page(ctx context.Context, world World, w *wizard) error {
	for {
		if !l.Unattended {
			if another, err := l.questions(ctx, world, w); err != nil || another {
				return err
			}
		} else {
			l.show(w)
		}
		here := w.at
		if l.Unattended && w.stuck {
			return ErrStopped
		}
		l.finish(ctx, world, w, w.next())
		for w.at == here && !blocks(w.findings) {
			l.findings(w.findings)
			for _, name := range open(w.findings, w.s.answers.Accepted) {
				if l.Unattended {
					l.printf("To go on all the same, name it in the answers: accepted: [%q]\n", name)
					return ErrStopped
				}
				yes, err := l.yes("Go on, knowing this ("+name+")?", false)
				if err != nil || !yes {
					return cmp.Or(err, ErrStopped)
				}
			}
			l.finish(ctx, world, w, w.next())
		}
		if w.at != here {
			return nil
		}
		l.findings(w.findings)
		if l.Unattended || w.page().check == nil {
			return ErrStopped
		}
		again, err := l.yes("Answer this page again?", true)
		if err != nil || !again {
			return cmp.Or(err, ErrStopped)
		}
	}
}

// finish does work, and what follows from it.
func (l Lines) finish(ctx context.Context, world World, w *wizard, do work) {
	for do != nil {
		configuring := w.page().step == stepConfigure
		o := do(ctx, world, w.s, func(p progress) {
			w.tell(p)
			switch {
			case p.step != nil:
				l.findings([]doctor.Finding{*p.step})
			case p.device != nil:
				l.printf("To approve this machine, run on the server: homeward agent approve %s\nTo turn it away, add --refuse. The wizard goes on by itself.\n", p.device.UserCode)
			case configuring:
				l.printf("... %s\n", p.line)
			}
		})
		at := w.at
		if do = w.done(o); w.at != at && !configuring { // it went on at once
			l.findings(o.findings)
		}
	}
}

// questions asks for each item of the page. It reports whether an answer has made it another page.
func (l Lines) questions(ctx context.Context, world World, w *wizard) (another bool, err error) {
	asked := map[*string]bool{}
	for i := 0; i < len(w.page().items(&w.s)); i++ { // an answer may change what is asked next
		it := w.page().items(&w.s)[i]
		switch it.kind {
		case words:
			if it.text != "" {
				l.printf("%s%s\n", it.lead, clean2(it.text))
			}
		case finding:
			l.findings([]doctor.Finding{it.finding})
		case field:
			if err := l.field(it); err != nil {
				return false, err
			}
		case secret:
			l.printf("%s (not shown): ", it.text)
			b, err := l.secret(it.text)
			if err != nil {
				return false, err
			}
			l.printf("\n")
			if len(b) > 0 {
				editSecret(it.secret, key{name: "ctrl+u"})
				editSecret(it.secret, key{text: string(b)})
				clear(b)
			}
		case radio:
			if asked[it.value] {
				continue
			}
			asked[it.value] = true
			if err := l.oneOf(w.page().items(&w.s), it); err != nil {
				return false, err
			}
		case check:
			if it.off != "" {
				l.printf("%s: %s\n", it.text, it.off)
				continue
			}
			yes, err := l.yes(it.text+"?", *it.on)
			if err != nil {
				return false, err
			}
			*it.on = yes
		case row:
			if err := l.units(w.s.here().tree); err != nil {
				return false, err
			}
			i += len(w.s.here().tree.visible()) - 1
		case button:
			before := len(w.s.places)
			if another, err = l.button(ctx, world, w, it); err != nil || another || len(w.s.places) != before {
				return another, err
			}
		}
	}
	if w.page().title == titleReady {
		yes, err := l.yes("Configure now?", false)
		if err == nil && !yes {
			err = ErrStopped
		}
		return false, err
	}
	return false, nil
}

func (l Lines) button(ctx context.Context, world World, w *wizard, it item) (another bool, err error) {
	yes, err := l.yes(it.text+"?", false)
	if err != nil || !yes {
		return false, err
	}
	switch it.do {
	case saveScript:
		l.printf("%s", w.s.script())
	case addDirectory:
		w.s.add()
	case takeOut:
		l.finish(ctx, world, w, w.takeOut())
		return true, nil
	}
	return false, nil
}

func (l Lines) field(it item) error {
	l.printf("%s [%s]: ", it.text, clean(*it.value))
	line, err := l.line()
	if err != nil {
		return err
	}
	switch line {
	case "":
	case "-":
		*it.value = ""
	default:
		*it.value = line
	}
	return nil
}

// oneOf asks for one of the radios that belong together, by number.
func (l Lines) oneOf(items []item, first item) error {
	var choices []item
	for _, it := range items {
		if it.kind == radio && it.value == first.value && it.off == "" {
			choices = append(choices, it)
		}
	}
	at := 1
	for n, it := range choices {
		l.printf("  %d  %s\n", n+1, it.text)
		if it.choice == *first.value {
			at = n + 1
		}
	}
	for {
		l.printf("Which one, 1 to %d [%d]: ", len(choices), at)
		line, err := l.line()
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(cmp.Or(line, strconv.Itoa(at)))
		if err == nil && n >= 1 && n <= len(choices) {
			*first.value = choices[n-1].choice
			return nil
		}
		l.printf("A number from 1 to %d.\n", len(choices))
	}
}

// units asks for OUs by number.
func (l Lines) units(t *tree) error {
	for i := range t.nodes {
		t.nodes[i].open = true
	}
	for {
		for i := range t.nodes {
			l.printf("%4d%s\n", i+1, t.line(i, ""))
		}
		l.printf("Numbers to choose or leave out, with spaces between; an empty line goes on: ")
		line, err := l.line()
		if err != nil || line == "" {
			return err
		}
		for word := range strings.FieldsSeq(line) {
			n, err := strconv.Atoi(word)
			if err != nil || n < 1 || n > len(t.nodes) {
				l.printf("%s isn't a number of an OU.\n", clean(word))
				continue
			}
			t.toggle(n - 1)
		}
	}
}

func (l Lines) yes(question string, preset bool) (bool, error) {
	hint := "y/N"
	if preset {
		hint = "Y/n"
	}
	for {
		l.printf("%s [%s]: ", question, hint)
		line, err := l.line()
		if err != nil {
			return false, err
		}
		switch strings.ToLower(line) {
		case "":
			return preset, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}

// line reads one answer, again where it can't be one. Input that ends is somebody who has left.
func (l Lines) line() (string, error) {
	for {
		b, err := l.raw()
		if err != nil {
			return "", err
		}
		why := ""
		if b = bytes.TrimSpace(b); len(b) > 0 {
			why = unusable(b)
		}
		if why == "" {
			return clean(string(b)), nil
		}
		l.printf("%s\n", why)
		if l.Unattended {
			return "", errors.New(why)
		}
		l.printf("Once more: ")
	}
}

// raw reads to the end of the line, and keeps no more of it than shows that it is too long.
func (l Lines) raw() ([]byte, error) {
	var b []byte
	var one [1]byte
	for {
		n, err := l.In.Read(one[:])
		switch {
		case n == 1 && one[0] == '\n':
			return b, nil
		case n == 1 && len(b) <= maxField:
			b = append(b, one[0])
		case n == 1:
		case errors.Is(err, io.EOF) && len(b) == 0:
			return nil, fmt.Errorf("the input ended: %w", ErrStopped)
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return nil, fmt.Errorf("read an answer: %w", err)
		}
	}
}

// secret reads a secret, again where it can't be one. Nothing of it is shown.
func (l Lines) secret(label string) ([]byte, error) {
	for {
		b, err := l.Secret()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", strings.ToLower(label), err)
		}
		why := unusable(b)
		if why == "" {
			return b, nil
		}
		clear(b)
		if l.Unattended {
			return nil, errors.New(strings.ToLower(label) + ": " + why)
		}
		l.printf("\n%s\n%s (not shown): ", why, label)
	}
}

// show prints a page that asks nothing.
func (l Lines) show(w *wizard) {
	for _, it := range w.page().items(&w.s) {
		switch it.kind {
		case words:
			if it.text != "" {
				l.printf("%s%s\n", it.lead, clean2(it.text))
			}
		case finding:
			if w.page().title != "Configuration complete" || !slices.ContainsFunc(w.s.facts.results, func(f doctor.Finding) bool { return f.Text == it.finding.Text && f.Name == it.finding.Name }) {
				l.findings([]doctor.Finding{it.finding})
			}
		}
	}
	l.findings(w.findings)
}

func (l Lines) findings(all []doctor.Finding) {
	for _, f := range all {
		l.printf("[%s] %s\n", f.Status, clean2(f.Text))
		for _, r := range f.Remedies {
			l.printf("  %s\n", clean2(r.What))
			for _, c := range r.Commands {
				l.printf("  %s: %s\n", c.Where, clean(c.Line))
			}
		}
	}
}

// clean2 is clean for text of several lines.
func clean2(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func (l Lines) printf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if l.ASCII {
		text = ascii(text)
	}
	_, _ = io.WriteString(l.Out, text)
}
