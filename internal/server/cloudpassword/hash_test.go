package cloudpassword

import (
	"strings"
	"testing"
)

func TestHash(t *testing.T) {
	t.Parallel()
	stored := hash([]byte("Zürich-Correct-7"))
	for password, want := range map[string]bool{
		"Zürich-Correct-7":         true,
		"Zu\u0308rich-Correct-7":   true, // the same, as some keyboards send it
		"Zürich-Correct-8":         false,
		"":                         false,
		"zürich-correct-7":         false,
		"Zürich-Correct-7\x00more": false,
	} {
		if got, err := matches(stored, []byte(password)); err != nil || got != want {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	if hash([]byte("x")) == hash([]byte("x")) {
		t.Error("two hashes of one password are equal: the salt is missing")
	}
	if strings.Contains(stored, "Correct") {
		t.Error("the hash holds the password")
	}
}

func TestForeignHashes(t *testing.T) {
	t.Parallel()
	good := hash([]byte("x"))
	for _, bad := range []string{
		"", "x", "$argon2i" + good[9:], strings.Replace(good, "v=19", "v=16", 1), strings.Replace(good, "m=65536", "m=4194304", 1),
		strings.Replace(good, "t=2", "t=99", 1), strings.Replace(good, "p=1", "p=0", 1), strings.Replace(good, "m=65536", "m=065536", 1), good + "$", good[:len(good)-30],
	} {
		if ok, err := matches(bad, []byte("x")); err == nil || ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(hash([]byte("x")))
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ")
	f.Fuzz(func(t *testing.T, stored string) {
		p, err := parse(stored)
		if err == nil && (p.memory > maxMemory || p.passes > maxPasses || len(p.key) == 0) {
			t.Errorf("%q is taken: %+v", stored, p)
		}
	})
}
