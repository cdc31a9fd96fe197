package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/export"
	"homeward/internal/server/store"
)

type auditVerbs struct {
	Show   auditShow   `cmd:"" help:"Show every hop of one attempt by its support code."`
	Verify auditVerify `cmd:"" aliases:"check" help:"Verify that no record was altered, removed, moved or added, and name those that were."`
	Export auditExport `cmd:"" help:"Write the audit log to standard output as CSV or JSON Lines, oldest first."`
}

type auditShow struct {
	ofTenant

	Code string `arg:"" help:"Support code, such as HW-7K3Q-92MD."`
}

// Run implements the verb.
func (v *auditShow) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		records, err := st.Records(ctx, id, v.Code)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return fmt.Errorf("no record has the support code %q; they look like HW-7K3Q-92MD", v.Code)
		}
		w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "TIME\tHOP\tEVENT\tRESULT\tREASON\tTOOK\tDETAIL")
		for _, r := range records {
			name := ""
			if e, ok := event.Lookup(event.Code(r.Event)); ok {
				name = fmt.Sprintf("%d %s", r.Event, e.Name)
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.At.Local().Format("15:04:05.000"), r.Hop, name, r.Result, r.Reason, took(r.Micros), r.Detail)
		}
		return w.Flush()
	})
}

func took(micros int64) string {
	if micros == 0 {
		return ""
	}
	return (time.Duration(micros) * time.Microsecond).Round(10 * time.Microsecond).String()
}

type auditVerify struct {
	ofTenant

	JSON bool `help:"Print the verdict as JSON."`
}

// Run implements the verb.
func (v *auditVerify) Run(ctx context.Context, s command.Streams) error {
	return v.with(ctx, s, func(st *store.Store, id string) error {
		verdict, err := st.CheckChain(ctx, id)
		if err != nil {
			return err
		}
		if err := printVerdict(s, verdict, v.JSON); err != nil {
			return err
		}
		if !verdict.Whole() {
			return fmt.Errorf("the audit log of tenant %s is not as it was written", id)
		}
		return nil
	})
}

func printVerdict(s command.Streams, v audit.Verdict, asJSON bool) error {
	if asJSON {
		return printJSON(s, v)
	}
	if v.Whole() {
		_, err := fmt.Fprintf(s.Out, "The audit log is whole: %d rows.\n", v.Rows)
		return err
	}
	for _, d := range v.Damages {
		if _, err := fmt.Fprintln(s.Out, d); err != nil {
			return err
		}
	}
	if v.More {
		_, err := fmt.Fprintf(s.Out, "There is more: only the first %d are listed.\n", len(v.Damages))
		return err
	}
	return nil
}

type auditExport struct {
	ofTenant

	Format string    `help:"csv or jsonl." enum:"csv,jsonl" default:"csv"`
	From   time.Time `help:"First moment, such as 2026-03-01T00:00:00Z." placeholder:"TIME"`
	To     time.Time `help:"Moment before which it ends." placeholder:"TIME"`
	After  int64     `help:"Only rows with a greater number: to go on where an earlier file ended." placeholder:"SEQ"`
}

// exportRows is how many rows are read at once.
const exportRows = 1000

// Run implements the verb.
func (v *auditExport) Run(ctx context.Context, s command.Streams) error {
	format, err := export.ParseFormat(v.Format)
	if err != nil {
		return err
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		names, err := agentNames(ctx, st, id)
		if err != nil {
			return err
		}
		out := format.NewWriter(s.Out)
		for at := v.After; ; {
			rows, err := st.RecordsAfter(ctx, id, at, exportRows)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if r.At.Before(v.From) || !v.To.IsZero() && !r.At.Before(v.To) {
					continue
				}
				if err := out.Write(export.Of(r, names)); err != nil {
					return err
				}
			}
			if len(rows) < exportRows {
				return out.Flush()
			}
			at = rows[len(rows)-1].Seq
		}
	})
}

// agentNames says what the machines are called; people stay ids, as a file may outlive them.
func agentNames(ctx context.Context, st *store.Store, tenantID string) (export.Names, error) {
	all, err := st.Agents(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	machines := map[string]string{}
	for _, a := range all {
		machines[a.ID] = a.Machine
	}
	return func(id string) string {
		if m, ok := machines[id]; ok {
			return m
		}
		return id
	}, nil
}
