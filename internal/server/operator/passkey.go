package operator

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/verify"
)

// How many passkeys an operator has, and how long their names are.
const (
	MaxPasskeys   = 10
	MaxFactorName = 60
)

// Passkey is one of an operator's.
type Passkey struct {
	Tenant, ID, Operator string
	Hash                 []byte // of the credential's id
	Name                 string
	Secret               []byte // as package verify made it
	Step                 int64  // the authenticator's counter
	Created, Used        time.Time
	Warned               time.Time // when its counter last went back
}

// PasskeyStore keeps passkeys. Missing rows are ErrNotFound, a credential that is there already ErrConflict.
type PasskeyStore interface {
	// AddPasskey is ErrPasskeys when the operator has so many already.
	AddPasskey(ctx context.Context, p Passkey, most int) error
	Passkeys(ctx context.Context, tenant, operator string) ([]Passkey, error)
	PasskeyByHash(ctx context.Context, hash []byte) (Passkey, error)
	// UsePasskey notes a use; ErrConflict when its counter has come as far already. A negative step leaves the counter.
	UsePasskey(ctx context.Context, tenant, id string, step int64, at time.Time) error
	WarnPasskey(ctx context.Context, tenant, id string, at time.Time) error
	RenamePasskey(ctx context.Context, tenant, operator, id, name string) error
	// DeletePasskey is ErrOnly when the operator would be left without a second factor.
	DeletePasskey(ctx context.Context, tenant, operator, id string) error
}

// Question is what any browser is asked for a passkey: a text to send back with the answer, and the options for
// navigator.credentials.get. It is the same for everybody, and stores nothing. Both are empty where passkeys can't work.
func (s *Service) Question() (token string, options []byte, err error) {
	if s.Passkeys == nil {
		return "", nil, nil
	}
	q := question{ID: id(), At: s.Now()}
	if options, err = s.Passkeys.Question(q.ID); err != nil {
		return "", nil, err
	}
	token, err = s.seal(forQuestion, q)
	return token, options, err
}

// SignInByPasskey takes an answer to a question. No name is needed, and no password: the passkey was unlocked by its owner.
// It returns the cookie of a new session. Errors: ErrRefused, ErrStale, *LimitError. What a stranger tries under an operator's
// name doesn't count here.
func (s *Service) SignInByPasskey(ctx context.Context, token, answer string, v Visit) (cookie string, err error) {
	until, err := s.Gate.Open(ctx, v.Address)
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	if err := s.limited(ctx, Operator{}, until, v); err != nil {
		return "", err
	}
	o, err := s.answered(ctx, token, answer, "")
	switch {
	case errors.Is(err, verify.ErrPasskey):
		if o.ID == "" {
			o = Operator{Tenant: v.Tenant}
		}
		s.refused(ctx, o, v, passkeyReason(err))
		return "", ErrRefused
	case err != nil:
		return "", err
	}
	return s.signedIn(ctx, o, v, ByPasskey, "")
}

func passkeyReason(err error) string {
	if errors.Is(err, verify.ErrCopied) {
		return "copied_passkey"
	}
	return "wrong_passkey"
}

// answered returns whose passkey answered a question, and uses the answer up. want is whose it must be; empty: anybody's.
func (s *Service) answered(ctx context.Context, token, answer, want string) (Operator, error) {
	var q question
	if err := s.unseal(forQuestion, token, &q); err != nil {
		return Operator{}, err
	}
	if s.over(q.At) || q.Operator != "" || s.Passkeys == nil {
		return Operator{}, ErrStale
	}
	return s.match(ctx, q.ID, answer, want)
}

// match is answered for a challenge by its name.
func (s *Service) match(ctx context.Context, challenge, answer, want string) (o Operator, err error) {
	credential, err := verify.CredentialOf(answer)
	if err != nil {
		return o, err
	}
	p, err := s.Store.PasskeyByHash(ctx, credentialHash(credential))
	if errors.Is(err, ErrNotFound) {
		return o, verify.ErrPasskey
	}
	if err != nil {
		return o, fmt.Errorf("passkey: %w", err)
	}
	if o, err = s.Store.OperatorByID(ctx, p.Tenant, p.Operator); err != nil {
		return o, fmt.Errorf("passkey: %w", err)
	}
	// Whoever comes through a provider alone has passkeys as a second factor only: the provider decides whether they come.
	if o.Disabled || want == "" && !o.Local() || want != "" && key(o) != want {
		return o, verify.ErrPasskey
	}
	_, n, err := s.Passkeys.Match(challenge, o.ID, []verify.Method{method(p)}, answer)
	if errors.Is(err, verify.ErrCopied) {
		s.copied(ctx, o, p)
	}
	if err != nil {
		return o, err
	}
	first, err := s.Gate.Once(ctx, "passkey "+challenge)
	if err != nil {
		return o, fmt.Errorf("passkey: %w", err)
	}
	if !first {
		return o, ErrStale
	}
	err = s.Store.UsePasskey(ctx, p.Tenant, p.ID, n, s.Now())
	if errors.Is(err, ErrConflict) {
		s.copied(ctx, o, p)
		return o, verify.ErrCopied
	}
	return o, err
}

// copied records that two of one passkey seem to be about.
func (s *Service) copied(ctx context.Context, o Operator, p Passkey) {
	if err := s.Store.WarnPasskey(ctx, p.Tenant, p.ID, s.Now()); err != nil {
		s.Log.Error("a passkey's warning couldn't be stored", "error", err)
	}
	s.note(ctx, o, o.Name, audit.Record{Activity: signIn, Event: int(event.FactorCopied), Result: "refused", Reason: "copied_passkey", Detail: p.Name})
}

// method is a passkey as package verify knows it.
func method(p Passkey) verify.Method {
	return verify.Method{Tenant: p.Tenant, ID: p.ID, Person: p.Operator, Kind: verify.Passkey, Secret: p.Secret, Step: p.Step, Confirmed: p.Created}
}

func credentialHash(credential []byte) []byte {
	sum := sha256.Sum256(append([]byte("homeward operator passkey\x00"), credential...))
	return sum[:]
}

// PasskeysOf lists an operator's passkeys, oldest first.
func (s *Service) PasskeysOf(ctx context.Context, o Operator) ([]Passkey, error) {
	return s.Store.Passkeys(ctx, o.Tenant, o.ID)
}

// Invitation is what a browser needs to make a passkey for an operator, who has just proved who they are. Both are empty where
// passkeys can't work. Errors: ErrNotFresh, ErrPasskeys.
func (s *Service) Invitation(ctx context.Context, o Operator, in Session) (token string, options []byte, err error) {
	have, err := s.mayAdd(ctx, o, in)
	if err != nil || s.Passkeys == nil {
		return "", nil, err
	}
	q := question{ID: id(), Operator: key(o), At: s.Now()}
	if options, err = s.Passkeys.Invitation(q.ID, o.ID, o.Name, have); err != nil {
		return "", nil, err
	}
	token, err = s.seal(forQuestion, q)
	return token, options, err
}

func (s *Service) mayAdd(ctx context.Context, o Operator, in Session) ([]verify.Method, error) {
	if !s.Fresh(in) {
		return nil, ErrNotFresh
	}
	all, err := s.Store.Passkeys(ctx, o.Tenant, o.ID)
	if err != nil {
		return nil, err
	}
	if len(all) >= MaxPasskeys {
		return nil, ErrPasskeys
	}
	var have []verify.Method
	for _, p := range all {
		have = append(have, method(p))
	}
	return have, nil
}

// AddPasskey takes the passkey a browser made. Errors: ErrNotFresh, ErrFactorName, ErrStale, ErrPasskeys, verify.ErrPasskey.
func (s *Service) AddPasskey(ctx context.Context, o Operator, in Session, token, name, answer string) error {
	have, err := s.mayAdd(ctx, o, in)
	if err != nil {
		return err
	}
	if name, err = factorName(name); err != nil {
		return err
	}
	var q question
	if err := s.unseal(forQuestion, token, &q); err != nil {
		return err
	}
	if s.over(q.At) || q.Operator != key(o) || s.Passkeys == nil {
		return ErrStale
	}
	secret, n, err := s.Passkeys.Made(q.ID, o.ID, o.Name, have, answer)
	if err != nil {
		return err
	}
	credential, err := verify.StoredID(secret)
	if err != nil {
		return err
	}
	p := Passkey{Tenant: o.Tenant, ID: id(), Operator: o.ID, Hash: credentialHash(credential), Name: name, Secret: secret, Step: n, Created: s.Now()}
	err = s.Store.AddPasskey(ctx, p, MaxPasskeys)
	if errors.Is(err, ErrConflict) {
		return verify.ErrPasskey
	}
	if err != nil {
		return err
	}
	s.note(ctx, o, o.Name, audit.Record{Activity: "Add passkey (administrator)", Event: int(event.FactorAdded), Detail: name})
	return nil
}

// factorName tidies a passkey's name.
func factorName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	bad := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) })
	if name == "" || bad || !utf8.ValidString(name) || utf8.RuneCountInString(name) > MaxFactorName {
		return "", ErrFactorName
	}
	return name, nil
}

// RenamePasskey gives a passkey of an operator another name. Errors: ErrFactorName, ErrNotFound.
func (s *Service) RenamePasskey(ctx context.Context, o Operator, passkey, name string) error {
	name, err := factorName(name)
	if err != nil {
		return err
	}
	return s.Store.RenamePasskey(ctx, o.Tenant, o.ID, passkey, name)
}

// RemovePasskey removes one of an operator's own passkeys. Errors: ErrNotFresh, ErrOnly, ErrNotFound.
func (s *Service) RemovePasskey(ctx context.Context, o Operator, in Session, passkey string) error {
	if !s.Fresh(in) {
		return ErrNotFresh
	}
	return s.DropPasskey(ctx, o, passkey, o.Name)
}

// DropPasskey removes a passkey that somebody lost. Errors: ErrOnly, ErrNotFound.
func (s *Service) DropPasskey(ctx context.Context, o Operator, passkey, by string) error {
	all, err := s.Store.Passkeys(ctx, o.Tenant, o.ID)
	if err != nil {
		return err
	}
	name := ""
	for _, p := range all {
		if p.ID == passkey {
			name = p.Name
		}
	}
	if err := s.Store.DeletePasskey(ctx, o.Tenant, o.ID, passkey); err != nil {
		return err
	}
	s.note(ctx, o, by, audit.Record{Activity: "Remove passkey (administrator)", Event: int(event.FactorRemoved), Detail: name})
	return nil
}
