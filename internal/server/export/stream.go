package export

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"homeward/internal/server/audit"
)

const (
	// batchRows bounds what is read and sent at once.
	batchRows = 200
	// every is how soon a new row is sent.
	every = time.Second
	// hold is how long a server that died keeps others from going on in its place. It is longer than one batch may take.
	hold = 90 * time.Second
	// retryFirst doubles per try up to retryMost.
	retryFirst = time.Second
	retryMost  = 5 * time.Minute
)

// Log is the audit log and where its readers stand.
type Log interface {
	ClaimReader(ctx context.Context, reader, tenant, holder string, start int64, now, expires time.Time) (seq int64, ours bool, err error)
	MoveReader(ctx context.Context, reader, tenant, holder string, seq int64) error
	RecordsAfter(ctx context.Context, tenant string, seq int64, limit int) ([]audit.Record, error)
	AuditEnd(ctx context.Context, tenant string) (int64, error)
	FreeReaders(ctx context.Context, holder string) error
}

// Destination is one place that gets every row.
type Destination struct {
	Name   string // what its place in the log is kept under
	Tenant string // only this one's; empty: every tenant's
	// New: a destination that is new gets what happens from then on, not what the log holds already.
	New  bool
	Send func(ctx context.Context, batch []Row) error
}

// Streams sends the log to its destinations: every row at least once, a tenant's rows in their order. It reads the
// log by itself, so nothing that writes there ever waits for a destination, and each destination has its own place
// there, so none waits for another.
type Streams struct {
	Log          Log
	Tenants      func(ctx context.Context) ([]string, error)
	Destinations []Destination
	Now          func() time.Time
	Logger       *slog.Logger
}

// Run sends until ctx ends.
func (s *Streams) Run(ctx context.Context) error {
	var all errgroup.Group
	for _, d := range s.Destinations {
		o := outlet{Streams: s, Destination: d, holder: rand.Text(), sent: map[string]bool{}}
		all.Go(func() error { return o.run(ctx) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	<-ctx.Done() // there may be no destination
	return ctx.Err()
}

// outlet is one destination's loop.
type outlet struct {
	*Streams
	Destination

	holder string
	tries  int
	sent   map[string]bool // tenants whose rows it has sent before
}

func (o *outlet) run(ctx context.Context) error {
	defer o.free(ctx)
	for ctx.Err() == nil {
		more, err := o.round(ctx)
		wait := every
		switch {
		case err != nil && ctx.Err() == nil:
			wait = min(retryFirst<<min(o.tries, 16), retryMost)
			o.tries++
			o.Logger.Warn("audit log isn't exported; will try again", "destination", o.Name, "try", o.tries, "wait", wait.String(), "error", err)
		case o.tries > 0 && err == nil:
			o.Logger.Info("audit log is exported again", "destination", o.Name, "tries", o.tries)
			o.tries = 0
		}
		if more && err == nil {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
	return ctx.Err()
}

// free lets the next server go on at once.
func (o *outlet) free(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), every)
	defer cancel()
	if err := o.Log.FreeReaders(ctx, o.holder); err != nil {
		o.Logger.Warn("an export's place couldn't be given back; it is in a while", "destination", o.Name, "error", err)
	}
}

// round sends one batch of each tenant. more: some tenant has more than that.
func (o *outlet) round(ctx context.Context) (more bool, err error) {
	tenants := []string{o.Tenant}
	if o.Tenant == "" {
		if tenants, err = o.Tenants(ctx); err != nil {
			return false, err
		}
	}
	for _, tenant := range tenants {
		n, err := o.batch(ctx, tenant)
		if err != nil {
			return false, err
		}
		more = more || n == batchRows
	}
	return more, nil
}

// batch sends a tenant's next rows and stores how far it came. Whoever is ended in between sends them again.
func (o *outlet) batch(ctx context.Context, tenant string) (int, error) {
	var start int64
	if o.New && !o.sent[tenant] {
		end, err := o.Log.AuditEnd(ctx, tenant)
		if err != nil {
			return 0, err
		}
		start = end
	}
	now := o.Now()
	at, ours, err := o.Log.ClaimReader(ctx, Reader(o.Name), tenant, o.holder, start, now, now.Add(hold))
	if err != nil || !ours {
		return 0, err
	}
	o.sent[tenant] = true
	found, err := o.Log.RecordsAfter(ctx, tenant, at, batchRows)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	batch := make([]Row, 0, len(found))
	for _, r := range found {
		batch = append(batch, Of(r, nil))
	}
	if err := o.Send(ctx, batch); err != nil {
		return 0, err
	}
	// What was sent is sent, whether or not the server stops now.
	return len(found), o.Log.MoveReader(context.WithoutCancel(ctx), Reader(o.Name), tenant, o.holder, found[len(found)-1].Seq)
}

// Reader is the name that a destination's place is kept under.
func Reader(destination string) string { return "export/" + destination }
