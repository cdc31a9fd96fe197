package provision

import (
	"context"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
)

// Store keeps people, groups and what sync needs to go on.
type Store interface {
	Tx
	// SyncTx runs do in one transaction. No other SyncTx of the same tenant runs beside it, on any server. An unknown
	// tenant is an error.
	SyncTx(ctx context.Context, tenantID string, do func(Tx) error) error
	// MeasurePeople has the database take statistics of the tables that sync fills, which may still be growing. It isn't for a
	// transaction.
	MeasurePeople(ctx context.Context, growing bool) error
	// FreeLeases ends every lease an agent holds.
	FreeLeases(ctx context.Context, agentID string) error
}

// Tx is what can be done in one transaction.
type Tx interface {
	LeaseTx
	PeopleTx
	ClaimTx
	MissingTx
	GroupTx
	ProblemTx
	RunTx
	AccountTx
	ReportTx
	PageTx
}

// LeaseTx reads and writes the row of a domain's sync.
type LeaseTx interface {
	// TakeLease gives the lease to l.Holder, or prolongs it. It goes to a new epoch unless the same agent holds it under
	// epoch. taken is false while another one has it.
	TakeLease(ctx context.Context, l Lease, epoch int64, now time.Time) (have Lease, taken bool, err error)
	Lease(ctx context.Context, k Key) (l Lease, found bool, err error)
	// SaveLease stores a lease's progress if epoch and number are still those of l.Epoch and seq.
	SaveLease(ctx context.Context, l Lease, seq int64) (bool, error)
	Leases(ctx context.Context, tenantID string) ([]Lease, error)
	// WantFull asks for a full run of a domain; of all with an empty one.
	WantFull(ctx context.Context, tenantID, domain string) (int, error)
	SetSyncOff(ctx context.Context, k Key, off bool) error
	// AllowPending notes that an operator let deletions pass.
	AllowPending(ctx context.Context, k Key, at time.Time) error
	Tenant(ctx context.Context, id string) (tenant.Tenant, error)
}

// PeopleTx finds and writes people. Lists of names are folded ones.
type PeopleTx interface {
	SeenObjects(ctx context.Context, tenantID string, objects []string) ([]Seen, error)
	PeopleByObject(ctx context.Context, tenantID string, objects []string) ([]Person, error) // deleted ones too
	PeopleByAnchor(ctx context.Context, tenantID string, anchors []string) ([]Person, error) // deleted ones too
	PeopleByUPN(ctx context.Context, tenantID string, folded []string) ([]Person, error)     // living ones
	PeopleByID(ctx context.Context, tenantID string, ids []string) ([]Person, error)         // deleted ones too
	InsertPeople(ctx context.Context, people []Person) error
	UpdatePeople(ctx context.Context, people []Person) error
	// FreeUPN takes the sign-in names of people away, so that they can change them among each other.
	FreeUPN(ctx context.Context, tenantID string, ids []string) error
}

// ClaimTx finds and writes mail addresses.
type ClaimTx interface {
	Claims(ctx context.Context, tenantID string, folded []string) ([]Claim, error)
	ClaimsOf(ctx context.Context, tenantID string, people []string) ([]Claim, error)
	DropClaims(ctx context.Context, tenantID string, people []string) error
	PutClaims(ctx context.Context, tenantID string, claims []Claim) error
}

// MissingTx handles those the directory no longer has.
type MissingTx interface {
	// MarkSeen notes that people are there; of a full run unless run is empty.
	MarkSeen(ctx context.Context, tenantID, run string, objects []string) error
	MarkMissing(ctx context.Context, k Key, objects []string) error
	// MarkUnnamed marks everybody of a domain whom a run didn't name.
	MarkUnnamed(ctx context.Context, k Key, run string) error
	CountPending(ctx context.Context, k Key, since time.Time) (PendingCount, error)
	// DeleteMissing deletes those marked, softly, and returns them. Holders of a role only with holders.
	DeleteMissing(ctx context.Context, k Key, at time.Time, holders bool) ([]Person, error)
	Purge(ctx context.Context, tenantID string, before time.Time) (int, error)
}

// GroupTx writes groups and members.
type GroupTx interface {
	Groups(ctx context.Context, tenantID string, objects []string) ([]Group, error) // deleted ones too
	PutGroups(ctx context.Context, groups []Group) error
	PutMembers(ctx context.Context, tenantID, group, token string, members []string) error
	DropMembers(ctx context.Context, tenantID, group string, members []string) error
	// LeaveGroups takes objects that a domain has deleted out of every group, of whatever domain. Those that another
	// domain has stay.
	LeaveGroups(ctx context.Context, k Key, members []string) error
	// DropOthers takes those out that the list with that token didn't name.
	DropOthers(ctx context.Context, tenantID, group, token string) error
	MarkGroupsSeen(ctx context.Context, tenantID, run string, objects []string) error
	MarkGroupsMissing(ctx context.Context, k Key, objects []string) error
	MarkGroupsUnnamed(ctx context.Context, k Key, run string) error
	CountPendingGroups(ctx context.Context, k Key, since time.Time) (PendingCount, error)
	DeleteMissingGroups(ctx context.Context, k Key, at time.Time) (int, error)
}

// ProblemTx keeps problems, what waits for them to end, and what was decided.
type ProblemTx interface {
	ProblemsOf(ctx context.Context, tenantID string, objects []string) ([]Problem, error)
	PutProblems(ctx context.Context, problems []Problem) error
	DropProblems(ctx context.Context, problems []Problem) error
	Waiting(ctx context.Context, tenantID string, objects []string) ([]Waiting, error)
	// WaitingFor returns objects that wait for one of those names or accounts.
	WaitingFor(ctx context.Context, tenantID string, values, people []string, limit int) ([]string, error)
	// AllWaiting returns objects that wait, after one, by object.
	AllWaiting(ctx context.Context, tenantID, after string, limit int) ([]string, error)
	PutWaiting(ctx context.Context, w Waiting) error
	DropWaiting(ctx context.Context, k Key, objects []string) error
	// DropUnnamed drops problems and what waits of a domain that a run didn't name.
	DropUnnamed(ctx context.Context, k Key, run string) error
	// SetHeld marks people held as their problems say.
	SetHeld(ctx context.Context, tenantID string, people []string) error
	Decisions(ctx context.Context, tenantID string, objects []string) ([]Decision, error)
	PutDecision(ctx context.Context, d Decision) error
	DropDecisions(ctx context.Context, tenantID, object string) error
}

// RunTx keeps the history, previews and the record.
type RunTx interface {
	PutRun(ctx context.Context, r Run) error
	Run(ctx context.Context, tenantID, id string) (r Run, found bool, err error)
	PruneRuns(ctx context.Context, tenantID string, before time.Time) error
	PutPreviews(ctx context.Context, previews []Preview) error
	DropPreviews(ctx context.Context, k Key, objects []string) error
	DropUnnamedPreviews(ctx context.Context, k Key, run string) error
	PreviewsNamed(ctx context.Context, k Key, folded []string) ([]Preview, error)
	Append(ctx context.Context, tenantID string, records ...audit.Record) error
}

// AccountTx keeps cloud accounts, roles, domains and cloud passwords.
type AccountTx interface {
	RolesOf(ctx context.Context, tenantID string, people []string) ([]Role, error) // all of a tenant without people
	PutRole(ctx context.Context, r Role) error
	DropRole(ctx context.Context, tenantID, person, role string) (bool, error)
	TenantDomains(ctx context.Context, tenantID string) ([]Domain, error)
	PutDomain(ctx context.Context, d Domain) error
	DropDomain(ctx context.Context, tenantID, name string) (bool, error)
	CloudPasswords(ctx context.Context, tenantID string, people []string) ([]CloudPassword, error)
	PutCloudPassword(ctx context.Context, p CloudPassword) error
	// MovePassword moves a joined person's password to a state, if it is in another one.
	MovePassword(ctx context.Context, tenantID, person string, from, to PasswordState, reason string) (bool, error)
	DeletePeople(ctx context.Context, tenantID string, ids []string, at time.Time) error
}

// ReportTx answers questions.
type ReportTx interface {
	ListPeople(ctx context.Context, tenantID string, f Filter) ([]Person, error)
	Runs(ctx context.Context, tenantID, domain string, limit int) ([]Run, error)
	Problems(ctx context.Context, tenantID, domain string, limit int) ([]Problem, error)
	CountProblems(ctx context.Context, tenantID string) ([]ProblemCount, error)
	Previews(ctx context.Context, k Key, after string, limit int) ([]Preview, error)
	CountPreviews(ctx context.Context, k Key) (map[Verdict]int, error)
	CountPeople(ctx context.Context, tenantID string) (int, error)
	CountDomain(ctx context.Context, k Key) (people, groups int, err error)
	GroupsNamed(ctx context.Context, tenantID, folded string, limit int) ([]Group, error)
	InGroup(ctx context.Context, tenantID, group, object string) (bool, error)
	InGroupOf(ctx context.Context, tenantID, group string, objects []string) ([]string, error)
	PeopleIn(ctx context.Context, tenantID, group, after string, limit int) ([]Person, error)
	CountIn(ctx context.Context, tenantID, group string) (int, error)
	// CloudAccounts counts living accounts that no directory feeds.
	CloudAccounts(ctx context.Context, tenantID string) (int, error)
}

// PageTx answers the pages that operators look at.
type PageTx interface {
	ProblemPage(ctx context.Context, tenantID string, q ProblemQuery) ([]Problem, error)
	// DecisionPage returns what was decided, newest first, and how much that is in all.
	DecisionPage(ctx context.Context, tenantID string, skip, limit int) (found []Decision, total int, err error)
	PreviewPage(ctx context.Context, k Key, q PreviewQuery) ([]Preview, error)
	MissingPeople(ctx context.Context, k Key, limit int) ([]Person, error)
	// KeepMissing takes the marks of a domain's missing people and groups away, and returns of how many.
	KeepMissing(ctx context.Context, k Key) (int, error)
}

// ProblemQuery chooses problems of a list.
type ProblemQuery struct {
	Domain      string          // folded; empty: all
	Reason      protocol.Reason // empty: all
	Skip, Limit int
}

// PreviewQuery chooses verdicts of a list.
type PreviewQuery struct {
	Verdicts    []Verdict // none: all
	After       string    // object that the list begins after
	Skip, Limit int
}

// Filter chooses people of a list.
type Filter struct {
	Find  string // part of a name or an address, or empty
	Cloud bool   // cloud accounts only
	// Password, when set, chooses joined people by their state.
	Passwords []PasswordState
	Deleted   bool   // deleted ones instead of living ones
	After     string // id of the last one of the page before
	Limit     int    // zero: 100
}

// ProblemCount is how many objects of a domain have a problem.
type ProblemCount struct {
	Domain string
	Reason string
	Count  int
}
