package audit

import "time"

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
