package main

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
	"homeward/internal/server"
	"homeward/internal/server/setting"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

type tenantVerbs struct {
	Create tenantCreate `cmd:"" help:"Make a tenant."`
	List   tenantList   `cmd:"" help:"List the tenants."`
	Show   tenantShow   `cmd:"" help:"Show a tenant: how its pages look and what they say, its time zone, how many people and agents it has."`

	Set           tenantSet           `cmd:"" help:"Show or set where a tenant's people are: their time zone."`
	Customize     tenantCustomize     `cmd:"" aliases:"customization,brand" help:"Show or set how the pages for people look and what they say."`
	Notifications tenantNotifications `cmd:"" help:"Show or set who hears about what."`
	Expiry        tenantExpiry        `cmd:"" help:"Show or set when people are reminded that their password expires."`
	Checks        policyMethods       `cmd:"" help:"Show or set how people prove who they are; the same as policy methods."`
	Registration  policyRegistration  `cmd:"" help:"Show or set whether people must register methods, and by what proof; the same as policy registration."`
}

type tenantCreate struct {
	file

	ID       string `arg:"" help:"Short name: lower-case letters, digits and hyphens."`
	Name     string `arg:"" help:"Name that people see."`
	Helpdesk string `help:"Telephone number of the helpdesk." placeholder:"NUMBER"`
	HelpURL  string `help:"Web page of the helpdesk." placeholder:"URL"`
	Zone     string `help:"Time zone of the people, such as Europe/Stockholm." default:"UTC" aliases:"time-zone"`
	SignIn   string `help:"Where people sign in after a reset." placeholder:"URL"`
}

// Run implements the verb.
func (v *tenantCreate) Run(ctx context.Context, s command.Streams) error {
	if !validID(v.ID) {
		return cli.Wrong(fmt.Errorf("tenant id %q: use 1 to 40 lower-case letters, digits and hyphens, beginning with a letter", v.ID))
	}
	zone, err := setting.ParseZone(v.Zone)
	if err != nil {
		return cli.Wrong(err)
	}
	st, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	t := tenant.Tenant{ID: v.ID, Name: v.Name, Settings: tenant.Settings{
		HelpdeskPhone: v.Helpdesk, HelpURL: v.HelpURL, SignInURL: v.SignIn,
		TimeZone: zone, UnlockOnly: true,
	}}
	if err := server.CreateTenant(ctx, st, t); err != nil {
		return fmt.Errorf("create tenant %s: %w", v.ID, err)
	}
	_, err = fmt.Fprintf(s.Out, "Made tenant %s. Next: homeward agent code\n", v.ID)
	return err
}

func validID(id string) bool {
	if id == "" || len(id) > 40 || id[0] < 'a' || id[0] > 'z' {
		return false
	}
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

type tenantList struct {
	file
	asJSON
}

// tenantAnswer is one tenant.
type tenantAnswer struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	People  int         `json:"people"`
	Agents  int         `json:"agents" about:"Cut-off ones too."`
	Created answer.Time `json:"created"`
}

// Answer implements cli.Answering.
func (tenantList) Answer() any { return []tenantAnswer(nil) }

func tenantOf(ctx context.Context, st *store.Store, t tenant.Tenant) (tenantAnswer, error) {
	people, err := st.CountPeople(ctx, t.ID)
	if err != nil {
		return tenantAnswer{}, err
	}
	agents, err := st.Agents(ctx, t.ID)
	return tenantAnswer{t.ID, t.Name, people, len(agents), answer.At(t.Created)}, err
}

// Run implements the verb.
func (v *tenantList) Run(ctx context.Context, s command.Streams) error {
	st, err := v.open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }()
	all, err := st.Tenants(ctx)
	if err != nil {
		return err
	}
	t := answer.Of("No tenant exists yet: homeward tenant create", "ID", "NAME", "PEOPLE", "AGENTS")
	list := []tenantAnswer{}
	for _, one := range all {
		a, err := tenantOf(ctx, st, one)
		if err != nil {
			return err
		}
		t.Add(a.ID, a.Name, a.People, a.Agents)
		list = append(list, a)
	}
	return v.print(s, list, t)
}

type tenantShow struct {
	ofTenant
	asJSON
}

// tenantWhole is a tenant with what its pages say.
type tenantWhole struct {
	tenantAnswer

	Account  string      `json:"account" about:"Public key of its relay account."`
	TimeZone string      `json:"time_zone"`
	Brand    brandAnswer `json:"brand"`
}

// Answer implements cli.Answering.
func (tenantShow) Answer() any { return tenantWhole{} }

// Run implements the verb.
func (v *tenantShow) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		one, err := st.Tenant(ctx, id)
		if err != nil {
			return err
		}
		counted, err := tenantOf(ctx, st, one)
		if err != nil {
			return err
		}
		a := tenantWhole{counted, one.Account, orWords(one.Settings.TimeZone, "UTC"), brandOf(one)}
		t := answer.Settings()
		t.Zone = v.zone
		t.Add("id", a.ID)
		t.Add("people", a.People)
		t.Add("agents", a.Agents)
		t.Add("time zone", a.TimeZone)
		t.Add("created", a.Created)
		a.Brand.add(t)
		return v.print(s, a, t)
	})
}

type tenantSet struct {
	settings

	Zone *string `name:"time-zone" help:"IANA name, such as Europe/Stockholm. Times are told by it on pages, in mails and here." placeholder:"NAME"`
}

// placeAnswer is where a tenant's people are.
type placeAnswer struct {
	TimeZone string      `json:"time_zone"`
	Now      answer.Time `json:"now"`
}

// Answer implements cli.Answering.
func (tenantSet) Answer() any { return placeAnswer{} }

// Run implements the verb.
func (v *tenantSet) Run(ctx context.Context, s command.Streams) error {
	var change func(t *tenant.Tenant) error
	if v.Zone != nil {
		zone, err := setting.ParseZone(*v.Zone)
		if err != nil {
			return cli.Wrong(err)
		}
		change = func(t *tenant.Tenant) error {
			t.Settings.TimeZone = zone
			return nil
		}
	}
	return v.run(ctx, s, of(setting.Place), change, func(t tenant.Tenant) (any, *answer.Table) {
		a := placeAnswer{orWords(t.Settings.TimeZone, "UTC"), answer.At(time.Now())}
		table := answer.Settings()
		table.Zone = t.Settings.Location()
		table.Add("time zone", a.TimeZone)
		table.Add("now", a.Now)
		return a, table
	})
}
