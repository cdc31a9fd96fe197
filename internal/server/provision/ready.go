package provision

import "time"

// Readiness counts people by what they could prove who they are with. Protected and disabled people are counted apart.
type Readiness struct {
	People    int // all of them
	Protected int
	Disabled  int
	None      int // of the others: no usable method,
	One       int // one kind,
	More      int // two kinds or more
}

// Able is how many pass that many checks.
func (r Readiness) Able(need int) int {
	if need > 1 {
		return r.More
	}
	return r.More + r.One
}

// Short is how many don't, of those who may.
func (r Readiness) Short(need int) int { return r.None + r.One + r.More - r.Able(need) }

// Short asks who has registered too little and could be told so: people of a directory who are there, in scope, neither turned off,
// protected, stopped nor contested, who have an address, and who weren't reminded lately.
type Short struct {
	Group string    // only of it and of the groups in it; empty: everybody
	Kinds []string  // that count
	Mail  bool      // the directory's address counts as one
	Need  int       // kinds
	Parts []string  // products of which they need one; nil: none is needed
	Since time.Time // nobody who was reminded after it
}
