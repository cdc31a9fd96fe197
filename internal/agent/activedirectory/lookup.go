package activedirectory

import (
	"context"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
)

// Account reads the person with one search. Errors are *Error; ReasonNotFound covers deleted objects,
// unknown GUIDs and objects that are not users.
func (d *Directory) Account(ctx context.Context, guid directory.GUID) (Account, error) {
	var a Account
	err := d.read(ctx, func(c *conn) error {
		e, err := c.oneWith([]ldap.Control{control{oidSDFlags, onlyDACL}}, guid.DN(), accountAttributes())
		if err != nil {
			return err
		}
		a, err = newAccount(e)
		a.DC, a.At, a.home = c.dc, d.config.Clock(), d
		a.Own = a.SID.String() == c.self
		a.grants = evaluate(attribute(e, "nTSecurityDescriptor"), c.token)
		return err
	})
	if err != nil {
		return Account{}, wrap("read the account", err)
	}
	return a, nil
}
