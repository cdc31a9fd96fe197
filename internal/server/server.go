// Package server composes the cloud side and runs it. It holds no logic of its own: it opens the store, the
// relay and the services, fits them together and serves one HTTPS port.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"homeward/internal/config"
	"homeward/internal/daemon"
	"homeward/internal/relay"
	"homeward/internal/server/alert"
	"homeward/internal/server/broker"
	"homeward/internal/server/cloudpassword"
	"homeward/internal/server/commandkey"
	"homeward/internal/server/enrol"
	"homeward/internal/server/export"
	"homeward/internal/server/fleet"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/licence"
	"homeward/internal/server/limit"
	"homeward/internal/server/locale"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/notify"
	"homeward/internal/server/objection"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/registration"
	"homeward/internal/server/reminder"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
	"homeward/internal/server/web"
	"homeward/internal/server/web/admin"
	"homeward/internal/server/web/portal"
)

const (
	grace = 20 * time.Second
	// tenantsEvery is how soon a tenant made by the command line is known to the running server.
	tenantsEvery = 2 * time.Second
	// keepAttempts is how long finished attempts stay; the audit log keeps what happened.
	keepAttempts = 30 * 24 * time.Hour
	// keepPending is how long a method waits for its code; a visit to the security info is shorter.
	keepPending = time.Hour
)

// Server is the composed cloud side.
type Server struct {
	config  config.Server
	log     *slog.Logger
	now     func() time.Time
	store   *store.Store
	tenants *tenants
	broker  *broker.Broker
	fleet   *fleet.Fleet
	tests   *fleet.Tester
	envoy   *fleet.Envoy
	enrols  *enrol.Service
	// reminders tell people that their password expires.
	reminders *reminder.Service
	// registers remind people to register, when an operator says so.
	registers *reminder.Registers
	previews  *fleet.Previewer
	checkups  *fleet.Checkups
	// commands holds the keys that sign what agents are told.
	commands *commandkey.Ring
	resets   *reset.Service
	// accounts takes in people and groups of directories, and keeps the accounts.
	accounts  *provision.Engine
	passwords *cloudpassword.Service
	mails     *notify.Queue
	// try sends a test message at once.
	try    func(ctx context.Context, t tenant.Tenant, to, lang string) error
	uplink *fleet.Uplink
	limits limits
	// front is what every request passes first.
	front web.Front
	site  *portal.Site
	tls   *certificate
	// objections stop an account's self-service when its owner says "this wasn't me".
	objections *objection.Service
	infos      *registration.Service
	admin      *admin.Site
	// helpdesk is the door through which operators find people and act on them.
	helpdesk *helpdesk.Service
	book     *licence.Book
	// operators signs the administrators in; provider is where they may do so elsewhere.
	operators *operator.Service
	provider  *provider
	// exports hands the audit log on.
	exports *export.Streams
	// alerts tells administrators what needs them.
	alerts *alert.Watcher
}

// Open opens everything. What it opened is closed again when it fails.
func Open(ctx context.Context, c config.Server, log *slog.Logger) (s *Server, err error) {
	key, err := MasterKey(c, log)
	if err != nil {
		return nil, err
	}
	s = &Server{config: c, log: log, now: time.Now}
	proxies, err := c.Proxies()
	if err != nil {
		return nil, err
	}
	if s.front, err = web.NewFront(c.BaseURL, proxies); err != nil {
		return nil, fmt.Errorf("base_url: %w", err)
	}
	if s.tls, err = loadCertificate(c.Cert, c.Key); err != nil {
		return nil, err
	}
	opened, err := store.Open(ctx, store.Config{DSN: c.Database, Key: key, Logger: log})
	if err != nil {
		return nil, err
	}
	s.store = opened
	defer func() {
		if err != nil { // s is nil by then
			err = errors.Join(err, opened.Close())
		}
	}()
	if err := s.openRelay(ctx, key); err != nil {
		return nil, err
	}
	if err := s.compose(ctx, key); err != nil {
		return nil, errors.Join(err, s.broker.Close(ctx))
	}
	return s, nil
}

// Spending has memory spent while everybody of a directory is taken in. Call it before Run.
func (s *Server) Spending(m provision.Memory) { s.accounts.Spending(m) }

// OpenStore opens the store alone, for the command line.
func OpenStore(ctx context.Context, c config.Server, log *slog.Logger) (*store.Store, error) {
	key, err := MasterKey(c, log)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Config{DSN: c.Database, Key: key, Logger: log})
}

// Enrolments makes and decides codes on a store. Enrolling itself needs a running server.
func Enrolments(s *store.Store, now func() time.Time) *enrol.Service {
	return &enrol.Service{Store: agents{s}, Facts: agents{s}, Devices: agents{s}, Now: now}
}

// MasterKey takes the key from HOMEWARD_MASTER_KEY_HEX or the configured file. The file is made at the
// first start: whoever loses it loses every secret in the database.
func MasterKey(c config.Server, log *slog.Logger) (masterkey.Key, error) {
	const variable = "HOMEWARD_MASTER_KEY_HEX"
	if os.Getenv(variable) != "" {
		return masterkey.FromEnv(variable)
	}
	if _, err := os.Stat(c.MasterKey); !errors.Is(err, os.ErrNotExist) {
		return masterkey.Load(c.MasterKey)
	}
	if err := os.MkdirAll(filepath.Dir(c.MasterKey), 0o700); err != nil {
		return masterkey.Key{}, fmt.Errorf("folder of the master key: %w", err)
	}
	log.Warn("made a new master key; keep a copy of this file apart from the database's backups", "file", c.MasterKey)
	return masterkey.Create(c.MasterKey)
}

func (s *Server) openRelay(ctx context.Context, key masterkey.Key) error {
	keys, err := loadOrMake(ctx, s.store, "", "relay", broker.NewKeys, broker.Keys.Marshal, broker.UnmarshalKeys)
	if err != nil {
		return err
	}
	pepper, err := key.Derive("limits")
	if err != nil {
		return err
	}
	s.limits = limits{limit.New(s.store, pepper, s.now)}
	s.broker, err = broker.Open(ctx, broker.Config{Dir: filepath.Join(s.config.State, "relay"), Keys: keys, Logger: s.log, Admit: s.admit})
	if err != nil {
		return err
	}
	s.tenants = newTenants(s.store, s.broker, s.log)
	if err := s.tenants.sync(ctx); err != nil {
		return errors.Join(err, s.broker.Close(ctx))
	}
	return nil
}

// presence joins what the fleet needs of the relay.
type presence struct {
	*broker.Presence
	*broker.Broker
}

// Kick implements fleet.Relay.
func (p presence) Kick(account, agent string) { p.KickAgent(account, agent) }

// Revoke implements fleet.Relay. The store keeps the revocation; the relay is told again at each start.
func (p presence) Revoke(ctx context.Context, account, agent string) error {
	_, err := p.RevokeAgent(ctx, account, agent)
	return err
}

func (s *Server) compose(ctx context.Context, key masterkey.Key) error {
	catalog, err := locale.New()
	if err != nil {
		return err
	}
	sub := map[string][]byte{}
	for _, name := range []string{"codes", "decoys", "devices", objectionKey} {
		if sub[name], err = key.Derive(name); err != nil {
			return err
		}
	}
	if s.commands, err = commandkey.Open(ctx, agents{s.store}, s.config.KeyLife, s.now); err != nil {
		return err
	}
	sender, err := s.smtp()
	if err != nil {
		return err
	}
	channels := notify.Channels{Mail: sender}
	if channels.Text, err = textSender(s.config.Text, sender, s.now); err != nil {
		return err
	}
	channels.Hook = s.hook(key, s.config.Alerts)
	s.mails = notify.NewQueue(s.store, key, channels, s.now, s.log)
	s.fleet = fleet.New(fleet.Deps{
		Store: agents{s.store}, Relay: presence{s.broker.Presence(), s.broker}, Caller: relay.Caller{Begin: s.broker.Begin},
		Tenants: s.tenants.tenant, Record: s.record, Now: s.now, Log: s.log,
	})
	s.enrols = Enrolments(s.store, s.now)
	s.enrols.Mint, s.enrols.Tenant, s.enrols.Command = s.tenants.mint, s.tenants.tenant, s.commands.Newest
	registered := newWays(s.store, s.now)
	s.objections = Objections(s.store, sub[objectionKey], s.now)
	letters := notify.NewLetters(s.mails, catalog, s.config.BaseURL, s.now).Offering(s.objections, s.store)
	s.try = func(ctx context.Context, t tenant.Tenant, to, lang string) error {
		return sender.Send(ctx, letters.Try(t, to, lang))
	}
	s.book = &licence.Book{Store: s.store, Now: s.now, Record: s.record}
	s.accounts = provision.New(provision.Deps{Store: s.store, Now: s.now, Log: s.log})
	s.resets = reset.New(reset.Deps{
		Attempts: attempts{s.store}, Requests: attempts{s.store}, People: newPeople(s.store, s.now), Fleet: s.fleet,
		Codes: verify.NewCodes(codes{s.store}, sub["codes"], s.now), Ways: registered, Census: registered.Census,
		Passes: verify.NewPasses(passes{s.store}, sub["codes"], s.now), Texts: s.config.Text.On(), MayTell: s.limits.Tell, Passkeys: s.passkeys(sub["codes"]),
		Notices: letters, Atomic: together(s.store, letters, s.mails), Limits: s.limits, Audit: s.store,
		Familiar: s.limits, Devices: verify.NewDevices(sub["devices"], s.now),
		HoldsRole: s.holdsRole, InScope: s.accounts.InScope, Stopped: s.objections.Held, Licensed: licensed,
		HoldsLicence: s.holdsLicence, Crowd: gateFacts{s.store, s.accounts, s.book}.facts, Administrators: s.administrators,
		Tenants: s.tenants.tenant, Command: s.commands.For, DecoyKey: sub["decoys"], Now: s.now, Log: s.log,
	})
	s.infos = registration.New(registration.Deps{
		Store: registered, Reviews: registered, People: s.store, Codes: s.resets.Codes, Notices: letters, Limits: s.limits,
		Audit: s.store, Strict: s.resets.Strict, Works: s.resets.Works, Passkeys: s.resets.Passkeys, Now: s.now, Log: s.log,
	})
	s.envoy = &fleet.Envoy{Fleet: s.fleet, Command: s.commands.For, Changed: s.tenants.words}
	s.reminders = reminder.New(reminder.Deps{
		Store: s.store, Expiries: s.envoy.Expiries, Methods: s.store.Methods, InScope: s.accounts.InScope, Stopped: s.objections.Held,
		Licensed: s.mayWrite, Send: reminders(s.store, letters, s.mails), Now: s.now, Log: s.log,
	})
	s.registers = &reminder.Registers{
		Store: s.store, Methods: s.store.Methods, Works: s.resets.Works, Send: registerReminders(s.store, letters, s.mails), Record: s.record, Now: s.now, Log: s.log,
	}
	if s.helpdesk, err = s.openHelpdesk(key, registered); err != nil {
		return err
	}
	s.tests = &fleet.Tester{Fleet: s.fleet, Command: s.commands.For, Last: s.store.Tests}
	s.previews = &fleet.Previewer{Fleet: s.fleet, Command: s.commands.For, Want: staging{s.accounts}.want}
	s.checkups = fleet.NewCheckups(s.fleet, s.commands.For)
	s.passwords = &cloudpassword.Service{Accounts: cloudAccounts{s.accounts, s.store}, Writer: s.resets, Now: s.now, Log: s.log}
	s.uplink = &fleet.Uplink{
		Fleet: s.fleet, Results: s.resets, Imports: provision.NewImporter(s.accounts), Syncs: syncs{s.accounts},
		Renewals: s.enrols, Commands: s.commands, TenantOf: s.tenants.ofAccount,
	}
	s.openAlerts(letters)
	if s.exports, err = s.openExports(ctx); err != nil {
		return err
	}
	if err := s.openSite(catalog); err != nil {
		return err
	}
	return s.openAdmin(key, catalog)
}

// passkeys are nil where they cannot work.
func (s *Server) passkeys(key []byte) *verify.Passkeys {
	p, err := verify.NewPasskeys(s.config.BaseURL, "Homeward", key)
	if err != nil {
		s.log.Warn("passkeys are off: they need a name, not an address, in base_url", "error", err)
		return nil
	}
	return p
}

func (s *Server) openSite(catalog *locale.Catalog) error {
	assets, err := portal.Assets()
	if err != nil {
		return err
	}
	engine, err := portal.NewEngine(assets, catalog)
	if err != nil {
		return err
	}
	s.site = &portal.Site{
		Resets: s.resets, Registration: s.infos, Objections: s.objections, Engine: engine, Assets: assets, Catalog: catalog, Tenant: s.tenants.ofRequest,
		Since: s.fleet.Since, Told: s.told, Picture: s.store.Picture, Now: s.now, Log: s.log,
	}
	return nil
}

// loadOrMake reads a secret of the store, or makes and stores it the first time.
func loadOrMake[T any](ctx context.Context, st *store.Store, tenantID, name string, create func() (T, error), marshal func(T) ([]byte, error), unmarshal func([]byte) (T, error)) (T, error) {
	var none T
	raw, err := st.Secret(ctx, tenantID, name)
	if err == nil {
		defer clear(raw)
		return unmarshal(raw)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return none, err
	}
	v, err := create()
	if err != nil {
		return none, fmt.Errorf("make %s keys: %w", name, err)
	}
	if raw, err = marshal(v); err != nil {
		return none, fmt.Errorf("make %s keys: %w", name, err)
	}
	defer clear(raw)
	return v, st.PutSecret(ctx, tenantID, name, raw)
}

func (s *Server) smtp() (*notify.SMTP, error) {
	m := s.config.Mail
	c := notify.SMTPConfig{Host: m.Host, Port: m.Port, TLS: m.TLS, User: m.User, From: m.From}
	if m.User != "" {
		c.Password = func() (string, error) {
			password, err := config.Secret(m.PasswordFile)
			return password.Reveal(), err
		}
	}
	if m.CAFile != "" {
		roots, err := rootsFile(m.CAFile)
		if err != nil {
			return nil, err
		}
		c.Roots = roots
	}
	return notify.NewSMTP(c)
}

// Run serves until ctx ends, then stops in an order that loses nothing: no new requests, then the requests
// in flight, then the relay, then the store.
func (s *Server) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.store.Close()) }()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), s.broker.Close(ctx))
	}
	uplink, err := relay.Listen(ctx, s.broker.CloudConn(), relay.ListenConfig{Logger: s.log}, s.uplink.Handle)
	if err != nil {
		return errors.Join(err, l.Close(), s.broker.Close(ctx))
	}
	stopWatch := s.broker.Presence().Watch(s.watch)
	defer stopWatch()
	s.log.Info("portal is open", "url", s.config.BaseURL, "listen", l.Addr().String())
	err = daemon.Run(ctx, grace,
		daemon.Part{Name: "portal", Run: func(ctx context.Context) error { return s.serve(ctx, l) }},
		daemon.Part{Name: "outcomes", Run: s.resets.Run},
		daemon.Part{Name: "mail", Run: s.mails.Run},
		daemon.Part{Name: "tenants", Run: s.tenants.run},
		daemon.Part{Name: "fleet", Run: func(ctx context.Context) error { return s.fleet.Run(ctx, s.store.Tenants) }},
		daemon.Part{Name: "test writes", Run: func(ctx context.Context) error { return s.tests.Run(ctx, s.store.Tenants) }},
		daemon.Part{Name: "banned words", Run: func(ctx context.Context) error { return s.envoy.Run(ctx, s.store.Tenants) }},
		daemon.Part{Name: "checkups", Run: func(ctx context.Context) error { return s.checkups.Run(ctx, s.store.Tenants) }},
		daemon.Part{Name: "reminders", Run: func(ctx context.Context) error { return s.reminders.Run(ctx, s.store.Tenants) }},
		daemon.Part{Name: "command keys", Run: s.rollCommands},
		daemon.Part{Name: "control", Run: s.control},
		daemon.Part{Name: "exports", Run: s.exports.Run},
		daemon.Part{Name: "alerts", Run: s.alerts.Run},
		daemon.Part{Name: "upkeep", Run: s.upkeep})
	s.resets.Close() // the portal has stopped: nobody submits any more
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return errors.Join(err, uplink.Drain(stop), s.broker.Close(stop))
}

func (s *Server) serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.routes(), //nolint:contextcheck // each request brings its own
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 40 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, TLSConfig: s.tls.config(), ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace/2)
		defer cancel()
		stopped <- srv.Shutdown(stop)
	}()
	var err error
	if s.tls == nil {
		err = srv.Serve(l)
	} else {
		err = srv.ServeTLS(l, "", "")
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// upkeep removes what nobody needs any more.
func (s *Server) upkeep(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if _, err := s.store.DeleteAttempts(ctx, s.now().Add(-keepAttempts)); err != nil && ctx.Err() == nil {
			s.log.Error("old attempts couldn't be removed", "error", err)
		}
		if err := s.store.DropPending(ctx, "", "", s.now().Add(-keepPending)); err != nil && ctx.Err() == nil {
			s.log.Error("unfinished registrations couldn't be removed", "error", err)
		}
		if err := s.store.DropPasses(ctx, s.now().Add(-keepPending)); err != nil && ctx.Err() == nil {
			s.log.Error("old helpdesk passes couldn't be removed", "error", err)
		}
		if _, err := s.store.DropExpiredMail(ctx, s.now()); err != nil && ctx.Err() == nil {
			s.log.Error("expired mail couldn't be removed", "error", err)
		}
		if err := s.store.DropObjectionLinks(ctx, s.now()); err != nil && ctx.Err() == nil {
			s.log.Error("old links couldn't be removed", "error", err)
		}
		s.sweep(ctx)
		if _, err := s.store.DropDevices(ctx, s.now().Add(-enrol.DeviceLife)); err != nil && ctx.Err() == nil {
			s.log.Error("old devices' requests couldn't be removed", "error", err)
		}
		if err := s.store.PruneOperators(ctx, s.now()); err != nil && ctx.Err() == nil {
			s.log.Error("old sessions couldn't be removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
