package activedirectory

import (
	"context"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/directory/security"
)

// Standing is what the service account may do with one person, each right with the entry that decides.
type Standing struct {
	Account    Account
	Rights     []Effective
	MayChange  bool // the person may change the password, knowing the old one
	Protected  bool // adminCount is 1
	CutOff     bool // the account inherits nothing
	Unreadable bool // the permissions can't be read
}

// Effective is one right, judged.
type Effective struct {
	Right   Right
	Outcome security.Outcome
	By      string // the entry that decides, in SDDL; empty: none does
	From    string // whose entry it is; empty: nobody's
}

// Standing judges one person.
func (d *Directory) Standing(ctx context.Context, guid directory.GUID) (Standing, error) {
	a, err := d.Account(ctx, guid)
	if err != nil {
		return Standing{}, err
	}
	out := Standing{Account: a, Protected: a.Protected}
	err = d.read(ctx, func(c *conn) error {
		out.Rights = nil
		e, err := c.oneWith([]ldap.Control{control{oidSDFlags, ownerAndDACL}}, guid.DN(), []string{"nTSecurityDescriptor", "objectSid", "objectClass"})
		if err != nil {
			return err
		}
		if err := d.schema.load(c); err != nil {
			return err
		}
		s := newSurvey(d, c, nil)
		raw := attribute(e, "nTSecurityDescriptor")
		desc, err := security.Parse(raw)
		if err != nil {
			out.Unreadable = true
			return nil //nolint:nilerr // told as unreadable
		}
		class, err := d.schema.class(c, classOf(e))
		if err != nil {
			return err
		}
		token := security.Token(c.token).And(s.own(e, raw)...)
		for _, r := range d.config.Uses.peopleRights() {
			v := d.schema.judge(desc, token, r, class)
			eff := Effective{Right: r, Outcome: v.Outcome}
			if v.By != nil {
				eff.By = v.By.SDDL()
				if eff.From, _, err = s.trustee(v.By.SID); err != nil {
					return err
				}
			}
			out.Rights = append(out.Rights, eff)
		}
		out.MayChange, out.CutOff = mayChange(desc), desc.Protected
		return nil
	})
	return out, wrap("judge the rights on the account", err)
}
