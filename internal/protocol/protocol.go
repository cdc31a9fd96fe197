// Package protocol is the contract between the server and its agents: subjects, messages, versions and the
// reason codes that both sides understand.
//
// Commands go down as signed envelopes (package seal) on wb.to.<agent>.<operation>; everything else is JSON,
// decoded strictly and capped in size. The package holds data and its encoding; it does no I/O.
package protocol

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	// Version is the protocol version this build speaks.
	//
	// Version 2 added the operations Change, AdminReset and Test, marks and cases (proof by another agent),
	// several domains per agent, and the rolling of keys. Version 3 added sync (leases, batches, groups,
	// previews), which replaces the import of versions 1 and 2, the operations Preview, Expiry, States, Which, Rules, Banned,
	// Checkup and Roll, and what an agent's configuration turns off. A server never sends an older agent anything of a newer version.
	Version = 3
	// MinVersion is the oldest version this build still accepts from the other side.
	MinVersion = 1

	// MaxMessage is the largest message either side accepts, in bytes. The relay enforces it too.
	MaxMessage = 64 << 10
)

// Operation is what a command asks of an agent. Its text is part of the sealed header.
type Operation string

// The operations.
const (
	Reset      Operation = "reset"       // set a forgotten password and clear a lockout, one modify
	Change     Operation = "change"      // replace the current password, which the person knows, by a new one
	AdminReset Operation = "admin-reset" // Reset by an operator, then the person must change it at the next sign-in
	Unlock     Operation = "unlock"      // clear a lockout, the password stays
	Policy     Operation = "policy"      // the person's effective password policy
	Probe      Operation = "probe"       // can this person be written right now
	Prove      Operation = "prove"       // what happened to an earlier request
	Test       Operation = "test"        // write a random password to the account the agent's configuration names
	Expiry     Operation = "expiry"      // when people's passwords expire
	States     Operation = "states"      // how people's accounts stand: locked, expired
	Which      Operation = "which"       // which people's accounts stand in a certain way
	Rules      Operation = "rules"       // the password policies of a domain
	Banned     Operation = "banned"      // take the list of banned words
	Preview    Operation = "preview"     // read a domain for a preview of its sync; changes nothing
	Checkup    Operation = "checkup"     // tell, or begin, a checkup of the agent, its directories and its rights
	Roll       Operation = "roll"        // replace the sealing key now
)

// Operations lists every operation of this version.
func Operations() []Operation {
	return []Operation{Reset, Change, AdminReset, Unlock, Policy, Probe, Prove, Test, Expiry, States, Which, Rules, Banned, Preview, Checkup, Roll}
}

// Writes reports whether the operation changes a person's account, and so is deduplicated and answered twice.
func (o Operation) Writes() bool {
	return o == Reset || o == Change || o == AdminReset || o == Unlock
}

// Secrets is how many secrets the operation's envelope seals: the new password, and for Change the current one
// before it.
func (o Operation) Secrets() int {
	switch o {
	case Reset, AdminReset:
		return 1
	case Change:
		return 2
	}
	return 0
}

// Since is the first protocol version that knows the operation.
func (o Operation) Since() int {
	switch o {
	case Change, AdminReset, Test:
		return 2
	case Expiry, States, Which, Rules, Banned, Preview, Checkup, Roll:
		return 3
	}
	return 1
}

// Outcome is how a request ended, as far as the agent knows.
type Outcome string

// Outcomes. Unknown is used only while the agent really cannot tell.
const (
	Changed Outcome = "changed" // the directory confirmed the write (for Unlock: unlocked)
	Refused Outcome = "refused" // the directory, or a rule checked before, said no; nothing changed
	Failed  Outcome = "failed"  // something IT must fix, or a request refused by the agent; nothing changed
	Unknown Outcome = "unknown" // the write was sent and its fate is not known yet
)

// Reason says why, in a word both sides understand. Pages and audit turn it into sentences.
type Reason string

// Reasons. The text is stored and sent: never rename one, only add.
const (
	ReasonNone Reason = ""

	// Refusals a person can mend by another password or by waiting.
	ReasonTooShort     Reason = "too_short"
	ReasonTooSimple    Reason = "too_simple"
	ReasonContainsName Reason = "contains_name"
	ReasonUsedBefore   Reason = "used_before"
	ReasonTooYoung     Reason = "too_young"
	ReasonTooLong      Reason = "too_long"
	ReasonRuleUnknown  Reason = "rule_unknown" // the directory refused without naming the rule

	// A password filter or a list of banned words: every rule that can be read is kept.
	ReasonFilter Reason = "filter"

	// ReasonBanned: it is little more than words on the organisation's own list.
	ReasonBanned Reason = "banned"

	// Refusals of a change.
	ReasonWrongPassword Reason = "wrong_password" // the current password is not right
	ReasonLastTry       Reason = "last_try"       // not tried: one more wrong current password would lock the account
	ReasonLocked        Reason = "locked"         // a locked account takes no change; a reset unlocks it
	ReasonCannotChange  Reason = "cannot_change"  // "user cannot change password" is set

	// Accounts that cannot be written.
	ReasonDisabled  Reason = "disabled"
	ReasonProtected Reason = "protected" // adminCount=1
	// ReasonTurnedOff: the agent's own configuration switches this operation off for the domain, whatever is asked.
	ReasonTurnedOff Reason = "turned_off"
	ReasonNotFound  Reason = "not_found"

	ReasonAccountExpired Reason = "account_expired"
	ReasonAmbiguous      Reason = "ambiguous" // two enabled accounts for one person

	// What an administrator decided.
	ReasonNotLicensed Reason = "not_licensed" // the tenant owns no plan that includes password writeback
	ReasonNotInScope  Reason = "not_in_scope" // the person isn't among those who may help themselves; only records say so

	// What IT must fix.
	ReasonRights         Reason = "rights"
	ReasonNoPolicyHints  Reason = "no_policy_hints"
	ReasonNotEncrypted   Reason = "not_encrypted"
	ReasonDirectoryDown  Reason = "directory_down"
	ReasonDirectoryError Reason = "directory_error"
	ReasonDirectoryBusy  Reason = "directory_busy"  // the controller answered that it is busy; nothing was written
	ReasonReadOnly       Reason = "read_only"       // only read-only controllers answer
	ReasonReferral       Reason = "referral"        // the controller sent us to another; writes follow no referral
	ReasonReplication    Reason = "replication"     // one controller knows the account and the one to write does not yet
	ReasonServiceAccount Reason = "service_account" // the agent's own account cannot sign in
	ReasonAgentState     Reason = "agent_state"     // the agent's own store does not work
	ReasonNoAgent        Reason = "no_agent"
	ReasonAgentOutdated  Reason = "agent_outdated" // the agents that answer do not know this operation yet
	ReasonAgentLost      Reason = "agent_lost"     // accepted, then gone
	ReasonTimeout        Reason = "timeout"
	ReasonNeverArrived   Reason = "never_arrived" // proven: the agent has never seen the request
	ReasonNotWritten     Reason = "not_written"   // proven: accepted, but the directory shows no write
	ReasonInternal       Reason = "internal"

	// Requests an agent does not carry out.
	ReasonMalformed    Reason = "malformed"
	ReasonVersion      Reason = "version"
	ReasonWrongTenant  Reason = "wrong_tenant"
	ReasonBadSignature Reason = "bad_signature"
	ReasonExpired      Reason = "expired"
	ReasonUnknownKey   Reason = "unknown_key"
	ReasonSeal         Reason = "seal" // sealed to this key but does not open
	ReasonReplayed     Reason = "replayed"
	ReasonOverloaded   Reason = "overloaded"

	// Agents the relay does not let in.
	ReasonAgentCloned Reason = "agent_cloned" // another machine serves with this identity at this moment
	ReasonAgentMoved  Reason = "agent_moved"  // the identity is on another machine than before, and nobody has approved that
)

// Accepted is the first answer to a writing command, on the reply inbox: the agent has stored the request
// and will carry it out, or says why not.
type Accepted struct {
	Version  int     `json:"v"`
	Request  string  `json:"request"`
	Agent    string  `json:"agent"`
	Accepted bool    `json:"accepted"`
	Reason   Reason  `json:"reason,omitempty"` // when not accepted
	At       Milli   `json:"at"`
	Result   *Result `json:"result,omitempty"` // the stored result, when the request was carried out before
	Mark     *Mark   `json:"mark,omitempty"`   // version 2: what the directory held before the write
}

// Mark is what a controller held of a person's password at one moment. Comparing it with what the directory
// holds later proves what became of a write, also by an agent that did not make it. It holds no secret.
type Mark struct {
	DC         string `json:"dc"`         // DNS name of the controller the write goes to
	Invocation string `json:"invocation"` // its database, 32 hex digits
	// Account is the objectGUID of the account that is written, 32 hex digits. It isn't the person's anchor where an
	// account only carries that (mS-DS-ConsistencyGuid). Empty: the anchor.
	Account     string `json:"account,omitempty"`
	Version     uint32 `json:"version"`      // how often unicodePwd has been written
	PasswordSet Milli  `json:"password_set"` // pwdLastSet
	Locked      bool   `json:"locked,omitempty"`
	At          Milli  `json:"at"` // by the agent's clock, corrected to the server's
}

// Case is the body of a Prove of version 2, in the place of a sealed secret: enough for any agent of the domain to
// tell from the directory what became of a request that another agent accepted. The command signature covers it.
//
// The answer is a Result of the asked request and operation. Unknown without a reason means that it isn't decided
// yet: ask again, every few seconds. Unknown with a reason stays so.
type Case struct {
	Version   int       `json:"v"`
	Request   string    `json:"request"` // the request asked about
	Agent     string    `json:"agent"`   // who accepted it
	Operation Operation `json:"op"`
	Anchor    string    `json:"anchor"` // the person
	Mark      Mark      `json:"mark"`
	NotBefore Milli     `json:"not_before,omitempty"` // the request was issued then; set when the mark is older
	Expires   Milli     `json:"expires"`              // no agent begins to write after this
}

// Result is the second answer, published on the agent's result subject and repeated until acknowledged.
type Result struct {
	Version   int       `json:"v"`
	Request   string    `json:"request"`
	Agent     string    `json:"agent"`
	Operation Operation `json:"op"`
	Outcome   Outcome   `json:"outcome"`
	Reason    Reason    `json:"reason,omitempty"`
	Rule      Rule      `json:"rule,omitzero"`    // the numbers behind a refusal
	Detail    string    `json:"detail,omitempty"` // what the directory said, for the audit record only
	Event     int       `json:"event"`            // catalogue code, package event
	Hops      []Hop     `json:"hops,omitempty"`
	At        Milli     `json:"at"`
	// MustChange says, after an AdminReset that changed the password, whether the person must choose another at
	// the next sign-in.
	MustChange MustChange `json:"must_change,omitempty"`
}

// MustChange is the second half of an AdminReset.
type MustChange string

// What became of "must change at next sign-in". The password is the new one in each case.
const (
	MustChangeSet          MustChange = "set"
	MustChangeNeverExpires MustChange = "never_expires" // void: "password never expires" or "smart card is required" is set
	MustChangeCannot       MustChange = "cannot_change" // not set: the person may not change it, and would be shut out
	MustChangeRefused      MustChange = "refused"       // the directory refused; Result.Detail has its words
	MustChangeUnknown      MustChange = "unknown"       // no answer
)

// Rule carries the numbers that a refusal's sentence needs.
type Rule struct {
	MinLength int    `json:"min_length,omitempty"`
	History   int    `json:"history,omitempty"`
	Changed   Milli  `json:"changed,omitempty"`    // when the password was last set
	NotBefore Milli  `json:"not_before,omitempty"` // the minimum age is over then
	MinAge    int64  `json:"min_age_ms,omitempty"`
	Name      string `json:"name,omitempty"` // the part of the name the password contains
}

// Hop is one step of a request with its time, for the audit timeline.
type Hop struct {
	Name   string `json:"name"`
	At     Milli  `json:"at"`
	Micros int64  `json:"us,omitempty"` // how long the step took
	Detail string `json:"detail,omitempty"`
}

// PersonPolicy answers Policy and, with Writable, Probe.
type PersonPolicy struct {
	Version      int    `json:"v"`
	Request      string `json:"request"`
	Agent        string `json:"agent"`
	Found        bool   `json:"found"`
	Reason       Reason `json:"reason,omitempty"` // why the person cannot be written, when known
	Detail       string `json:"detail,omitempty"` // for the audit record only
	MinLength    int    `json:"min_length"`
	Complexity   bool   `json:"complexity"`
	History      int    `json:"history"`
	MinAge       int64  `json:"min_age_ms"`
	MaxAge       int64  `json:"max_age_ms"`
	Source       string `json:"source"` // "domain", or the name of the fine-grained policy
	PasswordSet  Milli  `json:"password_set,omitempty"`
	ChangeableAt Milli  `json:"changeable_at,omitempty"` // zero: at once
	Locked       bool   `json:"locked"`
	DisplayName  string `json:"display_name,omitempty"`
	SAM          string `json:"sam,omitempty"`

	// Version 2.
	Domain       string `json:"domain,omitempty"`        // DNS name of the person's domain
	MustChange   bool   `json:"must_change,omitempty"`   // at the next sign-in
	Expired      bool   `json:"expired,omitempty"`       // the password is past its maximum age
	NeverExpires bool   `json:"never_expires,omitempty"` // "password never expires" is set
	CannotChange bool   `json:"cannot_change,omitempty"` // "user cannot change password" is set
	ExpiresAt    Milli  `json:"expires_at,omitempty"`    // when the password expires
	TriesLeft    *int   `json:"tries_left,omitempty"`    // wrong current passwords before the agent refuses; nil: no lockout
	Mark         *Mark  `json:"mark,omitempty"`          // what the directory holds before a request is issued
}

// Hello is an agent's first word after connecting; HelloAnswer is the reply.
type Hello struct {
	Version    int       `json:"v"`
	MinVersion int       `json:"min_v"`
	Agent      string    `json:"agent"`
	Build      string    `json:"build"`
	Machine    string    `json:"machine"`
	KeyID      string    `json:"key_id"`
	Domain     string    `json:"domain"` // DNS name of the domain it writes to
	Directory  Directory `json:"directory"`
	At         Milli     `json:"at"`

	// Version 2. Domain and Directory above are then the first domain's.
	Domains    []Domain `json:"domains,omitempty"`
	CommandKey string   `json:"command_key,omitempty"` // id of the newest command key it obeys
}

// Machine is where an agent runs. It travels in a header of each upgrade, as relay.MachineHeader has it.
type Machine struct {
	Name string `json:"name"`         // host name
	ID   string `json:"id,omitempty"` // what stays with the machine and not with the state folder, hashed; empty: nothing does
}

// Same reports whether two descriptions can be of one machine. One of them may have been renamed, or reinstalled
// under its name; an identity that was carried elsewhere shares neither.
func (m Machine) Same(other Machine) bool {
	return strings.EqualFold(m.Name, other.Name) || m.ID != "" && m.ID == other.ID
}

// Domain is one of the domains an agent writes to.
type Domain struct {
	Name      string      `json:"name"` // DNS name
	NetBIOS   string      `json:"netbios,omitempty"`
	Directory Directory   `json:"directory"`
	Test      *TestResult `json:"test,omitempty"`     // the last test write
	Testable  bool        `json:"testable,omitempty"` // the agent's configuration names a test account

	// Version 3: what the agent's own configuration turns off for the domain. Nothing of the server turns it on. An agent
	// says so only to a server that it knows to read it.
	SyncOff      bool `json:"sync_off,omitempty"`
	WritebackOff bool `json:"writeback_off,omitempty"`
}

// TestRequest is the body of a Test, in the place of a sealed secret. The header's anchor is empty: a test names
// no person.
type TestRequest struct {
	Version int    `json:"v"`
	Domain  string `json:"domain"` // DNS name, as the agent's hello gave it
}

// TestResult is how a test write ended. It also answers the operation Test.
type TestResult struct {
	Version int     `json:"v"`
	Request string  `json:"request,omitempty"`
	Domain  string  `json:"domain"`
	Outcome Outcome `json:"outcome"`
	Reason  Reason  `json:"reason,omitempty"`
	Detail  string  `json:"detail,omitempty"` // for the audit record only
	Micros  int64   `json:"us,omitempty"`     // how long the write took
	At      Milli   `json:"at"`
}

// Directory is how the agent sees its directory at this moment.
type Directory struct {
	OK     bool   `json:"ok"`
	Reason Reason `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
	DC     string `json:"dc,omitempty"`
	Since  Milli  `json:"since,omitempty"`
}

// HelloAnswer tells the agent the server's clock and what is wanted of it.
type HelloAnswer struct {
	Version int    `json:"v"`
	OK      bool   `json:"ok"`
	Reason  Reason `json:"reason,omitempty"`
	Message string `json:"message,omitempty"` // what to do, in plain words, when not OK
	At      Milli  `json:"at"`                // server clock
	Import  bool   `json:"import"`            // send the people of the chosen OUs

	// CommandKeys, version 2, lead from the command key the agent named in its hello to the newest one.
	CommandKeys []KeyLink `json:"command_keys,omitempty"`
}

// KeyLink endorses a new command key with the one before it.
type KeyLink struct {
	Key       []byte `json:"key"`       // Ed25519 public key
	Signature []byte `json:"signature"` // by the key before it, over KeyLinkProof
}

// KeyLinkProof is what the old command key signs to hand over to the next.
func KeyLinkProof(tenant string, next []byte) []byte {
	return append([]byte("homeward command key 1\x00"+tenant+"\x00"), next...)
}

// CommandKeyID names a command key: the first eight bytes of SHA-256 over the public key, in hex.
func CommandKeyID(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// KeyOffer announces an agent's next sealing key. The answer is an Ack; until it is OK the old one is in use, and
// afterwards the old one still opens what was sealed to it before.
type KeyOffer struct {
	Version int    `json:"v"`
	Agent   string `json:"agent"`
	SealKey []byte `json:"sealkey"` // public HPKE key
	KeyID   string `json:"key_id"`
}

// Beat is the heartbeat. Its answer is a HelloAnswer.
type Beat struct {
	Version   int       `json:"v"`
	Agent     string    `json:"agent"`
	Directory Directory `json:"directory"`
	Pending   int       `json:"pending"` // requests being carried out
	At        Milli     `json:"at"`

	// Version 2.
	Domains    []Domain `json:"domains,omitempty"`
	CommandKey string   `json:"command_key,omitempty"` // id of the newest command key it obeys
}

// People is one page of the first import. The server acknowledges each with Ack.
type People struct {
	Version int      `json:"v"`
	Agent   string   `json:"agent"`
	Import  string   `json:"import"` // one id for all pages of one import
	Page    int      `json:"page"`   // from 0, in order
	Last    bool     `json:"last"`
	Domain  string   `json:"domain"`
	NetBIOS string   `json:"netbios"`
	People  []Person `json:"people"`
}

// MaxPeople is the largest number of people on one page.
const MaxPeople = 100

// Person is one imported person: what the portal needs to find them and to reach them, nothing more.
type Person struct {
	Anchor      string `json:"anchor"` // objectGUID, 32 hex digits of the bytes as Active Directory stores them
	UPN         string `json:"upn,omitempty"`
	SAM         string `json:"sam"`
	Mail        string `json:"mail,omitempty"`
	DisplayName string `json:"display_name,omitempty"`
	DN          string `json:"dn"`
	Disabled    bool   `json:"disabled,omitempty"`
	Protected   bool   `json:"protected,omitempty"` // adminCount=1
}

// Ack answers everything that only needs "got it".
type Ack struct {
	OK     bool   `json:"ok"`
	Reason Reason `json:"reason,omitempty"`
}

// Renewal carries a fresh user JWT for the relay, the answer to a renew request.
type Renewal struct {
	OK      bool   `json:"ok"`
	JWT     string `json:"jwt,omitempty"`
	Expires Milli  `json:"expires,omitempty"`
	Reason  Reason `json:"reason,omitempty"`
}

// RenewRequest asks for a fresh credential over HTTPS at /renew, for an agent whose old one is over: it cannot
// ask through the relay any more.
type RenewRequest struct {
	Version   int    `json:"v"`
	Agent     string `json:"agent"`
	At        Milli  `json:"at"`
	Signature []byte `json:"signature"` // by the nkey over RenewProof
}

// RenewProof is what the agent signs.
func RenewProof(agent string, at Milli) []byte {
	return []byte("homeward renew 1\x00" + agent + "\x00" + strconv.FormatInt(int64(at), 10))
}

// EnrolRequest trades a one-time code for an identity. It is posted to /enrol over HTTPS.
type EnrolRequest struct {
	Version   int    `json:"v"`
	Code      string `json:"code"`
	Agent     string `json:"agent"`   // public nkey of the agent, U…
	SealKey   []byte `json:"sealkey"` // public HPKE key
	Machine   string `json:"machine"`
	Build     string `json:"build"`
	Domain    string `json:"domain"`
	Signature []byte `json:"signature"` // by the nkey over EnrolProof, so nobody enrols another's key

	// Version 3: whose place this identity takes on the same machine, and that identity's word for it over FormerProof.
	Former          string `json:"former,omitempty"`
	FormerSignature []byte `json:"former_signature,omitempty"`
}

// EnrolProof is what the agent signs when it enrols.
func EnrolProof(code, agent string, sealKey []byte) []byte {
	b := append([]byte("homeward enrol 1\x00"+code+"\x00"+agent+"\x00"), sealKey...)
	return b
}

// FormerProof is what an agent's former identity signs when the agent enrols anew: nobody else can end it.
func FormerProof(code, former, agent string, sealKey []byte) []byte {
	b := append([]byte("homeward enrol anew 1\x00"+code+"\x00"+former+"\x00"+agent+"\x00"), sealKey...)
	return b
}

// EnrolAnswer is the identity. CommandKey is pinned by the agent for good.
type EnrolAnswer struct {
	Version    int    `json:"v"`
	Tenant     string `json:"tenant"`
	TenantName string `json:"tenant_name"`
	CommandKey []byte `json:"command_key"` // Ed25519 public key
	JWT        string `json:"jwt"`
	Expires    Milli  `json:"expires"`
	RelayPath  string `json:"relay_path"`
	// Replaces is the agent that is retired as soon as this one works; said only to who named a former identity.
	Replaces string `json:"replaces,omitempty"`
}

// Problem is the JSON body of every error the server's machine-facing endpoints give.
type Problem struct {
	Reason  Reason `json:"reason"`
	Message string `json:"message"` // what is wrong and what to do
}

// Milli is a Unix time in milliseconds; zero means none.
type Milli int64

// MilliOf returns t as Milli; the zero time gives zero.
func MilliOf(t time.Time) Milli {
	if t.IsZero() {
		return 0
	}
	return Milli(t.UnixMilli())
}

// Time returns the moment in UTC; zero gives the zero time.
func (m Milli) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// ErrMalformed reports a message that is not one strict JSON value of the expected shape.
var ErrMalformed = errors.New("malformed message")

// Decode reads exactly one JSON value of at most MaxMessage bytes into v, which must be a pointer. Unknown
// fields and trailing bytes are refused: a field nobody reads is a mistake or an attack.
func Decode(b []byte, v any) error {
	if len(b) > MaxMessage {
		return fmt.Errorf("%d bytes, more than %d: %w", len(b), MaxMessage, ErrMalformed)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		// The decoder's text can quote input, and input can hold anything: the kind is enough.
		return fmt.Errorf("%T: %w", v, ErrMalformed)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%T: bytes after the value: %w", v, ErrMalformed)
	}
	return nil
}

// Encode returns v as JSON. It fails only for messages over MaxMessage.
func Encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("encode %T: %d bytes, more than %d: %w", v, len(b), MaxMessage, ErrMalformed)
	}
	return b, nil
}
