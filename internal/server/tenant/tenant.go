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

	TestEvery time.Duration `json:"test_every,omitempty"` // how often a test account is written; zero: never
}

// Location returns the tenant's time zone; an unknown name gives UTC.
func (s Settings) Location() *time.Location {
	loc, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}
