package broker

import (
	"errors"
	"fmt"
	"time"

	"homeward/internal/protocol"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// ErrAgentKey reports an agent key that is not a public user nkey.
var ErrAgentKey = errors.New("agent key is not a public user nkey")

// AgentJWT returns the credential of one agent: a user JWT that names its public key and writes out what
// it may do. Without the agent's seed it is worthless, so it is no secret. A JWT issued in the same second
// as the agent's revocation counts as revoked.
//
// Permissions are written out rather than taken from a template of the signing key: a template silently
// drops entries it cannot hold, and changing it disconnects the whole tenant.
func (b *Broker) AgentJWT(tenant TenantKeys, agent, name string, ttl time.Duration) (token string, expires time.Time, err error) {
	if !nkeys.IsValidPublicUserKey(agent) {
		return "", time.Time{}, ErrAgentKey
	}
	if ttl <= 0 || ttl > MaxAgentTTL {
		return "", time.Time{}, fmt.Errorf("agent JWT: life of %s is not within %s", ttl, MaxAgentTTL)
	}
	c := jwt.NewUserClaims(agent)
	c.Name = name
	c.IssuerAccount = tenant.Account()
	expires = b.cfg.Clock().Add(ttl).Truncate(time.Second)
	c.Expires = expires.Unix()
	c.Sub.Allow.Add(protocol.DownPermission(agent), protocol.InboxPrefix(agent)+".>")
	c.Pub.Allow.Add(protocol.UpPermission(agent))
	c.Resp = &jwt.ResponsePermission{MaxMsgs: 2, Expires: answerTime}
	c.AllowedConnectionTypes.Add(jwt.ConnectionTypeWebsocket)
	c.Subs = agentSubs
	c.Limits.Payload = protocol.MaxMessage
	token, err = encodeUser(c, tenant.w.Agents)
	return token, expires, err
}

func encodeUser(c *jwt.UserClaims, seed string) (string, error) {
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return "", ErrKeys
	}
	token, err := c.Encode(pair)
	if err != nil {
		return "", fmt.Errorf("sign user: %w", err)
	}
	return token, nil
}

// insider makes a user for one connection of our own. Its seed lives in the option only, and it works
// over in-process connections only.
func insider(account, seed string, pub, sub []string) (nats.Option, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	key, err := pair.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	c := jwt.NewUserClaims(key)
	c.Name = "homeward"
	c.IssuerAccount = account
	c.Pub.Allow.Add(pub...)
	c.Sub.Allow.Add(sub...)
	c.AllowedConnectionTypes.Add(jwt.ConnectionTypeInProcess)
	token, err := encodeUser(c, seed)
	if err != nil {
		return nil, err
	}
	return nats.UserJWT(func() (string, error) { return token, nil }, pair.Sign), nil
}
