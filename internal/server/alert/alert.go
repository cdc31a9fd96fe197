// Package alert tells a tenant's administrators, by mail or webhook, when something needs them: writeback stops or works
// again, an agent is away, outdated, cut off or copied, failures rise, a key or certificate grows old, a sync stops before
// it deletes, somebody says that a change wasn't theirs.
//
// One alert is sent for each change of state: what is wrong must stay so for a while, and what is well again too. What was
// told is stored together with the message that tells it, so a restart repeats none and loses none, and of several
// servers of one database one tells. No alert holds a password, code or key.
package alert

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
)

// Kind is what an alert is about. It is a closed set, and part of what webhooks get.
type Kind string

// Kinds. Those up to Sync last and end; the rest happen.
const (
	Writeback   Kind = "writeback_stopped"
	Away        Kind = "agent_away"
	Outdated    Kind = "agent_outdated"
	Failures    Kind = "failures"
	Certificate Kind = "certificate_expiring"
	Key         Kind = "key_old"
	Sync        Kind = "sync_stopped"

	CutOff   Kind = "agent_cut_off"
	Cloned   Kind = "agent_copied"
	Objected Kind = "person_objected"
)

// Problem is something that is wrong now.
type Problem struct {
	Kind   Kind
	About  string // what of several it is: an agent's id, a domain; empty where there is one
	Values Values
}

// Values are what an alert's words need.
type Values struct {
	Agent    string    `json:"agent,omitempty"`
	Version  string    `json:"version,omitempty"`
	Domain   string    `json:"domain,omitempty"`
	Person   string    `json:"person,omitempty"`
	Count    int       `json:"count,omitempty"`
	Affected int       `json:"affected,omitempty"` // people
	Until    time.Time `json:"until,omitzero"`
	Support  string    `json:"support,omitempty"`
	// Cause is the status's reason, and what its words need.
	Cause       string            `json:"cause,omitempty"`
	CauseValues map[string]string `json:"cause_values,omitempty"`
	CauseMoment time.Time         `json:"cause_moment,omitzero"` // the value Time
}

// Name is what a problem is stored under.
func (p Problem) Name() string {
	if p.About == "" {
		return string(p.Kind)
	}
	return string(p.Kind) + "/" + p.About
}

const (
	// Lasting is how long a problem lasts before it is told, and how long it must be over: what flaps says nothing.
	Lasting = 60 * time.Second
	// lastingAgent is the same for one agent of several: an upgrade takes as long.
	lastingAgent = 2 * time.Minute
	// FailuresPerHour is how many failed attempts within an hour are told; half of them is well again.
	FailuresPerHour = 10

	// again is how soon the same thing is told when it happens again and again.
	again = time.Hour

	every = 5 * time.Second
	// hold is how long a server that died keeps others from telling in its place.
	hold       = time.Minute
	readerName = "alerts"
	batch      = 500
)

// lasting is how long a problem of a kind lasts before it is told.
func (k Kind) lasting() time.Duration {
	switch k {
	case Away, Outdated:
		return lastingAgent
	case Failures, Sync, Certificate, Key:
		return 0
	}
	return Lasting
}

// calm is how long it must be over before that is told.
func (k Kind) calm() time.Duration {
	if k == Failures || k == Certificate || k == Key {
		return 0
	}
	return Lasting
}

// happens reports whether it is over as soon as it is told.
func (k Kind) happens() bool { return k == CutOff || k == Cloned || k == Objected }

// Row is a problem as it is stored.
type Row struct {
	Tenant  string
	Name    string
	Since   time.Time
	Told    time.Time // zero: not told yet
	Cleared time.Time // since when it is over; zero: it isn't
	Kind    Kind
	About   string
	Values  Values
}

// Facts are what is true of a tenant now. frozen are kinds that can't be judged at the moment: what is told of them stays.
type Facts struct {
	Problems []Problem
	Frozen   []Kind
}

// Store keeps rows and how far the audit log was read.
type Store interface {
	ClaimReader(ctx context.Context, reader, tenant, holder string, start int64, now, expires time.Time) (seq int64, ours bool, err error)
	MoveReader(ctx context.Context, reader, tenant, holder string, seq int64) error
	FreeReaders(ctx context.Context, holder string) error
	RecordsAfter(ctx context.Context, tenant string, seq int64, limit int) ([]audit.Record, error)
	AuditEnd(ctx context.Context, tenant string) (int64, error)
	Alerts(ctx context.Context, tenant string) ([]Row, error)
	PutAlert(ctx context.Context, r Row) error
	DropAlert(ctx context.Context, tenant, name string) error
}

// Teller queues a message to everybody the tenant names.
type Teller interface {
	Tell(ctx context.Context, t tenant.Tenant, n Notice) error
}

// Notice is one thing to tell.
type Notice struct {
	Row

	Over bool // it is over
	At   time.Time
}

// Tx is what must happen together.
type Tx struct {
	Store  Store
	Teller Teller
	Record func(ctx context.Context, tenant string, r audit.Record) error
}

// Watcher looks and tells.
type Watcher struct {
	Store Store
	// Atomic runs do in one transaction and sends what it queued afterwards.
	Atomic  func(ctx context.Context, do func(Tx) error) error
	Tenants func(ctx context.Context) ([]tenant.Tenant, error)
	Facts   func(ctx context.Context, t tenant.Tenant, open func(Kind) bool) (Facts, error)
	// Person names somebody for an operator; the id when they are gone.
	Person func(ctx context.Context, tenant, id string) string
	Holder string // this server: different at every start
	Now    func() time.Time
	Log    *slog.Logger

	started time.Time
}

// Run looks until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), every)
		defer cancel()
		if err := w.Store.FreeReaders(end, w.Holder); err != nil {
			w.Log.Warn("the watch over alerts couldn't be given back; it is in a while", "error", err)
		}
	}()
	for {
		w.Look(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Look looks once at every tenant. What fails for one keeps none of the others from being looked at.
func (w *Watcher) Look(ctx context.Context) {
	if w.started.IsZero() {
		w.started = w.Now()
	}
	all, err := w.Tenants(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.Log.Error("alerts: tenants can't be read", "error", err)
		}
		return
	}
	for _, t := range all {
		if err := w.look(ctx, t); err != nil && ctx.Err() == nil {
			w.Log.Error("alerts can't be looked after; will try again", "tenant", t.ID, "error", err)
		}
	}
}

// Wanted reports whether a tenant names anybody to tell.
func Wanted(t tenant.Tenant) bool {
	return len(t.Settings.Alerts.Mail) > 0 || t.Settings.Alerts.WebhookURL != ""
}

func (w *Watcher) look(ctx context.Context, t tenant.Tenant) error {
	end, err := w.Store.AuditEnd(ctx, t.ID)
	if err != nil {
		return err
	}
	now := w.Now()
	at, ours, err := w.Store.ClaimReader(ctx, readerName, t.ID, w.Holder, end, now, now.Add(hold))
	if err != nil || !ours {
		return err
	}
	if err := w.happened(ctx, t, at); err != nil {
		return err
	}
	rows, err := w.Store.Alerts(ctx, t.ID)
	if err != nil {
		return err
	}
	if !Wanted(t) { // nobody hears of it, so it isn't told later either
		for _, r := range rows {
			if err := w.Store.DropAlert(ctx, t.ID, r.Name); err != nil {
				return err
			}
		}
		return nil
	}
	open := func(k Kind) bool {
		return slices.ContainsFunc(rows, func(r Row) bool { return r.Kind == k && !r.Told.IsZero() })
	}
	facts, err := w.Facts(ctx, t, open)
	if err != nil {
		return err
	}
	return w.compare(ctx, t, rows, facts)
}

// compare tells what has changed between what is stored and what is true.
func (w *Watcher) compare(ctx context.Context, t tenant.Tenant, rows []Row, facts Facts) error {
	now := w.Now()
	for _, p := range facts.Problems {
		r := Row{Tenant: t.ID, Name: p.Name(), Since: now, Kind: p.Kind, About: p.About, Values: p.Values}
		i := slices.IndexFunc(rows, func(have Row) bool { return have.Name == r.Name })
		if i >= 0 {
			r.Since, r.Told = rows[i].Since, rows[i].Told
		}
		if err := w.wrong(ctx, t, r, i < 0 || !rows[i].Cleared.IsZero(), now); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if slices.Contains(facts.Frozen, r.Kind) || slices.ContainsFunc(facts.Problems, func(p Problem) bool { return p.Name() == r.Name }) {
			continue
		}
		if err := w.over(ctx, t, r, now); err != nil {
			return err
		}
	}
	return nil
}

// wrong is a problem that is there. Before this server had looked for a while, what it sees is its own start.
func (w *Watcher) wrong(ctx context.Context, t tenant.Tenant, r Row, changed bool, now time.Time) error {
	seen := r.Since
	if w.started.After(seen) {
		seen = w.started
	}
	if r.Told.IsZero() && now.Sub(seen) >= r.Kind.lasting() {
		r.Told = now
		return w.tell(ctx, t, Notice{Row: r, At: now}, func(tx Tx) error { return tx.Store.PutAlert(ctx, r) })
	}
	if changed {
		return w.Store.PutAlert(ctx, r)
	}
	return nil
}

// over is a problem that is stored and not there any more.
func (w *Watcher) over(ctx context.Context, t tenant.Tenant, r Row, now time.Time) error {
	switch {
	case r.Kind.happens():
		if now.Sub(r.Told) < again {
			return nil
		}
		return w.Store.DropAlert(ctx, t.ID, r.Name)
	case r.Told.IsZero():
		return w.Store.DropAlert(ctx, t.ID, r.Name)
	case r.Cleared.IsZero() && r.Kind.calm() > 0:
		r.Cleared = now
		return w.Store.PutAlert(ctx, r)
	case now.Sub(r.Cleared) >= r.Kind.calm():
		return w.tell(ctx, t, Notice{Row: r, Over: true, At: now}, func(tx Tx) error { return tx.Store.DropAlert(ctx, t.ID, r.Name) })
	}
	return nil
}

// tell queues a notice, records it and stores that it is told: all or nothing.
func (w *Watcher) tell(ctx context.Context, t tenant.Tenant, n Notice, and func(Tx) error) error {
	return w.Atomic(ctx, func(tx Tx) error {
		if err := and(tx); err != nil {
			return err
		}
		if err := tx.Teller.Tell(ctx, t, n); err != nil {
			return err
		}
		r := audit.Record{At: n.At, Activity: "Alert", Hop: "portal", Event: int(event.AlertRaised), Result: "ok", Reason: string(n.Kind), Target: n.About}
		if n.Over {
			r.Event = int(event.AlertCleared)
		}
		r.Detail = "told " + strconv.Itoa(len(t.Settings.Alerts.Mail)) + " addresses"
		if t.Settings.Alerts.WebhookURL != "" {
			r.Detail += " and the webhook"
		}
		return tx.Record(ctx, t.ID, r)
	})
}

// happened tells of what the audit log says has happened since it was last read.
func (w *Watcher) happened(ctx context.Context, t tenant.Tenant, at int64) error {
	found, err := w.Store.RecordsAfter(ctx, t.ID, at, batch)
	if err != nil || len(found) == 0 {
		return err
	}
	rows, err := w.Store.Alerts(ctx, t.ID)
	if err != nil {
		return err
	}
	now := w.Now()
	return w.Atomic(ctx, func(tx Tx) error {
		for _, r := range found {
			n, ok := w.notice(ctx, t, r, now)
			if !ok || !Wanted(t) || slices.ContainsFunc(rows, func(have Row) bool { return have.Name == n.Name && now.Sub(have.Told) < again }) {
				continue
			}
			rows = append(rows, n.Row)
			if err := errors.Join(tx.Store.PutAlert(ctx, n.Row), tx.Teller.Tell(ctx, t, n)); err != nil {
				return err
			}
		}
		return tx.Store.MoveReader(ctx, readerName, t.ID, w.Holder, found[len(found)-1].Seq)
	})
}

// notice is what a record is told as.
func (w *Watcher) notice(ctx context.Context, t tenant.Tenant, r audit.Record, now time.Time) (Notice, bool) {
	k, ok := kindOf(r)
	if !ok {
		return Notice{}, false
	}
	about := first(r.Target, r.Actor)
	name := w.Person(ctx, t.ID, about)
	v := Values{Support: r.Support, Agent: name}
	if k == Objected {
		v.Agent, v.Person, v.Affected = "", name, 1
	}
	return Notice{At: now, Row: Row{Tenant: t.ID, Name: Problem{Kind: k, About: about}.Name(), Since: r.At, Told: now, Kind: k, About: about, Values: v}}, true
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// kindOf is what a record is told as. The events are a closed set; any other is not told by itself.
func kindOf(r audit.Record) (Kind, bool) {
	if !slices.Contains(event.Alarming(), event.Code(r.Event)) {
		return "", false
	}
	switch event.Code(r.Event) {
	case event.AgentRetired:
		return CutOff, true
	case event.AgentCloned:
		return Cloned, true
	}
	return Objected, true
}
