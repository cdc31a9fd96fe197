package connect

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"homeward/internal/config"
	"homeward/internal/doctor"
	"homeward/internal/protocol"
)

const (
	titleTasks    = "Additional tasks"
	titleCloud    = "Connect to cloud"
	titleReady    = "Ready to configure"
	stepConfigure = "Configure"

	titleDirectories = "Connect directories"
)

// pages are those of the task, and of each directory that is walked.
func (s *session) pages() []page {
	out := []page{welcome(), tasks()}
	each := func(which []int, make func() page) {
		for _, i := range which {
			p := make()
			p.dir = i
			out = append(out, p)
		}
	}
	which := func() {
		if len(s.answers.Directories) > 1 && !s.unattended {
			out = append(out, choose())
		}
	}
	switch s.answers.Task {
	case View:
		return append(out, current())
	case Schema:
	case Staging:
		out = append(out, stagingMode())
	case Rotate:
		out = append(out, cloud())
	case Repair:
		which()
		each(s.walked(), directories)
	case Remove:
		each(s.walked(), directories)
	default:
		if s.answers.Task == Customize {
			which()
		} else {
			out = append(out, cloud())
		}
		each(s.walked(), directories)
		each(s.served(), filtering)
		each(s.served(), features)
		if s.renews() { // turning writeback on again renews keys and enrolment, which takes a code
			out = append(out, cloud())
		}
	}
	return append(out, ready(), configuring(), complete())
}

func welcome() page {
	return page{
		title: "Welcome", next: "Continue",
		items: func(s *session) []item {
			out := []item{
				say("This wizard sets up the agent on this server, so that passwords people choose in the portal are written to Active Directory as they choose them."),
				blank(),
				say("You need\n  • a one-time code, by: homeward agent code\n  • a domain admin, once, for this set-up only\n  • outbound TCP 443. Nothing needs to come in."),
				blank(),
			}
			for _, f := range s.facts.machine {
				out = append(out, item{kind: finding, finding: f})
			}
			return append(out, blank(), say("Nothing changes until you choose Configure."))
		},
		enter: func(ctx context.Context, w World, s session, _ func(progress)) outcome {
			found := w.Host.Findings(ctx)
			if s.answers.Cloud.Portal != "" {
				p, err := w.Cloud.Look(ctx, s.answers.agent())
				found = append(found, portalFindings(s.answers.Cloud.Portal, p, err, w.Now())...)
			}
			return outcome{learned: func(s *session) { s.facts.machine = found }}
		},
	}
}

func tasks() page {
	return page{
		title: titleTasks, next: "Next",
		items: func(s *session) []item {
			off := ""
			if s.was == nil {
				off = "later"
			}
			t := (*string)(&s.answers.Task)
			staging := "Turn staging mode on"
			if slices.ContainsFunc(s.answers.Directories, func(d DirectoryAnswers) bool { return d.Features.Staging }) {
				staging = "Turn staging mode off"
			}
			out := []item{say("What would you like to do on this server?"), blank()}
			for _, o := range []struct {
				task Task
				text string
				off  string
			}{
				{SetUp, "Set up a new agent", ""},
				{View, "View the current configuration", off},
				{Customize, "Customize directories and OUs", off},
				{Schema, "Refresh the directory schema", off},
				{Staging, staging, off},
				{Rotate, "Rotate this agent’s key", off},
				{Repair, "Repair rights in Active Directory", off},
				{Remove, "Remove this agent", off},
			} {
				it := oneOf(o.text, t, string(o.task), o.off)
				out = append(out, it)
			}
			if off != "" {
				out = append(out, blank(), say("The others open after the first set-up. To take over another server’s configuration: homeward connect --import FILE"))
			}
			return out
		},
	}
}

func current() page {
	return page{
		title: "Current configuration", next: "Finish", final: true,
		items: func(s *session) []item {
			out := []item{say("Portal      " + s.before.Server), say("State       " + s.before.State)}
			for _, d := range s.before.Directories {
				controllers := "found in DNS"
				if len(d.URLs) > 0 {
					controllers = strings.Join(d.URLs, ", ")
				}
				out = append(out, blank(), say("Directory   "+cmp.Or(d.Domain, "(the controllers' own)")), say("Controllers "+controllers),
					say("Account     "+d.User), say(fmt.Sprintf("Writeback   %s, unlock %s", onOff(d.Features.Writes()), onOff(d.Features.Unlocks()))),
					say("Sync        "+syncWords(d.Sync)))
				for _, u := range d.Units {
					out = append(out, say("OU          "+u))
				}
			}
			return append(out, blank(), say("As a file, without secrets: homeward connect --export FILE"))
		},
	}
}

func syncWords(s config.Sync) string {
	if s.Mode == "staging" {
		return "staging: it reads and writes nothing"
	}
	return onOff(s.On())
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func cloud() page {
	return page{
		title: titleCloud, next: "Next",
		items: func(s *session) []item {
			a, f := &s.answers.Cloud, s.facts
			out := []item{ask("Portal", &a.Portal), ask("CA file", &a.CAFile)}
			enrolled := f.portal.Enrolled && s.answers.Task == SetUp
			if !enrolled {
				out = append(out, oneOf("with a one-time code", &a.How, ByCode, ""), oneOf("by approval on the server", &a.How, ByDevice, ""))
			}
			if a.How == ByCode && !enrolled {
				out = append(out, hidden("One-time code", &s.code))
			}
			if d := f.device; d != nil && a.How == ByDevice && f.by == "" {
				out = append(out, blank(), say("To approve this machine, run on the server:"), blank(), say("      homeward agent approve "+d.UserCode), blank(),
					say("To turn it away, add --refuse. The wizard goes on by itself."))
			}
			if f.portal.Key != "" && s.answers.Task == SetUp { // else it is the one that goes
				out = append(out, blank(), say("This agent’s key was made here and stays here:"), say("      "+f.portal.Key), say("The portal’s page Agents shows the same key then."))
			}
			return out
		},
		check: checkCloud,
	}
}

// clockLimit is how far this machine's clock may be off.
const clockLimit = 30 * time.Second

func portalFindings(address string, p Portal, err error, now time.Time) []doctor.Finding {
	if err != nil {
		return []doctor.Finding{{
			Name: "portal", Status: doctor.Fail, Text: "the portal can’t be reached: " + err.Error(),
			Remedies: []doctor.Remedy{{What: "Check the address, outbound TCP 443, the proxy (HTTPS_PROXY) and the CA file."}},
		}}
	}
	host := address
	if u, err := url.Parse(address); err == nil {
		host = u.Host
	}
	out := []doctor.Finding{
		{Name: "portal", Status: doctor.OK, Text: fmt.Sprintf("%s answers in %d ms", host, max(1, p.Trip.Milliseconds()))},
		{Name: "certificate", Status: doctor.OK, Text: "certificate valid until " + p.NotAfter.Format("2 January 2006")},
		{Name: "clock", Status: doctor.OK, Text: "clock " + seconds(p.Offset) + " from the portal (limit 30 s)"},
	}
	if left := p.NotAfter.Sub(now); left < 7*24*time.Hour {
		out[1].Status = doctor.Note
		out[1].Text += ": it ends soon"
	}
	if p.Offset.Abs() > clockLimit {
		out[2].Status = doctor.Fail
		out[2].Text = "clock " + seconds(p.Offset) + " from the portal: the limit is 30 s"
		out[2].Remedies = []doctor.Remedy{{What: "Set this machine’s clock by a time server (timedatectl set-ntp true; w32tm /resync), then try again."}}
	}
	return out
}

func seconds(d time.Duration) string {
	if d.Abs() < time.Second {
		return "less than 1 s"
	}
	return d.Abs().Round(time.Second).String()
}

func fail(name, text, remedy string) outcome {
	f := doctor.Finding{Name: name, Status: doctor.Fail, Text: text}
	if remedy != "" {
		f.Remedies = []doctor.Remedy{{What: remedy}}
	}
	return outcome{findings: []doctor.Finding{f}}
}

func checkCloud(ctx context.Context, w World, s session, tell func(progress)) outcome {
	a := s.answers.Cloud
	if u, err := url.Parse(a.Portal); err != nil || u.Scheme != "https" || u.Host == "" {
		return fail("portal", "the portal’s address is https://NAME", "It is the address people open to reset their password.")
	}
	p, err := w.Cloud.Look(ctx, s.answers.agent())
	out := outcome{findings: portalFindings(a.Portal, p, err, w.Now()), stay: true}
	learn := func(s *session) {
		s.answers.absolute()
		s.facts.portal = p
	}
	out.learned = learn
	if blocks(out.findings) {
		return out
	}
	if p.Enrolled && s.answers.Task == SetUp {
		out.findings = append(out.findings, doctor.Finding{Name: "enrolment", Status: doctor.Note, Text: "enrolled already: no code is needed"})
		return out
	}
	code, by := string(s.code), ""
	if a.How == ByDevice {
		tell(progress{line: "waiting for somebody to approve the sign-in"})
		result, err := w.Cloud.Device(ctx, s.answers.agent(), func(d protocol.DeviceAnswer) { tell(progress{device: &d}) })
		if f := deviceFinding(result, err); f.Status != doctor.OK {
			out.findings = append(out.findings, f)
			out.learned = func(s *session) { learn(s); s.facts.device = nil }
			return out
		}
		code, by = result.Code, result.By
		out.findings = append(out.findings, deviceFinding(result, nil))
	}
	if strings.TrimSpace(code) == "" {
		out.findings = append(out.findings, fail("code", "no one-time code was given", "Make one on the server: homeward agent code").findings...)
		return out
	}
	answer, err := w.Cloud.Check(ctx, s.answers.agent(), strings.TrimSpace(code))
	if err != nil {
		out.findings = append(out.findings, fail("code", "the portal doesn’t take this code: "+err.Error(), "A code works once and for an hour. Make a new one on the server: homeward agent code").findings...)
		return out
	}
	out.findings = append(out.findings, setupFindings(answer, s.answers.Task)...)
	out.learned = func(s *session) {
		learn(s)
		s.facts.setup, s.facts.known, s.facts.by = answer, true, by
		if by != "" {
			editSecret(&s.code, key{name: "ctrl+u"})
			editSecret(&s.code, key{text: code})
		}
	}
	return out
}

func deviceFinding(r protocol.DeviceResult, err error) doctor.Finding {
	switch {
	case err != nil:
		return doctor.Finding{Name: "sign-in", Status: doctor.Fail, Text: err.Error()}
	case r.State == "approved" && r.Code != "":
		return doctor.Finding{Name: "sign-in", Status: doctor.OK, Text: "approved " + r.At.Time().Local().Format("15:04") + " by " + r.By}
	case r.State == "refused":
		return doctor.Finding{
			Name: "sign-in", Status: doctor.Fail, Text: "an administrator refused this machine",
			Remedies: []doctor.Remedy{{What: "Ask whoever runs the server. Trying again shows a new code."}},
		}
	}
	return doctor.Finding{Name: "sign-in", Status: doctor.Fail, Text: "nobody approved it in time: try again for a new code"}
}

func setupFindings(a protocol.SetupAnswer, t Task) []doctor.Finding {
	out := []doctor.Finding{{Name: "tenant", Status: doctor.OK, Text: "code of " + a.TenantName + ", good until " + a.Expires.Time().Local().Format("15:04")}}
	if t == SetUp && !a.Licensed {
		out = append(out, doctor.Finding{
			Name: "licence", Status: doctor.Fail, Text: a.TenantName + " has no plan that includes password writeback" + bracketed(a.Plans),
			Remedies: []doctor.Remedy{{What: "Note the plan on the server: homeward licence add PRODUCT. If this organisation needs none: homeward licence need off"}},
		})
	}
	if len(a.Domains) > 0 {
		out = append(out, doctor.Finding{Name: "domains", Status: doctor.OK, Text: "verified: " + strings.Join(a.Domains, ", ")})
	}
	return out
}

func bracketed(plans []string) string {
	if len(plans) == 0 {
		return ""
	}
	return " (" + strings.Join(plans, ", ") + ")"
}

func stagingMode() page {
	return page{
		title: "Staging mode", next: "Next",
		items: func(s *session) []item {
			out := []item{
				say("An agent in staging mode reads the directory and shows what it would do. It writes nothing: no person, no group, no password, no source anchor."),
				blank(),
			}
			for i := range s.answers.Directories {
				d := &s.answers.Directories[i]
				note := "Only for the people of " + cmp.Or(d.Domain, "this directory")
				if len(s.answers.Directories) > 1 {
					out = append(out, tick("Staging mode for "+d.Domain, &d.Features.Staging, "", ""))
				} else {
					out = append(out, tick("Staging mode", &d.Features.Staging, note, ""))
				}
			}
			return out
		},
	}
}
