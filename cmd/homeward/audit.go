package main

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/export"
	"homeward/internal/server/store"
)

type auditVerbs struct {
	List    auditList    `cmd:"" aliases:"search" help:"List what happened, newest first: one line for each attempt, and for each thing that was done."`
	Show    auditShow    `cmd:"" help:"Show every hop of one attempt by its support code."`
	Verify  auditVerify  `cmd:"" aliases:"check" help:"Verify that no record was altered, removed, moved or added, and name those that were."`
	Export  auditExport  `cmd:"" help:"Write the audit log to standard output as CSV or JSON Lines, oldest first."`
	Streams auditStreams `cmd:"" help:"Show how far each export of the configuration has come."`
}

type auditShow struct {
	ofTenant
	asJSON

	Code string `arg:"" help:"Support code, such as HW-7K3Q-92MD."`
}

// Answer implements cli.Answering.
func (auditShow) Answer() any { return []export.Row(nil) }

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
		rows, err := rowsOf(ctx, st, id, records)
		if err != nil {
			return err
		}
		t := v.table("", "TIME", "HOP", "EVENT", "RESULT", "REASON", "TOOK", "DETAIL")
		for _, r := range records {
			t.Add(v.at(r.At).Format("15:04:05.000"), r.Hop, eventName(r.Event), r.Result, r.Reason, took(r.Micros), r.Detail)
		}
		return v.print(s, rows, t)
	})
}

// eventName is an event's code and name.
func eventName(code int) string {
	if e, ok := event.Lookup(event.Code(code)); ok {
		return fmt.Sprintf("%d %s", code, e.Name)
	}
	return ""
}

// rowsOf makes rows of records, as exports have them.
func rowsOf(ctx context.Context, st *store.Store, tenantID string, records []audit.Record) ([]export.Row, error) {
	names, err := allNames(ctx, st, tenantID)
	if err != nil {
		return nil, err
	}
	return each(records, func(r audit.Record) export.Row { return export.Of(r, names) }), nil
}

func took(micros int64) string {
	if micros == 0 {
		return ""
	}
	return (time.Duration(micros) * time.Microsecond).Round(10 * time.Microsecond).String()
}

type auditVerify struct {
	ofTenant
	asJSON
}

// verdictAnswer is what a check of the log found.
type verdictAnswer struct {
	Whole   bool           `json:"whole" about:"Nothing is wrong."`
	Rows    int64          `json:"rows" about:"How many were looked at."`
	Last    answer.Time    `json:"last,omitzero" about:"Time of the last one."`
	Damages []damageAnswer `json:"damages"`
	More    bool           `json:"more" about:"There are more damages than are listed."`
}

// damageAnswer is one thing that is wrong.
type damageAnswer struct {
	Seq   int64       `json:"seq" about:"The first row it concerns."`
	To    int64       `json:"to" about:"The last one."`
	At    answer.Time `json:"at,omitzero"`
	Fault audit.Fault `json:"fault" about:"altered, replaced, swapped, missing, cut_off, forged, no_end or hidden."`
	Says  string      `json:"says"`
}

func verdictOf(v audit.Verdict) verdictAnswer {
	damages := each(v.Damages, func(d audit.Damage) damageAnswer {
		return damageAnswer{d.Seq, d.To, answer.At(d.At), d.Fault, d.String()}
	})
	return verdictAnswer{v.Whole(), v.Rows, answer.At(v.Last), damages, v.More}
}

// Answer implements cli.Answering.
func (auditVerify) Answer() any { return verdictAnswer{} }

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
		return answer.JSON(s.Out, verdictOf(v))
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
