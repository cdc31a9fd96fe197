package checkup

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/config"
	"homeward/internal/directory"
	"homeward/internal/doctor"
)

// domain is one directory's checks.
type domain struct {
	*Checkup

	dir   *activedirectory.Directory
	conf  config.Directory
	name  string
	state activedirectory.State

	judged activedirectory.Delegation // once the service account's rights were looked at
}

// clockKerberos is what Kerberos forgives (MaxClockSkew, [MS-KILE] 3.1.1.2).
const clockKerberos = 5 * time.Minute

const directorySection, rightsSection = "Directory ", "Rights in "

// domain is its name, once a controller has told it.
func (d *domain) domain() string { return cmp.Or(d.state.Domain, d.name) }

func (d *domain) checks() []doctor.Check {
	section, rights := directorySection+d.name, rightsSection+d.name
	needs := []string{section + "/controllers"}
	checks := []doctor.Check{
		{Section: section, Name: "controllers", Run: d.controllers},
		{Section: section, Name: "certificates", Run: d.certificates},
		{Section: section, Name: "clock", Needs: needs, Run: d.clock},
		{Section: section, Name: "password policy", Needs: needs, Run: d.policy},
		{Section: section, Name: "history on reset", Needs: needs, Run: d.history},
	}
	if d.Person != "" {
		return append(checks, doctor.Check{Section: "Person", Name: d.name, Needs: needs, Run: d.person})
	}
	return append(checks, doctor.Check{Section: rights, Name: "service account", Needs: needs, Run: d.rights})
}

func (d *domain) controllers(ctx context.Context) []doctor.Finding {
	state, err := d.dir.Check(ctx)
	d.state = state
	var seen []string
	away := 0
	for _, c := range state.Controllers {
		switch {
		case c.ReadOnly:
			seen = append(seen, c.Host+" read-only, not used")
		case !c.OK:
			away++
			seen = append(seen, fmt.Sprintf("%s doesn't work (%s)", c.Host, strings.ReplaceAll(string(c.Reason), "_", " ")))
		default:
			seen = append(seen, c.Host+" "+ms(c.Latency))
		}
	}
	if err != nil {
		return found(doctor.Fail, "%s%s", words(err), bracketed(seen))
	}
	text := strings.Join(seen, ", ") + ", " + strings.ToUpper(cmp.Or(d.conf.Security, "ldaps"))
	if state.PDC != "" {
		text += "; PDC emulator " + state.PDC
	}
	if away > 0 {
		return found(doctor.Warn, "%s", text)
	}
	return found(doctor.OK, "%s", text)
}

func bracketed(seen []string) string {
	if len(seen) < 2 { // the error says it
		return ""
	}
	return " [" + strings.Join(seen, ", ") + "]"
}

// certificates tells how long each controller's is good, and why one can't be used. The others go on.
func (d *domain) certificates(ctx context.Context) []doctor.Finding {
	all, err := d.dir.Certificates(ctx)
	if err != nil {
		return failure(err)
	}
	if len(all) == 0 {
		return found(doctor.OK, "none: %s needs none", cmp.Or(d.conf.Security, "this channel"))
	}
	var out []doctor.Finding
	for _, c := range all {
		f := doctor.Finding{Status: doctor.OK, Text: fmt.Sprintf("%s: %d days left", c.Host, c.Days(d.Now()))}
		switch {
		case c.Err != nil && c.Advice != "":
			f.Status, f.Text = doctor.Warn, fmt.Sprintf("%s: %s: %s", c.Host, words(c.Err), c.Advice)
		case c.Err != nil:
			f.Status, f.Text = doctor.Warn, fmt.Sprintf("%s: %s", c.Host, words(c.Err))
		case c.Advice != "":
			f.Status, f.Text = doctor.Warn, c.Host+": "+c.Advice
		}
		out = append(out, f)
	}
	return out
}

func (d *domain) clock(context.Context) []doctor.Finding {
	if d.state.Offset.Abs() > clockKerberos {
		return found(doctor.Warn, "%s from %s: Kerberos allows %s. Set this machine's clock by the domain's", off(d.state.Offset), d.state.DC, span(clockKerberos))
	}
	return found(doctor.OK, "%s from %s", off(d.state.Offset), d.state.DC)
}

func (d *domain) policy(ctx context.Context) []doctor.Finding {
	p, err := d.dir.Policy(ctx, activedirectory.Account{})
	if err != nil {
		return failure(err)
	}
	return policyFinding(p)
}

func policyFinding(p directory.PasswordPolicy) []doctor.Finding {
	text := fmt.Sprintf("%s: %d characters", p.Source, p.MinLength)
	if p.Complexity {
		text += ", three kinds of them"
	}
	if p.History > 0 {
		text += fmt.Sprintf(", the last %d refused", p.History)
	} else {
		text += ", no history"
	}
	out := found(doctor.OK, "%s", text)
	if p.MinAge > 0 {
		out = append(out, doctor.Finding{Name: minimumAge, Status: doctor.Warn, Text: span(p.MinAge) + ": a second reset within it is refused"})
	}
	return out
}

const minimumAge = "minimum age"

// history tells which controllers enforce the policy on a reset too.
func (d *domain) history(context.Context) []doctor.Finding {
	var yes, no []string
	for _, c := range d.state.Controllers {
		switch {
		case c.ReadOnly || !c.OK:
		case c.Hints:
			yes = append(yes, c.Host)
		default:
			no = append(no, c.Host)
		}
	}
	if len(no) > 0 {
		return found(doctor.Warn, "%s doesn't know the policy-hints control and is never written; %s does", strings.Join(no, ", "), strings.Join(yes, ", "))
	}
	return found(doctor.OK, "enforced by %s", strings.Join(yes, ", "))
}
