package admin

import (
	"encoding/csv"
	"io"
	"strings"
)

// spreadsheet writes rows as CSV that a spreadsheet program opens without running any of it: a cell that begins as a formula
// does is led by an apostrophe (OWASP, CSV injection). Names come from a directory, where anybody may have chosen theirs.
type spreadsheet struct{ out *csv.Writer }

// newSpreadsheet writes the mark by which spreadsheet programs know UTF-8, then the heading.
func newSpreadsheet(w io.Writer, heading ...string) (*spreadsheet, error) {
	const mark = "\uFEFF"
	if _, err := io.WriteString(w, mark); err != nil {
		return nil, err
	}
	s := &spreadsheet{csv.NewWriter(w)}
	s.out.UseCRLF = true // RFC 4180
	return s, s.row(heading...)
}

func (s *spreadsheet) row(cells ...string) error {
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = harmless(c)
	}
	return s.out.Write(safe)
}

func (s *spreadsheet) flush() error {
	s.out.Flush()
	return s.out.Error()
}

// harmless is a text that no spreadsheet program takes for a formula, also after it has trimmed or folded it.
func harmless(cell string) string {
	const begins = "=+-@＝＋－＠"
	if trimmed := strings.TrimLeft(cell, " \t\r\n\v\f\u00a0\"'"); trimmed != "" && strings.ContainsRune(begins, []rune(trimmed)[0]) ||
		cell != "" && strings.ContainsRune("\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
