package provision

import (
	"context"
	"errors"
	"io"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/tenant"
)

var errNotYet = errors.New("not built yet")

// Lease answers an agent that asks for a domain's lease.
func (e *Engine) Lease(ctx context.Context, tenantID string, a Agent, ask protocol.SyncAsk) protocol.SyncGrant {
	return protocol.SyncGrant{}
}

// Apply takes one batch.
func (e *Engine) Apply(ctx context.Context, tenantID, agentID string, b protocol.SyncBatch) protocol.SyncAck {
	return protocol.SyncAck{}
}

// WantFull asks for a full run of a domain ("sync now"); of every domain with an empty one.
func (e *Engine) WantFull(ctx context.Context, tenantID, domain, operator string) error {
	return errNotYet
}

// SetOff turns sync off or on for a domain.
func (e *Engine) SetOff(ctx context.Context, tenantID, domain, operator string, off bool) error {
	return errNotYet
}

// AllowDeletions carries out what the guard stopped.
func (e *Engine) AllowDeletions(ctx context.Context, tenantID, domain, operator string) (int, error) {
	return 0, errNotYet
}

// Sweep applies what no longer has a reason to wait, and removes what is over. Call it once an hour.
func (e *Engine) Sweep(ctx context.Context, tenantID string) error { return errNotYet }

// Decide remembers and carries out an operator's decision about an object.
func (e *Engine) Decide(ctx context.Context, tenantID, operator, object string, c Choice) error {
	return errNotYet
}

// Account is a cloud account to be made.
type Account struct {
	UPN, DisplayName, Mail, GivenName, Surname, Mobile, Language string
	Anchor                                                       string // for a hard match, 32 hex digits
}

// CreateAccount makes a cloud account.
func (e *Engine) CreateAccount(ctx context.Context, tenantID, operator string, a Account) (Person, error) {
	return Person{}, errNotYet
}

// DeleteAccount deletes a cloud account.
func (e *Engine) DeleteAccount(ctx context.Context, tenantID, operator, id string) error {
	return errNotYet
}

// Accounts lists people.
func (e *Engine) Accounts(ctx context.Context, tenantID string, f Filter) ([]Person, error) {
	return nil, errNotYet
}

// LineError is what is wrong with one line of a file.
type LineError struct {
	Line    int
	Message string
}

// ParseAccounts reads a CSV file of accounts. Lines that are wrong are left out and told.
func ParseAccounts(r io.Reader) (accounts []Account, wrong []LineError, err error) {
	return nil, nil, errNotYet
}

// ImportAccounts makes the accounts of a CSV file.
func (e *Engine) ImportAccounts(ctx context.Context, tenantID, operator string, r io.Reader, partial bool) (made int, wrong []LineError, err error) {
	return 0, nil, errNotYet
}

// SetRole gives somebody a role.
func (e *Engine) SetRole(ctx context.Context, tenantID, operator, person, role string) error {
	return errNotYet
}

// ClearRole takes a role away.
func (e *Engine) ClearRole(ctx context.Context, tenantID, operator, person, role string) error {
	return errNotYet
}

// RoleHolders lists who holds a role.
func (e *Engine) RoleHolders(ctx context.Context, tenantID string) ([]Role, error) {
	return nil, errNotYet
}

// AddDomain adds a domain name to a tenant, not verified, with the token its DNS has to show.
func (e *Engine) AddDomain(ctx context.Context, tenantID, operator, name string) (Domain, error) {
	return Domain{}, errNotYet
}

// VerifyDomain notes that a domain was proven to be the tenant's.
func (e *Engine) VerifyDomain(ctx context.Context, tenantID, operator, name string) error {
	return errNotYet
}

// RemoveDomain removes a domain name.
func (e *Engine) RemoveDomain(ctx context.Context, tenantID, operator, name string) error {
	return errNotYet
}

// Domains lists a tenant's domain names.
func (e *Engine) Domains(ctx context.Context, tenantID string) ([]Domain, error) {
	return nil, errNotYet
}

// SetCloudPassword stores the hash of a cloud account's own password.
func (e *Engine) SetCloudPassword(ctx context.Context, tenantID, person, hash string) error {
	return errNotYet
}

// CloudPasswordOf returns the hash of a person's own cloud password.
func (e *Engine) CloudPasswordOf(ctx context.Context, tenantID, person string) (CloudPassword, bool, error) {
	return CloudPassword{}, false, errNotYet
}

// NotYetOne lists joined people whose two passwords aren't one.
func (e *Engine) NotYetOne(ctx context.Context, tenantID string) ([]Person, error) {
	return nil, errNotYet
}

// PasswordWritten notes that the directory took the cloud password.
func (e *Engine) PasswordWritten(ctx context.Context, tenantID, person string) (bool, error) {
	return false, errNotYet
}

// PasswordRefused notes that the directory refused it.
func (e *Engine) PasswordRefused(ctx context.Context, tenantID, person string, reason protocol.Reason) (bool, error) {
	return false, errNotYet
}

// InScope reports whether somebody may reset their password.
func (e *Engine) InScope(ctx context.Context, t tenant.Tenant, p Person) (bool, error) {
	return false, errNotYet
}

// ScopeCount is how many people a choice of scope covers.
func (e *Engine) ScopeCount(ctx context.Context, tenantID string, scope tenant.Scope, group string) (in, all int, err error) {
	return 0, 0, errNotYet
}

// FindGroups finds groups by name, sAMAccountName or objectGUID.
func (e *Engine) FindGroups(ctx context.Context, tenantID, name string) ([]Group, error) {
	return nil, errNotYet
}

// PeopleOf lists the living people of a group and of the groups in it.
func (e *Engine) PeopleOf(ctx context.Context, tenantID, group, after string, limit int) ([]Person, error) {
	return nil, errNotYet
}

// Status is the state of one domain's sync.
type Status struct {
	Lease
	Held           bool // the lease is in force
	Next           time.Time
	People, Groups int
	Pending        PendingCount
	PendingGroups  PendingCount
	Stopped        bool // the guard holds deletions back
	Problems       map[protocol.Reason]int
	Last           Run // the newest line of the history
}

// State is the state of every domain.
func (e *Engine) State(ctx context.Context, tenantID string) ([]Status, error) { return nil, errNotYet }

// Runs is the history, newest first; of all domains with an empty one.
func (e *Engine) Runs(ctx context.Context, tenantID, domain string, limit int) ([]Run, error) {
	return nil, errNotYet
}

// Explained is a problem with what it means and what to do.
type Explained struct {
	Problem
	Meaning string
	Remedy  string
	Choices []Choice // that Decide takes for it
}

// Problems lists problems, those that need a decision first.
func (e *Engine) Problems(ctx context.Context, tenantID, domain string, limit int) ([]Explained, error) {
	return nil, errNotYet
}

// Previews lists verdicts of a staging run.
func (e *Engine) Previews(ctx context.Context, tenantID, domain, after string, limit int) ([]Preview, map[Verdict]int, error) {
	return nil, nil, errNotYet
}
