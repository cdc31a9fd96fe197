package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server/status"
)

// Each reason for which writeback is off is produced for real. It is on the page, which nobody touches, within 15 seconds, and gone
// within 15 seconds of the mend.
func TestBlockedReasons(t *testing.T) {
	t.Parallel()
	old := oldAgent(t)
	s := own(t, demo.Options{}, supply{lab.KindOrdinary: 4})
	one := s.firstAgent(t)
	b := openBrowser(t, "en", 1280, 800)
	b.setUp(t, s.invite(t, "invite", "karin"))
	b.title(t, "Overview")
	b.run(t, chromedp.Navigate(s.Portal()+onpremPage))
	b.sees(t, "document.getElementById('writeback').checked && document.getElementById('unlock').checked && !document.querySelector('.reason')")
	features := func(on bool) {
		t.Helper()
		must(t, s.Agent.Stop())
		s.reconfigure(t, s.Path("agent.yaml"), func(conf map[string]any) {
			for _, d := range conf["directories"].([]any) {
				d.(map[string]any)["features"] = map[string]any{"writeback": on}
			}
		})
		must(t, s.LaunchAgent())
	}
	for _, c := range []struct {
		reason     string
		harm, heal func()
	}{
		{"offline", func() { must(t, s.Agent.Stop()) }, func() { s.downEverywhere(t, b); must(t, s.LaunchAgent()) }},
		{"unreachable", func() { must(t, s.DC.Pause()) }, func() { must(t, s.DC.Resume()) }},
		{"licence", func() { s.mustOperate(t, "licence", "need", "on") }, func() { s.mustOperate(t, "licence", "need", "off") }},
		{"connect", func() { features(false) }, func() { features(true) }},
		{"outdated", func() { must(t, s.Agent.Stop()); must(t, s.LaunchAgentOf(old)) }, func() { s.namesOld(t, b); must(t, s.Agent.Stop()); must(t, s.LaunchAgent()) }},
		{"moved", func() { must(t, s.Agent.Stop()); s.copied(t, "moved", elsewhere("moved-srv")...) }, func() { s.mustOperate(t, "agent", "accept-move", one) }},
	} {
		gone := fmt.Sprintf("!document.querySelector('[data-reason=%s]')", c.reason)
		c.harm()
		came := b.appears(t, strings.TrimPrefix(gone, "!")+" && !document.getElementById('writeback').checked")
		c.heal()
		went := b.appears(t, gone+" && document.getElementById('writeback').checked")
		t.Logf("%s: there after %v, gone after %v", c.reason, came, went)
	}
	rights := func(r status.Report) bool {
		return slices.ContainsFunc(r.Notes, func(c status.Cause) bool { return c.ID == "rights" })
	}
	admin := s.DC.Administrator()
	// Of the demo's people one has cut their account off from what its OU grants.
	const alone = "document.querySelectorAll('#checks tr.bad:not(.fix)').length === 1 && /1 person/.test(document.querySelector('#checks tr.bad').textContent)"
	s.checksUp(t, b, one, alone+" && document.querySelectorAll('#checks tr.ok').length > 9")
	for _, c := range []struct {
		verb  string
		want  bool
		found string
	}{
		{"revoke", true, "[...document.querySelectorAll('#checks tr.bad')].some((r) => /Reset Password.*OU=Sales.*not granted/.test(r.textContent) && /dsacls .*Reset Password/.test(r.nextElementSibling.textContent))"},
		{"grant", false, alone},
	} {
		if out, err := verb(t, admin.Password+"\n", "agent", c.verb, "--as", admin.UPN, "--config", s.Path("agent.yaml")); err != nil {
			t.Fatalf("%s: %v\n%s", c.verb, err, out)
		}
		began := time.Now()
		eventually(t, func() error {
			if r, _ := s.report(t); rights(r) != c.want {
				return fmt.Errorf("after %s: %s, %+v", c.verb, r.Sentence, r.Notes)
			}
			return nil
		})
		t.Logf("%s shows after %v", c.verb, time.Since(began))
		s.checksUp(t, b, one, c.found)
	}
	s.served(t)
}

// checksUp has an agent check everything, on its page, and waits there until what it found is so.
func (s *site) checksUp(t *testing.T, b *browser, id, found string) {
	t.Helper()
	b.run(t, chromedp.Navigate(s.Portal()+agents+"/"+id))
	b.sees(t, "document.getElementById('run-checks')")
	began := time.Now()
	b.sees(t, "(() => { document.getElementById('run-checks').click(); return true; })()")
	b.sees(t, "!document.querySelector('#checks[data-soon]') && document.getElementById('checked-at') && "+found)
	t.Logf("checked after %v: %s", time.Since(began), b.text(t, "#tally"))
}

const onpremPage = "/admin/password-reset/onprem"

// downEverywhere looks at what every page says while no agent answers, and comes back. The switch can be focused, and stays as it is.
func (s *site) downEverywhere(t *testing.T, b *browser) {
	t.Helper()
	b.sees(t, "document.getElementById('pill').textContent.includes('Writeback is down')")
	b.sees(t, "document.getElementById('writeback').getAttribute('aria-disabled') === 'true'")
	b.tab(t, "#writeback")
	b.keys(t, space)
	b.sees(t, "!document.getElementById('writeback').checked")
	b.run(t, chromedp.Navigate(s.Portal()+"/admin"))
	b.sees(t, "document.getElementById('hero-title').textContent === 'Passwords are not being written back' && document.querySelector('.hop.bad') && document.querySelector('.hop.unknown')")
	b.run(t, chromedp.Navigate(s.Portal()+onpremPage))
	b.sees(t, "document.querySelector('[data-reason=offline]')")
}

// namesOld looks at how the page names an agent that is too old: which, what it runs, and what to do.
func (s *site) namesOld(t *testing.T, b *browser) {
	t.Helper()
	b.sees(t, fmt.Sprintf("document.querySelector('[data-reason=outdated]').textContent.includes(%q)", oldBuild))
	r, works := s.report(t)
	if works || len(r.Agents) != 1 || r.Agents[0].State != "outdated" || r.Agents[0].Build != oldBuild {
		t.Errorf("status %s: %+v", r.Sentence, r.Agents)
	}
}

const oldBuild = "0.9.1"

// oldAgent builds the agent as it would be if it were older than this server takes: the same sources, but for the versions they name.
func oldAgent(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	replaced := map[string]string{}
	for file, lines := range map[string][2]string{
		"internal/protocol/protocol.go": {"Version = [0-9]+\n", "Version = 0\n"},
		"internal/build/build.go":       {`(?s)import .*`, `func Version() string { return "` + oldBuild + `" }`},
	} {
		path, err := filepath.Abs(filepath.Join("..", "..", file))
		must(t, err)
		text, err := os.ReadFile(path)
		must(t, err)
		changed := regexp.MustCompile(lines[0]).ReplaceAllString(string(text), lines[1])
		if changed == string(text) {
			t.Fatalf("%s has nothing that names a version as %s expects", file, lines[0])
		}
		replaced[path] = filepath.Join(dir, filepath.Base(file))
		must(t, os.WriteFile(replaced[path], []byte(changed), 0o600))
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	program := filepath.Join(dir, "homeward-agent")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-o", program, "homeward/cmd/homeward-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}
