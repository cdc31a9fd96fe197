package masterkey_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/masterkey"
)

const digits = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func parse(tb testing.TB, text string) masterkey.Key {
	tb.Helper()
	k, err := masterkey.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func seal(tb testing.TB, k masterkey.Key, purpose, plaintext string) []byte {
	tb.Helper()
	b, err := k.Seal(purpose, []byte(plaintext))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestSealOpens(t *testing.T) {
	k := parse(t, digits)
	for _, plaintext := range []string{"", "x", "a whole secret", strings.Repeat("long ", 1000)} {
		sealed := seal(t, k, "p", plaintext)
		got, err := k.Open("p", sealed)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != plaintext {
			t.Errorf("opened %q, want %q", got, plaintext)
		}
		if len(plaintext) > 8 && bytes.Contains(sealed, []byte(plaintext)) {
			t.Error("sealed value holds the plaintext")
		}
		if bytes.Equal(sealed, seal(t, k, "p", plaintext)) {
			t.Error("sealing twice gave the same bytes")
		}
	}
}

func TestOpenRefusesEveryChangedByte(t *testing.T) {
	k := parse(t, digits)
	sealed := seal(t, k, "p", "secret")
	for i := range sealed {
		altered := bytes.Clone(sealed)
		altered[i] ^= 1
		if _, err := k.Open("p", altered); err == nil {
			t.Errorf("opened with byte %d altered", i)
		}
		if _, err := k.Open("p", sealed[:i]); err == nil {
			t.Errorf("opened the first %d bytes", i)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	k := parse(t, digits)
	other := parse(t, strings.Repeat("ab", 32))
	sealed := seal(t, k, "p", "secret")
	if _, err := k.Open("q", sealed); !errors.Is(err, masterkey.ErrAltered) {
		t.Errorf("other purpose: %v", err)
	}
	if _, err := k.Open("p", []byte("plain text that is long enough to hold a header and a tag")); !errors.Is(err, masterkey.ErrMalformed) {
		t.Errorf("plain text: %v", err)
	}
	_, err := other.Open("p", sealed)
	var wrong *masterkey.WrongKeyError
	if !errors.As(err, &wrong) {
		t.Fatalf("other key: %v", err)
	}
	if diff := cmp.Diff(&masterkey.WrongKeyError{Sealed: k.ID(), Given: other.ID()}, wrong); diff != "" {
		t.Error(diff)
	}
}

func TestZeroKeyRefuses(t *testing.T) {
	var k masterkey.Key
	_, errSeal := k.Seal("p", nil)
	_, errOpen := k.Open("p", nil)
	_, errDerive := k.Derive("n")
	for _, err := range []error{errSeal, errOpen, errDerive} {
		if !errors.Is(err, masterkey.ErrNoKey) {
			t.Errorf("got %v, want ErrNoKey", err)
		}
	}
}

func TestDeriveSeparates(t *testing.T) {
	k, other := parse(t, digits), parse(t, strings.Repeat("ab", 32))
	derive := func(k masterkey.Key, name string) string {
		b, err := k.Derive(name)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", b)
	}
	a := derive(k, "code key")
	if a != derive(k, "code key") {
		t.Error("not the same twice")
	}
	if a == derive(k, "limit pepper") || a == derive(other, "code key") || strings.HasPrefix(a, k.ID()) {
		t.Error("keys are not apart")
	}
	// Stored hashes depend on it: this value must never change.
	if want := "8f838241"; !strings.HasPrefix(a, want) {
		t.Errorf("derived key starts %s, want %s", a[:8], want)
	}
}

func TestPurposeIsUnambiguous(t *testing.T) {
	if masterkey.Purpose("a", "bc", "", "d") == masterkey.Purpose("ab", "c", "", "d") {
		t.Error("two places share a purpose")
	}
}

func TestKeyNeverPrints(t *testing.T) {
	k := parse(t, digits)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		got := fmt.Sprintf(verb+" "+verb, k, struct{ K masterkey.Key }{k})
		if strings.Contains(got, "0001020304") || strings.Contains(got, "[0 1 2") {
			t.Errorf("%s prints the key: %s", verb, got)
		}
	}
}

func TestCreateThenLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	made, err := masterkey.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	loaded, err := masterkey.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := loaded.Open("p", seal(t, made, "p", "x")); err != nil || string(got) != "x" {
		t.Errorf("loaded key opens %q, %v", got, err)
	}
	if _, err := masterkey.Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Create: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ name, path, want string }{
		{"group", write("group", digits, 0o640), "open to other users (mode 0640): run chmod 600"},
		{"others", write("others", digits, 0o604), "open to other users (mode 0604)"},
		{"short", write("short", digits[2:], 0o600), "a master key is 64 hex digits"},
		{"not hex", write("nothex", "z"+digits[1:], 0o600), "a master key is 64 hex digits"},
		{"huge", write("huge", strings.Repeat(digits, 100), 0o600), "a master key is 64 hex digits"},
		{"folder", dir, "not a regular file"},
		{"missing", filepath.Join(dir, "missing"), "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := masterkey.Load(c.path)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), digits[8:24]) {
				t.Error("error repeats the key")
			}
		})
	}
}

func TestFromEnv(t *testing.T) {
	t.Setenv("HOMEWARD_TEST_KEY", digits+"\n")
	k, err := masterkey.FromEnv("HOMEWARD_TEST_KEY")
	if err != nil || k.ID() != parse(t, digits).ID() {
		t.Errorf("got %v, %v", k, err)
	}
	if _, err := masterkey.FromEnv("HOMEWARD_TEST_UNSET"); err == nil || !strings.Contains(err.Error(), "HOMEWARD_TEST_UNSET") {
		t.Errorf("unset variable: %v", err)
	}
}

// golden is "secret", sealed for "p" with the key of digits by the first build. It must open for ever.
const golden = "48574d01414760db99a5cd55d0e700b2c6504677e5288e2272cdba206a1dd64d70cf16e73c6b1e80b850b86147d9"

func TestOpensWhatEarlierBuildsSealed(t *testing.T) {
	sealed, err := hex.DecodeString(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parse(t, digits).Open("p", sealed); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzOpen(f *testing.F) {
	k := parse(f, digits)
	// Not sealed here: every worker of the fuzzer would have another nonce.
	good, err := hex.DecodeString(golden)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("p", good)
	f.Add("q", good)
	f.Add("p", good[:12])
	f.Add("", []byte("HWM\x01"))
	f.Fuzz(func(t *testing.T, purpose string, sealed []byte) {
		got, err := k.Open(purpose, sealed)
		if err == nil && (purpose != "p" || !bytes.Equal(sealed, good) || string(got) != "secret") {
			t.Errorf("opened a forgery: %q %x", purpose, sealed)
		}
	})
}
