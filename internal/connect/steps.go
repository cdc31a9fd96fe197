package connect

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"homeward/internal/doctor"
	"homeward/internal/event"
)

func ok(name, format string, args ...any) []doctor.Finding {
	return []doctor.Finding{{Name: name, Status: doctor.OK, Text: fmt.Sprintf(format, args...)}}
}

// creating makes the service account. Its password is on the disk before the account has it: whatever happens in
// between, running it again mends it. A managed account's password is the controllers' own.
func creating(t *session) (Step, bool) {
	d := *t.dir()
	name := t.accountName()
	words := fmt.Sprintf("create %s, an ordinary user, with a random password in %s", name, d.PasswordFile)
	if d.Account == NewManaged {
		words = fmt.Sprintf("create %s, a managed account whose password %s may read", name, d.Reader)
	}
	return Step{
		Name: "account", Words: words,
		do: func(ctx context.Context, w World, _ *session) ([]doctor.Finding, error) {
			made := Account{Name: d.Name, Container: d.Container, Description: Description}
			if d.Account == NewManaged {
				made.Reader = d.Reader
			} else {
				made.Password = randomPassword()
				defer clear(made.Password)
				if err := replaceSecret(d.PasswordFile, made.Password); err != nil {
					return nil, err
				}
			}
			account, upn, err := w.Administration.Create(ctx, t.admin(), made)
			if err != nil {
				return nil, err
			}
			if !strings.EqualFold(upn, d.account()) {
				return nil, fmt.Errorf("the account's name is %s, not %s: the domain's DNS name is another", upn, d.account())
			}
			return ok("account", "account %s created", account), nil
		},
	}, d.made()
}

// randomPassword is long enough for every policy, and of three kinds of characters.
func randomPassword() []byte {
	const rows = 2
	out := make([]byte, 0, rows*32)
	for range rows {
		out = append(out, strings.ToLower(rand.Text())...)
		out = append(out, rand.Text()...)
	}
	return append(out, "-2a"...)
}

// replaceSecret writes a secret's file. None is kept of the one before.
func replaceSecret(path string, secret []byte) error {
	if err := makeFolder(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("folder of %s: %w", path, err)
	}
	return writeWhole(path, append(slices.Clone(secret), '\n'))
}

// keeping puts a password that was typed where the agent finds it.
func keeping(t *session) (Step, bool) {
	d := *t.dir()
	return Step{
		Name: "password", Words: fmt.Sprintf("keep the password of %s in %s, for the agent only", d.typed(), d.PasswordFile),
		do: func(_ context.Context, _ World, _ *session) ([]doctor.Finding, error) {
			if err := replaceSecret(d.PasswordFile, t.here().account); err != nil {
				return nil, err
			}
			return ok("password", "password kept in %s", d.PasswordFile), nil
		},
	}, d.typed() != "" && len(t.here().account) > 0
}

func writing(s *session) Step {
	words := "write " + s.opts.Config + " (the one before is kept as .bak)"
	if gone := slices.DeleteFunc(s.walked(), func(i int) bool { return !s.answers.Directories[i].Remove }); len(gone) > 0 {
		words += ", without " + s.domains(gone)
	}
	return Step{
		Name: "configuration", Words: words,
		do: func(_ context.Context, w World, s *session) ([]doctor.Finding, error) {
			next, err := Settings(s.was, s.written())
			if err != nil {
				return nil, err
			}
			if err := replaceFile(s.opts.Config, next); err != nil {
				return nil, err
			}
			for _, i := range s.served() {
				t := s.on(i)
				if was, known := t.previous(); known && was && !t.dir().Features.Writeback {
					w.Log.Warn("password writeback is turned off", "event", int(event.WritebackOff), "domain", t.dir().Domain)
				}
			}
			return ok("configuration", "configuration written to %s", s.opts.Config), nil
		},
	}
}

// written are the answers that go into the configuration: what nobody opened stays as it is there.
func (s *session) written() Answers {
	a := s.answers
	a.Directories = nil
	for _, i := range s.walked() {
		a.Directories = append(a.Directories, s.answers.Directories[i])
	}
	return a
}

// granting gives the rights, where there is an administrator to do it.
func granting(t *session) (Step, bool) {
	if !t.withAdmin() {
		return Step{}, false
	}
	rights, units := t.here().rights, len(t.dir().Units)
	text := fmt.Sprintf("give %s what it lacks of %s on %s", t.accountName(), many(len(rights.List), "right"), many(units, "OU"))
	if names := distinct(rights); names != "" {
		text += ":\n" + names
	}
	return Step{
		Name: "rights", Words: text,
		do: func(ctx context.Context, w World, _ *session) ([]doctor.Finding, error) {
			n := 0
			err := w.Administration.Grant(ctx, t.admin(), t.accountName(), false, func(Right) { n++ })
			if err != nil {
				return doneSoFar(n), err
			}
			return ok("rights", "%s given%s", many(n, "right"), t.where()), nil
		},
	}, true
}

// where names the domain, where there are several.
func (s *session) where() string {
	if len(s.places) < 2 {
		return ""
	}
	return " in " + s.dir().Domain
}

func doneSoFar(n int) []doctor.Finding {
	if n == 0 {
		return nil
	}
	return ok("rights", "%s given before it broke off", many(n, "right"))
}

// many counts things.
func many(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return thousands(n) + " " + thing + "s"
}

func are(n int, thing string) string {
	if n == 1 {
		return many(n, thing) + " is"
	}
	return many(n, thing) + " are"
}

// distinct names the missing rights, each once.
func distinct(r Rights) string {
	var names []string
	for _, x := range r.List {
		name, _, _ := strings.Cut(x.Words, ",")
		if !x.Present && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func enrolling(s *session, anew bool) Step {
	text := "enrol this agent with " + s.answers.Cloud.Portal
	if anew {
		text = "make new keys and enrol anew with " + s.answers.Cloud.Portal + "; as soon as the agent works with them, the ones before open nothing any more"
	}
	return Step{
		Name: "enrolment", Words: text,
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			domain := s.first()
			if err := makeFolder(s.answers.Cloud.State, 0o700); err != nil {
				return nil, fmt.Errorf("folder for the keys: %w", err)
			}
			e, err := w.Cloud.Enrol(ctx, s.answers.agent(), strings.TrimSpace(string(s.code)), domain, anew)
			if err != nil {
				return nil, err
			}
			out := ok("enrolment", "enrolled with %s, key %s", e.Tenant, e.Key)
			if anew {
				w.Log.Info("this agent has new keys and a new enrolment", "event", int(event.KeysRenewed), "agent", e.Agent, "key", e.Key, "retires", e.Retires)
				out = append(out, predecessor(e))
			}
			if s.renews() {
				w.Log.Info("password writeback is turned on again", "event", int(event.WritebackOn), "domain", domain)
			}
			return out, nil
		},
	}
}

// shortAgent is how much of an agent's id every verb takes for it.
const shortAgent = 8

// predecessor tells what becomes of the identity that was there before.
func predecessor(e Enrolment) doctor.Finding {
	f := doctor.Finding{Name: "former identity", Status: doctor.Note}
	if e.Retires == "" { // it was lost, or another portal's, or the code was made to replace another
		f.Text = "The portal doesn’t end the former agent by itself: cut it off in the admin portal, Directory > Agents."
	} else {
		f.Text = "The former agent " + e.Retires[:min(len(e.Retires), shortAgent)] + " is cut off by itself as soon as this one works."
	}
	return f
}

// first is the domain that an agent enrols with; it tells of the others when it has connected.
func (s *session) first() string {
	for i, d := range s.answers.Directories {
		if !d.Remove {
			return cmp.Or(s.places[i].domain.Name, d.Domain)
		}
	}
	return ""
}

// starting starts the agent, if that is wanted.
func starting(s *session) Step {
	start := Step{
		Name: "service", Words: "start the agent, and with it the first sync",
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			if !s.answers.Start {
				return []doctor.Finding{{Name: "service", Status: doctor.Note, Text: "the agent wasn’t started: homeward-agent run --config " + s.opts.Config}}, nil
			}
			return w.Host.Start(ctx, s.opts.Config)
		},
	}
	people := 0
	for _, i := range s.served() {
		if s.answers.Directories[i].Features.Sync {
			people += s.places[i].people
		}
	}
	if s.was != nil {
		start.Words = "start the agent anew"
	} else if people > 0 {
		start.Words = "start the agent, and with it the first sync of " + peopleOf(people)
	}
	return start
}

func checking() Step {
	return Step{
		Name: "doctor", Words: "check everything (homeward doctor)",
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			report, err := w.Host.Doctor(ctx, s.opts.Config)
			if err != nil {
				return nil, err
			}
			s.facts.report = report
			if report.Problems == 0 {
				return ok("doctor", "everything checked, %s", many(report.Warnings, "warning")), nil
			}
			return []doctor.Finding{{Name: "doctor", Status: doctor.Warn, Text: many(report.Problems, "problem") + ", " + many(report.Warnings, "warning")}}, nil
		},
	}
}

func rereading(t *session) (Step, bool) {
	d := t.dir().directory()
	return Step{
		Name: "schema", Words: "read the schema of " + d.Domain + " again: the agent takes it up when it starts",
		do: func(ctx context.Context, w World, _ *session) ([]doctor.Finding, error) {
			found, err := w.Directory.Connect(ctx, Access{Directory: d})
			if err != nil {
				return nil, err
			}
			return ok("schema", "schema read through %s", found.DC), nil
		},
	}, true
}

// takingBack undoes in a domain what set-up gave there, in the opposite order. Without an administrator it says what stays.
func takingBack(t *session) []Step {
	d := *t.dir()
	if !t.withAdmin() {
		return []Step{{
			Name: "rights", Words: "leave the rights of " + d.User + " as they are, for nobody signed in to take them back",
			do: func(context.Context, World, *session) ([]doctor.Finding, error) {
				return []doctor.Finding{{Name: "rights", Status: doctor.Note, Text: "the rights of " + d.User + " are still there, and so is the account"}}, nil
			},
		}, forgetting(d)}
	}
	return []Step{{
		Name: "rights", Words: "take back every right of " + d.User + " that the wizard gives",
		do: func(ctx context.Context, w World, _ *session) ([]doctor.Finding, error) {
			n := 0
			if err := w.Administration.Grant(ctx, t.admin(), d.User, true, func(Right) { n++ }); err != nil {
				return doneSoFar(n), err
			}
			return ok("rights", "%s taken back%s", many(n, "right"), t.where()), nil
		},
	}, {
		Name: "account", Words: "delete " + d.User + ", if the wizard made it",
		do: func(ctx context.Context, w World, _ *session) ([]doctor.Finding, error) {
			err := w.Administration.Delete(ctx, t.admin(), Account{Name: bareName(d.User), Description: Description})
			if err != nil {
				return []doctor.Finding{{Name: "account", Status: doctor.Note, Text: "the account stays: " + err.Error()}}, nil //nolint:nilerr // it isn't ours
			}
			return ok("account", "account deleted"), nil
		},
	}, forgetting(d)}
}

// forgetting removes the file with the service account's password. A keytab is somebody else's work, and stays.
func forgetting(d DirectoryAnswers) Step {
	return Step{
		Name: "password", Words: "remove the password of " + cmp.Or(d.typed(), d.User) + " from this machine",
		do: func(context.Context, World, *session) ([]doctor.Finding, error) {
			if d.keyed() {
				return []doctor.Finding{{Name: "password", Status: doctor.Note, Text: "the keytab " + d.Keytab + " stays"}}, nil
			}
			if err := removeFile(d.PasswordFile); err != nil {
				return nil, err
			}
			return ok("password", "password removed"), nil
		},
	}
}

func removeFile(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}

// removing takes back what set-up gave, in every domain, and then the agent itself.
func removing(s *session) []Step {
	out := []Step{{
		Name: "service", Words: "stop the agent",
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			return w.Host.Stop(ctx, s.opts.Config)
		},
	}}
	for _, i := range s.walked() {
		out = append(out, takingBack(s.on(i))...)
	}
	return append(out, Step{
		Name: "files", Words: "remove the identity and " + s.opts.Config + " (kept as .bak)",
		do: func(_ context.Context, _ World, s *session) ([]doctor.Finding, error) {
			if err := writeWhole(s.opts.Config+".bak", s.was); err != nil {
				return nil, err
			}
			for _, path := range []string{filepath.Join(s.before.State, "identity.json"), s.opts.Config} {
				if err := removeFile(path); err != nil {
					return nil, err
				}
			}
			return append(ok("files", "files removed"), doctor.Finding{Name: "portal", Status: doctor.Note, Text: "Cut the agent off in the admin portal as well: Directory > Agents."}), nil
		},
	})
}

// bareName is a name without its domain.
func bareName(user string) string {
	if _, after, ok := strings.Cut(user, `\`); ok {
		return after
	}
	name, _, _ := strings.Cut(user, "@")
	return name
}
