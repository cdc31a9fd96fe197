package portal

import (
	"encoding/json"
	"html/template"
	"strings"
	"time"
	"unicode/utf8"

	"homeward/internal/protocol"
)

// Ids of the password fields. They have no names on purpose: a form sent by any other way than the script, which
// seals, cannot carry them.
const (
	FieldPassword = "password"
	FieldCurrent  = "current"
)

// Policy is what Active Directory asks of this person's next password.
type Policy struct {
	MinLength  int
	Complexity bool
	History    int
	MinAge     time.Duration
	NameParts  []string // what complexity forbids it to contain: directory.NameParts
	Banned     []string // the organisation's own list of words, see package banned
}

// Refusal says why the last password was refused, and the numbers its sentence needs.
type Refusal struct {
	Reason protocol.Reason
	Rule   protocol.Rule
}

// PasswordPage asks for the new password, and for a change for the current one, and seals them: GET and POST
// /password, tickets at /password/ticket.
type PasswordPage struct {
	Frame
	Change    *Change // nil for a reset
	Checks    int     // how many checks came before, for the step bar
	Flow      string  // this flow's token, sent along with ticket and password
	Shown     string  // the UPN; for password managers and the person chip
	FullName  string  // for the initials in the chip
	Policy    Policy
	Expires   time.Time // the page is over then; two minutes before, the script offers more time
	NotBefore time.Time // the minimum age is not over until then: no form, only the sentence
	Now       time.Time
	Location  *time.Location
	Refused   Refusal
}

// Change is what the page of a change shows beside that of a reset.
type Change struct {
	ExpiresAt  time.Time // when the password expires; zero: unknown or never
	Expired    bool
	MustChange bool // at the next sign-in
	TriesLeft  int  // wrong current passwords that are left; 0: enough not to speak of it
}

// Template names the page's file.
func (PasswordPage) Template() string { return "password" }

// Title is the page's one h1.
func (p PasswordPage) Title() string {
	if p.Blocked() {
		return p.T("password.title.blocked")
	}
	if p.Change != nil {
		return p.T("change.title")
	}
	return p.T("password.title")
}

// Steps is the last step.
func (p PasswordPage) Steps() *Steps {
	of := 2 + max(p.Checks, 1)
	return &Steps{Now: of, Of: of, Name: p.T("step.password")}
}

// Wide puts the rules beside the field.
func (p PasswordPage) Wide() bool { return !p.Blocked() }

// Scripts seal and advise.
func (p PasswordPage) Scripts() []string {
	if p.Blocked() {
		return nil
	}
	return []string{"hpke.js", "banned.js", "password.js"}
}

// Blocked reports whether the minimum age forbids any password now.
func (p PasswordPage) Blocked() bool {
	return p.Refused.Reason == protocol.ReasonTooYoung || p.NotBefore.After(p.Now)
}

// BlockedText says since when and until when.
func (p PasswordPage) BlockedText() string {
	until, age := p.NotBefore, p.Policy.MinAge
	if until.IsZero() {
		until = p.Refused.Rule.NotBefore.Time()
	}
	if age == 0 {
		age = time.Duration(p.Refused.Rule.MinAge) * time.Millisecond
	}
	if until.IsZero() || age <= 0 || p.Location == nil {
		return p.T("password.young")
	}
	moment := p.Moment(until, p.Location)
	switch {
	case age%(24*time.Hour) == 0:
		return p.T("password.young.days", "N", int(age/(24*time.Hour)), "Moment", moment)
	case age%time.Hour == 0:
		return p.T("password.young.hours", "N", int(age/time.Hour), "Moment", moment)
	}
	return p.T("password.young.minutes", "N", minutes(age), "Moment", moment)
}

// Problem reports whether the last password was refused. A minimum age is not the person's mistake.
func (p PasswordPage) Problem() bool { return p.Refused.Reason != "" && !p.Blocked() }

// Problems is the sentence of the refusal.
func (p PasswordPage) Problems() Problems {
	if !p.Problem() {
		return nil
	}
	if p.Refused.Reason == protocol.ReasonWrongPassword {
		return Problems{{FieldCurrent, p.refusal()}}
	}
	return Problems{{FieldPassword, p.refusal()}}
}

// expiresSoon is how many days before a password expires its page speaks up.
const expiresSoon = 14

// Expiry says when the password expires, as far as that is known.
func (p PasswordPage) Expiry() template.HTML {
	c := p.Change
	switch {
	case c == nil:
		return ""
	case c.MustChange:
		return p.Rich("change.must")
	case c.Expired:
		return p.Rich("change.expired")
	case !c.ExpiresAt.After(p.Now) || p.Location == nil:
		return ""
	}
	day := p.Day(c.ExpiresAt, p.Location)
	switch n := p.daysLeft(); {
	case n == 0:
		return p.Rich("change.expires.today")
	case n <= expiresSoon:
		return p.Rich("change.expires.soon", "N", n, "Day", day)
	}
	return p.Rich("change.expires", "Day", day)
}

// Urgent reports whether the password soon lets nobody in any more, or does so already.
func (p PasswordPage) Urgent() bool {
	c := p.Change
	return c != nil && (c.MustChange || c.Expired || p.daysLeft() <= expiresSoon)
}

// daysLeft counts the midnights before the password expires.
func (p PasswordPage) daysLeft() int {
	if p.Location == nil {
		return 0
	}
	midnight := func(t time.Time) time.Time {
		y, m, d := t.In(p.Location).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(midnight(p.Change.ExpiresAt).Sub(midnight(p.Now)) / (24 * time.Hour))
}

// Tries says how many tries are left, when they are few.
func (p PasswordPage) Tries() string {
	if p.Change == nil || p.Change.TriesLeft <= 0 {
		return ""
	}
	return p.T("change.tries", "N", p.Change.TriesLeft)
}

// Forgotten is the link to a reset, in the words that fit what has happened.
func (p PasswordPage) Forgotten() string {
	if p.Refused.Reason == protocol.ReasonWrongPassword {
		return p.T("change.reset")
	}
	return p.T("change.forgotten")
}

func (p PasswordPage) refusal() string {
	rule := p.Refused.Rule
	switch p.Refused.Reason {
	case protocol.ReasonTooShort:
		return p.T("password.error.short", "N", max(rule.MinLength, p.Policy.MinLength))
	case protocol.ReasonTooSimple:
		return p.T("password.error.kinds")
	case protocol.ReasonContainsName:
		if rule.Name == "" {
			return p.T("password.error.a_name")
		}
		return p.T("password.error.name", "Name", rule.Name)
	case protocol.ReasonUsedBefore:
		if n := max(rule.History, p.Policy.History); n > 0 {
			return p.T("password.error.used", "N", n)
		}
		return p.T("password.error.used_some")
	case protocol.ReasonTooLong:
		return p.T("password.error.long")
	case protocol.ReasonBanned:
		return p.T("password.error.banned_some", "Name", p.TenantName)
	case protocol.ReasonFilter:
		return p.T("password.error.filter")
	case protocol.ReasonWrongPassword:
		return p.T("password.error.wrong")
	}
	return p.T("password.error.unknown")
}

// SecondsLeft is the time the page has, for the script's warning (WCAG 2.2.1); 0 warns never.
func (p PasswordPage) SecondsLeft() int {
	if p.Expires.IsZero() {
		return 0
	}
	return max(1, int(p.Expires.Sub(p.Now)/time.Second))
}

// Initials are the letters in the person chip.
func (p PasswordPage) Initials() string {
	name := p.FullName
	if name == "" {
		name, _, _ = strings.Cut(p.Shown, "@")
	}
	words := strings.FieldsFunc(name, nameDelimiter)
	out := ""
	for _, w := range words {
		r, _ := utf8.DecodeRuneInString(w)
		if len(out) == 0 || w == words[len(words)-1] {
			out += strings.ToUpper(string(r))
		}
	}
	return out
}

// Names is the policy's NameParts for the script, as JSON.
func (p PasswordPage) Names() (string, error) {
	parts := p.Policy.NameParts
	if parts == nil {
		parts = []string{}
	}
	b, err := json.Marshal(parts)
	return string(b), err
}

// BannedWords is the policy's list for the script, as JSON.
func (p PasswordPage) BannedWords() (string, error) {
	words := p.Policy.Banned
	if words == nil {
		words = []string{}
	}
	b, err := json.Marshal(words)
	return string(b), err
}

// nameDelimiter reports the characters between the words of a name, for the initials.
func nameDelimiter(r rune) bool { return strings.ContainsRune(",.-_ #\t–—", r) }
