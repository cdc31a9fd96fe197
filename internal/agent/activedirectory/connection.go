package activedirectory

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Controller is the domain controller an answer came from.
type Controller struct {
	Host string // DNS name
	// Invocation names its database; replication metadata names the database a change was made in.
	Invocation directory.GUID
	// Offset is the controller's clock minus this machine's when it was last asked, within a second.
	Offset time.Duration

	url     int    // index in Config.URLs
	address string // IP address and port: a name can stand for several controllers
}

// conn is one bound connection. It is used by one call at a time.
type conn struct {
	ldap *ldap.Conn
	raw  net.Conn
	born time.Time
	dc   Controller
	base string // defaultNamingContext
	conf string // configurationNamingContext
	// hints is the OID of the policy-hints control the controller knows, or empty.
	hints string
	self  string          // SID of the account bound as; empty when the controller does not say
	token map[string]bool // SIDs that count when rights are evaluated
}

// kill ends the connection at once. Without lingering, so that bytes the controller has not received yet
// are dropped rather than delivered when the network heals.
func (c *conn) kill() {
	if t, ok := c.raw.(interface{ SetLinger(sec int) error }); ok {
		_ = t.SetLinger(0) // best effort: the connection is being dropped
	}
	_ = c.raw.Close()
	_ = c.ldap.Close()
}

// use runs f and ends the connection if ctx ends first, because the LDAP library does not look at ctx.
func (c *conn) use(ctx context.Context, timeout time.Duration, f func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return aborted("use a connection", err)
	}
	c.ldap.SetTimeout(timeout)
	stop := context.AfterFunc(ctx, c.kill)
	defer stop()
	return f(c)
}

// pool holds the idle ones of at most cap(turns) connections.
type pool struct {
	turns chan struct{}

	mu   sync.Mutex
	idle []*conn
}

func newPool(size int) *pool { return &pool{turns: make(chan struct{}, size)} }

func (p *pool) enter(ctx context.Context) error {
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pool) leave() { <-p.turns }

// take returns an idle connection that fits, and ends those that are dead or too old.
func (p *pool) take(now time.Time, fits func(*conn) bool) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		stale := c.ldap.IsClosing() || now.Sub(c.born) > maxAge
		if stale {
			c.kill()
		}
		return stale
	})
	for i, v := range slices.Backward(p.idle) {
		if c := v; fits(c) {
			p.idle = slices.Delete(p.idle, i, i+1)
			return c
		}
	}
	return nil
}

// put takes back a connection that works. One that idles too many is ended, oldest first.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, c)
	if len(p.idle) > cap(p.turns) {
		p.idle[0].kill()
		p.idle = slices.Delete(p.idle, 0, 1)
	}
}

func (p *pool) drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.kill()
	}
	p.idle = nil
}

// read runs f on a connection to whichever controller works. A lost connection is tried once more on a new
// one: searches may be repeated.
func (d *Directory) read(ctx context.Context, f func(*conn) error) error {
	if err := d.reads.enter(ctx); err != nil {
		return aborted("waiting for a connection", err)
	}
	defer d.reads.leave()
	for again := true; ; again = false {
		c := d.reads.take(d.config.Clock(), func(*conn) bool { return true })
		if c == nil {
			var err error
			if c, err = d.dialAny(ctx); err != nil {
				return err
			}
		}
		err := c.use(ctx, d.config.ReadTimeout, f)
		if !lost(err) {
			d.reads.put(c)
			return err
		}
		c.kill()
		d.failed(c.dc.url)
		if !again || ctx.Err() != nil {
			return &Error{Reason: protocol.ReasonDirectoryDown, doing: "read from " + c.dc.Host, err: errors.Join(err, ctx.Err())}
		}
	}
}

// write runs f once on a connection to exactly the controller dc.
func (d *Directory) write(ctx context.Context, dc Controller, f func(*conn) error) error {
	if err := d.writes.enter(ctx); err != nil {
		return aborted("waiting for a connection", err)
	}
	defer d.writes.leave()
	c := d.writes.take(d.config.Clock(), func(c *conn) bool { return c.dc.Invocation == dc.Invocation })
	if c == nil {
		var err error
		if c, err = d.dial(ctx, dc.url, dc.address); err != nil {
			return err
		}
	}
	if c.dc.Invocation != dc.Invocation {
		c.kill()
		return &Error{
			Reason: protocol.ReasonDirectoryDown, doing: "connect again to " + dc.Host,
			err: fmt.Errorf("%s answers there now, with another database", c.dc.Host),
		}
	}
	err := c.use(ctx, d.config.WriteTimeout, f)
	if lost(err) {
		c.kill()
		d.failed(dc.url)
		return err
	}
	d.writes.put(c)
	return err
}

// failed makes the next connection start with the URL after the one that failed.
func (d *Directory) failed(index int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current == index {
		d.current = (index + 1) % len(d.urls)
	}
}

// dialAny tries every URL, beginning with the one that worked last.
func (d *Directory) dialAny(ctx context.Context) (*conn, error) {
	d.mu.Lock()
	start := d.current
	d.mu.Unlock()
	var first error
	for i := range d.urls {
		index := (start + i) % len(d.urls)
		c, err := d.dial(ctx, index, d.urls[index].Host)
		if err == nil {
			d.mu.Lock()
			d.current = index
			d.mu.Unlock()
			return c, nil
		}
		if first == nil {
			first = err
		}
		// A refused password would be refused by the next controller too, and count there as well.
		if ReasonOf(err) == protocol.ReasonServiceAccount || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, first
}

// lost reports whether err leaves the connection in a state nobody knows.
func lost(err error) bool {
	if err == nil {
		return false
	}
	var e *Error
	if errors.As(err, &e) && !e.Sent {
		return false
	}
	if le, ok := errors.AsType[*ldap.Error](err); ok {
		return le.ResultCode >= ldap.ErrorNetwork
	}
	return !isUnknownControl(err)
}

// isUnknownControl recognises Samba's answer to a critical control it does not know: an extended response,
// for which the LDAP library has no error type.
func isUnknownControl(err error) bool {
	return err != nil && strings.Contains(err.Error(), "unexpected response: "+strconv.Itoa(ldap.ApplicationExtendedResponse))
}

func aborted(doing string, err error) error {
	return &Error{Reason: protocol.ReasonTimeout, doing: doing, err: err}
}
