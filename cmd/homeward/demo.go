package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"text/tabwriter"

	"homeward/internal/agent/command"
	"homeward/internal/config"
	"homeward/internal/daemon"
	"homeward/internal/demo"
	"homeward/internal/lab"
)

type demoVerb struct {
	Listen        string `help:"Address of the portal." default:"127.0.0.1:8443"`
	Check         bool   `help:"Reset one password by itself, prove the result, and end."`
	ReadyFile     string `help:"Write one JSON object here once everything answers." type:"path" placeholder:"PATH"`
	Directory     string `help:"Use an existing Active Directory instead of a disposable one." placeholder:"ldaps://DC"`
	DirectoryFile string `help:"How to use it: user, password_file, ca_file, base_dn, organizational_units (YAML)." type:"path" placeholder:"FILE"`
}

// Run implements the verb.
func (v *demoVerb) Run(ctx context.Context, s command.Streams) error {
	o := demo.Options{Listen: v.Listen, Lab: lab.Options{Sample: true}, Logger: daemon.NewLog(s.Err, slog.LevelWarn, false)}
	o.Lab.Logger = daemon.NewLog(s.Err, slog.LevelInfo, false)
	if v.Check {
		o.Listen = "" // beside a demo that is running already
	}
	what := "a domain controller, the server, an agent and a mailbox"
	if v.Directory != "" {
		if v.Check {
			return errors.New("--check resets a sample person's password, so it needs the demo's own directory: leave out --directory")
		}
		what = "the server, an agent for " + v.Directory + " and a mailbox"
		d, err := config.LoadDirectory(v.Directory, v.DirectoryFile)
		if err != nil {
			return err
		}
		o.External = &d
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	o.Homeward = self
	_, _ = fmt.Fprintln(s.Err, "Starting", what, "…")
	stack, err := demo.Start(ctx, o)
	if err != nil {
		return err
	}
	err = v.use(ctx, stack, s)
	if stopped := stack.Close(); err == nil {
		err = stopped
	}
	return err
}

func (v *demoVerb) use(ctx context.Context, stack *demo.Stack, s command.Streams) error {
	if v.ReadyFile != "" {
		if err := stack.WriteReady(v.ReadyFile); err != nil {
			return err
		}
	}
	if v.Check {
		return stack.Check(ctx, s.Out)
	}
	show(s.Out, stack)
	server, agent := stack.Server.Done(), stack.Agent.Done()
	for {
		select {
		case <-ctx.Done():
			_, _ = fmt.Fprintln(s.Err, "\nStopping …")
			return nil
		case <-server:
			server = nil // told once
			ended(s.Err, "The server", stack.Path("server.log"), "server", stack.Path("server.yaml"))
		case <-agent:
			agent = nil
			ended(s.Err, "The agent", stack.Path("agent.log"), "agent run", stack.Path("agent.yaml"))
		}
	}
}

// ended tells that a part is gone. The rest goes on: what people then see is worth a look.
func ended(w io.Writer, what, log, verb, config string) {
	_, _ = fmt.Fprintf(w, "\n%s has ended; its log is %s. The rest goes on. Start it again with:\n  %s %s --config %s\n", what, log, program(), verb, config)
}

// program is how this program was called.
func program() string { return cmp.Or(os.Args[0], "homeward") }

func show(out io.Writer, stack *demo.Stack) {
	r := stack.Ready()
	_, _ = fmt.Fprintf(out, "\nHomeward is running.\n\n  Portal    %s\n            (certificate authority: %s)\n  Mailbox   %s  every mail of the demo arrives here\n  LDAPS     %s  (certificate authority: %s)\n",
		r.Portal, r.PortalCA, r.Mailbox, r.LDAPS, r.LDAPSCA)
	if r.BaseDN != "" {
		_, _ = fmt.Fprintf(out, "  Base DN   %s\n", r.BaseDN)
	}
	_, _ = fmt.Fprintln(out)
	if len(r.People) > 0 {
		_, _ = fmt.Fprint(out, "Open the portal, be one of these people, and choose a new password:\n\n")
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "  USER NAME\tMAIL\tPRESENT PASSWORD\tWHAT IS SPECIAL")
		for _, p := range r.People {
			_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", p.UPN, p.Mail, p.Password, p.Kind)
		}
		_ = w.Flush()
	}
	_, _ = fmt.Fprintf(out, "\nBe the administrator, in another terminal:\n\n  %s status --config %s\n  %s agent doctor --config %s\n",
		program(), stack.Path("server.yaml"), program(), stack.Path("agent.yaml"))
	_, _ = fmt.Fprint(out, "\nCtrl-C stops everything and leaves nothing behind.\n")
}
