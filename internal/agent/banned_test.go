package agent

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"homeward/internal/banned"
	"homeward/internal/protocol"
)

func part(list banned.List, n, of int, words ...string) protocol.BannedPart {
	return protocol.BannedPart{Version: protocol.Version, Digest: list.Digest(), Part: n, Parts: of, Words: words}
}

// TestBannedWordsArrive: a list holds when its last part is there, and after a restart; what doesn't fit together changes nothing.
func TestBannedWordsArrive(t *testing.T) {
	path := filepath.Join(t.TempDir(), bannedFile)
	b, err := openBanned(path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := banned.New([]string{"contoso", "harbour", "lantern"})
	if err != nil {
		t.Fatal(err)
	}
	words, empty := list.Words(), banned.List{}.Digest()
	take := func(p protocol.BannedPart) string {
		t.Helper()
		digest, err := b.Take(p)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	for what, parts := range map[string][]protocol.BannedPart{
		"a question":        {part(list, 0, 0)},
		"half of it":        {part(list, 0, 2, words[:2]...)},
		"only the end":      {part(list, 1, 2, words[2:]...)},
		"out of order":      {part(list, 0, 3, words[0]), part(list, 2, 3, words[2]), part(list, 1, 3, words[1])},
		"other words":       {part(list, 0, 1, "another")},
		"words too short":   {part(list, 0, 1, "abc")},
		"too many":          {part(list, 0, 2, slices.Repeat([]string{"word"}, banned.MaxWords)...), part(list, 1, 2, "more")},
		"parts of two ones": {part(list, 0, 2, words[:2]...), {Digest: empty + "0", Part: 1, Parts: 2, Words: words[2:]}},
	} {
		if b, err = openBanned(filepath.Join(t.TempDir(), bannedFile)); err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if digest := take(p); digest != empty {
				t.Errorf("%s: %s is in force", what, digest)
			}
		}
	}
	if b.Bans([]byte("Contoso1")) {
		t.Error("banned by no list")
	}
	if b, err = openBanned(path); err != nil {
		t.Fatal(err)
	}
	take(part(list, 0, 2, words[:2]...))
	if digest := take(part(list, 1, 2, words[2:]...)); digest != list.Digest() || !b.Bans([]byte("C0nt0so1")) || b.Bans([]byte("quiet-harbour-lamp")) {
		t.Errorf("%s is in force", digest)
	}
	if b, err = openBanned(path); err != nil || !b.Bans([]byte("Lantern9")) {
		t.Errorf("after a restart: %v", err)
	}
	if digest := take(part(banned.List{}, 0, 1)); digest != empty || b.Bans([]byte("Lantern9")) {
		t.Error("the list can't be emptied")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err = openBanned(path); err != nil || b.Bans([]byte("Lantern9")) {
		t.Errorf("a broken file: %v", err)
	}
}
