package provision

import (
	"time"

	"homeward/internal/protocol"
)

// Agent is who syncs.
type Agent struct {
	ID      string
	Machine string // host name, for operators
}

// Key names one domain's sync; staging runs beside the real one.
type Key struct {
	Tenant  string
	Domain  string // folded
	Staging bool
}

// Lease is the row of one domain: who syncs it and how far that is.
type Lease struct {
	Key
	NetBIOS    string
	Epoch      int64
	Holder     string // agent id; empty: nobody
	Machine    string
	Expires    time.Time
	Seq        int64  // number of the batch that comes next
	LastEpoch  int64  // of the last batch that was applied
	Cursor     []byte // where changes go on
	Run        string // full run under way; empty: none
	RunCursor  []byte // where that run goes on
	RunScope   string
	Began      time.Time // of that run
	Scope      string    // digest of the last full run's scope
	Full       bool      // a full run is wanted
	Off        bool      // an operator turned sync off
	Base       string    // the last full run that ended
	Mode       string
	Lagging    time.Time // since when changes wait to be sent
	Detail     string    // why the agent doesn't go on
	Unanchored int
	Status     string    // how the last run ended
	Asked      time.Time // last ask of the holder
	Applied    time.Time // last batch
	Changed    time.Time // last change in the cloud
	Newest     time.Time // newest change in the directory that was applied, by its controller's clock
	Allowed    time.Time // when an operator last let deletions pass
}

// How a run ended. Stored: never rename one.
const (
	RunGoing      = "running"
	RunDone       = "success"
	RunProblems   = "completed-with-problems"
	RunStopped    = "stopped-deletion-threshold-exceeded"
	RunSuperseded = "superseded" // another full run began before its end
)

// Counts is what a run did.
type Counts struct {
	Added, Updated, Deleted, Joined, Faults, Unchanged, Groups int
	Objects                                                    int // that the directory sent
	Bytes                                                      int64
	Micros                                                     int64 // spent reading
}

// Run is one line of the history: a full run, or changes that changed something.
type Run struct {
	Key
	ID      string
	Full    bool
	Agent   string
	DC      string
	Started time.Time
	Ended   time.Time // zero: it goes on
	Status  string
	Counts
}

// Problem is something about one object that an operator should know or decide.
type Problem struct {
	Tenant    string
	Object    string // objectGUID
	Reason    protocol.Reason
	Value     string // what is contested, folded; part of the key
	Domain    string
	Name      string // NETBIOS\name
	DN        string
	Attribute string
	Detail    string
	Person    string // id of the object's own account, if it has one
	Other     string // id of the other account
	OtherName string
	Agent     bool // an agent found it
	Holds     bool // neither of the two can reset until it is decided
	Run       string
	Since     time.Time
}

// Waiting is an object set aside, whole, so that it can be applied as soon as its cause is gone.
type Waiting struct {
	Tenant, Object, Domain, NetBIOS, Hash, Run string
	Since                                      time.Time
	Person                                     protocol.SyncPerson
}

// Choice is what an operator decided about an object.
type Choice string

// Choices. Stored: never rename one.
const (
	ChooseLink   Choice = "link"      // the two are the same person: join them
	ChooseApart  Choice = "apart"     // they are not, and never will be: go on without what is contested
	ChooseThis   Choice = "keep_this" // this object keeps the contested name, the other goes without
	ChooseThat   Choice = "keep_that" // the other keeps it, this goes without
	ChooseMail   Choice = "use_mail"  // sign in with the mail address
	ChooseIgnore Choice = "ignore"    // leave it as it is and say no more
)

// Decision is a choice, remembered. It holds for one object and one contested value or one other account.
type Decision struct {
	Tenant, Object string
	Choice         Choice
	Other          string // account the choice is about
	Value          string // contested name, folded
	Operator       string
	At             time.Time
}

// Verdict tells what would become of an object.
type Verdict string

// Verdicts. Stored: never rename one.
const (
	WouldJoinHard Verdict = "join_hard"
	WouldJoinSoft Verdict = "join_soft"
	WouldLink     Verdict = "link"
	WouldCreate   Verdict = "create"
	WouldRestore  Verdict = "restore"
	WouldUpdate   Verdict = "update"
	WouldLeave    Verdict = "unchanged"
	WouldSkip     Verdict = "skip"
	WouldConflict Verdict = "conflict"
)

// Preview is the verdict on one object of a staging run.
type Preview struct {
	Key
	Object    string
	Verdict   Verdict
	Reason    protocol.Reason // of a conflict; empty: none
	Name      string          // NETBIOS\name
	UPN       string
	Address   string // primary mail address
	Display   string
	Other     string // account it would be joined to or is in conflict with
	OtherName string
	Run       string
}

// CloudPassword is the hash of a cloud account's own password.
type CloudPassword struct {
	Tenant, Person string
	Hash           string // PHC string, made by the caller
	Set            time.Time
	Superseded     time.Time // zero: it is the password
}

// Role is a role somebody holds in the cloud. Whoever holds one is never joined to anything.
type Role struct {
	Tenant, Person, Role string
	Name                 string // of the person, for lists
	Operator             string
	At                   time.Time
}

// Domain is a domain name of a tenant. Verified ones are names people may sign in under.
type Domain struct {
	Tenant, Name, Token string
	Verified            time.Time // zero: not yet
}

// PendingCount is what waits to be deleted in one domain.
type PendingCount struct {
	Living, Missing, Recent int // Recent: deleted since the given time
	Holders                 int // of Missing, those who hold a role
}
