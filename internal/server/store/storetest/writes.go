package storetest

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/report"
	"homeward/internal/server/reset"
)

func writeTests() []test {
	return []test{{"what each agent has written", func(t *testing.T, e *env) {
		n := 0
		put := func(tenant, agent string, kind protocol.Operation, state reset.State, hours int) {
			n++
			a := attempt(tenant, strconv.Itoa(n))
			a.Kind, a.State, a.Agent, a.Created = kind, state, agent, noon().Add(time.Duration(hours)*time.Hour)
			ok(t, e.CreateAttempt(e.ctx, a))
		}
		put(TenantA, "U1", protocol.Reset, reset.Changed, 1)
		put(TenantA, "U1", protocol.Reset, reset.Changed, 0)
		put(TenantA, "U1", protocol.Unlock, reset.Changed, 2)
		put(TenantA, "U2", protocol.Change, reset.Changed, 2)
		put(TenantA, "U2", protocol.Change, reset.Refused, 2)
		put(TenantA, "", protocol.Change, reset.Changed, 2)
		put(TenantA, "U1", protocol.Reset, reset.Changed, -1)
		put(TenantB, "U1", protocol.Reset, reset.Changed, 1)
		want := []report.Written{{Agent: "U1", Operation: protocol.Reset, N: 2}, {Agent: "U1", Operation: protocol.Unlock, N: 1}, {Agent: "U2", Operation: protocol.Change, N: 1}}
		if diff := cmp.Diff(want, at[[]report.Written](t)(e.CountWrites(e.ctx, TenantA, noon()))); diff != "" {
			t.Error(diff)
		}
	}}}
}
