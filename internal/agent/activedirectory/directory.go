// Package activedirectory talks LDAP over TLS to a domain controller: it finds people and their password
// policy, resets passwords, unlocks accounts, lists people for the import and checks that all of it works.
//
// It guarantees that every reset carries the policy-hints control, so that Active Directory applies history
// and minimum age to it as well ([MS-ADTS] 3.1.1.3.4.1.27), and that a controller which does not know the
// control is refused; that a protected, disabled or system account and the agent's own account are never
// written, whatever the directory's rights allow; that a write goes to the same controller the account was
// read from, so that what was read before can be compared with what is read after; that this is the PDC emulator
// while it answers and never a read-only controller; that no referral is followed; and that every error of
// the directory is an *Error with a reason. It never repeats a write.
//
// It does not guarantee that no copy of a password stays in memory until it is collected: the buffers of
// this package are wiped, those inside the LDAP library and crypto/tls cannot be.
package activedirectory

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says which directory to use and how. Zero durations take the defaults.
type Config struct {
	// URLs of domain controllers of one domain, in order of preference: ldaps:// with LDAPS, else ldap://. The
	// next one is used when a connection cannot be made, and kept until that one fails.
	URLs []string
	// Domain is the DNS name of the domain. Where URLs is empty its controllers are found in DNS, those of Site
	// first, by asking Resolver (host:port; empty: the machine's).
	Domain   string
	Site     string
	Resolver string
	// Security is how the channel is made safe; empty is LDAPS.
	Security Security
	// Keytab is a file with the service account's Kerberos keys, instead of Password.
	Keytab string
	// Tickets is a file of Kerberos tickets, as kinit writes it, instead of both.
	Tickets string
	// BaseDN is the domain's DN. Empty: what the controller says (defaultNamingContext).
	BaseDN string
	// User names the service account: user@domain, DOMAIN\user, or a DN.
	User string
	// Reader is who may read the password of User, a group managed service account, in the directory; Keytab or
	// Password are then Reader's. Empty: they are User's own.
	Reader string
	// Password gives the service account's password. It is called for every bind, so that a changed
	// file is picked up, and what it returns is wiped.
	Password func(context.Context) ([]byte, error)
	// RootCAs verify the controllers' certificates. Nil: the machine's.
	RootCAs *x509.CertPool
	// CAFile is where RootCAs come from, for the errors.
	CAFile string
	// ServerName is expected in the certificate. Empty: the host of the URL.
	ServerName string
	Logger     *slog.Logger
	// Clock gives the time; nil is time.Now.
	Clock func() time.Time
	// Uses is what the service account is used for: which rights are planned, granted and looked for.
	Uses Uses
	// Staging says that nothing is written: no password, and no lockout is cleared.
	Staging bool
	// HideRules says that nobody outside is told the password rules; they hold all the same.
	HideRules bool
	// Conns is how many resets are sent side by side, and how many reads: 1 or 2. A controller
	// serialises resets, so more would only queue there. Zero is 2.
	Conns int

	DialTimeout  time.Duration // connect, TLS and bind; 5 s
	ReadTimeout  time.Duration // one search; 5 s
	WriteTimeout time.Duration // one modify; 10 s, because password filters can be slow
}

// Security is how a connection to a controller is encrypted and who proves what on it. No password ever crosses
// anything weaker.
type Security string

// Kinds of security.
const (
	LDAPS    Security = "ldaps"    // TLS from the first byte, port 636
	StartTLS Security = "starttls" // TLS after StartTLS, port 389
	Kerberos Security = "kerberos" // SASL GSSAPI with sign and seal, port 389, no TLS
)

const (
	// maxAge bounds a connection's life: group membership and the account's own state are looked at
	// only when it binds.
	maxAge = 10 * time.Minute
	// policyAge bounds how old a remembered password policy may be.
	policyAge = time.Minute
	maxConns  = 2
)

// Directory is one domain, through one of its controllers at a time. It is safe for concurrent use.
type Directory struct {
	config    Config
	urls      []*url.URL
	resolver  *net.Resolver
	fleet     *fleet
	reads     *pool
	writes    *pool
	asides    chan struct{} // turns of those who look at one certain controller
	surveying chan struct{} // one at a time
	binding   chan struct{} // one at a time
	work      background

	schema schema

	mu       sync.Mutex
	policies map[string]rememberedPolicy
	samples  map[string]sample // by unit
	refusal  bindRefusal

	changing oneAtATime
	tried    tries
}

// Open checks the configuration and returns the directory. It does not connect: the first call that needs
// the controller does, so that an agent starts while its directory is down.
func Open(config Config) (*Directory, error) {
	d := &Directory{config: config, policies: map[string]rememberedPolicy{}, samples: map[string]sample{}}
	if len(config.URLs) == 0 && config.Domain == "" {
		return nil, errors.New("directory: no URL of a domain controller, for example ldaps://dc1.corp.example, and no domain to find them in DNS")
	}
	if d.config.Security == "" {
		d.config.Security = LDAPS
	}
	if err := checkSecurity(d.config); err != nil {
		return nil, err
	}
	for _, s := range config.URLs {
		u, err := parseURL(s, d.config.Security)
		if err != nil {
			return nil, err
		}
		d.urls = append(d.urls, u)
	}
	if err := checkUser(config.User); err != nil {
		return nil, err
	}
	d.defaults()
	if d.config.Conns < 1 || d.config.Conns > maxConns {
		return nil, fmt.Errorf("directory: %d connections, not 1 to %d: a controller serialises resets, more would queue there",
			d.config.Conns, maxConns)
	}
	d.reads, d.writes = newPool(d.config.Conns), newPool(d.config.Conns)
	d.asides, d.surveying, d.binding = make(chan struct{}, maxAsides), make(chan struct{}, 1), make(chan struct{}, 1)
	d.resolver, d.fleet = newResolver(d.config.Resolver), &fleet{site: d.config.Site}
	return d, nil
}

func (d *Directory) defaults() {
	c := &d.config
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Conns == 0 {
		c.Conns = maxConns
	}
	for _, t := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.DialTimeout, 5 * time.Second}, {&c.ReadTimeout, 5 * time.Second}, {&c.WriteTimeout, 10 * time.Second}} {
		if *t.field <= 0 {
			*t.field = t.value
		}
	}
}

// Close ends the idle connections. Calls under way finish; a later call connects again.
func (d *Directory) Close() error {
	d.work.end()
	d.reads.drop("")
	d.writes.drop("")
	return nil
}

func parseURL(s string, security Security) (*url.URL, error) {
	scheme, port := security.endpoint()
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, fmt.Errorf("directory URL %q: want %s://host or %[2]s://host:port", s, scheme)
	case u.Scheme == "ldap" && security == LDAPS:
		return nil, fmt.Errorf("directory URL %q: Active Directory takes passwords over an encrypted connection only; "+
			"use ldaps://%s, or set security to starttls or kerberos", s, u.Hostname())
	case u.Scheme != scheme:
		return nil, fmt.Errorf("directory URL %q: with security %s the scheme must be %s", s, security, scheme)
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("directory URL %q: only host and port are used; nothing may follow them", s)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return u, nil
}

// checkUser refuses the one form that looks right and never binds.
func checkUser(user string) error {
	switch {
	case user == "":
		return errors.New("directory: no service account, for example svc-homeward@corp.example")
	case !strings.ContainsAny(user, `@\=`):
		return fmt.Errorf("directory: service account %q is a bare logon name, which Active Directory does not accept in a bind; "+
			`write it as user@domain, DOMAIN\user, or a DN`, user)
	}
	return nil
}
