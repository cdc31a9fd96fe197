package server

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/reset"
)

// moody is a fleet whose agents may refuse a command as it comes. Who refused last stands behind, as in package fleet.
type moody struct {
	*fleetStub
	agents  []string
	refuses map[string]protocol.Reason
	asked   []string
}

func (m *moody) Writers(context.Context, string, string) ([]reset.Writer, error) {
	var out []reset.Writer
	for _, id := range m.agents {
		out = append(out, reset.Writer{Agent: id, SealKey: m.key, Protocol: protocol.Version})
	}
	return out, nil
}

func (m *moody) Call(_ context.Context, _, agent string, _ protocol.Operation, _ []byte) (protocol.Accepted, error) {
	m.asked = append(m.asked, agent)
	reason, refused := m.refuses[agent]
	if refused {
		m.agents = append(slices.DeleteFunc(m.agents, func(id string) bool { return id == agent }), agent)
	}
	return protocol.Accepted{Version: protocol.Version, Agent: agent, Accepted: !refused, Reason: reason}, nil
}

// withAgents replaces the bench's fleet.
func (b *bench) withAgents(refuses map[string]protocol.Reason, agents ...string) *moody {
	m := &moody{fleetStub: b.fleet, agents: agents, refuses: refuses}
	b.deps.Fleet = m
	b.Service = reset.New(b.deps)
	b.t.Cleanup(b.Close)
	return m
}

// TestAnAgentThatRefusesIsPassedOver when another one could take the request: nothing has been carried out, so nobody
// is told that it failed.
func TestAnAgentThatRefusesIsPassedOver(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		for _, reason := range []protocol.Reason{
			protocol.ReasonAgentState, protocol.ReasonOverloaded, protocol.ReasonUnknownKey, protocol.ReasonBadSignature, protocol.ReasonExpired,
		} {
			m := b.withAgents(map[string]protocol.Reason{"UFULL": reason}, "UFULL", "UFREE")
			a := b.verified()
			ticket, err := b.Ticket(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			_, again, err := b.Submit(t.Context(), b.reload(a), ticket.Request, sealedBlank)
			if a = b.reload(a); err != nil || !again || a.State != reset.Verified || a.Tries != 0 || a.Request != "" {
				t.Fatalf("%s: again %v, %v; %s after %d tries", reason, again, err, a.State, a.Tries)
			}
			if a = b.submit(a); a.State != reset.Submitted || a.Agent != "UFREE" || len(m.asked) != 2 {
				t.Errorf("%s: %s by %s", reason, a.State, a.Agent)
			}
			refused := slices.ContainsFunc(b.records(t, a), func(r audit.Record) bool { return r.Reason == string(reason) && r.Actor == "UFULL" })
			if !refused {
				t.Errorf("%s: the refusal isn't recorded", reason)
			}
		}
	})
}

// TestARefusalEndsWhereNobodyElseCould: the reason is said, and nothing is repeated for ever.
func TestARefusalEndsWhereNobodyElseCould(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	full := map[string]protocol.Reason{"UONE": protocol.ReasonOverloaded, "UTWO": protocol.ReasonOverloaded}
	m := b.withAgents(full, "UONE")
	if a := b.submit(b.verified()); a.State != reset.Failed || a.Reason != protocol.ReasonOverloaded || len(m.asked) != 1 {
		t.Errorf("one agent: %s %s, asked %v", a.State, a.Reason, m.asked)
	}
	m = b.withAgents(full, "UONE", "UTWO")
	a, err := b.Unlock(t.Context(), b.verifiedFor(protocol.Unlock))
	if err != nil || a.State == reset.Verified {
		t.Fatalf("%s %v", a.State, err)
	}
	if a = b.reload(a); a.State != reset.Failed || a.Reason != protocol.ReasonOverloaded || len(m.asked) != 3 {
		t.Errorf("both full: %s %s, asked %v", a.State, a.Reason, m.asked)
	}
	m = b.withAgents(map[string]protocol.Reason{"UONE": protocol.ReasonReplayed}, "UONE", "UTWO")
	if a := b.submit(b.verified()); a.State != reset.Failed || len(m.asked) != 1 {
		t.Errorf("a request that is known already: %s, asked %v", a.State, m.asked)
	}
}

// TestAnAgentWithoutACommandKeyIsPassedOver: it obeys only a key that was erased while it was away.
func TestAnAgentWithoutACommandKeyIsPassedOver(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	key := b.deps.Command
	b.deps.Command = func(ctx context.Context, agent string) (ed25519.PrivateKey, error) {
		if agent == "UAWAY" {
			return nil, errors.New("its key is gone")
		}
		return key(ctx, agent)
	}
	b.withAgents(nil, "UAWAY", "UHERE")
	if _, err := b.Policy(t.Context(), b.verified()); err != nil {
		t.Errorf("policy: %v", err)
	}
	if a := b.submit(b.verified()); a.State != reset.Submitted || a.Agent != "UHERE" {
		t.Errorf("%s by %s", a.State, a.Agent)
	}
	b.withAgents(nil, "UAWAY")
	if _, err := b.Ticket(t.Context(), b.verified()); !errors.Is(err, reset.ErrNoAgent) {
		t.Errorf("nobody else: %v", err)
	}
}

// TestAnOutcomeNobodyKnowsClaimsNothing: an agent of another version may say what this server can't read.
func TestAnOutcomeNobodyKnowsClaimsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		a := b.submitted()
		if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(a, "postponed", "")); err != nil {
			t.Fatal(err)
		}
		if a = b.reload(a); a.State != reset.NotSure {
			t.Errorf("state %s", a.State)
		}
	})
}
