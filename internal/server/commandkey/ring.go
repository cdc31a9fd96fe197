// Package commandkey keeps the Ed25519 keys that sign commands to agents, the most critical keys of the server, and
// replaces them on schedule: the next key is endorsed by the one before it, agents follow the chain, and each agent is
// sent commands signed with the newest key it is known to obey, so nobody notices.
//
// It guarantees that a private key that no agent needs any more is erased. Keys are stored sealed, by the store.
package commandkey

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
	"homeward/internal/server/tenant"
)

const (
	// absent is when an agent that was not heard no longer keeps an old key alive. It is given the chain when it
	// returns.
	absent = 30 * 24 * time.Hour

	ringName = "command-ring"
	firstKey = "command" // the one key of servers before keys rolled, as its seed

	maxKeys = 64
)

// ErrGone reports that the only key an agent obeys was erased while it was away.
var ErrGone = errors.New("agent obeys only a command key that is gone: it takes the next one with its next hello")

// Store keeps what the ring needs. A secret that does not exist is ErrNone.
type Store interface {
	Secret(ctx context.Context, tenantID, name string) ([]byte, error)
	PutSecret(ctx context.Context, tenantID, name string, plaintext []byte) error
	Tenants(ctx context.Context) ([]tenant.Tenant, error)
	Agents(ctx context.Context, tenantID string) ([]enrol.Agent, error)
	Agent(ctx context.Context, id string) (enrol.Agent, error)
}

// ErrNone is what a Store answers for a secret that does not exist.
var ErrNone = errors.New("no such secret")

// Ring is the server's command keys, oldest first.
type Ring struct {
	store Store
	life  time.Duration
	now   func() time.Time

	mu   sync.Mutex
	keys []key
}

// key is one key as it is stored.
type key struct {
	Public ed25519.PublicKey `json:"public"`
	Seed   []byte            `json:"seed,omitempty"` // empty once nobody needs it
	Made   protocol.Milli    `json:"made"`
	// Links endorse the next key, by tenant.
	Links map[string][]byte `json:"links,omitempty"`
}

func (k key) id() string { return protocol.CommandKeyID(k.Public) }

// Open reads the ring, or makes its first key. Keys older than life are replaced by Check.
func Open(ctx context.Context, s Store, life time.Duration, now func() time.Time) (*Ring, error) {
	r := &Ring{store: s, life: life, now: now}
	raw, err := s.Secret(ctx, "", ringName)
	switch {
	case err == nil:
		defer clear(raw)
		return r, r.read(raw)
	case !errors.Is(err, ErrNone):
		return nil, fmt.Errorf("command keys: %w", err)
	}
	first, err := r.first(ctx)
	if err != nil {
		return nil, err
	}
	r.keys = []key{first}
	return r, r.save(ctx)
}

// first takes over the one key of an older server, or makes one.
func (r *Ring) first(ctx context.Context) (key, error) {
	seed, err := r.store.Secret(ctx, "", firstKey)
	switch {
	case errors.Is(err, ErrNone):
		return fresh(r.now())
	case err != nil:
		return key{}, fmt.Errorf("command key: %w", err)
	case len(seed) != ed25519.SeedSize:
		return key{}, errors.New("command key in the database is broken")
	}
	return fromSeed(seed, r.now()), nil
}

func fresh(now time.Time) (key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return key{}, fmt.Errorf("make command key: %w", err)
	}
	return fromSeed(private.Seed(), now), nil
}

func fromSeed(seed []byte, now time.Time) key {
	private := ed25519.NewKeyFromSeed(seed)
	public := make([]byte, ed25519.PublicKeySize)
	copy(public, private[ed25519.SeedSize:]) // the second half, see crypto/ed25519
	return key{Public: public, Seed: seed, Made: protocol.MilliOf(now)}
}

func (r *Ring) read(raw []byte) error {
	var keys []key
	if json.Unmarshal(raw, &keys) != nil || len(keys) == 0 || len(keys) > maxKeys {
		return errors.New("command keys in the database are broken")
	}
	for i, k := range keys {
		whole := len(k.Public) == ed25519.PublicKeySize && (len(k.Seed) == ed25519.SeedSize || len(k.Seed) == 0 && i < len(keys)-1)
		if !whole || len(k.Seed) > 0 && !bytes.Equal(fromSeed(k.Seed, time.Time{}).Public, k.Public) {
			return errors.New("command keys in the database are broken")
		}
	}
	r.keys = keys
	return nil
}

// refresh reads the ring again: another server of the same database may have replaced a key, and must not lose it by
// what is stored next. mu is held.
func (r *Ring) refresh(ctx context.Context) error {
	raw, err := r.store.Secret(ctx, "", ringName)
	if err != nil {
		return fmt.Errorf("command keys: %w", err)
	}
	defer clear(raw)
	return r.read(raw)
}

// save stores the ring. mu is held, or nobody else has it yet.
func (r *Ring) save(ctx context.Context) error {
	raw, err := json.Marshal(r.keys)
	if err != nil {
		return fmt.Errorf("command keys: %w", err)
	}
	defer clear(raw)
	if err := r.store.PutSecret(ctx, "", ringName, raw); err != nil {
		return fmt.Errorf("command keys: %w", err)
	}
	return nil
}

// Newest returns the key that agents pin when they enrol.
func (r *Ring) Newest() ed25519.PublicKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.keys[len(r.keys)-1].Public)
}

// For returns the key that signs commands to an agent: the newest it obeys.
func (r *Ring) For(ctx context.Context, agent string) (ed25519.PrivateKey, error) {
	a, err := r.store.Agent(ctx, agent)
	if err != nil {
		return nil, fmt.Errorf("command key of an agent: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.index(a.CommandKey)
	if i < 0 {
		if err := r.refresh(ctx); err != nil {
			return nil, err
		}
		i = r.index(a.CommandKey)
	}
	if i < 0 || len(r.keys[i].Seed) == 0 {
		return nil, ErrGone
	}
	return ed25519.NewKeyFromSeed(r.keys[i].Seed), nil
}

// index finds a key; without an id it is the first, which agents enrolled with before they named one. mu is held.
func (r *Ring) index(id string) int {
	if id == "" {
		return 0
	}
	return slices.IndexFunc(r.keys, func(k key) bool { return k.id() == id })
}

// Links lead from the key with an id to the newest one. An id that is not ours gets none.
func (r *Ring) Links(_ context.Context, tenantID, after string) []protocol.KeyLink {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.index(after)
	if i < 0 || after == "" {
		return nil
	}
	var links []protocol.KeyLink
	for ; i < len(r.keys)-1; i++ {
		k, next := r.keys[i], r.keys[i+1]
		signature := k.Links[tenantID]
		if signature == nil && len(k.Seed) > 0 {
			signature = k.endorse(tenantID, next)
		}
		if signature == nil {
			return links
		}
		links = append(links, protocol.KeyLink{Key: slices.Clone(next.Public), Signature: slices.Clone(signature)})
	}
	return links
}

func (k key) endorse(tenantID string, next key) []byte {
	return ed25519.Sign(ed25519.NewKeyFromSeed(k.Seed), protocol.KeyLinkProof(tenantID, next.Public))
}

// Roll makes the next key, endorsed by the present one for every tenant, and returns its id.
func (r *Ring) Roll(ctx context.Context) (string, error) {
	next, err := fresh(r.now())
	if err != nil {
		return "", err
	}
	tenants, err := r.store.Tenants(ctx)
	if err != nil {
		return "", fmt.Errorf("roll command key: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(ctx); err != nil {
		return "", err
	}
	if len(r.keys) == maxKeys {
		return "", errors.New("there are too many command keys that agents still need: update or revoke the agents that don't follow (homeward keys status)")
	}
	before := r.keys
	last := before[len(before)-1]
	last.Links = map[string][]byte{}
	for _, t := range tenants {
		last.Links[t.ID] = last.endorse(t.ID, next)
	}
	r.keys = append(slices.Clone(before[:len(before)-1]), last, next)
	if err := r.save(ctx); err != nil {
		r.keys = before
		return "", err
	}
	return next.id(), nil
}

// Check replaces a key that is old, and erases private keys that nobody needs. It returns the id of a new key.
func (r *Ring) Check(ctx context.Context) (rolled string, err error) {
	r.mu.Lock()
	err = r.refresh(ctx)
	due := r.now().Sub(r.keys[len(r.keys)-1].Made.Time()) >= r.life
	r.mu.Unlock()
	if err != nil {
		return "", err
	}
	if due {
		if rolled, err = r.Roll(ctx); err != nil {
			return "", err
		}
	}
	return rolled, r.erase(ctx)
}

// erase drops the private half of each replaced key that no approved agent stands on: one that was not heard for
// thirty days does not count, unless it is of protocol 1 and cannot follow.
func (r *Ring) erase(ctx context.Context) error {
	r.mu.Lock()
	replaced := len(r.keys) - 1 // whoever stands on a key that comes later isn't counted
	r.mu.Unlock()
	use, err := r.use(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refresh(ctx); err != nil {
		return err
	}
	changed := false
	for i := range r.keys[:replaced] {
		if k := &r.keys[i]; len(k.Seed) > 0 && use[i].needed == 0 {
			clear(k.Seed)
			k.Seed, changed = nil, true
		}
	}
	if !changed {
		return nil
	}
	return r.save(ctx)
}

type usage struct{ obeyed, needed int }

// use counts approved agents by the newest key they obey.
func (r *Ring) use(ctx context.Context) (map[int]usage, error) {
	tenants, err := r.store.Tenants(ctx)
	if err != nil {
		return nil, fmt.Errorf("command keys: %w", err)
	}
	now, out := r.now(), map[int]usage{}
	for _, t := range tenants {
		agents, err := r.store.Agents(ctx, t.ID)
		if err != nil {
			return nil, fmt.Errorf("command keys: %w", err)
		}
		for _, a := range agents {
			if a.Status != enrol.Approved {
				continue
			}
			r.mu.Lock()
			i := r.index(a.CommandKey)
			r.mu.Unlock()
			u := out[i]
			u.obeyed++
			heard := a.Seen
			if heard.IsZero() {
				heard = a.Created
			}
			if a.Protocol < 2 || now.Sub(heard) < absent {
				u.needed++
			}
			out[i] = u
		}
	}
	return out, nil
}

// Key describes one key of the ring.
type Key struct {
	ID     string    `json:"id"`
	Made   time.Time `json:"made"`
	Agents int       `json:"agents"` // approved agents whose newest key it is
	Newest bool      `json:"newest,omitempty"`
	Erased bool      `json:"erased,omitempty"` // its private half is gone
}

// Status describes the ring, oldest first, and when the newest key is due to be replaced.
func (r *Ring) Status(ctx context.Context) (keys []Key, due time.Time, err error) {
	use, err := r.use(ctx)
	if err != nil {
		return nil, due, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, k := range r.keys {
		keys = append(keys, Key{
			ID: k.id(), Made: k.Made.Time(), Agents: use[i].obeyed,
			Newest: i == len(r.keys)-1, Erased: len(k.Seed) == 0,
		})
	}
	return keys, r.keys[len(r.keys)-1].Made.Time().Add(r.life), nil
}

// String keeps the keys out of every print.
func (r *Ring) String() string { return "[command keys]" }
