package contract

import (
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
)

// What the service account may do, in the words of the page. Each is an OU of its own.
const (
	full      = "full"
	reserved  = "full, in an OU with reserved characters"
	noReset   = "no Reset Password"
	noUnlock  = "no write lockoutTime"
	noFlag    = "no write pwdLastSet"
	none      = "none"
	denied    = "full, Reset Password denied on the OU"
	above     = "full, on the OU above"
	shut      = "full on the OU above, inheritance off on this one"
	everybody = "full, on the domain head only"
)

const denyReset = "(OD;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;$S)"

// makeUnits makes an OU for every set of rights.
func (w *world) makeUnits(t *testing.T) {
	t.Helper()
	const all = lab.ACEResetPassword + lab.ACEUnlock + lab.ACEMustChange
	w.units = map[string]string{full: w.dc.OUs()[0], reserved: w.dc.OUs()[2]}
	for _, u := range []struct{ name, rights, ou, aces string }{
		{"No reset", noReset, "", lab.ACEUnlock + lab.ACEMustChange},
		{"No unlock", noUnlock, "", lab.ACEResetPassword + lab.ACEMustChange},
		{"No flag", noFlag, "", lab.ACEResetPassword + lab.ACEUnlock},
		{"Nothing", none, "", ""},
		{"Denied", denied, "", denyReset + all},
		{"Above", "", "", all},
		{"Below", above, "OU=Above,", ""},
		{"Shut", shut, "OU=Above,", ""},
		{"Everybody", everybody, "", ""},
	} {
		dn := "OU=" + u.name + "," + u.ou + w.dc.BaseDN()
		req := ldap.NewAddRequest(dn, nil)
		req.Attribute("objectClass", []string{"organizationalUnit"})
		if err := w.dc.Admin(t).Add(req); err != nil {
			t.Fatalf("adding %s: %v", dn, err)
		}
		w.units[u.rights] = dn
		if u.aces != "" {
			w.dc.GrantForGood(t, dn, u.aces)
		}
	}
	w.dc.CutInheritance(t, lab.Person{DN: w.units[shut]})
}

// allOver gives the service account its rights at the domain head as well.
func (w *world) allOver(t *testing.T) {
	t.Helper()
	w.dc.GrantForGood(t, w.dc.BaseDN(), lab.ACEResetPassword+lab.ACEUnlock+lab.ACEMustChange)
}
