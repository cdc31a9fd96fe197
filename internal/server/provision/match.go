package provision

import (
	"slices"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/tenant"
)

// result is what becomes of one object.
type result struct {
	verdict  Verdict
	person   Person // as it is to be stored; not of a conflict
	was      *Person
	claims   []Claim
	problems []Problem
	reason   protocol.Reason // of a conflict
	other    *Person
	lost     bool // the object keeps a name it wanted to give up
}

// applied reports whether the object was taken in.
func (r *result) applied() bool { return r.verdict != WouldConflict && r.verdict != WouldSkip }

// judge decides what becomes of an object. It changes nothing.
func (w *world) judge(in *incoming, now time.Time) result {
	known := w.known(in.Object)
	if known != nil && Fold(known.Domain) != in.domain {
		switch { // it was moved here, or somebody claims so
		case w.roles[known.ID]:
			return w.conflict(in, RoleMoves, known, "", false)
		case known.Living() && !known.Missing:
			return w.conflict(in, OtherDomain, known, "", false)
		}
	}
	r := result{verdict: WouldUpdate, was: known}
	if known == nil {
		stop, found := w.match(in, now, &r)
		if found {
			return stop
		}
	} else {
		r.person = *known
		if !known.Living() {
			r.verdict = WouldRestore
		}
		if in.Anchor != known.Anchor && known.Anchor != "" && !in.thin {
			r.add(in, Problem{Reason: AnchorChanged, Value: in.Anchor, Attribute: "mS-DS-ConsistencyGuid"})
		}
	}
	r.person.Deleted, r.person.Missing, r.person.Updated = time.Time{}, false, now
	in.fill(&r.person)
	fresh := known == nil || !known.Living()
	if stop, ok := w.name(in, &r, fresh); !ok {
		return stop
	}
	if stop, ok := w.reach(in, &r, fresh); !ok {
		return stop
	}
	w.routable(in, &r)
	r.problems = slices.DeleteFunc(r.problems, func(p Problem) bool { return w.ignored(in.Object, p) })
	for i := range r.problems {
		r.problems[i].Person = r.person.ID
	}
	return r
}

// match looks for the account that a new object is. found: it must not go on, and stop says why.
func (w *world) match(in *incoming, now time.Time, r *result) (stop result, found bool) {
	r.verdict, r.person = WouldCreate, Person{ID: in.id}
	if holder := w.people[w.anchor[in.Anchor]]; holder != nil {
		return w.hardMatch(in, now, r, holder)
	}
	if link := w.decided(in.Object, ChooseLink); link != nil {
		target := w.people[link.Other]
		switch {
		case target == nil || !target.Living() || !target.Cloud(): // it went another way meanwhile
		case w.roles[target.ID]:
			return w.conflict(in, SoftMatchRole, target, "", false), true
		case target.Anchor != "":
			return w.conflict(in, SoftMatchAnchor, target, "", false), true
		default:
			w.join(r, target, Linked, now)
			r.verdict = WouldLink
			return result{}, false
		}
	}
	return w.softMatch(in, now, r)
}

// hardMatch: the anchor is known.
func (w *world) hardMatch(in *incoming, now time.Time, r *result, holder *Person) (stop result, found bool) {
	link := w.decided(in.Object, ChooseLink)
	linked := link != nil && link.Other == holder.ID
	switch {
	case !holder.Cloud() && holder.Living() && !holder.Missing:
		return w.conflict(in, AnchorTaken, holder, in.Anchor, false), true
	case w.roles[holder.ID]:
		return w.conflict(in, HardMatchRole, holder, in.Anchor, false), true
	case !holder.Cloud(): // the object it was is gone: the same person comes back
		r.person, r.was, r.verdict = *holder, holder, WouldRestore
	case w.settings.BlockHardMatch && !linked:
		return w.conflict(in, HardMatchBlocked, holder, in.Anchor, false), true
	case linked:
		w.join(r, holder, Linked, now)
		r.verdict = WouldLink
	default:
		w.join(r, holder, HardMatch, now)
		r.verdict = WouldJoinHard
	}
	return result{}, false
}

// softMatch: by primary address, then by sign-in name.
func (w *world) softMatch(in *incoming, now time.Time, r *result) (stop result, found bool) {
	for _, by := range []struct {
		how   How
		value string
		id    string
		on    bool
	}{
		{SoftSMTP, in.match(), w.address[in.match()], in.match() != ""},
		{SoftUPN, Fold(in.UPN), w.upn[Fold(in.UPN)], in.UPN != "" && !w.settings.NoUPNMatch},
	} {
		target := w.people[by.id]
		if !by.on || target == nil || !target.Cloud() || !target.Living() || w.apart(in.Object, target.ID) {
			continue
		}
		var reason protocol.Reason
		switch {
		case w.roles[target.ID]:
			reason = SoftMatchRole
		case target.Anchor != "":
			reason = SoftMatchAnchor
		case w.settings.BlockSoftMatch:
			reason = SoftMatchBlocked
		case w.settings.AskSoftMatch:
			reason = SoftMatchAsk
		default:
			w.join(r, target, by.how, now)
			r.verdict = WouldJoinSoft
			return result{}, false
		}
		return w.conflict(in, reason, target, by.value, false), true
	}
	return result{}, false
}

// join makes the account the directory's.
func (w *world) join(r *result, target *Person, how How, now time.Time) {
	r.person, r.was = *target, target
	r.person.Joined, r.person.How = now, how
	r.person.Password, r.person.PasswordReason = FromDirectory, ""
	if p, has := w.passwords[target.ID]; has && p.Superseded.IsZero() && w.settings.JoinPassword == tenant.KeepCloud {
		r.person.Password = CloudPending
	}
}

// name sees to the sign-in name: somebody else may have it.
func (w *world) name(in *incoming, r *result, fresh bool) (stop result, ok bool) {
	if r.person.UPN = w.wants(in); r.person.UPN != in.UPN && r.person.ADUPN == "" {
		r.person.ADUPN = in.UPN
	}
	want := Fold(r.person.UPN)
	holder := w.people[w.upn[want]]
	if staged, met := w.staged["upn "+want]; met && holder == nil && staged.Object != in.Object && want != "" {
		holder = &Person{ID: "", Object: staged.Object, DisplayName: staged.Name}
	}
	if want == "" || holder == nil || holder.ID == r.person.ID && holder.ID != "" {
		return result{}, true
	}
	if w.gives(in.Object, holder.ID, want) {
		r.person.UPN = ""
		return result{}, true
	}
	if fresh {
		return w.conflict(in, UPNTaken, holder, want, !holder.Cloud()), false
	}
	r.person.UPN, r.lost = r.was.UPN, true
	r.add(in, taken(UPNTaken, holder, want, "userPrincipalName"))
	return result{}, true
}

// wants is the sign-in name an object should have.
func (w *world) wants(in *incoming) string {
	if in.Mail != "" && w.decided(in.Object, ChooseMail) != nil {
		return in.Mail
	}
	return in.UPN
}

// reach sees to the mail addresses: each may be somebody else's.
func (w *world) reach(in *incoming, r *result, fresh bool) (stop result, ok bool) {
	if in.thin { // a page tells nothing of them: what is known stays, but not of a cloud account that was joined
		if r.was != nil && !r.was.Cloud() && r.was.Living() {
			r.claims = w.own[r.was.ID]
		}
		return result{}, true
	}
	for _, a := range in.addresses {
		holder := w.people[w.address[a]]
		if staged, met := w.staged["address "+a]; met && holder == nil && staged.Object != in.Object {
			holder = &Person{ID: "", Object: staged.Object, DisplayName: staged.Name}
		}
		if holder == nil || holder.ID == r.person.ID && holder.ID != "" {
			r.claims = append(r.claims, Claim{Address: a, Person: r.person.ID, Primary: a == in.primary})
			continue
		}
		switch {
		case w.gives(in.Object, holder.ID, a):
		case a != in.primary:
			p := taken(AddressDropped, holder, a, "proxyAddresses")
			p.Holds = false
			r.add(in, p)
		case fresh:
			return w.conflict(in, AddressTaken, holder, a, !holder.Cloud()), false
		default:
			r.add(in, taken(AddressTaken, holder, a, "proxyAddresses"))
		}
	}
	return result{}, true
}

// taken is the problem of a name that a known account can't have. Against another synced one both are held.
func taken(reason protocol.Reason, holder *Person, value, attribute string) Problem {
	if holder.Cloud() && reason != AddressDropped {
		reason = MatchExisting
	}
	return Problem{Reason: reason, Value: value, Attribute: attribute, Other: holder.ID, OtherName: holder.Name(), Holds: !holder.Cloud()}
}

// routable names a sign-in name under a domain that isn't verified. The person is synced all the same.
func (w *world) routable(in *incoming, r *result) {
	i := strings.LastIndexByte(r.person.UPN, '@')
	if suffix := Fold(r.person.UPN[i+1:]); i >= 0 && len(w.verified) > 0 && !w.verified[suffix] {
		r.add(in, Problem{Reason: NoRoutableName, Value: suffix, Attribute: "userPrincipalName", Detail: r.person.UPN})
	}
}

func (r *result) add(in *incoming, p Problem) {
	p.Object, p.Domain, p.Name, p.DN, p.Run = in.Object, in.domain, in.netbios+`\`+in.SAM, in.DN, in.run
	r.problems = append(r.problems, p)
}

// conflict sets the whole object aside; with an operator's "ignore" nothing is said of it.
func (w *world) conflict(in *incoming, reason protocol.Reason, other *Person, value string, holds bool) result {
	r := result{verdict: WouldConflict, reason: reason, other: other, was: w.known(in.Object)}
	p := Problem{Reason: reason, Value: value, Other: other.ID, OtherName: other.Name(), Holds: holds}
	switch reason {
	case UPNTaken:
		p.Attribute = "userPrincipalName"
	case AddressTaken:
		p.Attribute = "proxyAddresses"
	case AnchorTaken, HardMatchRole, HardMatchBlocked:
		p.Attribute = "mS-DS-ConsistencyGuid"
	}
	if w.ignored(in.Object, p) {
		r.verdict = WouldSkip
		return r
	}
	r.add(in, p)
	return r
}

// decided returns a choice made about an object.
func (w *world) decided(object string, c Choice) *Decision {
	for i, d := range w.decisions[object] {
		if d.Choice == c {
			return &w.decisions[object][i]
		}
	}
	return nil
}

// apart reports whether an object must never be joined to an account.
func (w *world) apart(object, other string) bool {
	return slices.ContainsFunc(w.decisions[object], func(d Decision) bool { return d.Choice == ChooseApart && d.Other == other })
}

// gives reports whether it was decided that an object goes without a name that another account has.
func (w *world) gives(object, other, value string) bool {
	return slices.ContainsFunc(w.decisions[object], func(d Decision) bool {
		return d.Choice == ChooseThat && d.Value == value || d.Choice == ChooseApart && d.Other == other
	})
}

func (w *world) ignored(object string, p Problem) bool {
	return slices.ContainsFunc(w.decisions[object], func(d Decision) bool {
		return d.Choice == ChooseIgnore && d.Value == p.Value && d.Other == p.Other
	})
}
