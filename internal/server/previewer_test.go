package server

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
)

// TestHelloSaysWhatIsOff: what an agent's configuration turns off is known as soon as it says so, and such an agent is the
// last one to be given a password.
func TestHelloSaysWhatIsOff(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		y.enrolled(t, "U1")
		y.enrolled(t, "U2")
		off := domain("a.test", true)
		off.SyncOff, off.WritebackOff = true, true
		y.hello(t, "U1", off)
		y.hello(t, "U2", domain("a.test", true))
		a, err := b.store.Agent(t.Context(), "U1")
		if err != nil || !a.Domains[0].SyncOff || !a.Domains[0].WritebackOff {
			t.Fatalf("%v: %+v", err, a.Domains)
		}
		for range 10 {
			if got := y.writers(t, "a.test"); len(got) != 2 || got[0] != "U2" {
				t.Fatalf("writers %v", got)
			}
		}
		for _, name := range []string{"a.test", ""} {
			list, err := y.Writers(t.Context(), "contoso", name)
			if err != nil || len(list) != 2 {
				t.Fatalf("%v, %v", list, err)
			}
			for _, w := range list {
				if w.Off != (w.Agent == "U1") {
					t.Errorf("domain %q: %s is off: %v", name, w.Agent, w.Off)
				}
			}
		}
		y.hello(t, "U1", domain("a.test", true))
		if a, err = b.store.Agent(t.Context(), "U1"); err != nil || a.Domains[0].SyncOff || a.Domains[0].WritebackOff {
			t.Errorf("turned on again: %v, %+v", err, a.Domains)
		}
	})
}

// TestPreviewerAsksWhoCan: nobody is asked for another tenant's domain, or whose configuration doesn't sync it, or that is too
// old to know the question. test/e2e asks a real agent.
func TestPreviewerAsksWhoCan(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		y := newYard(t, b)
		y.enrolled(t, "U1")
		y.enrolled(t, "U2", func(a *enrol.Agent) { a.Protocol = protocol.Version })
		off := domain("a.test", true)
		off.SyncOff = true
		y.hello(t, "U1", domain("a.test", true)) // of version 2
		y.hello(t, "U2", off)
		var now fleet.Staging
		asked := 0
		p := &fleet.Previewer{
			Fleet: y.Fleet,
			Command: func(context.Context, string) (ed25519.PrivateKey, error) {
				asked++
				return nil, errors.New("nobody should be asked")
			},
			Want: func(context.Context, string, string) (fleet.Staging, error) { return now, nil },
		}
		for _, d := range []string{"a.test", "b.test", ""} {
			if err := p.Ask(t.Context(), "contoso", "karin", d); !errors.Is(err, fleet.ErrNoPreviewer) || asked > 0 {
				t.Errorf("%q: %v, asked %d", d, err, asked)
			}
		}
		now = fleet.Staging{Going: true}
		if err := p.Ask(t.Context(), "contoso", "karin", "a.test"); !errors.Is(err, fleet.ErrPreviewGoing) {
			t.Errorf("while one is made: %v", err)
		}
		before := len(y.records)
		now = fleet.Staging{Asked: true}
		if err := p.Ask(t.Context(), "contoso", "karin", "a.test"); err != nil || asked > 0 {
			t.Errorf("of an agent that stages: %v", err)
		}
		if len(y.records) != before+1 || y.records[before].Activity != "Preview sync" || y.records[before].Actor != "karin" || y.records[before].Detail != "a.test" {
			t.Errorf("records %+v", y.records[before:])
		}
	})
}
