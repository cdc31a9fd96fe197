package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"homeward/internal/lab"
)

// Check performs one whole reset through the public pages and proves its result on the DC. It prints each
// hop with its time, and returns an error unless everything held.
func (s *Stack) Check(ctx context.Context, out io.Writer) error {
	if s.DC == nil {
		return errors.New("the check resets a sample person's password, so it needs the demo's own directory, not --directory")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	p, err := s.PersonOf(lab.KindOrdinary)
	if err != nil {
		return err
	}
	if !s.SignsIn(ctx, p.UPN, p.Password) {
		return fmt.Errorf("%s can't sign in with the present password, so nothing could be proven", p.UPN)
	}
	v, err := s.Client()
	if err != nil {
		return err
	}
	began := time.Now()
	fresh := lab.RandomPassword()
	page, err := s.reset(ctx, v, p, fresh)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s through %s\n\n", p.UPN, s.portal)
	if err := s.printHops(ctx, out, page); err != nil {
		return err
	}
	if !strings.Contains(page.Body, `data-mark="changed"`) {
		return fmt.Errorf("the portal says %q instead of changed", page.Title())
	}
	for _, c := range []struct {
		what string
		ok   bool
	}{
		{"the new password signs in to Active Directory (LDAP)", s.SignsIn(ctx, p.UPN, fresh)},
		{"the old password doesn't", !s.SignsIn(ctx, p.UPN, p.Password)},
	} {
		if !c.ok {
			return errors.New("not true: " + c.what)
		}
		_, _ = fmt.Fprintf(out, "[ok]  %s\n", c.what)
	}
	_, err = fmt.Fprintf(out, "[ok]  from the first page to the proven result in %v\n", time.Since(began).Round(time.Millisecond))
	return err
}

func (s *Stack) reset(ctx context.Context, v *Visitor, p lab.Person, password string) (Page, error) {
	page, err := v.Verify(ctx, p.UPN, p.Mail, "forgot")
	if err != nil {
		return page, err
	}
	if page.Path != "/password" {
		return page, fmt.Errorf("the portal shows %q at %s instead of the password page", page.Title(), page.Path)
	}
	if err := v.Choose(ctx, []byte(password)); err != nil {
		return page, err
	}
	return v.Outcome(ctx)
}

// printHops prints the audit rows of the attempt that a status page belongs to.
func (s *Stack) printHops(ctx context.Context, out io.Writer, page Page) error {
	code := regexp.MustCompile(`HW-[0-9A-Z]{4}-[0-9A-Z]{4}`).FindString(page.Body)
	if code == "" { // a page with good news has no support code
		a, err := s.Store.Attempt(ctx, TenantID, strings.TrimPrefix(page.Path, "/status/"))
		if err != nil {
			return fmt.Errorf("attempt: %w", err)
		}
		code = a.Support
	}
	records, err := s.Store.Records(ctx, TenantID, code)
	if err != nil {
		return fmt.Errorf("audit records: %w", err)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, r := range records {
		took := ""
		if r.Micros > 0 {
			took = fmt.Sprintf("%.1f ms", float64(r.Micros)/1000)
		}
		_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", r.At.Format("15:04:05.000"), r.Hop, r.Result, took)
	}
	_, _ = fmt.Fprintln(w)
	return w.Flush()
}
