package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/server"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
)

type peopleCreate struct {
	ofTenant

	UPN       string `arg:"" name:"upn" help:"Sign-in name, such as ines.carvalho@contoso.com."`
	Name      string `arg:"" help:"Name that is shown."`
	Mail      string `help:"Mail address; it is also what a soft match looks for." placeholder:"ADDRESS"`
	Immutable string `help:"Source anchor in Base64 (onPremisesImmutableId), for a hard match." name:"immutable-id" placeholder:"ID"`
	Password  bool   `help:"Read the account's own password from standard input."`
}

// Run implements the verb.
func (v *peopleCreate) Run(ctx context.Context, s command.Streams) error {
	var password []byte
	if v.Password {
		var err error
		if password, err = (&peopleReset{}).password(s); err != nil {
			return err
		}
		defer clear(password)
	}
	return v.withEngine(ctx, s, func(e *provision.Engine, st *store.Store, id string) error {
		p, err := e.CreateAccount(ctx, id, operator(), provision.Account{UPN: v.UPN, DisplayName: v.Name, Mail: v.Mail, Anchor: v.Immutable})
		if err != nil {
			return err
		}
		if v.Password {
			if err := server.CloudPasswords(st, time.Now).Set(ctx, id, p.ID, bytes.Clone(password)); err != nil {
				return fmt.Errorf("%s was made, but its password wasn't stored: %w", p.UPN, err)
			}
		}
		_, err = fmt.Fprintf(s.Out, "Made %s, in the cloud only until a directory's account matches it.\n", p.UPN)
		return err
	})
}

type peopleLoad struct {
	ofTenant

	File    string `arg:"" help:"CSV file with a header: userPrincipalName, displayName, and any of mail, givenName, surname, mobile, immutableId." type:"existingfile"`
	DryRun  bool   `help:"Say what is wrong and make nothing."`
	Partial bool   `help:"Make the accounts of the lines that are right even if others are wrong."`
}

// Run implements the verb.
func (v *peopleLoad) Run(ctx context.Context, s command.Streams) error {
	f, err := os.Open(v.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if v.DryRun {
		accounts, wrong, err := provision.ParseAccounts(f)
		if err != nil {
			return err
		}
		if err := tellWrong(s, v.File, wrong); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%d accounts would be made. Names that are taken already show when it is done.\n", len(accounts))
		return errors.Join(err, toldIf(len(wrong) > 0))
	}
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		made, wrong, err := e.ImportAccounts(ctx, id, operator(), f, v.Partial)
		if err != nil {
			return err
		}
		if err := tellWrong(s, v.File, wrong); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "Made %d accounts.\n", made)
		return errors.Join(err, toldIf(len(wrong) > 0))
	})
}

func tellWrong(s command.Streams, file string, wrong []provision.LineError) error {
	for _, w := range wrong {
		if _, err := fmt.Fprintf(s.Err, "%s, line %d: %s\n", file, w.Line, w.Message); err != nil {
			return err
		}
	}
	return nil
}

func toldIf(failed bool) error {
	if failed {
		return command.ErrTold
	}
	return nil
}

type peopleAccounts struct {
	ofTenant
	asJSON

	Find    string `arg:"" optional:"" help:"Part of a name or an address."`
	Cloud   bool   `help:"Only accounts that live in the cloud."`
	Deleted bool   `help:"Those deleted in the last 30 days."`
	Limit   int    `help:"How many." default:"100"`
}

// Run implements the verb.
func (v *peopleAccounts) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.Accounts(ctx, id, provision.Filter{Find: v.Find, Cloud: v.Cloud, Deleted: v.Deleted, Limit: v.Limit})
		if err != nil {
			return err
		}
		t := v.table("Nobody is found.", "SIGN-IN NAME", "NAME", "DIRECTORY", "MAIL", "STATE")
		for _, p := range all {
			t.Add(p.UPN, p.DisplayName, directoryName(p), p.Mail, accountState(p, v.zone))
		}
		return v.print(s, each(all, personOf), t)
	})
}

// Answer implements cli.Answering.
func (peopleAccounts) Answer() any { return []personAnswer(nil) }

func directoryName(p provision.Person) string {
	if p.Cloud() {
		return "cloud only"
	}
	return p.Name()
}

func accountState(p provision.Person, zone *time.Location) string {
	switch {
	case !p.Living():
		return "deleted " + answer.Within(p.Deleted, zone).Format("2006-01-02")
	case p.Held != "":
		return "waits for a decision (" + strings.ReplaceAll(string(p.Held), "_", " ") + ")"
	case p.Missing:
		return "gone from the directory, waits to be deleted"
	case p.Disabled:
		return "turned off"
	case p.Protected:
		return "protected"
	}
	return "ok"
}

type peopleRemove struct {
	ofTenant

	Name string `arg:"" help:"Sign-in name of a cloud account."`
}

// Run implements the verb.
func (v *peopleRemove) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, st *store.Store, id string) error {
		p, err := personNamed(ctx, st, id, v.Name)
		if err != nil {
			return err
		}
		if err := e.DeleteAccount(ctx, id, operator(), p.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "Deleted %s.\n", p.UPN)
		return err
	})
}

// personNamed finds exactly one person by a name.
func personNamed(ctx context.Context, st *store.Store, tenantID, name string) (provision.Person, error) {
	found, err := st.FindPeople(ctx, tenantID, name)
	switch {
	case err != nil:
		return provision.Person{}, err
	case len(found) == 0:
		return provision.Person{}, fmt.Errorf("nobody is called %q; homeward people list shows who there is", name)
	case len(found) > 1:
		return provision.Person{}, fmt.Errorf("%d people are called %q: use the sign-in name or DOMAIN\\name", len(found), name)
	}
	return found[0], nil
}

type roleVerbs struct {
	Set   roleSet   `cmd:"" help:"Give somebody a role. Who holds one is never joined to a directory's account."`
	Clear roleClear `cmd:"" help:"Take a role away."`
	List  roleList  `cmd:"" help:"Who holds which role."`
}

// roleOf is one person and one role.
type roleOf struct {
	ofTenant

	Name string `arg:"" help:"Sign-in name."`
	Role string `arg:"" help:"Role, such as \"Global Administrator\"."`
}

type roleSet struct{ roleOf }

// Run implements the verb.
func (v *roleSet) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, st *store.Store, id string) error {
		p, err := personNamed(ctx, st, id, v.Name)
		if err != nil {
			return err
		}
		if err := e.SetRole(ctx, id, operator(), p.ID, v.Role); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%s is %s now.\n", p.UPN, v.Role)
		return err
	})
}

type roleClear struct{ roleOf }

// Run implements the verb.
func (v *roleClear) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, st *store.Store, id string) error {
		p, err := personNamed(ctx, st, id, v.Name)
		if err != nil {
			return err
		}
		if err := e.ClearRole(ctx, id, operator(), p.ID, v.Role); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%s is not %s any more.\n", p.UPN, v.Role)
		return err
	})
}

type roleList struct {
	ofTenant
	asJSON
}

// Run implements the verb.
func (v *roleList) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.RoleHolders(ctx, id)
		if err != nil {
			return err
		}
		t := v.table("Nobody holds a role.", "WHO", "ROLE", "SINCE", "BY")
		for _, r := range all {
			t.Add(r.Name, r.Role, r.At, r.Operator)
		}
		return v.print(s, each(all, roleOfRecord), t)
	})
}

// Answer implements cli.Answering.
func (roleList) Answer() any { return []roleAnswer(nil) }
