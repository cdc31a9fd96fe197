package protocol

// MaxExpiry is how many people one Expiry asks about: its signed body has to fit an envelope.
const MaxExpiry = 100

// ExpiryRequest is the body of an Expiry, in the place of a sealed secret. The header's anchor is empty: it names several
// people.
type ExpiryRequest struct {
	Version int      `json:"v"`
	Domain  string   `json:"domain"`
	People  []string `json:"people"` // objectGUIDs, 32 hex digits
}

// ExpiryAnswer answers Expiry. Whoever isn't in it has a password that never expires, must be changed anyway, is turned off or
// can't be found.
type ExpiryAnswer struct {
	Version int       `json:"v"`
	Request string    `json:"request"`
	Reason  Reason    `json:"reason,omitempty"` // why nothing is known
	People  []Expires `json:"people,omitempty"`
}

// Expires is when the directory says that somebody's password expires (msDS-UserPasswordExpiryTimeComputed, [MS-ADTS]
// 3.1.1.4.5.39), fine-grained policies considered.
type Expires struct {
	Object string `json:"object"`
	At     Milli  `json:"at"`
}

// MaxStates is how many people one States asks about: its signed body has to fit an envelope, and its answer a message.
const MaxStates = 100

// StatesRequest is the body of a States, in the place of a sealed secret. The header's anchor is empty: it names several people.
type StatesRequest struct {
	Version int      `json:"v"`
	Domain  string   `json:"domain"`
	People  []string `json:"people"` // objectGUIDs, 32 hex digits
}

// StatesAnswer answers States. Whoever isn't in it can't be found, or the agent may not read how they stand.
type StatesAnswer struct {
	Version int            `json:"v"`
	Request string         `json:"request"`
	Reason  Reason         `json:"reason,omitempty"` // why nothing is known
	People  []AccountState `json:"people,omitempty"`
}

// AccountState is how somebody's account stands at this moment, as the directory computes it (msDS-User-Account-Control-Computed,
// [MS-ADTS] 3.1.1.4.5.17): a lockout whose duration has elapsed isn't one.
type AccountState struct {
	Object      string `json:"object"`
	Disabled    bool   `json:"disabled,omitempty"`
	Locked      bool   `json:"locked,omitempty"`
	LockedSince Milli  `json:"locked_since,omitempty"` // where the agent may read it
	EndsAt      Milli  `json:"ends_at,omitempty"`      // when the account itself expires or did; none: never
	MustChange  bool   `json:"must_change,omitempty"`
	Expired     bool   `json:"expired,omitempty"`    // the password
	ExpiresAt   Milli  `json:"expires_at,omitempty"` // when the password does or did; none: never, or it must be changed anyway
}

// MaxBannedPart is how many bytes of words one Banned carries.
const MaxBannedPart = 3000

// BannedPart is the body of a Banned, in the place of a sealed secret: a part of the tenant's list of banned words. Parts of
// one list have its digest and come in order; without parts it only asks which list the agent has.
type BannedPart struct {
	Version int      `json:"v"`
	Digest  string   `json:"digest"` // of the whole list, see package banned
	Part    int      `json:"part"`   // from 0
	Parts   int      `json:"parts"`
	Words   []string `json:"words,omitempty"`
}

// BannedAnswer answers Banned.
type BannedAnswer struct {
	Version int    `json:"v"`
	Request string `json:"request"`
	Reason  Reason `json:"reason,omitempty"`
	Digest  string `json:"digest"` // of the list that passwords are judged by now
}
