package portal

import (
	"encoding/json"

	"homeward/internal/protocol"
)

// RuleRow is one line of the checklist as the page is sent; the script keeps it live.
type RuleRow struct {
	ID    string // length, kinds, name, banned or history
	State string // todo, bad or later
	Text  string
}

// Rules lists the person's rules, the broken one first.
func (p PasswordPage) Rules() []RuleRow {
	var rows []RuleRow
	if p.Policy.MinLength > 0 {
		rows = append(rows, RuleRow{"length", "todo", p.T("rule.length", "N", p.Policy.MinLength)})
	}
	if p.Policy.Complexity {
		rows = append(rows, RuleRow{"kinds", "todo", p.T("rule.kinds")})
		rows = append(rows, RuleRow{"name", "todo", p.T("rule.name")})
	}
	if len(p.Policy.Banned) > 0 {
		rows = append(rows, RuleRow{"banned", "todo", p.T("rule.banned", "Name", p.TenantName)})
	}
	if p.Policy.History > 0 {
		rows = append(rows, RuleRow{"history", "later", p.T("rule.history", "N", p.Policy.History)})
	}
	return brokenFirst(rows, p.brokenRule())
}

func brokenFirst(rows []RuleRow, broken string) []RuleRow {
	for i, row := range rows {
		if row.ID == broken {
			row.State = "bad"
			out := append([]RuleRow{row}, rows[:i]...)
			return append(out, rows[i+1:]...)
		}
	}
	return rows
}

// brokenRule names the rule of the refusal. It names none that is not known.
func (p PasswordPage) brokenRule() string {
	switch p.Refused.Reason {
	case protocol.ReasonTooShort:
		return "length"
	case protocol.ReasonTooSimple:
		return "kinds"
	case protocol.ReasonContainsName:
		return "name"
	case protocol.ReasonBanned:
		return "banned"
	case protocol.ReasonUsedBefore:
		return "history"
	}
	return ""
}

// Words are the sentences the script says, in the person's language. It has none of its own. Those with a number
// are JSON: every plural form by its category, {n} for the number.
type Words struct {
	Title, Problem, Empty, Current, Name, Long, Network, Lost, Again, Busy, BannedWord string
	Short, Kinds, Now, Met, Spoken                                                     string
	Lower, Upper, Digit, Symbol, Comma, Or                                             string
	Yes, No, Bad                                                                       string
	Show, Hide, ShowLong, HideLong                                                     string
	Weak, Fair, Good, Strong                                                           string
}

// Words returns the script's sentences.
func (p PasswordPage) Words() (Words, error) {
	w := Words{
		Title: p.Title(), Problem: p.T("title.problem"),
		Empty: p.T("password.error.empty"), Current: p.T("password.error.current_empty"), Name: p.T("password.error.name", "Name", "{name}"),
		Long: p.T("password.error.long"), Network: p.T("password.error.network"), Lost: p.T("password.error.lost"), Again: p.T("password.error.again"),
		Busy: p.T("password.error.busy"), BannedWord: p.T("password.error.banned", "Word", "{word}", "Name", p.TenantName),
		Lower: p.T("kind.lower"), Upper: p.T("kind.upper"), Digit: p.T("kind.digit"), Symbol: p.T("kind.symbol"),
		Comma: p.T("list.comma"), Or: p.T("list.or"),
		Yes: p.T("rule.yes"), No: p.T("rule.no"), Bad: p.T("rule.bad"),
		Show: p.T("password.show"), Hide: p.T("password.hide"), ShowLong: p.T("password.show.long"), HideLong: p.T("password.hide.long"),
		Weak: p.T("strength.weak"), Fair: p.T("strength.fair"), Good: p.T("strength.good"), Strong: p.T("strength.strong"),
	}
	for _, counted := range []struct {
		into *string
		by   map[string]string
	}{
		{&w.Short, p.Patterns("password.error.short_now", "Min", p.Policy.MinLength)},
		{&w.Kinds, p.Patterns("password.error.kinds_more", "List", "{list}")},
		{&w.Now, p.Patterns("rule.now")},
		{&w.Met, p.Patterns("rules.met", "Of", "{of}")},
		{&w.Spoken, p.Patterns("rules.spoken", "Of", "{of}")},
	} {
		text, err := forms(counted.by)
		if err != nil {
			return Words{}, err
		}
		*counted.into = text
	}
	return w, nil
}

// forms hands the plural forms of a sentence to a script.
func forms(byCategory map[string]string) (string, error) {
	b, err := json.Marshal(byCategory)
	return string(b), err
}
