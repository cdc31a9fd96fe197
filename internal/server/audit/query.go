package audit

import (
	"slices"
	"strings"
	"time"
)

// Query asks for a tenant's entries: what happened, one for each attempt and one for each row that belongs to none. The
// row that stands for an attempt is its last one but the mail that tells the person. Empty fields ask for everything.
type Query struct {
	From, To time.Time // From is included, To is not
	Support  string
	// People are ids of people or agents, or names of operators; the entry is about one of them, or theirs.
	People   []string
	Agent    string // id of the agent, or name of the operator, whose work it was
	Activity string
	Results  []string // one of them; none asks for all
	Before   int64    // only entries with a smaller Seq; pages go back in time
	After    int64    // only entries with a greater Seq: the way forward again
	Limit    int
}

// Told is the event of the mail that tells a person; it is never what an attempt came to.
const Told = 34008

// MostPeople is how many ids a Query may have in People.
const MostPeople = 50

// Count is how many entries of an activity came to a result within one of several spans of time.
type Count struct {
	Activity, Result string
	Span             int // from 0, the oldest
	N                int
}

// IsSupport reports whether a text is a support code: what people read out.
func IsSupport(s string) bool {
	const form = "HW-XXXX-XXXX"
	if len(s) != len(form) {
		return false
	}
	for i, c := range []byte(s) {
		if form[i] != 'X' && c != form[i] || form[i] == 'X' && (c < '0' || c > 'Z' || c > '9' && c < 'A') {
			return false
		}
	}
	return true
}

// NeedsLook are the results that somebody should look at.
func NeedsLook() []string { return []string{"failed", "refused"} }

// Results lists what an entry can come to.
func Results() []string { return []string{"ok", "changed", "refused", "failed", "unknown"} }

// Ask narrows a query to what somebody typed: a support code, or a name. ids are those of the people and agents that have the
// name; they are asked for only then.
func (q *Query) Ask(typed string, ids func() ([]string, error)) error {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return nil
	}
	if code := strings.ToUpper(strings.ReplaceAll(typed, " ", "")); IsSupport(code) {
		q.Support = code
		return nil
	}
	found, err := ids()
	if err != nil {
		return err
	}
	all := slices.Concat([]string{typed}, found)
	q.People = all[:min(len(all), MostPeople)]
	return nil
}
