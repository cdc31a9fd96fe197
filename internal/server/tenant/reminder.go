package tenant

import (
	"slices"
	"time"
)

// Due returns which reminders are due when a password expires in left: the one to send, which is the last that was passed, and
// all that count as sent with it. None is due before the first, or once the password has expired.
func (e Expiry) Due(left time.Duration) (days int, passed []int) {
	if left <= 0 {
		return 0, nil
	}
	for _, d := range e.Days {
		if left <= time.Duration(d)*24*time.Hour {
			passed = append(passed, d)
		}
	}
	if len(passed) == 0 {
		return 0, nil
	}
	return slices.Min(passed), passed
}

// Longest is the earliest reminder, in days; 0: there is none.
func (e Expiry) Longest() int {
	if len(e.Days) == 0 {
		return 0
	}
	return slices.Max(e.Days)
}

// Quiet reports whether nobody is written to at a moment. The hours may span midnight.
func (e Expiry) Quiet(at time.Time, in *time.Location) bool {
	from, errFrom := time.Parse("15:04", e.QuietFrom)
	until, errUntil := time.Parse("15:04", e.QuietUntil)
	if errFrom != nil || errUntil != nil || from.Equal(until) {
		return false
	}
	minute := func(t time.Time) int { return t.Hour()*60 + t.Minute() }
	now, begin, end := minute(at.In(in)), minute(from), minute(until)
	if begin < end {
		return now >= begin && now < end
	}
	return now >= begin || now < end
}
