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
}

// clockKerberos is what Kerberos forgives (MaxClockSkew, [MS-KILE] 3.1.1.2).
const clockKerberos = 5 * time.Minute

func (d *domain) checks() []doctor.Check {
	section, rights := "Directory "+d.name, "Rights in "+d.name
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
			seen = append(seen, fmt.Sprintf("%s doesn't work (%s)", c.Host, c.Reason))
		default:
			seen = append(seen, c.Host+" "+ms(c.Latency))
		}
	}
	if err != nil {
		return found(doctor.Fail, "%v%s", err, bracketed(seen))
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
	if len(seen) == 0 {
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
		case c.Err != nil:
			f.Status, f.Text = doctor.Warn, fmt.Sprintf("%s: %v", c.Host, c.Err)
		case c.Advice != "":
			f.Status = doctor.Warn
		}
		if c.Advice != "" {
			f.Text += ". " + c.Advice
		}
		out = append(out, f)
	}
	return out
}

func (d *domain) clock(context.Context) []doctor.Finding {
	if d.state.Offset.Abs() > clockKerberos {
		return found(doctor.Warn, "%s is %v off from this machine: Kerberos allows %v", d.state.DC, d.state.Offset.Abs(), clockKerberos)
	}
	return found(doctor.OK, "%v from %s", d.state.Offset.Abs(), d.state.DC)
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
	text += fmt.Sprintf(", last %d passwords refused", p.History)
	if p.MinAge > 0 {
		return found(doctor.Warn, "%s; minimum age %v: a second reset within it is refused", text, p.MinAge)
	}
	return found(doctor.OK, "%s, no minimum age", text)
}

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
