package activedirectory

import (
	"context"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

const (
	// maxOthers and otherTime bound the search for somebody whom the controller in use does not know.
	maxOthers = 2
	otherTime = time.Second
)

// Account reads the person with one search, on the controller that a write would go to. Errors are *Error;
// ReasonNotFound covers deleted objects, unknown GUIDs and objects that are not users, ReasonReplication an account
// that only another controller knows: it has been made, or removed, a moment ago.
func (d *Directory) Account(ctx context.Context, guid directory.GUID) (Account, error) {
	var (
		a     Account
		asked string
	)
	err := d.read(ctx, func(c *conn) error {
		var err error
		asked = c.dc.address
		a, err = d.account(c, guid)
		return err
	})
	if err == nil {
		return a, nil
	}
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		if elsewhere := d.elsewhere(ctx, asked, guid); elsewhere != nil {
			return Account{}, elsewhere
		}
	}
	return Account{}, wrap("read the account", err)
}

// account reads the person on one connection.
func (d *Directory) account(c *conn, guid directory.GUID) (Account, error) {
	e, err := c.oneWith([]ldap.Control{control{oidSDFlags, onlyDACL}}, guid.DN(), accountAttributes())
	if err != nil {
		return Account{}, err
	}
	a, err := newAccount(e)
	if err != nil {
		return Account{}, err
	}
	a.DC, a.At, a.home = d.fleet.now(c), d.config.Clock(), d
	a.Own = a.SID.String() == c.self
	a.grants = d.evaluate(c, attribute(e, "nTSecurityDescriptor"))
	return a, nil
}

// elsewhere asks other controllers that are well for somebody whom one of them does not know. Nil: nobody does, or
// there is nobody to ask.
func (d *Directory) elsewhere(ctx context.Context, asked string, guid directory.GUID) error {
	now := d.config.Clock()
	targets := d.fleet.order(now)
	var own directory.GUID
	for _, t := range targets {
		if t.address == asked {
			own = t.dc.Invocation
		}
	}
	ctx, cancel := context.WithTimeout(ctx, otherTime)
	defer cancel()
	others := 0
	answers := make(chan string, len(targets))
	for _, t := range targets {
		if t.address == asked || !t.known || t.dc.Invocation == own || t.resting(now) || others == maxOthers {
			continue
		}
		others++
		d.work.run(ctx, otherTime, func(ctx context.Context) {
			host := ""
			if d.aside(ctx, t, func(c *conn) error { _, err := c.one(guid.DN(), "objectGUID"); return err }) == nil {
				host = t.dc.Host
			}
			answers <- host
		})
	}
	for range others {
		select {
		case <-ctx.Done():
			return nil
		case host := <-answers:
			if host != "" {
				return &Error{
					Reason: protocol.ReasonReplication,
					doing:  "the account is on " + host + " but not yet on the controller that is written, or no longer",
				}
			}
		}
	}
	return nil
}
