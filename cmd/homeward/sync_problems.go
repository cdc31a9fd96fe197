package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
)

type syncProblems struct {
	ofDomain
	asJSON

	Limit int `help:"How many." default:"100"`
}

// Run implements the verb.
func (v *syncProblems) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.Problems(ctx, id, v.Domain, v.Limit)
		if err != nil {
			return err
		}
		if v.JSON {
			return answer.JSON(s.Out, each(all, problemOfRecord))
		}
		if len(all) == 0 {
			_, err = fmt.Fprintln(s.Out, "No problems.")
			return err
		}
		for _, p := range all {
			if err := tellProblem(s.Out, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// Answer implements cli.Answering.
func (syncProblems) Answer() any { return []problemAnswer(nil) }

func tellProblem(w io.Writer, p provision.Explained) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", shortObject(p.Object), p.Name)
	fmt.Fprintf(&b, "  %s", p.Meaning)
	if p.Value != "" {
		fmt.Fprintf(&b, " (%s)", p.Value)
	}
	b.WriteString("\n")
	if p.OtherName != "" {
		fmt.Fprintf(&b, "  The other one is %s.\n", p.OtherName)
	}
	if p.Detail != "" {
		fmt.Fprintf(&b, "  %s\n", p.Detail)
	}
	fmt.Fprintf(&b, "  %s\n", p.Remedy)
	if len(p.Choices) > 0 {
		names := make([]string, len(p.Choices))
		for i, c := range p.Choices {
			names[i] = strings.ReplaceAll(string(c), "_", "-")
		}
		fmt.Fprintf(&b, "  Decide: homeward sync decide %s %s\n", shortObject(p.Object), strings.Join(names, "|"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shortObject is enough of an object's id to name it.
func shortObject(object string) string { return object[:min(len(object), 8)] }

type syncDecide struct {
	ofTenant

	Object string `arg:"" help:"The object's id as homeward sync problems shows it, or its first characters (at least six)."`
	Choice string `arg:"" help:"link: they are one person. apart: they are not. keep-this, keep-that: who keeps the contested name. use-mail: sign in by mail. ignore: leave it." enum:"link,apart,keep-this,keep-that,use-mail,ignore"`
}

// Run implements the verb.
func (v *syncDecide) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		p, err := problemOf(ctx, e, id, v.Object)
		if err != nil {
			return err
		}
		if err := e.Decide(ctx, id, operator(), p.Object, provision.Choice(strings.ReplaceAll(v.Choice, "-", "_"))); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "Decided about %s, and carried out. The next sync decides the same.\n", p.Name)
		return err
	})
}

// mostProblems bounds where an object is looked for by the beginning of its id.
const mostProblems = 100_000

func problemOf(ctx context.Context, e *provision.Engine, tenantID, object string) (provision.Explained, error) {
	all, err := e.Problems(ctx, tenantID, "", mostProblems)
	if err != nil {
		return provision.Explained{}, err
	}
	found := map[string]provision.Explained{}
	for _, p := range all {
		if p.Object == object || len(object) >= 6 && strings.HasPrefix(p.Object, strings.ToLower(object)) {
			found[p.Object] = p
		}
	}
	switch len(found) {
	case 0:
		return provision.Explained{}, fmt.Errorf("no object that has a problem begins with %q; homeward sync problems shows them", object)
	case 1:
		for _, p := range found {
			return p, nil
		}
	}
	return provision.Explained{}, fmt.Errorf("%d objects begin with %q: give more of the id", len(found), object)
}
