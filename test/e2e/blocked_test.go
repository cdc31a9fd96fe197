package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server/status"
)

// Each reason for which writeback is off is produced for real: it is on the page within 15 seconds, and gone within 15
// seconds of the mend. TestAdminPortalTellsTheTruth stops the agent; TestOldAgentsAreNamed has one that is too old.
func TestBlockedReasons(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, supply{lab.KindOrdinary: 4})
	b := openBrowser(t, "en", 1280, 800)
	b.setUp(t, s.invite(t, "invite", "karin"))
	b.title(t, "Overview")
	b.run(t, chromedp.Navigate(s.Portal()+"/admin/password-reset/onprem"))
	b.sees(t, "document.getElementById('writeback').checked && !document.querySelector('.reason')")
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
		{"unreachable", func() { must(t, s.DC.Pause()) }, func() { must(t, s.DC.Resume()) }},
		{"licence", func() { s.mustOperate(t, "licence", "need", "on") }, func() { s.mustOperate(t, "licence", "need", "off") }},
		{"connect", func() { features(false) }, func() { features(true) }},
	} {
		gone := fmt.Sprintf("!document.querySelector('[data-reason=%s]')", c.reason)
		c.harm()
		came := b.sees15(t, strings.TrimPrefix(gone, "!")+" && !document.getElementById('writeback').checked")
		c.heal()
		went := b.sees15(t, gone+" && document.getElementById('writeback').checked")
		t.Logf("%s: there after %v, gone after %v", c.reason, came, went)
	}
	rights := func(r status.Report) bool {
		return slices.ContainsFunc(r.Notes, func(c status.Cause) bool { return c.ID == "rights" })
	}
	admin := s.DC.Administrator()
	for _, c := range []struct {
		verb string
		want bool
	}{{"revoke", true}, {"grant", false}} {
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
		if took := time.Since(began); took > within {
			t.Errorf("%s shows after %v", c.verb, took)
		}
	}
	s.served(t)
}
