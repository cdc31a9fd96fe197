// Package enrol gives agents their identity: an operator makes a one-time code, the agent trades it for a
// relay credential and pins the server's command key. It also renews credentials. Agents bring their own
// keys; no private key is ever made or seen here.
package enrol

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/tenant"

	"github.com/nats-io/nkeys"
)

const (
	// CredentialLife is how long a relay credential works. Agents renew at half of it.
	CredentialLife = 30 * 24 * time.Hour
	// CodeLife is how long an enrolment code works.
	CodeLife = time.Hour

	maxText = 255

	// alphabet is letters and digits that aren't mistaken for each other.
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// ErrNotFound reports a code that does not exist, was used or is over; ErrConflict an agent key that
// belongs to another tenant.
var (
	ErrNotFound = errors.New("no such code or agent")
	ErrConflict = errors.New("agent belongs to another tenant")
)

// Store keeps codes and agents.
type Store interface {
	CreateCode(ctx context.Context, c Code) error
	UseCode(ctx context.Context, hash []byte, agentID string, now time.Time) (Code, error)
	SaveAgent(ctx context.Context, a Agent) error
	Agent(ctx context.Context, id string) (Agent, error)
}

// Mint makes a relay credential for an agent of a tenant.
type Mint func(ctx context.Context, tenantID, agent, name string, life time.Duration) (jwt string, expires time.Time, err error)

// Service enrols.
type Service struct {
	Store   Store
	Facts   Facts
	Devices Devices
	Mint    Mint
	Tenant  func(ctx context.Context, id string) (tenant.Tenant, error)
	// Command returns the newest command key, which agents pin.
	Command func() ed25519.PublicKey
	Now     func() time.Time
}

// NewCode makes a one-time code for an agent of the tenant: XXXX-XXXX, letters and digits that are not
// mistaken for each other. The returned text is the only copy.
// An agent that enrols with it stands beside the others.
func (s *Service) NewCode(ctx context.Context, tenantID string, life time.Duration) (string, time.Time, error) {
	return s.NewCodeReplacing(ctx, tenantID, "", life)
}

// NewCodeReplacing is NewCode for an agent that takes the place of another, which is drained and revoked as soon as
// the new one works for the same domains.
func (s *Service) NewCodeReplacing(ctx context.Context, tenantID, replaces string, life time.Duration) (string, time.Time, error) {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	now := s.Now()
	code := string(b[:4]) + "-" + string(b[4:8]) + "-" + string(b[8:])
	c := Code{Tenant: tenantID, Hash: hashCode(code), Created: now, Expires: now.Add(life), Replaces: replaces}
	if err := s.Store.CreateCode(ctx, c); err != nil {
		return "", time.Time{}, fmt.Errorf("store enrolment code: %w", err)
	}
	return code, c.Expires, nil
}

// hashCode ignores case, spaces and hyphens: codes are read aloud and typed. Sixty random bits need no slow hash.
func hashCode(code string) []byte {
	sum := sha256.Sum256([]byte("homeward enrolment code\x00" + bare(code)))
	return sum[:]
}

func bare(code string) string {
	return strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(code))
}

// Enrol checks a request and answers it. A refusal is a *protocol.Problem-shaped *Refusal; other errors are ours.
func (s *Service) Enrol(ctx context.Context, r protocol.EnrolRequest) (protocol.EnrolAnswer, error) {
	var none protocol.EnrolAnswer
	key, err := check(r)
	if err != nil {
		return none, err
	}
	if err := s.free(ctx, r.Agent); err != nil {
		return none, err
	}
	now := s.Now()
	code, err := s.Store.UseCode(ctx, hashCode(r.Code), r.Agent, now)
	if errors.Is(err, ErrNotFound) {
		return none, &Refusal{protocol.ReasonNotFound, "This code doesn't exist, was used already, or is over. Make a new one with: homeward agent code"}
	}
	if err != nil {
		return none, fmt.Errorf("use enrolment code: %w", err)
	}
	t, err := s.Tenant(ctx, code.Tenant)
	if err != nil {
		return none, fmt.Errorf("tenant of enrolment code: %w", err)
	}
	if code.Replaces == "" {
		if code.Replaces, err = s.formerly(ctx, r, t.ID); err != nil {
			return none, err
		}
	}
	command := s.Command()
	a := Agent{
		Tenant: t.ID, ID: r.Agent, Machine: r.Machine, Domain: strings.ToLower(r.Domain), SealKey: r.SealKey, KeyID: key.ID().String(),
		Build: r.Build, Protocol: r.Version, Status: Approved, Created: now, ImportWanted: true,
		CommandKey: protocol.CommandKeyID(command), Replaces: code.Replaces,
	}
	if err := s.Store.SaveAgent(ctx, a); err != nil {
		return none, fmt.Errorf("store agent: %w", err)
	}
	jwt, expires, err := s.Mint(ctx, t.ID, r.Agent, r.Machine, CredentialLife)
	if err != nil {
		return none, fmt.Errorf("relay credential: %w", err)
	}
	answer := protocol.EnrolAnswer{
		Version: protocol.Version, Tenant: t.ID, TenantName: t.Name, CommandKey: command,
		JWT: jwt, Expires: protocol.MilliOf(expires), RelayPath: "/relay",
	}
	if r.Former != "" && r.Former == code.Replaces {
		answer.Replaces = r.Former
	}
	return answer, nil
}

// formerly is the agent whose place this one takes on the same machine: one of this tenant that has vouched for it, which check
// has seen; empty when there is none.
func (s *Service) formerly(ctx context.Context, r protocol.EnrolRequest, tenantID string) (string, error) {
	if r.Former == "" {
		return "", nil
	}
	a, err := s.Store.Agent(ctx, r.Former)
	switch {
	case errors.Is(err, ErrNotFound):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look up the former agent: %w", err)
	case a.Tenant != tenantID:
		return "", nil
	}
	return a.ID, nil
}

// free refuses a key that is enrolled already: a second machine with the same key is a copy of the first.
func (s *Service) free(ctx context.Context, agent string) error {
	a, err := s.Store.Agent(ctx, agent)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look up agent: %w", err)
	case a.Status == Revoked:
		return &Refusal{protocol.ReasonReplayed, "This agent was revoked. Remove its state folder and enrol again: it makes new keys."}
	}
	return &Refusal{protocol.ReasonReplayed, "This agent's key is enrolled already. On a copied machine, remove the agent's state folder first."}
}

// Refusal is an answer that the agent's operator can act on.
type Refusal struct {
	Reason  protocol.Reason
	Message string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

func check(r protocol.EnrolRequest) (seal.PublicKey, error) {
	if err := speaks(r.Version); err != nil {
		return seal.PublicKey{}, err
	}
	if len(r.Code) > 64 || len(r.Machine) > maxText || len(r.Build) > maxText || len(r.Domain) > maxText || r.Machine == "" || r.Domain == "" {
		return seal.PublicKey{}, &Refusal{protocol.ReasonMalformed, "The request's code, machine, build or domain is missing or too long."}
	}
	identity, err := nkeys.FromPublicKey(r.Agent)
	if err != nil || !nkeys.IsValidPublicUserKey(r.Agent) {
		return seal.PublicKey{}, &Refusal{protocol.ReasonMalformed, "The agent's identity isn't a user key."}
	}
	key, err := seal.NewPublicKey(r.SealKey)
	if err != nil {
		return seal.PublicKey{}, &Refusal{protocol.ReasonMalformed, "The agent's sealing key can't be read."}
	}
	if identity.Verify(protocol.EnrolProof(r.Code, r.Agent, r.SealKey), r.Signature) != nil {
		return seal.PublicKey{}, &Refusal{protocol.ReasonBadSignature, "The request isn't signed by the identity it names."}
	}
	if r.Former != "" && !vouched(r) {
		return seal.PublicKey{}, &Refusal{protocol.ReasonBadSignature, "The request isn't signed by the former identity it names."}
	}
	return key, nil
}

// vouched reports whether the former identity itself says that the request's takes its place.
func vouched(r protocol.EnrolRequest) bool {
	former, err := nkeys.FromPublicKey(r.Former)
	return err == nil && r.Former != r.Agent && nkeys.IsValidPublicUserKey(r.Former) &&
		former.Verify(protocol.FormerProof(r.Code, r.Former, r.Agent, r.SealKey), r.FormerSignature) == nil
}

// renewSkew is how far the time of a signed renewal may be from ours.
const renewSkew = 2 * time.Minute

// RenewSigned is Renew for an agent that proves itself with a signature instead of the relay.
func (s *Service) RenewSigned(ctx context.Context, r protocol.RenewRequest) (protocol.Renewal, error) {
	identity, err := nkeys.FromPublicKey(r.Agent)
	if err != nil || r.Version < protocol.MinVersion || r.Version > protocol.Version {
		return protocol.Renewal{}, &Refusal{protocol.ReasonMalformed, "This isn't a renewal this server can read. Update the older side."}
	}
	if identity.Verify(protocol.RenewProof(r.Agent, r.At), r.Signature) != nil {
		return protocol.Renewal{}, &Refusal{protocol.ReasonBadSignature, "The renewal isn't signed by the agent it names."}
	}
	if s.Now().Sub(r.At.Time()).Abs() > renewSkew {
		return protocol.Renewal{}, &Refusal{protocol.ReasonExpired, "The agent's clock and the server's differ by more than two minutes. Set the wrong one right."}
	}
	a, err := s.Store.Agent(ctx, r.Agent)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return protocol.Renewal{}, fmt.Errorf("look up agent: %w", err)
	}
	renewal := s.Renew(ctx, a.Tenant, r.Agent)
	if !renewal.OK {
		return renewal, &Refusal{renewal.Reason, "This agent isn't enrolled here, or was revoked. Remove its state folder and enrol it again."}
	}
	return renewal, nil
}

// Renew gives an approved agent a fresh credential.
func (s *Service) Renew(ctx context.Context, tenantID, agent string) protocol.Renewal {
	a, err := s.Store.Agent(ctx, agent)
	if err != nil || a.Tenant != tenantID || a.Status != Approved {
		return protocol.Renewal{Reason: protocol.ReasonNotFound}
	}
	jwt, expires, err := s.Mint(ctx, a.Tenant, a.ID, a.Machine, CredentialLife)
	if err != nil {
		return protocol.Renewal{Reason: protocol.ReasonInternal}
	}
	return protocol.Renewal{OK: true, JWT: jwt, Expires: protocol.MilliOf(expires)}
}
