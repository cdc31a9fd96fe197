// Package identity holds what makes an agent this agent: its relay key, its sealing keys, the tenant it
// belongs to, the server's pinned command key and the current relay credential. It lives in one file that
// only the agent's account can read, replaced as a whole.
package identity

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"

	"github.com/nats-io/nkeys"
)

// File is the identity's name in the state folder.
const File = "identity.json"

// Unfinished begins the names of files that are about to replace the identity. One that is left over, because the agent
// was killed at that moment, holds its keys and has to go.
const Unfinished = ".identity-"

// ErrNotEnrolled reports a state folder without an identity.
var ErrNotEnrolled = errors.New("this agent isn't enrolled yet: run homeward-agent enrol with a one-time code")

// Identity is loaded from a state folder. It is safe for concurrent use.
type Identity struct {
	folder string
	pair   nkeys.KeyPair

	mu     sync.Mutex
	w      wire
	keys   map[seal.KeyID]seal.PrivateKey // of every sealing key in w
	active seal.KeyID                     // the one in use
}

// wire is the file. Version 1 held one sealing key and one command key.
type wire struct {
	Version     int            `json:"v"`
	Agent       string         `json:"agent"`
	AgentSeed   []byte         `json:"agent_seed"`
	SealKeys    []sealKey      `json:"seal_keys,omitempty"`
	Server      string         `json:"server"`
	RelayPath   string         `json:"relay_path"`
	Tenant      string         `json:"tenant"`
	TenantName  string         `json:"tenant_name"`
	CommandKeys []commandKey   `json:"command_keys,omitempty"` // oldest first
	JWT         string         `json:"jwt"`
	Expires     protocol.Milli `json:"expires"`

	OldSealKey    []byte `json:"seal_key,omitempty"`
	OldCommandKey []byte `json:"command_key,omitempty"`
}

// sealKey is one sealing key. Exactly one is active: confirmed and not retired.
type sealKey struct {
	Key       []byte         `json:"key"`
	Made      protocol.Milli `json:"made"`
	Confirmed bool           `json:"confirmed,omitempty"` // the server seals to it
	Retired   protocol.Milli `json:"retired,omitempty"`
}

// commandKey is one key whose commands are obeyed.
type commandKey struct {
	Key    []byte         `json:"key"`
	Pinned protocol.Milli `json:"pinned"`
}

const (
	wireVersion = 2
	// keepRetired is how long a replaced sealing key still opens: far longer than any request lives.
	keepRetired = 24 * time.Hour
	// keepCommand is how long a replaced command key is still obeyed. A server changes over within thirty days.
	keepCommand = 35 * 24 * time.Hour
	// maxCommandKeys bounds what a server can make an agent keep. Keys roll twice a year.
	maxCommandKeys = 64
)

// Format keeps the keys out of every print.
func (*Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[agent identity]") }

// LogValue keeps the keys out of every log.
func (*Identity) LogValue() slog.Value { return slog.StringValue("[agent identity]") }

// New makes fresh keys for an agent that is about to enrol. Nothing is stored before Enrolled.
func New(folder, server string) (*Identity, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("make agent key: %w", err)
	}
	agent, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("make agent key: %w", err)
	}
	seed, err := pair.Seed()
	if err != nil {
		return nil, fmt.Errorf("make agent key: %w", err)
	}
	key, err := newSealKey(time.Now())
	if err != nil {
		return nil, err
	}
	key.Confirmed = true
	return open(folder, wire{Version: wireVersion, Agent: agent, AgentSeed: seed, SealKeys: []sealKey{key}, Server: server})
}

func newSealKey(now time.Time) (sealKey, error) {
	key, err := seal.GenerateKey()
	if err != nil {
		return sealKey{}, err
	}
	raw, err := key.Bytes()
	if err != nil {
		return sealKey{}, fmt.Errorf("make sealing key: %w", err)
	}
	return sealKey{Key: raw, Made: protocol.MilliOf(now)}, nil
}

// Load reads the identity of a state folder. It returns ErrNotEnrolled where there is none.
func Load(folder string) (*Identity, error) {
	path := filepath.Join(folder, File)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotEnrolled
	}
	if err != nil {
		return nil, fmt.Errorf("agent identity: %w", err)
	}
	defer clear(b)
	var w wire
	if json.Unmarshal(b, &w) != nil || !w.current(path) {
		return nil, fmt.Errorf("agent identity %s can't be read: restore it from a backup, or remove it and enrol again", path)
	}
	return open(folder, w)
}

// current brings a file of version 1 up to date, and reports whether the identity is whole. The age of version 1
// keys is the file's: it was written when the agent enrolled, or later.
func (w *wire) current(path string) bool {
	if w.Version == 1 {
		var made protocol.Milli
		if st, err := os.Stat(path); err == nil {
			made = protocol.MilliOf(st.ModTime())
		}
		w.SealKeys = []sealKey{{Key: w.OldSealKey, Made: made, Confirmed: true}}
		w.CommandKeys = []commandKey{{Key: w.OldCommandKey, Pinned: made}}
		w.OldSealKey, w.OldCommandKey, w.Version = nil, nil, wireVersion
	}
	broken := slices.ContainsFunc(w.CommandKeys, func(k commandKey) bool { return len(k.Key) != ed25519.PublicKeySize })
	return w.Version == wireVersion && w.Tenant != "" && w.JWT != "" && len(w.CommandKeys) > 0 && !broken && w.active() >= 0
}

// active is the index of the sealing key the server uses; negative when there is none.
func (w *wire) active() int {
	return slices.IndexFunc(w.SealKeys, func(k sealKey) bool { return k.Confirmed && k.Retired == 0 })
}

func open(folder string, w wire) (*Identity, error) {
	pair, err := nkeys.FromSeed(w.AgentSeed)
	if err != nil {
		return nil, errors.New("agent identity holds a broken agent key: remove it and enrol again")
	}
	i := &Identity{folder: folder, pair: pair, w: w}
	return i, i.openKeys()
}

func (i *Identity) openKeys() error {
	keys := map[seal.KeyID]seal.PrivateKey{}
	for n, k := range i.w.SealKeys {
		key, err := seal.NewPrivateKey(k.Key)
		if err != nil {
			return errors.New("agent identity holds a broken sealing key: remove it and enrol again")
		}
		keys[key.Public().ID()] = key
		if n == i.w.active() {
			i.active = key.Public().ID()
		}
	}
	i.keys = keys
	return nil
}

// Enrolled stores what the server answered. From now on only this command key is obeyed, and those it endorses.
func (i *Identity) Enrolled(a protocol.EnrolAnswer) error {
	if len(a.CommandKey) != ed25519.PublicKeySize || a.Tenant == "" || a.JWT == "" || a.RelayPath == "" {
		return errors.New("the server's answer is incomplete: update the older side")
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.w.Tenant, i.w.TenantName = a.Tenant, a.TenantName
	i.w.CommandKeys = []commandKey{{Key: a.CommandKey, Pinned: protocol.MilliOf(time.Now())}}
	i.w.JWT, i.w.Expires, i.w.RelayPath = a.JWT, a.Expires, a.RelayPath
	return i.replace()
}

// Renewed stores a fresh credential.
func (i *Identity) Renewed(r protocol.Renewal) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.w.JWT, i.w.Expires = r.JWT, r.Expires
	return i.save()
}

// ErrSuperseded reports that the folder holds another identity by now: the agent was enrolled anew while this one ran.
var ErrSuperseded = errors.New("this agent was enrolled anew since it started: start it again")

// save stores what has changed, unless the folder is another identity's by now.
func (i *Identity) save() error {
	var there struct {
		Agent string `json:"agent"`
	}
	b, err := os.ReadFile(filepath.Join(i.folder, File))
	defer clear(b)
	if err == nil && json.Unmarshal(b, &there) == nil && there.Agent != i.w.Agent {
		return ErrSuperseded
	}
	return i.replace()
}

// replace replaces the file as a whole, so that a crash leaves the old one.
func (i *Identity) replace() error {
	b, err := json.Marshal(i.w)
	if err != nil {
		return fmt.Errorf("store agent identity: %w", err)
	}
	defer clear(b)
	tmp, err := os.CreateTemp(i.folder, Unfinished+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("store agent identity: %w", err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	if _, err := tmp.Write(b); err != nil {
		_ = tmp.Close()
		return fmt.Errorf("store agent identity: %w", err)
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("store agent identity: %w", err)
	}
	if err := os.Rename(tmp.Name(), filepath.Join(i.folder, File)); err != nil {
		return fmt.Errorf("store agent identity: %w", err)
	}
	return nil
}

// Agent returns the public relay key, the agent's id.
func (i *Identity) Agent() string { return i.w.Agent }

// Server returns the portal's address it enrolled with.
func (i *Identity) Server() string { return i.w.Server }

// Tenant returns the tenant's id.
func (i *Identity) Tenant() string { return i.w.Tenant }

// TenantName returns the tenant's name.
func (i *Identity) TenantName() string { return i.w.TenantName }

// RelayURL returns where the agent connects to.
func (i *Identity) RelayURL() string { return i.w.Server + i.w.RelayPath }

// Sign signs with the relay key.
func (i *Identity) Sign(b []byte) ([]byte, error) { return i.pair.Sign(b) }

// JWT returns the current relay credential.
func (i *Identity) JWT() (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.w.JWT, nil
}

// Expires returns when it ends.
func (i *Identity) Expires() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.w.Expires.Time()
}
