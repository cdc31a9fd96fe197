package admin

import (
	"fmt"
	"strings"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/operator"
	"homeward/internal/server/setting"
	"homeward/internal/server/verify"
)

// Said is what a record says beyond its columns, for one reader. What is stored never changes: it is English, as it is exported
// and as the chain covers it. Where it has a form of the product's own, Lines say it in the reader's language; anything else is
// shown as it was recorded.
type Said struct {
	Lines []string
	Own   string // as recorded
	// English is set where the product or an agent wrote Own; else it is somebody's own words, or a name.
	English bool
}

// said puts what a record says in words.
func (f Frame) said(r audit.Record) Said {
	if r.Detail == "" {
		return Said{}
	}
	if changes, ok := setting.ParseDifference(r.Detail); ok && recordsSettings(r.Activity) {
		if lines := f.settingLines(changes); lines != nil {
			return Said{Lines: lines}
		}
	}
	if line, rest, ok := f.formOf(r); ok {
		return Said{Lines: []string{line}, Own: rest}
	}
	return Said{Own: r.Detail, English: r.Hop != "operator"}
}

// recordsSettings reports whether records of an activity tell of settings, by name.
func recordsSettings(activity string) bool {
	switch activity {
	case "Self-service password reset policy changes", "Change setting", "Change sign-in of administrators":
		return true
	}
	return false
}

// settingLines says one line for each setting; none if any of them has no words, so that nothing is left out.
func (f Frame) settingLines(all []setting.Change) []string {
	var out []string
	for _, c := range all {
		id := settingWord(c.Name)
		switch {
		case id == "":
			return nil
		case c.Before == "" && c.After == "":
			out = append(out, f.T("admin.change.secret", "Name", f.T(id)))
		default:
			out = append(out, f.T("admin.change", "Name", f.T(id), "Before", f.settingValue(c.Name, c.Before), "After", f.settingValue(c.Name, c.After)))
		}
	}
	return out
}

// settingValue is a value in the reader's language, where it is one of a few; a number, a name or a typed text is itself.
func (f Frame) settingValue(name, value string) string {
	if on, ok := setting.OnOff(value); ok {
		if on {
			return f.T("admin.on")
		}
		return f.T("admin.off")
	}
	switch name {
	case "self-service password reset for":
		return f.T(scopeWord(value))
	case "methods":
		kinds := strings.Split(value, ", ")
		for i, k := range kinds {
			kinds[i] = f.kind(verify.Kind(k))
		}
		return strings.Join(kinds, ", ")
	}
	return value
}

// formOf reads a record whose words have a form of the product's own, by what was done. rest is what somebody typed.
func (f Frame) formOf(r audit.Record) (line, rest string, ok bool) {
	switch r.Activity {
	case "Invite administrator", "Make administrator from a group", "Add member to role", "Remove member from role":
		return f.RoleName(r.Detail), "", roleWord(operator.Role(r.Detail)) != ""
	case "Change administrator role":
		before, after, found := strings.Cut(r.Detail, " → ")
		return f.T("admin.change.short", "Before", f.RoleName(before), "After", f.RoleName(after)), "", found && roleWord(operator.Role(after)) != ""
	case "Sign out (administrator)":
		id := map[string]string{"every session": "admin.detail.sessions", "every other session": "admin.detail.sessions.other"}[r.Detail]
		return f.T(id), "", id != ""
	case "Change administrator scope":
		return f.T("admin.detail.everybody"), "", r.Detail == operator.Scope(nil).String()
	case "Make enrolment code":
		return f.until(strings.CutPrefix(r.Detail, "works until "))
	case "Issue helpdesk pass":
		// The time has colons, but no space after one.
		until, reason, found := strings.Cut(r.Detail, ": ")
		line, _, ok = f.until(strings.CutPrefix(until, "until "))
		return line, reason, ok && found
	}
	if line, ok = f.counted(r); ok {
		return line, "", true
	}
	return f.method(r)
}

// until reads a moment.
func (f Frame) until(text string, found bool) (line, rest string, ok bool) {
	at, err := time.Parse(time.RFC3339, text)
	return f.T("admin.detail.until", "Time", f.When(at)), "", found && err == nil
}

// counted reads records that tell numbers.
func (f Frame) counted(r audit.Record) (line string, ok bool) {
	read := func(form string, into ...any) bool {
		n, err := fmt.Sscanf(r.Detail, form, into...)
		return err == nil && n == len(into)
	}
	var n, more, there int
	var word string
	switch r.Activity {
	case "Remind of password expiry":
		if at, err := time.Parse(time.RFC3339, r.Detail[strings.LastIndex(r.Detail, " ")+1:]); err == nil && read("%d days before %s", &n, &word) {
			return f.T("admin.detail.expires", "N", n, "Time", f.When(at)), true
		}
	case "Remind to register":
		if read("people: %d", &n) {
			return f.T("admin.people", "N", n), true
		}
	case "Alert":
		if !read("told %d addresses", &n) {
			return "", false
		}
		if strings.HasSuffix(r.Detail, " and the webhook") {
			return f.T("admin.detail.told.hook", "N", n), true
		}
		return f.T("admin.detail.told", "N", n), true
	case "Allow deletions", "Keep deletions":
		if read("%d objects of %s", &n, &word) {
			return f.T("admin.detail.objects", "N", n, "Domain", word), true
		}
	case "Import users":
		if read("%d made, %d lines wrong", &n, &more) {
			return f.T("admin.detail.imported", "Made", f.Number(n), "Wrong", f.Number(more)), true
		}
	case "Import security info":
		if read("%d destinations of %d people, %d were there", &n, &more, &there) {
			return f.T("admin.detail.destinations", "Added", f.Number(n), "People", f.Number(more), "There", f.Number(there)), true
		}
	}
	return "", false
}

// method reads records that name a kind of method, and perhaps a masked address.
func (f Frame) method(r audit.Record) (line, rest string, ok bool) {
	names := r.Hop == "verify" || r.Hop == "notify" || strings.HasSuffix(r.Activity, "security info") || r.Activity == "Verify caller (by admin)"
	kind, masked, _ := strings.Cut(r.Detail, " ")
	if !names || methodWord(verify.Kind(kind)) == "" || masked != "" && !strings.Contains(masked, "•") {
		return "", "", false
	}
	return strings.TrimSpace(f.kind(verify.Kind(kind)) + " " + masked), "", true
}
