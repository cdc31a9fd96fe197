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
	"homeward/internal/cli"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

// bannedWords shows or sets the list.
type bannedWords struct {
	ofTenant
	asJSON

	File string `arg:"" optional:"" help:"Text file with one word a line, in place of the list there is; - reads standard input, and an empty file empties the list." type:"path"`
}

// Answer implements cli.Answering.
func (bannedWords) Answer() any { return []string(nil) }

// maxBannedFile bounds what is read: far more than the longest list.
const maxBannedFile = 256 << 10

// Run implements the verb.
func (v *bannedWords) Run(ctx context.Context, s command.Streams) error {
	var list banned.List
	if v.File != "" {
		var err error
		if list, err = v.read(s); err != nil {
			return cli.Wrong(err)
		}
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		t, err := st.Tenant(ctx, id)
		if v.File != "" {
			t, err = st.ChangeTenant(ctx, id, func(tx *store.Store, t *tenant.Tenant) error { return setBanned(ctx, tx, t, list.Words()) })
		}
		if err != nil {
			return err
		}
		table := v.table("No word is banned.", "WORD")
		for _, w := range t.Settings.BannedWords {
			table.Add(w)
		}
		return v.print(s, append([]string{}, t.Settings.BannedWords...), table)
	})
}

func setBanned(ctx context.Context, tx *store.Store, t *tenant.Tenant, words []string) error {
	before := t.Settings.BannedWords
	if strings.Join(before, "\n") == strings.Join(words, "\n") {
		return nil
	}
	t.Settings.BannedWords = words
	return noted(ctx, tx, t.ID, "Change the list of banned words", "", fmt.Sprintf("%d words before, %d now", len(before), len(words)))
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
