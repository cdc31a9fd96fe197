// Package agent is the on-premises half: it enrols, keeps one outbound link to the relay, tells the server
// how its directory is, brings people in, and hands commands to writeback. Nothing here listens.
package agent

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/dirsync"
	"homeward/internal/agent/identity"
	"homeward/internal/agent/journal"
	"homeward/internal/agent/writeback"
	"homeward/internal/config"
	"homeward/internal/daemon"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/relay"
)

const (
	beatEvery  = 20 * time.Second
	checkEvery = 5 * time.Second
	// hurry is the pause between looks at a directory that has just failed.
	hurry = 2 * time.Second
	grace = 15 * time.Second
	// offSince is the first protocol version whose servers read what a configuration turns off.
	offSince = 3
	// clearTrip is how long an answer may take to still tell the server's clock: it is wrong by half of it at
	// most, and deadlines allow for two seconds.
	clearTrip = 2 * time.Second
)

// Agent is a running agent.
type Agent struct {
	config  config.Agent
	build   string
	machine string
	id      *identity.Identity
	dirs    *activedirectory.Domains
	journal *journal.Journal
	write   *writeback.Writeback
	link    *relay.AgentLink
	log     *slog.Logger

	connected chan struct{} // a value for each time the link comes up
	nudge     chan struct{} // the directory's state changed: tell the server now
	wanted    chan struct{} // the server wants the people
	asked     chan int      // the server wants a preview of that directory; nobody receives while one is made
	server    atomic.Int64  // the protocol version it answered with
	memory    dirsync.Memory
	started   time.Time
	system    string
	checks    checkups
	rolling   sync.Mutex // the sealing key is being replaced

	mu     sync.Mutex
	seen   []sight       // one for each configured directory, in their order
	offset time.Duration // the server's clock minus ours
	syncs  []*dirsync.Engine
}

// sight is what the agent saw of one domain when it last looked.
type sight struct {
	state  protocol.Directory
	domain activedirectory.State // of the last time it worked
	test   *protocol.TestResult  // of the last test write
}

// Open loads the identity and opens journal and directory. It connects to nothing. look makes the checkups that the server asks
// for; nil: none is made.
func Open(c config.Agent, build string, look Look, log *slog.Logger) (*Agent, error) {
	id, err := identity.Load(c.State)
	if err != nil {
		return nil, err
	}
	for i, d := range c.Directories {
		if err := SyncScope(d).Check(); err != nil && d.Sync.On() {
			return nil, fmt.Errorf("directories[%d]: %w", i, err)
		}
	}
	machine, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("machine name: %w", err)
	}
	dirs, err := OpenDirectories(c, log)
	if err != nil {
		return nil, err
	}
	j, err := journal.Open(filepath.Join(c.State, "journal.db"))
	if err != nil {
		return nil, err
	}
	// The journal is held: no other agent runs on this folder.
	if err := sweep(c.State, trial, identity.Unfinished); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	a := &Agent{
		config: c, build: build, machine: machine, id: id, dirs: dirs, journal: j, log: log, seen: make([]sight, len(c.Directories)),
		syncs:     make([]*dirsync.Engine, len(c.Directories)),
		connected: make(chan struct{}, 1), nudge: make(chan struct{}, 1), wanted: make(chan struct{}, 1),
		asked: make(chan int), started: time.Now(), system: System(), checks: checkups{look: look, wake: make(chan struct{}, 1)},
	}
	words, err := openBanned(filepath.Join(c.State, bannedFile))
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	a.write, err = writeback.New(writeback.Deps{
		Directory: dirs, Journal: j, Keys: id, CommandKeys: func() []ed25519.PublicKey { return id.CommandKeys(a.now()) }, Tenant: id.Tenant(),
		Agent: id.Agent(), Now: a.now, Logger: log, Publish: a.publish, Test: a.testWrite, Preview: a.beginPreview,
		Expiries: dirs, States: dirs, Rules: dirs, Banned: words, Checkup: a.checkupAnswer, Roll: a.rollAsked,
	})
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return a, nil
}

// OpenDirectories opens every directory of a configuration. The password files are read at each bind; that they
// can be read at all is checked here, where somebody sees the error.
func OpenDirectories(c config.Agent, log *slog.Logger) (*activedirectory.Domains, error) {
	list := make([]*activedirectory.Directory, 0, len(c.Directories))
	for i, conf := range c.Directories {
		d, err := OpenDirectory(conf, log)
		if err != nil {
			return nil, fmt.Errorf("directories[%d]: %w", i, err)
		}
		list = append(list, d)
	}
	return activedirectory.NewDomains(list...)
}

// uses is what a directory's configuration uses the service account for.
func uses(c config.Directory) activedirectory.Uses {
	return activedirectory.Uses{
		NoWriteback: !c.Features.Writes(), NoUnlock: !c.Features.Unlocks(), Sync: c.Sync.On(), Anchor: c.Sync.WritesAnchor(),
	}
}

// OpenDirectory opens one directory as its service account.
func OpenDirectory(c config.Directory, log *slog.Logger) (*activedirectory.Directory, error) {
	if c.Keytab == "" {
		if _, err := config.Secret(c.PasswordFile); err != nil {
			return nil, fmt.Errorf("service account: %w", err)
		}
	}
	return open(c, log, activedirectory.Config{
		Keytab: c.Keytab, User: c.User, Reader: c.Reader,
		Password: func(context.Context) ([]byte, error) {
			s, err := config.Secret(c.PasswordFile)
			return []byte(s.Reveal()), err
		},
	})
}

// OpenDirectoryWith is OpenDirectory with a password that isn't in its file yet.
func OpenDirectoryWith(c config.Directory, password func(context.Context) ([]byte, error), log *slog.Logger) (*activedirectory.Directory, error) {
	return open(c, log, activedirectory.Config{User: c.User, Reader: c.Reader, Password: password})
}

// OpenDirectoryAs opens one directory as somebody else.
func OpenDirectoryAs(c config.Directory, user string, password func(context.Context) ([]byte, error), log *slog.Logger) (*activedirectory.Directory, error) {
	return open(c, log, activedirectory.Config{User: user, Password: password, Conns: 1})
}

// OpenDirectoryTickets opens one directory as whoever has the tickets in a file, and nobody else.
func OpenDirectoryTickets(c config.Directory, tickets string, log *slog.Logger) (*activedirectory.Directory, error) {
	holder, err := activedirectory.TicketHolder(tickets)
	if err != nil {
		return nil, err
	}
	return open(c, log, activedirectory.Config{User: holder, Tickets: tickets, Conns: 1})
}

// open opens the directory that c describes as whoever d names.
func open(c config.Directory, log *slog.Logger, d activedirectory.Config) (*activedirectory.Directory, error) {
	d.Domain, d.URLs, d.Site, d.Resolver, d.BaseDN = c.Domain, c.URLs, c.Site, c.DNS, c.BaseDN
	d.Security, d.Logger, d.Uses, d.HideRules = activedirectory.Security(c.Security), log, uses(c), !c.Features.ShowsRules()
	d.Staging = c.Sync.Mode == config.SyncStaging
	if c.CAFile != "" {
		pool, err := certPool(c.CAFile)
		if err != nil {
			return nil, err
		}
		d.RootCAs, d.CAFile = pool, c.CAFile
	}
	return activedirectory.Open(d)
}

// Run runs the agent until ctx ends. It survives the loss of server and directory; it returns early only
// when it cannot work at all.
func (a *Agent) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.dirs.Close(), a.journal.Close()) }()
	a.lookAll(ctx)
	if err := a.dial(ctx, a.status); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.link.Close()) }()
	a.log.Info("agent is running", "event", int(event.AgentStarted), "agent", a.id.Agent(), "tenant", a.id.Tenant(), "build", a.build)
	err = daemon.Run(ctx, grace,
		daemon.Part{Name: "commands", Run: a.serve},
		daemon.Part{Name: "writeback", Run: a.write.Run},
		daemon.Part{Name: "heartbeat", Run: a.beat},
		daemon.Part{Name: "directory", Run: a.watch},
		daemon.Part{Name: "import", Run: a.imports},
		daemon.Part{Name: "sync", Run: a.sync},
		daemon.Part{Name: "previews", Run: a.previews},
		daemon.Part{Name: "checkups", Run: a.checkUp},
		daemon.Part{Name: "credential", Run: a.renew},
		daemon.Part{Name: "sealing key", Run: a.rollKeys},
		daemon.Part{Name: "clock", Run: a.clock})
	a.log.Info("agent stopped", "event", int(event.AgentStopped))
	return err
}

// dial makes the link to the server.
func (a *Agent) dial(ctx context.Context, status func(relay.Status)) error {
	roots, err := tlsConfig(a.config.CAFile)
	if err != nil {
		return err
	}
	proxy, err := proxyURL(a.config.Proxy)
	if err != nil {
		return err
	}
	a.setClock(ctx)
	a.link, err = relay.Dial(ctx, relay.AgentConfig{
		URL: a.id.RelayURL(), Agent: a.id.Agent(), Sign: a.id.Sign, JWT: a.id.JWT, Machine: thisMachine(a.machine),
		TLS: roots, Proxy: proxy, Status: status, Logger: a.log, Clock: a.now,
	})
	return err
}

func (a *Agent) serve(ctx context.Context) error {
	return a.link.Serve(ctx, func(ctx context.Context, c relay.Command) { a.write.Handle(ctx, c.Op, c.Data, c.Reply) })
}

func (a *Agent) publish(ctx context.Context, r protocol.Result) error {
	if a.link == nil {
		return relay.ErrUnavailable
	}
	err := a.link.Result(ctx, r)
	if errors.Is(err, relay.ErrNotTaken) || errors.Is(err, relay.ErrMalformed) || errors.Is(err, protocol.ErrMalformed) {
		return fmt.Errorf("%w: %w", writeback.ErrNotTaken, err)
	}
	return err
}

// now is the server's clock, as far as the last answer told: deadlines in headers are the server's.
func (a *Agent) now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Add(a.offset)
}

func (a *Agent) status(s relay.Status) {
	if !s.Connected {
		a.log.Warn("relay isn't connected", "event", int(event.RelayError), "cause", s.Cause)
		return
	}
	a.log.Info("relay is connected", "event", int(event.AgentConnected))
	signal(a.connected)
	a.write.Resend()
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// beat says hello after each connect, then sends heartbeats, at once when the directory's state changed.
func (a *Agent) beat(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.connected:
			a.say(ctx, protocol.UpHello, a.hello())
		case <-a.nudge:
			a.say(ctx, protocol.UpBeat, a.heartbeat())
		case <-tick.C:
			a.say(ctx, protocol.UpBeat, a.heartbeat())
		}
	}
}

func (a *Agent) hello() protocol.Hello {
	domains := a.domains()
	return protocol.Hello{
		Version: protocol.Version, MinVersion: protocol.MinVersion, Agent: a.id.Agent(), Build: a.build, Machine: a.machine,
		KeyID: a.id.KeyID().String(), Domain: domains[0].Name, Directory: domains[0].Directory, Domains: domains, CommandKey: a.id.CommandKeyID(),
		At: protocol.MilliOf(time.Now()),
	}
}

func (a *Agent) heartbeat() protocol.Beat {
	domains := a.domains()
	return protocol.Beat{
		Version: protocol.Version, Agent: a.id.Agent(), Directory: domains[0].Directory, Domains: domains,
		CommandKey: a.id.CommandKeyID(), Pending: a.write.Pending(), At: protocol.MilliOf(time.Now()),
	}
}

// domains tells how each domain is. One that was never reached has the name its configuration gives, if any.
func (a *Agent) domains() []protocol.Domain {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]protocol.Domain, len(a.seen))
	for i, s := range a.seen {
		conf := a.config.Directories[i]
		out[i] = protocol.Domain{Name: cmp.Or(s.domain.Domain, conf.Domain), NetBIOS: s.domain.NetBIOS, Directory: s.state, Testable: conf.TestAccount != "", Test: s.test}
		if a.server.Load() >= offSince { // an older server would refuse the whole message
			out[i].SyncOff, out[i].WritebackOff = !conf.Sync.On(), !conf.Writes()
		}
	}
	return out
}

// turnsOff reports whether the configuration turns something off that a server should know.
func (a *Agent) turnsOff() bool {
	return slices.ContainsFunc(a.config.Directories, func(d config.Directory) bool { return !d.Sync.On() || !d.Writes() })
}

// say sends one message and takes what its answer tells: the server's clock, and whether people are wanted.
func (a *Agent) say(ctx context.Context, kind string, message any) {
	if !a.link.Connected() {
		return
	}
	var answer protocol.HelloAnswer
	sent := time.Now()
	if err := a.link.Request(ctx, kind, message, &answer); err != nil {
		if ctx.Err() == nil {
			a.log.Warn("server didn't answer", "kind", kind, "error", err)
		}
		return
	}
	if !answer.OK {
		a.log.Error("server doesn't accept this agent", "reason", string(answer.Reason), "message", answer.Message)
		return
	}
	if before := a.server.Swap(int64(answer.Version)); before < offSince && answer.Version >= offSince && a.turnsOff() {
		signal(a.nudge) // now it can be told
	}
	a.trust(answer.CommandKeys)
	received := time.Now()
	a.mu.Lock()
	if trip := received.Sub(sent); trip <= clearTrip {
		a.offset = answer.At.Time().Sub(sent.Add(trip / 2))
	}
	// Servers that know sync aren't sent pages as well.
	start := answer.Import && answer.Version < syncSince && slices.ContainsFunc(a.seen, func(s sight) bool { return s.state.OK })
	a.mu.Unlock()
	if start {
		signal(a.wanted)
	}
}

// watch looks at each directory, more often while it fails.
func (a *Agent) watch(ctx context.Context) error {
	var all sync.WaitGroup
	for i := range a.seen {
		all.Go(func() { a.watchOne(ctx, i) })
	}
	all.Wait()
	return ctx.Err()
}

func (a *Agent) watchOne(ctx context.Context, i int) {
	for {
		pause := checkEvery
		if s := a.sight(i); !s.state.OK {
			pause = hurry
		}
		t := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		a.look(ctx, i)
	}
}

func (a *Agent) sight(i int) sight {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[i]
}

// lookAll checks every directory once, side by side.
func (a *Agent) lookAll(ctx context.Context) {
	var all sync.WaitGroup
	for i := range a.seen {
		all.Go(func() { a.look(ctx, i) })
	}
	all.Wait()
}

// look checks one directory and remembers what it saw.
func (a *Agent) look(ctx context.Context, i int) {
	s, err := a.dirs.List()[i].Check(ctx)
	if ctx.Err() != nil {
		return
	}
	reason := activedirectory.ReasonOf(err)
	// Without a journal every request would be refused: people hear it before they make an effort.
	if full := writable(a.config.State); err == nil && full != nil {
		err, reason = full, protocol.ReasonAgentState
	}
	next := protocol.Directory{OK: err == nil, DC: s.DC, Reason: reason}
	var lacking error
	if err == nil {
		// The controller can be written, and still nobody in some unit: the status says so, people are not turned away.
		if lacking = a.dirs.List()[i].Sample(ctx, a.config.Directories[i].Units); activedirectory.ReasonOf(lacking) == protocol.ReasonRights {
			next.Reason = protocol.ReasonRights
		} else if lacking != nil {
			a.log.Debug("a few people couldn't be looked at", "error", lacking)
		}
	}
	a.mu.Lock()
	before := &a.seen[i]
	changed := before.state.Since == 0 || before.state.OK != next.OK || before.state.Reason != next.Reason
	next.Since = before.state.Since
	if changed {
		next.Since = protocol.MilliOf(time.Now().Add(a.offset))
	}
	before.state = next
	if err == nil {
		before.domain = s
	}
	name := cmp.Or(before.domain.Domain, a.config.Directories[i].Domain)
	a.mu.Unlock()
	if !changed {
		return
	}
	signal(a.nudge)
	if err == nil {
		a.resync(i)
	}
	if err != nil {
		code := event.DirectoryDown
		if next.Reason == protocol.ReasonAgentState {
			code = event.StateError
		}
		a.log.Error("directory can't be written", "event", int(code), "domain", name, "reason", string(next.Reason), "error", err)
		return
	}
	if next.Reason == protocol.ReasonRights {
		a.log.Warn("the service account lacks rights; run doctor", "event", int(event.PermissionDenied), "domain", name, "error", lacking)
		return
	}
	a.log.Info("directory is ready", "dc", s.DC, "domain", s.Domain)
}

// imports sends the people whenever they are wanted, one import at a time.
func (a *Agent) imports(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.wanted:
			a.people(ctx)
			select { // asked again while it ran: that was this import
			case <-a.wanted:
			default:
			}
		}
	}
}

// people sends everybody in the chosen units, domain by domain and page by page. A page that isn't taken ends the
// try; the server asks again with the next heartbeat.
func (a *Agent) people(ctx context.Context) {
	for i := range a.seen {
		if s := a.sight(i); s.state.OK {
			a.peopleOf(ctx, i, s.domain)
		}
	}
}

func (a *Agent) peopleOf(ctx context.Context, i int, domain activedirectory.State) {
	page := protocol.People{Version: protocol.Version, Agent: a.id.Agent(), Import: rand.Text(), Domain: domain.Domain, NetBIOS: domain.NetBIOS}
	total := 0
	err := a.dirs.List()[i].People(ctx, a.config.Directories[i].Units, func(people []protocol.Person) error {
		for len(people) > 0 {
			n := min(len(people), protocol.MaxPeople)
			page.People, people = people[:n], people[n:]
			total += n
			if err := a.sendPage(ctx, &page); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		page.People, page.Last = nil, true
		err = a.sendPage(ctx, &page)
	}
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("import broke off; nobody was removed", "domain", domain.Domain, "error", err)
		}
		return
	}
	a.log.Info("import is complete", "event", int(event.ImportDone), "domain", domain.Domain, "people", total)
}

func (a *Agent) sendPage(ctx context.Context, page *protocol.People) error {
	var ack protocol.Ack
	if err := a.link.Request(ctx, protocol.UpSync, *page, &ack); err != nil {
		return fmt.Errorf("send page %d: %w", page.Page, err)
	}
	if !ack.OK {
		return fmt.Errorf("page %d wasn't taken: %s", page.Page, ack.Reason)
	}
	page.Page++
	return nil
}
