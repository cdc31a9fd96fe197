package masterkey

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// maxFile is far more than 64 digits and a line end need.
const maxFile = 1 << 10

// Parse returns the key written as 64 hex digits; white space around them is ignored. Errors never repeat text.
func Parse(text string) (Key, error) {
	text = strings.TrimSpace(text)
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != keySize {
		return Key{}, fmt.Errorf("a master key is %d hex digits; this is not (%d characters)", 2*keySize, len(text))
	}
	return fromBytes(raw)
}

// FromEnv returns the key held by an environment variable as 64 hex digits.
func FromEnv(variable string) (Key, error) {
	text, ok := os.LookupEnv(variable)
	if !ok {
		return Key{}, fmt.Errorf("master key: environment variable %s is not set", variable)
	}
	k, err := Parse(text)
	if err != nil {
		return Key{}, fmt.Errorf("environment variable %s: %w", variable, err)
	}
	return k, nil
}

// Load reads the key file at path. A file that anybody but its owner may read or write is refused. A missing
// file gives an error that is fs.ErrNotExist.
func Load(path string) (Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return Key{}, fmt.Errorf("read the master key: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	if err := checkMode(f, path); err != nil {
		return Key{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Key{}, fmt.Errorf("read the master key: %w", err)
	}
	k, err := Parse(string(text))
	if err != nil {
		return Key{}, fmt.Errorf("master key file %s: %w", path, err)
	}
	return k, nil
}

// checkMode looks at the open file, not at the path, so the file cannot be exchanged in between. Windows has
// access lists instead of mode bits; there the folder's list protects the file.
func checkMode(f *os.File, path string) error {
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the master key: %w", err)
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("master key %s is not a regular file", path)
	}
	if mode := st.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("master key file %s is open to other users (mode %04o): run chmod 600 %s, and make a "+
			"new key if somebody may have read it", path, mode, path)
	}
	return nil
}

// Create writes a new random key to a new file at path, for its owner only, and returns it. An existing file is
// never overwritten, as everything sealed with its key would be lost; the error is then fs.ErrExist.
func Create(path string) (Key, error) {
	k, err := New()
	if err != nil {
		return Key{}, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return Key{}, fmt.Errorf("master key file %s: there is one already, and it is kept: %w", path, fs.ErrExist)
	}
	if err != nil {
		return Key{}, fmt.Errorf("create the master key file: %w", err)
	}
	if err := writeKey(f, k); err != nil {
		return Key{}, errors.Join(fmt.Errorf("write the master key file %s: %w", path, err), os.Remove(path))
	}
	return k, syncFolder(filepath.Dir(path))
}

// writeKey makes the key durable before it is used: a secret sealed with a key lost in a power cut is lost too.
func writeKey(f *os.File, k Key) error {
	_, err := f.WriteString(hex.EncodeToString(k.raw) + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be flushed there
	}
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("flush the master key's folder: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("flush the master key's folder: %w", err)
	}
	return nil
}
