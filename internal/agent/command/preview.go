package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"homeward/internal/agent"
	"homeward/internal/agent/journal"
	"homeward/internal/build"
	"homeward/internal/config"
	"homeward/internal/protocol"
)

// Preview shows what a sync would do before there is one.
type Preview struct {
	File
	All  bool `help:"Also those whom nothing would happen to."`
	JSON bool `help:"Print JSON." name:"json"`
}

// unchanged is the verdict on whom nothing would happen to.
const unchanged = "unchanged"

// Run implements the verb.
func (v *Preview) Run(ctx context.Context, s Streams) error {
	c, err := v.load()
	if err != nil {
		return err
	}
	c.Log.Level = "warn"
	log, err := logger(s.Err, c.Log)
	if err != nil {
		return err
	}
	a, err := agent.Open(c, build.Version(), nil, log)
	if err != nil {
		return busy(c, err)
	}
	if !v.JSON {
		if _, err := fmt.Fprintln(s.Out, "Reading the directory. Nothing is changed, there or in the cloud."); err != nil {
			return err
		}
	}
	all, err := a.Preview(ctx)
	if err != nil {
		return busy(c, err)
	}
	for i := range all {
		v.order(&all[i])
	}
	if v.JSON {
		e := json.NewEncoder(s.Out)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	for _, p := range all {
		if err := tellPreview(s.Out, p); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(s.Out, "\nThe same list on the server: homeward sync preview")
	return err
}

// busy says what to do while the running agent has the identity.
func busy(c config.Agent, err error) error {
	if !errors.Is(err, journal.ErrInUse) && !errors.Is(err, agent.ErrServing) {
		return err
	}
	return fmt.Errorf("the agent with the state folder %s is running, and a preview can't disturb it. Stop it and try again. "+
		"Or let the running agent make the preview: Sync status > Preview in the admin portal: %w", c.State, err)
}

// order puts first what somebody has to decide, and leaves out whom nothing would happen to.
func (v *Preview) order(p *agent.Previewed) {
	if !v.All {
		p.Rows = slices.DeleteFunc(p.Rows, func(r protocol.PreviewRow) bool { return r.Verdict == unchanged })
	}
	slices.SortStableFunc(p.Rows, func(x, y protocol.PreviewRow) int {
		return cmp.Or(cmp.Compare(rank(x.Verdict), rank(y.Verdict)), cmp.Compare(x.Name, y.Name))
	})
}

// verdicts, in the order they are shown.
func verdicts() []string {
	return []string{"conflict", "skip", "join_hard", "join_soft", "link", "restore", "create", "update", unchanged}
}

func rank(verdict string) int {
	if i := slices.Index(verdicts(), verdict); i >= 0 {
		return i
	}
	return len(verdicts())
}

func tellPreview(out io.Writer, p agent.Previewed) error {
	n := p.Counts
	_, err := fmt.Fprintf(out, "\n%s: %d would be made, %d joined to an account that exists, %d changed, %d restored, %d left as they are, %d left out, %d in conflict. Nothing has been changed.\n\n",
		printable(p.Domain), n["create"], n["join_hard"]+n["join_soft"]+n["link"], n["update"], n["restore"], n[unchanged], n["skip"], n["conflict"])
	if err != nil || len(p.Rows) == 0 {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "VERDICT\tWHO\tSIGN-IN NAME\tADDRESS\tWITH\tWHY")
	for _, r := range p.Rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", spaced(r.Verdict), printable(r.Name), printable(r.UPN), printable(r.Address), printable(r.Other), spaced(string(r.Reason)))
	}
	if err := w.Flush(); err != nil || len(p.Why) == 0 {
		return err
	}
	_, _ = fmt.Fprintln(out)
	for _, reason := range slices.Sorted(maps.Keys(p.Why)) {
		if _, err := fmt.Fprintf(out, "%s: %s\n", spaced(string(reason)), printable(p.Why[reason])); err != nil {
			return err
		}
	}
	return nil
}

func spaced(word string) string { return strings.ReplaceAll(printable(word), "_", " ") }

// printable takes out what a terminal would obey: names are the directory's.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, text)
}
