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
