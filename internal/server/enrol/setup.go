package enrol

import (
	"context"
	"errors"
	"fmt"

	"homeward/internal/build"
	"homeward/internal/protocol"
	"homeward/internal/server/licence"
	"homeward/internal/server/tenant"
)

// Facts are what the Connect wizard checks its pages with.
type Facts interface {
	// CodeFor returns the code with a hash, if it still works. It uses nothing up; other codes are ErrNotFound.
	CodeFor(ctx context.Context, hash []byte) (Code, error)
	// VerifiedDomains are the names the tenant has proven to own.
	VerifiedDomains(ctx context.Context, tenantID string) ([]string, error)
	// CloudAccounts counts accounts that exist without a directory.
	CloudAccounts(ctx context.Context, tenantID string) (int, error)
}

// Check tells a wizard that holds a code what it needs to know before anything is changed. The code stays good.
func (s *Service) Check(ctx context.Context, r protocol.SetupRequest) (protocol.SetupAnswer, error) {
	none := protocol.SetupAnswer{}
	if err := speaks(r.Version); err != nil {
		return none, err
	}
	code, err := s.Facts.CodeFor(ctx, hashCode(clipped(r.Code, 64)))
	if errors.Is(err, ErrNotFound) || err == nil && !s.Now().Before(code.Expires) {
		return none, &Refusal{protocol.ReasonCodeUnknown, "This code doesn't exist, was used already, or is over. Make a new one with: homeward agent code"}
	}
	if err != nil {
		return none, fmt.Errorf("look up enrolment code: %w", err)
	}
	t, err := s.Tenant(ctx, code.Tenant)
	if err != nil {
		return none, fmt.Errorf("tenant of enrolment code: %w", err)
	}
	answer, err := s.facts(ctx, t)
	answer.Expires = protocol.MilliOf(code.Expires)
	return answer, err
}

func (s *Service) facts(ctx context.Context, t tenant.Tenant) (protocol.SetupAnswer, error) {
	domains, err := s.Facts.VerifiedDomains(ctx, t.ID)
	if err != nil {
		return protocol.SetupAnswer{}, fmt.Errorf("verified domains: %w", err)
	}
	accounts, err := s.Facts.CloudAccounts(ctx, t.ID)
	if err != nil {
		return protocol.SetupAnswer{}, fmt.Errorf("cloud accounts: %w", err)
	}
	v := licence.Judge(t.Settings)
	return protocol.SetupAnswer{
		Version: protocol.Version, Tenant: t.ID, TenantName: t.Name, Build: build.Version(), At: protocol.MilliOf(s.Now()),
		Domains: domains, Licensed: v.Allowed, Plans: v.Plans, Accounts: accounts,
	}, nil
}

// speaks refuses a version this build doesn't.
func speaks(version int) error {
	if version >= protocol.MinVersion && version <= protocol.Version {
		return nil
	}
	return &Refusal{protocol.ReasonVersion, fmt.Sprintf(
		"The agent speaks protocol version %d; this server speaks %d to %d. Update the older side.", version, protocol.MinVersion, protocol.Version)}
}

func clipped(s string, n int) string { return s[:min(len(s), n)] }
