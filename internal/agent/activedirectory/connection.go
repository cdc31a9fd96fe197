package activedirectory

import (
	"context"
	"errors"
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
	// PDC says that it is the PDC emulator, where a new password counts everywhere at once.
	PDC bool
	// Site is its Active Directory site.
	Site string
	// ReadOnly controllers are never used.
	ReadOnly bool

	name    string // the name its certificate is for
	service string // DN of its NTDS Settings object
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
	self  string          // SID of the account bound as
	token map[string]bool // SIDs that count when rights are evaluated

	used      time.Time // when it last went back to its pool
	latency   time.Duration
	owner     string // DN of the PDC emulator's NTDS Settings object
	ownerHost string // DNS name of the PDC emulator, or empty
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

// put takes back a connection that works. Of each controller as many stay as there are turns.
func (p *pool) put(c *conn, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.used = now
	p.idle = append(p.idle, c)
	same := 0
	for _, other := range p.idle {
		if other.dc.address == c.dc.address {
			same++
		}
	}
	if same > cap(p.turns) {
		oldest := slices.IndexFunc(p.idle, func(o *conn) bool { return o.dc.address == c.dc.address })
		p.idle[oldest].kill()
		p.idle = slices.Delete(p.idle, oldest, oldest+1)
	}
}

// drop ends the idle connections to one address; to all when it is empty.
func (p *pool) drop(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		drop := address == "" || c.dc.address == address
		if drop {
			c.kill()
		}
		return drop
	})
}

func at(address string) func(*conn) bool {
	return func(c *conn) bool { return c.dc.address == address }
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
