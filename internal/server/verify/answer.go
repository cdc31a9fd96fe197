package verify

// Result is what became of one try at a mailed code.
type Result string

// Results. Only OK proves anything, and one code gives it once.
const (
	OK      Result = "ok"
	Wrong   Result = "wrong"    // more tries are left
	Expired Result = "expired"  // right or wrong no longer matters
	TooMany Result = "too_many" // no tries are left; only a new code helps
	None    Result = "none"     // no code was sent, or it was used already
)

// Answer is a Result with the tries left, which only a Wrong one has.
type Answer struct {
	Result    Result
	Remaining int
}
