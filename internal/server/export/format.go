package export

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Format is a form of a file.
type Format string

// Formats.
const (
	CSV   Format = "csv"
	JSONL Format = "jsonl" // one JSON object in each line
)

// ParseFormat reads a format's name.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case CSV, JSONL:
		return f, nil
	}
	return "", fmt.Errorf("there is no format %q; there is csv and jsonl", name)
}

// Type is the media type.
func (f Format) Type() string {
	if f == CSV {
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/x-ndjson"
}

// Writer writes rows. Flush must be called at the end.
type Writer interface {
	Write(r Row) error
	Flush() error
}

// NewWriter returns a writer that has nothing written yet.
func (f Format) NewWriter(w io.Writer) Writer {
	if f == CSV {
		return &rows{Table: NewTable(w, columns()...)}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return lines{e}
}

type lines struct{ *json.Encoder }

// Write implements Writer.
func (l lines) Write(r Row) error { return l.Encode(r) }

// Flush implements Writer: each line is written at once.
func (lines) Flush() error { return nil }

type rows struct{ *Table }

func columns() []string {
	return []string{
		"time", "seq", "support_code", "activity", "hop", "result", "reason", "event", "event_name", "target_name", "target", "actor_name", "actor",
		"detail", "took_ms", "hash",
	}
}

// Write implements Writer.
func (t *rows) Write(r Row) error {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	took := ""
	if r.TookMS > 0 {
		took = strconv.FormatFloat(r.TookMS, 'f', -1, 64)
	}
	return t.Row(r.Time.Format(stamp), strconv.FormatInt(r.Seq, 10), r.Support, r.Activity, r.Hop, r.Result, r.Reason, number(r.Event), r.Name,
		r.TargetIs, r.Target, r.ActorIs, r.Actor, r.Detail, took, hex.EncodeToString(r.Hash))
}

// stamp is RFC 3339 in milliseconds, which is what the log keeps.
const stamp = "2006-01-02T15:04:05.000Z07:00"

// Table writes CSV (RFC 4180) that a spreadsheet opens as text: a field that it would take for a formula gets an apostrophe
// in front. The first line holds the columns' names.
type Table struct {
	w     *csv.Writer
	names []string
	begun bool
}

// NewTable returns a table with these columns.
func NewTable(w io.Writer, names ...string) *Table {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return &Table{w: c, names: names}
}

// Row writes one row.
func (t *Table) Row(fields ...string) error {
	if err := t.begin(); err != nil {
		return err
	}
	safe := make([]string, len(fields))
	for i, f := range fields {
		safe[i] = harmless(f)
	}
	return t.w.Write(safe)
}

func (t *Table) begin() error {
	if t.begun {
		return nil
	}
	t.begun = true
	return t.w.Write(t.names)
}

// Flush writes what is held back, and the names when there was no row.
func (t *Table) Flush() error {
	if err := t.begin(); err != nil {
		return err
	}
	t.w.Flush()
	return t.w.Error()
}

// harmless keeps a spreadsheet from computing a field, as OWASP's "CSV Injection" has it. Numbers stay numbers, and a
// carriage return becomes a space, as readers take it for the end of a row.
func harmless(field string) string {
	field = strings.NewReplacer("\r\n", "\n", "\r", " ").Replace(field)
	if _, err := strconv.ParseFloat(field, 64); err == nil && !strings.ContainsAny(field, "+nNxX_iI") {
		return field
	}
	if strings.IndexAny(strings.TrimLeft(field, " \u00a0\ufeff"), "=+-@\t\n|%\uff1d\uff0b\uff0d\uff20") == 0 {
		return "'" + field
	}
	return field
}

// Name is a file's name: what it holds, of when.
func (f Format) Name(what string, at time.Time) string {
	return what + "-" + at.UTC().Format("20060102T150405Z") + "." + string(f)
}
