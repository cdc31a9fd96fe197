package fleet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"homeward/internal/banned"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/enrol"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
)

const (
	// bannedLook is how often each agent is asked which list of banned words it has; a change is told at once.
	bannedLook = 20 * time.Second
	// bannedAtOnce is how many agents are told beside each other: one that hangs holds up its own line only.
	bannedAtOnce = 16
	askAccept    = 8 * time.Second
	askLife      = 20 * time.Second
)

// Envoy asks and tells agents what isn't about one person.
type Envoy struct {
	Fleet   *Fleet
	Command func(ctx context.Context, agent string) (ed25519.PrivateKey, error)
	// Changed says that a tenant's list of banned words isn't what it was; nil: agents hear of it at the next look.
	Changed <-chan struct{}
}

// ask sends a signed question that names no person.
func (e *Envoy) ask(ctx context.Context, a enrol.Agent, op protocol.Operation, body, answer any) error {
	var id seal.RequestID
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	now := e.Fleet.Now()
	h := seal.Header{Tenant: a.Tenant, Operation: string(op), Request: id, Issued: now, AcceptBy: now.Add(askAccept), Expires: now.Add(askLife)}
	header, err := h.Marshal()
	if err != nil {
		return fmt.Errorf("request header: %w", err)
	}
	raw, err := protocol.Encode(body)
	if err != nil {
		return err
	}
	key, err := e.Command(ctx, a.ID)
	if err != nil {
		return err
	}
	envelope, err := seal.Sign(key, header, raw)
	if err != nil {
		return fmt.Errorf("sign command: %w", err)
	}
	return e.Fleet.Ask(ctx, a.Tenant, a.ID, op, envelope.Marshal(), answer)
}

// Expiries asks an agent of a domain when the passwords of up to protocol.MaxExpiry people expire. Who isn't in the answer needs
// no reminder. It returns reset.ErrNoAgent when nobody could answer.
func (e *Envoy) Expiries(ctx context.Context, tenantID, domain string, objects []string) (map[string]time.Time, error) {
	body := protocol.ExpiryRequest{Version: protocol.Version, Domain: domain, People: objects}
	r, err := askDomain(ctx, e, tenantID, domain, protocol.Expiry, body, func(r protocol.ExpiryAnswer) protocol.Reason { return r.Reason })
	if err != nil {
		return nil, err
	}
	found := make(map[string]time.Time, len(r.People))
	for _, p := range r.People {
		found[p.Object] = p.At.Time()
	}
	return found, nil
}

// States asks an agent of a domain how the accounts of up to protocol.MaxStates people stand at this moment. Who isn't in the
// answer can't be told. It returns reset.ErrNoAgent when nobody could answer.
func (e *Envoy) States(ctx context.Context, tenantID, domain string, objects []string) (map[string]protocol.AccountState, error) {
	body := protocol.StatesRequest{Version: protocol.Version, Domain: domain, People: objects}
	r, err := askDomain(ctx, e, tenantID, domain, protocol.States, body, func(r protocol.StatesAnswer) protocol.Reason { return r.Reason })
	if err != nil {
		return nil, err
	}
	found := make(map[string]protocol.AccountState, len(r.People))
	for _, p := range r.People {
		found[p.Object] = p
	}
	return found, nil
}

// Which asks an agent of a domain whose accounts stand in a certain way at this moment: objectGUIDs of up to protocol.MaxWhich people.
// more: there are more, or there may be. It returns reset.ErrNoAgent when nobody could answer.
func (e *Envoy) Which(ctx context.Context, tenantID, domain string, standing protocol.Standing) (objects []string, more bool, err error) {
	body := protocol.WhichRequest{Version: protocol.Version, Domain: domain, Standing: standing}
	r, err := askDomain(ctx, e, tenantID, domain, protocol.Which, body, func(r protocol.WhichAnswer) protocol.Reason { return r.Reason })
	return r.People, r.More, err
}

// Rules asks an agent of a domain for its password policies. It returns reset.ErrNoAgent when nobody could answer.
func (e *Envoy) Rules(ctx context.Context, tenantID, domain string) (protocol.RulesAnswer, error) {
	body := protocol.RulesRequest{Version: protocol.Version, Domain: domain}
	return askDomain(ctx, e, tenantID, domain, protocol.Rules, body, func(r protocol.RulesAnswer) protocol.Reason { return r.Reason })
}

// askDomain asks the agents of a domain, the best first, until one answers without a reason why it can't.
func askDomain[A any](ctx context.Context, e *Envoy, tenantID, domain string, op protocol.Operation, body any, reason func(A) protocol.Reason) (A, error) {
	var none A
	t, err := e.Fleet.Tenants(ctx, tenantID)
	if err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	agents, err := e.Fleet.Store.Agents(ctx, tenantID)
	if err != nil {
		return none, fmt.Errorf("%s: %w", op, err)
	}
	last := reset.ErrNoAgent
	for _, a := range e.Fleet.order(e.Fleet.able(t, agents, domain), domain) {
		if a.Protocol < op.Since() {
			continue
		}
		var r A
		err := e.ask(ctx, a, op, body, &r)
		if err == nil && reason(r) == protocol.ReasonNone {
			return r, nil
		}
		if err == nil {
			err = fmt.Errorf("%s: %w", reason(r), reset.ErrNoAgent)
		}
		last = err
	}
	return none, fmt.Errorf("%s of %s: %w", op, domain, last)
}

// Run keeps every agent's list of banned words the tenant's, until ctx ends.
func (e *Envoy) Run(ctx context.Context, tenants func(ctx context.Context) ([]tenant.Tenant, error)) error {
	tick := time.NewTicker(bannedLook)
	defer tick.Stop()
	for {
		all, err := tenants(ctx)
		if err != nil && ctx.Err() == nil {
			e.Fleet.Log.Error("tenants can't be read", "error", err)
		}
		for _, t := range all {
			e.tell(ctx, t)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.Changed:
		case <-tick.C:
		}
	}
}

// tell gives a tenant's list to those agents that don't have it.
func (e *Envoy) tell(ctx context.Context, t tenant.Tenant) {
	list, err := banned.New(t.Settings.BannedWords)
	if err != nil {
		e.Fleet.Log.Error("list of banned words can't be used", "tenant", t.ID, "error", err)
		return
	}
	agents, err := e.Fleet.Store.Agents(ctx, t.ID)
	if err != nil {
		e.Fleet.Log.Error("agents can't be read", "tenant", t.ID, "error", err)
		return
	}
	var lines sync.WaitGroup
	free := make(chan struct{}, bannedAtOnce)
	for _, a := range agents {
		if a.Protocol < protocol.Banned.Since() || a.Status != enrol.Approved || !e.Fleet.Relay.Online(t.Account, a.ID) {
			continue
		}
		free <- struct{}{}
		lines.Go(func() {
			defer func() { <-free }()
			if err := e.TellBanned(ctx, a, list); err != nil && ctx.Err() == nil {
				e.Fleet.Log.Warn("an agent didn't take the list of banned words; it is tried again", "agent", a.ID, "error", err)
			}
		})
	}
	lines.Wait()
}

// TellBanned gives one agent a list, unless it has it already.
func (e *Envoy) TellBanned(ctx context.Context, a enrol.Agent, list banned.List) error {
	var r protocol.BannedAnswer
	if err := e.ask(ctx, a, protocol.Banned, protocol.BannedPart{Version: protocol.Version, Digest: list.Digest()}, &r); err != nil {
		return err
	}
	if r.Reason == protocol.ReasonNone && r.Digest == list.Digest() {
		return nil
	}
	for _, part := range bannedParts(list) {
		r = protocol.BannedAnswer{}
		if err := e.ask(ctx, a, protocol.Banned, part, &r); err != nil {
			return err
		}
		if r.Reason != protocol.ReasonNone {
			return fmt.Errorf("part %d of %d: %s", part.Part+1, part.Parts, r.Reason)
		}
	}
	if r.Digest != list.Digest() {
		return fmt.Errorf("it says that it has the list %.8s, not %.8s", r.Digest, list.Digest())
	}
	return nil
}

// bannedParts cuts a list into what fits an envelope. An empty list is one part.
func bannedParts(list banned.List) []protocol.BannedPart {
	parts := []protocol.BannedPart{{}}
	size := 0
	for _, w := range list.Words() {
		quoted, err := json.Marshal(w)
		if err != nil {
			continue // a text always has a form in JSON
		}
		if size += len(quoted) + 1; size > protocol.MaxBannedPart {
			parts, size = append(parts, protocol.BannedPart{}), len(quoted)+1
		}
		last := &parts[len(parts)-1]
		last.Words = append(last.Words, w)
	}
	for i := range parts {
		parts[i].Version, parts[i].Digest, parts[i].Part, parts[i].Parts = protocol.Version, list.Digest(), i, len(parts)
	}
	return parts
}
