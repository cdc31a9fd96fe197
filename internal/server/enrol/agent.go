package enrol

import (
	"slices"
	"strings"
	"time"

	"homeward/internal/protocol"
)

// Status is what an agent is allowed.
type Status string

// Statuses of an agent.
const (
	Approved Status = "approved"
	Revoked  Status = "revoked"
)

// Agent is one enrolled agent.
type Agent struct {
	Tenant       string
	ID           string // public nkey, U…
	Machine      string // host name
	Domain       string // DNS name of the first domain it writes to
	SealKey      []byte // public HPKE key
	KeyID        string // hex
	Build        string
	Protocol     int
	Status       Status
	Created      time.Time
	Seen         time.Time // last hello or heartbeat
	DirectoryOK  bool      // at least one domain can be written
	Reason       string    // why the first domain that can't be written can't
	Since        time.Time // of that domain's state, or of the first one's
	ImportWanted bool
	Imported     time.Time // end of the last complete import

	MachineID  string    // protocol.Machine.ID of the machine it serves from; empty: not known
	Draining   time.Time // takes no new requests since then; zero: it does
	RevokedAt  time.Time
	Pending    int       // requests it said it was carrying out
	CommandKey string    // id of the newest command key it obeys; empty: the server's first
	OldKeyID   string    // sealing key before the present one, hex
	KeySince   time.Time // of the present sealing key; zero: since it enrolled
	Replaces   string    // agent that is retired as soon as this one works in its place
	Rival      Rival     // the last who was refused with this agent's identity
	Domains    []Domain  // in the order of its configuration
}

// Rival is a machine that tried to serve with the identity of an agent that serves from another.
type Rival struct {
	Machine protocol.Machine
	Reason  protocol.Reason // ReasonAgentCloned, or ReasonAgentMoved: it waits for an operator's approval
	At      time.Time
}

// Domain is what an agent says of one of its domains.
type Domain struct {
	Name     string // DNS name, lower case
	NetBIOS  string
	OK       bool
	Reason   protocol.Reason
	DC       string
	Since    time.Time // of this state
	Testable bool      // the agent's configuration names a test account
	Imported time.Time // end of the last complete import
	// What the agent's own configuration turns off for the domain.
	SyncOff, WritebackOff bool
}

// At is where the agent serves from.
func (a Agent) At() protocol.Machine { return protocol.Machine{Name: a.Machine, ID: a.MachineID} }

// Serves returns what the agent says of a domain.
func (a Agent) Serves(domain string) (Domain, bool) {
	i := slices.IndexFunc(a.Domains, func(d Domain) bool { return strings.EqualFold(d.Name, domain) })
	if i < 0 {
		return Domain{}, false
	}
	return a.Domains[i], true
}

// Test is how the last test write to a domain ended.
type Test struct {
	Tenant string
	Domain string // lower case
	Agent  string
	At     time.Time // by the server's clock
	Result protocol.TestResult
}

// Code is a one-time enrolment code, stored only as a hash.
type Code struct {
	Tenant  string
	Hash    []byte // SHA-256
	Created time.Time
	Expires time.Time
	// Replaces is the agent that goes when the one enrolled with this code works in its place; usually empty.
	Replaces string
	UsedBy   string // agent id; empty while unused
}
