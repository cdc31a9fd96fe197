package provision

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxCSV      = 16 << 20 // bytes
	maxAccounts = 50_000
	maxWrong    = 100 // lines told
)

// LineError is what is wrong with one line of a file.
type LineError struct {
	Line    int
	Message string
}

// Error implements error.
func (l LineError) Error() string { return fmt.Sprintf("line %d: %s", l.Line, l.Message) }

// numbered is an account and the line it is on.
type numbered struct {
	Account
	line int
}

func columns(a *Account) map[string]*string {
	return map[string]*string{
		"userprincipalname": &a.UPN, "displayname": &a.DisplayName, "mail": &a.Mail, "givenname": &a.GivenName, "surname": &a.Surname,
		"mobile": &a.Mobile, "immutableid": &a.Anchor, "preferredlanguage": &a.Language,
	}
}

// ParseAccounts reads a CSV file of accounts: a heading with userPrincipalName and any of displayName, mail, givenName,
// surname, mobile, preferredLanguage and immutableId, in any order and case; commas or semicolons; with or without a byte
// order mark. Lines that are wrong are left out and told, up to a hundred of them. err: nothing could be read.
func ParseAccounts(r io.Reader) (accounts []Account, wrong []LineError, err error) {
	found, wrong, err := parse(r)
	for _, n := range found {
		accounts = append(accounts, n.Account)
	}
	return accounts, wrong, err
}

func parse(r io.Reader) (found []numbered, wrong []LineError, err error) {
	text, err := io.ReadAll(io.LimitReader(r, maxCSV+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read the accounts: %w", err)
	}
	if len(text) > maxCSV {
		return nil, nil, refuse(ErrInvalid, "The file is larger than %d MB.", maxCSV>>20)
	}
	text = bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))
	first, _, _ := bufio.ScanLines(text, true)
	c := csv.NewReader(bytes.NewReader(text))
	if heading := text[:min(first, len(text))]; bytes.Count(heading, []byte(";")) > bytes.Count(heading, []byte(",")) {
		c.Comma = ';'
	}
	c.FieldsPerRecord = -1
	heading, err := c.Read()
	if err != nil {
		return nil, nil, refuse(ErrInvalid, "The file has no heading that can be read.")
	}
	if err := checkHeading(heading); err != nil {
		return nil, nil, err
	}
	seen := map[string]int{}
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return found, wrong, nil
		}
		var line int
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			line = bad.StartLine
			wrong = append(wrong, LineError{line, "The quotes don't match."})
		} else if err != nil {
			return found, wrong, fmt.Errorf("read the accounts: %w", err)
		} else {
			line, _ = c.FieldPos(0)
			if a, message := account(heading, record, line, seen); message != "" {
				wrong = append(wrong, LineError{line, message})
			} else {
				found = append(found, numbered{a, line})
			}
		}
		if len(wrong) >= maxWrong || len(found) > maxAccounts {
			return found, append(wrong, LineError{line, "There is more; mend this first, or use a shorter file."}), nil
		}
	}
}

func checkHeading(heading []string) error {
	known, seen := columns(&Account{}), map[string]bool{}
	for _, h := range heading {
		name := strings.ToLower(strings.TrimSpace(h))
		if known[name] == nil {
			return refuse(ErrInvalid, "The heading names the column %q, which isn't known. Known are userPrincipalName, displayName, mail, givenName, "+
				"surname, mobile, preferredLanguage and immutableId.", clip(h, 40))
		}
		if seen[name] {
			return refuse(ErrInvalid, "The heading names the column %q twice.", clip(h, 40))
		}
		seen[name] = true
	}
	if !seen["userprincipalname"] {
		return refuse(ErrInvalid, "The heading has no column userPrincipalName.")
	}
	return nil
}

func account(heading, record []string, line int, seen map[string]int) (a Account, message string) {
	if len(record) != len(heading) {
		return a, fmt.Sprintf("The line has %d columns, the heading %d.", len(record), len(heading))
	}
	for i, h := range heading {
		*columns(&a)[strings.ToLower(strings.TrimSpace(h))] = record[i]
	}
	a, err := a.clean()
	if err != nil {
		return a, err.Error()
	}
	for kind, value := range map[string]string{"userPrincipalName": Fold(a.UPN), "mail": Fold(a.Mail), "immutableId": a.Anchor} {
		if value == "" {
			continue
		}
		if at := seen[kind+" "+value]; at != 0 {
			message = fmt.Sprintf("The %s is also on line %d.", kind, at)
		}
	}
	if message == "" {
		seen["userPrincipalName "+Fold(a.UPN)], seen["mail "+Fold(a.Mail)], seen["immutableId "+a.Anchor] = line, line, line
	}
	return a, message
}

// ImportAccounts makes the accounts of a CSV file. When a line is wrong, or its name is taken, nothing is made; with
// partial the others are.
func (e *Engine) ImportAccounts(ctx context.Context, tenantID, operator string, r io.Reader, partial bool) (made int, wrong []LineError, err error) {
	found, wrong, err := parse(r)
	if err != nil {
		return 0, nil, err
	}
	err = e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		for _, n := range found {
			_, err := e.create(ctx, tx, tenantID, n.Account)
			if refused, ok := errors.AsType[*Error](err); ok {
				wrong = append(wrong, LineError{n.line, refused.Message})
				continue
			}
			if err != nil {
				return err
			}
			made++
		}
		if len(wrong) > 0 && !partial {
			return errUndo
		}
		return tx.Append(ctx, tenantID, e.record("Import users", operator, "", fmt.Sprintf("%d made, %d lines wrong", made, len(wrong))))
	})
	if errors.Is(err, errUndo) {
		return 0, wrong, nil
	}
	if err != nil {
		return 0, nil, err
	}
	return made, wrong, nil
}

// errUndo ends a transaction that must leave nothing.
var errUndo = errors.New("undone")
