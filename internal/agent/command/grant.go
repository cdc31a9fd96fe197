package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"homeward/internal/agent"
	"homeward/internal/agent/activedirectory"
	"homeward/internal/config"
)

// Grant gives the service account exactly the rights it needs.
type Grant struct{ change }

// Revoke takes them back.
type Revoke struct{ change }

// Run implements the verb.
func (g *Grant) Run(ctx context.Context, s Streams) error { return g.run(ctx, s, false) }

// Run implements the verb.
func (r *Revoke) Run(ctx context.Context, s Streams) error { return r.run(ctx, s, true) }

// change is what both verbs have in common.
type change struct {
	File

	DryRun bool     `help:"Show what would change, and change nothing."`
	Unit   []string `help:"Only this OU (its DN); may be repeated. Without: every OU of the configuration." sep:"none" placeholder:"DN"`
	Domain string   `help:"Only this domain, by its DNS name. Without: every domain of the configuration." placeholder:"NAME"`
	As     string   `help:"Domain admin who changes the permissions: DOMAIN\\name or name@domain. Asked for when left out; the password always is." placeholder:"USER"`
}

func (v *change) run(ctx context.Context, s Streams, remove bool) error {
	c, err := v.load()
	if err != nil {
		return err
	}
	dirs, err := agent.OpenDirectories(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = dirs.Close() }()
	matched := false
	for i, dir := range dirs.List() {
		units, mine, err := v.units(ctx, c, i, dir)
		if err != nil {
			return fmt.Errorf("directories[%d]: %w", i, err)
		}
		if !mine {
			continue
		}
		matched = true
		if err := v.one(ctx, s, dir, units, remove); err != nil {
			return err
		}
	}
	if !matched {
		return errors.New("no domain of the configuration matches --domain and --unit")
	}
	return nil
}

// units are those to change in one domain; mine is false when the flags mean another.
func (v *change) units(ctx context.Context, c config.Agent, i int, dir *activedirectory.Directory) (units []string, mine bool, err error) {
	if v.Domain == "" && v.Unit == nil {
		return c.Directories[i].Units, true, nil
	}
	state, err := dir.Check(ctx)
	if err != nil {
		return nil, false, err
	}
	if v.Domain != "" && !strings.EqualFold(v.Domain, state.Domain) {
		return nil, false, nil
	}
	if v.Unit == nil {
		return c.Directories[i].Units, true, nil
	}
	for _, u := range v.Unit {
		if activedirectory.Below(u, []string{state.BaseDN}) {
			units = append(units, u)
		}
	}
	return units, len(units) > 0, nil
}

func (v *change) one(ctx context.Context, s Streams, dir *activedirectory.Directory, units []string, remove bool) error {
	look := dir.PlanGrant
	if remove {
		look = dir.PlanRevoke
	}
	plan, err := look(ctx, units)
	if err != nil {
		return err
	}
	if err := show(s.Out, plan); err != nil {
		return err
	}
	switch {
	case plan.Done():
		_, err = fmt.Fprintln(s.Out, "Nothing to do.")
		return err
	case v.DryRun:
		_, err = fmt.Fprintln(s.Out, "Nothing was changed (--dry-run).")
		return err
	}
	return v.apply(ctx, s, dir, plan)
}

// show prints every entry before anything happens to it.
func show(w io.Writer, p activedirectory.Plan) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, for %s\n", p.Domain, p.Account)
	dn := ""
	for _, step := range p.Steps {
		if step.DN != dn {
			dn = step.DN
			fmt.Fprintf(&b, "  %s\n", dn)
		}
		fmt.Fprintf(&b, "    %s %s\n", mark(p, step), step.Words())
		if !step.Settled {
			fmt.Fprintf(&b, "            %s\n", step.ACE.SDDL())
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func mark(p activedirectory.Plan, s activedirectory.Step) string {
	switch {
	case s.Settled && p.Remove:
		return "absent "
	case s.Settled:
		return "present"
	case p.Remove:
		return "remove "
	case s.Unknown:
		return "add?   " // the service account can't see whether it is there
	}
	return "add    "
}

// apply asks for the administrator, and carries the plan out. The password is wiped when it returns.
func (v *change) apply(ctx context.Context, s Streams, dir *activedirectory.Directory, plan activedirectory.Plan) error {
	user := v.As
	var err error
	if user == "" {
		_, _ = fmt.Fprintf(s.Err, "Domain admin of %s (DOMAIN\\name or name@domain): ", plan.Domain)
		line, err := readLine(s.In)
		if err != nil {
			return fmt.Errorf("read the administrator's name: %w", err)
		}
		user = string(line)
	}
	_, _ = fmt.Fprintf(s.Err, "Password of %s, used now and never stored: ", user)
	password, err := readSecret(s.In)
	defer clear(password)
	_, _ = fmt.Fprintln(s.Err)
	if err != nil {
		return fmt.Errorf("read the administrator's password: %w", err)
	}
	if len(password) == 0 {
		return errors.New("nothing was changed: no password was given")
	}
	admin, err := dir.As(user, func(context.Context) ([]byte, error) { return bytes.Clone(password), nil })
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	defer func() { _ = admin.Close() }()
	return carryOut(ctx, s.Out, admin, plan)
}

func carryOut(ctx context.Context, w io.Writer, admin *activedirectory.Directory, plan activedirectory.Plan) error {
	changed, told := 0, 0
	err := admin.Apply(ctx, plan, func(c activedirectory.Change) {
		told++
		if c.Done {
			changed++
			verb := "added"
			if plan.Remove {
				verb = "removed"
			}
			fmt.Fprintf(w, "%s on %s: %s\n", verb, c.Step.DN, c.Step.Words())
		}
	})
	switch {
	case err != nil && changed == 0:
		return fmt.Errorf("nothing was changed: %s", activedirectory.Words(err))
	case err != nil:
		fmt.Fprintln(w, "Not done:")
		for _, step := range plan.Steps[told:] {
			if !step.Settled {
				fmt.Fprintf(w, "  %s: %s\n", step.DN, step.Words())
			}
		}
		return fmt.Errorf("broke off after %d of %d; run it again to do the rest: %w", changed, len(plan.Steps), err)
	}
	_, err = fmt.Fprintf(w, "%d changed. Other controllers follow when they replicate. Look with: homeward-agent doctor\n", changed)
	return err
}

// maxLine bounds what is read as a name or a password.
const maxLine = 1024

// readLine reads up to the end of the line, byte by byte: what follows belongs to the next question, and no buffer
// keeps a copy of a password.
func readLine(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, maxLine)
	var one [1]byte
	for len(line) < maxLine {
		n, err := r.Read(one[:])
		if n == 1 && one[0] == '\n' {
			break
		}
		line = append(line, one[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			clear(line)
			return nil, err
		}
	}
	return bytes.TrimSuffix(line, []byte("\r")), nil
}

// readSecret reads a line without showing it when it is typed.
func readSecret(r io.Reader) ([]byte, error) {
	restore, err := hideTyping(r)
	if err != nil {
		return nil, err
	}
	defer restore()
	return readLine(r)
}
