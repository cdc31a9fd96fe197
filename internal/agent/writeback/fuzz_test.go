package writeback

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"
	"time"

	"homeward/internal/agent/journal"
	"homeward/internal/protocol"
	"homeward/internal/seal"
)

func FuzzHandle(f *testing.F) {
	b := &bench{}
	var err error
	if b.key, err = seal.GenerateKey(); err != nil {
		f.Fatal(err)
	}
	j, err := journal.Open(f.TempDir() + "/journal.db")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = j.Close() })
	w, err := New(Deps{
		Directory: nobody{}, Journal: j, Keys: keyring{b.key}, CommandKeys: func() []ed25519.PublicKey { return []ed25519.PublicKey{make([]byte, ed25519.PublicKeySize)} }, Tenant: tenant, Agent: agent,
		Publish: func(context.Context, protocol.Result) error { return errors.New("a result was made") },
	})
	if err != nil {
		f.Fatal(err)
	}
	header, err := seal.Header{
		Tenant: tenant, Operation: "reset", Anchor: make([]byte, 16), Request: seal.RequestID{1},
		Issued: time.Now(), AcceptBy: time.Now().Add(time.Hour), Expires: time.Now().Add(time.Hour),
	}.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("reset", seal.Envelope{Header: header, Sealed: []byte("x"), Signature: make([]byte, 64)}.Marshal())
	f.Add("prove", []byte("HWE\x01"))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, op string, data []byte) {
		answers := 0
		w.Handle(t.Context(), protocol.Operation(op), data, func(raw []byte) error {
			answers++
			if len(raw) > protocol.MaxMessage {
				return fmt.Errorf("%d bytes", len(raw))
			}
			return nil
		})
		if answers != 1 {
			t.Errorf("%d answers", answers)
		}
		if pending, err := j.Pending(); err != nil || len(pending) != 0 {
			t.Errorf("garbage was accepted: %v %v", pending, err)
		}
	})
}

// nobody is for tests that must not get as far as the directory.

type nobody struct{}

var errReached = errors.New("the directory was reached")
