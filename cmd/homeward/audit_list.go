package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/server/audit"
	"homeward/internal/server/export"
	"homeward/internal/server/store"
)

type auditList struct {
	ofTenant
	asJSON

	Who      string    `arg:"" optional:"" help:"A person, an agent's machine, an administrator, or a support code."`
	From     time.Time `help:"First moment, such as 2026-03-01T00:00:00Z." placeholder:"TIME"`
	To       time.Time `help:"Moment before which it ends." placeholder:"TIME"`
	Activity string    `help:"What was done, such as \"Reset password (self-service)\"." placeholder:"NAME"`
	Result   string    `help:"ok, changed, refused, failed, unknown, or look: those somebody should look at." enum:"ok,changed,refused,failed,unknown,look," default:""`
	Agent    string    `help:"What went through this agent: its machine's name or id." placeholder:"AGENT"`
	Before   int64     `help:"Only rows with a smaller number: to go on where an earlier list ended." placeholder:"SEQ"`
	Limit    int       `help:"How many: 1 to 1000." default:"50"`
}

// mostListed bounds a list.
const mostListed = 1000

// Answer implements cli.Answering.
func (auditList) Answer() any { return []export.Row(nil) }

// Run implements the verb.
func (v *auditList) Run(ctx context.Context, s command.Streams) error {
	if v.Limit < 1 || v.Limit > mostListed {
		return cli.Wrong(fmt.Errorf("--limit %d: use 1 to %d; homeward audit export writes all of it", v.Limit, mostListed))
	}
	if !v.To.IsZero() && !v.From.Before(v.To) {
		return cli.Wrong(errors.New("--from must be before --to"))
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		q, err := v.query(ctx, st, id)
		if err != nil {
			return err
		}
		records, err := st.SearchAudit(ctx, id, q)
		if err != nil {
			return err
		}
		rows, err := rowsOf(ctx, st, id, records)
		if err != nil {
			return err
		}
		t := v.table("Nothing is found.", "TIME", "SEQ", "ACTIVITY", "WHO", "BY", "RESULT", "REASON", "SUPPORT CODE", "DETAIL")
		for _, r := range rows {
			t.Add(r.Time, r.Seq, r.Activity, orWords(r.TargetIs, r.Target), orWords(r.ActorIs, r.Actor), r.Result, spelt(r.Reason), r.Support, r.Detail)
		}
		return v.print(s, rows, t)
	})
}

// query is what the flags ask for, as the page of the admin portal would.
func (v *auditList) query(ctx context.Context, st *store.Store, tenantID string) (audit.Query, error) {
	q := audit.Query{From: v.From, To: v.To, Activity: v.Activity, Before: v.Before, Limit: v.Limit}
	switch v.Result {
	case "":
	case "look":
		q.Results = audit.NeedsLook()
	default:
		q.Results = []string{v.Result}
	}
	agents, err := st.Agents(ctx, tenantID)
	if err != nil {
		return q, err
	}
	if v.Agent != "" {
		q.Agent = v.Agent
		for _, a := range agents {
			if strings.EqualFold(a.Machine, v.Agent) {
				q.Agent = a.ID
			}
		}
	}
	return q, q.Ask(v.Who, func() ([]string, error) {
		people, err := st.FindPeople(ctx, tenantID, v.Who)
		var ids []string
		for _, p := range people {
			ids = append(ids, p.ID)
		}
		for _, a := range agents {
			if strings.EqualFold(a.Machine, v.Who) {
				ids = append(ids, a.ID)
			}
		}
		return ids, err
	})
}

type auditStreams struct {
	ofTenant
	asJSON
}

// streamAnswer is how far an export has come.
type streamAnswer struct {
	Name    string `json:"name"`
	To      string `json:"to" about:"syslog or webhook, and the machine."`
	Begun   bool   `json:"begun" about:"false: nothing has been sent yet."`
	Sent    int64  `json:"sent" about:"Number of the last row that was sent."`
	Last    int64  `json:"last" about:"Number of the last row there is."`
	Waiting int64  `json:"waiting"`
}

// Answer implements cli.Answering.
func (auditStreams) Answer() any { return []streamAnswer(nil) }

// Run implements the verb.
func (v *auditStreams) Run(ctx context.Context, s command.Streams) error {
	conf, err := v.load()
	if err != nil {
		return err
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		last, err := st.AuditEnd(ctx, id)
		if err != nil {
			return err
		}
		t := v.table("The configuration names no export (exports) for this tenant.", "EXPORT", "TO", "SENT", "WAITING")
		all := []streamAnswer{}
		for _, e := range conf.Exports {
			if e.Tenant != "" && e.Tenant != id {
				continue
			}
			at, begun, err := st.ReaderAt(ctx, export.Reader(e.Name), id)
			if err != nil {
				return err
			}
			a := streamAnswer{e.Name, e.Destination(), begun, at, last, max(last-at, 0)}
			if !begun && e.Start == "now" {
				a.Waiting = 0
			}
			t.Add(a.Name, a.To, a.Sent, a.Waiting)
			all = append(all, a)
		}
		return v.print(s, all, t)
	})
}
