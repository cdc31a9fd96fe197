// Package answer prints what a verb found: as a table for people, or as one JSON document for programs.
//
// A table has a header row and aligned columns; an empty one is a sentence. JSON has stable names in small letters, its times
// are RFC 3339 in UTC, an empty list is []. Nothing that comes from a directory or from somebody's typing can steer the
// terminal: what can't be printed is shown as a question mark.
package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// Table is an answer for people.
type Table struct {
	Head []string
	Rows [][]string
	None string         // the sentence that stands for no rows
	Zone *time.Location // of its moments; nil: the machine's
}

// Of returns a table with columns, and the sentence that is said when it has no rows.
func Of(none string, head ...string) *Table { return &Table{Head: head, None: none} }

// Settings returns a table of names and values.
func Settings() *Table { return Of("", "SETTING", "VALUE") }

// Add adds a row. Moments are written in the table's time zone, true and false as yes and no.
func (t *Table) Add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = t.cell(c)
	}
	t.Rows = append(t.Rows, row)
}

func (t *Table) cell(c any) string {
	switch v := c.(type) {
	case time.Time:
		return Moment(v, t.Zone)
	case Time:
		return Moment(v.Time, t.Zone)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case []string:
		return plain(strings.Join(v, ", "))
	}
	return plain(fmt.Sprint(c))
}

// plain is text on one line, of what can be printed.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}

// Moment is a time for people, in a time zone, or the machine's when that is nil; the zero time is empty.
func Moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return Within(t, zone).Format(time.DateTime)
}

// Within is a time in a time zone, or the machine's when that is nil.
func Within(t time.Time, zone *time.Location) time.Time {
	if zone == nil {
		return t.Local()
	}
	return t.In(zone)
}

// Write writes the table.
func (t *Table) Write(out io.Writer) error {
	if len(t.Rows) == 0 && t.None != "" {
		_, err := fmt.Fprintln(out, t.None)
		return err
	}
	var whole bytes.Buffer // every row has every column, or those behind a short one wouldn't be aligned
	w := tabwriter.NewWriter(&whole, 0, 4, 2, ' ', 0)
	for _, row := range append([][]string{t.Head}, t.Rows...) {
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(whole.String()) {
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// JSON writes one document. The moments in v are set to UTC, wherever they are.
func JSON(out io.Writer, v any) error {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice && r.IsNil() {
		v = []struct{}{}
	}
	whole := reflect.New(reflect.TypeOf(v)).Elem()
	whole.Set(reflect.ValueOf(v))
	utc(whole)
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(whole.Interface())
}

// utc sets every moment that can be reached to UTC.
func utc(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		if at, ok := reflect.TypeAssert[time.Time](v); ok && v.CanSet() {
			v.Set(reflect.ValueOf(at.UTC()))
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			utc(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			utc(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				utc(v.Field(i))
			}
		}
	default: // nothing else holds moments
	}
}

// Time is a moment in JSON: RFC 3339 in UTC, to the millisecond.
type Time struct{ time.Time }

// At is a moment in JSON. With omitzero the zero one is left out.
func At(t time.Time) Time { return Time{t} }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + t.UTC().Format("2006-01-02T15:04:05.999Z07:00") + `"`), nil
}
