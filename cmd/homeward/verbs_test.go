package main

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/cli/answer"
)

// acts are the verbs that do something and have nothing to list or to show: they have no --json.
func acts() []string {
	return []string{
		"server", "demo", "version", "completion", "connect wizard", "connect preview", "agent run", "agent enrol", "agent connect wizard", "agent connect preview",
		"agent check", "agent doctor", "agent grant", "agent revoke", "agent code", "agent approve", "agent drain", "agent resume", "agent cut-off",
		"agent accept-move", "agent sync now", "tenant create", "people create", "people load", "people remove", "people hold", "people release",
		"people methods import", "sync now", "sync decide", "sync forget", "sync allow-deletions", "sync keep-deletions", "sync off", "sync on", "role set",
		"role clear", "domain add", "domain verify", "domain remove", "licence give", "licence take", "operator invite", "operator reset", "operator disable",
		"operator role", "operator end-sessions", "operator remove", "operator link", "operator oidc set", "operator oidc groups", "operator oidc off", "operator roles", "audit export", "alert secret", "config check", "config keys",
	}
}

// TestEveryVerbIsUniform: a verb that answers has --json and says what is in it, with plain names; one that has neither is known
// to do nothing but act.
func TestEveryVerbIsUniform(t *testing.T) {
	t.Parallel()
	k, err := kong.New(&verbs{}, kong.Name("homeward"), kong.Vars{"agent_config": "agent.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, n := range k.Model.Leaves(true) {
		var names []string
		for at := n; at.Parent != nil; at = at.Parent {
			names = append(names, at.Name)
		}
		slices.Reverse(names)
		name := strings.Join(names, " ")
		hasJSON := slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == "json" })
		a, answers := reflect.TypeAssert[cli.Answering](n.Target.Addr())
		switch {
		case strings.HasPrefix(name, "agent doctor"), strings.HasPrefix(name, "agent connect"), strings.HasPrefix(name, "connect"):
			continue // the agent's own verbs have a form of their own
		case slices.Contains(acts(), name):
			seen++
			if hasJSON || answers {
				t.Errorf("%s answers, so it is no mere act", name)
			}
		case !hasJSON || !answers:
			t.Errorf("%s: --json is %v, and Answer says what is in it: %v", name, hasJSON, answers)
		default:
			plainNames(t, name, a.Answer())
		}
		if n.Help == "" || !strings.HasSuffix(n.Help, ".") {
			t.Errorf("%s: the help is no sentence: %q", name, n.Help)
		}
	}
	if seen < 40 {
		t.Errorf("only %d of the acts were met", seen)
	}
}

func plainNames(t *testing.T, verb string, v any) {
	t.Helper()
	for _, f := range answer.Fields(v) {
		if strings.ToLower(f.Name) != f.Name || strings.Contains(f.Name, "-") {
			t.Errorf("%s: field %q isn't in small letters with underscores", verb, f.Name)
		}
	}
	if len(answer.Fields(v)) == 0 && reflect.TypeOf(v) != reflect.TypeFor[[]string]() {
		t.Errorf("%s: nothing is known of its answer", verb)
	}
}

// TestExitCodes: 0 done, 1 not done or no, 2 what was typed can't be right.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for line, want := range map[string]int{
		"version":                      0,
		"licence list":                 0,
		"licence list nothinglikethis": 0,
		"nonsense":                     cli.Usage,
		"tenant list --config":         cli.Usage,
		"completion tcsh":              cli.Usage,
		"report usage --days 91":       cli.Usage,
		"audit list --limit 0":         cli.Usage,
		"audit list --from 2026-03-01T00:00:00Z --to 2026-02-01T00:00:00Z": cli.Usage,
		"sync rules --delete-percent 101":                                  cli.Usage,
		"sync preview --ask":                                               cli.Usage,
		"test-write --every 1s":                                            cli.Usage,
		"tenant create UPPER Name":                                         cli.Usage,
		"tenant list --config " + dir + "/x.yaml":                          cli.Failed,
		"licence add NOSUCH --config " + dir + "/x.yaml":                   cli.Failed,
	} {
		var out, errs bytes.Buffer
		s := command.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}
		if got := cli.Main(t.Context(), "homeward", "", &verbs{}, strings.Fields(line), s, "test"); got != want {
			t.Errorf("%s: %d, want %d; %s", line, got, want, errs.String())
		} else if (got != cli.OK) != (errs.Len() > 0) || got == cli.Usage && out.Len() > 0 {
			t.Errorf("%s: standard error says %q, standard output %q", line, errs.String(), out.String())
		}
	}
}
