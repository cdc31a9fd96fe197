package tenant

import (
	"slices"
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	e := Expiry{Days: []int{14, 7, 1}}
	const day = 24 * time.Hour
	for _, c := range []struct {
		left   time.Duration
		days   int
		passed []int
	}{
		{15 * day, 0, nil},
		{14*day + 1, 0, nil},
		{14 * day, 14, []int{14}},
		{8 * day, 14, []int{14}},
		{5 * day, 7, []int{14, 7}},
		{time.Hour, 1, []int{14, 7, 1}},
		{0, 0, nil},
		{-day, 0, nil},
	} {
		if days, passed := e.Due(c.left); days != c.days || !slices.Equal(passed, c.passed) {
			t.Errorf("%s left: %d %v, want %d %v", c.left, days, passed, c.days, c.passed)
		}
	}
	if days, _ := (Expiry{}).Due(day); days != 0 {
		t.Error("reminded although no day is set")
	}
}

func TestQuiet(t *testing.T) {
	stockholm, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour, minute int) time.Time { return time.Date(2027, 3, 15, hour, minute, 0, 0, stockholm).UTC() }
	for _, c := range []struct {
		from, until  string
		hour, minute int
		quiet        bool
	}{
		{"20:00", "07:00", 19, 59, false},
		{"20:00", "07:00", 20, 0, true},
		{"20:00", "07:00", 3, 0, true},
		{"20:00", "07:00", 7, 0, false},
		{"12:00", "13:00", 12, 30, true},
		{"12:00", "13:00", 13, 0, false},
		{"12:00", "12:00", 12, 0, false},
		{"", "", 3, 0, false},
	} {
		if got := (Expiry{QuietFrom: c.from, QuietUntil: c.until}).Quiet(at(c.hour, c.minute), stockholm); got != c.quiet {
			t.Errorf("%s-%s at %02d:%02d: %v", c.from, c.until, c.hour, c.minute, got)
		}
	}
	for _, bad := range []Expiry{{Days: []int{0}}, {Days: []int{91}}, {Days: []int{1, 2, 3, 4, 5, 6}}, {QuietFrom: "20:00"}, {QuietFrom: "8pm", QuietUntil: "07:00"}, {QuietFrom: "25:00", QuietUntil: "07:00"}} {
		if bad.Check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if err := (Expiry{Days: []int{90, 14, 1}, QuietFrom: "20:00", QuietUntil: "07:00"}).Check(); err != nil {
		t.Error(err)
	}
}
