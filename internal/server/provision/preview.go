package provision

import (
	"context"

	"homeward/internal/protocol"
)

// preview stores verdicts and nothing else.
func (w *work) preview(ctx context.Context, k Key, in []incoming, results []result) error {
	list := make([]Preview, len(results))
	for i := range results {
		r := &results[i]
		p := Preview{
			Key: k, Object: in[i].Object, Verdict: r.verdict, Reason: r.reason, Name: in[i].netbios + `\` + in[i].SAM, UPN: in[i].UPN,
			Address: in[i].match(), Display: in[i].DisplayName, Run: in[i].run,
		}
		other := r.other
		if other == nil && r.verdict != WouldUpdate {
			other = r.was
		}
		if other != nil {
			p.Other, p.OtherName = other.ID, other.Name()
		}
		if r.verdict == WouldUpdate && r.was != nil && r.was.Hash == in[i].hash {
			p.Verdict = WouldLeave
		}
		if p.Reason == protocol.ReasonNone && len(r.problems) > 0 {
			p.Reason = r.problems[0].Reason
		}
		list[i] = p
	}
	return w.tx.PutPreviews(ctx, list)
}
