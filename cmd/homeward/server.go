package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/config"
	"homeward/internal/daemon"
	"homeward/internal/event"
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
	if err := srv.FirstOperators(ctx, s.Out); err != nil {
		return errors.Join(err, srv.Close(ctx))
	}
	return srv.Run(ctx)
}

type agentVerbs struct {
	command.Verbs

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
		_, _ = fmt.Fprintf(s.Err, "Works once, until %s. On the agent's machine: homeward-agent enrol\n", until.Local().Format("2 January 15:04"))
		_, err = fmt.Fprintln(s.Out, code)
		return err
	})
}

// ofTenant is file for a verb about one tenant.
type ofTenant struct {
	file

	Tenant string `help:"Tenant that is meant; not needed when there is only one." placeholder:"ID"`
}

// with opens the store, finds the tenant, and closes the store after do.
func (f ofTenant) with(ctx context.Context, s command.Streams, do func(st *store.Store, id string) error) error {
	st, err := f.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	id, err := pick(ctx, st, f.Tenant)
	if err != nil {
		return err
	}
	return do(st, id)
}

// pick returns the named tenant's id, or the only one's.
func pick(ctx context.Context, st *store.Store, id string) (string, error) {
	all, err := st.Tenants(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, t := range all {
		if t.ID == id || (id == "" && len(all) == 1) {
			return t.ID, nil
		}
		names = append(names, t.ID)
	}
	switch {
	case len(all) == 0:
		return "", fmt.Errorf("no tenant exists yet: run homeward tenant create")
	case id == "":
		return "", fmt.Errorf("there are several tenants, so --tenant must name one of: %s", strings.Join(names, ", "))
	}
	return "", fmt.Errorf("there is no tenant %q; there is %s", id, strings.Join(names, ", "))
}

type tenantVerbs struct {
	Create tenantCreate `cmd:"" help:"Make a tenant."`
	List   tenantList   `cmd:"" help:"List the tenants."`
	Checks tenantChecks `cmd:"" help:"Show or set how people prove who they are."`

	Registration tenantRegistration `cmd:"" help:"Show or set whether people must register methods, and by what proof."`
	Expiry       tenantExpiry       `cmd:"" help:"Show or set when people are reminded that their password expires."`
}

type tenantCreate struct {
	file

	ID       string `arg:"" help:"Short name: lower-case letters, digits and hyphens."`
	Name     string `arg:"" help:"Name that people see."`
	Helpdesk string `help:"Telephone number of the helpdesk." placeholder:"NUMBER"`
	HelpURL  string `help:"Web page of the helpdesk." placeholder:"URL"`
	Zone     string `help:"Time zone of the people, such as Europe/Stockholm." default:"UTC"`
	SignIn   string `help:"Where people sign in after a reset." placeholder:"URL"`
}

// Run implements the verb.
func (v *tenantCreate) Run(ctx context.Context, s command.Streams) error {
	if !validID(v.ID) {
		return fmt.Errorf("tenant id %q: use 1 to 40 lower-case letters, digits and hyphens, beginning with a letter", v.ID)
	}
	if _, err := time.LoadLocation(v.Zone); err != nil {
		return fmt.Errorf("time zone %q isn't known: use a name such as Europe/Stockholm", v.Zone)
	}
	st, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	t := tenant.Tenant{ID: v.ID, Name: v.Name, Settings: tenant.Settings{
		HelpdeskPhone: v.Helpdesk, HelpURL: v.HelpURL, SignInURL: v.SignIn,
		TimeZone: v.Zone, UnlockOnly: true,
	}}
	if err := server.CreateTenant(ctx, st, t); err != nil {
		return fmt.Errorf("create tenant %s: %w", v.ID, err)
	}
	_, err = fmt.Fprintf(s.Out, "Made tenant %s. Next: homeward agent code\n", v.ID)
	return err
}

func validID(id string) bool {
	if id == "" || len(id) > 40 || id[0] < 'a' || id[0] > 'z' {
		return false
	}
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

type tenantList struct{ file }

// Run implements the verb.
func (v *tenantList) Run(ctx context.Context, s command.Streams) error {
	st, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	all, err := st.Tenants(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tNAME\tPEOPLE\tAGENTS")
	for _, t := range all {
		people, err := st.CountPeople(ctx, t.ID)
		if err != nil {
			return err
		}
		agents, err := st.Agents(ctx, t.ID)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", t.ID, t.Name, people, len(agents))
	}
	return w.Flush()
}

type peopleVerbs struct {
	Create   peopleCreate   `cmd:"" help:"Make an account that lives in the cloud until a directory's account matches it."`
	Load     peopleLoad     `cmd:"" help:"Make such accounts from a CSV file."`
	Accounts peopleAccounts `cmd:"" help:"List accounts."`
	Remove   peopleRemove   `cmd:"" help:"Delete an account that lives in the cloud."`
	Check    peopleCheck    `cmd:"" name:"check-password" help:"Check a cloud account's own password, read from standard input, as a sign-in does: if it is to become Active Directory's, it does."`

	Reset   peopleReset   `cmd:"" help:"Set somebody's password, read from standard input; they must change it at the next sign-in."`
	Unlock  peopleUnlock  `cmd:"" help:"Clear somebody's lockout; the password stays."`
	Pass    peoplePass    `cmd:"" help:"Give out a one-time code that counts as one check for somebody whose identity you have made sure of."`
	Hold    peopleHold    `cmd:"" help:"Stop somebody's self-service in the portal until it is released."`
	Release peopleRelease `cmd:"" help:"Let somebody use the portal again."`
	Methods methodVerbs   `cmd:"" help:"People's registered methods."`
	Held    peopleHeld    `cmd:"" help:"List whose self-service is stopped, and why."`

	Can   peopleCan   `cmd:"" name:"can-reset" help:"Say whether somebody can reset their own password now, gate by gate, and if not, what to do. Exit code 1: they can't, or it isn't known."`
	Probe peopleProbe `cmd:"" help:"Ask an agent whether somebody can be written now, and which policy holds for them."`
}

type configVerbs struct {
	Check configCheck `cmd:"" help:"Check the server's configuration file as the server reads it."`
	Keys  configKeys  `cmd:"" help:"List every key of a configuration file and what it means."`
}

type configKeys struct {
	Of string `arg:"" help:"Whose file: server or agent." enum:"server,agent" default:"server"`
}

// Run implements the verb.
func (v *configKeys) Run(s command.Streams) error {
	keys := config.ServerKeys()
	if v.Of == "agent" {
		keys = config.AgentKeys()
	}
	for _, k := range keys {
		if _, err := fmt.Fprintf(s.Out, "| `%s` | %s |\n", k.Name, k.About); err != nil {
			return err
		}
	}
	return nil
}

type configCheck struct{ file }

// Run implements the verb.
func (v *configCheck) Run(s command.Streams) error {
	c, err := v.load()
	if err != nil {
		return err
	}
	if c.Cert != "" {
		if _, err := tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
			return fmt.Errorf("cert and key: %w", err)
		}
	}
	_, err = fmt.Fprintln(s.Out, "Configuration is right.")
	return err
}

type eventsVerb struct{}

// Run implements the verb.
func (eventsVerb) Run(s command.Streams) error {
	_, _ = fmt.Fprint(s.Out, "# Events\n\nGenerated by `homeward events`. Codes are never reused.\n\n| Code | Name | Meaning | What to do |\n|---|---|---|---|\n")
	for _, e := range event.Catalogue() {
		remedy := e.Remedy
		if remedy == "" {
			remedy = "–"
		}
		if _, err := fmt.Fprintf(s.Out, "| %d | %s | %s | %s |\n", e.Code, e.Name, e.Meaning, remedy); err != nil {
			return err
		}
	}
	return nil
}
