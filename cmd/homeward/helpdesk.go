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
	"homeward/internal/cli/answer"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/control"
	"homeward/internal/server/provision"
)

// maxTyped bounds what is read as a password: 256 characters of at most four bytes, and the end of the line.
const maxTyped = 1026

// onePerson is running for a verb about one person.
type onePerson struct {
	running
	asJSON

	Name string `arg:"" help:"User principal name, mail address, or DOMAIN\\name."`
}

// Answer implements cli.Answering.
func (peopleReset) Answer() any { return control.Outcome{} }

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
	if command.Terminal(s.In) {
		_, _ = fmt.Fprint(s.Err, "New password: ")
	}
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

// Answer implements cli.Answering.
func (peopleUnlock) Answer() any { return control.Outcome{} }

// Run implements the verb.
func (v *peopleUnlock) Run(ctx context.Context, s command.Streams) error {
	return v.act(ctx, s, control.PathUnlock, nil, func() error { return nil })
}

// act asks for a write, says how it ended, and calls after when it was done.
func (v *onePerson) act(ctx context.Context, s command.Streams, path string, password []byte, after func() error) error {
	defer clear(password)
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var o control.Outcome
		err := c.Call(ctx, path, control.Person{Tenant: id, Operator: operator(), Name: v.Name, Password: password}, &o)
		if errors.Is(err, control.ErrLost) { // the password may be the new one now: whoever drew it must learn it
			return errors.Join(after(), err)
		}
		if err != nil {
			return err
		}
		if v.JSON {
			err = answer.JSON(s.Out, o)
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
		return command.ErrTold
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
	return "Nothing has changed: " + because(protocol.Reason(o.Reason), o.Event) + " (" + o.Support + ")"
}

// because says why somebody wasn't or can't be written, and what to do.
func because(r protocol.Reason, code int) string {
	switch r {
	case protocol.ReasonTooShort:
		return "the password is too short. homeward people probe shows the policy."
	case protocol.ReasonTooSimple:
		return "the password needs three kinds of characters: capital and small letters, numbers, symbols."
	case protocol.ReasonContainsName:
		return "the password contains part of the person's name."
	case protocol.ReasonUsedBefore:
		return "the person has used this password before."
	case protocol.ReasonTooYoung:
		return "the password is younger than the policy's minimum age. homeward people probe shows from when on it can be reset."
	}
	why := strings.ReplaceAll(string(r), "_", " ") + "."
	if e, ok := event.Lookup(event.Code(code)); ok {
		why = strings.TrimSpace(e.Meaning + " " + e.Remedy)
	}
	return strings.ToLower(why[:1]) + why[1:]
}

func mustChange(m protocol.MustChange) string {
	switch m {
	case protocol.MustChangeSet:
		return " They must choose another at the next sign-in."
	case protocol.MustChangeNeverExpires:
		return ` They aren't made to change it: "password never expires" or "smart card is required" is set, which voids that.`
	case protocol.MustChangeCannot:
		return ` They aren't made to change it: "user cannot change password" is set, so it would shut them out.`
	case protocol.MustChangeRefused:
		return ` But Active Directory refused "must change at next sign-in": set it by hand, and grant the service account write pwdLastSet.`
	case protocol.MustChangeUnknown:
		return " Whether they must change it at the next sign-in isn't known: look at the account."
	}
	return ""
}

type peopleCheck struct{ onePerson }

// Answer implements cli.Answering.
func (peopleCheck) Answer() any { return control.SignedIn{} }

// Run implements the verb.
func (v *peopleCheck) Run(ctx context.Context, s command.Streams) error {
	password, err := (&peopleReset{}).password(s)
	if err != nil {
		return err
	}
	defer clear(password)
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var r control.SignedIn
		q := control.Person{Tenant: id, Operator: operator(), Name: v.Name, Password: password}
		if err := c.Call(ctx, control.PathSignIn, q, &r); err != nil {
			return err
		}
		if v.JSON {
			err = answer.JSON(s.Out, r)
		} else {
			_, err = fmt.Fprintln(s.Out, signedIn(r))
		}
		return errors.Join(err, toldIf(!r.Right))
	})
}

func signedIn(r control.SignedIn) string {
	if !r.Right {
		return "That isn't the account's cloud password."
	}
	switch provision.PasswordState(r.State) {
	case provision.CloudWritten:
		return "Right. It has become the password in Active Directory."
	case provision.CloudWriting:
		return "Right. It was sent to Active Directory, and no answer has come yet: homeward sync passwords tells it later."
	case provision.CloudPending:
		return "Right. It couldn't be written to Active Directory now; the next sign-in tries again."
	case provision.CloudRefused:
		return "Right, but Active Directory refused it (" + strings.ReplaceAll(r.Reason, "_", " ") + "). The person resets their password in the portal."
	case provision.OnePassword, provision.FromDirectory:
	}
	return "Right."
}

type peopleProbe struct{ onePerson }

// Answer implements cli.Answering.
func (peopleProbe) Answer() any { return probeAnswer{} }

// Run implements the verb.
func (v *peopleProbe) Run(ctx context.Context, s command.Streams) error {
	return v.call(ctx, s, func(c *control.Client, id string) error {
		var p protocol.PersonPolicy
		err := c.Call(ctx, control.PathProbe, control.Person{Tenant: id, Operator: operator(), Name: v.Name}, &p)
		if err != nil {
			return err
		}
		if v.JSON {
			err = answer.JSON(s.Out, probeOf(p))
		} else {
			_, err = fmt.Fprint(s.Out, probeText(v.Name, p, v.zone))
		}
		if err == nil && (!p.Found || p.Reason != "") {
			err = command.ErrTold
		}
		return err
	})
}

func probeText(name string, p protocol.PersonPolicy, zone *time.Location) string {
	if !p.Found {
		return unread(name, p.Reason) + "\n"
	}
	var b strings.Builder
	verdict := "can be reset."
	if p.Reason != "" {
		verdict = "can't be reset: " + obstacle(name, p.Reason)
	}
	_, _ = fmt.Fprintf(&b, "%s %s\nPolicy (%s): at least %d characters", p.DisplayName, verdict, p.Source, p.MinLength)
	if p.Complexity {
		b.WriteString(" of three kinds")
	}
	if p.History > 0 {
		_, _ = fmt.Fprintf(&b, "; Active Directory remembers the last %d", p.History)
	}
	b.WriteString(".\n")
	if p.Locked {
		b.WriteString("The account is locked. A reset unlocks it.\n")
	}
	if at := p.PasswordSet.Time(); !at.IsZero() {
		_, _ = fmt.Fprintf(&b, "The password was last set on %s.\n", answer.Within(at, zone).Format(time.DateTime))
	}
	switch {
	case p.MustChange:
		b.WriteString("It must be changed at the next sign-in.\n")
	case p.Expired:
		b.WriteString("It has expired.\n")
	case p.NeverExpires:
		b.WriteString("It never expires.\n")
	}
	if p.CannotChange {
		b.WriteString("\"User cannot change password\" is set: it can be reset only.\n")
	}
	if at := p.ChangeableAt.Time(); at.After(time.Now()) {
		_, _ = fmt.Fprintf(&b, "A reset or a change is refused until %s: the policy's minimum age.\n", answer.Within(at, zone).Format(time.DateTime))
	}
	return b.String()
}

// unread says why nothing is known of somebody.
func unread(name string, r protocol.Reason) string {
	switch r {
	case protocol.ReasonNotFound, "":
		return "Active Directory doesn't know this person any more, or the service account may not see them."
	case protocol.ReasonRights:
		return "The service account may not read this account, so it isn't written.\nOn an agent's machine: homeward-agent doctor --person " + name
	}
	return "Nothing is known of this person now: " + obstacle(name, r)
}

// obstacle is a reason as the end of a sentence.
func obstacle(name string, r protocol.Reason) string {
	switch r {
	case protocol.ReasonDisabled:
		return "the account is disabled."
	case protocol.ReasonAccountExpired:
		return "the account has expired."
	case protocol.ReasonProtected:
		return "the account is protected (adminCount=1), so Homeward never writes it. Another administrator resets it in Active Directory."
	case protocol.ReasonRights:
		return "the service account lacks rights. On an agent's machine: homeward-agent doctor --person " + name
	case protocol.ReasonAmbiguous:
		return "two enabled accounts belong to this person."
	}
	return strings.ReplaceAll(string(r), "_", " ") + "."
}
