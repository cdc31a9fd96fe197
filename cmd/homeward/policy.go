package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/banned"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

type policyVerbs struct {
	Banned bannedWords `cmd:"" name:"banned-words" help:"Show or set the words that no password may be made of. Browsers and agents judge by them; the server never sees a password."`
}

// bannedWords shows or sets the list.
type bannedWords struct {
	ofTenant

	File string `arg:"" optional:"" help:"Text file with one word a line, in place of the list there is; - reads standard input, and an empty file empties the list."`
}

// maxBannedFile bounds what is read: far more than the longest list.
const maxBannedFile = 256 << 10

// Run implements the verb.
func (v *bannedWords) Run(ctx context.Context, s command.Streams) error {
	var list banned.List
	if v.File != "" {
		var err error
		if list, err = v.read(s); err != nil {
			return err
		}
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		var words []string
		_, err := st.ChangeTenant(ctx, id, func(tx *store.Store, t *tenant.Tenant) error {
			before := t.Settings.BannedWords
			if words = before; v.File == "" {
				return nil
			}
			if words = list.Words(); strings.Join(before, "\n") == strings.Join(words, "\n") {
				return nil
			}
			t.Settings.BannedWords = words
			return noted(ctx, tx, id, "Change the list of banned words", "", fmt.Sprintf("%d words before, %d now", len(before), len(words)))
		})
		if err != nil {
			return err
		}
		for _, w := range words {
			if _, err := fmt.Fprintln(s.Out, w); err != nil {
				return err
			}
		}
		return nil
	})
}

// read takes the words of the file. Empty lines and those that begin with # are passed over.
func (v *bannedWords) read(s command.Streams) (banned.List, error) {
	in := s.In
	if v.File != "-" {
		f, err := os.Open(v.File)
		if err != nil {
			return banned.List{}, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	var words []string
	lines := bufio.NewScanner(io.LimitReader(in, maxBannedFile+1))
	size := 0
	for n := 1; lines.Scan(); n++ {
		if size += len(lines.Bytes()) + 1; size > maxBannedFile {
			return banned.List{}, fmt.Errorf("the list is larger than %d KiB", maxBannedFile>>10)
		}
		word := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\uFEFF"))
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if _, err := banned.New([]string{word}); err != nil {
			return banned.List{}, fmt.Errorf("line %d: %w", n, err)
		}
		words = append(words, word)
	}
	if err := lines.Err(); err != nil {
		return banned.List{}, fmt.Errorf("read the list: %w", err)
	}
	return banned.New(words)
}
