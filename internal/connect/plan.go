package connect

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"homeward/internal/doctor"
)

// Step is one thing that Configure does: in words, before it happens, and how.
type Step struct {
	Name  string
	Words string
	do    func(ctx context.Context, w World, s *session) ([]doctor.Finding, error)
}

// planned are the steps of a task, in order.
func planned(s *session) []Step {
	switch s.answers.Task {
	case Schema:
		return slices.Concat(s.each(s.walked(), rereading), []Step{starting(s), checking()})
	case Staging:
		return []Step{writing(s), starting(s), checking()}
	case Rotate:
		return []Step{enrolling(s, true), starting(s), checking()}
	case Repair:
		return append(s.each(s.walked(), granting), checking())
	case Remove:
		return removing(s)
	}
	out := s.each(s.served(), keeping)
	out = append(out, s.each(s.served(), creating)...)
	out = append(out, writing(s))
	out = append(out, s.each(s.served(), granting)...)
	switch {
	case s.renews():
		out = append(out, enrolling(s, true))
	case s.answers.Task == SetUp && !s.facts.portal.Enrolled:
		out = append(out, enrolling(s, false))
	}
	out = append(out, starting(s))
	for _, i := range s.walked() {
		if s.answers.Directories[i].Remove {
			out = append(out, takingBack(s.on(i))...)
		}
	}
	return append(out, checking())
}

// each is a step for each of some directories, where there is something to do.
func (s *session) each(which []int, step func(*session) (Step, bool)) (out []Step) {
	for _, i := range which {
		if one, needed := step(s.on(i)); needed {
			out = append(out, one)
		}
	}
	return out
}

// renews reports whether writeback is turned on again: with new keys, as administrators know it.
func (s *session) renews() bool {
	return s.answers.Task == Customize && slices.ContainsFunc(s.served(), func(i int) bool {
		was, ok := s.on(i).previous()
		return ok && !was && s.answers.Directories[i].Features.Writeback
	})
}

// previous is whether writeback is on in the configuration that is there.
func (s *session) previous() (on, known bool) {
	for _, d := range s.before.Directories {
		if strings.EqualFold(domainOf(d), s.dir().Domain) {
			return d.Features.Writes(), true
		}
	}
	return false, false
}

func ready() page {
	return page{
		title: titleReady, next: "Configure",
		items: func(s *session) []item {
			out := []item{say("When you choose Configure, this wizard will"), blank()}
			for i, step := range s.facts.plan {
				out = append(out, item{kind: words, text: step.Words, lead: fmt.Sprintf("  %d. ", i+1)})
			}
			if t := s.answers.Task; t != Remove && t != Repair {
				out = append(out, blank(), tick("Start the agent and the first sync afterwards", &s.answers.Start, "", ""))
			}
			if slices.ContainsFunc(s.walked(), func(i int) bool { return s.places[i].rights.Missing > 0 }) {
				out = append(out, blank(), say("Someone else manages rights?"), item{kind: button, text: "Save as script", do: saveScript})
			}
			return out
		},
		enter: func(ctx context.Context, w World, s session, _ func(progress)) outcome {
			rights := map[int]Rights{}
			for _, i := range s.walked() {
				t := s.on(i)
				if !t.withAdmin() || t.dir().Remove || s.answers.Task == Remove {
					continue
				}
				r, err := w.Administration.Needed(ctx, t.admin(), t.accountName())
				if err != nil {
					return fail("rights", err.Error(), "")
				}
				rights[i] = r
			}
			return outcome{learned: func(s *session) {
				for i, r := range rights {
					s.places[i].rights = r
				}
				s.facts.plan = planned(s)
			}}
		},
	}
}

// accountName is the service account as DOMAIN\name, or as it was typed.
func (s *session) accountName() string {
	switch d := s.dir(); d.Account {
	case NewAccount:
		return s.here().domain.NetBIOS + `\` + d.Name
	case NewManaged:
		return s.here().domain.NetBIOS + `\` + d.Name + "$"
	default:
		return d.User
	}
}

func configuring() page {
	return page{
		title: "Configuring", step: stepConfigure, next: "",
		items: func(s *session) []item {
			out := []item{say("Each line is over when it shows its result."), blank()}
			for _, f := range s.facts.results {
				out = append(out, item{kind: finding, finding: f})
			}
			return out
		},
		enter: configure,
	}
}

// configure carries the plan out. It stops at the first step that fails; what comes after it is told as not done.
func configure(ctx context.Context, w World, s session, tell func(progress)) outcome {
	var results []doctor.Finding
	failed := false
	note := func(f doctor.Finding) {
		results = append(results, f)
		tell(progress{step: &f})
	}
	if s.opts.Answers != "" {
		if b, err := s.answers.Bytes(); err != nil {
			note(doctor.Finding{Name: "answers", Status: doctor.Warn, Text: err.Error()})
		} else if err := replaceFile(s.opts.Answers, b); err != nil {
			note(doctor.Finding{Name: "answers", Status: doctor.Warn, Text: err.Error()})
		}
	}
	for _, step := range s.facts.plan {
		if failed {
			note(doctor.Finding{Name: step.Name, Status: doctor.Skip, Text: "not done: " + firstLine(step.Words)})
			continue
		}
		tell(progress{line: firstLine(step.Words)})
		found, err := step.do(ctx, w, &s)
		for _, f := range found {
			note(f)
		}
		if err != nil {
			failed = true
			note(doctor.Finding{Name: step.Name, Status: doctor.Fail, Text: step.Name + ": " + err.Error()})
			w.Log.Error("connect: a step failed", "task", string(s.answers.Task), "step", step.Name, "error", err.Error())
			continue
		}
		w.Log.Info("connect: a step is done", "task", string(s.answers.Task), "step", step.Name)
	}
	report := s.facts.report
	return outcome{learned: func(s *session) {
		s.facts.results, s.facts.report, s.facts.failed = results, report, failed
		s.wipe()
	}}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(line, ":")
}

// complete tells what was done, and what is left to mend.
func complete() page {
	return page{
		title: "Configuration complete", next: "Finish", final: true,
		items: func(s *session) []item {
			var out []item
			for _, f := range s.facts.results {
				out = append(out, item{kind: finding, finding: f})
			}
			problems := 0
			for _, section := range s.facts.report.Sections {
				for _, f := range section.Findings {
					if f.Status == doctor.Fail || f.Status == doctor.Warn {
						problems++
						out = append(out, item{kind: finding, finding: doctor.Finding{Name: f.Name, Status: f.Status, Text: f.Name + ": " + f.Text}})
					}
				}
			}
			switch {
			case s.facts.failed:
				out = append(out, blank(), say("It broke off. What is marked [ok] was done and stays; run homeward connect again, it does only what is missing."))
			case problems > 0:
				out = append(out, blank(), say(things(problems)+" to look at. For the exact commands, run"), blank(), say("  homeward doctor"))
			}
			if s.answers.Task == SetUp && !s.facts.failed {
				out = append(out, blank(), say("Next, in the admin portal: Password reset > On-premises integration."))
			}
			return out
		},
	}
}

func things(n int) string {
	if n == 1 {
		return "One thing"
	}
	return fmt.Sprintf("%d things", n)
}

// Script is what somebody else can run to give the rights.
func Script(account string, r Rights) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Rights of %s for Homeward. Written by homeward connect; nothing was changed.\n# Each command is one line, for a domain admin on a domain controller.\n", account)
	var where []string
	for _, x := range r.Script {
		for _, c := range x.Commands {
			if !slices.Contains(where, c.Where) {
				where = append(where, c.Where)
			}
		}
	}
	for _, place := range where {
		fmt.Fprintf(&b, "\n# %s\n", place)
		for _, x := range r.Script {
			var lines []string
			for _, c := range x.Commands {
				if c.Where == place {
					lines = append(lines, c.Line)
				}
			}
			if lines != nil {
				fmt.Fprintf(&b, "# %s\n%s\n", x.What, strings.Join(lines, "\n"))
			}
		}
	}
	return b.String()
}

// script is what is missing in every directory that is walked.
func (s *session) script() string {
	var parts []string
	for _, i := range s.walked() {
		if t := s.on(i); t.here().rights.Missing > 0 {
			parts = append(parts, Script(t.accountName(), t.here().rights))
		}
	}
	return strings.Join(parts, "\n")
}

func writeScript(_ context.Context, _ World, s session, _ func(progress)) outcome {
	path := filepath.Join(filepath.Dir(s.opts.Config), "homeward-rights.txt")
	if err := replaceFile(path, []byte(s.script())); err != nil {
		return fail("script", err.Error(), "")
	}
	return outcome{findings: []doctor.Finding{{Name: "script", Status: doctor.OK, Text: "written to " + path}}, stay: true}
}

// savePage keeps the last page as text.
func savePage(_ context.Context, _ World, s session, _ func(progress)) outcome {
	path := filepath.Join(filepath.Dir(s.opts.Config), "homeward-connect.txt")
	var b strings.Builder
	for _, it := range complete().items(&s) {
		for _, line := range it.lines(false, 0, nil) {
			b.WriteString(line + "\n")
		}
	}
	if err := replaceFile(path, []byte(b.String())); err != nil {
		return fail("page", err.Error(), "")
	}
	return outcome{findings: []doctor.Finding{{Name: "page", Status: doctor.OK, Text: "saved as " + path}}, stay: true}
}
