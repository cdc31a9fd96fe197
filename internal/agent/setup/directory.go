package setup

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"

	"homeward/internal/agent"
	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/checkup"
	"homeward/internal/config"
	"homeward/internal/connect"
	"homeward/internal/protocol"
)

// Directory is Active Directory.
type Directory struct{}

// told is an error in the words people are told.
type told struct{ err error }

func (t told) Error() string { return activedirectory.Words(t.err) }
func (t told) Unwrap() error { return t.err }

func inWords(err error) error {
	if err == nil {
		return nil
	}
	return told{err}
}

// with opens a domain for one call.
func with(a connect.Access, do func(*activedirectory.Directory) error) error {
	log := slog.New(slog.DiscardHandler)
	var d *activedirectory.Directory
	var err error
	switch {
	case a.Tickets != "":
		d, err = agent.OpenDirectoryTickets(a.Directory, a.Tickets, log)
	case a.Password != nil && a.User == "":
		d, err = agent.OpenDirectoryWith(a.Directory, func(context.Context) ([]byte, error) { return bytes.Clone(a.Password), nil }, log)
	case a.Password != nil:
		d, err = agent.OpenDirectoryAs(a.Directory, a.User, func(context.Context) ([]byte, error) { return bytes.Clone(a.Password), nil }, log)
	default:
		d, err = agent.OpenDirectory(a.Directory, log)
	}
	if err != nil {
		return err
	}
	err = do(d)
	return inWords(errors.Join(err, d.Close()))
}

// Connect implements connect.Directory.
func (Directory) Connect(ctx context.Context, a connect.Access) (connect.Domain, error) {
	var out connect.Domain
	err := with(a, func(d *activedirectory.Directory) error {
		self, err := d.Self(ctx)
		if err != nil {
			self.Domain, _ = d.Check(ctx) // for the controllers; the reason is told by err
		}
		s := self.Domain
		out = connect.Domain{
			Name: s.Domain, NetBIOS: s.NetBIOS, BaseDN: s.BaseDN, DC: s.DC, Offset: s.Offset, Account: self.Account, Privileged: self.Privileged,
		}
		for _, c := range s.Controllers {
			one := connect.Controller{Host: c.Host, OK: c.OK && !c.ReadOnly, Latency: c.Latency, Problem: strings.ReplaceAll(string(c.Reason), "_", " ")}
			if c.ReadOnly {
				one.Problem = "read-only, not used"
			}
			out.Controllers = append(out.Controllers, one)
		}
		if err == nil && a.Directory.Domain != "" && !strings.EqualFold(s.Domain, a.Directory.Domain) {
			return errors.New("the controllers are of the domain " + s.Domain + ", not " + a.Directory.Domain)
		}
		return err
	})
	return out, err
}

// Census implements connect.Directory.
func (Directory) Census(ctx context.Context, a connect.Access, counted func(int)) (connect.Census, error) {
	var out connect.Census
	err := with(a, func(d *activedirectory.Directory) error {
		c, err := d.Census(ctx, counted)
		out.Forest = c.Forest
		for _, u := range c.Units {
			out.Units = append(out.Units, connect.Unit{DN: u.DN, Name: u.Name, Depth: u.Depth, People: u.People, Protected: u.Protected, Suffixes: u.Suffixes})
		}
		return err
	})
	return out, err
}

// GroupExists implements connect.Directory.
func (Directory) GroupExists(ctx context.Context, a connect.Access, group string) (string, error) {
	var dn string
	err := with(a, func(d *activedirectory.Directory) (err error) {
		dn, err = d.FindGroup(ctx, group)
		return err
	})
	return dn, err
}

// Create implements connect.Administration.
func (Directory) Create(ctx context.Context, admin connect.Access, a connect.Account) (account, upn string, err error) {
	err = with(admin, func(d *activedirectory.Directory) error {
		if a.Reader != "" {
			made, err := d.CreateManaged(ctx, activedirectory.NewManaged{Name: a.Name, Container: a.Container, Description: a.Description, Reader: a.Reader})
			account, upn = made.Account, made.UPN
			return err
		}
		made, err := d.CreateAccount(ctx, activedirectory.NewAccount{Name: a.Name, Container: a.Container, Description: a.Description, Password: a.Password})
		account, upn = made.Account, made.UPN
		return err
	})
	return account, upn, err
}

// Delete implements connect.Administration.
func (Directory) Delete(ctx context.Context, admin connect.Access, a connect.Account) error {
	return with(admin, func(d *activedirectory.Directory) error {
		return d.DeleteAccount(ctx, activedirectory.NewAccount{Name: a.Name, Description: a.Description})
	})
}

// Needed implements connect.Administration.
func (Directory) Needed(ctx context.Context, a connect.Access, account string) (connect.Rights, error) {
	var out connect.Rights
	err := with(a, func(d *activedirectory.Directory) error {
		plan, err := d.PlanFor(ctx, account, a.Directory.Units)
		if activedirectory.ReasonOf(err) == protocol.ReasonNotFound && (a.Password != nil || a.Tickets != "") {
			plan, err = d.PlanAhead(ctx, account, a.Directory.Units)
		}
		if err != nil {
			return err
		}
		for _, s := range plan.Steps {
			out.List = append(out.List, connect.Right{DN: s.DN, Words: s.Words(), Present: s.Settled})
			if !s.Settled && (!s.Unknown || a.Password != nil || a.Tickets != "") {
				out.Missing++
			}
		}
		for _, r := range plan.Commands() {
			out.Script = append(out.Script, checkup.Remedy(r))
		}
		return nil
	})
	return out, err
}

// Grant implements connect.Administration. What is taken back is everything that may have been given.
func (Directory) Grant(ctx context.Context, admin connect.Access, account string, remove bool, done func(connect.Right)) error {
	if remove {
		admin.Directory.Sync, admin.Directory.Features = config.Sync{Mode: "on"}, config.Features{}
	}
	return with(admin, func(d *activedirectory.Directory) error {
		look := d.PlanFor
		if remove {
			look = d.PlanRevokeFor
		}
		plan, err := look(ctx, account, admin.Directory.Units)
		if err != nil {
			return err
		}
		return d.Apply(ctx, plan, func(c activedirectory.Change) {
			if c.Done {
				done(connect.Right{DN: c.Step.DN, Words: c.Step.Words(), Present: !remove})
			}
		})
	})
}

var (
	_ connect.Directory      = Directory{}
	_ connect.Administration = Directory{}
	_ connect.Cloud          = (*Cloud)(nil)
)
