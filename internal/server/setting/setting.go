// Package setting says what a tenant's settings are, by the names that the audit log tells them by, and what is wrong with
// them. The admin portal and the command line change the same settings: both check and record them with this.
package setting

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
)

// Value is one named value as the audit log tells it.
type Value struct{ Name, Text string }

// Revision names what some settings are, so that a change somebody made meanwhile is noticed.
func Revision(all []Value) string {
	h := sha256.New()
	for _, s := range all {
		h.Write([]byte(s.Name + "\x00" + s.Text + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// Record is the audit record of a change that by made.
func Record(by, difference string) audit.Record {
	return audit.Record{
		Activity: "Self-service password reset policy changes", Hop: "operator", Event: int(event.SettingChanged), Result: "ok", Actor: by, Detail: difference,
	}
}

// Done is the audit record of another change of a setting that by made.
func Done(by, activity, detail string) audit.Record {
	return audit.Record{Activity: activity, Hop: "operator", Event: int(event.SettingChanged), Result: "ok", Actor: by, Detail: detail}
}

// Turned is the audit record of a switch that by turned.
func Turned(by, name string, to bool) audit.Record {
	return audit.Record{
		Activity: "Change setting", Hop: "operator", Event: int(event.SettingChanged), Result: "ok", Actor: by,
		Detail: name + ": " + onOff(!to) + " → " + onOff(to),
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// Scope is who may reset.
func Scope(s tenant.Settings) []Value {
	scope := string(s.ResetScope)
	if scope == "" {
		scope = "all"
	}
	return []Value{{"self-service password reset for", scope}, {"group", s.ResetGroup}}
}

// Methods is how people prove who they are.
func Methods(s tenant.Settings) []Value {
	c := s.Checks
	return []Value{
		{"checks required", strconv.Itoa(c.Need(false))},
		{"methods", strings.Join(Allowed(c), ", ")},
		{"directory's mail address", onOff(!c.RegisteredOnly)},
		{"helpdesk pass", onOff(!c.PassOff)},
		{"security questions to set up", strconv.Itoa(c.SetUp())},
		{"security questions to answer", strconv.Itoa(c.Asked())},
	}
}

// Allowed are the kinds of checks that are allowed, strongest first.
func Allowed(c tenant.Checks) []string {
	on := c.Methods
	if len(on) == 0 {
		on = tenant.DefaultMethods()
	}
	var ordered []string
	for _, m := range tenant.AllMethods() {
		if slices.Contains(on, m) {
			ordered = append(ordered, m)
		}
	}
	return ordered
}

// Registration is how people come to have methods.
func Registration(s tenant.Settings) []Value {
	return []Value{
		{"registration required", onOff(s.RegisterRequired)},
		{"reconfirm after days", strconv.Itoa(s.Checks.Reconfirm)},
		{"first proof by the directory", onOff(s.FirstProof)},
	}
}

// Notifications is who hears about what, without secrets.
func Notifications(s tenant.Settings) []Value {
	return []Value{
		{"tell people", onOff(!s.PeopleUntold)},
		{"tell people by text message", onOff(s.PeopleTexted)},
		{"tell administrators", onOff(s.TellAdministrators)},
		{"alerts to", strings.Join(s.Alerts.Mail, ", ")},
		{"alert webhook", hookName(s.Alerts.WebhookURL)},
		{"alert webhook without encryption", onOff(s.Alerts.PlainWebhook)},
		{"days before a password expires", Numbers(s.Expiry.Days)},
		{"quiet hours", s.Expiry.QuietFrom + "–" + s.Expiry.QuietUntil},
	}
}

// Provider is how administrators sign in elsewhere, without the client's secret.
func Provider(s tenant.Settings) []Value {
	p := s.Provider
	groups := make([]string, len(p.Roles))
	for i, r := range p.Roles {
		groups[i] = r.Group + " = " + r.Role
	}
	return []Value{
		{"issuer", p.Issuer},
		{"client id", p.ClientID},
		{"name", p.Name},
		{"group claim", p.GroupClaim},
		{"groups", strings.Join(groups, "; ")},
		{"acr", strings.Join(p.ACR, " ")},
		{"amr", strings.Join(p.AMR, " ")},
		{"sign out there", onOff(p.Logout)},
	}
}

// Numbers writes numbers with commas between them.
func Numbers(all []int) string {
	var out []string
	for _, n := range all {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ", ")
}

// hookName tells one webhook from another without what of its address may be a secret.
func hookName(address string) string {
	u, err := url.Parse(address)
	if err != nil || address == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + " (" + Revision([]Value{{"webhook", address}})[:6] + ")"
}

// Licences is whether licences are asked for.
func Licences(s tenant.Settings) []Value {
	return []Value{{"licences needed", onOff(s.LicencesNeeded)}, {"each person needs one", onOff(s.LicencePerPerson)}}
}
