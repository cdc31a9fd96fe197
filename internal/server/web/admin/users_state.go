package admin

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
)

const (
	// askWithin is how long a page waits for what the directories say of the people on it; all are asked beside each other.
	askWithin = time.Second
	// soon is how many days before a password expires a list says so.
	soon = 14
)

// standing is how the accounts of one page stand, by object, as the directories have just said.
type standing struct {
	of     map[string]protocol.AccountState
	silent []string // domains that didn't say
	asked  bool
}

// states asks the directories about the people of one page, each once. A page that asks for itself again asks nobody: it swaps no
// row. What couldn't be asked in time is silent, and never an error.
func (v *visit) states(people []provision.Person) standing {
	out := standing{of: map[string]protocol.AccountState{}}
	if v.r.Header.Get(pollHeader) != "" || v.States == nil {
		return out
	}
	domains := map[string][]string{}
	for _, p := range people {
		if !p.Cloud() && !p.Missing {
			domains[p.Domain] = append(domains[p.Domain], p.Object)
		}
	}
	ctx, cancel := context.WithTimeout(v.ctx(), askWithin)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for domain, objects := range domains {
		all.Go(func() {
			found, err := v.States(ctx, v.tenant.ID, domain, objects)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				v.Log.Debug("directory didn't say how accounts stand", "domain", domain, "error", err)
				out.silent = append(out.silent, domain)
			}
			maps.Copy(out.of, found)
		})
	}
	all.Wait()
	slices.Sort(out.silent)
	out.asked = true
	return out
}

// Silence says which directories didn't answer; empty: all did.
func (p UsersPage) Silence() string {
	if len(p.Silent) == 0 {
		return ""
	}
	return p.T("admin.users.silent", "Domains", strings.Join(p.Silent, ", "))
}

// now is what can be said of an account: what the directory has just said, and else what the last sync did. stored: the latter,
// of an account of which the directory would know more.
func (s standing) now(f Frame, p provision.Person) (look Look, stored bool) {
	look = f.account(p)
	state, known := s.of[p.Object]
	switch {
	case p.Cloud() || p.Missing || p.Held != "":
		return look, false
	case !known:
		return look, s.asked && !p.Disabled
	}
	p.Disabled = state.Disabled
	if look = f.account(p); state.Disabled {
		return look, false
	}
	return f.live(state, look), false
}

// live is how an account stands that isn't turned off, the worst first.
func (f Frame) live(s protocol.AccountState, well Look) Look {
	ends, expires := s.EndsAt.Time(), s.ExpiresAt.Time()
	switch {
	case s.Locked:
		return Look{"bad", "lock", f.T("admin.users.locked")}
	case !ends.IsZero() && !ends.After(f.Now):
		return Look{"warn", "warning", f.T("admin.users.state.ended")}
	case s.MustChange:
		return Look{"warn", "key", f.T("admin.users.state.must")}
	case s.Expired || !expires.IsZero() && !expires.After(f.Now):
		return Look{"bad", "clock", f.T("admin.users.state.elapsed")}
	case expires.IsZero():
		return well
	}
	switch days := f.daysUntil(expires); {
	case days <= 0:
		return Look{"warn", "clock", f.T("admin.users.state.today")}
	case days <= soon:
		return Look{"warn", "clock", f.T("admin.users.state.soon", "N", days)}
	}
	return well
}

// daysUntil counts the midnights of the tenant between now and a moment.
func (f Frame) daysUntil(t time.Time) int {
	day := func(t time.Time) time.Time {
		y, m, d := t.In(f.zone()).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(day(t).Sub(day(f.Now)) / (24 * time.Hour))
}

// lockedSince is when a lockout began that an agent has just seen; empty: it can't be told.
func (v *visit) lockedSince(p provision.Person) string {
	at := v.states([]provision.Person{p}).of[p.Object].LockedSince.Time()
	if at.IsZero() {
		return ""
	}
	return v.frame.day(at)
}

// standingWithin is how long a list waits for whose accounts stand in a certain way: a directory has to look at many for that.
const standingWithin = 2 * time.Second

// standingNow asks the directories whose accounts stand in a certain way at this moment. unasked are the domains that didn't say so in
// time, or whose agent may not read it; partial those that have more than one answer holds. A page that asks for itself again asks
// nobody: it swaps no row.
func (v *visit) standingNow(standing protocol.Standing) (objects, unasked, partial []string) {
	objects = []string{}
	if v.r.Header.Get(pollHeader) != "" {
		return objects, nil, nil
	}
	if v.Which == nil {
		return objects, v.frame.Domains, nil
	}
	ctx, cancel := context.WithTimeout(v.ctx(), standingWithin)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, domain := range v.frame.Domains {
		all.Go(func() {
			found, more, err := v.Which(ctx, v.tenant.ID, domain, standing)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				v.Log.Debug("directory didn't say whose accounts stand in a certain way", "domain", domain, "standing", string(standing), "error", err)
				unasked = append(unasked, domain)
			case more:
				partial = append(partial, domain)
			}
			objects = append(objects, found...)
		})
	}
	all.Wait()
	slices.Sort(unasked)
	slices.Sort(partial)
	return objects, unasked, partial
}

// Gaps says what the list lacks because a directory didn't say, or didn't say all; none: nothing.
func (p UsersPage) Gaps() []string {
	var out []string
	if len(p.Unasked) > 0 {
		out = append(out, p.T("admin.users.unasked", "Domains", strings.Join(p.Unasked, ", "), "N", int(standingWithin/time.Second)))
	}
	if len(p.Partial) > 0 {
		out = append(out, p.T("admin.users.partial", "Domains", strings.Join(p.Partial, ", "), "N", p.Number(protocol.MaxWhich)))
	}
	return out
}
