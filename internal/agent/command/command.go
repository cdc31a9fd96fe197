// Package command holds the agent's verbs, for homeward-agent at top level and for homeward agent.
package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"homeward/internal/agent"
	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/checkup"
	"homeward/internal/agent/setup"
	"homeward/internal/build"
	"homeward/internal/config"
	"homeward/internal/daemon"
)

// Streams are what a verb reads and writes.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// ErrTold ends a verb with exit code 1 after its output has said why.
var ErrTold = errors.New("it has been told")

// Verbs are the agent's.
type Verbs struct {
	Run     Run     `cmd:"" help:"Run the agent until it is told to stop."`
	Enrol   Enrol   `cmd:"" help:"Trade a one-time code for this agent's identity. The code is read from standard input."`
	Connect Connect `cmd:"" help:"Set up this server's agent with the wizard, or change how it is set up."`
	Check   Check   `cmd:"" help:"Check that the configuration is right and the directory can be written."`

	Doctor Doctor `cmd:"" help:"Check everything an agent needs, and the service account's rights over everybody. Exit code 1: something to mend."`
	Grant  Grant  `cmd:"" help:"Give the service account exactly the rights it needs, as a domain admin whose password is read from standard input."`
	Revoke Revoke `cmd:"" help:"Take back what grant gives."`
}

// File is the flag every verb has.
type File struct {
	Config string `help:"Configuration file (${default})." default:"${agent_config}" type:"path" placeholder:"FILE"`
}

func (f File) load() (config.Agent, error) { return config.LoadAgent(f.Config, os.Environ()) }

// gcPercent is how much garbage an agent keeps beside what it uses, in percent.
const gcPercent = 40

// Run runs the agent.
type Run struct{ File }

// Run implements the verb.
func (r *Run) Run(ctx context.Context, s Streams) error {
	c, err := r.load()
	if err != nil {
		return err
	}
	log, err := logger(daemon.LogOutput(setup.Service, s.Err), c.Log)
	if err != nil {
		return err
	}
	// An agent idles beside a domain controller's other guests: memory is dearer to it than time.
	debug.SetGCPercent(gcPercent)
	return daemon.Service(ctx, setup.Service, func(ctx context.Context) error {
		a, err := agent.Open(c, build.Version(), checkup.Look, log)
		if err != nil {
			log.Error("the agent doesn't start", "error", err.Error())
			return err
		}
		return a.Run(ctx)
	})
}

func logger(w io.Writer, l config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	return daemon.NewLog(w, level, l.Format == "json"), nil
}

// Enrol enrols the agent.
type Enrol struct{ File }

// maxCode bounds what is read as a code.
const maxCode = 256

// Run implements the verb.
func (e *Enrol) Run(ctx context.Context, s Streams) error {
	c, err := e.load()
	if err != nil {
		return err
	}
	states, err := look(ctx, c)
	if err != nil {
		return fmt.Errorf("nothing was enrolled, because the directory can't be written yet: %w", err)
	}
	state := states[0]
	if Terminal(s.In) {
		_, _ = fmt.Fprint(s.Err, "One-time code (on the server: homeward agent code): ")
	}
	line, err := bufio.NewReader(io.LimitReader(s.In, maxCode)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read code: %w", err)
	}
	code := strings.TrimSpace(line)
	if code == "" {
		return errors.New("no code was given: type it, or pipe it to standard input")
	}
	machine, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("machine name: %w", err)
	}
	id, err := agent.Enrol(ctx, c, code, state.Domain, machine, build.Version())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "Enrolled with %s as an agent of %s.\nIt writes to %s through %s.\nAgent   %s\nKey     %s\nStart it with: homeward-agent run\n",
		id.Server(), id.TenantName(), state.Domain, state.DC, id.Agent(), id.KeyID())
	return err
}

// Check checks configuration and directory.
type Check struct{ File }

// Run implements the verb.
func (c *Check) Run(ctx context.Context, s Streams) error {
	conf, err := c.load()
	if err != nil {
		return err
	}
	states, err := look(ctx, conf)
	if err != nil {
		return err
	}
	if _, err = fmt.Fprintln(s.Out, "Configuration is right."); err != nil {
		return err
	}
	for _, state := range states {
		_, err = fmt.Fprintf(s.Out, "%s of %s can be written: it answers, accepts the service account and enforces password policy on resets.\nIts clock is within %v of this machine's.\n",
			state.DC, state.Domain, state.Offset.Abs().Truncate(time.Second)+time.Second)
		if err != nil {
			return err
		}
	}
	return nil
}

// look opens and checks every directory of a configuration.
func look(ctx context.Context, c config.Agent) ([]activedirectory.State, error) {
	dirs, err := agent.OpenDirectories(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { _ = dirs.Close() }()
	var states []activedirectory.State
	for i, d := range dirs.List() {
		state, err := d.Check(ctx)
		if err == nil {
			err = exist(ctx, d, c.Directories[i])
		}
		if err != nil {
			return nil, fmt.Errorf("directories[%d]: %s", i, activedirectory.Words(err))
		}
		for j, other := range states {
			if other.Domain == state.Domain {
				return nil, fmt.Errorf("directories[%d] and directories[%d] are both %s: put its OUs and controllers into one entry", j, i, state.Domain)
			}
		}
		states = append(states, state)
	}
	return states, nil
}

// exist checks what a directory's entry names.
func exist(ctx context.Context, d *activedirectory.Directory, c config.Directory) error {
	for _, u := range c.Units {
		if err := d.Exists(ctx, u); err != nil {
			return err
		}
	}
	if c.TestAccount == "" {
		return nil
	}
	if _, err := d.Find(ctx, c.TestAccount); err != nil {
		return fmt.Errorf("test_account: %w", err)
	}
	return nil
}
