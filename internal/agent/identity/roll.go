package identity

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"
)

// PublicSealKey returns what browsers seal to.
func (i *Identity) PublicSealKey() seal.PublicKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[i.active].Public()
}

// KeyID returns the id of the sealing key in use.
func (i *Identity) KeyID() seal.KeyID { return i.PublicSealKey().ID() }

// SealKeyAge returns how old the sealing key in use is.
func (i *Identity) SealKeyAge(now time.Time) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return now.Sub(i.w.SealKeys[i.w.active()].Made.Time())
}

// SealKeys returns how many sealing keys are kept: the one in use, the next one, and those replaced within the last day.
func (i *Identity) SealKeys() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.w.SealKeys)
}

// SealKey returns the private key of an id: the one in use, the next one, or one replaced within the last day.
// false: the agent has no such key.
func (i *Identity) SealKey(id seal.KeyID) (seal.PrivateKey, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	key, ok := i.keys[id]
	return key, ok
}

// NextSealKey returns the key that shall replace the one in use, made and stored before anybody is told of it, so
// that whatever is sealed to it can be opened after a crash as well.
func (i *Identity) NextSealKey(now time.Time) (seal.PublicKey, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if n := slices.IndexFunc(i.w.SealKeys, func(k sealKey) bool { return !k.Confirmed }); n >= 0 {
		key, err := seal.NewPrivateKey(i.w.SealKeys[n].Key)
		return key.Public(), err
	}
	fresh, err := newSealKey(now)
	if err != nil {
		return seal.PublicKey{}, err
	}
	key, err := seal.NewPrivateKey(fresh.Key)
	if err != nil {
		return seal.PublicKey{}, err
	}
	before := i.w.SealKeys
	i.w.SealKeys = append(slices.Clone(before), fresh)
	if err := i.save(); err != nil {
		i.w.SealKeys = before
		return seal.PublicKey{}, err
	}
	i.keys[key.Public().ID()] = key
	return key.Public(), nil
}

// SealKeyTaken notes that the server seals to the next key from now on.
func (i *Identity) SealKeyTaken(id seal.KeyID, now time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	key, ok := i.keys[id]
	if !ok {
		return fmt.Errorf("sealing key %s is not this agent's", id)
	}
	raw, err := key.Bytes()
	if err != nil {
		return fmt.Errorf("sealing key %s: %w", id, err)
	}
	var kept []sealKey
	for _, k := range i.w.SealKeys {
		switch {
		case bytes.Equal(k.Key, raw):
			k.Confirmed, k.Retired = true, 0
		case k.Confirmed && k.Retired == 0:
			k.Retired = protocol.MilliOf(now)
		}
		kept = append(kept, k)
	}
	return i.replaceSealKeys(kept)
}

// DropRetired forgets sealing keys that were replaced more than a day ago: what was sealed to them can't be opened any
// more, by anybody.
func (i *Identity) DropRetired(now time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	kept := slices.DeleteFunc(slices.Clone(i.w.SealKeys), func(k sealKey) bool {
		return k.Retired != 0 && now.Sub(k.Retired.Time()) >= keepRetired
	})
	if len(kept) == len(i.w.SealKeys) {
		return nil
	}
	return i.replaceSealKeys(kept)
}

// replaceSealKeys stores keys. The caller holds mu.
func (i *Identity) replaceSealKeys(keys []sealKey) error {
	before := i.w.SealKeys
	i.w.SealKeys = keys
	if err := i.save(); err != nil {
		i.w.SealKeys = before
		return err
	}
	return i.openKeys()
}

// CommandKeys returns the keys whose commands are obeyed now, the newest first.
func (i *Identity) CommandKeys(now time.Time) []ed25519.PublicKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []ed25519.PublicKey
	for _, k := range slices.Backward(i.w.CommandKeys) {
		out = append(out, ed25519.PublicKey(k.Key))
		// Whatever is older than a key that has been known for so long is over.
		if now.Sub(k.Pinned.Time()) >= keepCommand {
			break
		}
	}
	return out
}

// CommandKeyID names the newest command key this agent obeys.
func (i *Identity) CommandKeyID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return protocol.CommandKeyID(i.w.CommandKeys[len(i.w.CommandKeys)-1].Key)
}

// ErrEndorsement reports a new command key that no key this agent obeys has endorsed.
var ErrEndorsement = errors.New("a new command key isn't endorsed by one this agent obeys")

// Trust follows links from a key the agent knows to newer ones, and pins them. It reports whether there was a new
// one. A link that is not endorsed by the key before it changes nothing.
func (i *Identity) Trust(links []protocol.KeyLink, now time.Time) (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	next := slices.Clone(i.w.CommandKeys)
	for _, l := range links {
		if slices.ContainsFunc(next, func(k commandKey) bool { return bytes.Equal(k.Key, l.Key) }) {
			continue
		}
		newest := ed25519.PublicKey(next[len(next)-1].Key)
		if len(l.Key) != ed25519.PublicKeySize || !ed25519.Verify(newest, protocol.KeyLinkProof(i.w.Tenant, l.Key), l.Signature) {
			return false, ErrEndorsement
		}
		next = append(next, commandKey{Key: l.Key, Pinned: protocol.MilliOf(now)})
	}
	if len(next) == len(i.w.CommandKeys) {
		return false, nil
	}
	if len(next) > maxCommandKeys {
		return false, fmt.Errorf("%d command keys, more than %d: enrol this agent again", len(next), maxCommandKeys)
	}
	before := i.w.CommandKeys
	i.w.CommandKeys = next
	if err := i.save(); err != nil {
		i.w.CommandKeys = before
		return false, err
	}
	return true, nil
}
