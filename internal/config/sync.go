package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Sync is how the people and groups of a domain's organizational units are brought into the cloud directory.
type Sync struct {
	Mode         string            `koanf:"mode" about:"on, staging (read and preview, change nothing) or off; empty: on"`
	PilotGroup   string            `koanf:"pilot_group" about:"DN of a group: only people in it, nested groups included, are synced; empty: everybody"`
	Exclude      []string          `koanf:"exclude" about:"DNs of units below organizational_units that aren't synced"`
	SignInName   string            `koanf:"sign_in_name" about:"userPrincipalName or mail; empty: userPrincipalName"`
	SourceAnchor string            `koanf:"source_anchor" about:"ms-DS-ConsistencyGuid or objectGUID; empty: ms-DS-ConsistencyGuid"`
	WriteAnchor  *bool             `koanf:"write_anchor" about:"write objectGUID into an empty ms-DS-ConsistencyGuid; empty: true"`
	Attributes   map[string]string `koanf:"attributes" about:"field: attribute of the directory, where it isn't the usual one; an empty attribute isn't read"`
	Suffixes     map[string]string `koanf:"suffixes" about:"suffix of the directory: suffix of the sign-in name"`
	Poll         time.Duration     `koanf:"poll" about:"how often changes are looked for that the directory didn't tell of; empty: 2s"`
	Sweep        time.Duration     `koanf:"sweep" about:"how often is compared who is gone, where the service account can't see deletions; empty: 30m"`
}

// Modes of sync.
const (
	SyncOn      = "on"
	SyncStaging = "staging"
	SyncOff     = "off"
)

const (
	shortestPoll  = 500 * time.Millisecond
	longestPoll   = time.Minute
	shortestSweep = time.Minute
)

// On reports whether the domain is synced at all.
func (s Sync) On() bool { return s.Mode != SyncOff }

// WritesAnchor reports whether empty source anchors are to be written.
func (s Sync) WritesAnchor() bool {
	return s.Mode != SyncOff && s.Mode != SyncStaging && s.SourceAnchor != "objectGUID" && (s.WriteAnchor == nil || *s.WriteAnchor)
}

// SyncFields are the names of the attribute map's left side.
func SyncFields() []string {
	return []string{
		"businessPhone", "companyName", "department", "displayName", "employeeId", "givenName", "jobTitle", "mail", "mobilePhone",
		"officeLocation", "preferredLanguage", "surname",
	}
}

func (s Sync) check(at string) []string {
	var p []string
	oneOf := func(key, value string, allowed ...string) {
		if value != "" && !slices.Contains(allowed, value) {
			p = append(p, fmt.Sprintf("%s%s is %q: it must be %s", at, key, value, strings.Join(allowed, " or ")))
		}
	}
	oneOf("mode", s.Mode, SyncOn, SyncStaging, SyncOff)
	oneOf("sign_in_name", s.SignInName, "userPrincipalName", "mail")
	oneOf("source_anchor", s.SourceAnchor, "ms-DS-ConsistencyGuid", "objectGUID")
	if s.PilotGroup != "" && !strings.Contains(s.PilotGroup, "=") {
		p = append(p, fmt.Sprintf("%spilot_group is %q: name a DN, such as CN=Pilot,OU=Groups,DC=corp,DC=contoso,DC=com", at, s.PilotGroup))
	}
	for _, u := range s.Exclude {
		if !strings.Contains(u, "=") {
			p = append(p, fmt.Sprintf("%sexclude holds %q: name a DN, such as OU=Trainees,OU=Sales,DC=corp,DC=contoso,DC=com", at, u))
		}
	}
	for _, field := range slices.Sorted(maps.Keys(s.Attributes)) {
		if !slices.Contains(SyncFields(), field) {
			p = append(p, fmt.Sprintf("%sattributes holds %q; did you mean %q?", at, field, nearest(field, SyncFields())))
		}
	}
	for _, from := range slices.Sorted(maps.Keys(s.Suffixes)) {
		if to := s.Suffixes[from]; to == "" || strings.ContainsAny(from+to, "@ /") {
			p = append(p, fmt.Sprintf("%ssuffixes holds %q: %q: both must be domain names without the @", at, from, to))
		}
	}
	if s.Poll != 0 && (s.Poll < shortestPoll || s.Poll > longestPoll) {
		p = append(p, at+"poll must be a duration from 500ms to 1m")
	}
	if s.Sweep != 0 && s.Sweep < shortestSweep {
		p = append(p, at+"sweep must be a duration of at least 1m, such as 30m")
	}
	return p
}
