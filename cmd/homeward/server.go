package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/config"
	"homeward/internal/daemon"
	"homeward/internal/server"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// file is the flag of every verb that needs the server's configuration.
type file struct {
	Config string `help:"Configuration file (${default})." default:"/etc/homeward/server.yaml" type:"path" placeholder:"FILE"`
}

func (f file) load() (config.Server, error) { return config.LoadServer(f.Config, os.Environ()) }

// open opens the store for a verb that ends soon; the running server may have it open too.
func (f file) open(ctx context.Context, s command.Streams) (*store.Store, error) {
	c, err := f.load()
	if err != nil {
		return nil, err
	}
	return server.OpenStore(ctx, c, daemon.NewLog(s.Err, slog.LevelWarn, false))
}

type serverVerb struct{ file }

// Run implements the verb.
func (v *serverVerb) Run(ctx context.Context, s command.Streams) error {
	c, err := v.load()
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	srv, err := server.Open(ctx, c, daemon.NewLog(s.Err, level, c.Log.Format == "json"))
	if err != nil {
		return err
	}
	srv.Spending(&heap{})
	if err := srv.FirstOperators(ctx, s.Out); err != nil {
		return errors.Join(err, srv.Close(ctx))
	}
	debug.FreeOSMemory() // what opening left behind: languages, templates, migrations
	return srv.Run(ctx)
}

type agentVerbs struct {
	command.Verbs

	Show       agentShow     `cmd:"" help:"Show one agent: its state, version, domains, and what is wrong with it."`
	Code       codeVerb      `cmd:"" help:"Make a one-time code that enrols one agent."`
	Sync       syncBasics    `cmd:"" help:"How the agents bring people and groups in; homeward sync has more."`
	Approve    agentApproval `cmd:"" help:"Let a machine in whose Connect wizard shows this code."`
	List       agentList     `cmd:"" help:"List the agents and how they are."`
	Drain      agentDrain    `cmd:"" help:"Give an agent no new requests; it finishes those it has."`
	Resume     agentResume   `cmd:"" help:"Give a drained agent requests again."`
	CutOff     agentCutOff   `cmd:"" help:"Cut an agent off at once and for good."`
	AcceptMove agentMove     `cmd:"" help:"Approve that an agent serves from the machine that was refused last."`
}

type codeVerb struct {
	ofTenant

	Life     time.Duration `help:"How long the code works." default:"1h"`
	Replaces string        `help:"Agent whose place the new one takes: its machine's name or id. It serves until the new one does, and is then retired." placeholder:"AGENT"`
}

// Run implements the verb.
func (v *codeVerb) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		old, err := replaced(ctx, st, id, v.Replaces)
		if err != nil {
			return err
		}
		code, until, err := server.Enrolments(st, time.Now).NewCodeReplacing(ctx, id, old, v.Life)
		if err != nil {
			return err
		}
		if err := noted(ctx, st, id, "Make enrolment code", old, "works until "+until.UTC().Format(time.RFC3339)); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(s.Err, "Works once, until %s. On the agent's machine: homeward-agent enrol\n", v.at(until).Format("2 January 15:04"))
		_, err = fmt.Fprintln(s.Out, code)
		return err
	})
}

// ofTenant is file for a verb about one tenant.
type ofTenant struct {
	file

	Tenant string `help:"Tenant that is meant; not needed when there is only one." placeholder:"ID"`

	zone *time.Location // where the tenant's people are, as soon as it is known who it is
}

// at is a moment where the tenant's people are.
func (f *ofTenant) at(t time.Time) time.Time { return answer.Within(t, f.zone) }

// table returns a table whose moments are those of the tenant's people; see answer.Of.
func (f *ofTenant) table(none string, head ...string) *answer.Table {
	t := answer.Of(none, head...)
	t.Zone = f.zone
	return t
}

// with opens the store, finds the tenant, and closes the store after do.
func (f *ofTenant) with(ctx context.Context, s command.Streams, do func(st *store.Store, id string) error) error {
	st, err := f.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	t, err := pick(ctx, st, f.Tenant)
	if err != nil {
		return err
	}
	f.zone = t.Settings.Location()
	return do(st, t.ID)
}

// pick returns the named tenant, or the only one.
func pick(ctx context.Context, st *store.Store, id string) (tenant.Tenant, error) {
	all, err := st.Tenants(ctx)
	if err != nil {
		return tenant.Tenant{}, err
	}
	var names []string
	for _, t := range all {
		if t.ID == id || (id == "" && len(all) == 1) {
			return t, nil
		}
		names = append(names, t.ID)
	}
	switch {
	case len(all) == 0:
		return tenant.Tenant{}, fmt.Errorf("no tenant exists yet: run homeward tenant create")
	case id == "":
		return tenant.Tenant{}, fmt.Errorf("there are several tenants, so --tenant must name one of: %s", strings.Join(names, ", "))
	}
	return tenant.Tenant{}, fmt.Errorf("there is no tenant %q; there is %s", id, strings.Join(names, ", "))
}
