package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// moment keeps a time as Unix milliseconds; 0 is the zero time.
type moment struct{ t *time.Time }

// Value implements driver.Valuer.
func (m moment) Value() (driver.Value, error) { return millis(*m.t), nil }

// Scan implements sql.Scanner.
func (m moment) Scan(v any) error {
	ms, ok := v.(int64)
	if !ok {
		return fmt.Errorf("%T is not a time", v)
	}
	*m.t = time.Time{}
	if ms != 0 {
		*m.t = time.UnixMilli(ms).UTC()
	}
	return nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// blob keeps bytes; nil and empty are the same, so that no column is NULL.
type blob struct{ b *[]byte }

// Value implements driver.Valuer.
func (b blob) Value() (driver.Value, error) {
	if *b.b == nil {
		return []byte{}, nil
	}
	return *b.b, nil
}

// Scan implements sql.Scanner.
func (b blob) Scan(v any) error {
	*b.b = nil
	switch v := v.(type) {
	case nil: // SQLite's driver reads an empty blob so
	case []byte:
		if len(v) > 0 {
			*b.b = slices.Clone(v)
		}
	default:
		return fmt.Errorf("%T is not bytes", v)
	}
	return nil
}

// document keeps a small structure as JSON.
type document struct{ v any }

// Value implements driver.Valuer.
func (d document) Value() (driver.Value, error) {
	text, err := json.Marshal(d.v)
	if err != nil {
		return nil, fmt.Errorf("encode a column: %w", err)
	}
	return string(text), nil
}

// Scan implements sql.Scanner.
func (d document) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("%T is not a document", v)
	}
	// Unknown fields are let pass: an older server may read what a newer one wrote beside it.
	if err := json.Unmarshal([]byte(text), d.v); err != nil {
		return fmt.Errorf("decode a column: %w", err)
	}
	return nil
}
