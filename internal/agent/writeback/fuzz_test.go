package writeback

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
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

// FuzzSigned has the fuzzer write what only the server can sign: header fields and the body of a question. Whatever
// it is, there is one answer, in time, and nothing is written or remembered but a denial.
func FuzzSigned(f *testing.F) {
	_, command, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	key, err := seal.GenerateKey()
	if err != nil {
		f.Fatal(err)
	}
	j, err := journal.Open(f.TempDir() + "/journal.db")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = j.Close() })
	w, err := New(Deps{
		Directory: nobody{}, Journal: j, Keys: keyring{key}, CommandKeys: func() []ed25519.PublicKey { return []ed25519.PublicKey{command.Public().(ed25519.PublicKey)} }, Tenant: tenant, Agent: agent,
		Publish: func(context.Context, protocol.Result) error { return errors.New("a result was made") },
	})
	if err != nil {
		f.Fatal(err)
	}
	id := seal.RequestID{1}
	body, err := protocol.Encode(protocol.Case{
		Version: 2, Request: id.String(), Agent: "UOTHER", Operation: protocol.Reset, Anchor: guid{1}.Hex(),
		Mark: protocol.Mark{Invocation: guid{2}.Hex(), Version: 7}, Expires: 1,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("prove", id[:], body)
	f.Add("prove", id[:], []byte{})
	f.Add("test", []byte{}, []byte(`{"v":2,"domain":"corp.contoso.test"}`))
	f.Add("checkup", []byte{}, []byte(`{"v":3,"begin":true}`))
	f.Add("roll", []byte{}, []byte(`{"v":3}`))
	f.Add("policy", id[:], []byte{})
	f.Add("change", id[:], []byte("sealed"))
	f.Fuzz(func(t *testing.T, op string, anchor, body []byte) {
		h := seal.Header{
			Tenant: tenant, Operation: op, Anchor: anchor, Request: seal.RequestID{9},
			Issued: time.Now(), AcceptBy: time.Now().Add(time.Minute), Expires: time.Now().Add(time.Minute),
		}
		raw, err := h.Marshal()
		if err != nil {
			return
		}
		e, err := seal.Sign(command, raw, body)
		if err != nil {
			return
		}
		answers := 0
		w.Handle(t.Context(), protocol.Operation(op), e.Marshal(), func([]byte) error { answers++; return nil })
		if answers != 1 {
			t.Errorf("%d answers", answers)
		}
		if op == string(protocol.Unlock) {
			return // needs no secret: it is carried out
		}
		if pending, err := j.Pending(); err != nil || len(pending) != 0 {
			t.Errorf("accepted without a secret: %v %v", pending, err)
		}
	})
}

func FuzzDecodeCase(f *testing.F) {
	id := seal.RequestID{1}
	for _, c := range []protocol.Case{
		{Version: 2, Request: id.String(), Agent: "UOTHER", Operation: protocol.Reset, Anchor: guid{1}.Hex(), Expires: 1},
		{Version: 2, Request: id.String(), Agent: "UOTHER", Operation: protocol.Unlock, Anchor: guid{1}.Hex(), Mark: protocol.Mark{Invocation: guid{2}.Hex()}, Expires: 1},
	} {
		body, err := protocol.Encode(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, ok := decodeCase(body, id)
		if !ok {
			return
		}
		if c.Request != id.String() || !c.Operation.Writes() || c.Agent == "" {
			t.Errorf("taken: %+v", c)
		}
		again, err := protocol.Encode(*c)
		if err != nil {
			t.Fatal(err)
		}
		if back, ok := decodeCase(again, id); !ok || *back != *c {
			t.Errorf("%+v, then %+v", c, back)
		}
	})
}
