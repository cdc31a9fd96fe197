package operator

import (
	"context"
	"fmt"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

// Apps keeps authenticator apps of operators who are set up.
type Apps interface {
	// PutApp stores a seed and the newest step whose code was used, in place of an earlier one.
	PutApp(ctx context.Context, tenant, operator string, seed []byte, step int64) error
	// DropApp is ErrOnly when the operator would be left without a second factor.
	DropApp(ctx context.Context, tenant, operator string) error
	// PutRecovery replaces the recovery codes.
	PutRecovery(ctx context.Context, tenant, operator string, hashes [][]byte) error
}

// NewApp shows what an authenticator app needs to serve an operator who has just proved who they are. It stores nothing: the
// secret belongs to the session. Errors: ErrNotFresh.
func (s *Service) NewApp(o Operator, in Session, issuer string) (Pending, error) {
	if !s.Fresh(in) {
		return Pending{}, ErrNotFresh
	}
	seed := seedOf(s.SeedKey, s.appMark(in))
	return Pending{Operator: o, Secret: encode(seed), Address: address(issuer, o.Name, seed)}, nil
}

// appMark names the secret of a new app: another one with each proof.
func (*Service) appMark(in Session) string {
	return fmt.Sprintf("app\x00%s\x00%s\x00%s\x00%d", in.Tenant, in.Operator, in.ID, in.Proven.UnixMilli())
}

// SetApp gives an operator a new authenticator app, in place of the one they had, once they type a code it shows. Errors:
// ErrNotFresh, ErrCode, *LimitError.
func (s *Service) SetApp(ctx context.Context, o Operator, in Session, code string, v Visit) error {
	if !s.Fresh(in) {
		return ErrNotFresh
	}
	until, err := s.Limits.Guess(ctx, key(o), s.device(o, v))
	if err != nil {
		return err
	}
	if err := s.limited(ctx, o, until, v); err != nil {
		return err
	}
	seed := seedOf(s.SeedKey, s.appMark(in))
	n, ok := step(seed, code, s.Now())
	if !ok {
		return ErrCode
	}
	if err := s.Store.PutApp(ctx, o.Tenant, o.ID, seed, n); err != nil {
		return fmt.Errorf("new app: %w", err)
	}
	s.note(ctx, o, o.Name, audit.Record{Activity: "Add authenticator app (administrator)", Event: int(event.FactorAdded)})
	return nil
}

// RemoveApp removes one's own authenticator app. Errors: ErrNotFresh, ErrOnly.
func (s *Service) RemoveApp(ctx context.Context, o Operator, in Session) error {
	if !s.Fresh(in) {
		return ErrNotFresh
	}
	return s.DropApp(ctx, o, o.Name)
}

// DropApp removes an app that somebody lost. Errors: ErrOnly.
func (s *Service) DropApp(ctx context.Context, o Operator, by string) error {
	if err := s.Store.DropApp(ctx, o.Tenant, o.ID); err != nil {
		return err
	}
	s.note(ctx, o, by, audit.Record{Activity: "Remove authenticator app (administrator)", Event: int(event.FactorRemoved)})
	return nil
}

// NewRecovery replaces one's own recovery codes, which nobody can show a second time. Errors: ErrNotFresh.
func (s *Service) NewRecovery(ctx context.Context, o Operator, in Session) ([]string, error) {
	if !s.Fresh(in) {
		return nil, ErrNotFresh
	}
	codes, hashes := newRecovery()
	if err := s.Store.PutRecovery(ctx, o.Tenant, o.ID, hashes); err != nil {
		return nil, fmt.Errorf("new recovery codes: %w", err)
	}
	s.note(ctx, o, o.Name, audit.Record{Activity: "New recovery codes (administrator)", Event: int(event.FactorAdded)})
	return codes, nil
}
