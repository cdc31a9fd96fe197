// Package connect is the wizard that sets an agent up: questions become answers, answers a plan, and the plan is
// carried out. It has three faces for the same pages: screens of 80x24, plain lines for screen readers and remote
// shells, and no face at all, when a file of answers speaks.
//
// It guarantees that nothing is changed anywhere before Configure is chosen, and that everything that will be changed
// is listed first; that each answer is checked where it is given, and a check that fails stops there with its reason
// and what to do; that passwords and one-time codes reach no file, no screen, no error and no list of answers, but
// for the service account's own password, which goes into a file only the agent can read; and that running it again
// does only what is missing.
//
// It knows nothing of LDAP, of the relay or of a service manager: those are behind the interfaces in this file.
package connect

import (
	"context"
	"log/slog"
	"time"

	"homeward/internal/config"
	"homeward/internal/doctor"
	"homeward/internal/protocol"
)

// Portal is what the portal shows of itself.
type Portal struct {
	TLS      string
	NotAfter time.Time     // of its certificate
	Offset   time.Duration // its clock minus this machine's
	Trip     time.Duration
	Key      string // fingerprint of the key this agent enrols with, or is enrolled with
	Enrolled bool   // this machine's agent is enrolled with this portal already
}

// Enrolment is what an enrolment gave, and the agent that the portal retires as soon as this one works.
type Enrolment struct{ Agent, Key, Tenant, Retires string }

// Cloud is the portal.
type Cloud interface {
	Look(ctx context.Context, c config.Agent) (Portal, error)
	Check(ctx context.Context, c config.Agent, code string) (protocol.SetupAnswer, error)
	Device(ctx context.Context, c config.Agent, shown func(protocol.DeviceAnswer)) (protocol.DeviceResult, error)
	// Enrol enrols; anew also where this machine is enrolled already.
	Enrol(ctx context.Context, c config.Agent, code, domain string, anew bool) (Enrolment, error)
}

// Access is a domain and who asks: the service account as the configuration names it, with a password that isn't in
// its file yet, or, with a user as well, somebody else.
type Access struct {
	Directory config.Directory
	User      string
	Password  []byte
	Tickets   string // a file of Kerberos tickets, instead of user and password
}

// Controller is one domain controller as it answered.
type Controller struct {
	Host    string
	OK      bool
	Latency time.Duration
	Problem string // in words
}

// Domain is a domain that answered.
type Domain struct {
	Name, NetBIOS, BaseDN string
	Account               string   // who asked, as DOMAIN\name
	Privileged            []string // groups that make the asker an administrator
	Offset                time.Duration
	DC                    string
	Controllers           []Controller
}

// Unit is an OU or container with the people directly in it.
type Unit struct {
	DN, Name  string
	Depth     int // 0: the domain itself
	People    int
	Protected int
	Suffixes  map[string]int // of their userPrincipalNames
}

// Census is who lives where.
type Census struct {
	Units  []Unit
	Forest []string // UPN suffixes the forest offers
}

// Directory is Active Directory, read.
type Directory interface {
	// Connect signs in. The Domain also tells of the controllers when it fails.
	Connect(ctx context.Context, a Access) (Domain, error)
	Census(ctx context.Context, a Access, counted func(int)) (Census, error)
	// GroupExists looks for a group by DN or name and returns its DN.
	GroupExists(ctx context.Context, a Access, group string) (string, error)
}

// Account is a service account to be made.
type Account struct {
	Name        string
	Container   string // DN; empty: the container for users
	Description string
	Password    []byte
	Reader      string // who may read its password: a gMSA, which has none of its own here
}

// Right is one entry in one access control list.
type Right struct {
	DN, Words string
	Present   bool
}

// Rights are what the service account needs, and what of it is there.
type Rights struct {
	List    []Right
	Script  []doctor.Remedy // for what is missing, for somebody else to run
	Missing int
}

// Administration is what an administrator does, or is shown. No method changes anything but those that say so.
type Administration interface {
	// Create makes the account, and returns it as DOMAIN\name and as user@domain.
	Create(ctx context.Context, admin Access, a Account) (account, upn string, err error)
	// Needed lists the rights of account below the units of the directory, as admin or as the account itself sees them.
	Needed(ctx context.Context, a Access, account string) (Rights, error)
	// Grant gives them, or takes them all back, and tells each that it changed.
	Grant(ctx context.Context, admin Access, account string, remove bool, done func(Right)) error
	// Delete removes an account that Create made.
	Delete(ctx context.Context, admin Access, a Account) error
}

// Host is the machine.
type Host interface {
	Findings(ctx context.Context) []doctor.Finding
	// Start starts the agent anew with this configuration, or says how to. It waits until the portal has heard of it.
	Start(ctx context.Context, configFile string) ([]doctor.Finding, error)
	// Stop ends and forgets the service.
	Stop(ctx context.Context, configFile string) ([]doctor.Finding, error)
	Doctor(ctx context.Context, configFile string) (doctor.Report, error)
}

// World is everything outside.
type World struct {
	Cloud          Cloud
	Directory      Directory
	Administration Administration
	Host           Host
	Now            func() time.Time
	// Log keeps what was done; it never gets a secret.
	Log *slog.Logger
}

// Options say how the wizard runs.
type Options struct {
	Config  string // path of agent.yaml
	Answers string // path; empty: they are not kept
	Import  string // path of an exported configuration that the questions begin with
	Build   string
	Machine string
	Color   bool
	ASCII   bool // the terminal shows no UTF-8
}
