package provision

import (
	"context"
	"time"

	"homeward/internal/protocol"
)

// Status is the state of one domain's sync.
type Status struct {
	Lease
	Held           bool // the lease is in force
	People, Groups int
	Pending        PendingCount
	PendingGroups  PendingCount
	Stopped        bool // deletions are held back until an operator has looked
	Problems       map[protocol.Reason]int
	LastRun        Run // newest line of the history; zero: none
	// Lag is since when changes of the directory wait, as the agent says; zero: none do.
	Lag time.Duration
	// Next is when the agent has to ask again at the latest, or another one takes over. Changes need no asking.
	Next time.Time
}

// State is the state of every domain that was ever synced, staging ones too.
func (e *Engine) State(ctx context.Context, tenantID string) ([]Status, error) {
	leases, err := e.Store.Leases(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	problems, err := e.Store.CountProblems(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	runs, err := e.Store.Runs(ctx, tenantID, "", 200)
	if err != nil {
		return nil, err
	}
	out := make([]Status, 0, len(leases))
	for _, l := range leases {
		s := Status{Lease: l, Held: l.Holder != "" && l.Expires.After(e.Now()), Next: l.Expires, Stopped: l.Status == RunStopped, Problems: map[protocol.Reason]int{}}
		if !l.Lagging.IsZero() {
			s.Lag = e.Now().Sub(l.Lagging)
		}
		for _, c := range problems {
			if c.Domain == l.Domain && !l.Staging {
				s.Problems[protocol.Reason(c.Reason)] = c.Count
			}
		}
		for i := range runs {
			if runs[i].Domain == l.Domain && runs[i].Staging == l.Staging {
				s.LastRun = runs[i]
				break
			}
		}
		if err := e.counts(ctx, &s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (e *Engine) counts(ctx context.Context, s *Status) (err error) {
	if s.People, s.Groups, err = e.Store.CountDomain(ctx, s.Key); err != nil || s.Staging {
		return err
	}
	w := work{now: e.Now()}
	if s.Pending, err = e.Store.CountPending(ctx, s.Key, w.since(s.Lease)); err != nil {
		return err
	}
	s.PendingGroups, err = e.Store.CountPendingGroups(ctx, s.Key, w.since(s.Lease))
	return err
}

// Runs is the history of seven days, newest first; of all domains with an empty one.
func (e *Engine) Runs(ctx context.Context, tenantID, domain string, limit int) ([]Run, error) {
	return e.Store.Runs(ctx, tenantID, Fold(domain), limit)
}

// Explained is a problem with what it means and what to do.
type Explained struct {
	Problem
	Meaning string
	Remedy  string
	Choices []Choice // that Decide takes for it
	Whole   bool     // the object isn't applied at all while the problem lasts
}

// Problems lists problems, those that keep people from resetting first; of all domains with an empty one.
func (e *Engine) Problems(ctx context.Context, tenantID, domain string, limit int) ([]Explained, error) {
	list, err := e.Store.Problems(ctx, tenantID, Fold(domain), limit)
	if err != nil {
		return nil, err
	}
	out := make([]Explained, len(list))
	for i, p := range list {
		x, _ := Explain(p.Reason)
		out[i] = Explained{Problem: p, Meaning: x.Meaning, Remedy: x.Remedy, Choices: choices(p), Whole: x.Whole || p.Person == "" && p.Holds}
	}
	return out, nil
}

// Previews lists the verdicts of a domain's staging run, by object, and how many there are of each.
func (e *Engine) Previews(ctx context.Context, tenantID, domain, after string, limit int) ([]Preview, map[Verdict]int, error) {
	k := Key{Tenant: tenantID, Domain: Fold(domain), Staging: true}
	list, err := e.Store.Previews(ctx, k, after, limit)
	if err != nil {
		return nil, nil, err
	}
	counts, err := e.Store.CountPreviews(ctx, k)
	return list, counts, err
}
