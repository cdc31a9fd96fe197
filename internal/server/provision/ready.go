package provision

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
