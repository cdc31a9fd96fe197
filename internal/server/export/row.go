// Package export hands the audit log to others: as CSV and JSON Lines to a person, and row by row, durably, to a syslog
// server or a webhook. Rows hold what the log holds: no password, code or token.
package export

import (
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
)

// Row is one row of the log as others get it. Its names are a contract: none is renamed or reused.
type Row struct {
	Tenant   string    `json:"tenant"`
	Seq      int64     `json:"seq"` // per tenant, without gaps: who gets a row twice can tell
	Time     time.Time `json:"time"`
	Support  string    `json:"support_code,omitempty"`
	Activity string    `json:"activity"`
	Hop      string    `json:"hop"`
	Event    int       `json:"event,omitempty"`
	Name     string    `json:"event_name,omitempty"`
	Result   string    `json:"result"`
	Reason   string    `json:"reason,omitempty"`
	Actor    string    `json:"actor,omitempty"`
	ActorIs  string    `json:"actor_name,omitempty"`
	Target   string    `json:"target,omitempty"`
	TargetIs string    `json:"target_name,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	TookMS   float64   `json:"took_ms,omitempty"`
	Hash     []byte    `json:"hash,omitempty"` // base64; what the next row is chained to
}

// Names says who an id stands for; nil: nobody is looked up.
type Names func(id string) string

// Of makes a row of a record.
func Of(r audit.Record, names Names) Row {
	const milli = 1000
	row := Row{
		Tenant: r.Tenant, Seq: r.Seq, Time: r.At.UTC(), Support: r.Support, Activity: r.Activity, Hop: r.Hop, Event: r.Event, Result: r.Result,
		Reason: r.Reason, Actor: r.Actor, Target: r.Target, Detail: r.Detail, TookMS: float64(r.Micros) / milli, Hash: r.Hash,
	}
	if known, ok := event.Lookup(event.Code(r.Event)); ok {
		row.Name = known.Name
	}
	if names == nil {
		return row
	}
	for _, who := range []struct {
		id string
		is *string
	}{{r.Actor, &row.ActorIs}, {r.Target, &row.TargetIs}} {
		if name := names(who.id); name != who.id {
			*who.is = name
		}
	}
	return row
}
