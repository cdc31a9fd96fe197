// Package tenant holds what the cloud side knows about one organisation: its name, where its people get
// help, and how strict its checks are. It holds records; store keeps them.
package tenant

import "time"

// Tenant is one organisation.
type Tenant struct {
	ID       string // short, lower case, never changes; part of every sealed header
	Name     string // shown to people
	Account  string // public key of its relay account, A…
	Settings Settings
	Created  time.Time
}

// Settings are what an administrator may change.
type Settings struct {
	HelpdeskPhone string `json:"helpdesk_phone,omitempty"`
	HelpURL       string `json:"help_url,omitempty"`
	SignInURL     string `json:"sign_in_url,omitempty"`
	ExampleUPN    string `json:"example_upn,omitempty"`  // in the hint of the first page
	ExampleDown   string `json:"example_down,omitempty"` // DOMAIN\name in the same hint
	TimeZone      string `json:"time_zone,omitempty"`    // IANA name; empty is UTC
	Locale        string `json:"locale,omitempty"`       // default language of mails
	UnlockOnly    bool   `json:"unlock_only"`            // people may unlock without a new password
	// WritebackOff: an administrator has turned writeback off, so agents get no new request.
	WritebackOff bool `json:"writeback_off,omitempty"`

	Checks Checks `json:"checks,omitzero"` // how people prove who they are

	TestEvery time.Duration `json:"test_every,omitempty"` // how often a test account is written; zero: never

	LicencesNeeded bool     `json:"licences_needed,omitempty"` // writeback needs a plan that includes it; false: nothing asks about licences
	Licences       []string `json:"licences,omitempty"`        // part numbers of the products subscribed to
	// LicenceSeats is how many of a product were bought, by part number; one that isn't in it is not counted.
	LicenceSeats map[string]int `json:"licence_seats,omitempty"`
	// LicencePerPerson: beside the tenant's plan, each person needs one that is assigned to them or to a group of theirs.
	LicencePerPerson bool `json:"licence_per_person,omitempty"`

	Sync Sync `json:"sync,omitzero"`
	// ResetScope says who may reset: everybody synced, nobody, or the people of ResetGroup and of the groups in it.
	ResetScope Scope  `json:"reset_scope,omitempty"`
	ResetGroup string `json:"reset_group,omitempty"` // objectGUID, 32 hex digits

	// RegisterRequired: whoever has too few methods registers them at the next visit to the security info.
	RegisterRequired bool `json:"register_required,omitempty"`
	// FirstProof: what the directory holds proves who somebody is as long as they have registered nothing.
	FirstProof bool `json:"first_proof,omitempty"`

	// Expiry says when people are told that their password is about to expire.
	Expiry Expiry `json:"expiry,omitzero"`

	// BannedWords are what no password may be made of, as package banned judges; agents and browsers have them too.
	BannedWords []string `json:"banned_words,omitempty"`
	// Alerts says who hears that writeback stopped or works again.
	Alerts Alerts `json:"alerts,omitzero"`
	// PeopleUntold: nobody is told when their password was changed or their account unlocked.
	PeopleUntold bool `json:"people_untold,omitempty"`
	// PeopleTexted: they are told by text message too, on every telephone that was known before.
	PeopleTexted bool `json:"people_texted,omitempty"`
	// TellAdministrators: every Global Administrator is told when somebody who holds a role gets a new password.
	TellAdministrators bool `json:"tell_administrators,omitempty"`

	// Provider is where administrators may sign in instead of here.
	Provider Provider `json:"provider,omitzero"`

	HelpdeskMail string `json:"helpdesk_mail,omitempty"`
	Brand        Brand  `json:"brand,omitzero"`
}

// Scope says whom a choice applies to.
type Scope string

// Scopes.
const (
	ScopeAll      Scope = ""
	ScopeNone     Scope = "none"
	ScopeSelected Scope = "selected"
)

// Sync is how people of directories are matched with accounts that exist, and how much may be deleted unasked. Zero
// values are the defaults.
type Sync struct {
	BlockHardMatch bool `json:"block_hard_match,omitempty"` // never join by source anchor
	BlockSoftMatch bool `json:"block_soft_match,omitempty"` // never join by address or name
	AskSoftMatch   bool `json:"ask_soft_match,omitempty"`   // an operator confirms each soft match
	NoUPNMatch     bool `json:"no_upn_match,omitempty"`     // match by primary mail address only
	DeleteLimit    int  `json:"delete_limit,omitempty"`     // zero: 500
	DeletePercent  int  `json:"delete_percent,omitempty"`   // of a domain; zero: 10
	// JoinPassword says which password somebody has who is joined to an account with one of its own.
	JoinPassword JoinPassword `json:"join_password,omitempty"`
}

// JoinPassword is which password wins.
type JoinPassword string

// Choices of JoinPassword.
const (
	KeepDirectory JoinPassword = ""      // the directory's stays
	KeepCloud     JoinPassword = "cloud" // the cloud's becomes the password at the next good sign-in
)

// In is the tenant as it is told of in another time zone; an empty name leaves its own.
func (t Tenant) In(zone string) Tenant {
	if zone != "" {
		t.Settings.TimeZone = zone
	}
	return t
}

// Location returns the tenant's time zone; an unknown name gives UTC.
func (s Settings) Location() *time.Location {
	loc, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// Limit is how many deletions pass unasked.
func (s Sync) Limit() int {
	if s.DeleteLimit <= 0 {
		return 500
	}
	return s.DeleteLimit
}

// Percent is the same in percent of a domain.
func (s Sync) Percent() int {
	if s.DeletePercent <= 0 {
		return 10
	}
	return s.DeletePercent
}
