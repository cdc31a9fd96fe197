package connect

import (
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
// between, running it again mends it.
func creating(s *session) Step {
	d := s.answers.Directory
	name := s.accountName()
	return Step{
		Name: "account", Words: fmt.Sprintf("create %s, an ordinary user, with a random password in %s", name, d.PasswordFile),
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			password := randomPassword()
			defer clear(password)
			if err := replaceSecret(d.PasswordFile, password); err != nil {
				return nil, err
			}
			account, upn, err := w.Administration.Create(ctx, s.admin(), Account{Name: d.Name, Container: d.Container, Description: Description, Password: password})
			if err != nil {
				return nil, err
			}
			if !strings.EqualFold(upn, s.answers.Directory.account()) {
				return nil, fmt.Errorf("the account's name is %s, not %s: the domain's DNS name is another", upn, s.answers.Directory.account())
			}
			return ok("account", "account %s created", account), nil
		},
	}
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
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("folder of %s: %w", path, err)
	}
	return writeWhole(path, append(slices.Clone(secret), '\n'))
}

// keeping puts an existing account's password where the agent finds it.
func keeping(s *session) Step {
	d := s.answers.Directory
	return Step{
		Name: "password", Words: fmt.Sprintf("keep the password of %s in %s, for the agent only", d.User, d.PasswordFile),
		do: func(_ context.Context, _ World, s *session) ([]doctor.Finding, error) {
			if err := replaceSecret(d.PasswordFile, s.secrets.account); err != nil {
				return nil, err
			}
			return ok("password", "password kept in %s", d.PasswordFile), nil
		},
	}
}

func writing(s *session) Step {
	return Step{
		Name: "configuration", Words: "write " + s.opts.Config + " (the one before is kept as .bak)",
		do: func(_ context.Context, w World, s *session) ([]doctor.Finding, error) {
			next, err := Settings(s.was, s.answers)
			if err != nil {
				return nil, err
			}
			if err := replaceFile(s.opts.Config, next); err != nil {
				return nil, err
			}
			if was, known := s.previous(); known && was && !s.answers.Features.Writeback {
				w.Log.Warn("password writeback is turned off", "event", int(event.WritebackOff), "domain", s.answers.Directory.Domain)
			}
			return ok("configuration", "configuration written to %s", s.opts.Config), nil
		},
	}
}

func granting(s *session) Step {
	text := fmt.Sprintf("give %s what it lacks of %d rights on %s", s.accountName(), len(s.facts.rights.List), unitsOf(len(s.answers.Units)))
	if names := distinct(s.facts.rights); names != "" {
		text += ":\n" + names
	}
	return Step{
		Name: "rights", Words: text,
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			n := 0
			err := w.Administration.Grant(ctx, s.admin(), s.accountName(), false, func(Right) { n++ })
			if err != nil {
				return doneSoFar(n), err
			}
			return ok("rights", "%d rights given", n), nil
		},
	}
}

func doneSoFar(n int) []doctor.Finding {
	if n == 0 {
		return nil
	}
	return ok("rights", "%d rights given before it broke off", n)
}

func unitsOf(n int) string {
	if n == 1 {
		return "1 OU"
	}
	return fmt.Sprintf("%d OUs", n)
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
		text = "make new keys and enrol anew with " + s.answers.Cloud.Portal + "; the keys before open nothing any more"
	}
	return Step{
		Name: "enrolment", Words: text,
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			domain := s.facts.domain.Name
			if domain == "" {
				domain = s.answers.Directory.Domain
			}
			e, err := w.Cloud.Enrol(ctx, s.answers.agent(), strings.TrimSpace(string(s.secrets.code)), domain, anew)
			if err != nil {
				return nil, err
			}
			out := ok("enrolment", "enrolled with %s, key %s", e.Tenant, e.Key)
			if anew {
				w.Log.Info("this agent has new keys and a new enrolment", "event", int(event.KeysRenewed), "agent", e.Agent, "key", e.Key)
				out = append(out, doctor.Finding{
					Name: "former identity", Status: doctor.Note,
					Text: "Unless the code was made with --replaces, cut the former agent off in the admin portal: Directory > Agents.",
				})
			}
			if s.renews() {
				w.Log.Info("password writeback is turned on again", "event", int(event.WritebackOn), "domain", domain)
			}
			return out, nil
		},
	}
}

// starting starts the agent, if that is wanted, and ends with everything the doctor checks.
func starting(s *session) []Step {
	start := Step{
		Name: "service", Words: "start the agent, and with it the first sync",
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			if !s.answers.Start {
				return []doctor.Finding{{Name: "service", Status: doctor.Note, Text: "the agent wasn’t started: homeward-agent run --config " + s.opts.Config}}, nil
			}
			return w.Host.Start(ctx, s.opts.Config)
		},
	}
	if s.facts.people > 0 && s.answers.Features.Sync {
		start.Words = "start the agent, and with it the first sync of " + peopleOf(s.facts.people)
	}
	return []Step{start, checking()}
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
				return ok("doctor", "everything checked, %d warnings", report.Warnings), nil
			}
			return []doctor.Finding{{Name: "doctor", Status: doctor.Warn, Text: fmt.Sprintf("%d problems, %d warnings", report.Problems, report.Warnings)}}, nil
		},
	}
}

func rereading(s *session) Step {
	domain := s.answers.Directory.Domain
	return Step{
		Name: "schema", Words: "read the schema of " + domain + " again: the agent takes it up when it starts",
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			d, err := w.Directory.Connect(ctx, Access{Directory: s.answers.directory()})
			if err != nil {
				return nil, err
			}
			return ok("schema", "schema read through %s", d.DC), nil
		},
	}
}

// removing takes back what set-up gave, in the opposite order.
func removing(s *session) []Step {
	d := s.answers.Directory
	var out []Step
	out = append(out, Step{
		Name: "service", Words: "stop the agent",
		do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
			return w.Host.Stop(ctx, s.opts.Config)
		},
	})
	if s.withAdmin() {
		out = append(out, Step{
			Name: "rights", Words: "take back every right of " + d.User + " that the wizard gives",
			do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
				n := 0
				if err := w.Administration.Grant(ctx, s.admin(), d.User, true, func(Right) { n++ }); err != nil {
					return doneSoFar(n), err
				}
				return ok("rights", "%d rights taken back", n), nil
			},
		}, Step{
			Name: "account", Words: "delete " + d.User + ", if the wizard made it",
			do: func(ctx context.Context, w World, s *session) ([]doctor.Finding, error) {
				err := w.Administration.Delete(ctx, s.admin(), Account{Name: bareName(d.User), Description: Description})
				if err != nil {
					return []doctor.Finding{{Name: "account", Status: doctor.Note, Text: "the account stays: " + err.Error()}}, nil //nolint:nilerr // it isn't ours
				}
				return ok("account", "account deleted"), nil
			},
		})
	}
	return append(out, Step{
		Name: "files", Words: "remove the identity, the service account’s password and " + s.opts.Config + " (kept as .bak)",
		do: func(_ context.Context, _ World, s *session) ([]doctor.Finding, error) {
			if err := writeWhole(s.opts.Config+".bak", s.was); err != nil {
				return nil, err
			}
			for _, path := range []string{filepath.Join(s.before.State, "identity.json"), d.PasswordFile, s.opts.Config} {
				if err := os.Remove(path); path != "" && err != nil && !errors.Is(err, fs.ErrNotExist) {
					return nil, fmt.Errorf("remove %s: %w", path, err)
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
