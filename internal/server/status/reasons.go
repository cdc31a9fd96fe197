package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/licence"
)

// Names of the reasons, in the order they must be fixed.
const (
	nameNone        = "No agent"
	nameOffline     = "No agent online"
	nameNotApproved = "Agent not approved"
	nameLicence     = "No licence"
	nameOutdated    = "Agent outdated"
	namePermission  = "Permission missing"
	nameDirectory   = "Directory not reachable"
	nameDraining    = "Agents are being drained"
	nameConnect     = "Turned off in Connect"
	nameTurnedOff   = "Turned off"
)

// licence is why a tenant that needs a licence may not use writeback; nothing where it may.
func (f Facts) licence() []Cause {
	v := licence.Judge(f.Tenant.Settings)
	if v.Allowed {
		return nil
	}
	return []Cause{{Name: nameLicence, ID: "licence", Says: v.Why, Next: "Add one that includes it: homeward licence add, or the page Licences."}}
}

// off lists why writeback is off, in fixing order; nothing while every domain can be written.
func (f Facts) off(r Report) []Cause {
	if len(f.Agents) == 0 {
		return []Cause{{
			Name: nameNone, ID: "none", Says: "No agent has been registered. Install Homeward Connect on a server in your domain.",
			Next: "Make a code with homeward agent code, and on that server run homeward-agent enrol.",
		}}
	}
	dead := !slices.ContainsFunc(r.Domains, func(d Domain) bool { return d.Works }) ||
		slices.ContainsFunc(r.Domains, func(d Domain) bool { return !d.Works && !d.Off })
	if !dead {
		return f.licence()
	}
	var out []Cause
	if f.all(fleet.NotConnected, fleet.Silent) {
		a := f.Agents[0]
		for _, b := range f.Agents {
			if b.Seen.After(a.Seen) {
				a = b
			}
		}
		c := Cause{
			Name: nameOffline, ID: "offline", Agent: a.ID, Moment: a.Seen, Values: with("Agent", a.Machine, "Time", f.clock(a.Seen)),
			Says: fmt.Sprintf("%s last answered at %s. At least one agent must be online.", a.Machine, f.clock(a.Seen)),
			Next: "On " + a.Machine + ": check that the service homeward-agent runs and reaches this server on TCP 443.",
		}
		if a.Seen.IsZero() {
			c.ID, c.Says = "never", a.Machine+" has never answered. At least one agent must be online."
		}
		out = append(out, c)
	}
	out = append(append(out, f.moved()...), f.licence()...)
	for _, a := range f.Agents {
		if a.Obstacle("") == fleet.Outdated {
			out = append(out, Cause{
				Name: nameOutdated, ID: "outdated", Agent: a.ID, Values: with("Agent", a.Machine, "Version", a.Build),
				Says: fmt.Sprintf("%s runs %s. This server needs a newer one.", a.Machine, a.Build), Next: "Install the present version on " + a.Machine + ".",
			})
		}
	}
	if a, drained := f.someDrained(r); drained {
		out = append(out, Cause{
			Name: nameDraining, ID: "draining", Agent: a.ID, Values: with("Agent", a.Machine),
			Says: "The only agents that could write take no new requests.", Next: "Run homeward agent resume " + ShortID(a.ID) + " (" + a.Machine + ").",
		})
	}
	return append(append(out, f.directory(r)...), f.connect(r)...)
}

// connect tells of domains in which an agent's own configuration turns writeback off.
func (f Facts) connect(r Report) []Cause {
	var out []Cause
	for _, d := range r.Domains {
		if !d.Off {
			continue
		}
		for _, a := range f.Agents {
			if said, ok := a.Serves(d.Name); ok && said.WritebackOff && a.Obstacle(d.Name) == fleet.Free {
				out = append(out, Cause{
					Name: nameConnect, ID: "connect", Agent: a.ID, Values: with("Agent", a.Machine, "Domain", d.Name),
					Says: fmt.Sprintf("Password writeback for %s is off in the agent’s configuration on %s.", d.Name, a.Machine),
					Next: "On " + a.Machine + ": run homeward-agent connect and tick Password writeback under Optional features; Staging mode must be off.",
				})
			}
		}
	}
	return out
}

// switchedOff names the agents when nothing but their own configuration keeps every domain from being written.
func (f Facts) switchedOff(r Report) (string, bool) {
	if len(r.Domains) == 0 || slices.ContainsFunc(r.Domains, func(d Domain) bool { return !d.Off }) {
		return "", false
	}
	var names []string
	for _, c := range f.connect(r) {
		if !slices.Contains(names, c.Values["Agent"]) {
			names = append(names, c.Values["Agent"])
		}
	}
	return strings.Join(names, ", "), len(names) > 0
}

// moved tells of identities that wait for an operator's approval on another machine.
func (f Facts) moved() []Cause {
	var out []Cause
	for _, a := range f.Agents {
		if a.Rival.Reason != protocol.ReasonAgentMoved {
			continue
		}
		out = append(out, Cause{
			Name: nameNotApproved, ID: "moved", Agent: a.ID, Moment: a.Rival.At, Values: with("Agent", a.Machine, "New", a.Rival.Machine.Name, "Time", f.clock(a.Rival.At)),
			Says: fmt.Sprintf("%s asked to serve at %s with the identity of the agent on %s.", a.Rival.Machine.Name, f.clock(a.Rival.At), a.Machine),
			Next: "If the agent moved there, run homeward agent accept-move " + ShortID(a.ID) + ". If not, somebody has copied its state folder: run homeward agent cut-off " + ShortID(a.ID) + ".",
		})
	}
	return out
}

// someDrained finds a drained agent of a domain that nobody writes.
func (f Facts) someDrained(r Report) (Fact, bool) {
	for _, d := range r.Domains {
		if d.Works {
			continue
		}
		for _, a := range f.Agents {
			if a.Obstacle(d.Name) == fleet.Drained {
				return a, true
			}
		}
	}
	return Fact{}, false
}

// directory tells what agents say of domains that can't be written: first what only rights can mend.
func (f Facts) directory(r Report) []Cause {
	var rights, rest []Cause
	for _, d := range r.Domains {
		if d.Works {
			continue
		}
		for _, a := range f.Agents {
			said, ok := a.Serves(d.Name)
			if !ok || a.Obstacle(d.Name) != fleet.NoDirectory {
				continue
			}
			c := explain(a, d.Name, said.Reason)
			if c.Name == namePermission {
				rights = append(rights, c)
			} else {
				rest = append(rest, c)
			}
		}
	}
	for _, a := range f.Agents {
		if len(a.Domains) == 0 && a.Obstacle("") == fleet.NoDirectory {
			rest = append(rest, explain(a, cmp.Or(a.Domain, "its domain"), protocol.Reason(a.Reason)))
		}
	}
	return append(rights, rest...)
}

func explain(a Fact, domain string, reason protocol.Reason) Cause {
	machine := a.Machine
	doctor := "On " + machine + ": homeward-agent doctor"
	c := Cause{Name: nameDirectory, Agent: a.ID, Values: with("Agent", machine, "Domain", domain)}
	switch reason {
	case protocol.ReasonRights:
		c.Name, c.ID = namePermission, "rights"
		c.Says, c.Next = fmt.Sprintf("The service account of %s can’t reset passwords in %s.", machine, domain), doctor+" prints the command that grants it."
	case protocol.ReasonServiceAccount:
		c.Name, c.ID = namePermission, "account"
		c.Says, c.Next = fmt.Sprintf("The service account of %s can’t sign in to %s.", machine, domain), "Check its password, and that it isn’t locked, expired or turned off."
	case protocol.ReasonNoPolicyHints:
		c.ID = "hints"
		c.Says, c.Next = fmt.Sprintf("The domain controllers of %s that %s reaches don’t enforce history on resets.", domain, machine), "Use a controller on Windows Server 2012 or later, or Samba 4.24 or later."
	case protocol.ReasonNotEncrypted:
		c.ID = "encrypted"
		c.Says, c.Next = fmt.Sprintf("%s has no encrypted connection to a domain controller for %s.", machine, domain), doctor+" says which certificate or name is wrong."
	case protocol.ReasonReadOnly:
		c.ID = "readonly"
		c.Says, c.Next = fmt.Sprintf("%s reaches only read-only domain controllers for %s.", machine, domain), "Let it reach a writable one."
	default:
		c.ID = "unreachable"
		c.Says, c.Next = fmt.Sprintf("%s can’t reach a domain controller for %s over LDAPS (636).", machine, domain), doctor+" says where the way ends."
	}
	return c
}

// notes list what needs attention while writeback works.
func (f Facts) notes(r Report) []Cause {
	var out []Cause
	for _, a := range r.Agents {
		if a.Rival != nil && a.Rival.Reason == protocol.ReasonAgentCloned {
			out = append(out, Cause{
				Name: "Cloned agent", ID: "cloned", Agent: a.ID, Moment: a.Rival.At, Values: with("Agent", a.Machine, "New", a.Rival.Machine, "Time", f.clock(a.Rival.At)),
				Says: fmt.Sprintf("%s came with the identity of the agent on %s at %s and was refused.", orUnnamed(a.Rival.Machine), a.Machine, f.clock(a.Rival.At)),
				Next: "On the copy: remove the agent’s state folder and enrol it with a code of its own.",
			})
		}
		if (a.State == "offline" || a.State == "silent") && !slices.ContainsFunc(r.Off, func(c Cause) bool { return c.Name == nameOffline }) {
			out = append(out, Cause{
				Name: "Agent offline", ID: "away", Agent: a.ID, Moment: a.Seen, Values: with("Agent", a.Machine, "Time", f.clock(a.Seen)),
				Says: fmt.Sprintf("%s last answered at %s.", a.Machine, f.clock(a.Seen)), Next: "Start it, or cut it off for good: homeward agent cut-off " + ShortID(a.ID),
			})
		}
	}
	out = append(out, f.lacking()...)
	if len(r.Off) == 0 {
		out = append(append(out, f.moved()...), f.connect(r)...)
	}
	for _, a := range f.Agents {
		for _, d := range a.Domains {
			if d.OK && d.Reason == protocol.ReasonRights && a.Obstacle(d.Name) == fleet.Free {
				out = append(out, explain(a, d.Name, d.Reason))
			}
		}
	}
	for _, d := range r.Domains {
		if d.Test != nil && !d.Test.Passed {
			out = append(out, Cause{
				Name: "Test write failed", ID: "test", Moment: d.Test.At, Values: with("Domain", d.Name, "Time", f.clock(d.Test.At)),
				Says: fmt.Sprintf("The test write to %s at %s failed: %s.", d.Name, f.clock(d.Test.At), strings.ReplaceAll(string(d.Test.Reason), "_", " ")),
				Next: "Look for event 31027 in the audit log, and run homeward-agent doctor.",
			})
		}
	}
	return out
}

// lacking tells of agents that write, but can't do everything this server asks of agents.
func (f Facts) lacking() []Cause {
	var out []Cause
	for _, a := range f.Agents {
		what, id := lacks(a.Protocol)
		if o := a.Obstacle(""); what == "" || o == fleet.Outdated || o == fleet.NotConnected {
			continue
		}
		out = append(out, Cause{
			Name: "Agent out of date", ID: id, Agent: a.ID, Values: with("Agent", a.Machine, "Version", a.Build),
			Says: fmt.Sprintf("%s runs %s. It can’t %s.", a.Machine, a.Build, what),
			Next: "Install the present version on " + a.Machine + ". It keeps its identity and its settings.",
		})
	}
	return out
}

// lacks says what an agent of a protocol version can't do; nothing for a present one.
func lacks(version int) (what, id string) {
	switch {
	case version < protocol.MinVersion, version >= protocol.Version:
		return "", ""
	case version < 2: //nolint:mnd // see protocol.Version
		return "change a password with the old one, reset by an administrator, make test writes, serve several domains or sync", "behind_first"
	}
	return "sync: people it serves are only brought in by an import", "behind_second"
}

// Lacks is the reason of an agent that can't do everything; empty: it can.
func Lacks(version int) string {
	_, id := lacks(version)
	return id
}

func orUnnamed(machine string) string {
	if machine == "" {
		return "Another machine"
	}
	return machine
}
