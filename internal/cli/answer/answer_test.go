package answer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/cli/answer"
)

type inner struct {
	Why string `json:"why" about:"The reason."`
}

type outer struct {
	inner
	Name  string         `json:"name"`
	At    answer.Time    `json:"at,omitzero"`
	Parts []inner        `json:"parts"`
	Count map[string]int `json:"count,omitempty"`
	Self  *outer         `json:"self,omitempty"`
	Not   string         `json:"-"`
	On    bool           `json:"on"`
}

// plain is an answer of a package that knows nothing of this one.
type plain struct {
	At time.Time `json:"at"`
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := answer.Of("Nobody is here.", "NAME", "SINCE", "ON", "NOTE")
	var b strings.Builder
	if err := table.Write(&b); err != nil || b.String() != "Nobody is here.\n" {
		t.Errorf("%q %v", b.String(), err)
	}
	b.Reset()
	table.Add("Ines\tCarvalho\n", time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local), true, []string{"a", "b"})
	table.Add("\x1b[2J", time.Time{}, false, "")
	table.Add("", time.Time{}, true, "after a short row")
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	const want = "NAME            SINCE                ON   NOTE\n" +
		"Ines Carvalho   2026-03-01 12:00:00  yes  a, b\n" +
		"?[2J                                 no\n" +
		"                                     yes  after a short row\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestMomentsAroundAChangeOfTheClock: an hour that isn't there, and one that is there twice.
func TestMomentsAroundAChangeOfTheClock(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	table := answer.Of("", "WHEN")
	table.Zone = zone
	for _, utc := range []string{"2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"} {
		at, err := time.Parse(time.RFC3339, utc)
		if err != nil {
			t.Fatal(err)
		}
		table.Add(answer.At(at))
	}
	var b strings.Builder
	const want = "WHEN\n2026-03-29 01:59:59\n2026-03-29 03:00:00\n2026-10-25 02:30:00\n2026-10-25 02:30:00\n"
	if err := table.Write(&b); err != nil || b.String() != want {
		t.Errorf("%s %v", b.String(), err)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	for _, c := range []struct {
		v    any
		want string
	}{
		{[]outer(nil), "[]\n"},
		{answer.At(time.Date(2026, 3, 1, 1, 0, 0, 0, zone)), "\"2026-03-01T00:00:00Z\"\n"},
		{answer.At(time.Date(2026, 3, 1, 1, 0, 0, 120_000_000, zone)), "\"2026-03-01T00:00:00.12Z\"\n"},
		{[]*plain{{time.Date(2026, 3, 1, 1, 0, 0, 0, zone)}}, "[\n  {\n    \"at\": \"2026-03-01T00:00:00Z\"\n  }\n]\n"},
		{plain{time.Date(2026, 3, 1, 1, 0, 0, 0, zone)}, "{\n  \"at\": \"2026-03-01T00:00:00Z\"\n}\n"},
		{outer{Name: "<a>", Parts: []inner{}}, "{\n  \"why\": \"\",\n  \"name\": \"\\u003ca\\u003e\",\n  \"parts\": [],\n  \"on\": false\n}\n"},
	} {
		var b strings.Builder
		if err := answer.JSON(&b, c.v); err != nil || b.String() != c.want {
			t.Errorf("%+v: %s %v", c.v, b.String(), err)
		}
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	want := []answer.Field{
		{"why", "text", "The reason."},
		{"name", "text", ""},
		{"at", "time", ""},
		{"parts", "list of object", ""},
		{"parts[].why", "text", "The reason."},
		{"count", "object of number", ""},
		{"self", "object", ""},
		{"on", "true or false", ""},
	}
	if diff := cmp.Diff(want, answer.Fields([]outer(nil))); diff != "" {
		t.Error(diff)
	}
}
