package writeback

import (
	"context"
	"log/slog"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/protocol"
)

// Expiries tells when people's passwords expire, as the directory computes it. *activedirectory.Domains is one.
type Expiries interface {
	Expiries(ctx context.Context, domain string, people []directory.GUID) (map[directory.GUID]time.Time, error)
}

// States tells how people's accounts stand, as the directory computes it. *activedirectory.Domains is one.
type States interface {
	States(ctx context.Context, domain string, people []directory.GUID) (map[directory.GUID]activedirectory.AccountState, error)
	// Which finds those that stand in a certain way; more: perhaps there are more of them.
	Which(ctx context.Context, domain string, standing protocol.Standing) (found []directory.GUID, more bool, err error)
}

// BannedWords keeps the tenant's list and judges passwords by it.
type BannedWords interface {
	// Take keeps a part of a list and returns the digest of the list that is in use afterwards.
	Take(part protocol.BannedPart) (digest string, err error)
	// Bans reports whether a password may not be used.
	Bans(password []byte) bool
}

// expiries answers Expiry.
func (w *Writeback) expiries(ctx context.Context, r *request) protocol.ExpiryAnswer {
	out := protocol.ExpiryAnswer{Version: protocol.Version, Request: r.header.Request.String()}
	if w.d.Expiries == nil {
		out.Reason = protocol.ReasonNotFound
		return out
	}
	found, err := w.d.Expiries.Expiries(ctx, r.expiry.Domain, r.people)
	if err != nil {
		out.Reason = w.unanswered(ctx, r, err)
		return out
	}
	for _, guid := range r.people {
		if at, ok := found[guid]; ok {
			out.People = append(out.People, protocol.Expires{Object: guid.Hex(), At: protocol.MilliOf(at)})
		}
	}
	return out
}

// states answers States.
func (w *Writeback) states(ctx context.Context, r *request) protocol.StatesAnswer {
	out := protocol.StatesAnswer{Version: protocol.Version, Request: r.header.Request.String()}
	if w.d.States == nil {
		out.Reason = protocol.ReasonNotFound
		return out
	}
	found, err := w.d.States.States(ctx, r.states.Domain, r.people)
	if err != nil {
		out.Reason = w.unanswered(ctx, r, err)
		return out
	}
	for _, guid := range r.people {
		s, ok := found[guid]
		if !ok {
			continue
		}
		out.People = append(out.People, protocol.AccountState{
			Object: guid.Hex(), Disabled: s.Disabled, Locked: s.Locked, LockedSince: protocol.MilliOf(s.Since), EndsAt: protocol.MilliOf(s.Expires),
			MustChange: s.MustChange, Expired: s.Elapsed, ExpiresAt: protocol.MilliOf(s.PasswordExpires),
		})
	}
	return out
}

// takeBanned answers Banned.
func (w *Writeback) takeBanned(ctx context.Context, r *request) protocol.BannedAnswer {
	out := protocol.BannedAnswer{Version: protocol.Version, Request: r.header.Request.String()}
	if w.d.Banned == nil {
		out.Reason = protocol.ReasonNotFound
		return out
	}
	var err error
	if out.Digest, err = w.d.Banned.Take(r.banned); err != nil {
		out.Reason = protocol.ReasonAgentState
		w.log(ctx, slog.LevelError, event.StateError, r.op, r.header.Request, slog.Any("error", err))
	}
	return out
}

// judged refuses a new password that the list bans. The new one is the last secret.
func (w *Writeback) judged(secrets [][]byte) error {
	if w.d.Banned == nil || len(secrets) == 0 || !w.d.Banned.Bans(secrets[len(secrets)-1]) {
		return nil
	}
	return &activedirectory.Error{Reason: protocol.ReasonBanned}
}
