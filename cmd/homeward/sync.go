package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/protocol"
	"homeward/internal/server"
	"homeward/internal/server/provision"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
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
	Preview        syncPreview   `cmd:"" help:"What a sync would do, as an agent in staging mode has read it: who would be joined, made, left out or in conflict."`
	Passwords      syncPasswords `cmd:"" help:"Joined people who don't have one password yet."`
	AllowDeletions syncAllow     `cmd:"" help:"Let pass what the deletion guard stopped."`
	Off            syncOff       `cmd:"" help:"Stop taking changes of a domain."`
	On             syncOn        `cmd:"" help:"Take changes of a domain again."`
	Rules          syncRules     `cmd:"" help:"Show or change how people are matched and how much may be deleted unasked."`
}

// withEngine hands do the engine on the tenant's store. What it writes is safe beside a running server.
func (f ofTenant) withEngine(ctx context.Context, s command.Streams, do func(e *provision.Engine, st *store.Store, id string) error) error {
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
			return printJSON(s, append([]provision.Status{}, all...))
		}
		if len(all) == 0 {
			_, err = fmt.Fprintln(s.Out, "No domain has been brought in yet. Set up an agent: homeward agent code, then homeward-agent connect")
			return err
		}
		for _, d := range all {
			if err := tellSync(s.Out, d, time.Now()); err != nil {
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

func ago(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	d := now.Sub(at).Round(time.Second)
	if d < time.Hour {
		return d.String() + " ago"
	}
	return at.Local().Format("2006-01-02 15:04:05")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
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
		if v.JSON {
			return printJSON(s, append([]provision.Run{}, runs...))
		}
		w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "STARTED\tDOMAIN\tKIND\tSTATUS\tADDED\tCHANGED\tDELETED\tJOINED\tFAULTS\tREAD\tTOOK")
		for _, r := range runs {
			kind, took := "changes", "–"
			if r.Full {
				kind = "full"
			}
			if !r.Ended.IsZero() {
				took = r.Ended.Sub(r.Started).Round(time.Millisecond).String()
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", r.Started.Local().Format("2006-01-02 15:04:05"), r.Domain, kind, r.Status,
				r.Added, r.Updated, r.Deleted, r.Joined, r.Faults, bytesText(r.Bytes), took)
		}
		return w.Flush()
	})
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

type syncProblems struct {
	ofDomain
	asJSON

	Limit int `help:"How many." default:"100"`
}

// Run implements the verb.
func (v *syncProblems) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.Problems(ctx, id, v.Domain, v.Limit)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(s, append([]provision.Explained{}, all...))
		}
		if len(all) == 0 {
			_, err = fmt.Fprintln(s.Out, "No problems.")
			return err
		}
		for _, p := range all {
			if err := tellProblem(s.Out, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func tellProblem(w io.Writer, p provision.Explained) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", shortObject(p.Object), p.Name)
	fmt.Fprintf(&b, "  %s", p.Meaning)
	if p.Value != "" {
		fmt.Fprintf(&b, " (%s)", p.Value)
	}
	b.WriteString("\n")
	if p.OtherName != "" {
		fmt.Fprintf(&b, "  The other one is %s.\n", p.OtherName)
	}
	if p.Detail != "" {
		fmt.Fprintf(&b, "  %s\n", p.Detail)
	}
	fmt.Fprintf(&b, "  %s\n", p.Remedy)
	if len(p.Choices) > 0 {
		names := make([]string, len(p.Choices))
		for i, c := range p.Choices {
			names[i] = strings.ReplaceAll(string(c), "_", "-")
		}
		fmt.Fprintf(&b, "  Decide: homeward sync decide %s %s\n", shortObject(p.Object), strings.Join(names, "|"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shortObject is enough of an object's id to name it.
func shortObject(object string) string { return object[:min(len(object), 8)] }

type syncDecide struct {
	ofTenant

	Object string `arg:"" help:"The object's id as homeward sync problems shows it, or its first characters (at least six)."`
	Choice string `arg:"" help:"link: they are one person. apart: they are not. keep-this, keep-that: who keeps the contested name. use-mail: sign in by mail. ignore: leave it." enum:"link,apart,keep-this,keep-that,use-mail,ignore"`
}

// Run implements the verb.
func (v *syncDecide) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		p, err := problemOf(ctx, e, id, v.Object)
		if err != nil {
			return err
		}
		if err := e.Decide(ctx, id, operator(), p.Object, provision.Choice(strings.ReplaceAll(v.Choice, "-", "_"))); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "Decided about %s, and carried out. The next sync decides the same.\n", p.Name)
		return err
	})
}

// mostProblems bounds where an object is looked for by the beginning of its id.
const mostProblems = 100_000

func problemOf(ctx context.Context, e *provision.Engine, tenantID, object string) (provision.Explained, error) {
	all, err := e.Problems(ctx, tenantID, "", mostProblems)
	if err != nil {
		return provision.Explained{}, err
	}
	found := map[string]provision.Explained{}
	for _, p := range all {
		if p.Object == object || len(object) >= 6 && strings.HasPrefix(p.Object, strings.ToLower(object)) {
			found[p.Object] = p
		}
	}
	switch len(found) {
	case 0:
		return provision.Explained{}, fmt.Errorf("no object that has a problem begins with %q; homeward sync problems shows them", object)
	case 1:
		for _, p := range found {
			return p, nil
		}
	}
	return provision.Explained{}, fmt.Errorf("%d objects begin with %q: give more of the id", len(found), object)
}

type syncPreview struct {
	ofDomain
	asJSON

	All bool `help:"Also those whom nothing would happen to."`
}

// previewPage is how many verdicts are read at once.
const previewPage = 1000

// Run implements the verb.
func (v *syncPreview) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		states, err := e.State(ctx, id)
		if err != nil {
			return err
		}
		var list []provision.Preview
		shown := 0
		for _, d := range states {
			if !d.Staging || v.Domain != "" && !strings.EqualFold(d.Domain, v.Domain) {
				continue
			}
			shown++
			counts, err := v.collect(ctx, e, id, d.Domain, &list)
			if err != nil {
				return err
			}
			if !v.JSON {
				if err := tellCounts(s.Out, d, counts); err != nil {
					return err
				}
			}
		}
		switch {
		case shown == 0:
			return errors.New("no agent has made a preview yet. Ask for one in the admin portal: Sync status > Preview; or on the agent's machine: homeward-agent connect preview")
		case v.JSON:
			return printJSON(s, append([]provision.Preview{}, list...))
		}
		return previewTable(s.Out, list)
	})
}

func (v *syncPreview) collect(ctx context.Context, e *provision.Engine, tenantID, domain string, list *[]provision.Preview) (map[provision.Verdict]int, error) {
	after := ""
	for {
		page, counts, err := e.Previews(ctx, tenantID, domain, after, previewPage)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			if v.All || p.Verdict != provision.WouldLeave {
				*list = append(*list, p)
			}
			after = p.Object
		}
		if len(page) < previewPage {
			return counts, nil
		}
	}
}

func tellCounts(w io.Writer, d provision.Status, counts map[provision.Verdict]int) error {
	joined := counts[provision.WouldJoinHard] + counts[provision.WouldJoinSoft] + counts[provision.WouldLink]
	_, err := fmt.Fprintf(w, "%s, read %s: %d would be made, %d joined to an account that exists, %d changed, %d restored, %d left as they are, %d left out, %d in conflict. Nothing has been changed.\n",
		d.Domain, ago(d.Applied, time.Now()), counts[provision.WouldCreate], joined, counts[provision.WouldUpdate], counts[provision.WouldRestore],
		counts[provision.WouldLeave], counts[provision.WouldSkip], counts[provision.WouldConflict])
	return err
}

func previewTable(out io.Writer, list []provision.Preview) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VERDICT\tWHO\tSIGN-IN NAME\tADDRESS\tWITH\tWHY")
	for _, p := range list {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", strings.ReplaceAll(string(p.Verdict), "_", " "), p.Name, p.UPN, p.Address, p.OtherName,
			strings.ReplaceAll(string(p.Reason), "_", " "))
	}
	return w.Flush()
}

type syncPasswords struct {
	ofTenant
	asJSON

	Limit int `help:"How many." default:"1000"`
}

// Run implements the verb.
func (v *syncPasswords) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		all, err := e.NotYetOne(ctx, id, "", v.Limit)
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(s, append([]provision.Person{}, all...))
		}
		if len(all) == 0 {
			_, err = fmt.Fprintln(s.Out, "Everybody who was joined has one password.")
			return err
		}
		w := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "WHO\tSIGN-IN NAME\tJOINED\tSTATE")
		for _, p := range all {
			state := "the cloud password is written at the next sign-in with it"
			if p.Password == provision.CloudWriting {
				state = "is being written"
			}
			if p.Password == provision.CloudRefused {
				state = "Active Directory refused the cloud password (" + strings.ReplaceAll(string(p.PasswordReason), "_", " ") + "): let them reset it in the portal"
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name(), p.UPN, p.Joined.Local().Format("2006-01-02"), state)
		}
		return w.Flush()
	})
}

type syncAllow struct {
	ofTenant

	Domain string `arg:"" help:"The domain, by its DNS name."`
}

// Run implements the verb.
func (v *syncAllow) Run(ctx context.Context, s command.Streams) error {
	return v.withEngine(ctx, s, func(e *provision.Engine, _ *store.Store, id string) error {
		n, err := e.AllowDeletions(ctx, id, v.Domain, operator())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%d deleted. They come back as the same accounts if Active Directory brings them back within 30 days.\n", n)
		return err
	})
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

type syncRules struct {
	ofTenant
	asJSON

	HardMatch     string `help:"Join by source anchor: on or off." enum:"on,off," default:""`
	SoftMatch     string `help:"Join by mail address or name: on, ask (an operator confirms each) or off." enum:"on,ask,off," default:""`
	UPNMatch      string `help:"Join by user principal name too: on or off." name:"upn-match" enum:"on,off," default:""`
	DeleteLimit   int    `help:"Most deletions of a run that pass unasked." placeholder:"500"`
	DeletePercent int    `help:"The same in percent of a domain." placeholder:"10"`
	JoinPassword  string `help:"Which password joined people have: directory (it stays) or cloud (it is written to Active Directory at the next sign-in)." enum:"directory,cloud," default:""`
}

// Run implements the verb.
func (v *syncRules) Run(ctx context.Context, s command.Streams) error {
	if v.DeleteLimit < 0 || v.DeletePercent < 0 || v.DeletePercent > 100 {
		return errors.New("--delete-limit must be 1 or more, --delete-percent 1 to 100")
	}
	return v.with(ctx, s, func(st *store.Store, id string) error {
		var now tenant.Sync
		_, err := st.ChangeTenant(ctx, id, func(tx *store.Store, t *tenant.Tenant) error {
			now = v.apply(t.Settings.Sync)
			if now == t.Settings.Sync {
				return nil
			}
			t.Settings.Sync = now
			return noted(ctx, tx, id, "Change sync rules", "", rulesLine(now))
		})
		if err != nil {
			return err
		}
		if v.JSON {
			return printJSON(s, now)
		}
		_, err = fmt.Fprintln(s.Out, rulesText(now))
		return err
	})
}

func (v *syncRules) apply(r tenant.Sync) tenant.Sync {
	if v.HardMatch != "" {
		r.BlockHardMatch = v.HardMatch == "off"
	}
	if v.SoftMatch != "" {
		r.BlockSoftMatch, r.AskSoftMatch = v.SoftMatch == "off", v.SoftMatch == "ask"
	}
	if v.UPNMatch != "" {
		r.NoUPNMatch = v.UPNMatch == "off"
	}
	if v.DeleteLimit > 0 {
		r.DeleteLimit = v.DeleteLimit
	}
	if v.DeletePercent > 0 {
		r.DeletePercent = v.DeletePercent
	}
	switch v.JoinPassword {
	case "cloud":
		r.JoinPassword = tenant.KeepCloud
	case "directory":
		r.JoinPassword = tenant.KeepDirectory
	}
	return r
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func rulesLine(r tenant.Sync) string {
	soft := onOff(!r.BlockSoftMatch)
	if r.AskSoftMatch {
		soft = "ask"
	}
	password := "directory"
	if r.JoinPassword == tenant.KeepCloud {
		password = "cloud"
	}
	return fmt.Sprintf("hard-match %s, soft-match %s, upn-match %s, delete-limit %d, delete-percent %d, join-password %s",
		onOff(!r.BlockHardMatch), soft, onOff(!r.NoUPNMatch), r.Limit(), r.Percent(), password)
}

func rulesText(r tenant.Sync) string { return strings.ReplaceAll(rulesLine(r), ", ", "\n") }
