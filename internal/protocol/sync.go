package protocol

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Sync of people and groups, version 3.
//
// One agent at a time brings a domain in. It asks for the domain's lease ([SyncAsk], on UpLease) and is granted an
// epoch, which is the fencing token of every batch, and the place where the directory was last applied. It then sends
// numbered batches ([SyncBatch], on UpBatch), one at a time. The server applies each in one transaction together with
// its number and its cursor, so a crash on either side loses nothing and repeats nothing: whoever is granted the lease
// next goes on at that number and that cursor.
//
// A full run names everybody who is in scope; whoever it doesn't name is gone. Between full runs only changes are sent.

const (
	// MaxBatch is the largest batch, in bytes of JSON before it is compressed. Compressed it must fit MaxMessage.
	MaxBatch = 1 << 20
	// MaxBatchObjects bounds the people, groups, members and faults of one batch, each.
	MaxBatchObjects = 2000
	// LeaseLife is how long a lease holds without being asked for again.
	LeaseLife = 30 * time.Second
	// MaxProxies is the most proxyAddresses of one object that are kept, as in the field.
	MaxProxies = 300
	// MaxCursor bounds a cursor in bytes: a DirSync cookie grows by 24 with each controller of the domain.
	MaxCursor = 32 << 10
)

// Reasons of sync. Like all reasons they are stored and sent: never rename one.
const (
	ReasonSyncHeld      Reason = "sync_held"      // another agent has the domain's lease
	ReasonSyncFenced    Reason = "sync_fenced"    // the lease is over, or another agent has it now: ask again
	ReasonSyncOrder     Reason = "sync_order"     // not the batch that comes next: ask again and go on from there
	ReasonSyncOff       Reason = "sync_off"       // an operator turned sync off for this domain
	ReasonSyncStopped   Reason = "sync_stopped"   // too many deletions: an operator has to look first
	ReasonSyncRestart   Reason = "sync_restart"   // begin a full run: ask again
	ReasonCodeUnknown   Reason = "code_unknown"   // no such one-time code, or used, or over
	ReasonDomainForeign Reason = "domain_foreign" // the agent doesn't serve this domain
)

// SyncAsk asks for a domain's lease, or prolongs it. The answer is a SyncGrant.
type SyncAsk struct {
	Version int    `json:"v"`
	Agent   string `json:"agent"`
	Domain  string `json:"domain"`          // DNS name
	NetBIOS string `json:"netbios"`         // short name
	Epoch   int64  `json:"epoch,omitempty"` // of the lease the agent holds; zero: none
	// Scope is a digest of what the agent's configuration chooses: units, pilot group, attribute map, source anchor.
	// Another one than before makes the server want a full run.
	Scope   string `json:"scope"`
	Staging bool   `json:"staging,omitempty"` // read and preview, change nothing
	Release bool   `json:"release,omitempty"` // give the lease back
	Restart bool   `json:"restart,omitempty"` // the cursor can't be used: a full run is needed
	Mode    string `json:"mode"`              // SyncByDirSync or SyncByUSN: how changes are read
	Lagging Milli  `json:"lagging,omitempty"` // since when changes wait to be sent; zero: none do
	Detail  string `json:"detail,omitempty"`  // why sync doesn't go on, for operators; empty: it does
	// Unanchored counts people whose source anchor couldn't be written back.
	Unanchored int   `json:"unanchored,omitempty"`
	At         Milli `json:"at"`
}

// How an agent reads changes.
const (
	SyncByDirSync = "dirsync" // [MS-ADTS] 3.1.1.3.4.1.3, needs Replicating Directory Changes
	SyncByUSN     = "usn"     // uSNChanged of one controller
)

// SyncGrant is the answer to SyncAsk.
type SyncGrant struct {
	Version int    `json:"v"`
	OK      bool   `json:"ok"`
	Reason  Reason `json:"reason,omitempty"`
	Message string `json:"message,omitempty"` // what to do, in plain words, when not OK
	Holder  string `json:"holder,omitempty"`  // machine that has the lease, with ReasonSyncHeld
	Epoch   int64  `json:"epoch,omitempty"`
	Until   Milli  `json:"until,omitempty"` // by the server's clock
	Run     string `json:"run,omitempty"`   // id of the full run to begin or to go on with; empty: send changes
	Seq     int64  `json:"seq,omitempty"`   // number of the batch that comes next
	Cursor  []byte `json:"cursor,omitempty"`
	At      Milli  `json:"at"`
}

// SyncBatch is one batch. It travels compressed, see EncodeBatch. The answer is a SyncAck.
type SyncBatch struct {
	Version int    `json:"v"`
	Agent   string `json:"agent"`
	Domain  string `json:"domain"`
	NetBIOS string `json:"netbios"`
	Epoch   int64  `json:"epoch"`
	Seq     int64  `json:"seq"`
	Run     string `json:"run,omitempty"`  // of a full run, as granted; empty: changes
	Last    bool   `json:"last,omitempty"` // of a full run: everybody has been named
	// Cursor is where to go on after this batch. Without one the batch is part of a page, and a crash goes back to the
	// cursor before it.
	Cursor  []byte       `json:"cursor,omitempty"`
	Staging bool         `json:"staging,omitempty"`
	People  []SyncPerson `json:"people,omitempty"`
	Groups  []SyncGroup  `json:"groups,omitempty"`
	Gone    []SyncGone   `json:"gone,omitempty"`
	Faults  []SyncFault  `json:"faults,omitempty"`
	Read    SyncRead     `json:"read,omitzero"`
}

// SyncPerson is the whole of one person who is in scope, as the directory holds them now and the agent's attribute map
// reads them. Object ids are objectGUIDs, as 32 hex digits of the bytes as Active Directory stores them.
type SyncPerson struct {
	Object string `json:"object"`
	Anchor string `json:"anchor"` // source anchor, 32 hex digits: mS-DS-ConsistencyGuid, or objectGUID while that is empty
	DN     string `json:"dn"`
	SAM    string `json:"sam"`
	UPN    string `json:"upn,omitempty"` // by the attribute map: userPrincipalName, or mail with alternate sign-in
	// ADUPN is userPrincipalName where the map takes UPN from elsewhere.
	ADUPN       string   `json:"ad_upn,omitempty"`
	Mail        string   `json:"mail,omitempty"`
	Proxies     []string `json:"proxies,omitempty"` // SMTP addresses of proxyAddresses with their prefix: "SMTP:" is the primary one
	DisplayName string   `json:"display_name,omitempty"`
	GivenName   string   `json:"given_name,omitempty"`
	Surname     string   `json:"surname,omitempty"`
	Mobile      string   `json:"mobile,omitempty"`
	Language    string   `json:"language,omitempty"` // preferredLanguage
	Disabled    bool     `json:"disabled,omitempty"`
	Protected   bool     `json:"protected,omitempty"` // adminCount=1
	PasswordSet Milli    `json:"password_set,omitempty"`
	Created     Milli    `json:"created,omitempty"` // whenCreated
	// More holds further attributes of the map by the field's names: jobTitle, department, companyName, officeLocation,
	// employeeId, businessPhone.
	More map[string]string `json:"more,omitempty"`
}

// SyncGroup is a group in scope, or a change of its members. Members are objectGUIDs, people and groups alike.
type SyncGroup struct {
	Object   string `json:"object"`
	DN       string `json:"dn"`
	Name     string `json:"name"`
	SAM      string `json:"sam,omitempty"`
	Mail     string `json:"mail,omitempty"`
	Security bool   `json:"security,omitempty"`
	// Token, when set, means that the batches with this token name every member between them; with the one that is
	// Complete, members not named under the token are out. Without a token Added and Removed are changes.
	Token    string   `json:"token,omitempty"`
	Complete bool     `json:"complete,omitempty"`
	Added    []string `json:"added,omitempty"`
	Removed  []string `json:"removed,omitempty"`
}

// SyncGone is an object that is no longer in scope.
type SyncGone struct {
	Object string `json:"object"`
	Why    string `json:"why"` // one of the GoneReasons
}

// Why an object is gone.
const (
	GoneDeleted  = "deleted"  // deleted in the directory
	GoneMoved    = "moved"    // moved to a unit that isn't synced
	GoneGroup    = "group"    // no longer a member of the pilot group
	GoneFiltered = "filtered" // no longer an account that is synced
)

// SyncFault is something the directory holds that can't be synced as it is. The rest of the object, and of the run,
// goes on.
type SyncFault struct {
	Object    string `json:"object"`
	Name      string `json:"name"` // DOMAIN\sAMAccountName, or the DN's first part
	DN        string `json:"dn"`
	Attribute string `json:"attribute,omitempty"`
	Reason    Reason `json:"reason"`
	Detail    string `json:"detail,omitempty"`
	Left      bool   `json:"left,omitempty"` // the whole object was left out
}

// Faults an agent finds.
const (
	FaultNoName     Reason = "no_name"  // no sAMAccountName
	FaultNoUPN      Reason = "no_upn"   // no value where the attribute map takes the sign-in name from
	FaultText       Reason = "bad_text" // invalid UTF-8
	FaultLong       Reason = "too_long_attribute"
	FaultMany       Reason = "too_many_values"
	FaultAnchor     Reason = "bad_anchor"  // mS-DS-ConsistencyGuid isn't 16 bytes
	FaultAddress    Reason = "bad_address" // a proxyAddress that is no mail address
	FaultUnreadable Reason = "unreadable"  // the object could not be read
)

// SyncRead tells what reading this batch took.
type SyncRead struct {
	Objects int    `json:"objects,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"` // from the controller
	Micros  int64  `json:"us,omitempty"`
	DC      string `json:"dc,omitempty"`
	// Changed is when the newest change of this batch was made, by the controller (whenChanged); zero: not known.
	Changed Milli `json:"changed,omitempty"`
}

// SyncAck answers a batch.
type SyncAck struct {
	Version int    `json:"v"`
	OK      bool   `json:"ok"`
	Reason  Reason `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	Seq     int64  `json:"seq"`               // number of the batch that comes next
	Until   Milli  `json:"until,omitempty"`   // the lease holds until then
	Pending int    `json:"pending,omitempty"` // deletions that wait for an operator
}

// EncodeBatch returns a batch as compressed JSON. A batch that is too large is ErrMalformed: split it.
func EncodeBatch(b SyncBatch) ([]byte, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode a batch: %w", err)
	}
	if len(text) > MaxBatch {
		return nil, fmt.Errorf("encode a batch: %d bytes, more than %d: %w", len(text), MaxBatch, ErrMalformed)
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("encode a batch: %w", err)
	}
	if _, err := z.Write(text); err != nil {
		return nil, fmt.Errorf("encode a batch: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("encode a batch: %w", err)
	}
	if out.Len() > MaxMessage {
		return nil, fmt.Errorf("encode a batch: %d bytes compressed, more than %d: %w", out.Len(), MaxMessage, ErrMalformed)
	}
	return out.Bytes(), nil
}

// DecodeBatch reads what EncodeBatch wrote: strictly, and never more than MaxBatch bytes of it.
func DecodeBatch(compressed []byte) (SyncBatch, error) {
	var b SyncBatch
	if len(compressed) > MaxMessage {
		return b, fmt.Errorf("%d bytes, more than %d: %w", len(compressed), MaxMessage, ErrMalformed)
	}
	z, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return b, fmt.Errorf("a batch isn't compressed: %w", ErrMalformed)
	}
	z.Multistream(false)
	text, err := io.ReadAll(io.LimitReader(z, MaxBatch+1))
	if err != nil {
		return b, fmt.Errorf("a batch can't be unpacked: %w", ErrMalformed)
	}
	if len(text) > MaxBatch {
		return b, fmt.Errorf("a batch of more than %d bytes: %w", MaxBatch, ErrMalformed)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return SyncBatch{}, fmt.Errorf("%T: %w", b, ErrMalformed)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return SyncBatch{}, fmt.Errorf("%T: bytes after the value: %w", b, ErrMalformed)
	}
	return b, b.check()
}

// check bounds what a batch holds.
func (b SyncBatch) check() error {
	members := 0
	for _, g := range b.Groups {
		members += len(g.Added) + len(g.Removed)
	}
	for _, n := range []int{len(b.People), len(b.Groups), len(b.Gone), len(b.Faults), members} {
		if n > MaxBatchObjects {
			return fmt.Errorf("a batch with %d objects, more than %d: %w", n, MaxBatchObjects, ErrMalformed)
		}
	}
	if len(b.Cursor) > MaxCursor || b.Domain == "" || len(b.Domain) > 255 || len(b.NetBIOS) > 15 || len(b.Run) > 64 {
		return fmt.Errorf("a batch's cursor, domain or run is missing or too long: %w", ErrMalformed)
	}
	return nil
}
