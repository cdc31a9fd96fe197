package activedirectory

import (
	"fmt"
	"strings"

	"homeward/internal/directory"
	"homeward/internal/directory/security"
)

// Remedy is one thing to do, with the commands that do it, each on one line. Domain administrators run them on a
// domain controller: Windows in a Command Prompt, Samba in a shell.
type Remedy struct {
	What    string
	Windows []string
	Samba   []string
}

// maxCommands bounds how many accounts get a command of their own.
const maxCommands = 3

// QuoteDN writes a DN so that it can stand between double quotes in a Command Prompt, PowerShell and a POSIX shell
// alike: what one of them would read as its own becomes an escape of RFC 4514, which every directory reads.
func QuoteDN(dn string) string {
	parsed, err := directory.ParseDN(dn)
	if err != nil {
		parsed = directory.DN{{Type: "CN", Value: dn}}
	}
	parts := make([]string, len(parsed))
	for i, r := range parsed {
		parts[i] = r.Type + "=" + quoteValue(r.Value)
	}
	return `"` + strings.Join(parts, ",") + `"`
}

func quoteValue(v string) string {
	var b strings.Builder
	for i := range len(v) {
		c := v[i]
		edge := c == ' ' && (i == 0 || i == len(v)-1)
		if edge || c < ' ' || c == 0x7f || strings.IndexByte("\"+,;<=>\\#%$`!^/*", c) >= 0 {
			fmt.Fprintf(&b, `\%02X`, c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// remedies says what to do about a fault.
func (s *survey) remedies(f Fault) []Remedy {
	r := remedy{account: s.out.Account, sid: s.out.SID, class: f.Class}
	var err error
	if r.classID, err = s.dir.schema.class(s.c, f.Class); err != nil {
		r.class, r.classID = "user", userClass()
	}
	switch f.Cause {
	case InheritanceOff:
		return []Remedy{r.inherit("Let the OU inherit again", f.Where), r.grant("Or grant it on that OU", f.Where, f.Rights)}
	case PersonCutOff:
		return r.people(f)
	case PersonDenied:
		return []Remedy{r.undeny(f.People, f.By)}
	case DeniedAbove:
		return []Remedy{r.undeny([]string{f.Where}, f.By)}
	case Unreadable:
		return []Remedy{{What: "Let the service account read permissions there: Authenticated Users have that by default"}}
	case Conditional:
		return []Remedy{r.grant("Whether the condition holds can't be told from outside. To be independent of it, grant the right without one, and take out a conditional denial", f.Where, f.Rights)}
	default:
		return []Remedy{r.grant("Grant what is missing", f.Where, f.Rights)}
	}
}

// remedy writes the commands for one service account.
type remedy struct {
	account, sid, class string
	classID             directory.GUID
}

func (r remedy) grant(what, dn string, rights []Right) Remedy {
	out := Remedy{What: what}
	var sddl strings.Builder
	for _, right := range rights {
		for _, a := range aces(right, r.sid, r.classID) {
			sddl.WriteString(a.SDDL())
		}
		out.Windows = append(out.Windows, "dsacls "+QuoteDN(dn)+" /I:S /G "+r.quoted(permission(right)+";"+r.class))
	}
	out.Samba = []string{sambaSet(dn, sddl.String())}
	return out
}

func (r remedy) quoted(permission string) string { return `"` + r.account + ":" + permission + `"` }

func sambaSet(dn, sddl string) string {
	return "samba-tool dsacl set --objectdn=" + QuoteDN(dn) + ` --sddl="` + sddl + `"`
}

// permission is a right as dsacls takes it.
func permission(right Right) string {
	switch right {
	case ResetPassword:
		return "CA;Reset Password"
	case WriteLockoutTime:
		return "WP;lockoutTime"
	case WritePwdLastSet:
		return "WP;pwdLastSet"
	case WriteAnchor:
		return "WP;mS-DS-ConsistencyGuid"
	default:
		return "RP;"
	}
}

func (r remedy) inherit(what, dn string) Remedy {
	return Remedy{What: what, Windows: []string{"dsacls " + QuoteDN(dn) + " /P:N"}}
}

// people are accounts that inherit nothing: there the right has to be on the account itself.
func (r remedy) people(f Fault) []Remedy {
	again := Remedy{What: "Let the accounts inherit again, unless somebody cut them off for a reason"}
	direct := Remedy{What: "Or grant it on each account"}
	for _, dn := range f.People[:min(len(f.People), maxCommands)] {
		again.Windows = append(again.Windows, "dsacls "+QuoteDN(dn)+" /P:N")
		var sddl strings.Builder
		for _, right := range f.Rights {
			for _, a := range aces(right, r.sid, r.classID) {
				a.Flags, a.HasClass, a.Class = 0, false, directory.GUID{}
				if !a.HasObject {
					a.Kind = security.Allow
				}
				sddl.WriteString(a.SDDL())
			}
			direct.Windows = append(direct.Windows, "dsacls "+QuoteDN(dn)+" /G "+r.quoted(strings.TrimSuffix(permission(right), ";")))
		}
		direct.Samba = append(direct.Samba, sambaSet(dn, sddl.String()))
	}
	if f.Count > maxCommands {
		more := fmt.Sprintf(" (%d more accounts: --json names them)", f.Count-maxCommands)
		again.What += more
		direct.What += more
	}
	return []Remedy{again, direct}
}

// undeny takes one entry out. dsacls can only take out all entries of somebody at once.
func (r remedy) undeny(dns []string, sddl string) Remedy {
	out := Remedy{What: "Take the denial " + sddl + " out (Windows: Active Directory Users and Computers > Properties > Security > Advanced; dsacls can't take out one entry alone)"}
	for _, dn := range dns[:min(len(dns), maxCommands)] {
		out.Samba = append(out.Samba, "samba-tool dsacl delete --objectdn="+QuoteDN(dn)+` --sddl="`+sddl+`"`)
	}
	if len(dns) > maxCommands {
		out.What += fmt.Sprintf(" (%d more accounts: --json names them)", len(dns)-maxCommands)
	}
	return out
}

// aces are the entries that give a right on people below a container.
func aces(right Right, sid string, class directory.GUID) []security.ACE {
	a := security.ACE{
		Kind: security.AllowObject, Flags: security.ContainerInherit | security.InheritOnly, HasClass: true, Class: class, SID: sid,
	}
	switch right {
	case ResetPassword:
		a.Mask, a.HasObject, a.Object = security.ControlAccess, true, mustGUID(resetPasswordRight)
	case WriteLockoutTime:
		a.Mask, a.HasObject, a.Object = security.WriteProperty, true, mustGUID(lockoutTimeGUID)
	case WritePwdLastSet:
		a.Mask, a.HasObject, a.Object = security.WriteProperty, true, mustGUID(pwdLastSetGUID)
	case WriteAnchor:
		a.Mask, a.HasObject, a.Object = security.WriteProperty, true, mustGUID(anchorGUID)
	case ReadAccount:
		a.Mask = security.ReadProperty
	default:
		return nil
	}
	return []security.ACE{a}
}
