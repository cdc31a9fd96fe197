package verify

import (
	"errors"
	"time"
)

// Kind is a way to prove who one is. Two checks are always of two kinds.
type Kind string

// Kinds, as they are stored and as pages name them.
const (
	Mail      Kind = "mail"
	Text      Kind = "text"
	App       Kind = "app"
	Passkey   Kind = "passkey"
	Questions Kind = "questions"
	Pass      Kind = "pass" // a one-time code from the helpdesk
)

// Strength orders kinds, the strongest first; unknown ones come last.
func (k Kind) Strength() int {
	for i, known := range Kinds() {
		if k == known {
			return len(Kinds()) - i
		}
	}
	return 0
}

// Kinds lists what people can register, strongest first.
func Kinds() []Kind { return []Kind{Passkey, App, Text, Mail, Questions} }

// Method is one registered way of one person.
type Method struct {
	Tenant    string
	ID        string
	Person    string
	Kind      Kind
	Masked    string // what a page may show of it: •••• 42
	Secret    []byte // destination, seed, passkey or answers; the store seals it, bound to its row
	Step      int64  // App: the last time step that was accepted; Passkey: the authenticator's counter. It only grows
	Created   time.Time
	Confirmed time.Time // zero while it is being registered: it proves nothing then
	Used      time.Time // when it last passed a check
}

// Registration is what is known of somebody's methods as a whole.
type Registration struct {
	Tenant   string
	Person   string
	Last     Kind      // what they last passed a check with
	Reviewed time.Time // when they last said that everything is right
}

// Census counts what a tenant's people have, so that names that belong to nobody can be shown the like.
type Census struct {
	People  int
	With    map[Kind]int // people with a confirmed method of this kind
	Used    int          // people who have passed a check
	Mobiles int          // people whose mobile number the directory holds
	Domains []string     // of registered mail addresses, one entry each
}

// ErrReplayed reports a step that was accepted already, or a method that is gone.
var ErrReplayed = errors.New("used already")
