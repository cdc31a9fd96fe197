package checkup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"homeward/internal/agent"
	"homeward/internal/agent/identity"
	"homeward/internal/doctor"
)

const (
	// clockWarn and clockFail: heartbeats correct a clock, but the relay refuses what was signed two minutes off.
	clockWarn = 30 * time.Second
	clockFail = 2 * time.Minute
	// certificateWarn is how long before its end a certificate is worth a warning.
	certificateWarn = 21 * day
	// keyWarn is past the age at which a running agent has rolled its sealing key.
	keyWarn = 120 * day
)

// stateFolder checks that nobody else can read the keys.
func (c *Checkup) stateFolder(context.Context) []doctor.Finding {
	info, err := os.Stat(c.Config.State)
	if err != nil {
		return found(doctor.Fail, "%s can't be read: %v", c.Config.State, err)
	}
	if !info.IsDir() {
		return found(doctor.Fail, "%s isn't a folder", c.Config.State)
	}
	if runtime.GOOS == "windows" {
		return found(doctor.OK, "%s (access lists of files aren't looked at)", c.Config.State)
	}
	for _, p := range []struct {
		path string
		bits os.FileMode
		may  string
	}{{c.Config.State, 0o022, "be written"}, {filepath.Join(c.Config.State, identity.File), 0o077, "be read"}} {
		if info, err := os.Stat(p.path); err == nil && info.Mode().Perm()&p.bits != 0 {
			quoted := "'" + strings.ReplaceAll(p.path, "'", `'\''`) + "'"
			return []doctor.Finding{{
				Status: doctor.Fail, Text: fmt.Sprintf("%s can %s by others (mode %04o)", p.path, p.may, info.Mode().Perm()),
				Remedies: []doctor.Remedy{{What: "Close it", Commands: []doctor.Command{{Where: "this machine", Line: "chmod go-rwx " + quoted}}}},
			}}
		}
	}
	return found(doctor.OK, "%s, its keys for the agent only", c.Config.State)
}

// key tells the sealing key, for comparison with the portal's, and its age.
func (c *Checkup) key(context.Context) []doctor.Finding {
	id, err := identity.Load(c.Config.State)
	if err != nil {
		return failure(err)
	}
	c.id = id
	age := id.SealKeyAge(c.Now())
	if age > keyWarn {
		return found(doctor.Warn, "%s, %s old: a running agent rolls it; does the agent run?", id.KeyID(), days(age))
	}
	return found(doctor.OK, "%s, %s old", id.KeyID(), days(age))
}

func (c *Checkup) portal(ctx context.Context) []doctor.Finding {
	p, err := agent.LookAtPortal(ctx, c.Config)
	if err != nil {
		return failure(err)
	}
	c.offset = p.Offset
	left := p.NotAfter.Sub(c.Now())
	status := doctor.OK
	if left < certificateWarn {
		status = doctor.Warn
	}
	return found(status, "%s, %s, %s, certificate ends in %s", c.Config.Server, p.TLS, ms(p.Trip), days(left))
}

func (c *Checkup) clock(context.Context) []doctor.Finding {
	side := "behind"
	if c.offset < 0 {
		side = "ahead of"
	}
	if c.offset.Abs() < 2*time.Second { // the portal tells whole seconds
		side = "from"
	}
	status, advice := doctor.OK, ""
	switch {
	case c.offset.Abs() > clockFail:
		status, advice = doctor.Fail, ": set it, or the relay refuses this agent"
	case c.offset.Abs() > clockWarn:
		status, advice = doctor.Warn, ": set it"
	}
	return found(status, "%s %s the portal (limit %d s)%s", off(c.offset), side, int(clockWarn.Seconds()), advice)
}

func (c *Checkup) relay(ctx context.Context) []doctor.Finding {
	begin := time.Now()
	if err := agent.Precheck(ctx, c.Config, c.id, c.offset); err != nil {
		return failure(err)
	}
	return found(doctor.OK, "%s knows this agent of %s, %s", c.id.RelayURL(), c.id.TenantName(), ms(time.Since(begin)))
}

func (c *Checkup) credential(context.Context) []doctor.Finding {
	left := c.id.Expires().Sub(c.Now())
	if left <= 0 {
		return found(doctor.Warn, "over since %s: the agent renews it when it starts", c.id.Expires().Local().Format("2 January 2006"))
	}
	return found(doctor.OK, "good for %s", days(left))
}
