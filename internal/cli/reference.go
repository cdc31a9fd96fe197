package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"

	"github.com/alecthomas/kong"
)

// Answering is a verb that answers in JSON too. Answer returns an empty answer: its type is what the reference documents.
type Answering interface{ Answer() any }

// referenceVerb is the first argument that asks for the reference, which build/reference.sh makes.
const referenceVerb = "__reference"

// reference writes the help of every verb, and what the JSON of those that have it holds.
func reference(ctx context.Context, w io.Writer, name, about string, verbs any, model *kong.Application, version string) error {
	for _, n := range append([]*kong.Node{model.Node}, model.Leaves(true)...) {
		args := path(n)
		var help bytes.Buffer
		Main(ctx, name, about, verbs, append(args, "--help"), command.Streams{Out: &help, Err: &help}, version)
		if _, err := fmt.Fprintf(w, "\n## %s\n\n```\n%s```\n", strings.Join(append([]string{name}, args...), " "), help.String()); err != nil {
			return err
		}
		if !n.Target.CanAddr() {
			continue
		}
		if a, ok := reflect.TypeAssert[Answering](n.Target.Addr()); ok {
			if err := fields(w, a.Answer()); err != nil {
				return err
			}
		}
	}
	return nil
}

// path is what is typed behind the program's name for a verb.
func path(n *kong.Node) []string {
	var out []string
	for ; n.Parent != nil; n = n.Parent {
		out = append(out, n.Name)
	}
	slices.Reverse(out)
	return out
}

func fields(w io.Writer, v any) error {
	all := answer.Fields(v)
	if len(all) == 0 {
		return nil
	}
	if _, err := fmt.Fprint(w, "\n| JSON field | Type | Meaning |\n|---|---|---|\n"); err != nil {
		return err
	}
	for _, f := range all {
		if _, err := fmt.Fprintf(w, "| `%s` | %s | %s |\n", f.Name, f.Type, f.About); err != nil {
			return err
		}
	}
	return nil
}
