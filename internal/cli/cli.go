// Package cli turns a struct of verbs into a command line: parse, run, one error line, one exit code.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"homeward/internal/agent/command"
	"homeward/internal/config"

	"github.com/alecthomas/kong"
)

// Exit codes of every verb.
const (
	OK     = 0
	Failed = 1
	Usage  = 2
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
	return report(s.Err, name, err, Failed)
}

func report(w io.Writer, name string, err error, code int) int {
	_, _ = fmt.Fprintf(w, "%s: %v\n", name, err)
	return code
}
