// Package demo runs all of Homeward on one machine with real parts: a domain controller, the server, an
// agent in a process of its own, and a mailbox. The demo verb and the whole-path tests stand on it.
package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"homeward/internal/config"
	"homeward/internal/demo/mailbox"
	"homeward/internal/lab"
	"homeward/internal/server"
	"homeward/internal/server/enrol"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// TenantID is the demo's one tenant.
const TenantID = "contoso"

const (
	readyWithin = 60 * time.Second
	pollEvery   = 50 * time.Millisecond
)

// Options say what to run.
type Options struct {
	Homeward string            // path of the homeward binary
	Dir      string            // work folder; empty: a temporary one, removed by Close
	Database string            // DSN; empty: SQLite in the work folder
	Listen   string            // the portal's address; empty: a free port on loopback
	External *config.Directory // an existing Active Directory instead of a lab DC
	Lab      lab.Options       // for the lab DC
	Proxy    Proxy             // for the agent
	// Edit changes the agents' configuration before it is written; the map is what the YAML holds.
	Edit func(agent map[string]any)
	// EditServer does so for the server's.
	EditServer func(server map[string]any)
	// Wrap stands before the program of each agent, enrolment included, such as a command that gives it a wrong clock.
	Wrap []string
	// Prepare changes the lab DC before anybody looks at it: people it adds are in the first import.
	Prepare func(ctx context.Context, dc *lab.DC) error
	// Patience is how long a part may take to get ready; zero: a minute. A big domain's first sync takes longer.
	Patience time.Duration
	Logger   *slog.Logger
}

// Proxy is the HTTP CONNECT proxy that the agent must use.
type Proxy struct {
	URL, User, Password string
}

// Stack is the running whole.
type Stack struct {
	DC      *lab.DC // nil with an external directory
	Mailbox *mailbox.Mailbox
	Server  *Process
	Agent   *Process
	More    []*Agent     // those AddAgent made
	Store   *store.Store // the server's own database, for tests and for the hops the demo prints

	o       Options
	dir     string
	temp    bool
	portal  string
	cert    lab.Certificate
	conf    config.Server
	where   config.Directory
	stop    context.CancelFunc
	running sync.WaitGroup
}

// Start starts everything and returns when a reset would work. ctx bounds the start.
func Start(ctx context.Context, o Options) (s *Stack, err error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s = &Stack{o: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := s.folder(); err != nil {
		return s, err
	}
	directory, err := s.directory(ctx)
	if err != nil {
		return s, err
	}
	if err := s.openMailbox(ctx); err != nil {
		return s, err
	}
	if err := s.writeServer(ctx); err != nil {
		return s, err
	}
	code, err := s.prepare(ctx)
	if err != nil {
		return s, err
	}
	if err := s.StartServer(ctx); err != nil {
		return s, err
	}
	s.where = directory
	if err := s.writeAgent("agent"); err != nil {
		return s, err
	}
	if err := s.enrol(ctx, "agent", code); err != nil {
		return s, err
	}
	if err := s.StartAgent(ctx); err != nil {
		return s, err
	}
	return s, s.waitImported(ctx)
}

func (s *Stack) path(name string) string { return filepath.Join(s.dir, name) }

// Path returns a file of the work folder, such as server.log.
func (s *Stack) Path(name string) string { return s.path(name) }

func (s *Stack) folder() (err error) {
	s.dir = s.o.Dir
	if s.dir == "" {
		s.temp = true
		if s.dir, err = os.MkdirTemp("", "homeward-demo-"); err != nil {
			return fmt.Errorf("work folder: %w", err)
		}
	}
	for _, name := range []string{"server", "agent", "tls"} {
		if err := os.MkdirAll(s.path(name), 0o700); err != nil {
			return fmt.Errorf("work folder: %w", err)
		}
	}
	return nil
}

// directory starts the lab DC, or takes the external directory as it is.
func (s *Stack) directory(ctx context.Context) (config.Directory, error) {
	if s.o.External != nil {
		return *s.o.External, nil
	}
	dc, err := lab.Start(ctx, s.o.Lab)
	if err != nil {
		return config.Directory{}, err
	}
	s.DC = dc
	if s.o.Prepare != nil {
		if err := s.o.Prepare(ctx, dc); err != nil {
			return config.Directory{}, fmt.Errorf("prepare the directory: %w", err)
		}
	}
	password := s.path("service-account")
	if err := os.WriteFile(password, []byte(dc.ServiceAccount().Password+"\n"), 0o600); err != nil {
		return config.Directory{}, fmt.Errorf("service account: %w", err)
	}
	return config.Directory{URLs: []string{dc.LDAPSURL()}, CAFile: dc.CAFile(), User: dc.ServiceAccount().UPN, PasswordFile: password, Units: dc.OUs()}, nil
}

func (s *Stack) openMailbox(ctx context.Context) error {
	box, err := mailbox.Open(ctx)
	if err != nil {
		return err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.Mailbox, s.stop = box, stop
	s.running.Go(func() {
		if err := box.Run(life); err != nil {
			s.o.Logger.Error("mailbox stopped", "error", err)
		}
	})
	return nil
}

func (s *Stack) writeServer(ctx context.Context) error {
	listen := s.o.Listen
	if listen == "" {
		var err error
		if listen, err = freePort(ctx); err != nil {
			return err
		}
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("listen address: %w", err)
	}
	if s.cert, err = lab.IssueCertificate(s.path("tls"), "localhost", host); err != nil {
		return err
	}
	smtpHost, smtpPort := s.Mailbox.SMTP()
	s.portal = "https://" + net.JoinHostPort("localhost", port)
	s.conf = config.Server{
		Listen: listen, BaseURL: s.portal, Cert: s.cert.CertFile, Key: s.cert.KeyFile, State: s.path("server"),
		Database: s.o.Database, MasterKey: s.path("server/master.key"),
		Mail: config.Mail{Host: smtpHost, Port: smtpPort, TLS: "none", From: "password@contoso.example"}, Log: config.Log{Level: "info", Format: "text"},
	}
	if s.conf.Database == "" {
		s.conf.Database = "sqlite:" + s.path("server/homeward.db")
	}
	conf := map[string]any{
		"listen": listen, "base_url": s.portal, "cert": s.conf.Cert, "key": s.conf.Key, "state": s.conf.State, "database": s.conf.Database,
		"master_key": s.conf.MasterKey, "mail": map[string]any{"host": smtpHost, "port": smtpPort, "tls": "none", "from": s.conf.Mail.From},
	}
	if s.o.EditServer != nil {
		s.o.EditServer(conf)
	}
	return writeYAML(s.path("server.yaml"), conf)
}

// writeAgent writes name.yaml for an agent whose state folder is called name.
func (s *Stack) writeAgent(name string) error {
	d := s.where
	conf := map[string]any{
		"server": s.portal, "ca_file": s.cert.CAFile, "state": s.path(name),
		"directories": []any{map[string]any{
			"urls": d.URLs, "ca_file": d.CAFile, "base_dn": d.BaseDN, "user": d.User, "password_file": d.PasswordFile,
			"organizational_units": d.Units,
		}},
	}
	if p := s.o.Proxy; p.URL != "" {
		proxy := map[string]any{"url": p.URL}
		if p.User != "" {
			proxy["user"], proxy["password_file"] = p.User, s.path("proxy-password")
			if err := os.WriteFile(s.path("proxy-password"), []byte(p.Password+"\n"), 0o600); err != nil {
				return fmt.Errorf("proxy password: %w", err)
			}
		}
		conf["proxy"] = proxy
	}
	if s.o.Edit != nil {
		s.o.Edit(conf)
	}
	return writeYAML(s.path(name+".yaml"), conf)
}

func (s *Stack) enrol(ctx context.Context, name, code string) error {
	argv := append(slices.Clone(s.o.Wrap), s.o.Homeward, "agent", "enrol", "--config", s.path(name+".yaml"))
	// On a machine so busy that the controller doesn't answer in time nothing is enrolled, and the code stays good.
	const tries = 3
	var err error
	for range tries {
		if _, err = run(ctx, code+"\n", argv[0], argv[1:]...); err == nil || !strings.Contains(err.Error(), "nothing was enrolled") {
			return err
		}
	}
	return err
}

// Agent is one more agent of the stack.
type Agent struct {
	*Process
	ID string // public nkey

	name string
	s    *Stack
}

// AddAgent enrols and starts one more agent beside the first, under a name of its own, and waits until the server
// counts on it.
func (s *Stack) AddAgent(ctx context.Context, name string) (*Agent, error) {
	before, err := s.Store.Agents(ctx, TenantID)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.path(name), 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	code, _, err := server.Enrolments(s.Store, time.Now).NewCode(ctx, TenantID, enrol.CodeLife)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.writeAgent(name), s.enrol(ctx, name, code)); err != nil {
		return nil, err
	}
	a := &Agent{name: name, s: s}
	after, err := s.Store.Agents(ctx, TenantID)
	if err != nil {
		return nil, err
	}
	for _, one := range after {
		if !slices.ContainsFunc(before, func(b enrol.Agent) bool { return b.ID == one.ID }) {
			a.ID = one.ID
		}
	}
	s.More = append(s.More, a)
	return a, a.Start(ctx)
}

// Start starts the agent, again if it has ended, and waits until the server counts on it.
func (a *Agent) Start(ctx context.Context) (err error) {
	began := time.Now()
	if a.Process, err = a.s.launch(a.name); err != nil {
		return err
	}
	return a.s.until(ctx, a.Process, func() (bool, error) {
		one, err := a.s.Store.Agent(ctx, a.ID)
		return err == nil && one.Seen.After(began.Add(-time.Millisecond)) && one.DirectoryOK, err
	})
}

func (s *Stack) launch(name string) (*Process, error) {
	argv := append(slices.Clone(s.o.Wrap), s.o.Homeward, "agent", "run", "--config", s.path(name+".yaml"))
	return start(name, s.path(name+".log"), argv[0], argv[1:]...)
}

// writeYAML writes JSON, which is YAML.
func writeYAML(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// freePort finds a port below those that the system gives to outgoing connections (ip_local_port_range begins at 32768): one of
// these might have it when a server starts again.
func freePort(ctx context.Context) (address string, err error) {
	const lowest, ports, tries = 20000, 12000, 50
	for range tries {
		address = net.JoinHostPort("127.0.0.1", strconv.Itoa(lowest+rand.IntN(ports)))
		l, failed := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err = failed; err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("free port: %w", err)
}

// prepare makes the tenant and an enrolment code, as an operator would with the command line.
func (s *Stack) prepare(ctx context.Context) (string, error) {
	st, err := server.OpenStore(ctx, s.conf, s.o.Logger)
	if err != nil {
		return "", err
	}
	s.Store = st
	t := tenant.Tenant{ID: TenantID, Name: "Contoso", Settings: tenant.Settings{
		HelpdeskPhone: "+46 8 555 01 42", HelpURL: "https://help.contoso.example/",
		SignInURL: "https://www.contoso.example/", ExampleUPN: "sam.berg@contoso.com", ExampleDown: `CONTOSO\sberg`, TimeZone: "Europe/Stockholm", UnlockOnly: true,
	}}
	if err := server.CreateTenant(ctx, st, t); err != nil {
		return "", err
	}
	code, _, err := server.Enrolments(st, time.Now).NewCode(ctx, TenantID, enrol.CodeLife)
	return code, err
}

// StartServer starts the server process and waits until it answers.
func (s *Stack) StartServer(ctx context.Context) error { return s.StartServerUnder(ctx) }

// StartServerUnder does so with words before the program, such as a command that gives it a wrong clock.
func (s *Stack) StartServerUnder(ctx context.Context, wrap ...string) (err error) {
	argv := append(slices.Clone(wrap), s.o.Homeward, "server", "--config", s.path("server.yaml"))
	if s.Server, err = start("server", s.path("server.log"), argv[0], argv[1:]...); err != nil {
		return err
	}
	client, err := s.Client()
	if err != nil {
		return err
	}
	return s.until(ctx, s.Server, func() (bool, error) { return client.healthy(ctx) })
}

// StartAgent starts the agent process and waits until the server counts on it.
func (s *Stack) StartAgent(ctx context.Context) error {
	began := time.Now()
	if err := s.LaunchAgent(); err != nil {
		return err
	}
	return s.WaitAgent(ctx, began)
}

// LaunchAgent starts the agent process and doesn't wait for anything.
func (s *Stack) LaunchAgent() (err error) {
	s.Agent, err = s.launch("agent")
	return err
}

// LaunchAgentOf starts another build of the agent, homeward-agent, in the place of the stack's own.
func (s *Stack) LaunchAgentOf(program string) (err error) {
	s.Agent, err = start("agent", s.path("agent.log"), program, "run", "--config", s.path("agent.yaml"))
	return err
}

// WaitAgent waits until the server has heard, after a moment, that the agent can write.
func (s *Stack) WaitAgent(ctx context.Context, after time.Time) error {
	return s.until(ctx, s.Agent, func() (bool, error) {
		agents, err := s.Store.Agents(ctx, TenantID)
		if err != nil || len(agents) == 0 {
			return false, err
		}
		for _, a := range agents {
			if a.Seen.After(after.Add(-time.Millisecond)) && a.DirectoryOK {
				return true, nil
			}
		}
		return false, nil
	})
}

func (s *Stack) waitImported(ctx context.Context) error {
	return s.until(ctx, s.Agent, func() (bool, error) {
		agents, err := s.Store.Agents(ctx, TenantID)
		if err != nil {
			return false, err
		}
		for _, a := range agents {
			if !a.Imported.IsZero() {
				return true, nil
			}
		}
		return false, nil
	})
}

// until polls while p lives.
func (s *Stack) until(ctx context.Context, p *Process, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.o.Patience, readyWithin))
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("%s ended; its log says: %s", p.name, tail(p.log.Name()))
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s isn't ready: %w; its log ends: %s", p.name, ctx.Err(), tail(p.log.Name())), err)
		case <-tick.C:
		}
	}
}

// Portal returns the portal's address.
func (s *Stack) Portal() string { return s.portal }

// CAFile returns the certificate authority of the portal.
func (s *Stack) CAFile() string { return s.cert.CAFile }

// Close stops everything, in the reverse order, and removes the work folder if it was a temporary one.
func (s *Stack) Close() error {
	var errs []error
	processes := []*Process{s.Agent, s.Server}
	for _, a := range s.More {
		processes = append([]*Process{a.Process}, processes...)
	}
	for _, p := range processes {
		if p != nil {
			errs = append(errs, p.Stop())
		}
	}
	if s.Store != nil {
		errs = append(errs, s.Store.Close())
	}
	if s.stop != nil {
		s.stop()
		s.running.Wait()
	}
	if s.DC != nil {
		errs = append(errs, s.DC.Stop())
	}
	if s.temp && s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
