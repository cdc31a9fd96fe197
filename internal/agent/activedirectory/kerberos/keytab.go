package kerberos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jcmturner/gokrb5/v8/types"
)

// Keytab holds keys of principals, as ktpass, ktutil and samba-tool write them.
type Keytab struct{ entries []entry }

type entry struct {
	name    string // without the realm
	realm   string
	version uint32
	key     types.EncryptionKey
}

// Wipe forgets the keys.
func (k *Keytab) Wipe() {
	for _, e := range k.entries {
		clear(e.key.KeyValue)
	}
}

var errKeytab = errors.New("this is not a keytab, or it is damaged")

// maxEntries bounds a keytab; one of a service account has a few.
const maxEntries = 1000

// ParseKeytab reads a keytab file, format 5.2. Keys other than AES are left out. The caller wipes data. Errors
// never show any of it.
func ParseKeytab(data []byte) (*Keytab, error) {
	if len(data) < 2 || data[0] != 5 || data[1] != 2 {
		return nil, errKeytab
	}
	k := &Keytab{}
	others := false
	r := reader{data: data[2:]}
	for len(r.data) > 0 {
		size := int32(r.uint32()) //nolint:gosec // negative: a hole of that size
		if size == 0 {
			break
		}
		if size < 0 {
			r.bytes(-int64(size))
			continue
		}
		field := reader{data: r.bytes(int64(size)), failed: r.failed}
		e := field.entry()
		if r.failed || field.failed || len(k.entries) == maxEntries {
			k.Wipe()
			return nil, errKeytab
		}
		if checkKey(e.key) != nil {
			others = true
			continue
		}
		e.key.KeyValue = slices.Clone(e.key.KeyValue)
		k.entries = append(k.entries, e)
	}
	switch {
	case r.failed:
		k.Wipe()
		return nil, errKeytab
	case len(k.entries) == 0 && others:
		return nil, errors.New("the keytab holds no AES keys: export it again with AES256-SHA1, which the account must be allowed to use")
	case len(k.entries) == 0:
		return nil, errors.New("the keytab is empty")
	}
	return k, nil
}

// ErrNoKey means that the keytab is somebody else's, or of other encryption types.
var ErrNoKey = errors.New("the keytab has no key")

// key returns the newest key of the account that the KDC takes.
func (k *Keytab) key(user string, list []offer) (types.EncryptionKey, int, error) {
	name, _, _ := strings.Cut(user, "@")
	var names []string
	var best *entry
	rank := func(e *entry) int {
		return slices.IndexFunc(list, func(o offer) bool { return o.etype == e.key.KeyType })
	}
	for i := range k.entries {
		e := &k.entries[i]
		if full := e.name + "@" + e.realm; !slices.Contains(names, full) {
			names = append(names, full)
		}
		if !strings.EqualFold(e.name, name) || rank(e) < 0 {
			continue
		}
		if best == nil || e.version > best.version || e.version == best.version && rank(e) < rank(best) {
			best = e
		}
	}
	if best == nil {
		return types.EncryptionKey{}, 0, fmt.Errorf("%w for %s that the controller takes; it has keys of %s", ErrNoKey, name, strings.Join(names, ", "))
	}
	key := types.EncryptionKey{KeyType: best.key.KeyType, KeyValue: slices.Clone(best.key.KeyValue)}
	return key, int(best.version), nil
}

// reader takes fields off the front of data. After a failure everything is zero.
type reader struct {
	data   []byte
	failed bool
}

func (r *reader) bytes(n int64) []byte {
	if r.failed || n < 0 || n > int64(len(r.data)) {
		r.failed, r.data = true, nil
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) uint8() uint8 {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) text() string { return string(r.bytes(int64(r.uint16()))) }

// entry reads one: principal, name type, time, version, key, and the version again with 32 bits.
func (r *reader) entry() entry {
	var e entry
	components := r.uint16()
	e.realm = r.text()
	var parts []string
	for range components {
		if r.failed {
			return e
		}
		parts = append(parts, r.text())
	}
	e.name = strings.Join(parts, "/")
	r.uint32() // name type
	r.uint32() // time
	e.version = uint32(r.uint8())
	e.key.KeyType = int32(r.uint16())
	e.key.KeyValue = r.bytes(int64(r.uint16()))
	if len(r.data) >= 4 {
		if v := r.uint32(); v != 0 {
			e.version = v
		}
	}
	return e
}
