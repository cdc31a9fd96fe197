package server

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/operator"
)

// TestWhoIsAskedForACheckup: an agent that is too old, away, cut off or another tenant's isn't asked, nothing is recorded then,
// and no request of people is kept from it for that.
func TestWhoIsAskedForACheckup(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	y := newYard(t, b)
	c := fleet.NewCheckups(y.Fleet, func(context.Context, string) (ed25519.PrivateKey, error) {
		_, key, err := ed25519.GenerateKey(nil)
		return key, err
	})
	y.enrolled(t, "OLD")
	y.enrolled(t, "AWAY", func(a *enrol.Agent) { a.Protocol = protocol.Version })
	delete(y.door.online, "AWAY")
	y.enrolled(t, "GONE", func(a *enrol.Agent) { a.Protocol, a.Status = protocol.Version, enrol.Revoked })
	y.enrolled(t, "MUTE", func(a *enrol.Agent) { a.Protocol = protocol.Version }) // the relay of this test has no lines
	for id, want := range map[string]error{"OLD": fleet.ErrTooOld, "AWAY": fleet.ErrAway, "GONE": fleet.ErrState, "MUTE": fleet.ErrAway, "NOBODY": fleet.ErrNoAgent} {
		if err := c.Begin(t.Context(), "contoso", id, "karin"); !errors.Is(err, want) {
			t.Errorf("checkup of %s: %v, want %v", id, err, want)
		}
		if _, err := c.Roll(t.Context(), "contoso", id, "karin"); !errors.Is(err, want) {
			t.Errorf("key of %s: %v, want %v", id, err, want)
		}
		if k := c.Of(id); k.Going || !k.Heard.IsZero() || k.Ended != 0 {
			t.Errorf("%s: %+v", id, k)
		}
	}
	if len(y.records) != 0 {
		t.Errorf("recorded: %+v", y.records)
	}
}

// TestAgentPageSaysWhyNot: the page of an agent that is too old says so before and after it is asked, and what to do.
func TestAgentPageSaysWhyNot(t *testing.T) {
	b := newAdminBench(t)
	b.operator("contoso", "karin@contoso.com", operator.GlobalAdministrator)
	page := "/admin/agents/" + benchAgent
	w := b.ask("karin@contoso.com", http.MethodGet, page, nil)
	if text := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(text, `id="too-old"`) || strings.Contains(text, `id="run-checks"`) {
		t.Errorf("%d: %.3000s", w.Code, text)
	}
	for _, what := range []string{"/check", "/rotate-key"} {
		w := b.ask("karin@contoso.com", http.MethodPost, page+what, nil)
		if text := w.Body.String(); w.Code != http.StatusUnprocessableEntity || !strings.Contains(text, "which is too old to be asked. Install the present version there") {
			t.Errorf("%s: %d: %.2000s", what, w.Code, text)
		}
	}
}
