package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"homeward/internal/server/commandkey"
	"homeward/internal/server/enrol"
	"homeward/internal/server/notify"
	"homeward/internal/server/provision"
	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
	"homeward/internal/server/verify"
)

// The services name their own errors; the store has two. These types stand between.

// attempts fits reset.Attempts and reset.Requests.
type attempts struct{ *store.Store }

func resetError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errors.Join(reset.ErrNoSession, err)
	case errors.Is(err, store.ErrConflict):
		return errors.Join(reset.ErrConflict, err)
	}
	return err
}

func (s attempts) Attempt(ctx context.Context, tenant, id string) (reset.Attempt, error) {
	a, err := s.Store.Attempt(ctx, tenant, id)
	return a, resetError(err)
}

func (s attempts) AttemptBySession(ctx context.Context, tenant string, session []byte) (reset.Attempt, error) {
	a, err := s.Store.AttemptBySession(ctx, tenant, session)
	return a, resetError(err)
}

func (s attempts) AttemptByRequest(ctx context.Context, tenant, request string) (reset.Attempt, error) {
	a, err := s.Store.AttemptByRequest(ctx, tenant, request)
	return a, resetError(err)
}

func (s attempts) Move(ctx context.Context, next reset.Attempt, from ...reset.State) (reset.Attempt, error) {
	a, err := s.Store.Move(ctx, next, from...)
	return a, resetError(err)
}

// together fits reset.Deps.Atomic. Mail that was queued in the transaction is sent once it is over.
func together(s *store.Store, letters *notify.Letters, mails *notify.Queue) func(context.Context, func(reset.Stores) error) error {
	return func(ctx context.Context, do func(reset.Stores) error) error {
		err := s.WithTx(ctx, func(tx *store.Store) error {
			return do(reset.Stores{Attempts: attempts{tx}, Audit: tx, Notices: letters.In(tx)})
		})
		if err == nil {
			mails.Wake()
		}
		return err
	}
}

// passes fits verify.PassStore.
type passes struct{ *store.Store }

func (s passes) UsePass(ctx context.Context, tenant, person string, hash []byte, now time.Time) error {
	err := s.Store.UsePass(ctx, tenant, person, hash, now)
	if errors.Is(err, store.ErrConflict) {
		err = errors.Join(verify.ErrReplayed, err)
	}
	return err
}

// codes fits verify.Store.
type codes struct{ *store.Store }

func (s codes) Code(ctx context.Context, tenant, attempt string) (verify.Code, error) {
	c, err := s.Store.Code(ctx, tenant, attempt)
	if errors.Is(err, store.ErrNotFound) {
		err = errors.Join(verify.ErrNoCode, err)
	}
	return c, err
}

// agents fits enrol.Store, fleet.Store and commandkey.Store.
type agents struct{ *store.Store }

func enrolError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errors.Join(enrol.ErrNotFound, err)
	case errors.Is(err, store.ErrConflict):
		return errors.Join(enrol.ErrConflict, err)
	}
	return err
}

func (s agents) UseCode(ctx context.Context, hash []byte, agentID string, now time.Time) (enrol.Code, error) {
	c, err := s.Store.UseCode(ctx, hash, agentID, now)
	return c, enrolError(err)
}

func (s agents) Agent(ctx context.Context, id string) (enrol.Agent, error) {
	a, err := s.Store.Agent(ctx, id)
	return a, enrolError(err)
}

func (s agents) TouchAgent(ctx context.Context, a enrol.Agent) error {
	return enrolError(s.Store.TouchAgent(ctx, a))
}

func (s agents) DrainAgent(ctx context.Context, tenantID, id string, since time.Time) error {
	return enrolError(s.Store.DrainAgent(ctx, tenantID, id, since))
}

func (s agents) RevokeAgent(ctx context.Context, tenantID, id string, at time.Time) error {
	return enrolError(s.Store.RevokeAgent(ctx, tenantID, id, at))
}

func (s agents) CodeFor(ctx context.Context, hash []byte) (enrol.Code, error) {
	c, err := s.Store.CodeFor(ctx, hash)
	return c, enrolError(err)
}

func (s agents) VerifiedDomains(ctx context.Context, tenantID string) ([]string, error) {
	all, err := s.TenantDomains(ctx, tenantID)
	var names []string
	for _, d := range all {
		if !d.Verified.IsZero() {
			names = append(names, d.Name)
		}
	}
	return names, err
}

func (s agents) CreateDevice(ctx context.Context, d enrol.Device) error {
	return enrolError(s.Store.CreateDevice(ctx, d))
}

func (s agents) Device(ctx context.Context, hash []byte) (enrol.Device, error) {
	d, err := s.Store.Device(ctx, hash)
	return d, enrolError(err)
}

func (s agents) DeviceByUser(ctx context.Context, hash []byte) (enrol.Device, error) {
	d, err := s.Store.DeviceByUser(ctx, hash)
	return d, enrolError(err)
}

func (s agents) MoveDevice(ctx context.Context, d enrol.Device, from enrol.DeviceState) error {
	return enrolError(s.Store.MoveDevice(ctx, d, from))
}

func (s agents) Secret(ctx context.Context, tenantID, name string) ([]byte, error) {
	b, err := s.Store.Secret(ctx, tenantID, name)
	if errors.Is(err, store.ErrNotFound) {
		err = errors.Join(commandkey.ErrNone, err)
	}
	return b, err
}

// people fits reset.People. The domains of the tenant's mail addresses are looked up once a minute.
type people struct {
	*store.Store
	now func() time.Time

	mu      *sync.Mutex
	domains map[string]remembered
}

type remembered struct {
	domains []string
	at      time.Time
}

// FindPeople leaves out whom no agent can write for: accounts that live in the cloud only.
func (p people) FindPeople(ctx context.Context, tenantID, typed string) ([]provision.Person, error) {
	found, err := p.Store.FindPeople(ctx, tenantID, typed)
	return slices.DeleteFunc(found, provision.Person.Cloud), err
}

const rememberDomains = time.Minute

func newPeople(s *store.Store, now func() time.Time) people {
	return people{Store: s, now: now, mu: &sync.Mutex{}, domains: map[string]remembered{}}
}

func (p people) MailDomains(ctx context.Context, tenant string) ([]string, error) {
	p.mu.Lock()
	have, ok := p.domains[tenant]
	p.mu.Unlock()
	if ok && p.now().Sub(have.at) < rememberDomains {
		return have.domains, nil
	}
	addresses, err := p.SampleMail(ctx, tenant)
	if err != nil {
		return nil, err
	}
	var domains []string // one entry per address: invented ones are spread as the real ones are
	for _, a := range addresses {
		if _, domain, ok := strings.Cut(a, "@"); ok {
			domains = append(domains, domain)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.domains[tenant] = remembered{domains, p.now()}
	return domains, nil
}

// ways fits reset.Ways, registration.Store and registration.Reviews. The census of a tenant is taken once a minute.
type ways struct {
	*store.Store
	now func() time.Time

	mu     *sync.Mutex
	census map[string]counted
}

type counted struct {
	verify.Census
	at time.Time
}

func newWays(s *store.Store, now func() time.Time) ways {
	return ways{Store: s, now: now, mu: &sync.Mutex{}, census: map[string]counted{}}
}

func (w ways) UseMethod(ctx context.Context, tenant, id string, step int64, at time.Time) error {
	err := w.Store.UseMethod(ctx, tenant, id, step, at)
	if errors.Is(err, store.ErrConflict) {
		err = errors.Join(verify.ErrReplayed, err)
	}
	return err
}

// DeleteMethod fits registration.Store.
func (w ways) DeleteMethod(ctx context.Context, tenant, person, id string) error {
	err := w.Store.DeleteMethod(ctx, tenant, person, id)
	if errors.Is(err, store.ErrNotFound) {
		err = errors.Join(registration.ErrNoMethod, err)
	}
	return err
}

// ConfirmMethod fits registration.Store.
func (w ways) ConfirmMethod(ctx context.Context, m verify.Method, replaces string) error {
	err := w.Store.ConfirmMethod(ctx, m, replaces)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		err = errors.Join(registration.ErrNoMethod, err)
	}
	return err
}

// Census fits reset.Deps.Census.
func (w ways) Census(ctx context.Context, tenant string) (verify.Census, error) {
	w.mu.Lock()
	have, ok := w.census[tenant]
	w.mu.Unlock()
	if ok && w.now().Sub(have.at) < rememberDomains {
		return have.Census, nil
	}
	c, err := w.Store.Census(ctx, tenant)
	if err != nil {
		return c, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.census[tenant] = counted{c, w.now()}
	return c, nil
}
