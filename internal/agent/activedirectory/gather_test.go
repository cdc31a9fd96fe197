package activedirectory

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
)

// entryOf is a person as a controller gives one.
func entryOf(n byte) *ldap.Entry {
	id := strings.Repeat(string(rune(n)), len(directory.GUID{}))
	return ldap.NewEntry("CN=somebody,DC=example", map[string][]string{"objectGUID": {id}, "objectClass": {"top", "person", "user"}})
}

// TestGather: what two connections find comes one by one, and when one fails or nobody wants more, both end.
func TestGather(t *testing.T) {
	t.Parallel()
	source := func(pages int, err error, from byte) func(func(found) bool) {
		return func(take func(found) bool) {
			for i := range pages {
				if !take(found{entries: []*ldap.Entry{entryOf(from + byte(2*i)), entryOf(from + byte(2*i) + 1)}}) {
					return
				}
			}
			if err != nil {
				take(found{err: err})
			}
		}
	}
	var got []byte
	keep := func(o Object) error {
		got = append(got, o.ID[0])
		return nil
	}
	if err := gather(keep, source(3, nil, 10), source(2, nil, 20)); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if want := []byte{10, 11, 12, 13, 14, 15, 20, 21, 22, 23}; !slices.Equal(got, want) {
		t.Errorf("gathered %v, want %v", got, want)
	}
	endless := func(take func(found) bool) {
		for take(found{entries: []*ldap.Entry{entryOf(1)}}) {
		}
	}
	broken := errors.New("the controller went away")
	if err := gather(keep, endless, source(1, broken, 10)); !errors.Is(err, broken) {
		t.Errorf("one source failed, and gathering says %v", err)
	}
	enough := errors.New("enough")
	if err := gather(func(Object) error { return enough }, endless, endless); !errors.Is(err, enough) {
		t.Errorf("nobody wanted more, and gathering says %v", err)
	}
}
