// Command homeward is everything in one binary: the server, the agent, the demo and the administrator's verbs.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // tenants' time zones, also where the machine has none: Windows, small containers

	"homeward/internal/agent/command"
	"homeward/internal/build"
	"homeward/internal/cli"
	"homeward/internal/daemon"
)

type verbs struct {
	Server  serverVerb      `cmd:"" help:"Run the server: portal and relay on one HTTPS port."`
	Connect command.Connect `cmd:"" help:"Set up an agent on this server with the wizard, or change how it is set up."`
	Agent   agentVerbs      `cmd:"" help:"Agents: run one here, or make a one-time code for one."`
	Tenant  tenantVerbs     `cmd:"" help:"Organisations whose people this server serves."`
	People  peopleVerbs     `cmd:"" aliases:"user" help:"People: those synced from a directory, and accounts that live in the cloud."`
	Sync    syncVerbs       `cmd:"" help:"How people and groups come in from directories."`
	Role    roleVerbs       `cmd:"" help:"Roles that protect an account from being taken over."`
	Group   groupVerbs      `cmd:"" help:"Synced groups, and who may reset their password."`
	Domain  domainVerbs     `cmd:"" help:"Domain names that people may sign in under."`
	Licence licenceVerbs    `cmd:"" help:"Licences, for a tenant that needs them."`
	Policy  policyVerbs     `cmd:"" help:"The organisation's own rules for passwords."`
	Status  statusVerb      `cmd:"" help:"Say whether writeback works, and if not, why. Exit code 1: it doesn't."`
	Test    testVerb        `cmd:"" name:"test-write" help:"Write a random password to the test accounts that the agents' own configuration names, now or on schedule."`
	Keys    keysVerbs       `cmd:"" help:"The keys that sign what agents are told."`

	Operator operatorVerbs `cmd:"" help:"Administrators: who may sign in to the admin portal."`

	Audit   auditVerbs  `cmd:"" help:"The audit log."`
	Report  reportVerbs `cmd:"" help:"How ready people are to help themselves, and how much they do."`
	Alert   alertVerbs  `cmd:"" help:"What administrators are told by mail or webhook."`
	Config  configVerbs `cmd:"" help:"The configuration file."`
	Events  eventsVerb  `cmd:"" help:"Print every event code, what it means and what to do."`
	Demo    demoVerb    `cmd:"" help:"Run everything here on sample people: a real domain controller, server, agent and mailbox."`
	Version cli.Version `cmd:"" help:"Print the version."`

	Completion cli.Completion `cmd:"" help:"Print the script that lets your shell complete verbs, flags and values."`
}

func main() {
	ctx, stop := daemon.Signals(context.Background())
	code := cli.Main(ctx, "homeward", "Hybrid identity that you host yourself: people reset their Active Directory password from anywhere.", &verbs{},
		os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, build.Version())
	stop()
	os.Exit(code)
}
