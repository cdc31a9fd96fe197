package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
)

const (
	keysVersion = 1
	redacted    = "[redacted]"
	// signingKeys is how many operator signing keys are trusted from the start: the one in use and a
	// spare, because the server cannot learn a further one while it runs.
	signingKeys = 2
)

// ErrKeys reports bytes that do not hold the keys they should.
var ErrKeys = errors.New("broker keys are malformed")

// Keys is the relay's whole identity: whoever has it can make tenants and agents, but still cannot open
// or forge a command. It is secret; the store seals what Marshal returns with the master key. It prints
// as a constant.
type Keys struct {
	w        keysWire
	operator *jwt.OperatorClaims
}

type keysWire struct {
	Version     int      `json:"v"`
	Operator    string   `json:"operator"` // identity seed, not needed at run time
	Signing     []string `json:"signing"`  // operator signing seeds, the first one is in use
	OperatorJWT string   `json:"operator_jwt"`
	Cloud       account  `json:"cloud"`
	System      account  `json:"system"`
}

// account is an account whose identity seed is gone: its claims are signed by the operator, its users by
// the signing seed.
type account struct {
	Account string `json:"account"` // public key
	Signing string `json:"signing"` // seed
}

// NewKeys makes a new relay identity. Every agent has to enrol again under it.
func NewKeys() (Keys, error) {
	op, opPub, opSeed, err := newPair(nkeys.PrefixByteOperator)
	if err != nil {
		return Keys{}, err
	}
	w := keysWire{Version: keysVersion, Operator: opSeed}
	claims := jwt.NewOperatorClaims(opPub)
	claims.Name = "homeward"
	claims.StrictSigningKeyUsage = true
	for range signingKeys {
		_, pub, seed, err := newPair(nkeys.PrefixByteOperator)
		if err != nil {
			return Keys{}, err
		}
		claims.SigningKeys.Add(pub)
		w.Signing = append(w.Signing, seed)
	}
	if w.Cloud, err = newAccount(); err != nil {
		return Keys{}, err
	}
	if w.System, err = newAccount(); err != nil {
		return Keys{}, err
	}
	claims.SystemAccount = w.System.Account
	if w.OperatorJWT, err = claims.Encode(op); err != nil {
		return Keys{}, fmt.Errorf("sign the operator: %w", err)
	}
	return w.keys()
}

func newAccount() (account, error) {
	_, pub, _, err := newPair(nkeys.PrefixByteAccount)
	if err != nil {
		return account{}, err
	}
	_, _, seed, err := newPair(nkeys.PrefixByteAccount)
	return account{Account: pub, Signing: seed}, err
}

func newPair(prefix nkeys.PrefixByte) (pair nkeys.KeyPair, pub, seed string, err error) {
	if pair, err = nkeys.CreatePair(prefix); err != nil {
		return nil, "", "", fmt.Errorf("make key: %w", err)
	}
	if pub, err = pair.PublicKey(); err != nil {
		return nil, "", "", fmt.Errorf("make key: %w", err)
	}
	s, err := pair.Seed()
	if err != nil {
		return nil, "", "", fmt.Errorf("make key: %w", err)
	}
	return pair, pub, string(s), nil
}

// keys checks what was made or read: every key of the right kind, the operator JWT naming exactly these
// signing keys and this system account.
func (w keysWire) keys() (Keys, error) {
	op, err := jwt.DecodeOperatorClaims(w.OperatorJWT)
	if err != nil || w.Version != keysVersion || len(w.Signing) != signingKeys {
		return Keys{}, ErrKeys
	}
	if pub, err := publicOf(w.Operator, nkeys.PrefixByteOperator); err != nil || pub != op.Subject || op.Issuer != pub {
		return Keys{}, ErrKeys
	}
	for _, seed := range w.Signing {
		if pub, err := publicOf(seed, nkeys.PrefixByteOperator); err != nil || !op.SigningKeys.Contains(pub) {
			return Keys{}, ErrKeys
		}
	}
	if op.SystemAccount != w.System.Account || !op.StrictSigningKeyUsage || !w.Cloud.valid() || !w.System.valid() {
		return Keys{}, ErrKeys
	}
	return Keys{w: w, operator: op}, nil
}

func (a account) valid() bool {
	_, err := publicOf(a.Signing, nkeys.PrefixByteAccount)
	return err == nil && nkeys.IsValidPublicAccountKey(a.Account)
}

// publicOf returns the public key of a seed of the given kind. Its error never quotes the seed.
func publicOf(seed string, kind nkeys.PrefixByte) (string, error) {
	prefix, _, err := nkeys.DecodeSeed([]byte(seed))
	if err != nil || prefix != kind {
		return "", ErrKeys
	}
	pair, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return "", ErrKeys
	}
	return pair.PublicKey()
}

// Marshal returns the keys in a form that UnmarshalKeys reads. It is a secret.
func (k Keys) Marshal() ([]byte, error) { return json.Marshal(k.w) }

// UnmarshalKeys reads what Marshal returned, strictly. Its error is ErrKeys.
func UnmarshalKeys(b []byte) (Keys, error) {
	var w keysWire
	if !strict(b, &w) {
		return Keys{}, ErrKeys
	}
	return w.keys()
}

// TenantKeys is what the relay needs to know of one tenant. It is secret: who has it can make agents in
// this tenant, whom nobody seals a password to. It prints as a constant.
type TenantKeys struct{ w tenantWire }

type tenantWire struct {
	Version int    `json:"v"`
	Account string `json:"account"` // public key
	Agents  string `json:"agents"`  // seed that signs agents' JWTs
	Cloud   string `json:"cloud"`   // seed that signs the server's own users
}

// NewTenantKeys makes the keys of a new tenant. The account's identity seed is not kept: its claims are
// signed by the operator.
func NewTenantKeys() (TenantKeys, error) {
	agents, err := newAccount()
	if err != nil {
		return TenantKeys{}, err
	}
	_, _, cloud, err := newPair(nkeys.PrefixByteAccount)
	if err != nil {
		return TenantKeys{}, err
	}
	return TenantKeys{tenantWire{Version: keysVersion, Account: agents.Account, Agents: agents.Signing, Cloud: cloud}}, nil
}

// Account returns the tenant's account, its public name in the relay.
func (k TenantKeys) Account() string { return k.w.Account }

// Marshal returns the keys in a form that UnmarshalTenantKeys reads. It is a secret.
func (k TenantKeys) Marshal() ([]byte, error) { return json.Marshal(k.w) }

// UnmarshalTenantKeys reads what Marshal returned, strictly. Its error is ErrKeys.
func UnmarshalTenantKeys(b []byte) (TenantKeys, error) {
	var w tenantWire
	if !strict(b, &w) || w.Version != keysVersion {
		return TenantKeys{}, ErrKeys
	}
	k := TenantKeys{w}
	if _, _, err := k.signers(); err != nil {
		return TenantKeys{}, err
	}
	return k, nil
}

// signers returns the public halves of the two signing keys.
func (k TenantKeys) signers() (agents, cloud string, err error) {
	if !nkeys.IsValidPublicAccountKey(k.w.Account) {
		return "", "", ErrKeys
	}
	if agents, err = publicOf(k.w.Agents, nkeys.PrefixByteAccount); err != nil {
		return "", "", err
	}
	cloud, err = publicOf(k.w.Cloud, nkeys.PrefixByteAccount)
	return agents, cloud, err
}

func strict(b []byte, v any) bool {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(v) != nil {
		return false
	}
	_, err := d.Token()
	return errors.Is(err, io.EOF)
}

// Format prints a constant for every verb.
func (Keys) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue logs a constant.
func (Keys) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses: use Marshal, and seal what it returns.
func (Keys) MarshalJSON() ([]byte, error) { return nil, errors.New("broker keys are not JSON") }

// Format prints a constant for every verb.
func (TenantKeys) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue logs a constant.
func (TenantKeys) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses: use Marshal, and seal what it returns.
func (TenantKeys) MarshalJSON() ([]byte, error) { return nil, errors.New("tenant keys are not JSON") }
