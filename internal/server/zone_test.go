package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"homeward/internal/server/verify"
)

// TestTimesAreInThePersonsZone: the browser tells its own, and the page and the mail that came with it say the same time. What
// no zone has as its name leaves the organisation's.
func TestTimesAreInThePersonsZone(t *testing.T) {
	t.Run("browser", func(t *testing.T) {
		v := newTab(t)
		v.tenant.Settings.TimeZone = "Europe/Stockholm"
		if _, err := chromedp.Call(v.ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"}); err != nil {
			t.Fatal(err)
		}
		v.toCode()
		kolkata, err := time.LoadLocation("Asia/Kolkata")
		if err != nil {
			t.Fatal(err)
		}
		v.until("document.querySelector('main').textContent.includes('" + v.clock().Add(verify.CodeLife).In(kolkata).Format("15:04") + "')")
	})
	for name, want := range map[string]string{
		"Asia/Kolkata": "Asia/Kolkata", "": "Europe/Stockholm", "Local": "Europe/Stockholm", "Nowhere/Here": "Europe/Stockholm",
		"../../etc/passwd": "Europe/Stockholm", strings.Repeat("x", 4000): "Europe/Stockholm", "UTC": "UTC",
	} {
		t.Run(name[:min(len(name), 20)], func(t *testing.T) {
			t.Parallel()
			v := newVisitor(t)
			v.b.tenant.Settings.TimeZone = "Europe/Stockholm"
			v.zone = name
			v.atCode("amara@contoso.com")
			page, _ := v.do(http.MethodGet, "/verify/1/code", nil)
			loc, err := time.LoadLocation(want)
			if err != nil {
				t.Fatal(err)
			}
			if at := v.b.clock().Add(verify.CodeLife).In(loc).Format("15:04"); !strings.Contains(page, at) {
				t.Errorf("the page of the code doesn't say %s: %.900s", at, page)
			}
			if got := v.b.letters.zones[len(v.b.letters.zones)-1]; got != want {
				t.Errorf("the mail tells the time in %s", got)
			}
		})
	}
}
