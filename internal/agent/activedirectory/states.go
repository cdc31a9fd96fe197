package activedirectory

import (
	"context"
	"time"

	"homeward/internal/directory"
)

// AccountState is how an account stands at this moment, as the controller computes it.
type AccountState struct {
	Disabled bool
	// Locked considers the lockout duration of the policy that wins: an elapsed lockout isn't one. Since is when it began; zero
	// where the agent may not read it.
	Locked bool
	Since  time.Time
	// Expires is when the account itself expires or did; zero: never.
	Expires time.Time
	// MustChange: the password has to be changed at the next sign-in. Elapsed: it has expired. PasswordExpires is when it does or
	// did; zero: never, or it must be changed anyway.
	MustChange, Elapsed bool
	PasswordExpires     time.Time
}

// States returns how accounts stand, with one search; who isn't there, and whose state the agent may not read, is left out.
// ReasonNotFound: the directory is another domain's.
func (d *Directory) States(ctx context.Context, domain string, people []directory.GUID) (map[directory.GUID]AccountState, error) {
	var out map[directory.GUID]AccountState
	begin := func() { out = make(map[directory.GUID]AccountState, len(people)) }
	err := d.several(ctx, domain, people, begin, stateAttributes(), func(guid directory.GUID, f *fields) {
		if s, ok := f.state(); ok {
			out[guid] = s
		}
	})
	return out, wrap("read how accounts stand", err)
}

// computed is how an account stands as of now: locked, and its password expired ([MS-ADTS] 3.1.1.4.5.17).
const computed = "msDS-User-Account-Control-Computed"

// stateAttributes are what fields.state reads.
func stateAttributes() []string {
	return []string{"userAccountControl", computed, "lockoutTime", "accountExpires", "pwdLastSet", expiryComputed}
}

// state is how an account stands; false: the agent may not read it.
func (f *fields) state() (AccountState, bool) {
	control, now := directory.AccountControl(f.integer("userAccountControl")), directory.AccountControl(f.integer(computed)) //nolint:gosec // bit fields
	if !f.has("userAccountControl") || !f.has(computed) {
		return AccountState{}, false
	}
	s := AccountState{
		Disabled: control.Has(directory.Disabled), Locked: now.Has(directory.Locked), MustChange: f.text("pwdLastSet") == "0",
		Elapsed: now.Has(directory.PasswordExpired), Expires: directory.FromFiletime(f.integer("accountExpires")),
		PasswordExpires: directory.FromFiletime(f.integer(expiryComputed)),
	}
	if s.Locked {
		s.Since = directory.FromFiletime(f.integer("lockoutTime"))
	}
	if s.MustChange { // the controller computes this one as expired too
		s.Elapsed, s.PasswordExpires = false, time.Time{}
	}
	return s, true
}

// States asks the domain of that DNS name; see Directory.States. ReasonNotFound: none of the agent's domains is it.
func (d *Domains) States(ctx context.Context, domain string, people []directory.GUID) (map[directory.GUID]AccountState, error) {
	return ofDomain(d, domain, func(dir *Directory) (map[directory.GUID]AccountState, error) { return dir.States(ctx, domain, people) })
}
