package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"homeward/internal/banned"
	"homeward/internal/protocol"
)

// bannedFile keeps the list in the state folder, so that it holds from the start after the agent was stopped.
const bannedFile = "banned.json"

// bannedWords keeps the tenant's list. It fits writeback.BannedWords.
type bannedWords struct {
	path string

	mu   sync.Mutex
	list banned.List
	next protocol.BannedPart // the part that comes next of a list that is arriving, with the words so far
}

// openBanned takes up the list of the last run. One that can't be read is left aside: the server sends it again within a minute.
func openBanned(path string) (*bannedWords, error) {
	b := &bannedWords{path: path}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list of banned words: %w", err)
	}
	if list, ok := kept(raw); ok {
		b.list = list
	}
	return b, nil
}

func kept(raw []byte) (banned.List, bool) {
	var words []string
	if json.Unmarshal(raw, &words) != nil {
		return banned.List{}, false
	}
	list, err := banned.New(words)
	return list, err == nil
}

// Bans implements writeback.BannedWords.
func (b *bannedWords) Bans(password []byte) bool {
	b.mu.Lock()
	list := b.list
	b.mu.Unlock()
	_, bad := list.Bans(string(password))
	return bad
}

// Take implements writeback.BannedWords. A list comes into force with its last part, if it is the one it says it is; parts that
// don't follow each other are forgotten.
func (b *bannedWords) Take(part protocol.BannedPart) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if part.Parts == 0 || part.Digest == b.list.Digest() {
		return b.list.Digest(), nil
	}
	if part.Part == 0 {
		b.next = protocol.BannedPart{Digest: part.Digest, Parts: part.Parts}
	}
	if part.Digest != b.next.Digest || part.Part != b.next.Part || part.Parts != b.next.Parts || len(b.next.Words)+len(part.Words) > banned.MaxWords {
		b.next = protocol.BannedPart{}
		return b.list.Digest(), nil
	}
	b.next.Words, b.next.Part = append(b.next.Words, part.Words...), part.Part+1
	if b.next.Part < b.next.Parts {
		return b.list.Digest(), nil
	}
	words := b.next.Words
	b.next = protocol.BannedPart{}
	list, err := banned.New(words)
	if err != nil || list.Digest() != part.Digest {
		return b.list.Digest(), nil
	}
	if err := b.keep(list.Words()); err != nil {
		return b.list.Digest(), err
	}
	b.list = list
	return list.Digest(), nil
}

func (b *bannedWords) keep(words []string) error {
	raw, err := json.Marshal(words)
	if err == nil {
		err = os.WriteFile(b.path+".new", raw, 0o600)
	}
	if err == nil {
		err = os.Rename(b.path+".new", b.path)
	}
	if err != nil {
		return fmt.Errorf("keep the list of banned words: %w", err)
	}
	return nil
}
