package verify

// Verdict is what became of one typed code.
type Verdict string

// Verdicts.
const (
	OK      Verdict = "ok"
	Wrong   Verdict = "wrong"
	Expired Verdict = "expired"
	TooMany Verdict = "too_many" // this code takes no more tries
	None    Verdict = "none"     // no code was sent, or it was used
)

// Answer is a verdict and how many tries the code has left.
type Answer struct {
	Verdict   Verdict
	Remaining int
}
