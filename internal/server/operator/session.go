package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/passwordhash"
)

func (s *Service) hash(ctx context.Context, password []byte) (string, error) {
	select {
	case s.gate <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.gate }()
	return passwordhash.New(password), nil
}

// open begins a session under a new token: one that a browser came with is never taken over.
func (s *Service) open(ctx context.Context, o Operator, v Visit, how How, proven time.Time) (cookie string, err error) {
	cookie, hash := token()
	now := s.Now()
	err = s.Store.CreateSession(ctx, Session{
		Hash: hash, ID: id(), Tenant: o.Tenant, Operator: o.ID, Created: now, Seen: now, Expires: now.Add(sessionLife),
		Address: v.Address, Browser: cut(v.Browser), How: how, Proven: proven,
	})
	if err != nil {
		return "", fmt.Errorf("open session: %w", err)
	}
	return cookie, nil
}

// cut keeps as much of a browser's own words as tells it from others.
func cut(browser string) string {
	const most = 200
	return strings.ToValidUTF8(browser[:min(len(browser), most)], "")
}

// Session returns whose session a cookie is. used: somebody does something, so it isn't idle; a page that refreshes
// itself is no use. ErrNoSession when it is over, was ended, or never was.
func (s *Service) Session(ctx context.Context, cookie string, used bool) (Operator, Session, error) {
	if cookie == "" {
		return Operator{}, Session{}, ErrNoSession
	}
	one, err := s.Store.SessionByHash(ctx, hashToken(cookie))
	if errors.Is(err, ErrNotFound) {
		return Operator{}, Session{}, ErrNoSession
	}
	if err != nil {
		return Operator{}, Session{}, fmt.Errorf("session: %w", err)
	}
	now := s.Now()
	if !now.Before(one.Expires) || now.Sub(one.Seen) >= idleLife {
		return Operator{}, Session{}, ErrNoSession
	}
	o, err := s.Store.OperatorByID(ctx, one.Tenant, one.Operator)
	if err != nil || !o.Ready() {
		return Operator{}, Session{}, errors.Join(ErrNoSession, err)
	}
	if used && now.Sub(one.Seen) >= touchEvery {
		if err := s.Store.TouchSession(ctx, one.Hash, now); err != nil && !errors.Is(err, ErrNotFound) {
			return Operator{}, Session{}, fmt.Errorf("session: %w", err)
		}
	}
	return o, one, nil
}

// List returns an operator's sessions that are not over.
func (s *Service) List(ctx context.Context, o Operator) ([]Session, error) {
	now := s.Now()
	return s.Store.SessionList(ctx, o.Tenant, o.ID, now.Add(-idleLife), now)
}

// End ends one of an operator's sessions.
func (s *Service) End(ctx context.Context, o Operator, sessionID string) error {
	if err := s.Store.EndSession(ctx, o.Tenant, o.ID, sessionID); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	s.note(ctx, o, o.Name, audit.Record{Activity: "Sign out (administrator)", Event: int(event.OperatorSignedOut)})
	return nil
}

// EndOthers ends every session of an operator but the one they use.
func (s *Service) EndOthers(ctx context.Context, o Operator, keep Session) error {
	if err := s.Store.EndSessions(ctx, o.Tenant, o.ID, keep.ID); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	s.note(ctx, o, o.Name, audit.Record{Activity: "Sign out (administrator)", Event: int(event.OperatorSignedOut), Detail: "every other session"})
	return nil
}
