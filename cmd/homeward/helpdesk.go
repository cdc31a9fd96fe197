package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/control"
)

// maxTyped bounds what is read as a password: 256 characters of at most four bytes, and the end of the line.
const maxTyped = 1026

// onePerson is running for a verb about one person.
type onePerson struct {
	running
	asJSON

	Name string `arg:"" help:"User principal name, mail address, or DOMAIN\\name."`
}

type peopleReset struct {
	onePerson

	Generate bool `help:"Draw a random password and print it once, after it has been set."`
}

// Run implements the verb.
func (v *peopleReset) Run(ctx context.Context, s command.Streams) error {
	password, err := v.password(s)
	if err != nil {
		return err
	}
	defer clear(password)
	return v.act(ctx, s, control.PathReset, bytes.Clone(password), func() error {
		if !v.Generate {
			return nil
		}
		_, err := fmt.Fprintf(s.Out, "%s\n", password)
		return err
	})
}

// password draws one, or reads one line of standard input.
func (v *peopleReset) password(s command.Streams) ([]byte, error) {
	if v.Generate {
		// Eighty random bits, read aloud in groups; capital, small letter, number and symbol are always there.
		t := strings.ToLower(rand.Text())
		return []byte("H7-" + t[:4] + "-" + t[4:8] + "-" + t[8:12] + "-" + t[12:16]), nil
	}
	_, _ = fmt.Fprint(s.Err, "New password: ")
	show := hideTyping(s.In)
	line, err := io.ReadAll(io.LimitReader(&oneLine{r: s.In}, maxTyped))
	show()
	if err != nil {
		return nil, fmt.Errorf("read password: %w", err)
	}
	if len(line) == maxTyped {
		clear(line)
		return nil, errors.New("this password is longer than 256 characters")
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) == 0 {
		return nil, errors.New("no password was given: type it, pipe it to standard input, or use --generate")
	}
	return line, nil
}

// oneLine ends before the end of the first line. Nothing behind it is read or kept.
type oneLine struct {
	r    io.Reader
	done bool
}

// Read implements io.Reader, byte by byte.
func (l *oneLine) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if l.done {
		return 0, io.EOF
	}
	n, err := l.r.Read(p[:1])
	if n == 1 && p[0] == '\n' {
		l.done = true
		return 0, io.EOF
	}
	return n, err
}

type peopleUnlock struct{ onePerson }

// Run implements the verb.
func (v *peopleUnlock) Run(ctx context.Context, s command.Streams) error {
	return v.act(ctx, s, control.PathUnlock, nil, func() error { return nil })
}

// errNotDone ends a verb with exit code 1 after its output has said why.
var errNotDone = errors.New("nothing has changed")

// act asks for a write, says how it ended, and calls after when it was done.
func (v *onePerson) act(ctx context.Context, s command.Streams, path string, password []byte, after func() error) error {
	defer clear(password)
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var o control.Outcome
		err := c.Call(ctx, path, control.Person{Tenant: id, Operator: operator(), Name: v.Name, Password: password}, &o)
		if err != nil {
			return err
		}
		if v.JSON {
			err = printJSON(s, o)
		} else {
			_, err = fmt.Fprintln(s.Err, outcomeText(path, o))
		}
		switch {
		case err != nil:
			return err
		case o.State == "changed":
			return after()
		case o.State == "not_sure":
			return errors.Join(after(), errors.New("the outcome isn't known yet; homeward audit show "+o.Support+" tells it later"))
		}
		return errNotDone
	})
}

func outcomeText(path string, o control.Outcome) string {
	switch o.State {
	case "changed":
		if path == control.PathUnlock {
			return "The account is unlocked. The password hasn't changed. (" + o.Support + ")"
		}
		return "The password has been changed in Active Directory." + mustChange(protocol.MustChange(o.MustChange)) + " (" + o.Support + ")"
	case "not_sure":
		return "It was sent, and no answer has come yet. It resolves by itself. (" + o.Support + ")"
	}
	why := strings.ReplaceAll(o.Reason, "_", " ") + "."
	if e, ok := event.Lookup(event.Code(o.Event)); ok {
		why = strings.TrimSpace(why + " " + e.Meaning + " " + e.Remedy)
	}
	return "Nothing has changed: " + why + " (" + o.Support + ")"
}

func mustChange(m protocol.MustChange) string {
	switch m {
	case protocol.MustChangeSet:
		return " They must choose another at the next sign-in."
	case protocol.MustChangeNeverExpires:
		return ` They aren't made to change it: "password never expires" is set, which voids that.`
	case protocol.MustChangeCannot:
		return ` They aren't made to change it: "user cannot change password" is set, so it would shut them out.`
	case protocol.MustChangeRefused:
		return ` But Active Directory refused "must change at next sign-in": set it by hand, and grant the service account write pwdLastSet.`
	case protocol.MustChangeUnknown:
		return " Whether they must change it at the next sign-in isn't known: look at the account."
	}
	return ""
}

type peopleProbe struct{ onePerson }

// Run implements the verb.
func (v *peopleProbe) Run(ctx context.Context, s command.Streams) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var p protocol.PersonPolicy
		err := c.Call(ctx, control.PathProbe, control.Person{Tenant: id, Operator: operator(), Name: v.Name}, &p)
		if err != nil {
			return err
		}
		p.Detail = "" // the directory's own words belong to the audit log
		if v.JSON {
			err = printJSON(s, p)
		} else {
			_, err = fmt.Fprint(s.Out, probeText(p))
		}
		if err == nil && (!p.Found || p.Reason != "") {
			err = errors.New("this person can't be written now")
		}
		return err
	})
}

func probeText(p protocol.PersonPolicy) string {
	if !p.Found {
		return "Active Directory doesn't know this person any more.\n"
	}
	var b strings.Builder
	verdict := "can be written."
	if p.Reason != "" {
		verdict = "can't be written: " + strings.ReplaceAll(string(p.Reason), "_", " ") + "."
	}
	_, _ = fmt.Fprintf(&b, "%s %s\nPolicy (%s): at least %d characters", p.DisplayName, verdict, p.Source, p.MinLength)
	if p.Complexity {
		b.WriteString(" of three kinds")
	}
	_, _ = fmt.Fprintf(&b, "; Active Directory remembers the last %d.\n", p.History)
	if p.Locked {
		b.WriteString("The account is locked.\n")
	}
	if at := p.PasswordSet.Time(); !at.IsZero() {
		_, _ = fmt.Fprintf(&b, "The password was last set on %s.\n", at.Local().Format(time.DateTime))
	}
	if at := p.ChangeableAt.Time(); at.After(time.Now()) {
		_, _ = fmt.Fprintf(&b, "It can be changed again after %s.\n", at.Local().Format(time.DateTime))
	}
	return b.String()
}
