package main

type peopleVerbs struct {
	Create peopleCreate   `cmd:"" help:"Make an account that lives in the cloud until a directory's account matches it."`
	Load   peopleLoad     `cmd:"" help:"Make such accounts from a CSV file."`
	List   peopleAccounts `cmd:"" aliases:"accounts" help:"List accounts."`
	Show   peopleShow     `cmd:"" help:"Show one person: their account, roles and registered methods."`
	Remove peopleRemove   `cmd:"" help:"Delete an account that lives in the cloud."`
	Check  peopleCheck    `cmd:"" name:"check-password" help:"Check a cloud account's own password, read from standard input, as a sign-in does: if it is to become Active Directory's, it does."`

	Reset   peopleReset   `cmd:"" help:"Set somebody's password, read from standard input; they must change it at the next sign-in."`
	Unlock  peopleUnlock  `cmd:"" help:"Clear somebody's lockout; the password stays."`
	Pass    peoplePass    `cmd:"" help:"Give out a one-time code that counts as one check for somebody whose identity you have made sure of."`
	Caller  callerVerbs   `cmd:"" help:"Verify who is on the telephone: a code is sent to a way of theirs, and they read it out."`
	Hold    peopleHold    `cmd:"" help:"Stop somebody's self-service in the portal until it is released."`
	Release peopleRelease `cmd:"" help:"Let somebody use the portal again."`
	Methods methodVerbs   `cmd:"" help:"People's registered methods."`
	Held    peopleHeld    `cmd:"" help:"List whose self-service is stopped, and why."`

	Can   peopleCan   `cmd:"" name:"can-reset" help:"Say whether somebody can reset their own password now, gate by gate, and if not, what to do. Exit code 1: they can't, or it isn't known."`
	Probe peopleProbe `cmd:"" help:"Ask an agent whether somebody can be written now, and which policy holds for them."`
}
