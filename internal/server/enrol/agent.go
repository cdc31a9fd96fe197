package enrol

import "time"

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
	Machine      string
	Domain       string // DNS name of the domain it writes to
	SealKey      []byte // public HPKE key
	KeyID        string // hex
	Build        string
	Protocol     int
	Status       Status
	Created      time.Time
	Seen         time.Time // last hello or heartbeat
	DirectoryOK  bool
	Reason       string    // why the directory is not OK
	Since        time.Time // of the directory's state
	ImportWanted bool
	Imported     time.Time // end of the last complete import
}

// Code is a one-time enrolment code, stored only as a hash.
type Code struct {
	Tenant  string
	Hash    []byte // SHA-256
	Created time.Time
	Expires time.Time
	UsedBy  string // agent id; empty while unused
}
