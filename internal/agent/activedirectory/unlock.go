package activedirectory

import (
	"context"
	"errors"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Unlock clears the account's lockout and never touches the password. It refuses what Reset refuses about
// accounts, and may be repeated.
func (d *Directory) Unlock(ctx context.Context, a Account) error {
	if err := a.Refusal(protocol.Unlock); err != nil {
		return err
	}
	m := ldap.NewModifyRequest(a.GUID.DN(), nil)
	m.Replace("lockoutTime", []string{"0"})
	err := d.write(ctx, a.DC, func(c *conn) error { return sent("unlock the account", c.ldap.Modify(m)) })
	return nameMissing(err, a.MissingUnlock())
}

// MustChange makes the person choose another password at the next sign-in: pwdLastSet=0, a second modify,
// because controllers refuse it together with a reset that carries policy hints. Call it only after a Reset
// of the same account that is known to have happened; a is the account as read before that.
//
// It is not written where it would do nothing ("password never expires") or shut the person out ("user
// cannot change password", or no sign that they may). From then on, the minimum age no longer keeps the person from changing it.
func (d *Directory) MustChange(ctx context.Context, a Account) (protocol.MustChange, error) {
	switch {
	// A password that cannot be used without a card does not expire either ([MS-ADTS] 3.1.1.4.5.17).
	case a.Control.Has(directory.DontExpirePassword), a.Control.Has(directory.SmartcardRequired):
		return protocol.MustChangeNeverExpires, nil
	case a.CannotChange, a.grants.known && !a.mayChange:
		return protocol.MustChangeCannot, nil
	}
	m := ldap.NewModifyRequest(a.GUID.DN(), nil)
	m.Replace("pwdLastSet", []string{"0"})
	err := d.write(ctx, a.DC, func(c *conn) error { return sent("make the person change the password", c.ldap.Modify(m)) })
	var e *Error
	switch {
	case err == nil:
		return protocol.MustChangeSet, nil
	case errors.As(err, &e) && e.Sent:
		return protocol.MustChangeUnknown, err
	}
	return protocol.MustChangeRefused, nameMissing(err, a.MissingMustChange())
}
