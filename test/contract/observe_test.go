package contract

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// result is what one row gave, or must give.
type result struct {
	Answer string // the outcome and its reason
	Event  event.Code
	Must   protocol.MustChange
	Rule   string // the numbers behind a refusal
	Says   string // the answer to a question

	// What the directory holds afterwards.
	Opens  string // which password, and the code of the refusal when it is right and yet does not let in
	Set    string // pwdLastSet: kept, now, 0
	Locked string // no, yes, yes→no
	Bad    string // badPwdCount, before→after when it differs
}

// held is what the directory holds of an account.
type held struct {
	there  bool
	set    string
	bad    string
	locked bool
}

func (w *world) held(t *testing.T, s *subject) held {
	t.Helper()
	r, err := w.dc.Admin(t).Search(ldap.NewSearchRequest("<GUID="+s.GUID+">", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0,
		false, "(objectClass=*)", []string{"pwdLastSet", "badPwdCount", "msDS-User-Account-Control-Computed"}, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return held{}
	}
	if err != nil || len(r.Entries) != 1 {
		t.Fatalf("reading the account: %v", err)
	}
	e := r.Entries[0]
	computed, _ := strconv.Atoi(e.GetAttributeValue("msDS-User-Account-Control-Computed"))
	h := held{there: true, set: e.GetAttributeValue("pwdLastSet"), bad: e.GetAttributeValue("badPwdCount"), locked: computed&int(directory.Locked) != 0}
	if h.bad == "" {
		h.bad = "0"
	}
	return h
}

// after compares what the directory held and holds, and tries the passwords out.
func (w *world) after(t *testing.T, s *subject, before held, begin time.Time, next string) (out result) {
	t.Helper()
	now := w.held(t, s)
	if !now.there {
		return result{}
	}
	switch now.set {
	case before.set:
		out.Set = "kept"
	case "0":
		out.Set = "0"
	default:
		out.Set = now.set
		ticks, err := strconv.ParseInt(now.set, 10, 64)
		when := directory.FromFiletime(ticks)
		if err == nil && when.After(begin.Add(-2*time.Second)) && when.Before(time.Now().Add(2*time.Second)) {
			out.Set = "now"
		}
	}
	out.Locked = change(yes(before.locked), yes(now.locked))
	out.Bad = change(before.bad, now.bad)
	if !s.known {
		return out
	}
	if now.locked || now.bad != "0" { // nothing can be tried on a locked account, and trying must not lock it
		w.dc.Set(t, s.DN, "lockoutTime", "0")
	}
	out.Opens = w.opens(s, next)
	return out
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func change(from, to string) string {
	if from == to {
		return to
	}
	return from + "→" + to
}

// opens tells which password is the right one.
func (w *world) opens(s *subject, next string) string {
	try := func(password string) (right bool, code string) {
		if password == "" || strings.ContainsRune(password, 0) { // no such sign-in can be sent
			return false, ""
		}
		err := w.dc.Bind(s.UPN, password)
		code = dctest.BindCode(err)
		if err != nil && code == "" {
			return false, err.Error()
		}
		return code != "52e", code
	}
	newRight, newCode := false, ""
	if next != s.Password {
		newRight, newCode = try(next)
	}
	oldRight, oldCode := try(s.Password)
	switch {
	case newRight && oldRight:
		return "both"
	case newRight:
		return coded("new", newCode)
	case oldRight:
		return coded("old", oldCode)
	}
	return "neither"
}

func coded(which, code string) string {
	if code == "" {
		return which
	}
	return which + " (" + code + ")"
}

func answer(r protocol.Result) string {
	return strings.TrimSpace(string(r.Outcome) + " " + string(r.Reason))
}

// rule writes the numbers of a refusal without its dates.
func rule(r protocol.Rule) string {
	var parts []string
	if r.MinLength > 0 {
		parts = append(parts, fmt.Sprintf("%d characters", r.MinLength))
	}
	if r.History > 0 {
		parts = append(parts, fmt.Sprintf("history %d", r.History))
	}
	if r.MinAge > 0 {
		parts = append(parts, "not before "+length(time.Duration(r.MinAge)*time.Millisecond)+" are over")
		if got := int64(r.NotBefore) - int64(r.Changed); got != r.MinAge {
			parts = append(parts, fmt.Sprintf("but not before − changed = %d ms", got))
		}
	}
	if r.Name != "" {
		parts = append(parts, "name")
	}
	return strings.Join(parts, ", ")
}

func length(d time.Duration) string {
	if d%day == 0 && d >= 2*day {
		return strconv.Itoa(int(d/day)) + " days"
	}
	return strconv.Itoa(int(d/time.Hour)) + " hours"
}

// says writes the answer to a question.
func says(p protocol.PersonPolicy) string {
	if !p.Found {
		return "not found"
	}
	parts := []string{strconv.Itoa(p.MinLength) + " characters"}
	add := func(when bool, text string) {
		if when {
			parts = append(parts, text)
		}
	}
	add(p.Complexity, "complex")
	add(p.History > 0, "history "+strconv.Itoa(p.History))
	add(p.MinAge > 0, "minimum age "+length(time.Duration(p.MinAge)*time.Millisecond))
	add(p.MaxAge > 0, "maximum age "+length(time.Duration(p.MaxAge)*time.Millisecond))
	add(p.Source != "domain", "from a PSO")
	add(p.ChangeableAt > 0, "not yet changeable")
	add(p.Locked, "locked")
	add(p.MustChange, "must change")
	add(p.Expired, "expired")
	add(p.NeverExpires, "never expires")
	add(p.CannotChange, "cannot change")
	if p.TriesLeft != nil {
		parts = append(parts, fmt.Sprintf("tries left %d", *p.TriesLeft))
	}
	return strings.Join(parts, ", ")
}
