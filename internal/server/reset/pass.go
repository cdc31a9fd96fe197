package reset

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
)

// ErrNoReason reports a helpdesk pass that nobody says what for.
var ErrNoReason = errors.New("say why, for the audit log: one line of up to 200 characters")

// ErrPassOff reports that the organisation doesn't use helpdesk passes.
var ErrPassOff = errors.New("helpdesk passes are turned off: an administrator can turn them on under Authentication methods")

// IssuePass gives out a one-time code that counts as one check for somebody. The operator has made sure who they are; why, and
// who did it, is recorded. It returns ErrNoOperator, ErrPassOff, ErrNoReason, ErrNoPerson, ErrAmbiguous, verify.ErrPassLife or *LimitError.
func (s *Service) IssuePass(ctx context.Context, t tenant.Tenant, operator, name, reason string, life time.Duration) (code string, expires time.Time, err error) {
	reason = strings.TrimSpace(reason)
	switch {
	case operator == "":
		return "", expires, ErrNoOperator
	case t.Settings.Checks.PassOff:
		return "", expires, ErrPassOff
	case reason == "" || len(reason) > 200 || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", expires, ErrNoReason
	}
	until, err := s.Limits.Operate(ctx, t.ID, operator)
	if err != nil {
		return "", expires, fmt.Errorf("limit of an operator: %w", err)
	}
	if !until.IsZero() {
		return "", expires, &LimitError{until}
	}
	p, err := s.one(ctx, t.ID, name)
	if err != nil {
		return "", expires, err
	}
	if code, expires, err = s.Passes.Issue(ctx, t.ID, p.ID, life); err != nil {
		return "", expires, err
	}
	s.log(ctx, t.ID, audit.Record{
		Activity: "Issue helpdesk pass", Hop: "operator", Event: int(event.PassIssued), Result: "ok", Actor: operator, Target: p.ID,
		Detail: "until " + expires.UTC().Format(time.RFC3339) + ": " + reason,
	})
	return code, expires, nil
}
