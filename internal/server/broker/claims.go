package broker

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"homeward/internal/protocol"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

const (
	// MaxAgentTTL is the longest life of an agent's JWT. Revocations are kept that long, and a little
	// more, because a revoked JWT that has expired needs no revoking.
	MaxAgentTTL      = 30 * 24 * time.Hour
	revocationMargin = 24 * time.Hour

	// cloudConns is how many connections of a tenant's limit are ours: the pool's, a probe's, and each
	// once more while it is being replaced.
	cloudConns       = 4
	defaultMaxAgents = 50
	agentSubs        = 16
	accountSubs      = 256
	answerTime       = time.Minute
)

// ErrClaims reports an account JWT that this relay would not have made. The NATS server stores such a
// JWT without a word (relay trap T1b), so it is checked here first.
var ErrClaims = errors.New("account claims are not valid under our operator")

// Revocations says per agent key that JWTs issued at that time or before are refused.
type Revocations map[string]time.Time

// TenantAccount is one tenant as the relay knows it. The store keeps it; the relay's own directory is a
// cache.
type TenantAccount struct {
	Keys        TenantKeys
	Name        string // for logs
	MaxAgents   int    // agents connected at once; zero means 50
	Revocations Revocations
	Suspended   bool // nobody connects
}

// prune drops revocations of JWTs that have expired by now.
func (r Revocations) prune(now time.Time) Revocations {
	kept := make(Revocations, len(r))
	for agent, at := range r {
		if now.Sub(at) <= MaxAgentTTL+revocationMargin {
			kept[agent] = at
		}
	}
	return kept
}

// merge keeps the later time of each agent.
func (r Revocations) merge(other Revocations) Revocations {
	all := maps.Clone(r)
	if all == nil {
		all = make(Revocations)
	}
	for agent, at := range other {
		if at.After(all[agent]) {
			all[agent] = at
		}
	}
	return all
}

// cloudClaims is the account that sees everything upward. It never changes with a tenant: the account
// token at position 2 ties each import to the importing account.
func (k Keys) cloudClaims() (*jwt.AccountClaims, error) {
	signer, err := publicOf(k.w.Cloud.Signing, nkeys.PrefixByteAccount)
	if err != nil {
		return nil, err
	}
	c := jwt.NewAccountClaims(k.w.Cloud.Account)
	c.Name = "cloud"
	c.SigningKeys.Add(signer)
	c.Exports.Add(&jwt.Export{
		Name: "up", Subject: protocol.CloudUp, Type: jwt.Service, AccountTokenPosition: 2,
	})
	limit(c, cloudConns, 0, 1)
	return c, nil
}

func (k Keys) systemClaims() (*jwt.AccountClaims, error) {
	signer, err := publicOf(k.w.System.Signing, nkeys.PrefixByteAccount)
	if err != nil {
		return nil, err
	}
	c := jwt.NewAccountClaims(k.w.System.Account)
	c.Name = "system"
	c.SigningKeys.Add(signer)
	return c, nil
}

// claims is the tenant's account: two signing keys, one import, tight limits.
func (k Keys) claims(t TenantAccount) (*jwt.AccountClaims, error) {
	agents, cloud, err := t.Keys.signers()
	if err != nil {
		return nil, err
	}
	own := t.Keys.Account()
	c := jwt.NewAccountClaims(own)
	c.Name = t.Name
	c.SigningKeys.Add(agents, cloud)
	c.Imports.Add(&jwt.Import{
		Name: "up", Account: k.w.Cloud.Account, Type: jwt.Service,
		Subject: jwt.Subject("up." + own + ".>"), LocalSubject: "up.>",
	})
	n := t.MaxAgents
	if n <= 0 {
		n = defaultMaxAgents
	}
	// Twice, because a reconnecting agent can be there before the relay knows that its old link is dead.
	conns := int64(2*n + cloudConns)
	if t.Suspended {
		conns = 0
	}
	limit(c, conns, 1, 0)
	for agent, at := range t.Revocations {
		c.RevokeAt(agent, at)
	}
	return c, nil
}

func limit(c *jwt.AccountClaims, conns, imports, exports int64) {
	c.Limits.Conn = conns
	c.Limits.LeafNodeConn = 0
	c.Limits.Payload = protocol.MaxMessage
	c.Limits.Subs = accountSubs
	c.Limits.DisallowBearer = true
	c.Limits.Imports = imports
	c.Limits.Exports = exports
	c.Limits.WildcardExports = exports > 0
}

// sign encodes claims with the operator signing key in use.
func (k Keys) sign(c *jwt.AccountClaims) (string, error) {
	pair, err := nkeys.FromSeed([]byte(k.w.Signing[0]))
	if err != nil {
		return "", ErrKeys
	}
	token, err := c.Encode(pair)
	if err != nil {
		return "", fmt.Errorf("sign account: %w", err)
	}
	return token, nil
}

// verify decodes an account JWT and checks what the server will not tell us about: that one of our
// signing keys made it, for this account, and that nothing in it is invalid.
func (k Keys) verify(token, account string) (*jwt.AccountClaims, error) {
	c, err := jwt.DecodeAccountClaims(token)
	if err != nil {
		return nil, fmt.Errorf("%w: it does not decode", ErrClaims)
	}
	if !k.operator.SigningKeys.Contains(c.Issuer) {
		return nil, fmt.Errorf("%w: issued by %s", ErrClaims, c.Issuer)
	}
	if c.Subject != account {
		return nil, fmt.Errorf("%w: it is for another account", ErrClaims)
	}
	vr := jwt.CreateValidationResults()
	c.Validate(vr)
	if vr.IsBlocking(true) {
		return nil, fmt.Errorf("%w: %w", ErrClaims, errors.Join(vr.Errors()...))
	}
	return c, nil
}

// revoked reads the revocations of an account JWT.
func revoked(c *jwt.AccountClaims) Revocations {
	r := make(Revocations, len(c.Revocations))
	for agent, at := range c.Revocations {
		r[agent] = time.Unix(at, 0).UTC()
	}
	return r
}
