package contract

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/agent/writeback"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/test/dctest"
)

// domainPolicy is as strict as an auditor asks for.
func domainPolicy() dctest.Policy {
	return dctest.Policy{
		MinLength: 12, History: 24, Complexity: true, MinAge: 24 * time.Hour, MaxAge: 90 * 24 * time.Hour, LockoutThreshold: 3,
	}
}

// world is one domain with its delegated account, and the agent that serves it.
type world struct {
	dc    *dctest.DC
	units map[string]string // DN by what the service account may do there

	agent   *writeback.Writeback
	command ed25519.PrivateKey
	key     seal.PrivateKey

	mu      sync.Mutex
	results map[string]protocol.Result
}

func (w *world) SealKey(id seal.KeyID) (seal.PrivateKey, bool) {
	return w.key, id == w.key.Public().ID()
}

// Tenant and agent of every request.
const (
	tenant    = "tenant-1"
	agentName = "UAGENT"
)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dc: dctest.Private(t, lab.Options{}), results: map[string]protocol.Result{}}
	w.dc.SetPolicy(t, domainPolicy())
	w.makeUnits(t)
	var err error
	if _, w.command, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if w.key, err = seal.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	w.start(t)
	return w
}

// start puts the agent's parts together as the agent does.
func (w *world) start(t *testing.T) {
	t.Helper()
	pem, err := os.ReadFile(w.dc.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	svc := w.dc.ServiceAccount()
	dir, err := activedirectory.Open(activedirectory.Config{
		URLs: []string{w.dc.LDAPSURL()}, User: svc.UPN, RootCAs: roots, Logger: slog.New(slog.DiscardHandler),
		Password:     func(context.Context) ([]byte, error) { return []byte(svc.Password), nil },
		WriteTimeout: time.Minute, ReadTimeout: time.Minute, DialTimeout: time.Minute, // slow is not wrong here
	})
	if err != nil {
		t.Fatal(err)
	}
	domains, err := activedirectory.NewDomains(dir)
	if err != nil {
		t.Fatal(err)
	}
	book, err := journal.Open(filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(domains.Close(), book.Close()); err != nil {
			t.Error(err)
		}
	})
	w.agent, err = writeback.New(writeback.Deps{
		Directory: domains, Journal: book, Keys: w, Tenant: tenant, Agent: agentName, Publish: w.publish,
		CommandKeys: func() []ed25519.PublicKey { return []ed25519.PublicKey{w.command.Public().(ed25519.PublicKey)} },
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) publish(_ context.Context, r protocol.Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, twice := w.results[r.Request]; twice {
		return errors.New("two results for one request")
	}
	w.results[r.Request] = r
	return nil
}

// envelope is a request as the server sends it.
func (w *world) envelope(t *testing.T, op protocol.Operation, anchor []byte, secrets [][]byte) (seal.RequestID, []byte) {
	t.Helper()
	now := time.Now()
	h := seal.Header{
		Tenant: tenant, Anchor: anchor, Operation: string(op), Issued: now, AcceptBy: now.Add(time.Minute), Expires: now.Add(2 * time.Minute),
	}
	if _, err := rand.Read(h.Request[:]); err != nil {
		t.Fatal(err)
	}
	if len(secrets) > 0 {
		h.Key = w.key.Public().ID()
	}
	header, err := h.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	if len(secrets) > 0 {
		if sealed, err = seal.Seal(w.key.Public(), header, secrets...); err != nil {
			t.Fatal(err)
		}
	}
	e, err := seal.Sign(w.command, header, sealed)
	if err != nil {
		t.Fatal(err)
	}
	return h.Request, e.Marshal()
}

// write has the agent carry out an operation that writes, and returns what it published.
func (w *world) write(t *testing.T, op protocol.Operation, anchor []byte, secrets [][]byte) protocol.Result {
	t.Helper()
	id, data := w.envelope(t, op, anchor, secrets)
	var accepted protocol.Accepted
	w.agent.Handle(t.Context(), op, data, func(raw []byte) error { return protocol.Decode(raw, &accepted) })
	if !accepted.Accepted {
		return protocol.Result{Outcome: "not accepted", Reason: accepted.Reason}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.results[id.String()]
	if !ok {
		t.Fatal("the agent accepted the request and published no result")
	}
	return r
}

// policy asks the agent what holds for a person.
func (w *world) policy(t *testing.T, anchor []byte) protocol.PersonPolicy {
	t.Helper()
	_, data := w.envelope(t, protocol.Policy, anchor, nil)
	var p protocol.PersonPolicy
	w.agent.Handle(t.Context(), protocol.Policy, data, func(raw []byte) error { return protocol.Decode(raw, &p) })
	if p.Version == 0 {
		t.Fatal("the agent did not answer")
	}
	return p
}
