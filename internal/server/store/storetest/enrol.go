package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/enrol"
	"homeward/internal/server/store"
)

func enrolCode(tenant, name string) enrol.Code {
	return enrol.Code{Tenant: tenant, Hash: []byte("hash of " + name), Created: noon(), Expires: noon().Add(time.Hour)}
}

func agent(tenant, id string) enrol.Agent {
	return enrol.Agent{
		Tenant: tenant, ID: id, Machine: "SRV01", Domain: "corp.example", SealKey: []byte{0, 1, 0xff}, KeyID: "ab12",
		Build: "1.0.0", Protocol: 1, Status: enrol.Approved, Created: noon(), Seen: noon().Add(time.Second),
		DirectoryOK: true, Since: noon().Add(-time.Hour),
		Domains: []enrol.Domain{{Name: "corp.example", NetBIOS: "CORP", OK: true, DC: "dc1.corp.example", Since: noon().Add(-time.Hour)}},
	}
}

func enrolTests() []test {
	type agents = []enrol.Agent
	return []test{
		{"code is used once", func(t *testing.T, e *env) {
			c := enrolCode(TenantA, "c")
			ok(t, e.CreateCode(e.ctx, c))
			ok(t, e.CreateCode(e.ctx, enrolCode(TenantB, "other")))
			got := at[enrol.Code](t)(e.UseCode(e.ctx, c.Hash, "UAGENT", noon()))
			c.UsedBy = "UAGENT"
			if diff := cmp.Diff(c, got); diff != "" {
				t.Error(diff)
			}
			wantNoCode(t, e, c.Hash, noon())
		}},
		{"expired and unknown codes are alike", func(t *testing.T, e *env) {
			c := enrolCode(TenantA, "c")
			ok(t, e.CreateCode(e.ctx, c))
			wantNoCode(t, e, c.Hash, c.Expires)
			wantNoCode(t, e, []byte("unknown"), noon())
			wantNoCode(t, e, nil, noon())
			if _, err := e.UseCode(e.ctx, c.Hash, "", noon()); err == nil {
				t.Error("used by nobody")
			}
			at[enrol.Code](t)(e.UseCode(e.ctx, c.Hash, "UAGENT", noon()))
		}},
		{"code used from many sides at once", func(t *testing.T, e *env) {
			c := enrolCode(TenantA, "c")
			ok(t, e.CreateCode(e.ctx, c))
			var used, refused atomic.Int32
			race(20, func(i int) {
				switch _, err := e.UseCode(e.ctx, c.Hash, fmt.Sprintf("U%d", i), noon()); {
				case err == nil:
					used.Add(1)
				case errors.Is(err, store.ErrNotFound):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
			if used.Load() != 1 || refused.Load() != 19 {
				t.Errorf("used %d times, refused %d", used.Load(), refused.Load())
			}
		}},
		{"code of an unknown tenant", func(t *testing.T, e *env) {
			if err := e.CreateCode(e.ctx, enrolCode("nobody", "c")); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v", err)
			}
		}},
		{"agent comes back as saved", func(t *testing.T, e *env) {
			want := agent(TenantA, "U1")
			ok(t, e.SaveAgent(e.ctx, want))
			ok(t, e.SaveAgent(e.ctx, agent(TenantB, "U2")))
			if diff := cmp.Diff(want, at[enrol.Agent](t)(e.Agent(e.ctx, "U1"))); diff != "" {
				t.Error(diff)
			}
			want.Machine, want.KeyID, want.SealKey, want.Imported = "SRV02", "cd34", []byte{9}, noon()
			changed := want
			changed.Created = noon().Add(time.Hour) // is not taken over
			ok(t, e.SaveAgent(e.ctx, changed))
			if diff := cmp.Diff(agents{want}, at[agents](t)(e.Agents(e.ctx, TenantA))); diff != "" {
				t.Error(diff)
			}
		}},
		{"agent key stays with its tenant", func(t *testing.T, e *env) {
			ok(t, e.SaveAgent(e.ctx, agent(TenantA, "U1")))
			if err := e.SaveAgent(e.ctx, agent(TenantB, "U1")); !errors.Is(err, store.ErrConflict) {
				t.Errorf("taken over: %v", err)
			}
			if err := e.RevokeAgent(e.ctx, TenantB, "U1", noon()); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("revoked by another tenant: %v", err)
			}
			if got := at[agents](t)(e.Agents(e.ctx, TenantB)); len(got) != 0 {
				t.Error("seen by another tenant")
			}
		}},
		{"heartbeat", func(t *testing.T, e *env) {
			want := agent(TenantA, "U1")
			ok(t, e.SaveAgent(e.ctx, want))
			want.Seen, want.Since, want.DirectoryOK, want.Reason = noon().Add(time.Minute), noon(), false, "directory_down"
			want.Pending, want.CommandKey = 3, "0a1b"
			want.Domains[0].OK, want.Domains[0].Reason = false, protocol.ReasonDirectoryDown
			ok(t, e.TouchAgent(e.ctx, want))
			if diff := cmp.Diff(want, at[enrol.Agent](t)(e.Agent(e.ctx, "U1"))); diff != "" {
				t.Error(diff)
			}
			want.Build, want.Protocol, want.DirectoryOK, want.Reason = "1.1.0", 2, true, ""
			ok(t, e.DomainImported(e.ctx, "U1", "CORP.example", noon()))
			want.Domains = []enrol.Domain{{Name: "second.example", NetBIOS: "SECOND", DC: "dc9", Testable: true, SyncOff: true, WritebackOff: true}, want.Domains[0]}
			ok(t, e.TouchAgent(e.ctx, want))
			want.Domains[1].Imported = noon() // a heartbeat doesn't know of imports
			if diff := cmp.Diff(want, at[enrol.Agent](t)(e.Agent(e.ctx, "U1"))); diff != "" {
				t.Error(diff)
			}
		}},
		{"drained, resumed and revoked", func(t *testing.T, e *env) {
			want := agent(TenantA, "U1")
			ok(t, e.SaveAgent(e.ctx, want))
			ok(t, e.DrainAgent(e.ctx, TenantA, "U1", noon()))
			want.Draining = noon()
			wantAgent(t, e, want)
			ok(t, e.TouchAgent(e.ctx, want)) // a heartbeat leaves it
			wantAgent(t, e, want)
			ok(t, e.DrainAgent(e.ctx, TenantA, "U1", time.Time{}))
			if err := e.DrainAgent(e.ctx, TenantB, "U1", noon()); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("drained by another tenant: %v", err)
			}
			ok(t, e.RevokeAgent(e.ctx, TenantA, "U1", noon().Add(time.Second)))
			want.Draining, want.Status, want.RevokedAt = time.Time{}, enrol.Revoked, noon().Add(time.Second)
			wantAgent(t, e, want)
		}},
		{"sealing key rolls once", func(t *testing.T, e *env) {
			want := agent(TenantA, "U1")
			ok(t, e.SaveAgent(e.ctx, want))
			for range 2 { // an offer is repeated when its answer was lost
				ok(t, e.RollSealKey(e.ctx, "U1", []byte{7}, "ff00", noon()))
			}
			want.SealKey, want.OldKeyID, want.KeyID, want.KeySince = []byte{7}, want.KeyID, "ff00", noon()
			wantAgent(t, e, want)
		}},
		{"rival and move", func(t *testing.T, e *env) {
			want := agent(TenantA, "U1")
			ok(t, e.SaveAgent(e.ctx, want))
			want.Rival = enrol.Rival{Machine: protocol.Machine{Name: "SRV02", ID: "ab"}, Reason: protocol.ReasonAgentMoved, At: noon()}
			ok(t, e.RefuseRival(e.ctx, "U1", want.Rival))
			wantAgent(t, e, want)
			ok(t, e.MoveAgent(e.ctx, "U1", want.Rival.Machine))
			want.Machine, want.MachineID, want.Rival = "SRV02", "ab", enrol.Rival{}
			wantAgent(t, e, want)
		}},
		{"test writes", func(t *testing.T, e *env) {
			first := enrol.Test{Tenant: TenantA, Domain: "corp.example", Agent: "U1", At: noon(), Result: protocol.TestResult{Version: 2, Domain: "corp.example", Outcome: protocol.Changed}}
			late := first
			late.At, late.Result.Outcome = noon().Add(time.Hour), protocol.Failed
			if !at[bool](t)(e.SaveTest(e.ctx, late)) {
				t.Error("not stored")
			}
			if at[bool](t)(e.SaveTest(e.ctx, first)) {
				t.Error("an older result replaced a newer one")
			}
			if diff := cmp.Diff([]enrol.Test{late}, at[[]enrol.Test](t)(e.Tests(e.ctx, TenantA))); diff != "" {
				t.Error(diff)
			}
			if got := at[[]enrol.Test](t)(e.Tests(e.ctx, TenantB)); len(got) != 0 {
				t.Error("seen by another tenant")
			}
		}},
		{"import wanted and done", func(t *testing.T, e *env) {
			for _, id := range []string{"U1", "U2"} {
				ok(t, e.SaveAgent(e.ctx, agent(TenantA, id)))
			}
			ok(t, e.SaveAgent(e.ctx, agent(TenantB, "U3")))
			ok(t, e.RevokeAgent(e.ctx, TenantA, "U2", noon()))
			ok(t, e.WantImport(e.ctx, TenantA))
			for id, want := range map[string]bool{"U1": true, "U2": false, "U3": false} {
				if got := at[enrol.Agent](t)(e.Agent(e.ctx, id)); got.ImportWanted != want {
					t.Errorf("%s: import wanted %v", id, got.ImportWanted)
				}
			}
			ok(t, e.ImportDone(e.ctx, "U1", noon()))
			if got := at[enrol.Agent](t)(e.Agent(e.ctx, "U1")); got.ImportWanted || !got.Imported.Equal(noon()) {
				t.Errorf("after the import: %+v", got)
			}
		}},
		{"unknown agent", func(t *testing.T, e *env) {
			_, read := e.Agent(e.ctx, "U9")
			touched := e.TouchAgent(e.ctx, enrol.Agent{ID: "U9"})
			for _, err := range []error{
				read, touched, e.ImportDone(e.ctx, "U9", noon()), e.RevokeAgent(e.ctx, TenantA, "U9", noon()), e.DrainAgent(e.ctx, TenantA, "U9", noon()),
				e.RollSealKey(e.ctx, "U9", nil, "k", noon()), e.MoveAgent(e.ctx, "U9", protocol.Machine{}), e.RefuseRival(e.ctx, "U9", enrol.Rival{}),
				e.DomainImported(e.ctx, "U9", "corp.example", noon()),
			} {
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("got %v, want ErrNotFound", err)
				}
			}
		}},
	}
}

func wantAgent(t *testing.T, e *env, want enrol.Agent) {
	t.Helper()
	if diff := cmp.Diff(want, at[enrol.Agent](t)(e.Agent(e.ctx, want.ID))); diff != "" {
		t.Error(diff)
	}
}

func wantNoCode(t *testing.T, e *env, hash []byte, now time.Time) {
	t.Helper()
	if _, err := e.UseCode(e.ctx, hash, "UOTHER", now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}
