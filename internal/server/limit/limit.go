// Package limit counts how often something may be tried, in the database, so neither a restart nor a second
// server forgets. It limits and says when to come back; it never locks anybody out for good.
//
// The algorithm is GCRA (ITU-T I.371): one stored moment per key, no counters and no windows. Keys are stored
// only as keyed hashes, because a typed name may be a mistyped password.
package limit

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Rule allows Burst takes at once, and one more every Period/Burst. So any stretch of time L sees at most
// Burst + L·Burst/Period takes, and never more than Burst before the first of them has aged Period/Burst.
type Rule struct {
	Name   string // part of the key: two rules never share a count
	Burst  int
	Period time.Duration
}

// Claim is one rule applied to one key: an address, a typed name, a person.
type Claim struct {
	Rule Rule
	Key  string
}

// Bucket is a claim as the store sees it. Taking moves the stored moment (the theoretical arrival time) to
// max(stored, now)+Every, and is refused when that is after now+Span.
type Bucket struct {
	ID    string        // keyed hash of rule and key
	Every time.Duration // whole milliseconds
	Span  time.Duration // whole milliseconds, Every × Burst
}

// Store keeps the moments. Package store fits it.
type Store interface {
	// TakeLimits takes from every bucket, in the order given, or from none. It returns the zero time when all
	// passed, else the first moment at which all will.
	TakeLimits(ctx context.Context, now time.Time, buckets []Bucket) (retryAt time.Time, err error)
	// ResetLimit forgets a bucket.
	ResetLimit(ctx context.Context, id string) error
	// PruneLimits forgets every bucket that is full again at now.
	PruneLimits(ctx context.Context, now time.Time) error
}

// pruneEvery bounds how long a bucket that is full again stays stored.
const pruneEvery = time.Minute

// Limiter takes from stored buckets. It is safe for concurrent use.
type Limiter struct {
	store  Store
	pepper []byte
	clock  func() time.Time

	mu     sync.Mutex
	pruned time.Time
}

// New returns a Limiter. pepper keys the hashes of the keys (masterkey.Key.Derive); with another pepper every
// count starts anew.
func New(store Store, pepper []byte, clock func() time.Time) *Limiter {
	return &Limiter{store: store, pepper: slices.Clone(pepper), clock: clock}
}

// Take takes one from rule for key. When nothing is left it reports false and the moment the next one is free.
// An error means it is not known: treat that as refused.
func (l *Limiter) Take(ctx context.Context, rule Rule, key string) (ok bool, retryAt time.Time, err error) {
	return l.TakeAll(ctx, Claim{Rule: rule, Key: key})
}

// TakeAll takes one from every claim, or, when any of them has nothing left, from none; retryAt is then the
// moment at which all will pass, if nobody else takes from them.
func (l *Limiter) TakeAll(ctx context.Context, claims ...Claim) (ok bool, retryAt time.Time, err error) {
	buckets := make([]Bucket, len(claims))
	for i, c := range claims {
		if buckets[i], err = l.bucket(c.Rule, c.Key); err != nil {
			return false, time.Time{}, err
		}
	}
	// One order for everybody, or two takers of the same pair could wait for each other.
	slices.SortFunc(buckets, func(a, b Bucket) int { return cmp.Compare(a.ID, b.ID) })
	now := l.clock()
	if err := l.prune(ctx, now); err != nil {
		return false, time.Time{}, err
	}
	retryAt, err = l.store.TakeLimits(ctx, now, buckets)
	if err != nil {
		return false, time.Time{}, fmt.Errorf("take from rate limits: %w", err)
	}
	return retryAt.IsZero(), retryAt, nil
}

// Reset gives key its whole burst back, after a success that shows the tries were the person's own.
func (l *Limiter) Reset(ctx context.Context, rule Rule, key string) error {
	b, err := l.bucket(rule, key)
	if err != nil {
		return err
	}
	if err := l.store.ResetLimit(ctx, b.ID); err != nil {
		return fmt.Errorf("reset rate limit %s: %w", rule.Name, err)
	}
	return nil
}

// prune runs as part of taking, so that nobody has to remember it and no goroutine needs an owner.
func (l *Limiter) prune(ctx context.Context, now time.Time) error {
	if !l.pruneDue(now) {
		return nil
	}
	if err := l.store.PruneLimits(ctx, now); err != nil {
		return fmt.Errorf("prune rate limits: %w", err)
	}
	return nil
}

func (l *Limiter) pruneDue(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.pruned) < pruneEvery {
		return false
	}
	l.pruned = now
	return true
}

var errRule = errors.New("a rate limit needs a name, a burst and a period")

func (l *Limiter) bucket(r Rule, key string) (Bucket, error) {
	if r.Name == "" || r.Burst < 1 || r.Period <= 0 {
		return Bucket{}, fmt.Errorf("rule %q: %w", r.Name, errRule)
	}
	// Rounded up to what the store keeps: rather a little stricter than the rule than laxer.
	every := (r.Period + time.Duration(r.Burst) - 1) / time.Duration(r.Burst)
	every = (every + time.Millisecond - 1).Truncate(time.Millisecond)
	return Bucket{ID: l.hash(r.Name, key), Every: every, Span: every * time.Duration(r.Burst)}, nil
}

// hash prefixes the name with its length, so no rule and key give the hash of another pair.
func (l *Limiter) hash(name, key string) string {
	m := hmac.New(sha256.New, l.pepper)
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name))))
	m.Write([]byte(name))
	m.Write([]byte(key))
	return hex.EncodeToString(m.Sum(nil))
}
