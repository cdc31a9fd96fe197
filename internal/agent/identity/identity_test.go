package identity

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"
)

func enrolled(t *testing.T) (*Identity, ed25519.PrivateKey) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := New(t.TempDir(), "https://portal.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := id.Enrolled(protocol.EnrolAnswer{Tenant: "contoso", TenantName: "Contoso", CommandKey: pub, JWT: "jwt", RelayPath: "/relay"}); err != nil {
		t.Fatal(err)
	}
	return id, private
}

func reload(t *testing.T, id *Identity) *Identity {
	t.Helper()
	again, err := Load(id.folder)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// TestSealKeyRolls: at every moment of the change, also after a crash, what was sealed to either key opens.
func TestSealKeyRolls(t *testing.T) {
	id, _ := enrolled(t)
	now := time.Now()
	first := id.KeyID()
	next, err := id.NextSealKey(now)
	if err != nil {
		t.Fatal(err)
	}
	id = reload(t, id) // a crash before the server has been told
	if id.KeyID() != first {
		t.Error("the next key is in use before the server took it")
	}
	again, err := id.NextSealKey(now)
	if err != nil || again.ID() != next.ID() {
		t.Errorf("another next key was made: %v", err)
	}
	for _, k := range []seal.KeyID{first, next.ID()} {
		if _, ok := id.SealKey(k); !ok {
			t.Errorf("key %s doesn't open while the change is under way", k)
		}
	}
	if err := id.SealKeyTaken(next.ID(), now); err != nil {
		t.Fatal(err)
	}
	id = reload(t, id)
	if id.KeyID() != next.ID() {
		t.Error("the next key isn't in use")
	}
	if _, ok := id.SealKey(first); !ok {
		t.Error("the key before no longer opens what is on its way")
	}
	for _, day := range []struct {
		after time.Duration
		opens bool
	}{{keepRetired - time.Second, true}, {keepRetired, false}} {
		if err := id.DropRetired(now.Add(day.after)); err != nil {
			t.Fatal(err)
		}
		id = reload(t, id)
		if _, ok := id.SealKey(first); ok != day.opens || id.KeyID() != next.ID() {
			t.Errorf("%v after it was replaced: opens %t", day.after, ok)
		}
	}
	if err := id.SealKeyTaken(seal.KeyID{1}, now); err == nil {
		t.Error("a key nobody has was taken")
	}
}

// TestCommandKeyIsHandedOver: only a key endorsed by the one before it is obeyed, and the one before it for a while.
func TestCommandKeyIsHandedOver(t *testing.T) {
	id, first := enrolled(t)
	now := time.Now()
	link := func(by ed25519.PrivateKey, tenant string) (protocol.KeyLink, ed25519.PrivateKey) {
		pub, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		return protocol.KeyLink{Key: pub, Signature: ed25519.Sign(by, protocol.KeyLinkProof(tenant, pub))}, private
	}
	second, secondKey := link(first, "contoso")
	third, _ := link(secondKey, "contoso")
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	forged, _ := link(stranger, "contoso")
	otherTenant, _ := link(first, "fabrikam")
	for name, links := range map[string][]protocol.KeyLink{
		"signed by a stranger": {forged}, "another tenant's": {otherTenant}, "a link is missing": {third},
		"good, then forged": {second, forged}, "short key": {{Key: []byte{1}, Signature: second.Signature}},
	} {
		if _, err := id.Trust(links, now); !errors.Is(err, ErrEndorsement) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(id.CommandKeys(now)); n != 1 {
			t.Errorf("%s: %d keys are obeyed", name, n)
		}
	}
	if fresh, err := id.Trust([]protocol.KeyLink{second, third}, now); err != nil || !fresh {
		t.Fatalf("%v, %v", fresh, err)
	}
	if fresh, err := id.Trust([]protocol.KeyLink{second, third}, now); err != nil || fresh {
		t.Errorf("the same links again: %v, %v", fresh, err)
	}
	id = reload(t, id)
	if id.CommandKeyID() != protocol.CommandKeyID(third.Key) {
		t.Error("the newest key isn't the last one")
	}
	if n := len(id.CommandKeys(now)); n != 3 {
		t.Errorf("%d keys are obeyed while the server changes over", n)
	}
	if keys := id.CommandKeys(now.Add(keepCommand)); len(keys) != 1 || !keys[0].Equal(ed25519.PublicKey(third.Key)) {
		t.Errorf("%d keys are obeyed afterwards", len(keys))
	}
}

// TestReadsVersion1: an agent is upgraded in place.
func TestReadsVersion1(t *testing.T) {
	id, _ := enrolled(t)
	w := id.w
	old, err := json.Marshal(map[string]any{
		"v": 1, "agent": w.Agent, "agent_seed": w.AgentSeed, "seal_key": w.SealKeys[0].Key, "server": w.Server, "relay_path": w.RelayPath,
		"tenant": w.Tenant, "tenant_name": w.TenantName, "command_key": w.CommandKeys[0].Key, "jwt": w.JWT, "expires": w.Expires,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(id.folder, File), old, 0o600); err != nil {
		t.Fatal(err)
	}
	again := reload(t, id)
	if again.KeyID() != id.KeyID() || again.CommandKeyID() != id.CommandKeyID() || again.Agent() != id.Agent() {
		t.Error("the upgraded identity isn't the same")
	}
	if _, err := again.NextSealKey(time.Now()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(id.folder, File)); err != nil || strings.Contains(string(b), `"seal_key":`) {
		t.Errorf("the file still has the old form: %v", err)
	}
	for name, text := range map[string]string{"empty": "", "not whole": `{"v":2}`, "newer": `{"v":3,"tenant":"a","jwt":"b"}`, "version 1 without keys": `{"v":1,"tenant":"a","jwt":"b"}`} {
		if err := os.WriteFile(filepath.Join(id.folder, File), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(id.folder); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
}

func TestIdentityIsNotPrinted(t *testing.T) {
	id, _ := enrolled(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if s := fmt.Sprintf(verb, id); s != "[agent identity]" {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}

// An agent that was enrolled anew while it ran puts nothing of its former identity in the folder.
func TestSupersededIdentityStoresNothing(t *testing.T) {
	id, _ := enrolled(t)
	next, err := New(id.folder, id.Server())
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Enrolled(protocol.EnrolAnswer{Tenant: "contoso", CommandKey: make([]byte, ed25519.PublicKeySize), JWT: "jwt", RelayPath: "/relay"}); err != nil {
		t.Fatal(err)
	}
	if err := id.Renewed(protocol.Renewal{OK: true, JWT: "later"}); !errors.Is(err, ErrSuperseded) {
		t.Errorf("a renewed credential: %v", err)
	}
	if _, err := id.NextSealKey(time.Now()); !errors.Is(err, ErrSuperseded) {
		t.Errorf("a further sealing key: %v", err)
	}
	if got := reload(t, id); got.Agent() != next.Agent() {
		t.Errorf("the folder holds %s, not %s", got.Agent(), next.Agent())
	}
	if err := next.Renewed(protocol.Renewal{OK: true, JWT: "later"}); err != nil {
		t.Error(err)
	}
}
