package audit

import (
	"fmt"
	"time"
)

// Fault is what is wrong with a row. It is a closed set.
type Fault string

// The faults.
const (
	Altered  Fault = "altered"  // the row is not as it was written
	Replaced Fault = "replaced" // the row after it, or the signed end, was written after another one
	Swapped  Fault = "swapped"  // the row stands where another one was written, and that one here
	Missing  Fault = "missing"  // rows that were written are not there
	CutOff   Fault = "cut_off"  // the same at the end of the record
	Forged   Fault = "forged"   // the row was not written by this server
	NoEnd    Fault = "no_end"   // the end of the record is not as this server signed it
	Hidden   Fault = "hidden"   // the row is whole, but the log's page shows it wrongly or not at all
)

// Damage is one thing that is wrong with a tenant's record.
type Damage struct {
	Seq   int64 // the first row it concerns
	To    int64 // the last one; Seq for one row. The other row of two that were swapped.
	At    time.Time
	Fault Fault
}

// String names the row and says what is wrong with it.
func (d Damage) String() string {
	rows, are := fmt.Sprintf("row %d", d.Seq), "is"
	if d.To > d.Seq && d.Fault != Swapped {
		rows, are = fmt.Sprintf("rows %d to %d", d.Seq, d.To), "are"
	}
	when := "of " + d.At.UTC().Format(time.RFC3339)
	if d.At.IsZero() {
		when = "of an unknown time"
	}
	switch d.Fault {
	case Altered:
		return fmt.Sprintf("%s, %s, was altered after it was written", rows, when)
	case Replaced:
		return fmt.Sprintf("%s, %s, is not the row that was written there", rows, when)
	case Swapped:
		return fmt.Sprintf("%s, %s, has changed places with row %d", rows, when, d.To)
	case Missing:
		return fmt.Sprintf("%s, after the row %s, %s missing", rows, when, are)
	case CutOff:
		return fmt.Sprintf("%s, after the row %s, %s missing: the end of the record was cut off", rows, when, are)
	case Forged:
		return fmt.Sprintf("%s, %s, %s not written by this server", rows, when, map[string]string{"is": "was", "are": "were"}[are])
	case NoEnd:
		return fmt.Sprintf("the end of the record, %s, is not as this server signed it", rows)
	case Hidden:
		return fmt.Sprintf("%s, %s, is whole, but the log's page doesn't show it as it is", rows, when)
	}
	return rows + ", " + when + ": " + string(d.Fault)
}

// MostDamages is how many are told; after that many the record has to be looked at with other means.
const MostDamages = 100

// Verdict is what a check of a tenant's record found.
type Verdict struct {
	Rows    int64 // looked at
	Last    time.Time
	Damages []Damage // at most MostDamages, in the order of the rows
	More    bool     // there are more
}

// Whole reports whether nothing is wrong.
func (v Verdict) Whole() bool { return len(v.Damages) == 0 }
