package protocol

// A checkup is what the agent's doctor finds: this machine, the way to the portal, each directory, and the service account's
// rights in it, version 3. It takes seconds, and an answer is due at once: the agent makes one at a time beside what else it
// does, keeps the last, and tells how far it is whenever it is asked.

const (
	// MaxFindings is how many findings a CheckupAnswer has at most; CheckupAnswer.More counts the rest.
	MaxFindings = 200
	// MaxFindingText is how many bytes one text of a finding has at most.
	MaxFindingText = 600
)

// CheckupRequest is the body of a Checkup, in the place of a sealed secret. The header's anchor is empty: it names no person.
type CheckupRequest struct {
	Version int   `json:"v"`
	Begin   bool  `json:"begin,omitempty"` // look at everything now, unless a checkup is going on already
	Known   Milli `json:"known,omitempty"` // Ended of the checkup that the server has: its findings aren't told again
}

// CheckupAnswer answers Checkup: what the agent is, how the present checkup gets on, and what the last one found.
type CheckupAnswer struct {
	Version int    `json:"v"`
	Request string `json:"request"`
	Agent   string `json:"agent"`
	Reason  Reason `json:"reason,omitempty"` // why nothing is told
	At      Milli  `json:"at"`               // by the machine's own clock, which the agent corrects to the server's otherwise

	System  string          `json:"system,omitempty"`  // the operating system
	Started Milli           `json:"started,omitempty"` // since then the agent runs
	Proxy   bool            `json:"proxy,omitempty"`   // it reaches the portal through one
	KeyDue  Milli           `json:"key_due,omitempty"` // its sealing key is replaced then
	Domains []CheckupDomain `json:"domains,omitempty"`

	Running  Milli            `json:"running,omitempty"` // the present checkup began then; zero: there is none
	Done     int              `json:"done,omitempty"`    // checks of the present one that are over
	Of       int              `json:"of,omitempty"`
	Ended    Milli            `json:"ended,omitempty"` // of the last checkup; zero: there was none since the agent started
	Micros   int64            `json:"us,omitempty"`    // how long it took
	Findings []CheckupFinding `json:"findings,omitempty"`
	More     int              `json:"more,omitempty"` // findings that didn't fit
}

// CheckupDomain is how the agent reaches one of its domains.
type CheckupDomain struct {
	Name        string              `json:"name"`               // DNS name
	Account     string              `json:"account,omitempty"`  // as whom
	Security    string              `json:"security,omitempty"` // ldaps, starttls or kerberos
	Site        string              `json:"site,omitempty"`     // Active Directory site of the controller that is used
	Controllers []CheckupController `json:"controllers,omitempty"`
}

// CheckupController is one domain controller as the agent saw it last.
type CheckupController struct {
	Host     string `json:"host"`
	OK       bool   `json:"ok"`
	ReadOnly bool   `json:"read_only,omitempty"`
	Reason   Reason `json:"reason,omitempty"` // why not OK
	Micros   int64  `json:"us,omitempty"`     // how long an answer takes
}

// FindingStatus is how a finding is to be taken.
type FindingStatus string

// Statuses of a finding.
const (
	FindingOK   FindingStatus = "ok"
	FindingNote FindingStatus = "note" // worth knowing, nothing to do
	FindingWarn FindingStatus = "warn"
	FindingFail FindingStatus = "fail"
	FindingSkip FindingStatus = "skip" // not looked at, because something it needs failed
)

// Sections of a checkup.
const (
	SectionMachine   = "machine"
	SectionCloud     = "cloud"
	SectionDirectory = "directory"
	SectionRights    = "rights"
)

// CheckupFinding is what one check found. Check never changes its meaning, so that pages have words of their own for it; Text
// and what is to be done are the agent's, in English, for administrators.
type CheckupFinding struct {
	Section string          `json:"section"`
	Domain  string          `json:"domain,omitempty"`
	Check   string          `json:"check"`
	Status  FindingStatus   `json:"status"`
	Text    string          `json:"text"`
	Rights  []string        `json:"rights,omitempty"` // that it speaks of, as Active Directory's tools call them
	Cause   string          `json:"cause,omitempty"`  // why they aren't there
	Where   string          `json:"where,omitempty"`  // DN of what is to be mended
	Count   int             `json:"count,omitempty"`  // people it concerns
	Units   int             `json:"units,omitempty"`  // OUs that were looked at
	Fix     []CheckupRemedy `json:"fix,omitempty"`
}

// CheckupRemedy is something to do, and commands that do it. A command is whole or isn't told.
type CheckupRemedy struct {
	What     string           `json:"what"`
	Commands []CheckupCommand `json:"commands,omitempty"`
}

// CheckupCommand is one command on one line, and where it is run.
type CheckupCommand struct {
	Where string `json:"where"`
	Line  string `json:"line"`
}

// RollRequest is the body of a Roll, in the place of a sealed secret. The header's anchor is empty: it names no person.
type RollRequest struct {
	Version int `json:"v"`
}

// RollAnswer answers Roll. What was sealed to the key before still opens for a day.
type RollAnswer struct {
	Version int    `json:"v"`
	Request string `json:"request"`
	Agent   string `json:"agent"`
	Reason  Reason `json:"reason,omitempty"` // why the key stays
	KeyID   string `json:"key_id"`           // of the key in use
}
