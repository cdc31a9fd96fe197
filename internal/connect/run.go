package connect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"homeward/internal/config"
)

// begin makes a session: from the file of answers, else from the configuration that is there, else from nothing.
func begin(o Options) (s session, unattended bool, err error) {
	s = session{opts: o, answers: Defaults(o.Config)}
	if s.was, s.before, err = existing(o.Config); err != nil {
		return s, false, fmt.Errorf("%w\nMend the file, or move it away to begin anew", err)
	}
	if s.was != nil {
		s.answers = adopt(s.answers, s.before)
	}
	s.settle()
	if o.Import != "" {
		s.answers, err = ReadAnswers(o.Import, o.Config)
		s.answers.Task = SetUp
		s.settle()
		return s, false, err
	}
	if o.Answers == "" {
		return s, false, nil
	}
	a, err := ReadAnswers(o.Answers, o.Config)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return s, false, err
	}
	s.answers, s.unattended = a, true
	s.settle()
	type named struct {
		file   string
		secret *[]byte
	}
	files := []named{{a.Cloud.CodeFile, &s.code}}
	for i, d := range a.Directories {
		files = append(files, named{d.AdminFile, &s.places[i].admin})
	}
	for _, f := range files {
		if f.file == "" {
			continue
		}
		text, err := config.Secret(f.file)
		if err != nil {
			return s, true, err
		}
		editSecret(f.secret, key{text: text.Reveal()})
	}
	return s, true, nil
}

// fill takes the secrets of a run that asks nothing. Those that the answers name no file for are taken from
// lines: the one-time code first, then for each directory the administrator's password and the service account's.
func (l Lines) fill(s *session) error {
	type want struct {
		needed bool
		secret *[]byte
	}
	cloud := s.answers.Task == SetUp || s.answers.Task == Rotate || s.renews()
	wants := []want{{cloud && s.answers.Cloud.How == ByCode, &s.code}}
	for i, d := range s.answers.Directories {
		p := &s.places[i]
		wants = append(wants, want{d.Admin != "" && d.AdminTickets == "", &p.admin}, want{d.typed() != "" && s.answers.Task == SetUp && !there(d.PasswordFile), &p.account})
	}
	for _, w := range wants {
		if !w.needed || len(*w.secret) > 0 {
			continue
		}
		b, err := l.secret("a secret from standard input")
		if err != nil {
			return err
		}
		editSecret(w.secret, key{text: string(b)})
		clear(b)
	}
	return nil
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// RunLines runs the wizard line by line; with a file of answers that exists it asks nothing.
func RunLines(ctx context.Context, o Options, world World, l Lines) error {
	s, unattended, err := begin(o)
	if err != nil {
		return err
	}
	defer s.wipe()
	l.Unattended, l.ASCII = unattended, o.ASCII
	if unattended {
		if err := l.fill(&s); err != nil {
			return err
		}
	}
	return l.run(ctx, world, s)
}

// HasAnswers reports whether the file of answers is there, so that nothing is asked.
func (o Options) HasAnswers() bool { return o.Answers != "" && there(o.Answers) }

// Export is the configuration as another machine can take it over: the answers, without secrets and without what
// belongs to this machine alone.
func Export(configFile string) ([]byte, error) {
	was, before, err := existing(configFile)
	if err != nil {
		return nil, err
	}
	if was == nil {
		return nil, fmt.Errorf("there is no configuration at %s to export", configFile)
	}
	a := adopt(Defaults(configFile), before)
	a.Task = SetUp
	a.Configuration = string(was)
	b, err := a.Bytes()
	if err != nil {
		return nil, err
	}
	for _, d := range before.Directories {
		b = append(b, fmt.Sprintf("# The other machine needs %s (%s) too: the wizard asks for a password, a file is copied.\n", cmp.Or(d.Keytab, "the password of "+cmp.Or(d.Reader, d.User)), domainOf(d))...)
	}
	return b, nil
}
