package provision

import (
	"context"
	"time"

	"homeward/internal/protocol"
)

const maxGroupName = 256 // bytes; [MS-ADA3] cn is at most 64 characters, sAMAccountName of groups 256

// groups takes groups in, and changes of their members.
func (w *work) groups(ctx context.Context, shape batchOf, groups []protocol.SyncGroup) error {
	if len(groups) == 0 {
		return nil
	}
	var objects []string
	var clean []protocol.SyncGroup
	for _, g := range groups {
		object, ok := guid(g.Object)
		if !ok {
			w.Faults++
			continue
		}
		g.Object = object
		objects, clean = append(objects, object), append(clean, g)
	}
	found, err := w.tx.Groups(ctx, w.tenant, once(objects))
	if err != nil {
		return err
	}
	known := make(map[string]Group, len(found))
	for _, g := range found {
		known[g.Object] = g
	}
	var foreign []Problem
	var put []Group
	at := map[string]int{}
	for _, m := range clean {
		old, have := known[m.Object]
		if have && old.Domain != shape.Domain && old.Deleted.IsZero() && !old.Missing {
			foreign = append(foreign, Problem{
				Tenant: w.tenant, Object: m.Object, Reason: OtherDomain, Domain: shape.Domain, Name: clip(m.Name, maxGroupName), DN: clip(m.DN, maxDN),
				Run: shape.run, Since: w.now,
			})
			continue
		}
		g := shape.group(m, old, w.now)
		if have && sameGroup(g, old) {
			g.Updated = old.Updated
			if g.Run == old.Run {
				continue
			}
		} else if _, twice := at[g.Object]; !twice {
			w.Groups++
		}
		if i, twice := at[g.Object]; twice {
			put[i] = g
			continue
		}
		at[g.Object] = len(put)
		put = append(put, g)
	}
	if err := w.tx.PutGroups(ctx, put); err != nil {
		return err
	}
	w.Faults += len(foreign)
	if err := w.tx.PutProblems(ctx, foreign); err != nil {
		return err
	}
	for _, m := range clean {
		if isForeign(foreign, m.Object) {
			continue
		}
		if err := w.members(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func isForeign(problems []Problem, object string) bool {
	for _, p := range problems {
		if p.Object == object {
			return true
		}
	}
	return false
}

func (b batchOf) group(m protocol.SyncGroup, old Group, now time.Time) Group {
	g := Group{
		Tenant: b.Tenant, Object: m.Object, Domain: b.Domain, DN: clip(m.DN, maxDN), Name: clip(m.Name, maxGroupName), SAM: clip(m.SAM, maxGroupName),
		Mail: clip(m.Mail, maxAddress), Security: m.Security, Run: b.run, Updated: now,
	}
	if b.run == "" {
		g.Run = old.Run
	}
	return g
}

func sameGroup(a, b Group) bool {
	a.Updated, a.Run, b.Updated, b.Run = time.Time{}, "", time.Time{}, ""
	return a == b
}

// members changes a group's members. Of a whole list, those that none of its batches named are out with the last one.
func (w *work) members(ctx context.Context, m protocol.SyncGroup) error {
	token := clip(m.Token, 64)
	if err := w.tx.PutMembers(ctx, w.tenant, m.Object, token, guids(m.Added)); err != nil {
		return err
	}
	if token == "" {
		if len(m.Added)+len(m.Removed) > 0 {
			w.Groups++
		}
		return w.tx.DropMembers(ctx, w.tenant, m.Object, guids(m.Removed))
	}
	if m.Complete {
		return w.tx.DropOthers(ctx, w.tenant, m.Object, token)
	}
	return nil
}

func guids(list []string) []string {
	var out []string
	for _, text := range list {
		if object, ok := guid(text); ok {
			out = append(out, object)
		}
	}
	return once(out)
}
