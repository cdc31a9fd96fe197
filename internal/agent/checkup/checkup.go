// Package checkup holds the agent's checks for package doctor: this machine, the way to the portal, each directory
// and the service account's rights in it. They use the dial, TLS and bind code of the running agent.
//
// It guarantees that nothing is written anywhere, and that no finding holds a secret.
package checkup

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/identity"
	"homeward/internal/config"
	"homeward/internal/doctor"
)

// Checkup is one visit. It remembers what a check found for those that need it; use it once.
type Checkup struct {
	Config config.Agent
	Dirs   *activedirectory.Domains
	Person string // name of the one person to look at; empty: everybody
	// Names are the directories' domains, in their order, as far as somebody knows them already.
	Names []string
	Now   func() time.Time

	id     *identity.Identity
	offset time.Duration
	found  int // domains in which the person was found
	all    []*domain
}

// Checks lists all checks, in the order they are told.
func (c *Checkup) Checks() []doctor.Check {
	checks := []doctor.Check{
		{Section: "Server", Name: "state folder", Run: c.stateFolder},
		{Section: "Server", Name: "key", Needs: []string{"state folder"}, Run: c.key},
		{Section: "Server", Name: "clock", Needs: []string{"Cloud/portal"}, Run: c.clock},
		{Section: "Cloud", Name: "portal", Run: c.portal},
		{Section: "Cloud", Name: "relay", Needs: []string{"portal", "Server/key"}, Run: c.relay},
		{Section: "Cloud", Name: "credential", Needs: []string{"Server/key"}, Run: c.credential},
	}
	for i, dir := range c.Dirs.List() {
		d := &domain{Checkup: c, dir: dir, conf: c.Config.Directories[i], name: c.label(i)}
		c.all = append(c.all, d)
		checks = append(checks, d.checks()...)
	}
	if c.Person != "" {
		checks = append(checks, doctor.Check{Section: "Person", Name: "account", Run: c.person})
	}
	return checks
}

// Named calls each directory of a report by its domain's name, where that was found out.
func (c *Checkup) Named(r doctor.Report) doctor.Report {
	for i, s := range r.Sections {
		for _, d := range c.all {
			switch s.Name {
			case directorySection + d.name:
				r.Sections[i].Name = directorySection + d.domain()
			case rightsSection + d.name:
				r.Sections[i].Name = rightsSection + d.domain()
			}
		}
	}
	return r
}

// label names a directory before it was ever reached.
func (c *Checkup) label(i int) string {
	conf := c.Config.Directories[i]
	host := ""
	if len(conf.URLs) > 0 {
		if u, err := url.Parse(conf.URLs[0]); err == nil {
			host = u.Hostname()
		}
	}
	known := ""
	if i < len(c.Names) {
		known = c.Names[i]
	}
	return cmp.Or(known, conf.Domain, host, strconv.Itoa(i+1))
}

func found(s doctor.Status, format string, args ...any) []doctor.Finding {
	return []doctor.Finding{{Status: s, Text: fmt.Sprintf(format, args...)}}
}

// failure is an error as a finding.
func failure(err error) []doctor.Finding { return found(doctor.Fail, "%s", words(err)) }

func words(err error) string { return activedirectory.Words(err) }

const day = 24 * time.Hour

func days(d time.Duration) string {
	n := int(d / day)
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// people counts in words.
func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// ms rounds to what is worth telling.
func ms(d time.Duration) string { return fmt.Sprintf("%d ms", max(d.Milliseconds(), 1)) }

// off says how far a clock is off. The other side tells whole seconds only.
func off(d time.Duration) string {
	if d.Abs() < 2*time.Second {
		return "less than 2 s"
	}
	return d.Abs().Round(time.Second).String()
}

// span writes a policy's duration: 1 day, 36 hours, 2 minutes.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := d / u.unit; n > 0 && d%u.unit == 0 {
			if n == 1 {
				return "1 " + u.name
			}
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return d.String()
}

// person tells when nobody of that name was found in any domain.
func (c *Checkup) person(context.Context) []doctor.Finding {
	switch {
	case c.found == 0:
		return found(doctor.Fail, "nobody is called %q in any domain of this agent, or the service account may not see them; names are userPrincipalName, DOMAIN\\name, or a DN", c.Person)
	case c.found > 1:
		return found(doctor.Fail, "%q is in %d domains: use a userPrincipalName or a DN", c.Person, c.found)
	}
	return nil
}
