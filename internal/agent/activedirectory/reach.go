package activedirectory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"homeward/internal/protocol"
)

const (
	// stagger is the lead a better controller has before the next one is tried as well (RFC 8305 calls it the
	// connection attempt delay).
	stagger = 250 * time.Millisecond
	// patience is how long an answer is waited for where there is another way to get it.
	patience = 1200 * time.Millisecond
	// quiet is how long a connection may idle before a write makes sure that it still leads somewhere: many
	// firewalls forget connections without a word, and a write into one has no known outcome.
	quiet = 5 * time.Second
	// attempts bounds one read: a dead connection, a dead controller, the one that works.
	attempts  = 3
	maxAsides = 4
)

// background runs work that outlives the call it began in, until it is done or the directory is closed.
type background struct {
	mu      sync.Mutex
	cancels map[int]context.CancelFunc
	next    int
	all     sync.WaitGroup
}

func (b *background) run(ctx context.Context, limit time.Duration, f func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cancels == nil {
		b.cancels = map[int]context.CancelFunc{}
	}
	id := b.next
	b.next++
	b.cancels[id] = cancel
	b.all.Go(func() {
		defer func() {
			cancel()
			b.mu.Lock()
			delete(b.cancels, id)
			b.mu.Unlock()
		}()
		f(ctx)
	})
}

// end cancels everything under way and waits for it.
func (b *background) end() {
	b.mu.Lock()
	for _, cancel := range b.cancels {
		cancel()
	}
	b.mu.Unlock()
	b.all.Wait()
}

// read runs f on a connection to the best controller. A connection or a controller that fails is left for the next:
// searches may be repeated.
func (d *Directory) read(ctx context.Context, f func(*conn) error) error {
	select {
	case d.reads.turns <- struct{}{}:
	case <-ctx.Done():
		return aborted("waiting for a connection", context.Cause(ctx))
	}
	defer d.reads.leave()
	if err := d.ready(ctx); err != nil {
		return err
	}
	for n := 1; ; n++ {
		c, used, err := d.reader(ctx)
		if err != nil {
			return err
		}
		limit := d.config.ReadTimeout
		if used || d.another(c.dc.address) {
			limit = min(limit, patience)
		}
		err = c.use(ctx, limit, f)
		if !lost(err) {
			d.reads.put(c, d.config.Clock())
			return err
		}
		c.kill()
		if ctx.Err() != nil {
			return &Error{Reason: protocol.ReasonDirectoryDown, doing: "read from " + c.dc.Host, err: errors.Join(err, ctx.Err())}
		}
		err = &Error{Reason: protocol.ReasonDirectoryDown, doing: "read from " + c.dc.Host, err: err}
		d.reads.drop(c.dc.address)
		if !used { // an old connection can die without its controller
			d.fleet.fail(c.dc.address, err, d.config.Clock())
		}
		if n == attempts {
			return err
		}
	}
}

// reader returns a connection to the best controller, and whether it is a used one.
func (d *Directory) reader(ctx context.Context) (*conn, bool, error) {
	targets := d.fleet.order(d.config.Clock())
	if len(targets) > 0 {
		if c := d.reads.take(d.config.Clock(), at(targets[0].address)); c != nil {
			return c, true, nil
		}
	}
	c, err := d.race(ctx, targets)
	return c, false, err
}

// another tells whether a read could go elsewhere now.
func (d *Directory) another(address string) bool {
	now := d.config.Clock()
	return slices.ContainsFunc(d.fleet.order(now), func(t target) bool { return t.address != address && !t.resting(now) })
}

// dialAny opens a connection of its own to the best controller that answers.
func (d *Directory) dialAny(ctx context.Context) (*conn, error) {
	if err := d.ready(ctx); err != nil {
		return nil, err
	}
	return d.race(ctx, d.fleet.order(d.config.Clock()))
}

type attempt struct {
	target target
	conn   *conn
	err    error
}

// race connects to the first, and to the next ones too where that fails or takes long. The first that answers wins;
// those that began earlier and lost are passed over for a while, but may still finish and be used then.
func (d *Directory) race(ctx context.Context, targets []target) (*conn, error) {
	if len(targets) == 0 {
		return nil, d.onlyReadOnly()
	}
	r := race{dir: d, done: make(chan attempt, len(targets)), targets: targets}
	defer r.settle(ctx)
	r.start(ctx)
	tick := time.NewTimer(stagger)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, aborted("connect to a controller", context.Cause(ctx))
		case <-tick.C:
			r.start(ctx)
		case a := <-r.done:
			if c, err, over := r.judge(a); over {
				return c, err
			}
			r.start(ctx)
		}
		tick.Reset(stagger)
	}
}

// race is one contest; its fields belong to the goroutine of Directory.race.
type race struct {
	dir      *Directory
	targets  []target
	started  int
	finished []string // addresses
	done     chan attempt
	spare    *conn // without the policy-hints control: good for reading, if there is no better
	errs     []error
}

func (r *race) start(ctx context.Context) {
	if r.started == len(r.targets) {
		return
	}
	t := r.targets[r.started]
	r.started++
	d, done := r.dir, r.done
	d.work.run(ctx, d.config.DialTimeout, func(ctx context.Context) {
		c, err := d.dial(ctx, t)
		done <- attempt{t, c, err}
	})
}

// judge looks at one result and says whether the race is over.
func (r *race) judge(a attempt) (*conn, error, bool) { //nolint:revive // the error belongs to the connection
	r.finished = append(r.finished, a.target.address)
	last := len(r.finished) == len(r.targets)
	switch {
	case a.err != nil:
		r.errs = append(r.errs, a.err)
		r.dir.lookFailed(a.target, a.err)
		if ReasonOf(a.err) == protocol.ReasonServiceAccount {
			// The next controller would refuse this password too, and count it.
			return nil, a.err, true
		}
	case a.conn.hints != "":
		return a.conn, nil, true
	case r.spare == nil:
		r.spare = a.conn
	default:
		r.dir.reads.put(a.conn, r.dir.config.Clock())
	}
	switch {
	case !last:
		return nil, nil, false
	case r.spare != nil:
		c := r.spare
		r.spare = nil
		return c, nil, true
	}
	return nil, worst(append(r.errs, r.dir.readOnlyAnswers()...)), true
}

// settle passes over those that did not answer in time, and lets them finish.
func (r *race) settle(ctx context.Context) {
	d := r.dir
	if r.spare != nil {
		d.reads.put(r.spare, d.config.Clock())
	}
	late := 0
	for _, t := range r.targets[:r.started] {
		if slices.Contains(r.finished, t.address) {
			continue
		}
		late++
		if ctx.Err() == nil {
			d.fleet.fail(t.address, &Error{Reason: protocol.ReasonDirectoryDown, doing: t.host + " was slower than others"}, d.config.Clock())
		}
	}
	if late == 0 {
		return
	}
	done := r.done
	d.work.run(ctx, 2*d.config.DialTimeout, func(context.Context) {
		for range late {
			a := <-done
			if a.err != nil {
				d.lookFailed(a.target, a.err)
				continue
			}
			d.reads.put(a.conn, d.config.Clock())
		}
	})
}

// lookFailed passes a controller over, unless it is read-only, which is no failure, or the fault is the account's.
func (d *Directory) lookFailed(t target, err error) {
	switch ReasonOf(err) {
	case protocol.ReasonReadOnly, protocol.ReasonServiceAccount:
		d.fleet.note(t.address, err)
	default:
		d.fleet.missing(t.address, err, d.config.Clock())
	}
}

// worst picks the error an administrator should see: one that names something to mend before "no answer".
func worst(errs []error) error {
	for _, err := range errs {
		if r := ReasonOf(err); r != protocol.ReasonDirectoryDown && r != protocol.ReasonTimeout && r != protocol.ReasonReadOnly {
			return err
		}
	}
	for _, err := range errs {
		if ReasonOf(err) == protocol.ReasonReadOnly {
			return err
		}
	}
	return errs[0]
}

// readOnlyAnswers has an error for each read-only controller that answered when it was last looked at.
func (d *Directory) readOnlyAnswers() (errs []error) {
	now := d.config.Clock()
	for _, t := range d.fleet.every() {
		if t.known && t.dc.ReadOnly && !t.resting(now) {
			errs = append(errs, readOnly(t.dc.Host))
		}
	}
	return errs
}

func (d *Directory) onlyReadOnly() error {
	if errs := d.readOnlyAnswers(); len(errs) > 0 {
		return errs[0]
	}
	return &Error{Reason: protocol.ReasonDirectoryDown, doing: "no controller is known"}
}

// write runs f once on a connection to exactly the controller dc. An error without Sent means that nothing was sent:
// the account may be read again, from wherever it then is, and the write be done there.
func (d *Directory) write(ctx context.Context, dc Controller, f func(*conn) error) error {
	select {
	case d.writes.turns <- struct{}{}:
	case <-ctx.Done():
		return aborted("waiting for a connection", context.Cause(ctx))
	}
	defer d.writes.leave()
	c, err := d.writer(ctx, dc)
	if err != nil {
		return err
	}
	err = c.use(ctx, d.config.WriteTimeout, f)
	if lost(err) {
		c.kill()
		d.writes.drop(dc.address)
		d.fleet.fail(dc.address, err, d.config.Clock())
		return err
	}
	d.writes.put(c, d.config.Clock())
	return err
}

// writer returns a connection to the very controller and database dc that has just worked.
func (d *Directory) writer(ctx context.Context, dc Controller) (*conn, error) {
	now := d.config.Clock()
	c := d.writes.take(now, func(c *conn) bool { return c.dc.address == dc.address && c.dc.Invocation == dc.Invocation })
	if c != nil && now.Sub(c.used) < quiet {
		return c, nil
	}
	limit := d.config.DialTimeout
	if d.another(dc.address) {
		limit = min(limit, patience)
	}
	if c != nil {
		err := c.use(ctx, min(limit, patience), func(c *conn) error { _, err := c.one("", "currentTime"); return err })
		if err == nil {
			return c, nil
		}
		c.kill()
		d.writes.drop(dc.address)
	}
	dialling, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c, err := d.dial(dialling, target{host: dc.name, address: dc.address})
	if err != nil {
		if ctx.Err() == nil && ReasonOf(err) == protocol.ReasonTimeout {
			err = &Error{Reason: protocol.ReasonDirectoryDown, doing: "connect again to " + dc.Host, err: err}
		}
		d.lookFailed(target{address: dc.address}, err)
		return nil, err
	}
	if c.dc.Invocation != dc.Invocation {
		c.kill()
		return nil, &Error{
			Reason: protocol.ReasonDirectoryDown, doing: "connect again to " + dc.Host,
			err: fmt.Errorf("%s answers there now, with another database", c.dc.Host),
		}
	}
	return c, nil
}

// aside runs f on a connection to one certain controller, beside the calls that take their turn.
func (d *Directory) aside(ctx context.Context, t target, f func(*conn) error) error {
	select {
	case d.asides <- struct{}{}:
	case <-ctx.Done():
		return aborted("waiting for a connection", context.Cause(ctx))
	}
	defer func() { <-d.asides }()
	limit := d.config.ReadTimeout
	if d.another(t.address) {
		limit = min(limit, patience)
	}
	for {
		c := d.reads.take(d.config.Clock(), at(t.address))
		used := c != nil
		if !used {
			dialling, cancel := context.WithTimeout(ctx, limit)
			var err error
			c, err = d.dial(dialling, t)
			cancel()
			if err != nil {
				d.lookFailed(t, err)
				return err
			}
		}
		err := c.use(ctx, min(limit, patience), f)
		if !lost(err) {
			d.reads.put(c, d.config.Clock())
			return err
		}
		c.kill()
		d.reads.drop(t.address)
		if !used || ctx.Err() != nil {
			return &Error{Reason: protocol.ReasonDirectoryDown, doing: "read from " + t.host, err: err}
		}
	}
}
