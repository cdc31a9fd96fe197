package writeback

import (
	"context"
	"log/slog"

	"homeward/internal/protocol"
)

// What is asked about the agent itself, and about no person.

// checkup answers Checkup.
func (w *Writeback) checkup(r *request) protocol.CheckupAnswer {
	if w.d.Checkup == nil {
		return w.checkedUp(r, protocol.CheckupAnswer{Reason: protocol.ReasonNotFound})
	}
	return w.checkedUp(r, w.d.Checkup(r.checkup))
}

// checkedUp fills in what every answer to a Checkup says.
func (w *Writeback) checkedUp(r *request, a protocol.CheckupAnswer) protocol.CheckupAnswer {
	a.Version, a.Request, a.Agent = protocol.Version, r.header.Request.String(), w.d.Agent
	return a
}

// roll answers Roll.
func (w *Writeback) roll(ctx context.Context, r *request) protocol.RollAnswer {
	if w.d.Roll == nil {
		return w.rolled(r, "", protocol.ReasonNotFound)
	}
	id, reason := w.d.Roll(ctx)
	if reason != protocol.ReasonNone {
		w.log(ctx, slog.LevelWarn, failEvent(r.op, reason), r.op, r.header.Request, slog.String("reason", string(reason)))
	}
	return w.rolled(r, id, reason)
}

func (w *Writeback) rolled(r *request, id string, reason protocol.Reason) protocol.RollAnswer {
	return protocol.RollAnswer{Version: protocol.Version, Request: r.header.Request.String(), Agent: w.d.Agent, Reason: reason, KeyID: id}
}
