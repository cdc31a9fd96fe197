package verify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Passkeys registers and checks passkeys (Web Authentication Level 3) of one portal.
//
// A challenge belongs to one attempt: it is derived from the attempt with a key, so nothing has to be stored, and an answer
// to it is worth nothing in any other. Browsers are never told which passkeys a name has: they are all discoverable, so
// a name that belongs to nobody gets the very same question.
type Passkeys struct {
	party *webauthn.WebAuthn
	key   []byte
}

// NewPasskeys returns Passkeys for the portal's base URL. It fails where passkeys cannot work: at a bare IP address.
func NewPasskeys(base, name string, key []byte) (*Passkeys, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	required := true
	party, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: name, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
	if err == nil {
		err = protocol.ValidateRPID(u.Hostname())
	}
	if err != nil {
		return nil, fmt.Errorf("passkeys at %s: %w", u.Host, err)
	}
	return &Passkeys{party: party, key: key}, nil
}

// ErrPasskey reports an answer that no passkey of the person gave to this question.
var ErrPasskey = errors.New("not an answer of a passkey")

// ErrCopied is ErrPasskey where the passkey's counter went back, as that of a copy does.
var ErrCopied = fmt.Errorf("%w: its counter went back", ErrPasskey)

// maxPasskey bounds a browser's answer.
const maxPasskey = 12 << 10

func (p *Passkeys) challenge(attempt, purpose string) []byte {
	h := hmac.New(sha256.New, p.key)
	h.Write([]byte("passkey\x00" + purpose + "\x00" + attempt))
	return h.Sum(nil)
}

// owner is a person as the library knows them.
type owner struct {
	id, name    string
	credentials []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return []byte(o.id) }
func (o owner) WebAuthnName() string                       { return o.name }
func (o owner) WebAuthnDisplayName() string                { return o.name }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.credentials }

// Question is what a browser is asked, as JSON for navigator.credentials.get. It is the same for everybody.
func (p *Passkeys) Question(attempt string) ([]byte, error) {
	options, _, err := p.question(attempt)
	if err != nil {
		return nil, err
	}
	return json.Marshal(options.Response)
}

func (p *Passkeys) question(attempt string) (*protocol.CredentialAssertion, *webauthn.SessionData, error) {
	options, session, err := p.party.BeginDiscoverableLogin(webauthn.WithChallenge(p.challenge(attempt, "login")))
	if err != nil {
		return nil, nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	return options, session, nil
}

// Match finds which of a person's passkeys answered the attempt's question. step is its counter, -1 where it keeps none. A
// counter that went back, as that of a copied passkey does, is refused. It returns ErrPasskey; with ErrCopied the id too.
func (p *Passkeys) Match(attempt, person string, methods []Method, answer string) (id string, step int64, err error) {
	if len(answer) > maxPasskey {
		return "", 0, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return "", 0, ErrPasskey
	}
	_, session, err := p.question(attempt)
	if err != nil {
		return "", 0, err
	}
	o, ids, err := ownerOf(person, "", methods)
	if err != nil {
		return "", 0, err
	}
	session.UserID = o.WebAuthnID()
	c, err := p.party.ValidateLogin(o, *session, parsed)
	switch {
	case err != nil:
		return "", 0, ErrPasskey
	case c.Authenticator.CloneWarning:
		return ids[string(c.ID)], 0, ErrCopied
	}
	if step = int64(c.Authenticator.SignCount); step == 0 {
		step = -1
	}
	return ids[string(c.ID)], step, nil
}

// CredentialOf returns the id of the credential that a browser's answer speaks of, which proves nothing yet: it finds whose
// passkey it may be where nobody typed a name. It returns ErrPasskey.
func CredentialOf(answer string) ([]byte, error) {
	if len(answer) > maxPasskey {
		return nil, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil || len(parsed.RawID) == 0 {
		return nil, ErrPasskey
	}
	return parsed.RawID, nil
}

// StoredID returns the id of a stored passkey's credential.
func StoredID(secret []byte) ([]byte, error) {
	var c webauthn.Credential
	if err := json.Unmarshal(secret, &c); err != nil {
		return nil, fmt.Errorf("stored passkey: %w", err)
	}
	return c.ID, nil
}

// ownerOf opens a person's passkeys; ids finds the method of each.
func ownerOf(person, name string, methods []Method) (o owner, ids map[string]string, err error) {
	o, ids = owner{id: person, name: name}, map[string]string{}
	for _, m := range methods {
		if m.Kind != Passkey || m.Confirmed.IsZero() {
			continue
		}
		var c webauthn.Credential
		if err := json.Unmarshal(m.Secret, &c); err != nil {
			return o, ids, fmt.Errorf("stored passkey: %w", err)
		}
		c.Authenticator.SignCount = uint32(max(m.Step, 0)) //nolint:gosec // it was one
		o.credentials = append(o.credentials, c)
		ids[string(c.ID)] = m.ID
	}
	return o, ids, nil
}

// Invitation is what a browser needs to make a passkey for somebody, as JSON for navigator.credentials.create.
func (p *Passkeys) Invitation(attempt, person, name string, methods []Method) ([]byte, error) {
	options, _, _, err := p.invitation(attempt, person, name, methods)
	if err != nil {
		return nil, err
	}
	return json.Marshal(options.Response)
}

func (p *Passkeys) invitation(attempt, person, name string, methods []Method) (*protocol.CredentialCreation, *webauthn.SessionData, owner, error) {
	o, _, err := ownerOf(person, name, methods)
	if err != nil {
		return nil, nil, o, err
	}
	var have []protocol.CredentialDescriptor
	for _, c := range o.credentials {
		have = append(have, c.Descriptor())
	}
	options, session, err := p.party.BeginRegistration(o, webauthn.WithExclusions(have), func(c *protocol.PublicKeyCredentialCreationOptions) error {
		c.Challenge = p.challenge(attempt, "create")
		return nil
	})
	if err != nil {
		return nil, nil, o, fmt.Errorf("invite a passkey: %w", err)
	}
	return options, session, o, nil
}

// Made takes the passkey that a browser made on the attempt's invitation, and returns what is stored of it. It returns
// ErrPasskey, also for one that the person has already.
func (p *Passkeys) Made(attempt, person, name string, methods []Method, answer string) (secret []byte, step int64, err error) {
	if len(answer) > maxPasskey {
		return nil, 0, ErrPasskey
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return nil, 0, ErrPasskey
	}
	_, session, o, err := p.invitation(attempt, person, name, methods)
	if err != nil {
		return nil, 0, err
	}
	c, err := p.party.CreateCredential(o, *session, parsed)
	if err != nil {
		return nil, 0, ErrPasskey
	}
	for _, have := range o.credentials {
		if string(have.ID) == string(c.ID) {
			return nil, 0, ErrPasskey
		}
	}
	c.Attestation = webauthn.CredentialAttestation{} // nothing was asked of it
	secret, err = json.Marshal(c)
	if err != nil {
		return nil, 0, fmt.Errorf("store a passkey: %w", err)
	}
	return secret, int64(c.Authenticator.SignCount), nil
}
