package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const (
	subjectUpdate = "$SYS.REQ.CLAIMS.UPDATE"
	subjectDelete = "$SYS.REQ.CLAIMS.DELETE"

	// servers is how many servers must confirm a change of accounts. One is embedded; a cluster has more.
	servers = 1
)

var (
	// ErrNoTenant reports an account that was not added.
	ErrNoTenant = errors.New("no such tenant in the relay")
	// ErrSuspended reports a tenant that nobody connects into.
	ErrSuspended = errors.New("tenant is suspended")
	// ErrNotApplied reports an account that the server stored but does not go by.
	ErrNotApplied = errors.New("server does not go by the account it was given")
)

// AddTenant makes a tenant known or changes it, and returns when the server provably goes by it.
// Revocations already in the directory are kept, so one that the store missed in a crash is not lost.
func (b *Broker) AddTenant(ctx context.Context, t TenantAccount) error {
	if err := b.hold(ctx); err != nil {
		return err
	}
	defer b.release()
	t.Revocations = t.Revocations.merge(b.knownRevocations(t.Keys.Account())).prune(b.cfg.Clock())
	if err := b.put(ctx, t); err != nil {
		return fmt.Errorf("add tenant %s: %w", t.Keys.Account(), err)
	}
	return nil
}

// SuspendTenant disconnects everybody of a tenant and lets nobody in until AddTenant says otherwise.
func (b *Broker) SuspendTenant(ctx context.Context, account string) error {
	err := b.change(ctx, account, func(t *TenantAccount) { t.Suspended = true })
	if err != nil {
		return fmt.Errorf("suspend tenant %s: %w", account, err)
	}
	return nil
}

// RevokeAgent ends an agent's credential: it is disconnected within milliseconds, and JWTs issued until
// now are refused for good. The list returned is to be stored with the tenant. A new JWT for the same key
// must be issued in a later second.
func (b *Broker) RevokeAgent(ctx context.Context, account, agent string) (Revocations, error) {
	if !nkeys.IsValidPublicUserKey(agent) {
		return nil, ErrAgentKey
	}
	var list Revocations
	err := b.change(ctx, account, func(t *TenantAccount) {
		now := b.cfg.Clock()
		list = t.Revocations.merge(Revocations{agent: now.UTC().Truncate(time.Second)}).prune(now)
		t.Revocations = list
	})
	if err != nil {
		return nil, fmt.Errorf("revoke agent %s: %w", agent, err)
	}
	b.KickAgent(account, agent)
	return list.merge(nil), nil
}

// KickAgent ends an agent's connections. It may come back at once.
func (b *Broker) KickAgent(account, agent string) {
	for _, cid := range b.presence.connections(account, agent) {
		_ = b.srv.DisconnectClientByID(cid) // gone already is what was wanted
	}
}

// RemoveTenant deletes a tenant's account and disconnects everybody in it.
func (b *Broker) RemoveTenant(ctx context.Context, account string) error {
	if err := b.hold(ctx); err != nil {
		return err
	}
	defer b.release()
	if _, ok := b.tenant(account); !ok {
		return fmt.Errorf("remove tenant %s: %w", account, ErrNoTenant)
	}
	token, err := b.cfg.Keys.deletion(account)
	if err == nil {
		err = b.push(ctx, subjectDelete, token)
	}
	if err != nil {
		return fmt.Errorf("remove tenant %s: %w", account, err)
	}
	b.mu.Lock()
	delete(b.tenants, account)
	b.mu.Unlock()
	b.pool.drop(account)
	return nil
}

// deletion is a self-signed request of the operator to delete one account.
func (k Keys) deletion(account string) (string, error) {
	pair, err := nkeys.FromSeed([]byte(k.w.Signing[0]))
	if err != nil {
		return "", ErrKeys
	}
	pub, err := pair.PublicKey()
	if err != nil {
		return "", ErrKeys
	}
	c := jwt.NewGenericClaims(pub)
	c.Data["accounts"] = []string{account}
	token, err := c.Encode(pair)
	if err != nil {
		return "", fmt.Errorf("sign deletion: %w", err)
	}
	return token, nil
}

// change applies edit to a known tenant and pushes it.
func (b *Broker) change(ctx context.Context, account string, edit func(*TenantAccount)) error {
	if err := b.hold(ctx); err != nil {
		return err
	}
	defer b.release()
	t, ok := b.tenant(account)
	if !ok {
		return ErrNoTenant
	}
	edit(&t)
	return b.put(ctx, t)
}

// Revoked lists a tenant's revocations that are in force.
func (b *Broker) Revoked(account string) Revocations {
	t, _ := b.tenant(account)
	return t.Revocations.merge(nil)
}

// put signs, checks, pushes and probes a tenant's account, then remembers it. control is held.
func (b *Broker) put(ctx context.Context, t TenantAccount) error {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	c, err := b.cfg.Keys.claims(t)
	if err != nil {
		return err
	}
	token, err := b.cfg.Keys.sign(c)
	if err != nil {
		return err
	}
	if err := b.pushAccount(ctx, c.Subject, token); err != nil {
		return err
	}
	b.mu.Lock()
	b.tenants[c.Subject] = t
	b.mu.Unlock()
	if t.Suspended {
		b.pool.drop(c.Subject)
	}
	return b.probe(t, token)
}

// pushAccount refuses an account JWT that is not ours before the server can store it.
func (b *Broker) pushAccount(ctx context.Context, account, token string) error {
	if _, err := b.cfg.Keys.verify(token, account); err != nil {
		return err
	}
	return b.push(ctx, subjectUpdate, token)
}

// push sends a change to all servers and counts their answers. "200" only means stored: see probe.
func (b *Broker) push(ctx context.Context, subject, token string) error {
	inbox := b.system.NewInbox()
	sub, err := b.system.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("push account: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := b.system.PublishRequest(subject, inbox, []byte(token)); err != nil {
		return fmt.Errorf("push account: %w", err)
	}
	for n := range servers {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return fmt.Errorf("push account: %d of %d servers answered: %w", n, servers, err)
		}
		var r server.ServerAPIClaimUpdateResponse
		if err := json.Unmarshal(m.Data, &r); err != nil {
			return fmt.Errorf("push account: unreadable answer: %w", err)
		}
		if r.Error != nil {
			return fmt.Errorf("push account: server says %d: %s", r.Error.Code, r.Error.Description)
		}
	}
	return nil
}

// probe proves that the server goes by the account: its running claims are these, and we can connect.
// The claims come first, because a refused in-process connection takes seconds to find out.
func (b *Broker) probe(t TenantAccount, token string) error {
	if _, err := b.srv.LookupAccount(t.Keys.Account()); err != nil { // loads it, as a first connection would
		return fmt.Errorf("%w: %w", ErrNotApplied, err)
	}
	z, err := b.srv.Accountz(&server.AccountzOptions{Account: t.Keys.Account()})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotApplied, err)
	}
	if z.Account == nil || z.Account.Jwt != token {
		return fmt.Errorf("%w: it runs with other claims", ErrNotApplied)
	}
	if t.Suspended {
		return nil
	}
	nc, err := b.openTenant(t)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotApplied, err)
	}
	nc.Close()
	return nil
}

// knownRevocations reads what the directory holds of an account, if it is ours.
func (b *Broker) knownRevocations(account string) Revocations {
	// Not Fetch: it would ask other servers and wait 2 s for none to answer.
	token, err := b.accounts.LoadAcc(account)
	if err != nil {
		return nil // a new tenant
	}
	c, err := b.cfg.Keys.verify(token, account)
	if err != nil {
		b.cfg.Logger.Warn("account in the relay's directory is not ours; it is replaced", "account", account, "error", err)
		return nil
	}
	return revoked(c)
}

// Conn returns a connection into a tenant's account, from which its agents are reached. It is opened when
// first asked for and closed when idle, so do not keep it: ask again for each call.
func (b *Broker) Conn(ctx context.Context, account string) (*nats.Conn, error) {
	if b.flight.isClosing() {
		return nil, ErrClosing
	}
	t, ok := b.tenant(account)
	if !ok {
		return nil, ErrNoTenant
	}
	if t.Suspended {
		return nil, ErrSuspended
	}
	return b.pool.get(ctx, t)
}

func (b *Broker) openTenant(t TenantAccount) (*nats.Conn, error) {
	a := account{Account: t.Keys.w.Account, Signing: t.Keys.w.Cloud}
	return b.inside(a.Account, a, []string{"wb.to.>"}, []string{"_INBOX.>"}, nats.NoReconnect())
}

func (b *Broker) tenant(account string) (TenantAccount, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.tenants[account]
	return t, ok
}

func (b *Broker) hold(ctx context.Context) error {
	if b.flight.isClosing() {
		return ErrClosing
	}
	select {
	case b.control <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to change an account: %w", context.Cause(ctx))
	}
}

func (b *Broker) release() { <-b.control }
