package provision

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"

	"homeward/internal/protocol"
)

// Apply takes one batch: all of it, or nothing. A batch of another epoch, agent, run or number than the one that comes
// next is refused; the one just applied is acknowledged again. What it says of objects never stops it: what can't be
// applied is set aside with a reason.
func (e *Engine) Apply(ctx context.Context, tenantID, agentID string, b protocol.SyncBatch) protocol.SyncAck {
	return e.apply(ctx, tenantID, agentID, b, false)
}

func (e *Engine) apply(ctx context.Context, tenantID, agentID string, b protocol.SyncBatch, thin bool) protocol.SyncAck {
	k, ok := keyOf(tenantID, b.Domain, b.Staging)
	if !ok || agentID == "" || len(b.NetBIOS) > 15 || len(b.Cursor) > protocol.MaxCursor {
		return protocol.SyncAck{
			Version: protocol.Version, Reason: protocol.ReasonMalformed, Message: "The batch names no domain, or its cursor is too long.",
		}
	}
	done, err := e.transact(ctx, k, agentID, b, thin, false)
	if err != nil && unexpected(err) && ctx.Err() == nil {
		if rest, ok := e.without(ctx, k, agentID, b, thin); ok {
			done, err = e.transact(ctx, k, agentID, rest, thin, false)
		}
	}
	if err != nil {
		no := e.answerOf(ctx, err, "a batch", k)
		return protocol.SyncAck{Version: protocol.Version, Reason: no.reason, Message: no.message, Seq: no.seq}
	}
	done.ack.OK = true
	e.measure(ctx, done)
	e.pace.note(done.run, len(b.People))
	return done.ack
}

// transact applies a batch in one transaction; a trial is undone in the end, with errUndo.
func (e *Engine) transact(ctx context.Context, k Key, agentID string, b protocol.SyncBatch, thin, trial bool) (applied, error) {
	done := applied{ack: protocol.SyncAck{Version: protocol.Version}}
	err := e.Store.SyncTx(ctx, k.Tenant, func(tx Tx) error {
		l, again, err := e.admit(ctx, tx, k, agentID, b)
		if err != nil {
			return err
		}
		if again {
			n, err := e.pending(ctx, tx, l)
			done.ack.Seq, done.ack.Until, done.ack.Pending = l.Seq, protocol.MilliOf(l.Expires), n
			return err
		}
		w, err := e.begin(ctx, tx, k.Tenant)
		if err != nil {
			return err
		}
		if err := e.carryOut(ctx, w, l, b, thin, &done.ack); err != nil || !trial {
			done.run, done.added = w.run, w.Added
			return err
		}
		return errUndo
	})
	return done, err
}

func unexpected(err error) bool {
	_, is := errors.AsType[answer](err)
	return err != nil && !is && !errors.Is(err, errUndo)
}

// mostTrials bounds the search of without.
const mostTrials = 200

// without finds the people whom the database doesn't take, for a reason this package doesn't know, and returns the batch
// with a fault in place of each: one object must not stop everybody's sync. false: it isn't the people.
func (e *Engine) without(ctx context.Context, k Key, agentID string, b protocol.SyncBatch, thin bool) (protocol.SyncBatch, bool) {
	trials := 0
	fails := func(people []protocol.SyncPerson) bool {
		trials++
		part := b
		part.People = people
		_, err := e.transact(ctx, k, agentID, part, thin, true)
		return unexpected(err)
	}
	if len(b.People) == 0 || fails(nil) {
		return b, false
	}
	bad := map[string]bool{}
	var search func(people []protocol.SyncPerson)
	search = func(people []protocol.SyncPerson) {
		if len(people) == 0 || trials > mostTrials || !fails(people) {
			return
		}
		if len(people) == 1 {
			bad[people[0].Object] = true
			return
		}
		half := len(people) / 2
		search(people[:half])
		search(people[half:])
	}
	search(b.People)
	rest := b
	rest.People, rest.Faults = nil, slices.Clone(b.Faults)
	for _, m := range b.People {
		if bad[m.Object] {
			rest.Faults = append(rest.Faults, protocol.SyncFault{Object: m.Object, Name: b.NetBIOS + `\` + m.SAM, DN: m.DN, Reason: BadObject, Left: true})
			continue
		}
		rest.People = append(rest.People, m)
	}
	e.Log.ErrorContext(ctx, "sync: people that the database doesn't take are left out", "tenant", k.Tenant, "domain", k.Domain, "people", len(bad))
	return rest, len(bad) > 0
}

// admit checks that the batch is the one that comes next. again: it is the one just applied.
func (e *Engine) admit(ctx context.Context, tx Tx, k Key, agentID string, b protocol.SyncBatch) (l Lease, again bool, err error) {
	l, found, err := tx.Lease(ctx, k)
	switch {
	case err != nil:
		return l, false, err
	case !found || l.Holder != agentID || l.Epoch != b.Epoch:
		return l, false, answer{reason: protocol.ReasonSyncFenced, message: "The lease is over. Ask again."}
	case l.Off:
		return l, false, answer{reason: protocol.ReasonSyncOff, message: "Sync of this domain was turned off by an operator."}
	case b.Seq == l.Seq-1 && l.LastEpoch == l.Epoch:
		return l, true, nil
	case b.Seq != l.Seq:
		return l, false, answer{reason: protocol.ReasonSyncOrder, message: "Not the batch that comes next. Ask again and go on from there.", seq: l.Seq}
	case b.Run != l.Run:
		return l, false, answer{reason: protocol.ReasonSyncRestart, message: "Not the run that goes on. Ask again.", seq: l.Seq}
	}
	return l, false, nil
}

func (e *Engine) carryOut(ctx context.Context, w *work, l Lease, b protocol.SyncBatch, thin bool, ack *protocol.SyncAck) error {
	w.Objects, w.Bytes, w.Micros = b.Read.Objects, b.Read.Bytes, b.Read.Micros
	last := l.Run != "" && b.Last
	shape := w.batch(l.Key, b.NetBIOS, l.Run)
	shape.thin = thin
	status, pending := "", 0
	if l.Staging {
		if err := w.stage(ctx, shape, b, last); err != nil {
			return err
		}
	} else {
		if err := w.take(ctx, shape, b); err != nil {
			return err
		}
		end, err := w.end(ctx, l, b, last)
		if err != nil {
			return err
		}
		status, pending = end.status, end.pending
		if err := w.retry(ctx); err != nil {
			return err
		}
		if err := w.tx.Append(ctx, w.tenant, w.joins...); err != nil {
			return err
		}
	}
	if err := w.history(ctx, l, b, last, status); err != nil {
		return err
	}
	if status != "" {
		l.Status = status
	}
	ack.Pending = pending
	return w.advance(ctx, l, b, last, ack)
}

// take applies what a batch says of people, groups and faults.
func (w *work) take(ctx context.Context, shape batchOf, b protocol.SyncBatch) error {
	in, bad := shape.people(b.People)
	if err := w.gone(ctx, shape, in, b); err != nil {
		return err
	}
	if err := w.faults(ctx, shape, in, b.Faults, bad); err != nil {
		return err
	}
	if err := w.process(ctx, shape.Key, in, false); err != nil {
		return err
	}
	return w.groups(ctx, shape, b.Groups)
}

// stage judges a batch and changes nothing but the preview.
func (w *work) stage(ctx context.Context, shape batchOf, b protocol.SyncBatch, last bool) error {
	in, _ := shape.people(b.People)
	var gone []string
	for _, g := range b.Gone {
		if object, ok := guid(g.Object); ok {
			gone = append(gone, object)
		}
	}
	if err := w.tx.DropPreviews(ctx, shape.Key, gone); err != nil {
		return err
	}
	w.Faults += len(b.Faults)
	if err := w.process(ctx, shape.Key, in, true); err != nil || !last {
		return err
	}
	return w.tx.DropUnnamedPreviews(ctx, shape.Key, shape.run)
}

// people cleans the people of a batch; of an object named twice the last one counts. bad have no name or no id.
func (b batchOf) people(people []protocol.SyncPerson) (in []incoming, bad []protocol.SyncPerson) {
	at := make(map[string]int, len(people))
	for _, m := range people {
		one, ok := b.take(m)
		if !ok {
			bad = append(bad, m)
			continue
		}
		if i, twice := at[one.Object]; twice {
			in[i] = one
			continue
		}
		at[one.Object] = len(in)
		in = append(in, one)
	}
	return in, bad
}

// history writes the run's line: of a full run, and of changes that changed something.
func (w *work) history(ctx context.Context, l Lease, b protocol.SyncBatch, last bool, status string) error {
	r := Run{Key: l.Key, ID: l.Run, Full: true, Agent: l.Holder, Started: w.now, Status: RunGoing}
	if l.Run == "" {
		if !w.changed() && w.Faults == 0 && status != RunStopped {
			return nil
		}
		r.ID, r.Full, r.Ended, r.Status = rand.Text(), false, w.now, RunDone
		if status != "" {
			r.Status = status
		}
	} else if old, found, err := w.tx.Run(ctx, w.tenant, l.Run); err != nil {
		return err
	} else if found {
		r = old
	}
	r.add(w.Counts)
	if b.Read.DC != "" {
		r.DC = clip(b.Read.DC, maxSAM)
	}
	if last {
		r.Ended, r.Status = w.now, RunDone
		if status != "" {
			r.Status = status
		}
	}
	if r.Full {
		w.run = r
	}
	return w.tx.PutRun(ctx, r)
}

func (r *Run) add(n Counts) {
	r.Added += n.Added
	r.Updated += n.Updated
	r.Deleted += n.Deleted
	r.Joined += n.Joined
	r.Faults += n.Faults
	r.Unchanged += n.Unchanged
	r.Groups += n.Groups
	r.Objects += n.Objects
	r.Bytes += n.Bytes
	r.Micros += n.Micros
}

// advance moves on to the next number, in one conditional update: it is what fences.
func (w *work) advance(ctx context.Context, l Lease, b protocol.SyncBatch, last bool, ack *protocol.SyncAck) error {
	seq := l.Seq
	l.Seq, l.LastEpoch, l.Applied, l.Expires = seq+1, l.Epoch, w.now, w.now.Add(protocol.LeaseLife)
	if w.changed() {
		l.Changed = w.now
	}
	if at := b.Read.Changed.Time(); at.After(l.Newest) {
		l.Newest = at
	}
	switch {
	case last:
		l.Base, l.Scope, l.Cursor = l.Run, l.RunScope, b.Cursor
		l.Run, l.RunCursor, l.RunScope = "", nil, ""
	case len(b.Cursor) > 0 && l.Run != "":
		l.RunCursor = b.Cursor
	case len(b.Cursor) > 0:
		l.Cursor = b.Cursor
	}
	ack.Seq, ack.Until = l.Seq, protocol.MilliOf(l.Expires)
	ok, err := w.tx.SaveLease(ctx, l, seq)
	if err == nil && !ok {
		err = answer{reason: protocol.ReasonSyncFenced, message: "The lease changed hands. Ask again."}
	}
	return err
}
