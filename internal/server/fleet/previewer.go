package fleet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/reset"
)

const (
	previewAccept = 8 * time.Second
	previewLife   = time.Minute
)

// Why no preview was begun.
var (
	ErrNoPreviewer  = errors.New("no agent that works now and syncs this domain can make a preview")
	ErrPreviewGoing = errors.New("a preview of this domain is being made")
)

// PreviewRefused is an agent's refusal.
type PreviewRefused struct{ Reason protocol.Reason }

// Error implements error.
func (e *PreviewRefused) Error() string {
	return "the agent doesn't make a preview: " + string(e.Reason)
}

// Staging is what is known of a domain's previews.
type Staging struct {
	Going bool   // one is being made
	Asked bool   // an agent stages all the time, and was asked to read everybody again
	Agent string // that brings the domain in; empty: none does
}

// Previewer asks agents to read a domain for a preview of its sync. It changes nothing there or here, so that an operator can
// look at any time what a changed rule of matching would do.
type Previewer struct {
	Fleet   *Fleet
	Command func(ctx context.Context, agent string) (ed25519.PrivateKey, error)
	// Want asks an agent that stages a domain all the time to read it again, and tells how previews of it stand.
	Want func(ctx context.Context, tenantID, domain string) (Staging, error)
}

// Ask has a preview made and returns once it has begun. operator is who wants it, for the audit log.
func (p *Previewer) Ask(ctx context.Context, tenantID, operator, domain string) error {
	agents, err := p.Fleet.Store.Agents(ctx, tenantID)
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	if !slices.ContainsFunc(agents, func(a enrol.Agent) bool { _, ok := a.Serves(domain); return ok && a.Status == enrol.Approved }) {
		return fmt.Errorf("preview of %s: %w", domain, ErrNoPreviewer) // not a domain of this tenant
	}
	now, err := p.Want(ctx, tenantID, domain)
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	if now.Going {
		return fmt.Errorf("preview of %s: %w", domain, ErrPreviewGoing)
	}
	if !now.Asked {
		if err := p.begin(ctx, tenantID, domain, agents, now.Agent); err != nil {
			return err
		}
	}
	p.Fleet.Record(ctx, tenantID, audit.Record{Activity: "Preview sync", Hop: "operator", Result: "ok", Actor: operator, Detail: domain})
	return nil
}

// begin asks the agents in turn, whoever brings the domain in first.
func (p *Previewer) begin(ctx context.Context, tenantID, domain string, agents []enrol.Agent, holder string) error {
	one, err := p.Fleet.Tenants(ctx, tenantID)
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	agents = p.Fleet.order(p.Fleet.able(one, agents, domain), domain)
	slices.SortStableFunc(agents, func(a, b enrol.Agent) int {
		switch {
		case a.ID == holder && b.ID != holder:
			return -1
		case b.ID == holder && a.ID != holder:
			return 1
		}
		return 0
	})
	last := fmt.Errorf("preview of %s: %w", domain, ErrNoPreviewer)
	for _, a := range agents {
		d, _ := a.Serves(domain)
		if d.SyncOff || a.Protocol < protocol.Preview.Since() {
			continue
		}
		r, err := p.ask(ctx, a, d.Name)
		switch {
		case err == nil && r.Begun:
			return nil
		case err == nil && r.Reason == protocol.ReasonOverloaded:
			return fmt.Errorf("preview of %s: %w", domain, ErrPreviewGoing)
		case err == nil:
			last = fmt.Errorf("preview of %s through %s: %w", domain, a.Machine, &PreviewRefused{r.Reason})
		case errors.Is(err, reset.ErrNoAgent): // it never arrived: another one can
		default:
			return fmt.Errorf("preview of %s through %s: %w", domain, a.Machine, err) // it may have begun
		}
	}
	return last
}

func (p *Previewer) ask(ctx context.Context, a enrol.Agent, domain string) (protocol.PreviewBegun, error) {
	var r protocol.PreviewBegun
	envelope, err := p.Fleet.question(ctx, a, protocol.Preview, p.Command, previewAccept, previewLife, protocol.PreviewRequest{Version: protocol.Version, Domain: domain})
	if err != nil {
		return r, err
	}
	return r, p.Fleet.Ask(ctx, a.Tenant, a.ID, protocol.Preview, envelope, &r)
}

// question seals an operation that names no person: its body travels in the place of a secret, and the command key signs it.
func (f *Fleet) question(ctx context.Context, a enrol.Agent, op protocol.Operation, key func(context.Context, string) (ed25519.PrivateKey, error),
	accept, life time.Duration, body any,
) ([]byte, error) {
	var id seal.RequestID
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	now := f.Now()
	h := seal.Header{Tenant: a.Tenant, Operation: string(op), Request: id, Issued: now, AcceptBy: now.Add(accept), Expires: now.Add(life)}
	header, err := h.Marshal()
	if err != nil {
		return nil, fmt.Errorf("request header: %w", err)
	}
	text, err := protocol.Encode(body)
	if err != nil {
		return nil, err
	}
	signer, err := key(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	e, err := seal.Sign(signer, header, text)
	if err != nil {
		return nil, fmt.Errorf("sign command: %w", err)
	}
	return e.Marshal(), nil
}
