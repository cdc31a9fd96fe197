package fleet

import (
	"context"
	"strings"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
)

// Tested takes how a test write ended, from the answer or from a heartbeat; the second time it changes nothing. A
// minimum age that refused it is no fault: the whole path worked.
func (f *Fleet) Tested(ctx context.Context, a enrol.Agent, r protocol.TestResult) error {
	d, own := a.Serves(r.Domain)
	if !own {
		return nil
	}
	r.Domain = d.Name
	at := r.At.Time()
	if now := f.Now(); at.After(now) || at.IsZero() {
		at = now
	}
	fresh, err := f.Store.SaveTest(ctx, enrol.Test{Tenant: a.Tenant, Domain: r.Domain, Agent: a.ID, At: at, Result: r})
	if err != nil || !fresh {
		return err
	}
	code := event.TestFailed
	if Passed(r) {
		code = event.TestWritten
	}
	f.Record(ctx, a.Tenant, audit.Record{
		Activity: "Test write", Hop: "agent", Event: int(code), Result: string(r.Outcome), Reason: string(r.Reason),
		Actor: a.ID, Target: r.Domain, Detail: clip(strings.ToValidUTF8(r.Detail, "?")), Micros: r.Micros,
	})
	return nil
}

// Passed reports whether a test write proved that the domain can be written.
func Passed(r protocol.TestResult) bool {
	return r.Outcome == protocol.Changed || r.Outcome == protocol.Refused && r.Reason == protocol.ReasonTooYoung
}
