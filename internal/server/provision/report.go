package provision

import (
	"context"
	"encoding/json"

	"homeward/internal/protocol"
)

// reportRoom is how many bytes the rows of a report may take. The rest of the message is counts and reasons.
const reportRoom = 40 << 10

// Report answers an agent that made a preview: one page of verdicts on a domain. The caller has made sure that the agent
// serves the domain. It always fits a message, and always gets on: a page has one row at least while there are any.
func (e *Engine) Report(ctx context.Context, tenantID string, ask protocol.PreviewAsk) protocol.PreviewReport {
	r := protocol.PreviewReport{Version: protocol.Version}
	limit := ask.Limit
	if limit <= 0 || limit > protocol.MaxPreviewRows {
		limit = protocol.MaxPreviewRows
	}
	list, counts, err := e.Previews(ctx, tenantID, ask.Domain, ask.After, limit+1)
	if err != nil {
		e.Log.ErrorContext(ctx, "sync: a preview can't be read", "tenant", tenantID, "domain", ask.Domain, "error", err)
		r.Reason, r.Message = protocol.ReasonInternal, "The server couldn't read the preview. Try again."
		return r
	}
	r.OK, r.Counts = true, make(map[string]int, len(counts))
	for verdict, n := range counts {
		r.Counts[string(verdict)] = n
	}
	room, last := reportRoom, ""
	for i, p := range list {
		row := protocol.PreviewRow{
			Verdict: string(p.Verdict), Name: clip(p.Name, maxName), UPN: clip(p.UPN, maxName), Address: clip(p.Address, maxName),
			Other: clip(p.OtherName, maxName), Reason: p.Reason,
		}
		text, err := json.Marshal(row)
		if room -= len(text) + 1; i == limit || err != nil || room < 0 && i > 0 {
			r.Next = last
			break
		}
		r.Rows, last = append(r.Rows, row), p.Object
	}
	r.Why = whyOf(r.Rows)
	return r
}

// whyOf explains the reasons of some rows.
func whyOf(rows []protocol.PreviewRow) map[protocol.Reason]string {
	why := map[protocol.Reason]string{}
	for _, row := range rows {
		if x, known := Explain(row.Reason); known {
			why[row.Reason] = x.Meaning + " " + x.Remedy
		}
	}
	return why
}
