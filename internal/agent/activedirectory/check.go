package activedirectory

import (
	"context"
	"errors"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// State is a directory that can be written.
type State struct {
	DC      string // DNS name of the controller that is used
	Domain  string // DNS name of the domain
	NetBIOS string // short name of the domain
	BaseDN  string
	Offset  time.Duration // controller's clock minus this machine's
	PDC     string        // DNS name of the PDC emulator, whether it is among Controllers or not
	// Controllers are all that are known, in the order of the list or of DNS.
	Controllers []ControllerState
}

// grace is how much longer than the first the other controllers may take to answer a look.
const grace = 1500 * time.Millisecond

// Check looks at every controller and tells whether resets can work now: a writable one answers and accepts the
// service account, the domain can be read, and the controller knows the policy-hints control. The error's reason
// says what to mend; the State then has Controllers only. To be called every few seconds while the directory is in
// use: this is how a controller that was away, or has become the PDC emulator, is noticed.
func (d *Directory) Check(ctx context.Context) (State, error) {
	s, err := d.check(ctx)
	if err != nil {
		s = State{}
	}
	s.PDC, s.Controllers = d.fleet.emulatorHost(), d.fleet.states()
	return s, wrap("check the directory", err)
}

func (d *Directory) check(ctx context.Context) (State, error) {
	if err := d.lookAtAll(ctx); err != nil {
		return State{}, err
	}
	var s State
	err := d.read(ctx, func(c *conn) error {
		root, err := c.rootDSE()
		if err != nil {
			return err
		}
		s.DC, s.BaseDN = c.dc.Host, d.base(c)
		if s.Offset, err = offset(root, d.config.Clock()); err != nil {
			return err
		}
		if _, err := c.domainPolicy(s.BaseDN); err != nil {
			return baseError(s.BaseDN, err)
		}
		if c.hints == "" {
			return noPolicyHints(c.dc.Host, nil)
		}
		return c.names(&s)
	})
	return s, err
}

// lookAtAll refreshes the list when it is due, and what is known of every controller.
func (d *Directory) lookAtAll(ctx context.Context) error {
	select {
	case d.surveying <- struct{}{}:
		defer func() { <-d.surveying }()
	case <-ctx.Done():
		return aborted("waiting for a look at the controllers", context.Cause(ctx))
	}
	if d.fleet.due(d.config.Clock()) {
		if err := d.refresh(ctx); err != nil {
			return err
		}
	}
	began := time.Now()
	err := d.survey(ctx, grace, func() bool { return false })
	if ctx.Err() == nil {
		d.late(began)
	}
	return err
}

func baseError(base string, err error) error {
	if lost(err) {
		return err
	}
	return &Error{
		Reason: protocol.ReasonDirectoryError, Detail: diagnose(err).text, err: err,
		doing: "the domain " + base + " does not exist there, or the service account may not read it",
	}
}

// names fills in what CN=Partitions says of the domain ([MS-ADTS] 6.1.1.2.1.1).
func (c *conn) names(s *State) error {
	dn, err := directory.ParseDN(s.BaseDN)
	if err != nil {
		return malformed("the domain's DN", err)
	}
	s.Domain = dn.DNSDomain()
	r, err := c.ldap.Search(ldap.NewSearchRequest("CN=Partitions,"+c.conf, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false,
		"(&(nETBIOSName=*)(nCName="+ldap.EscapeFilter(s.BaseDN)+"))", []string{"nETBIOSName", "dnsRoot"}, nil))
	if err != nil {
		return err
	}
	if len(r.Entries) != 1 {
		return malformed("the domain's short name", errors.New("CN=Partitions has no entry for "+s.BaseDN))
	}
	s.NetBIOS = string(attribute(r.Entries[0], "nETBIOSName"))
	if root := string(attribute(r.Entries[0], "dnsRoot")); root != "" {
		s.Domain = root
	}
	return nil
}
