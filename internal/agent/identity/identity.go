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
	"sync"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"

	"github.com/nats-io/nkeys"
)

// File is the identity's name in the state folder.
const File = "identity.json"

// ErrNotEnrolled reports a state folder without an identity.
var ErrNotEnrolled = errors.New("this agent isn't enrolled yet: run homeward-agent enrol with a one-time code")

// Identity is loaded from a state folder. It is safe for concurrent use.
type Identity struct {
	folder string
	pair   nkeys.KeyPair
	key    seal.PrivateKey
	keyID  seal.KeyID

	mu sync.Mutex
	w  wire
}

type wire struct {
	Version    int            `json:"v"`
	Agent      string         `json:"agent"`
	AgentSeed  []byte         `json:"agent_seed"`
	SealKey    []byte         `json:"seal_key"`
	Server     string         `json:"server"`
	RelayPath  string         `json:"relay_path"`
	Tenant     string         `json:"tenant"`
	TenantName string         `json:"tenant_name"`
	CommandKey []byte         `json:"command_key"`
	JWT        string         `json:"jwt"`
	Expires    protocol.Milli `json:"expires"`
}

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
	key, err := seal.GenerateKey()
	if err != nil {
		return nil, err
	}
	raw, err := key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("make sealing key: %w", err)
	}
	return open(folder, wire{Version: 1, Agent: agent, AgentSeed: seed, SealKey: raw, Server: server})
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
	if json.Unmarshal(b, &w) != nil || w.Version != 1 || w.Tenant == "" || w.JWT == "" {
		return nil, fmt.Errorf("agent identity %s can't be read: restore it from a backup, or remove it and enrol again", path)
	}
	return open(folder, w)
}

func open(folder string, w wire) (*Identity, error) {
	pair, err := nkeys.FromSeed(w.AgentSeed)
	if err != nil {
		return nil, errors.New("agent identity holds a broken agent key: remove it and enrol again")
	}
	key, err := seal.NewPrivateKey(w.SealKey)
	if err != nil {
		return nil, errors.New("agent identity holds a broken sealing key: remove it and enrol again")
	}
	return &Identity{folder: folder, pair: pair, key: key, keyID: key.Public().ID(), w: w}, nil
}

// Enrolled stores what the server answered. From now on only this command key is obeyed.
func (i *Identity) Enrolled(a protocol.EnrolAnswer) error {
	if len(a.CommandKey) != ed25519.PublicKeySize || a.Tenant == "" || a.JWT == "" || a.RelayPath == "" {
		return errors.New("the server's answer is incomplete: update the older side")
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.w.Tenant, i.w.TenantName, i.w.CommandKey = a.Tenant, a.TenantName, a.CommandKey
	i.w.JWT, i.w.Expires, i.w.RelayPath = a.JWT, a.Expires, a.RelayPath
	return i.save()
}

// Renewed stores a fresh credential.
func (i *Identity) Renewed(r protocol.Renewal) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.w.JWT, i.w.Expires = r.JWT, r.Expires
	return i.save()
}

// save replaces the file as a whole, so that a crash leaves the old one.
func (i *Identity) save() error {
	b, err := json.Marshal(i.w)
	if err != nil {
		return fmt.Errorf("store agent identity: %w", err)
	}
	defer clear(b)
	tmp, err := os.CreateTemp(i.folder, ".identity-*") // mode 0600
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

// CommandKey returns the pinned command key.
func (i *Identity) CommandKey() ed25519.PublicKey { return ed25519.PublicKey(i.w.CommandKey) }

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

// PublicSealKey returns what browsers seal to.
func (i *Identity) PublicSealKey() seal.PublicKey { return i.key.Public() }

// KeyID returns the id of the sealing key.
func (i *Identity) KeyID() seal.KeyID { return i.keyID }

// SealKey returns the private key of an id. false: the agent has no such key.
func (i *Identity) SealKey(id seal.KeyID) (seal.PrivateKey, bool) {
	if id != i.keyID {
		return seal.PrivateKey{}, false
	}
	return i.key, true
}
