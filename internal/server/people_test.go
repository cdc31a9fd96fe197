package server

import (
	"errors"
	"strings"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
)

// TestWhoCanReset: accounts that no agent can write for, and objects in conflict over a name, are as unknown names.
func TestWhoCanReset(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		e := b.engine()
		_, err := e.CreateAccount(t.Context(), "contoso", "op", provision.Account{UPN: "cloud@contoso.com", Mail: "amara@mail.example"})
		if err != nil {
			t.Fatal(err)
		}
		who := func(name string) error {
			t.Helper()
			_, err := b.AdminReset(t.Context(), b.tenant, "cli:root", name, []byte("Set-by-an-admin-1"))
			return err
		}
		if err := who("cloud@contoso.com"); !errors.Is(err, reset.ErrNoPerson) {
			t.Errorf("a cloud account: %v", err)
		}
		people := newPeople(b.store, b.clock)
		if found, err := people.FindPeople(t.Context(), "contoso", "amara@mail.example"); err != nil || len(found) != 1 || found[0].Cloud() {
			t.Errorf("the synced one of that address: %+v %v", found, err)
		}
		ask := protocol.SyncAsk{Version: 3, Agent: "UAGENT", Domain: "corp.contoso.test", NetBIOS: "CONTOSO", Scope: "s"}
		g := e.Lease(t.Context(), "contoso", provision.Agent{ID: "UAGENT"}, ask)
		amara := protocol.SyncPerson{Object: strings.Repeat("01", 16), Anchor: strings.Repeat("01", 16), UPN: "amara@contoso.com", SAM: "amara", Mail: "amara@mail.example"}
		twin := amara
		twin.Object, twin.Anchor, twin.SAM, twin.Mail = strings.Repeat("05", 16), strings.Repeat("05", 16), "twin", ""
		ack := e.Apply(t.Context(), "contoso", "UAGENT", protocol.SyncBatch{
			Version: 3, Domain: ask.Domain, NetBIOS: ask.NetBIOS, Epoch: g.Epoch, Seq: g.Seq, Run: g.Run, People: []protocol.SyncPerson{amara, twin}, Last: true,
			Cursor: []byte{1},
		})
		if !ack.OK {
			t.Fatalf("%+v", ack)
		}
		for name, want := range map[string]error{"amara@contoso.com": reset.ErrHeld, `CONTOSO\amara`: reset.ErrHeld, `CONTOSO\twin`: reset.ErrNoPerson} {
			if err := who(name); !errors.Is(err, want) {
				t.Errorf("%s can be reset: %v", name, err)
			}
		}
		_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: "amara@contoso.com", Kind: protocol.Reset, Address: "192.0.2.9", Locale: "en"})
		if err != nil || a.Person != "" || a.State != reset.Started {
			t.Errorf("the portal doesn't treat the contested name as one that nobody has: %+v %v", a, err)
		}
		if err := e.Decide(t.Context(), "contoso", "op", twin.Object, provision.ChooseThat); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"amara@contoso.com", `CONTOSO\twin`} {
			if found, err := people.FindPeople(t.Context(), "contoso", name); err != nil || len(found) != 1 {
				t.Errorf("%s after the decision: %+v %v", name, found, err)
			}
		}
	})
}
