package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// update is a pointer that flag owns; golden files are rewritten with -update.
func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite golden files")
	os.Exit(m.Run())
}

func header() Header {
	at := time.UnixMilli(1_790_000_000_000).UTC()
	h := Header{Tenant: "contoso", Anchor: bytes.Repeat([]byte{7}, 16), Operation: "reset", Issued: at, AcceptBy: at.Add(8 * time.Second), Expires: at.Add(time.Minute)}
	copy(h.Key[:], "keykeyke")
	copy(h.Request[:], "request-request-")
	return h
}

func marshal(t testing.TB, h Header) []byte {
	t.Helper()
	b, err := h.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func key(t testing.TB) PrivateKey {
	t.Helper()
	k, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestHeaderRoundTrip(t *testing.T) {
	want := header()
	got, err := UnmarshalHeader(marshal(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestGoldenHeader keeps version 1 readable for ever: agents of other builds hold the same bytes.
func TestGoldenHeader(t *testing.T) {
	path := filepath.Join("testdata", "header-v1.hex")
	got := hex.EncodeToString(marshal(t, header())) + "\n"
	if update() {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("header version 1 changed:\n%s%s", got, want)
	}
}

func TestHeaderRefusals(t *testing.T) {
	for name, spoil := range map[string]func(*Header){
		"no tenant":           func(h *Header) { h.Tenant = "" },
		"long tenant":         func(h *Header) { h.Tenant = strings.Repeat("x", 65) },
		"long anchor":         func(h *Header) { h.Anchor = make([]byte, 65) },
		"no operation":        func(h *Header) { h.Operation = "" },
		"no request":          func(h *Header) { h.Request = RequestID{} },
		"accept before issue": func(h *Header) { h.AcceptBy = h.Issued.Add(-time.Millisecond) },
		"expired at birth":    func(h *Header) { h.Expires = h.AcceptBy.Add(-time.Millisecond) },
		"before 1970":         func(h *Header) { h.Issued = time.UnixMilli(-1) },
	} {
		h := header()
		spoil(&h)
		if _, err := h.Marshal(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := marshal(t, header())
	for name, b := range map[string][]byte{
		"empty": nil, "cut short": good[:len(good)-1], "one byte more": append(bytes.Clone(good), 0), "other magic": append([]byte("XXX"), good[3:]...),
	} {
		if _, err := UnmarshalHeader(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	newer := bytes.Clone(good)
	newer[3] = 2
	if _, err := UnmarshalHeader(newer); !errors.Is(err, ErrVersion) {
		t.Errorf("newer version: %v", err)
	}
}

func TestSealOpen(t *testing.T) {
	k, h := key(t), marshal(t, header())
	for name, secrets := range map[string][][]byte{
		"one": {[]byte("quiet-harbour-Lamp")}, "two": {[]byte("old"), []byte("nyckel-Åäö-鍵")}, "empty": {{}}, "longest": {bytes.Repeat([]byte("x"), PlaintextSize-3)},
	} {
		sealed, err := Seal(k.Public(), h, secrets...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(sealed) != EncSize+PlaintextSize+16 {
			t.Errorf("%s: %d bytes: the size tells the length", name, len(sealed))
		}
		got, err := Open(k, h, sealed)
		if err != nil || len(got) != len(secrets) {
			t.Fatalf("%s: %d secrets, %v", name, len(got), err)
		}
		for i := range got {
			if !bytes.Equal(got[i], secrets[i]) {
				t.Errorf("%s: secret %d differs", name, i)
			}
		}
	}
	for _, secrets := range [][][]byte{nil, {{1}, {2}, {3}}, {make([]byte, PlaintextSize)}} {
		if _, err := Seal(k.Public(), h, secrets...); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d secrets: %v", len(secrets), err)
		}
	}
}

// TestSealIsBound alters every field of the header, the ciphertext and the key in turn.
func TestSealIsBound(t *testing.T) {
	k, h := key(t), marshal(t, header())
	sealed, err := Seal(k.Public(), h, []byte("quiet-harbour-Lamp"))
	if err != nil {
		t.Fatal(err)
	}
	for name, alter := range map[string]func(*Header){
		"tenant": func(h *Header) { h.Tenant = "fabrikam" }, "key": func(h *Header) { h.Key[0]++ }, "anchor": func(h *Header) { h.Anchor[3]++ },
		"operation": func(h *Header) { h.Operation = "change" }, "request": func(h *Header) { h.Request[0]++ },
		"issued": func(h *Header) { h.Issued = h.Issued.Add(time.Millisecond) }, "accept-by": func(h *Header) { h.AcceptBy = h.AcceptBy.Add(time.Millisecond) },
		"expires": func(h *Header) { h.Expires = h.Expires.Add(time.Millisecond) },
	} {
		other := header()
		alter(&other)
		if _, err := Open(k, marshal(t, other), sealed); !errors.Is(err, ErrOpen) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	for _, i := range []int{0, EncSize - 1, EncSize, len(sealed) - 1} {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := Open(k, h, bad); !errors.Is(err, ErrOpen) {
			t.Errorf("byte %d altered: %v", i, err)
		}
	}
	if _, err := Open(key(t), h, sealed); !errors.Is(err, ErrOpen) {
		t.Errorf("another key: %v", err)
	}
	if _, err := Open(k, h, sealed[:EncSize-1]); !errors.Is(err, ErrOpen) {
		t.Errorf("cut short: %v", err)
	}
}

// TestUnpadIsCanonical refuses what pad would not have written.
func TestUnpadIsCanonical(t *testing.T) {
	good, err := pad([][]byte{[]byte("abc")})
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func([]byte){
		"no secret": func(b []byte) { b[0] = 0 }, "three secrets": func(b []byte) { b[0] = 3 },
		"length beyond the end": func(b []byte) { b[1], b[2] = 0xff, 0xff }, "bytes in the padding": func(b []byte) { b[PlaintextSize-1] = 1 },
	} {
		b := bytes.Clone(good)
		spoil(b)
		if _, err := unpad(b); !errors.Is(err, ErrOpen) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEnvelope(t *testing.T) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	h := marshal(t, header())
	e, err := Sign(priv, h, []byte("sealed"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := UnmarshalEnvelope(e.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(e, got); d != "" {
		t.Error(d)
	}
	if !got.Verify(pub) {
		t.Error("own signature doesn't verify")
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Verify(other) || got.Verify(nil) {
		t.Error("verifies under another key")
	}
	moved := Envelope{Header: append(bytes.Clone(h), 's'), Sealed: []byte("ealed"), Signature: e.Signature}
	if moved.Verify(pub) {
		t.Error("a byte may move from one part to the other")
	}
	wire := e.Marshal()
	for name, b := range map[string][]byte{
		"empty": nil, "cut short": wire[:len(wire)-1], "one byte more": append(bytes.Clone(wire), 0), "oversized": make([]byte, MaxEnvelopeSize+1),
	} {
		if _, err := UnmarshalEnvelope(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Sign(priv, []byte("nonsense"), nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("nonsense was signed: %v", err)
	}
}

func TestKeys(t *testing.T) {
	k := key(t)
	raw, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := NewPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	if again.Public().ID() != k.Public().ID() || !bytes.Equal(again.Public().Bytes(), k.Public().Bytes()) {
		t.Error("the key doesn't survive its serialisation")
	}
	if _, err := NewPublicKey(make([]byte, 12)); !errors.Is(err, ErrMalformed) {
		t.Errorf("short public key: %v", err)
	}
	if _, err := NewPrivateKey([]byte("short")); !errors.Is(err, ErrMalformed) {
		t.Errorf("short private key: %v", err)
	}
}

func FuzzUnmarshalHeader(f *testing.F) {
	f.Add(marshal(f, header()))
	f.Add([]byte("HWH\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := UnmarshalHeader(b)
		if err != nil {
			return
		}
		if again := marshal(t, h); !bytes.Equal(again, b) {
			t.Errorf("two encodings of one header: %x and %x", b, again)
		}
	})
}

func FuzzUnmarshalEnvelope(f *testing.F) {
	e := Envelope{Header: marshal(f, header()), Sealed: []byte("sealed"), Signature: make([]byte, ed25519.SignatureSize)}
	f.Add(e.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := UnmarshalEnvelope(b)
		if err == nil && !bytes.Equal(e.Marshal(), b) {
			t.Errorf("two encodings of one envelope: %x", b)
		}
	})
}

func FuzzOpen(f *testing.F) {
	k, h := key(f), marshal(f, header())
	good, err := Seal(k.Public(), h, []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Open(k, h, b); err == nil && !bytes.Equal(b, good) {
			t.Error("something nobody sealed opens")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k, h := key(b), marshal(b, header())
	for b.Loop() {
		if _, err := Seal(k.Public(), h, []byte("quiet-harbour-Lamp")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	k, h := key(b), marshal(b, header())
	sealed, err := Seal(k.Public(), h, []byte("quiet-harbour-Lamp"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Open(k, h, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
