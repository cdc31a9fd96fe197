// Package control is the operator's way into a running server: HTTP with JSON over a socket file that only the
// server's own account can open. Who can open it can read the master key too, so it asks for no further proof; the
// operator's name is for the audit log.
//
// It holds both ends, so that they can't drift apart. It decides nothing itself.
package control

import (
	"path/filepath"
	"time"

	"homeward/internal/server/commandkey"
	"homeward/internal/server/reset"
)

// maxBody bounds a request and an answer.
const maxBody = 1 << 20

// File is the socket's name in the server's state folder.
const File = "control.sock"

// Path returns the socket of a state folder.
func Path(state string) string { return filepath.Join(state, File) }

// What can be asked for. Each is a POST of one JSON object.
const (
	PathStatus = "/v1/status"
	PathDrain  = "/v1/agents/drain"
	PathResume = "/v1/agents/resume"
	PathRevoke = "/v1/agents/revoke"
	PathMove   = "/v1/agents/accept-move"
	PathReset  = "/v1/people/reset"
	PathUnlock = "/v1/people/unlock"
	PathProbe  = "/v1/people/probe"
	PathCan    = "/v1/people/can-reset"
	PathSignIn = "/v1/people/sign-in"
	PathPass   = "/v1/people/pass"
	PathWays   = "/v1/people/caller/ways"
	PathAsk    = "/v1/people/caller/ask"
	PathHear   = "/v1/people/caller/hear"
	PathReady  = "/v1/reports/registration"
	PathSum    = "/v1/reports/registration/summary"
	PathTest   = "/v1/test-write"
	PathStage  = "/v1/sync/preview"
	PathKeys   = "/v1/keys"
	PathRoll   = "/v1/keys/roll"
)

// Query asks about one tenant; the answer is a status.Report.
type Query struct {
	Tenant string `json:"tenant"`
}

// Target is one agent to change. The answer is Done.
type Target struct {
	Tenant   string `json:"tenant"`
	Agent    string `json:"agent"` // id, its beginning, or the machine's name
	Operator string `json:"operator"`
	Force    bool   `json:"force,omitempty"`
}

func (t Target) by() string { return t.Operator }

// Done says what was changed.
type Done struct {
	Agent   string `json:"agent,omitempty"`
	Machine string `json:"machine,omitempty"`
	From    string `json:"from,omitempty"` // accept-move: the machine before
}

// Person is somebody to help. Probe answers with protocol.PersonPolicy, PathCan with Standing, the others with Outcome.
type Person struct {
	Tenant   string `json:"tenant"`
	Operator string `json:"operator"`
	Name     string `json:"name"`
	Password []byte `json:"password,omitempty"` // PathReset only; wiped when it has been sealed
}

func (p Person) by() string { return p.Operator }

// Standing answers PathCan.
type Standing struct {
	Name string          `json:"name"`
	Can  reset.GateState `json:"can"` // open, shut or unknown
	reset.Standing
}

// SignedIn answers PathSignIn.
type SignedIn struct {
	Right  bool   `json:"right"`            // the password is the account's
	State  string `json:"state,omitempty"`  // a provision.PasswordState
	Reason string `json:"reason,omitempty"` // why the directory refused it
}

// Outcome is how a reset or an unlock ended.
type Outcome struct {
	Support    string `json:"support"`
	State      string `json:"state"` // changed, refused, failed, not_sure
	Reason     string `json:"reason,omitempty"`
	Event      int    `json:"event,omitempty"`
	MustChange string `json:"must_change,omitempty"`
}

// PassFor asks for a one-time code for somebody. The answer is Pass.
type PassFor struct {
	Tenant   string `json:"tenant"`
	Operator string `json:"operator"`
	Name     string `json:"name"`
	Reason   string `json:"reason"`
	Millis   int64  `json:"ms"` // how long it works
}

func (p PassFor) by() string { return p.Operator }

// Pass is a one-time code; nothing else has a copy.
type Pass struct {
	Code    string    `json:"code"`
	Expires time.Time `json:"expires"`
}

// Trial asks for a test write now; an empty domain stands for all that name a test account. The answer is Trials.
type Trial struct {
	Tenant   string `json:"tenant"`
	Operator string `json:"operator"`
	Domain   string `json:"domain,omitempty"`
}

func (t Trial) by() string { return t.Operator }

// Trials is how each test write ended.
type Trials struct {
	Results []TrialResult `json:"results"`
}

// TrialResult is how one ended.
type TrialResult struct {
	Domain  string `json:"domain"`
	Passed  bool   `json:"passed"`
	Outcome string `json:"outcome,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Micros  int64  `json:"us,omitempty"`
	Error   string `json:"error,omitempty"` // no answer: why
}

// Preview asks an agent to read a domain and say what a sync would do. The answer, Done, comes once it has begun.
type Preview struct {
	Tenant   string `json:"tenant"`
	Operator string `json:"operator"`
	Domain   string `json:"domain"`
}

func (p Preview) by() string { return p.Operator }

// Keys describes the keys that sign commands.
type Keys struct {
	Keys []commandkey.Key `json:"keys"`
	Due  time.Time        `json:"due"` // the newest is replaced then
}

// Operator names who changes something.
type Operator struct {
	Operator string `json:"operator"`
}

func (o Operator) by() string { return o.Operator }

// problem is the answer to what can't be done.
type problem struct {
	Error string `json:"error"`
}
