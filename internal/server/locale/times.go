package locale

import (
	"strings"
	"time"

	"golang.org/x/text/language"
)

// Numbers are written with the digits 0 to 9 everywhere: CLDR gives them to every language here, plain Arabic
// included, and codes have no other. Times are of the 24-hour clock.

// Clock writes the time of day of t at loc: 14:32, and 08:10 or 8:10 as the language has it.
func (l Localizer) Clock(t time.Time, loc *time.Location) string {
	clock := t.In(loc).Format("15:04")
	if l.tag == language.Japanese || l.tag == language.Spanish {
		return strings.TrimPrefix(clock, "0")
	}
	return clock
}

// Seconds is Clock with its seconds: 14:32:07.
func (l Localizer) Seconds(t time.Time, loc *time.Location) string {
	return l.Clock(t, loc) + t.In(loc).Format(":05")
}

// Day writes the date of t at loc without its year: 15 March, 15. März, 1er mars, 3月15日.
func (l Localizer) Day(t time.Time, loc *time.Location) string {
	t = t.In(loc)
	if t.Day() == 1 {
		return l.T("time.day.first", "Day", t.Day(), "Month", l.T(months(t.Month())))
	}
	return l.T("time.day", "Day", t.Day(), "Month", l.T(months(t.Month())))
}

// Moment writes date and time of t at loc: 11 March at 08:10, 11. März um 08:10.
func (l Localizer) Moment(t time.Time, loc *time.Location) string {
	return l.T("time.moment", "Day", l.Day(t, loc), "Time", l.Clock(t, loc))
}

// Zone names a zone as the database of time zones does, with its distance from UTC at t: Europe/Stockholm (UTC+01:00). It is
// the same in every language.
func Zone(t time.Time, loc *time.Location) string {
	if loc == time.UTC {
		return "UTC"
	}
	return loc.String() + " (UTC" + t.In(loc).Format("-07:00") + ")"
}

// months returns the message id of a month's name.
func months(m time.Month) string {
	return [...]string{
		"month.january", "month.february", "month.march", "month.april", "month.may", "month.june", "month.july",
		"month.august", "month.september", "month.october", "month.november", "month.december",
	}[m-1]
}
