package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"homeward/internal/agent/command"
	"homeward/internal/server"
	"homeward/internal/server/registration"
	"homeward/internal/server/store"
)

type methodVerbs struct {
	List   methodList   `cmd:"" help:"List what somebody has registered."`
	Import methodImport `cmd:"" help:"Register mail addresses and mobile numbers of many people from a CSV file."`
}

type methodImport struct {
	ofTenant

	File  string `arg:"" help:"CSV file with the columns userPrincipalName, method (mail or text) and value." type:"existingfile"`
	Apply bool   `help:"Do it. Without it, only what would be done is said."`
}

// Run implements the verb.
func (v *methodImport) Run(ctx context.Context, s command.Streams) error {
	conf, err := v.load()
	if err != nil {
		return err
	}
	f, err := os.Open(v.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	rows, wrong, err := registration.ParseRows(f)
	if err != nil {
		return fmt.Errorf("%s: %w", v.File, err)
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		done, err := server.ImportMethods(ctx, conf, st, id, operator(), rows, v.Apply && len(wrong) == 0)
		if err != nil && !errors.Is(err, registration.ErrWrongLines) {
			return err
		}
		wrong = append(wrong, done.Wrong...)
		if err := tellWrong(s, v.File, wrong); err != nil {
			return err
		}
		switch {
		case len(wrong) > 0:
			_, err = fmt.Fprintf(s.Out, "Nothing was imported: %d lines are wrong.\n", len(wrong))
		case v.Apply:
			_, err = fmt.Fprintf(s.Out, "Registered %d destinations of %d people; %d were there already. They are told.\n", done.Added, done.People, done.There)
		default:
			_, err = fmt.Fprintf(s.Out, "Would register %d destinations of %d people; %d are there already. To do it, add --apply.\n", done.Added, done.People, done.There)
		}
		return errors.Join(err, toldIf(len(wrong) > 0))
	})
}
