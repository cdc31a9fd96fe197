// Command homeward-agent is the on-premises agent: it writes passwords to Active Directory and listens nowhere.
package main

import (
	"context"
	"os"

	"homeward/internal/agent/command"
	"homeward/internal/build"
	"homeward/internal/cli"
	"homeward/internal/daemon"
)

type verbs struct {
	command.Verbs

	Version cli.Version `cmd:"" help:"Print the version."`

	Completion cli.Completion `cmd:"" help:"Print the script that lets your shell complete verbs, flags and values."`
}

func main() {
	ctx, stop := daemon.Signals(context.Background())
	code := cli.Main(ctx, "homeward-agent", "Writes passwords that people choose in the portal to Active Directory.", &verbs{}, os.Args[1:],
		command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, build.Version())
	stop()
	os.Exit(code)
}
