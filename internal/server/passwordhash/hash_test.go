package passwordhash

import (
	"strings"
	"testing"
)

func TestHashMatchesOnlyItsPassword(t *testing.T) {
	t.Parallel()
	h := New([]byte("Quiet harbour lamp é"))
	if h == New([]byte("Quiet harbour lamp é")) {
		t.Error("two hashes of one password are the same: the salt is")
	}
	for password, want := range map[string]bool{
		"Quiet harbour lamp é": true, "Quiet harbour lamp e\u0301": true, "Quiet harbour lamp e": false, "": false,
	} {
		if got, err := Matches(h, []byte(password)); err != nil || got != want {
			t.Errorf("%q: %v %v", password, got, err)
		}
	}
}

// TestPasswordIsLeftToTheCaller: who checks a password may still need it.
func TestPasswordIsLeftToTheCaller(t *testing.T) {
	t.Parallel()
	password := []byte("Quiet harbour lamp")
	h := New(password)
	if ok, err := Matches(h, password); !ok || err != nil || string(password) != "Quiet harbour lamp" {
		t.Errorf("%v %v, and %q is left", ok, err, password)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(New([]byte("x")))
	f.Add("$argon2id$v=19$m=65536,t=2,p=1$AAAA$AAAA")
	f.Add(strings.Repeat("$", 5))
	f.Fuzz(func(t *testing.T, stored string) {
		p, err := parse(stored)
		if err == nil && (p.memory > maxMemory || p.passes > maxPasses || p.threads == 0 || len(p.key) < 16) {
			t.Errorf("%q asks for %d KiB and %d passes", stored, p.memory, p.passes)
		}
	})
}
