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
	DC      string // DNS name of the controller
	Domain  string // DNS name of the domain
	NetBIOS string // short name of the domain
	BaseDN  string
	Offset  time.Duration // controller's clock minus this machine's
}

// Check tells whether resets can work now: a controller answers and accepts the service account, the domain
// can be read, and the controller knows the policy-hints control. The error's reason says what to mend.
func (d *Directory) Check(ctx context.Context) (State, error) {
	var s State
	err := d.read(ctx, func(c *conn) error {
		root, err := c.rootDSE()
		if err != nil {
			return err
		}
		s.DC, s.BaseDN = c.dc.Host, c.base
		if d.config.BaseDN != "" {
			s.BaseDN = d.config.BaseDN
		}
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
	if err != nil {
		return State{}, wrap("check the directory", err)
	}
	return s, nil
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
