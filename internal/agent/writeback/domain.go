package writeback

import (
	"context"
	"log/slog"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/protocol"
)

// Rules tells the password policies of domains. *activedirectory.Domains is one.
type Rules interface {
	Rules(ctx context.Context, domain string) (activedirectory.Rules, error)
}

// which answers Which.
func (w *Writeback) which(ctx context.Context, r *request) protocol.WhichAnswer {
	out := protocol.WhichAnswer{Version: protocol.Version, Request: r.header.Request.String()}
	if w.d.States == nil {
		out.Reason = protocol.ReasonNotFound
		return out
	}
	found, more, err := w.d.States.Which(ctx, r.which.Domain, r.which.Standing)
	if err != nil {
		out.Reason = w.unanswered(ctx, r, err)
		return out
	}
	out.More = more
	for _, guid := range found[:min(len(found), protocol.MaxWhich)] {
		out.People = append(out.People, guid.Hex())
	}
	return out
}

// unanswered is why a question about a domain has no answer. The record of it has the directory's words.
func (w *Writeback) unanswered(ctx context.Context, r *request, err error) protocol.Reason {
	reason := activedirectory.ReasonOf(err)
	w.log(ctx, slog.LevelWarn, failEvent(r.op, reason), r.op, r.header.Request, slog.String("reason", string(reason)), slog.Any("error", err))
	return reason
}

// rules answers Rules.
func (w *Writeback) rules(ctx context.Context, r *request) protocol.RulesAnswer {
	out := protocol.RulesAnswer{Version: protocol.Version, Request: r.header.Request.String()}
	if w.d.Rules == nil {
		out.Reason = protocol.ReasonNotFound
		return out
	}
	found, err := w.d.Rules.Rules(ctx, r.rules.Domain)
	if err != nil {
		out.Reason = w.unanswered(ctx, r, err)
		return out
	}
	out.DC, out.Withheld, out.More, out.Unseen = found.DC, found.Withheld, found.More, found.Unseen
	for _, p := range found.Policies {
		out.Policies = append(out.Policies, passwordRule(p))
	}
	return fitting(out)
}

func passwordRule(p activedirectory.Rule) protocol.PasswordRule {
	out := protocol.PasswordRule{
		Precedence: p.Precedence, AppliesTo: p.AppliesTo, Linked: p.Linked, MinLength: p.MinLength, Complexity: p.Complexity, History: p.History,
		MinAge: p.MinAge.Milliseconds(), MaxAge: p.MaxAge.Milliseconds(), Threshold: p.LockoutThreshold, Window: p.LockoutWindow.Milliseconds(),
		Lockout: p.LockoutDuration.Milliseconds(),
	}
	if p.Precedence > 0 {
		out.Name = p.Source
	}
	return out
}

// fitting leaves out as many policies, those with the least weight, as a message has no room for: names can be long.
func fitting(a protocol.RulesAnswer) protocol.RulesAnswer {
	for len(a.Policies) > 1 {
		if _, err := protocol.Encode(a); err == nil {
			break
		}
		a.Policies = a.Policies[:len(a.Policies)-1]
		a.More++
	}
	return a
}
