package connect

import (
	"strings"

	"homeward/internal/doctor"
)

// accountItems ask who the agent runs as.
func accountItems(d *DirectoryAnswers, p *place) []item {
	out := []item{
		say("The agent will run as"), oneOf("a new account", &d.Account, NewAccount, ""), oneOf("an existing account", &d.Account, ExistingAccount, ""),
		oneOf("a new managed account (gMSA)", &d.Account, NewManaged, ""), oneOf("a managed account (gMSA) that exists", &d.Account, ManagedAccount, ""),
	}
	switch d.Account {
	case NewAccount, NewManaged:
		out = append(out, ask("Name", &d.Name))
	case ExistingAccount, ManagedAccount:
		out = append(out, ask("Account", &d.User))
	}
	switch {
	case d.Account == ExistingAccount:
		out = append(out, hidden("Its password", &p.account), ask("or keytab", &d.Keytab))
	case d.managed():
		out = append(out, say("Its password is read by another account, such as this machine’s, HOST$@domain:"), ask("Read by", &d.Reader), ask("Keytab", &d.Keytab))
		if d.Keytab == "" {
			out = append(out, hidden("or password", &p.account))
		}
		if d.Account == ManagedAccount {
			out = append(out, say("Empty: the keytab is the managed account’s own."))
		}
	}
	return out
}

// passwordReader is the access of who may read a managed account's password.
func (s *session) passwordReader() Access {
	a := s.service()
	a.Directory.User, a.Directory.Reader = s.dir().Reader, ""
	if a.Password != nil {
		a.User = s.dir().Reader
	}
	return a
}

// accountFinding is what is missing to sign in as the service account; nil: nothing.
func accountFinding(s session, d DirectoryAnswers) *doctor.Finding {
	missing := func(text, remedy string) *doctor.Finding { return &fail("account", text, remedy).findings[0] }
	ask := s.answers.Task == SetUp || s.answers.Task == Customize
	switch {
	case d.Remove || !ask:
		return nil
	case d.managed() && d.Reader == "" && (d.Keytab == "" || d.Account == NewManaged):
		return missing("who reads the managed account’s password is missing, such as this machine’s account, HOST$@domain",
			"A domain-joined Linux has its keytab at /etc/krb5.keytab. Without a reader, a keytab of the managed account itself is needed.")
	case d.managed() && d.Account == ManagedAccount && !strings.HasSuffix(bareName(d.User), "$"):
		return missing("a managed account’s name ends with $, such as gmsa-homeward$@"+d.Domain, "")
	case d.Reader != "" && d.managed() && !strings.ContainsAny(d.Reader, `@\`):
		return missing("who reads the password is written HOST$@domain or DOMAIN\\name", "")
	case d.keyed() && !there(d.Keytab):
		return missing("there is no keytab at "+d.Keytab, "Export one: ktpass on a Windows controller, samba-tool domain exportkeytab, or ktutil.")
	case d.typed() != "" && len(s.here().account) == 0 && !there(d.PasswordFile):
		return missing("the password of "+d.typed()+" is missing", "Type it once: it is kept in "+d.PasswordFile+", for the agent only.")
	}
	return nil
}

// remedyFor says what to do about a directory that can't be used.
func remedyFor(text, who string) string {
	for _, r := range []struct{ sign, remedy string }{
		{"password is wrong", "Type the name and the password of " + who + " again. Each wrong try counts towards the lockout."},
		{"it is locked", "Unlock " + who + " in Active Directory, then try again. Look who types the wrong password."},
		{"it is disabled", "Enable " + who + " in Active Directory, or name another account."},
		{"password has expired", "Set a new password for " + who + ", and let a service account’s never expire."},
		{"password must be changed", "Set a new password for " + who + " without “must change at next logon”."},
		{"it has expired", "Give " + who + " a later end date in Active Directory, or name another account."},
		{"logon hours", "Let " + who + " sign in at every hour."},
		{"logon workstations", "Let " + who + " sign in from this machine."},
		{"keytab", "Export the keytab of that very account again, with AES256 keys."},
		{"clock is", "Set this machine’s clock by the domain’s (w32tm /resync, chronyc makestep)."},
		{"strong enough", "Set its password anew and allow AES in msDS-SupportedEncryptionTypes."},
		{"tickets", "Run kinit for that domain again, with its file named by -c FILE:PATH, or type a name and a password."},
		{"full DNS name", "Name the controllers by their full DNS names."},
		{"may not read the password", "Let a domain admin add the reader to the managed account, then try again."},
		{"managed account", "Check the managed account’s name in Active Directory Users and Computers."},
		{"are of the domain", "Name the domain as its controllers do, or name other controllers."},
		{"certificate", "Name the root certificate of the controllers (PEM) as CA file."},
	} {
		if strings.Contains(text, r.sign) {
			return r.remedy
		}
	}
	return "Check the names of the controllers, DNS, and TCP 636 (LDAPS) or 389 from this machine."
}
