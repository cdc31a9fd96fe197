package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/protocol"
	"homeward/internal/server"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
)

// syncBasics are also under homeward agent sync, where administrators look first.
type syncBasics struct {
	Now     syncNow     `cmd:"" help:"Ask the agents to read everybody again. Changes come by themselves within seconds: this is for doubts."`
	Status  syncStatus  `cmd:"" help:"Who brings each domain in, how far that is, and what waits for a decision."`
	History syncHistory `cmd:"" help:"The runs of the last seven days, newest first."`
}

type syncVerbs struct {
	syncBasics

	Problems       syncProblems  `cmd:"" help:"Every object that can't be synced as it is, why, and what to do."`
	Decide         syncDecide    `cmd:"" help:"Decide about an object that waits: link, apart, keep-this, keep-that, use-mail or ignore."`
	Decisions      syncDecisions `cmd:"" help:"List what was decided."`
	Forget         syncForget    `cmd:"" help:"Take back what was decided about an object; it is judged anew."`
	Preview        syncPreview   `cmd:"" help:"What a sync would do, as an agent in staging mode has read it: who would be joined, made, left out or in conflict."`
	Passwords      syncPasswords `cmd:"" help:"Joined people who don't have one password yet."`
	Deletions      syncDeletions `cmd:"" help:"List whom the deletion guard holds back."`
	AllowDeletions syncAllow     `cmd:"" help:"Let pass what the deletion guard stopped."`
	KeepDeletions  syncKeep      `cmd:"" help:"Keep whom the deletion guard holds back: they are not deleted, and stay as they are."`
	Off            syncOff       `cmd:"" help:"Stop taking changes of a domain."`
	On             syncOn        `cmd:"" help:"Take changes of a domain again."`
	Rules          syncRules     `cmd:"" help:"Show or change how people are matched and how much may be deleted unasked."`
}

// withEngine hands do the engine on the tenant's store. What it writes is safe beside a running server.
func (f *ofTenant) withEngine(ctx context.Context, s command.Streams, do func(e *provision.Engine, st *store.Store, id string) error) error {
	return f.with(ctx, s, func(st *store.Store, id string) error { return do(server.Accounts(st, time.Now), st, id) })
}

// ofDomain is ofTenant for a verb about one domain, or all of them.
type ofDomain struct {
	ofTenant

	Domain string `help:"Only this domain, by its DNS name." placeholder:"NAME"`
}

type syncNow struct{ ofDomain }

// Run implements the verb.
func (v *syncNow) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		if err := e.WantFull(ctx, id, v.Domain, operator()); err != nil {
			return err
		}
		_, err := fmt.Fprintln(s.Out, "Asked for. The agent that brings the domain in begins within ten seconds: homeward sync status")
		return err
	})
}

type syncStatus struct {
	ofTenant
	asJSON
}

// Run implements the verb.
func (v *syncStatus) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.State(ctx, id)
		if err != nil {
			return err
		}
		if v.JSON {
			return answer.JSON(s.Out, each(all, func(d provision.Status) syncAnswer { return syncOf(d, v.at(time.Now())) }))
		}
		if len(all) == 0 {
			_, err = fmt.Fprintln(s.Out, "No domain has been brought in yet. Set up an agent: homeward agent code, then homeward-agent connect")
			return err
		}
		for _, d := range all {
			if err := tellSync(s.Out, d, v.at(time.Now())); err != nil {
				return err
			}
		}
		return nil
	})
}

// tellSync prints one domain's state, the sentence that matters first.
func tellSync(w io.Writer, d provision.Status, now time.Time) error {
	var b strings.Builder
	name := d.Domain
	if d.Staging {
		name += " (staging: nothing is changed)"
	}
	fmt.Fprintf(&b, "%s: %s\n", name, syncSentence(d, now))
	fmt.Fprintf(&b, "  agent        %s, reads by %s\n", orNone(d.Machine), orNone(d.Mode))
	fmt.Fprintf(&b, "  last change  %s\n", ago(d.Changed, now))
	fmt.Fprintf(&b, "  last run     %s\n", lastRun(d.LastRun, now))
	fmt.Fprintf(&b, "  people       %d, groups %d\n", d.People, d.Groups)
	if n := d.Pending.Missing + d.PendingGroups.Missing; n > 0 {
		fmt.Fprintf(&b, "  waiting      %d to be deleted\n", n)
	}
	for _, p := range sortedReasons(d.Problems) {
		fmt.Fprintf(&b, "  problem      %s: %d\n", strings.ReplaceAll(string(p), "_", " "), d.Problems[p])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func sortedReasons(problems map[protocol.Reason]int) []protocol.Reason {
	return slices.Sorted(maps.Keys(problems))
}

// lateAfter is when changes that wait count as late.
const lateAfter = time.Minute

func syncSentence(d provision.Status, now time.Time) string {
	switch {
	case d.Off:
		return "turned off. homeward sync on takes it up again."
	case d.Stopped:
		return fmt.Sprintf("stopped: %d deletions are more than may pass unasked. Look at homeward sync history, then homeward sync allow-deletions, or mend the filter.", d.Pending.Missing)
	case !d.Held:
		return "no agent brings it in at this moment. homeward agent list says why."
	case d.Detail != "":
		return "the agent can't go on: " + d.Detail
	case d.Run != "":
		return "a full run is under way."
	case !d.Lagging.IsZero() && now.Sub(d.Lagging) > lateAfter:
		return "changes wait since " + ago(d.Lagging, now) + "."
	case len(d.Problems) > 0:
		return "up to date; some objects need a look: homeward sync problems"
	}
	return "up to date."
}

func lastRun(r provision.Run, now time.Time) string {
	if r.ID == "" {
		return "none yet"
	}
	kind := "changes"
	if r.Full {
		kind = "full run"
	}
	return fmt.Sprintf("%s, %s, %s: %d added, %d changed, %d deleted, %d joined", kind, strings.ReplaceAll(r.Status, "-", " "), ago(r.Started, now), r.Added, r.Updated, r.Deleted, r.Joined)
}

// ago is how long ago something was, or when, where now is.
func ago(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	d := now.Sub(at).Round(time.Second)
	if d < time.Hour {
		return d.String() + " ago"
	}
	return at.In(now.Location()).Format("2006-01-02 15:04:05")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Answer implements cli.Answering.
func (syncStatus) Answer() any { return []syncAnswer(nil) }

// syncAnswer is how the sync of one domain is.
type syncAnswer struct {
	Domain   string                  `json:"domain"`
	Staging  bool                    `json:"staging" about:"It is read, and nothing is changed."`
	State    string                  `json:"state" about:"In words, as the table says it."`
	Off      bool                    `json:"off" about:"Turned off by an operator."`
	Stopped  bool                    `json:"stopped" about:"Deletions are held back until an operator has looked."`
	Held     bool                    `json:"held" about:"An agent brings it in at this moment."`
	Agent    string                  `json:"agent,omitempty" about:"Its id."`
	Machine  string                  `json:"machine,omitempty"`
	Mode     string                  `json:"mode,omitempty" about:"How it reads changes."`
	Detail   string                  `json:"detail,omitempty" about:"Why the agent can't go on."`
	People   int                     `json:"people"`
	Groups   int                     `json:"groups"`
	Waiting  int                     `json:"waiting_deletions"`
	Problems map[protocol.Reason]int `json:"problems" about:"How many, by reason."`
	Changed  answer.Time             `json:"changed,omitzero" about:"Last change in the cloud."`
	Applied  answer.Time             `json:"applied,omitzero" about:"When the agent last sent something."`
	Lagging  answer.Time             `json:"lagging,omitzero" about:"Since when changes wait."`
	LastRun  *runAnswer              `json:"last_run,omitempty"`
}

func syncOf(d provision.Status, now time.Time) syncAnswer {
	a := syncAnswer{
		Domain: d.Domain, Staging: d.Staging, State: syncSentence(d, now), Off: d.Off, Stopped: d.Stopped, Held: d.Held, Agent: d.Holder,
		Machine: d.Machine, Mode: d.Mode, Detail: d.Detail, People: d.People, Groups: d.Groups, Waiting: d.Pending.Missing + d.PendingGroups.Missing,
		Problems: d.Problems, Changed: answer.At(d.Changed), Applied: answer.At(d.Applied), Lagging: answer.At(d.Lagging),
	}
	if d.LastRun.ID != "" {
		run := runOf(d.LastRun)
		a.LastRun = &run
	}
	return a
}

type syncHistory struct {
	ofDomain
	asJSON

	Limit int `help:"How many." default:"20"`
}

// Run implements the verb.
func (v *syncHistory) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		runs, err := e.Runs(ctx, id, v.Domain, v.Limit)
		if err != nil {
			return err
		}
		t := v.table("Nothing has run in the last seven days.",
			"STARTED", "DOMAIN", "KIND", "STATUS", "ADDED", "CHANGED", "DELETED", "JOINED", "FAULTS", "READ", "TOOK")
		for _, r := range runs {
			kind, took := "changes", "–"
			if r.Full {
				kind = "full"
			}
			if !r.Ended.IsZero() {
				took = r.Ended.Sub(r.Started).Round(time.Millisecond).String()
			}
			t.Add(r.Started, r.Domain, kind, r.Status, r.Added, r.Updated, r.Deleted, r.Joined, r.Faults, bytesText(r.Bytes), took)
		}
		return v.print(s, each(runs, runOf), t)
	})
}

// Answer implements cli.Answering.
func (syncHistory) Answer() any { return []runAnswer(nil) }

func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// turned is what off and on have in common.
type turned struct {
	ofTenant

	Domain string `arg:"" help:"The domain, by its DNS name."`
}

func (v *turned) turn(ctx context.Context, s command.Streams, off bool, said string) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		if err := e.SetOff(ctx, id, v.Domain, operator(), off); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.Out, said+"\n", v.Domain)
		return err
	})
}

type syncOff struct{ turned }

// Run implements the verb.
func (v *syncOff) Run(ctx context.Context, s command.Streams) error {
	return v.turn(ctx, s, true, "Changes of %s are no longer taken. People stay as they are and can still reset their password.")
}

type syncOn struct{ turned }

// Run implements the verb.
func (v *syncOn) Run(ctx context.Context, s command.Streams) error {
	return v.turn(ctx, s, false, "Changes of %s are taken again, those that were missed too.")
}
