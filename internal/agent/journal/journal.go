// Package journal is the agent's memory of the requests that write: which it has accepted, what the
// directory held before, how each ended, and whether the server knows.
//
// It guarantees that what Accept, Sending and Finish have returned from is on the disk, that a request id is
// accepted once, and that a result is kept until the server has acknowledged it. It never holds a secret. A
// damaged file is an error and never replaced: an empty journal would let requests run twice.
package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// Errors callers tell apart.
var (
	// ErrUnknown reports a request id the journal does not hold.
	ErrUnknown = errors.New("no such request")
	// ErrDone reports a step after the request's end.
	ErrDone = errors.New("the request is finished")
	// ErrCorrupt reports a file or an entry that cannot be read. Its text says what to do.
	ErrCorrupt = errors.New("the journal is damaged")
	// ErrForgotten reports a request that is as old as those the journal has forgotten: it may be one of them.
	ErrForgotten = errors.New("the request is older than the journal remembers")
	// ErrInUse reports a journal that another process has open.
	ErrInUse = errors.New("in use")
	// ErrClosed reports a journal that is closed.
	ErrClosed = errors.New("the journal is closed")
)

// State is how far a request has come.
type State string

// States, in their order.
const (
	Accepted State = "accepted" // nothing has been sent to the directory
	Sending  State = "sending"  // it may have been sent; Before is set
	Done     State = "done"     // Result is set
)

// Entry is one request.
type Entry struct {
	ID        seal.RequestID     `json:"id"`
	Operation protocol.Operation `json:"op"`
	// Header is the canonical header. The sealed secret is not kept, only the digest of the envelope.
	Header     []byte            `json:"header,omitempty"`
	Digest     [sha256.Size]byte `json:"digest"`
	AcceptedAt protocol.Milli    `json:"accepted"`
	KeepUntil  protocol.Milli    `json:"keep"` // the entry answers repeated requests until then
	State      State             `json:"state"`
	Before     *Before           `json:"before,omitempty"`
	// Confirmed: the directory has confirmed the new password of an AdminReset, whose second write may be outstanding.
	Confirmed    bool             `json:"confirmed,omitempty"`
	Result       *protocol.Result `json:"result,omitempty"`
	Acknowledged bool             `json:"ack,omitempty"`
}

// Before is what the directory held just before the write: comparing it with what it holds later proves
// what happened.
type Before = protocol.Mark

// Journal is the open file. It is safe for concurrent use.
type Journal struct {
	db   *bolt.DB
	path string
	ops  chan *op
	stop chan struct{}
	done chan struct{}
	once sync.Once
}

// Accept stores a new request durably. If its id is known already, nothing changes and the entry that is
// there is returned: the caller compares digests. ErrForgotten: it is as old as entries that have been pruned.
func (j *Journal) Accept(ctx context.Context, e Entry) (*Entry, error) {
	e.State, e.Before, e.Confirmed, e.Result, e.Acknowledged = Accepted, nil, false, nil, false
	return j.insert(ctx, e, func(b *bolt.Bucket) error {
		if e.KeepUntil <= forgotten(b) {
			return ErrForgotten
		}
		return nil
	})
}

// Deny stores that a request which was asked about had not arrived. If it arrives later it is refused as a
// repetition, so the answer "never arrived" stays true. An entry that is there is returned instead.
func (j *Journal) Deny(ctx context.Context, id seal.RequestID, result protocol.Result, at, keep time.Time) (*Entry, error) {
	return j.insert(ctx, Entry{
		ID: id, Operation: protocol.Prove, State: Done, Result: &result, Acknowledged: true,
		AcceptedAt: protocol.MilliOf(at), KeepUntil: protocol.MilliOf(keep),
	}, func(*bolt.Bucket) error { return nil })
}

// insert stores an entry whose id is new, if allowed lets it.
func (j *Journal) insert(ctx context.Context, e Entry, allowed func(*bolt.Bucket) error) (*Entry, error) {
	var existing *Entry // written by the writer; not read when ctx ends first
	err := j.write(ctx, func(b *bolt.Bucket) error {
		if old := b.Get(e.ID[:]); old != nil {
			found, err := j.decode(old)
			existing = &found
			return err
		}
		if err := allowed(b); err != nil {
			return err
		}
		return put(b, e)
	})
	if err != nil {
		return nil, fmt.Errorf("store request %s: %w", e.ID, err)
	}
	return existing, nil
}

// Sending stores what the directory held, durably, before the write is sent. It may be repeated for another
// controller as long as nothing was sent to the one before.
func (j *Journal) Sending(ctx context.Context, id seal.RequestID, before Before) error {
	return j.change(ctx, id, func(e *Entry) error {
		if e.State == Done || e.Confirmed {
			return ErrDone
		}
		e.State, e.Before = Sending, &before
		return nil
	})
}

// Confirm stores durably that the directory has confirmed the first of two writes.
func (j *Journal) Confirm(ctx context.Context, id seal.RequestID) error {
	return j.change(ctx, id, func(e *Entry) error {
		switch e.State {
		case Done:
			return ErrDone
		case Sending:
			e.Confirmed = true
			return nil
		default:
			return fmt.Errorf("%w: confirmed before it was sent", errEntry)
		}
	})
}

// Finish stores the result durably. The first result stands: a second one is ErrDone.
func (j *Journal) Finish(ctx context.Context, id seal.RequestID, result protocol.Result) error {
	return j.change(ctx, id, func(e *Entry) error {
		if e.State == Done {
			return ErrDone
		}
		e.State, e.Result = Done, &result
		return nil
	})
}

// Acknowledged stores that the server has the result.
func (j *Journal) Acknowledged(ctx context.Context, id seal.RequestID) error {
	return j.change(ctx, id, func(e *Entry) error {
		e.Acknowledged = e.State == Done
		return nil
	})
}

func (j *Journal) change(ctx context.Context, id seal.RequestID, with func(*Entry) error) error {
	err := j.write(ctx, func(b *bolt.Bucket) error {
		raw := b.Get(id[:])
		if raw == nil {
			return ErrUnknown
		}
		e, err := j.decode(raw)
		if err != nil {
			return err
		}
		if err := with(&e); err != nil {
			return err
		}
		return put(b, e)
	})
	if err != nil {
		return fmt.Errorf("update request %s: %w", id, err)
	}
	return nil
}

// Get returns one request, or ErrUnknown.
func (j *Journal) Get(id seal.RequestID) (Entry, error) {
	var e Entry
	err := j.view(func(b *bolt.Bucket) error {
		raw := b.Get(id[:])
		if raw == nil {
			return ErrUnknown
		}
		var err error
		e, err = j.decode(raw)
		return err
	})
	if err != nil {
		return Entry{}, fmt.Errorf("look up request %s: %w", id, err)
	}
	return e, nil
}

// Pending returns the requests without a result, oldest first.
func (j *Journal) Pending() ([]Entry, error) {
	return j.list(func(e Entry) bool { return e.State != Done })
}

// Unacknowledged returns the requests whose result the server does not have yet, oldest first.
func (j *Journal) Unacknowledged() ([]Entry, error) {
	return j.list(func(e Entry) bool { return e.State == Done && !e.Acknowledged })
}

// unacknowledgedFor is how long a result waits for a server that never asks for it again.
const unacknowledgedFor = 30 * 24 * time.Hour

// Prune drops what nobody can ask about any more: finished, acknowledged and past its time. It returns how
// many entries went.
func (j *Journal) Prune(ctx context.Context, now time.Time) (int, error) {
	n := 0
	err := j.write(ctx, func(b *bolt.Bucket) error {
		n = 0
		var old [][]byte
		horizon := forgotten(b)
		err := b.ForEach(func(k, raw []byte) error {
			e, err := j.decode(raw)
			if err != nil {
				return err
			}
			keep := e.KeepUntil.Time()
			if !e.Acknowledged {
				keep = keep.Add(unacknowledgedFor)
			}
			if e.State == Done && now.After(keep) {
				old = append(old, bytes.Clone(k))
				horizon = max(horizon, e.KeepUntil)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(old) > 0 {
			if err := forget(b, horizon); err != nil {
				return err
			}
		}
		for _, k := range old {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
		n = len(old)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("prune the journal: %w", err)
	}
	return n, nil
}

// forgotten is the latest KeepUntil that was ever pruned. A clock that is put back, by mistake or by somebody who
// wants an old request carried out again, does not bring back what was forgotten.
func forgotten(entries *bolt.Bucket) protocol.Milli {
	raw := entries.Tx().Bucket(metaBucket()).Get(forgottenKey())
	if len(raw) != 8 {
		return 0
	}
	return protocol.Milli(binary.BigEndian.Uint64(raw)) //nolint:gosec // forget wrote it
}

func forget(entries *bolt.Bucket, horizon protocol.Milli) error {
	return entries.Tx().Bucket(metaBucket()).Put(forgottenKey(), binary.BigEndian.AppendUint64(nil, uint64(horizon))) //nolint:gosec // a time after 1970
}
