package checkup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/directory/security"
	"homeward/internal/doctor"
	"homeward/internal/protocol"
)

// rights checks everybody.
func (d *domain) rights(ctx context.Context) []doctor.Finding {
	r, err := d.dir.Delegation(ctx, d.conf.Units)
	if err != nil {
		return failure(err)
	}
	d.judged = r
	out := found(doctor.OK, "%s; %s in %s checked in %.1f s, %d different access lists", r.Account, people(r.People), units(len(r.Units)),
		r.Took.Seconds(), r.Lists)
	out = append(out, complete(r)...)
	for _, f := range r.Faults {
		out = append(out, faultFinding(f))
	}
	out = append(out, elsewhere(r)...)
	if r.Protected > 0 {
		out = append(out, doctor.Finding{
			Name: "protected", Status: doctor.Note, Count: r.Protected,
			Text: people(r.Protected) + " with adminCount=1: never written, as it should be",
		})
	}
	if r.CannotChange > 0 {
		out = append(out, doctor.Finding{
			Name: "cannot change", Status: doctor.Note, Count: r.CannotChange,
			Text: people(r.CannotChange) + ` with "user cannot change password": they can be reset, but can't change it themselves`,
		})
	}
	for _, e := range r.Excess {
		out = append(out, excessFinding(e))
	}
	return out
}

func units(n int) string {
	if n == 1 {
		return "1 OU"
	}
	return fmt.Sprintf("%d OUs", n)
}

// complete names the rights that everybody gives.
func complete(r activedirectory.Delegation) []doctor.Finding {
	var all []string
	for _, right := range r.Rights {
		if !slices.ContainsFunc(r.Faults, func(f activedirectory.Fault) bool { return slices.Contains(f.Rights, right) }) {
			all = append(all, string(right))
		}
	}
	if len(all) == 0 || r.People == 0 {
		return nil
	}
	return []doctor.Finding{{Name: "on everybody", Status: doctor.OK, Text: strings.Join(all, ", "), Rights: all}}
}

func faultFinding(f activedirectory.Fault) doctor.Finding {
	names := make([]string, len(f.Rights))
	for i, r := range f.Rights {
		names[i] = string(r)
	}
	status, verb := doctor.Fail, "missing"
	switch {
	case f.Cause == activedirectory.Conditional || f.Cause == activedirectory.Unreadable:
		status, verb = doctor.Warn, "unclear"
	case slices.Equal(f.Rights, []activedirectory.Right{activedirectory.WriteAnchor}):
		status = doctor.Warn // sync goes on with objectGUID
	}
	text := fmt.Sprintf("%s %s for %s: %s", strings.Join(names, ", "), verb, people(f.Count), where(f))
	if f.Class != "user" {
		text += " (class " + f.Class + ")"
	}
	if f.By != "" {
		text += ", by " + f.By
	}
	out := doctor.Finding{Name: "rights", Status: status, Text: text, Count: f.Count, Affected: f.People, Rights: names, Cause: causeWord(f.Cause), Where: f.Where}
	for _, r := range f.Fix {
		out.Remedies = append(out.Remedies, Remedy(r))
	}
	return out
}

// where puts cause and place into words.
func where(f activedirectory.Fault) string {
	switch f.Cause {
	case activedirectory.NotGranted, activedirectory.InheritanceOff, activedirectory.DeniedAbove:
		return string(f.Cause) + " on " + f.Where
	case activedirectory.NotReached:
		return "granted on " + f.Where + ", but for another class of objects or not inheritable"
	default:
		return string(f.Cause) + " below " + f.Where
	}
}

// causeWord is a cause in a word that never changes.
func causeWord(c activedirectory.Cause) string {
	return map[activedirectory.Cause]string{
		activedirectory.NotGranted: "not_granted", activedirectory.InheritanceOff: "inheritance_off", activedirectory.PersonCutOff: "person_cut_off",
		activedirectory.PersonDenied: "person_denied", activedirectory.DeniedAbove: "denied", activedirectory.NotReached: "not_reached",
		activedirectory.Conditional: "conditional", activedirectory.Unreadable: "unreadable",
	}[c]
}

// Remedy is a directory's remedy as the doctor tells it.
func Remedy(r activedirectory.Remedy) doctor.Remedy {
	out := doctor.Remedy{What: r.What}
	for _, line := range r.Windows {
		out.Commands = append(out.Commands, doctor.Command{Where: "Windows, Command Prompt on a domain controller", Line: line})
	}
	for _, line := range r.Samba {
		out.Commands = append(out.Commands, doctor.Command{Where: "Samba, on a domain controller", Line: line})
	}
	return out
}

// elsewhere tells the rights outside the OUs.
func elsewhere(r activedirectory.Delegation) []doctor.Finding {
	var out []doctor.Finding
	if !r.Uses.NoWriteback {
		out = forWriteback(r)
	}
	return append(out, forSync(r)...)
}

// forSync tells the rights that sync needs. Without them it goes on, only slower.
func forSync(r activedirectory.Delegation) []doctor.Finding {
	if !r.Uses.Sync {
		if r.Deleted {
			return []doctor.Finding{{Name: "deleted objects", Status: doctor.Note, Text: "can be read; nothing needs it yet"}}
		}
		return nil
	}
	changes := doctor.Finding{Name: "changes", Status: doctor.OK, Text: "Replicating Directory Changes is granted on the domain head"}
	if r.Replicate != security.Granted {
		changes.Status = doctor.Warn
		changes.Text = "Replicating Directory Changes is " + r.Replicate.String() + " on the domain head: sync finds changes by uSNChanged instead, which is slower; homeward-agent grant gives it"
		changes.Remedies = remediesFor(r, activedirectory.ReplicateChanges)
	}
	deleted := doctor.Finding{Name: "deleted objects", Status: doctor.OK, Text: "can be read"}
	if !r.Deleted {
		deleted.Status = doctor.Warn
		deleted.Text = "CN=Deleted Objects can't be read: sync notices deletions only at its next full look; homeward-agent grant gives the right"
		deleted.Remedies = remediesFor(r, activedirectory.ReadDeleted)
	}
	return []doctor.Finding{changes, deleted}
}

// remediesFor are those of what is missing outside the OUs that speak of one right.
func remediesFor(r activedirectory.Delegation, right activedirectory.Right) []doctor.Remedy {
	var out []doctor.Remedy
	for _, f := range r.Fix {
		if strings.Contains(f.What, string(right)) {
			out = append(out, Remedy(f))
		}
	}
	return out
}

func forWriteback(r activedirectory.Delegation) []doctor.Finding {
	out := []doctor.Finding{{Name: "Unexpire Password", Status: doctor.OK, Text: "granted on the domain head"}}
	if r.Unexpire != security.Granted {
		out[0].Status, out[0].Text = doctor.Warn, r.Unexpire.String()+" on the domain head: \"must change at next sign-in\" can't be taken back; homeward-agent grant gives it"
		out[0].Remedies = remediesFor(r, activedirectory.UnexpirePassword)
	}
	policies := doctor.Finding{Name: "policies", Status: doctor.OK, Text: "fine-grained policies can be read"}
	if !r.Policies {
		policies.Status, policies.Text = doctor.Warn, "fine-grained policies can't be read: people they hold for aren't told their rules; homeward-agent grant gives the right"
		policies.Remedies = remediesFor(r, activedirectory.ReadPolicies)
	}
	return append(out, policies)
}

func excessFinding(e activedirectory.Excess) doctor.Finding {
	text := e.What
	if e.Count > 0 {
		text += " (" + people(e.Count) + ")"
	}
	if e.Where != "" && e.Where != "people" {
		text += ", on " + e.Where
	}
	return doctor.Finding{Name: "too much", Status: doctor.Warn, Count: e.Count, Text: text + ". " + e.Why}
}

// person checks one person in one domain.
func (d *domain) person(ctx context.Context) []doctor.Finding {
	guid, err := d.dir.Find(ctx, d.Person)
	switch activedirectory.ReasonOf(err) {
	case "":
	case protocol.ReasonNotFound:
		return []doctor.Finding{{Name: "domain", Status: doctor.Note, Text: "not in " + d.domain()}}
	default:
		d.found++
		return failure(err)
	}
	d.found++
	s, err := d.dir.Standing(ctx, guid)
	if err != nil {
		out := []doctor.Finding{{Name: "account", Status: doctor.Fail, Text: words(err)}}
		return d.mend(ctx, guid, out)
	}
	out := append(d.account(s), d.personPolicy(ctx, s.Account)...)
	return d.mend(ctx, guid, append(out, d.personRights(s)...))
}

// mend gives the first failure the remedies for this one account.
func (d *domain) mend(ctx context.Context, guid directory.GUID, findings []doctor.Finding) []doctor.Finding {
	i := slices.IndexFunc(findings, func(f doctor.Finding) bool { return f.Status == doctor.Fail })
	if i < 0 {
		return findings
	}
	dn, err := d.dir.DN(ctx, guid)
	if err != nil {
		return findings // the failure itself is told
	}
	r, err := d.dir.Delegation(ctx, []string{dn})
	if err != nil {
		return findings
	}
	for _, f := range r.Faults {
		found := faultFinding(f)
		findings[i].Remedies = append(findings[i].Remedies, found.Remedies...)
	}
	return findings
}

func (d *domain) account(s activedirectory.Standing) []doctor.Finding {
	a := s.Account
	var out []doctor.Finding
	line := func(name string, status doctor.Status, format string, args ...any) {
		out = append(out, doctor.Finding{Name: name, Status: status, Text: fmt.Sprintf(format, args...)})
	}
	line("account", doctor.OK, "%s", a.DN)
	if !activedirectory.Below(a.DN, d.conf.Units) {
		line("unit", doctor.Warn, "below none of organizational_units: can't use the portal")
	}
	if err := a.Refusal(protocol.Reset); err != nil {
		line("reset", doctor.Warn, "refused: %s", words(err))
	} else {
		line("reset", doctor.OK, "possible: enabled, not protected, an ordinary person's account")
	}
	if a.Locked() {
		line("locked", doctor.Note, "locked: a reset unlocks it")
	}
	switch {
	case a.MustChange:
		line("must change", doctor.Note, "the password must be changed at the next sign-in")
	case !a.PasswordSet.IsZero():
		line("password set", doctor.OK, "%s", a.PasswordSet.Local().Format(time.DateTime))
	}
	switch {
	case a.MustChange:
	case a.Control.Has(directory.DontExpirePassword):
		line("never expires", doctor.Note, `"password never expires" is set: "must change at the next sign-in" has no effect`)
	case a.Computed.Has(directory.PasswordExpired):
		line("expired", doctor.Note, "the password has expired: a reset or a change mends it")
	}
	switch {
	case s.MayChange:
	case a.Refusal(protocol.Reset) != nil:
		line("cannot change", doctor.Note, `"user cannot change password" is set, too`)
	default:
		line("cannot change", doctor.Note, `"user cannot change password": can be reset, but can't change it`)
	}
	if s.CutOff && !s.Protected {
		line("inheritance", doctor.Warn, "off on this account: it gets no rights from its OU")
	}
	return out
}

func (d *domain) personPolicy(ctx context.Context, a activedirectory.Account) []doctor.Finding {
	p, err := d.dir.Policy(ctx, a)
	if err != nil {
		return []doctor.Finding{{Name: "policy", Status: doctor.Fail, Text: words(err)}}
	}
	out := policyFinding(p)
	out[0].Name = "policy"
	if p.MinAge == 0 {
		return out
	}
	age := &out[len(out)-1]
	age.Status, age.Text = doctor.OK, span(p.MinAge)+", and the password is older"
	if a.MustChange {
		age.Text = span(p.MinAge) + ", doesn't hold while the password must be changed"
	} else if until := a.PasswordSet.Add(p.MinAge); until.After(d.Now().Add(a.DC.Offset)) {
		age.Status, age.Text = doctor.Warn, span(p.MinAge)+": a reset or a change is refused until "+until.Local().Format(time.DateTime)
	}
	return out
}

func (d *domain) personRights(s activedirectory.Standing) []doctor.Finding {
	if s.Unreadable {
		return []doctor.Finding{{Name: "rights", Status: doctor.Warn, Text: "the account's permissions can't be read"}}
	}
	var out []doctor.Finding
	for _, e := range s.Rights {
		f := doctor.Finding{Name: string(e.Right), Status: doctor.OK, Text: e.Outcome.String()}
		switch {
		case e.Outcome == security.Unclear:
			f.Status, f.Text = doctor.Warn, "depends on a condition that only the controller can evaluate"
		case e.Outcome != security.Granted && s.Account.Refusal(protocol.Unlock) != nil: // never written, right or not
			f.Status = doctor.Note
		case e.Outcome != security.Granted:
			f.Status = doctor.Fail
		}
		if e.By != "" {
			f.Text += " to " + e.From + " by the entry " + e.By
		} else if e.Outcome == security.Missing {
			f.Text += ": no entry speaks of it"
		}
		out = append(out, f)
	}
	return out
}
