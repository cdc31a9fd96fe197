package activedirectory

import (
	"slices"
	"strings"

	"homeward/internal/directory/security"
)

// Commands are what an administrator can run instead of Apply: one remedy for each object whose list changes, with
// the entries that are not there yet. A plan that removes has none: dsacls can't take out one entry.
func (p Plan) Commands() []Remedy {
	if p.Remove {
		return nil
	}
	var order []string
	for _, s := range p.Steps {
		if !s.Settled && !slices.Contains(order, s.DN) {
			order = append(order, s.DN)
		}
	}
	var out []Remedy
	for _, dn := range order {
		r := Remedy{}
		var what []string
		var sddl strings.Builder
		for _, s := range p.Steps {
			if s.DN != dn || s.Settled {
				continue
			}
			what = append(what, string(s.Right))
			r.Windows = append(r.Windows, s.windows(p.Account)...)
			sddl.WriteString(s.ACE.SDDL())
		}
		r.What = strings.Join(what, ", ") + " on " + dn
		switch {
		case sddl.Len() == 0 || !strings.Contains(sddl.String(), "S-1-"):
			r.What += " (on Samba, once the account is there: homeward-agent grant)"
		case isDeletedContainer(dn):
			r.Samba = nil // samba-tool dsacl doesn't find the container; homeward-agent grant does
			r.What += " (on Samba: homeward-agent grant)"
		default:
			r.Samba = []string{sambaSet(dn, sddl.String())}
		}
		out = append(out, r)
	}
	return out
}

// windows are the commands for one entry in a Command Prompt.
func (s Step) windows(account string) []string {
	quoted := func(permission string) string { return `"` + account + ":" + permission + `"` }
	switch s.Right {
	case UnexpirePassword, ReplicateChanges:
		return []string{"dsacls " + QuoteDN(s.DN) + " /G " + quoted("CA;"+string(s.Right))}
	case ReadPolicies:
		return []string{"dsacls " + QuoteDN(s.DN) + " /I:T /G " + quoted("GR")}
	case ReadDeleted:
		return []string{"dsacls " + QuoteDN(s.DN) + " /takeOwnership", "dsacls " + QuoteDN(s.DN) + " /G " + quoted("LCRP")}
	}
	return []string{"dsacls " + QuoteDN(s.DN) + " /I:S /G " + quoted(permission(s.Right)+";user")}
}

// fixElsewhere are the commands for what is missing outside the units.
func (s *survey) fixElsewhere() []Remedy {
	p := Plan{Domain: s.out.Domain, Account: s.out.Account}
	for _, step := range s.out.Uses.needed(nil, s.out.BaseDN, s.out.SID) {
		switch step.Right {
		case UnexpirePassword:
			step.Settled = s.out.Unexpire == security.Granted
		case ReadPolicies:
			step.Settled = s.out.Policies
		case ReplicateChanges:
			step.Settled = s.out.Replicate == security.Granted
		case ReadDeleted:
			step.Settled = s.out.Deleted
		}
		p.Steps = append(p.Steps, step)
	}
	return p.Commands()
}
