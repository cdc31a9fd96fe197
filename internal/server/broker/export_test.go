package broker

import (
	"context"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// PushCloudAgain stands for another server of a cluster that brings the imported account later.
func (b *Broker) PushCloudAgain(ctx context.Context) error {
	c, err := b.cfg.Keys.cloudClaims()
	if err != nil {
		return err
	}
	c.Description = "again"
	token, err := b.cfg.Keys.sign(c)
	if err != nil {
		return err
	}
	return b.pushAccount(ctx, c.Subject, token)
}

// ForeignAccount returns a tenant's account JWT as somebody else's operator would sign it.
func (b *Broker) ForeignAccount(t TenantAccount) (string, error) {
	c, err := b.cfg.Keys.claims(t)
	if err != nil {
		return "", err
	}
	op, err := nkeys.CreateOperator()
	if err != nil {
		return "", err
	}
	return c.Encode(op)
}

// PushChecked pushes as put does.
func (b *Broker) PushChecked(ctx context.Context, account, token string) error {
	return b.pushAccount(ctx, account, token)
}

// PushUnchecked pushes without our verification.
func (b *Broker) PushUnchecked(ctx context.Context, token string) error {
	return b.push(ctx, subjectUpdate, token)
}

// Probe probes as put does.
func (b *Broker) Probe(t TenantAccount, token string) error { return b.probe(t, token) }

// AccountImporting returns an account JWT of ours that imports another account's token.
func (b *Broker) AccountImporting(t TenantAccount, other string) (string, error) {
	c, err := b.cfg.Keys.claims(t)
	if err != nil {
		return "", err
	}
	c.Imports[0].Subject = jwt.Subject("up." + other + ".>")
	return b.cfg.Keys.sign(c)
}

// Options returns the embedded server's options.
func (b *Broker) Options() *server.Options { return b.options() }

// WS returns the loopback listener's address.
func (b *Broker) WS() string { return b.ws }

// Connections returns how many agents' connections the handler holds.
func (b *Broker) Connections() int {
	b.splices.mu.Lock()
	defer b.splices.mu.Unlock()
	return len(b.splices.open)
}

// PoolSize returns how many tenants have a connection of ours.
func (b *Broker) PoolSize() int {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	return len(b.pool.conns)
}

// Server returns the embedded server.
func (b *Broker) Server() *server.Server { return b.srv }
