package connect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/doctor"
)

func directories() page {
	return page{title: titleDirectories, next: "Next", items: directoryItems, check: checkDirectory}
}

func directoryItems(s *session) []item {
	d, p := s.dir(), s.here()
	out := s.several()
	admin := []item{say("Domain admin, used now and never stored:"), ask("User", &d.Admin), hidden("Password", &p.admin), ask("or tickets", &d.AdminTickets)}
	if d.Remove {
		out = append(out, blank(), say(d.Domain+" will be taken out of this agent. With a domain admin, the rights of "+d.User+
			" are taken back there as well, and the account goes if the wizard made it."), blank())
		return append(append(out, admin...), blank(), item{kind: button, text: "Keep this directory", do: takeOut})
	}
	out = append(out, ask("Directory", &d.Domain), ask("Controllers", &d.Controllers), ask("CA file", &d.CAFile))
	out = append(out, oneOf("LDAPS, port 636", &d.Security, "ldaps", ""), oneOf("StartTLS, port 389", &d.Security, "starttls", ""),
		oneOf("Kerberos, sign and seal, port 389", &d.Security, "kerberos", ""))
	if s.answers.Task == Remove || s.answers.Task == Repair {
		return append(out, admin...)
	}
	out = append(append(out, accountItems(d, p)...), admin...)
	out = append(out, item{kind: button, text: "Add another directory", do: addDirectory})
	if s.another(func(o DirectoryAnswers) bool { return o.Domain != "" }) {
		out = append(out, item{kind: button, text: "Remove this directory", do: takeOut})
	}
	return out
}

// admin is the administrator's access.
func (s *session) admin() Access {
	if s.dir().AdminTickets != "" {
		return Access{Directory: s.dir().directory(), Tickets: s.dir().AdminTickets}
	}
	return Access{Directory: s.dir().directory(), User: s.dir().Admin, Password: s.here().admin}
}

// service is the service account's access: by the password that was typed, or by what is kept.
func (s *session) service() Access {
	a := Access{Directory: s.dir().directory()}
	if len(s.here().account) == 0 || s.dir().typed() == "" {
		return a
	}
	a.Password = s.here().account
	if s.dir().Account == ExistingAccount {
		a.User = s.dir().User
	}
	return a
}

// reader is who reads the directory before Configure.
func (s *session) reader() Access {
	if s.withAdmin() {
		return s.admin()
	}
	return s.service()
}

// withAdmin reports whether there is an administrator to do things.
func (s *session) withAdmin() bool {
	return s.dir().AdminTickets != "" || s.dir().Admin != "" && len(s.here().admin) > 0
}

// clockKerberos is what Kerberos forgives ([MS-KILE] 3.1.1.2).
const clockKerberos = 5 * time.Minute

func checkDirectory(ctx context.Context, w World, s session, tell func(progress)) outcome {
	s.answers.Directories = slices.Clone(s.answers.Directories)
	s.answers.nameFiles(s.opts.Config)
	d := *s.dir()
	if d.Remove && !s.withAdmin() {
		return outcome{}
	}
	switch {
	case d.Domain == "":
		return fail("directory", "the domain’s DNS name is missing, such as corp.example.com", "")
	case s.another(func(o DirectoryAnswers) bool { return strings.EqualFold(o.Domain, d.Domain) }):
		return fail("directory", d.Domain+" is in the list already", "Each domain is one directory. Change the name, or remove one of the two.")
	case s.another(func(o DirectoryAnswers) bool { return o.PasswordFile == d.PasswordFile }):
		return fail("directory", "another directory keeps its service account’s password in "+d.PasswordFile+" too", "Name another password_file in the answers.")
	case !d.Remove && d.made() && !s.withAdmin():
		return fail("admin", "a domain admin and the password are needed to make the account", "Or the file of kinit’s tickets. If somebody else makes it: choose “an existing account”.")
	case d.made() && d.Name == "":
		return fail("account", "the new account’s name is missing, such as svc-homeward", "")
	case !d.made() && !strings.ContainsAny(d.User, `@\`):
		return fail("account", "the account’s name is written svc@domain or DOMAIN\\svc", "")
	}
	if f := accountFinding(s, d); f != nil {
		return outcome{findings: []doctor.Finding{*f}}
	}
	var out outcome
	tell(progress{line: "looking for domain controllers"})
	if s.withAdmin() {
		domain, err := w.Directory.Connect(ctx, s.admin())
		out = directoryFindings(domain, err, "the domain admin")
		if err != nil {
			return out
		}
	}
	if d.Account == NewManaged && !d.Remove {
		reader, err := w.Directory.Connect(ctx, s.passwordReader())
		if err != nil {
			return directoryFindings(reader, err, "the account that reads the password")
		}
		out.findings = append(out.findings, doctor.Finding{Name: "reader", Status: doctor.OK, Text: "password read by " + reader.Account})
	}
	if !d.made() && !d.Remove && (s.answers.Task == SetUp || s.answers.Task == Customize || !s.withAdmin()) {
		domain, err := w.Directory.Connect(ctx, s.service())
		who := "the service account"
		if d.managed() && d.Reader != "" { // or the one who reads its password
			who = "that account"
		}
		own := directoryFindings(domain, err, who)
		if err != nil {
			return own
		}
		if out.learned == nil {
			out = own
		}
		if len(domain.Privileged) > 0 {
			out.findings = append(out.findings, doctor.Finding{
				Name: "account", Status: doctor.Fail, Text: domain.Account + " is a member of " + strings.Join(domain.Privileged, ", ") + ": whoever takes over this machine would own the domain",
				Remedies: []doctor.Remedy{{What: "Take an ordinary user, member of nothing, or let the wizard make one: it gets exactly the rights it needs."}},
			})
		}
	}
	return out
}

// directoryFindings say how each controller answered.
func directoryFindings(d Domain, err error, who string) outcome {
	out := outcome{stay: true}
	for _, c := range d.Controllers {
		f := doctor.Finding{Name: c.Host, Status: doctor.OK, Text: fmt.Sprintf("%s  %d ms", c.Host, max(1, c.Latency.Milliseconds()))}
		if !c.OK {
			f.Status, f.Text = doctor.Note, c.Host+" doesn’t work: "+c.Problem
		}
		out.findings = append(out.findings, f)
	}
	if err != nil {
		out.findings = append(out.findings, doctor.Finding{
			Name: "directory", Status: doctor.Fail, Text: err.Error(),
			Remedies: []doctor.Remedy{{What: remedyFor(err.Error(), who)}},
		})
		return out
	}
	if d.Offset.Abs() > clockKerberos {
		out.findings = append(out.findings, doctor.Finding{
			Name: "clock", Status: doctor.Fail, Text: "clock " + seconds(d.Offset) + " from " + d.DC + ": Kerberos allows 5 minutes",
			Remedies: []doctor.Remedy{{What: "Set this machine’s clock by the domain’s."}},
		})
	}
	out.findings = append(out.findings, doctor.Finding{Name: "sign-in", Status: doctor.OK, Text: "signed in as " + d.Account})
	out.learned = func(s *session) {
		s.answers.nameFiles(s.opts.Config)
		s.answers.absolute()
		s.here().domain = d
	}
	return out
}

// another looks among the other directories.
func (s *session) another(same func(DirectoryAnswers) bool) bool {
	for i, o := range s.answers.Directories {
		if i != s.at && !o.Remove && same(o) {
			return true
		}
	}
	return false
}

func filtering() page {
	return page{
		title: "Domain/OU filtering", next: "Next",
		items: func(s *session) []item {
			whose := ""
			if len(s.places) > 1 {
				whose = " in " + s.dir().Domain
			}
			out := []item{say("Who" + whose + " should be able to reset their password?"), blank()}
			if s.here().tree == nil {
				return append(out, say("The tree of OUs is being read."))
			}
			for _, i := range s.here().tree.visible() {
				it := item{kind: row, node: i}
				out = append(out, it)
			}
			units, people := s.here().tree.units()
			return append(out, blank(), say(fmt.Sprintf("%d of %d OUs, %s. Users and groups are read from them; passwords are not.", len(units), max(len(s.here().tree.nodes)-1, 0), peopleOf(people))))
		},
		enter: func(ctx context.Context, w World, s session, tell func(progress)) outcome {
			census, err := w.Directory.Census(ctx, s.reader(), func(n int) { tell(progress{line: "counting people, " + thousands(n) + " so far"}) })
			if err != nil {
				return fail("directory", err.Error(), remedyFor(err.Error(), "the account"))
			}
			chosen := s.dir().Units
			if len(chosen) == 0 && s.here().tree != nil {
				chosen, _ = s.here().tree.units()
			}
			return outcome{learned: func(s *session) {
				s.here().tree = newTree(census.Units, chosen)
				s.here().tree.forest = census.Forest
			}}
		},
		check: func(ctx context.Context, w World, s session, _ func(progress)) outcome {
			if s.here().tree == nil {
				return fail("directory", "the tree of OUs couldn’t be read", "Go back with Esc, and forth again.")
			}
			units, people := s.here().tree.units()
			learned := func(s *session) { s.dir().Units, s.here().people = units, people }
			missing := absent(s.dir().Units, s.here().tree)
			switch {
			case len(units) == 0 && len(missing) > 0:
				return fail("units", "there is no "+strings.Join(missing, " and no "), "")
			case len(units) == 0:
				return fail("units", "no OU is chosen", "Move to one with Tab and choose it with Space.")
			}
			out := outcome{learned: learned}
			for _, dn := range missing {
				out.findings = append(out.findings, doctor.Finding{Name: "unit " + dn, Status: doctor.Warn, Text: "there is no " + dn + " any more: it is left out"})
			}
			out.findings = append(out.findings, unverified(s.here().tree.suffixes(), s.here().tree.forest, s.facts.setup.Domains)...)
			return out
		},
	}
}

// absent are the units that the tree doesn't have.
func absent(units []string, t *tree) []string {
	var out []string
	for _, u := range units {
		if !slices.ContainsFunc(t.nodes, func(n node) bool { return strings.EqualFold(n.DN, u) }) {
			out = append(out, u)
		}
	}
	return out
}

func features() page {
	return page{
		title: "Optional features", next: "Next",
		items: func(s *session) []item {
			f := &s.dir().Features
			never := false
			return append(s.several(),
				tick("Password writeback", &f.Writeback, "Resets and changes go to Active Directory.", ""),
				tick("Unlock without a reset", &f.Unlock, "Needs the right to write lockoutTime.", ""),
				tick("Password hash sync", &never, "", "coming"),
				tick("Show password rules in the portal", &f.Rules, "Length, kinds, history and age, per person.", ""),
				tick("Start from phone numbers in “mobile”", &f.Phones, "People still confirm them with a code.", ""),
				tick("Sync people and groups", &f.Sync, "Changes are in the cloud within seconds.", ""),
				tick("Staging mode", &f.Staging, "Read and preview; write nothing.", ""),
				blank(),
				ask("Pilot group", &f.PilotGroup), say("  empty: everybody in the OUs"),
				ask("Sign-in name", &f.SignInName), say("  userPrincipalName, or mail"),
			)
		},
		check: checkFeatures,
	}
}

func checkFeatures(ctx context.Context, w World, s session, _ func(progress)) outcome {
	f := s.dir().Features
	if !f.Writeback && !f.Unlock && !f.Sync {
		return fail("features", "nothing is chosen: the agent would have nothing to do", "")
	}
	if f.SignInName != "" && f.SignInName != "userPrincipalName" && f.SignInName != "mail" {
		return fail("sign-in name", "the sign-in name is userPrincipalName or mail", "")
	}
	group := f.PilotGroup
	if group != "" {
		dn, err := w.Directory.GroupExists(ctx, s.reader(), group)
		if err != nil {
			return fail("pilot group", err.Error(), "Name the group as Active Directory Users and Computers shows it, or by its DN.")
		}
		group = dn
	}
	out := outcome{learned: func(s *session) { s.dir().Features.PilotGroup = group }}
	if s.dir().made() {
		return out
	}
	rights, err := w.Administration.Needed(ctx, s.reader(), s.here().domain.Account)
	if s.withAdmin() {
		rights, err = w.Administration.Needed(ctx, s.admin(), s.dir().User)
	}
	if err != nil {
		return fail("rights", err.Error(), "")
	}
	if rights.Missing > 0 && !s.withAdmin() {
		out.findings = []doctor.Finding{{
			Name: "rights", Status: doctor.Fail, Text: fmt.Sprintf("%d of %s missing, and no domain admin was named: %s", rights.Missing, are(len(rights.List), "right"), missingWords(rights)),
			Remedies: append([]doctor.Remedy{{What: "Go back and name a domain admin, or have somebody run:"}}, rights.Script...),
		}}
	}
	learn := out.learned
	out.learned = func(s *session) { learn(s); s.here().rights = rights }
	return out
}

func missingWords(r Rights) string {
	var out []string
	for _, x := range r.List {
		if !x.Present {
			out = append(out, x.Words+" ("+x.DN+")")
		}
	}
	const most = 3
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	return cmp.Or(strings.Join(out, "; "), "none")
}
