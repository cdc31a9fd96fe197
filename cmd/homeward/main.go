// Command homeward is everything in one binary: the server, the agent, the demo and the administrator's verbs.
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
	Server serverVerb  `cmd:"" help:"Run the server: portal and relay on one HTTPS port."`
	Agent  agentVerbs  `cmd:"" help:"Agents: run one here, or make a one-time code for one."`
	Tenant tenantVerbs `cmd:"" help:"Organisations whose people this server serves."`
	People peopleVerbs `cmd:"" help:"People imported from a directory."`
	Status statusVerb  `cmd:"" help:"Say whether writeback works, and if not, why. Exit code 1: it doesn't."`
	Test   testVerb    `cmd:"" name:"test-write" help:"Write a random password to the test accounts that the agents' own configuration names, now or on schedule."`
	Keys   keysVerbs   `cmd:"" help:"The keys that sign what agents are told."`

	Operator operatorVerbs `cmd:"" help:"Administrators: who may sign in to the admin portal."`

	Audit   auditVerbs  `cmd:"" help:"The audit log."`
	Config  configVerbs `cmd:"" help:"The configuration file."`
	Events  eventsVerb  `cmd:"" help:"Print every event code, what it means and what to do."`
	Demo    demoVerb    `cmd:"" help:"Run everything here on sample people: a real domain controller, server, agent and mailbox."`
	Version cli.Version `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := daemon.Signals(context.Background())
	code := cli.Main(ctx, "homeward", "Hybrid identity that you host yourself: people reset their Active Directory password from anywhere.", &verbs{},
		os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, build.Version())
	stop()
	os.Exit(code)
}
