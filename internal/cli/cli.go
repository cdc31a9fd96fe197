// Package cli turns a struct of verbs into a command line: parse, run, one error line, one exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"homeward/internal/agent/command"
	"homeward/internal/cli/completion"
	"homeward/internal/config"

	"github.com/alecthomas/kong"
)

// Exit codes of every verb.
const (
	OK     = 0 // done, or yes
	Failed = 1 // not done, or the answer is no: writeback doesn't work, somebody can't reset, the audit log was altered
	Usage  = 2 // what was typed can't be right; nothing was asked or done
)

// Version prints the version.
type Version struct{}

// Run implements the verb.
func (Version) Run(s command.Streams, version string) error {
	_, err := fmt.Fprintln(s.Out, version)
	return err
}

// exit carries kong's wish to end the process, which only main may do.
type exit int

// Main parses args into verbs, runs the chosen one and returns the exit code.
func Main(ctx context.Context, name, about string, verbs any, args []string, s command.Streams, version string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r) //nolint:forbidigo // not ours: let it be seen
			}
			code = int(e)
		}
	}()
	parser, err := kong.New(verbs, kong.Name(name), kong.Description(about), kong.Writers(s.Out, s.Err),
		kong.Exit(func(code int) { panic(exit(code)) }), //nolint:forbidigo // kong knows no other way out; Main recovers it
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s), kong.Bind(version), kong.Vars{"agent_config": config.AgentFile()}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return report(s.Err, name, err, Usage)
	}
	if len(args) > 0 && args[0] == completion.Verb {
		return done(completion.Answer(s.Out, parser.Model, args[1:]))
	}
	if len(args) > 0 && args[0] == referenceVerb {
		return done(reference(ctx, s.Out, name, about, verbs, parser.Model, version))
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return report(s.Err, name, fmt.Errorf("%w (see %s --help)", err, name), Usage)
	}
	err = parsed.Run()
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return OK
	case errors.Is(err, command.ErrTold):
		return Failed
	}
	if wrong, ok := errors.AsType[*wrongUse](err); ok {
		return report(s.Err, name, wrong.err, Usage)
	}
	return report(s.Err, name, err, Failed)
}

// wrongUse is an error of whoever typed the command.
type wrongUse struct{ err error }

func (w *wrongUse) Error() string { return w.err.Error() }

func (w *wrongUse) Unwrap() error { return w.err }

// Wrong has a verb end as wrong use, before it has done anything: what was typed can't be right.
func Wrong(err error) error {
	if err == nil {
		return nil
	}
	return &wrongUse{err}
}

// done is the exit code of what only writes: an error means that nobody reads any more.
func done(err error) int {
	if err != nil {
		return Failed
	}
	return OK
}

func report(w io.Writer, name string, err error, code int) int {
	_, _ = fmt.Fprintf(w, "%s: %v\n", name, err)
	return code
}
