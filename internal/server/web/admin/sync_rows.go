package admin

import (
	"maps"
	"slices"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
)

// SyncRow is one domain's sync.
type SyncRow struct {
	provision.Status

	Known    bool // some agent has asked for it once
	Sentence string
	Look     string // ok, warn, bad or unknown
	Icon     string
	Last     string // when something was last taken in
	Progress string // of the run under way, or how the last one ended
	Changes  string // what the last run did to people
	Grouped  string // and to groups
	Waiting  int
	Agent    string // path of the agent's page
	Facts    []Fact
	OffAt    string // agents whose own configuration turns it off
}

// Fact is one line of a list of facts.
type Fact struct{ Name, Text string }

// ID names the row's parts on the page.
func (r SyncRow) ID() string {
	id := strings.ReplaceAll(r.Domain, ".", "-")
	if r.Staging {
		id += "-staging"
	}
	return "d-" + id
}

// Share is how much of a full run is done, in percent, as far as can be told; zero: it can't.
func (r SyncRow) Share() int {
	if r.Run == "" || r.LastRun.ID != r.Run || !r.LastRun.Ended.IsZero() || r.People+r.Groups == 0 {
		return 0
	}
	return min(99, 100*r.LastRun.Objects/(r.People+r.Groups))
}

// lateAfter is when changes that wait count as late.
const lateAfter = time.Minute

// syncRows says how each domain is: those that were ever synced, and those that an agent serves without syncing them.
func (v *visit) syncRows() ([]SyncRow, error) {
	states, err := v.Sync.Engine.State(v.ctx(), v.tenant.ID)
	if err != nil {
		return nil, err
	}
	off := v.frame.switchedOff()
	var rows []SyncRow
	known := map[string]bool{}
	for _, s := range states {
		known[s.Domain] = known[s.Domain] || !s.Staging
		row := SyncRow{Status: s, Known: true}
		if !s.Staging && !s.Held {
			row.OffAt = off[s.Domain]
		}
		rows = append(rows, v.frame.syncRow(row))
	}
	for _, domain := range slices.Sorted(maps.Keys(off)) {
		if !known[domain] {
			rows = append(rows, v.frame.syncRow(SyncRow{Status: provision.Status{Lease: provision.Lease{Key: provision.Key{Domain: domain}}}, OffAt: off[domain]}))
		}
	}
	return rows, nil
}

// switchedOff names, for each domain that no agent is configured to sync, the agents that say so.
func (f Frame) switchedOff() map[string]string {
	out := map[string]string{}
	for _, d := range f.Report.Domains {
		if len(d.SyncOff) > 0 {
			out[provision.Fold(d.Name)] = strings.Join(d.SyncOff, ", ")
		}
	}
	return out
}

// syncRow puts a domain's state in words, what matters most first.
func (f Frame) syncRow(r SyncRow) SyncRow {
	r.Waiting = 0
	for _, n := range r.Problems {
		r.Waiting += n
	}
	if r.Holder != "" && f.CanSeeAgents() {
		r.Agent = agentsPath + "/" + r.Holder
	}
	say := func(look, icon, text string) { r.Look, r.Icon, r.Sentence = look, icon, text }
	switch {
	case r.OffAt != "":
		say("unknown", "minus", f.T("admin.sync.off_at", "Agent", r.OffAt))
	case r.Off:
		say("warn", "minus", f.T("admin.sync.off"))
	case r.Stopped:
		say("bad", "warning", f.T("admin.sync.stopped", "N", r.Pending.Missing+r.PendingGroups.Missing))
	case r.Staging && r.Run != "" && r.Held:
		say("ok", "refresh", f.T("admin.sync.staging.going"))
	case r.Staging && r.Run != "":
		say("warn", "warning", f.T("admin.sync.staging.broken"))
	case r.Staging:
		say("ok", "check", f.T("admin.sync.staging.done"))
	case !r.Held:
		say("bad", "cross", f.T("admin.sync.unheld"))
	case r.Detail != "":
		say("warn", "warning", f.T("admin.sync.stuck", "Detail", r.Detail))
	case r.Run != "":
		say("ok", "refresh", f.T("admin.sync.going"))
	case r.Full:
		say("ok", "clock", f.T("admin.sync.asked"))
	case r.Lag > lateAfter:
		say("warn", "clock", f.T("admin.sync.late", "Time", f.Second(r.Lagging)))
	case r.Waiting > 0:
		say("ok", "check", f.T("admin.sync.fresh.but"))
	default:
		say("ok", "check", f.T("admin.sync.fresh"))
	}
	r.Last, r.Progress = f.Second(r.Applied), f.progress(r)
	r.Changes, r.Grouped = f.changes(r.LastRun), f.T("admin.sync.same")
	if n := r.LastRun.Groups; n > 0 {
		r.Grouped = f.T("admin.sync.groups.changed", "Count", f.Number(n))
	}
	r.Facts = f.syncFacts(r)
	return r
}

// progress is how far the run under way is, or how the last one ended.
func (f Frame) progress(r SyncRow) string {
	run := r.LastRun
	switch {
	case run.ID == "":
		return f.T("admin.sync.none_yet")
	case run.Ended.IsZero() && r.Run != "":
		if all := r.People + r.Groups; all > 0 && !r.Staging {
			return f.T("admin.sync.read.of", "Count", f.Number(run.Objects), "Total", f.Number(all))
		}
		return f.T("admin.sync.read", "Count", f.Number(run.Objects))
	case run.Ended.IsZero():
		return f.outcome(run.Status)
	}
	return f.T("admin.sync.took", "Outcome", f.outcome(run.Status), "Took", f.span(run.Ended.Sub(run.Started)))
}

func (f Frame) changes(r provision.Run) string {
	if r.Added+r.Updated+r.Deleted+r.Joined == 0 {
		return f.T("admin.sync.same")
	}
	return f.T("admin.sync.changes", "Added", f.Number(r.Added), "Changed", f.Number(r.Updated), "Deleted", f.Number(r.Deleted))
}

// outcome is how a run ended, in words.
func (f Frame) outcome(status string) string {
	if id := runWord(status); id != "" {
		return f.T(id)
	}
	return f.T("admin.code", "Code", status)
}

func (f Frame) syncFacts(r SyncRow) []Fact {
	if !r.Known {
		return nil
	}
	mode := f.T("admin.sync.mode.active")
	if r.Staging {
		mode = f.T("admin.sync.mode.staging")
	}
	facts := []Fact{{f.T("admin.sync.mode"), mode}}
	switch r.Mode {
	case protocol.SyncByDirSync:
		facts = append(facts, Fact{f.T("admin.sync.reads"), f.T("admin.sync.reads.dirsync")})
	case protocol.SyncByUSN:
		facts = append(facts, Fact{f.T("admin.sync.reads"), f.T("admin.sync.reads.usn")})
	}
	lag := f.T("admin.sync.lag.none")
	if r.Lag > 0 {
		lag = f.T("admin.sync.lag.since", "Time", f.Second(r.Lagging))
	}
	facts = append(facts, Fact{f.T("admin.sync.newest"), f.Second(r.Newest)}, Fact{f.T("admin.sync.changed"), f.Second(r.Changed)}, Fact{f.T("admin.sync.lag"), lag})
	if r.Unanchored > 0 {
		facts = append(facts, Fact{f.T("admin.sync.unanchored"), f.Number(r.Unanchored)})
	}
	return facts
}

// RunRow is one run of the history.
type RunRow struct {
	provision.Run

	Time, Kind, Outcome, Took string
	Look, Icon, Word          string
}

func (f Frame) runRow(r provision.Run) RunRow {
	row := RunRow{Run: r, Time: f.Second(r.Started), Kind: f.T("admin.sync.run.changes"), Word: f.outcome(r.Status), Took: "–"}
	switch {
	case r.Staging:
		row.Kind = f.T("admin.sync.run.preview")
	case r.Full:
		row.Kind = f.T("admin.sync.run.full")
	}
	row.Look, row.Icon = runLook(r.Status)
	if !r.Ended.IsZero() {
		row.Took = f.span(r.Ended.Sub(r.Started))
	}
	return row
}

func runLook(status string) (look, icon string) {
	switch status {
	case provision.RunDone:
		return "ok", "check"
	case provision.RunProblems, provision.RunSuperseded:
		return "warn", "warning"
	case provision.RunStopped:
		return "bad", "cross"
	}
	return "unknown", "clock"
}
