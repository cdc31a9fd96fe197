package registration

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"homeward/internal/server/provision"
	"homeward/internal/server/verify"
)

const (
	maxImport     = 16 << 20 // bytes of a file
	maxImportRows = 50_000
	maxImportBad  = 100 // lines told
	maxImportName = 256
)

// Row is one line of an import: a destination that somebody is to have.
type Row struct {
	Line   int
	UPN    string
	Kind   verify.Kind // Mail or Text
	To     string      // as it is stored
	Masked string      // as it may be shown
}

// ErrImport reports a file of which nothing can be read.
var ErrImport = errors.New("the file can't be read as an import of methods")

// ParseRows reads a CSV file with exactly the columns userPrincipalName, method and value: UTF-8, with or without a byte order
// mark, commas or semicolons. The method is mail or text. Every line that is wrong is told with its number, up to a hundred
// of them; nothing is guessed. err: nothing could be read.
func ParseRows(r io.Reader) (rows []Row, wrong []provision.LineError, err error) {
	text, err := io.ReadAll(io.LimitReader(r, maxImport+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("read an import: %w", err)
	case len(text) > maxImport:
		return nil, nil, fmt.Errorf("%w: it is larger than %d MB", ErrImport, maxImport>>20)
	case !utf8.Valid(text):
		return nil, nil, fmt.Errorf("%w: it isn't UTF-8", ErrImport)
	}
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	heading, _, _ := bytes.Cut(text, []byte("\n"))
	c := csv.NewReader(bytes.NewReader(text))
	if bytes.Count(heading, []byte(";")) > bytes.Count(heading, []byte(",")) {
		c.Comma = ';'
	}
	c.FieldsPerRecord = -1
	names, err := c.Read()
	if err != nil || len(names) != 3 || !heads(names) {
		return nil, nil, fmt.Errorf("%w: its first line has to be userPrincipalName,method,value", ErrImport)
	}
	seen := map[string]int{}
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, wrong, nil
		}
		var row Row
		var message string
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			row.Line, message = bad.StartLine, "The quotes don't match."
		} else if err != nil {
			return nil, nil, fmt.Errorf("read an import: %w", err)
		} else {
			row, message = readRow(record, seen)
			row.Line, _ = c.FieldPos(0)
			seen[rowKey(row)] = row.Line
		}
		if message != "" {
			wrong = append(wrong, provision.LineError{Line: row.Line, Message: message})
		} else {
			rows = append(rows, row)
		}
		if len(wrong) >= maxImportBad || len(rows) > maxImportRows {
			return rows, append(wrong, provision.LineError{Line: row.Line, Message: "There is more; mend this first, or use a shorter file."}), nil
		}
	}
}

func heads(names []string) bool {
	for i, want := range []string{"userPrincipalName", "method", "value"} {
		if !strings.EqualFold(strings.TrimSpace(names[i]), want) {
			return false
		}
	}
	return true
}

func rowKey(r Row) string {
	return provision.Fold(r.UPN) + "\x00" + string(r.Kind) + "\x00" + strings.ToLower(r.To)
}

// readRow takes one line apart. The messages never repeat a value: it may be somebody's private address.
func readRow(record []string, seen map[string]int) (Row, string) {
	if len(record) != 3 {
		return Row{}, fmt.Sprintf("The line has %d columns, not 3.", len(record))
	}
	row := Row{UPN: strings.TrimSpace(record[0]), Kind: verify.Kind(strings.ToLower(strings.TrimSpace(record[1])))}
	if row.UPN == "" || len(row.UPN) > maxImportName || !strings.Contains(row.UPN, "@") {
		return row, "The first column isn't a user principal name."
	}
	if row.Kind != verify.Mail && row.Kind != verify.Text {
		return row, "The method has to be mail or text. Apps, passkeys and questions are registered by people themselves."
	}
	var err error
	if row.To, row.Masked, err = destination(row.Kind, record[2]); err != nil {
		if row.Kind == verify.Text {
			return row, "The value isn't a telephone number with its country code, such as +46 70 123 45 42."
		}
		return row, "The value isn't a mail address."
	}
	if at := seen[rowKey(row)]; at != 0 {
		return row, fmt.Sprintf("The same is on line %d.", at)
	}
	return row, ""
}
