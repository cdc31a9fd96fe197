package tenant

import (
	"errors"
	"fmt"
	"time"
)

// Errors that a page says in the reader's language.
var (
	ErrTooMany = errors.New("too many")
	ErrDays    = errors.New("not a number of days")
	ErrClock   = errors.New("not a time of day")
)

// Expiry says how many days before a password expires its owner is told, and when nobody is: in the tenant's time zone,
// as 22:00. No days: nobody is told. The same time twice, or none: there are no quiet hours.
type Expiry struct {
	Days       []int  `json:"days,omitempty"`
	QuietFrom  string `json:"quiet_from,omitempty"`
	QuietUntil string `json:"quiet_until,omitempty"`
}

// The bounds of Expiry.Days.
const (
	MaxExpiryDays  = 90
	MaxExpiryTimes = 5
)

// Check says what an administrator has to mend.
func (e Expiry) Check() error {
	if len(e.Days) > MaxExpiryTimes {
		return fmt.Errorf("%d reminders before a password expires: use up to %d: %w", len(e.Days), MaxExpiryTimes, ErrTooMany)
	}
	for _, d := range e.Days {
		if d < 1 || d > MaxExpiryDays {
			return fmt.Errorf("%d days before a password expires: use 1 to %d: %w", d, MaxExpiryDays, ErrDays)
		}
	}
	if (e.QuietFrom == "") != (e.QuietUntil == "") {
		return fmt.Errorf("quiet hours need both their beginning and their end: %w", ErrClock)
	}
	for _, at := range []string{e.QuietFrom, e.QuietUntil} {
		if _, err := time.Parse("15:04", at); at != "" && (err != nil || len(at) != len("15:04")) {
			return fmt.Errorf("%.20q: %w, such as 22:00", at, ErrClock)
		}
	}
	return nil
}
