package reset

import (
	"time"

	"homeward/internal/protocol"
)

// State is where an attempt stands. It is moved only by compare-and-swap.
type State string

// States. Started → Verified → Submitted → one of the rest. From Refused a person may submit again, which
// is a new request; NotSure is left as soon as the truth is known.
const (
	Started   State = "started"   // a name was typed; not all checks are passed
	Verified  State = "verified"  // they proved who they are
	Submitted State = "submitted" // a sealed request is on its way or being carried out
	Changed   State = "changed"   // the directory confirmed it
	Refused   State = "refused"   // a rule said no; nothing changed
	NotSure   State = "not_sure"  // sent, and no answer yet; resolves by itself
	Failed    State = "failed"    // IT must fix something, or nobody could write; nothing changed
)

// Mark is a protocol.Mark with the request it belongs to. One that is older than the attempt's request, noted when the
// password page was shown or for the request before, still tells what the directory held at that time.
type Mark struct {
	Request string `json:"request,omitempty"`
	Early   bool   `json:"early,omitempty"` // noted with the page, before there was a request
	protocol.Mark
}

// Attempt is one try at a reset, a change or an unlock, from the typed name to the proven outcome.
type Attempt struct {
	Tenant  string
	ID      string             // random; in the URL, proves nothing
	Support string             // support code, HW-XXXX-XXXX
	Kind    protocol.Operation // Reset, Change, Unlock, AdminReset or Register
	// Operator is who began it for the person, at the command line; empty: the person did, in a browser.
	Operator string
	Session  []byte // SHA-256 of the browser's session token
	// Token is a session token drawn anew for the browser with a check that was passed; it isn't stored.
	Token  string
	Person string // provision.Person id; empty when nobody has that name
	Decoy  string // masked address shown when there is nobody to write to
	Shown  string // once verified, the UPN for the page; before that a stand-in for the typed name, for counters only
	Locale string
	// Zone is the time zone that the browser tells, for the mails with codes; empty: the tenant's. It isn't stored. Mails that
	// warn of a change keep to the tenant's: whoever made the change chose the browser.
	Zone string
	// Device names the browser when the person is known to have used it; it isn't stored.
	Device string
	Checks Checks // how far they have proven who they are
	State  State
	Reason protocol.Reason
	Rule   protocol.Rule
	Event  int    // catalogue code of the outcome
	Detail string // what the directory said: for the audit record only
	Tries  int    // submissions so far

	// The current request. A new ticket replaces it, which is what makes an older one worthless.
	Request  string // hex
	Agent    string
	Header   []byte // canonical, as issued to the browser
	Accepted time.Time
	Hops     []protocol.Hop
	Mark     Mark // what the directory held before the write; kept by KeepMark, never by Move
	// MustChange is, after an AdminReset that changed the password, what became of the second half.
	MustChange protocol.MustChange

	Created     time.Time
	VerifiedAt  time.Time
	SubmittedAt time.Time
	Finished    time.Time
	Expires     time.Time // the session is over then; the outcome stays readable
	Revision    int64     // for compare-and-swap
}

// mark returns what the directory held before the write of the current request, when that is known. exact: it comes from
// the agent that accepted this very request.
func (a Attempt) mark() (m protocol.Mark, exact, ok bool) {
	return a.Mark.Mark, a.Mark.Request == a.Request && !a.Mark.Early, a.Mark.DC != ""
}
