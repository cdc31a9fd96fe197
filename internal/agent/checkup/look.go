package checkup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"homeward/internal/agent"
	"homeward/internal/config"
	"homeward/internal/doctor"
	"homeward/internal/protocol"
)

const (
	// lookWithin bounds a checkup that somebody at a page waits for, checkWithin each check of it.
	lookWithin  = 30 * time.Second
	checkWithin = 12 * time.Second
	// mostFix and mostCommands bound what is to be done about one finding.
	mostFix, mostCommands = 4, 8
)

// Look makes every check that doctor makes and tells what they found, within half a minute. names are what the directories were
// called when they were reached last, and progress hears how many checks are over. It opens connections of its own, with the passwords as their files have them now.
func Look(ctx context.Context, c config.Agent, names []string, progress func(done, of int)) ([]protocol.CheckupFinding, error) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	dirs, err := agent.OpenDirectories(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { _ = dirs.Close() }()
	visit := &Checkup{Config: c, Dirs: dirs, Names: names, Now: time.Now}
	return visit.tell(doctor.Run(ctx, paced(visit.Checks(), progress))), nil
}

// paced bounds each check and counts those that are over. One that is skipped isn't counted before the end.
func paced(checks []doctor.Check, progress func(done, of int)) []doctor.Check {
	out, done := slices.Clone(checks), 0
	progress(0, len(checks))
	for i, c := range checks {
		out[i].Run = func(ctx context.Context) []doctor.Finding {
			ctx, cancel := context.WithTimeout(ctx, checkWithin)
			defer cancel()
			found := c.Run(ctx)
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				late(found)
			}
			done++
			progress(done, len(checks))
			return found
		}
	}
	return out
}

// late says of failures that the time was up, which says nothing about what was looked at.
func late(found []doctor.Finding) {
	for i, f := range found {
		if f.Status == doctor.Fail {
			found[i].Text = fmt.Sprintf("%s: given up after %s. On this machine homeward-agent doctor takes its time", f.Text, checkWithin)
		}
	}
}

// tell turns a report into what travels.
func (c *Checkup) tell(r doctor.Report) []protocol.CheckupFinding {
	var out []protocol.CheckupFinding
	for _, s := range c.Named(r).Sections {
		section, domain := kindOf(s.Name)
		for _, f := range s.Findings {
			t := travelling(f)
			t.Section, t.Domain = section, clip(domain)
			if section == protocol.SectionRights && t.Check == "service_account" {
				t.Count, t.Units = c.looked(domain)
			}
			out = append(out, t)
		}
	}
	return out
}

// kindOf says which section of the report it is, and of which domain.
func kindOf(name string) (section, domain string) {
	if d, ok := strings.CutPrefix(name, directorySection); ok {
		return protocol.SectionDirectory, d
	}
	if d, ok := strings.CutPrefix(name, rightsSection); ok {
		return protocol.SectionRights, d
	}
	if name == "Cloud" {
		return protocol.SectionCloud, ""
	}
	return protocol.SectionMachine, ""
}

// looked is over how many people and OUs the rights in a domain were judged.
func (c *Checkup) looked(domain string) (people, units int) {
	for _, d := range c.all {
		if d.domain() == domain {
			return d.judged.People, len(d.judged.Units)
		}
	}
	return 0, 0
}

// travelling bounds a finding. Who is affected stays here: it can be a thousand names.
func travelling(f doctor.Finding) protocol.CheckupFinding {
	out := protocol.CheckupFinding{
		Check: strings.ReplaceAll(strings.ToLower(f.Name), " ", "_"), Status: statusOf(f.Status), Text: clip(f.Text), Count: f.Count,
		Rights: f.Rights, Cause: f.Cause, Where: clip(f.Where),
	}
	for _, r := range f.Remedies[:min(len(f.Remedies), mostFix)] {
		fix := protocol.CheckupRemedy{What: clip(r.What)}
		for _, c := range r.Commands {
			// A command without its end would do something else.
			if line := printable(c.Line); line == c.Line && len(line) <= protocol.MaxFindingText && len(fix.Commands) < mostCommands {
				fix.Commands = append(fix.Commands, protocol.CheckupCommand{Where: clip(c.Where), Line: line})
			}
		}
		out.Fix = append(out.Fix, fix)
	}
	return out
}

func statusOf(s doctor.Status) protocol.FindingStatus {
	switch s {
	case doctor.OK:
		return protocol.FindingOK
	case doctor.Note:
		return protocol.FindingNote
	case doctor.Warn:
		return protocol.FindingWarn
	case doctor.Skip:
		return protocol.FindingSkip
	case doctor.Fail:
	}
	return protocol.FindingFail
}

// clip bounds a text, and takes out of it what doesn't print.
func clip(s string) string {
	s = printable(s)
	if len(s) <= protocol.MaxFindingText {
		return s
	}
	cut := protocol.MaxFindingText - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != utf8.RuneError {
			return r
		}
		return -1
	}, s)
}
