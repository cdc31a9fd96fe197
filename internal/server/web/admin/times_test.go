package admin_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/locale"
	"homeward/internal/server/provision"
	"homeward/internal/server/status"
)

// TestTimesInEveryLanguage: a page writes its moments and spans as the language does, in the tenant's zone, and names that zone.
func TestTimesInEveryLanguage(t *testing.T) {
	t.Parallel()
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	stockholm, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string][7]string{
		"en": {"15:24:07", "3 March at 09:05:07", "3 March 2026, 09:05:07", "328 ms", "1.3 s", "2 min 5 s", "3 March at 09:05"},
		"de": {"15:24:07", "3. März um 09:05:07", "3. März 2026, 09:05:07", "328 ms", "1,3 s", "2 min 5 s", "3. März um 09:05"},
		"fr": {"15:24:07", "3 mars à 09:05:07", "3 mars 2026, 09:05:07", "328 ms", "1,3 s", "2 min 5 s", "3 mars à 09:05"},
		"es": {"15:24:07", "3 de marzo a las 9:05:07", "3 de marzo de 2026, 9:05:07", "328 ms", "1,3 s", "2 min 5 s", "3 de marzo a las 9:05"},
		"sv": {"15:24:07", "3 mars kl. 09:05:07", "3 mars 2026, 09:05:07", "328 ms", "1,3 s", "2 min 5 s", "3 mars kl. 09:05"},
		"ja": {"15:24:07", "3月3日 9:05:07", "2026年3月3日 9:05:07", "328 ミリ秒", "1.3 秒", "2 分 5 秒", "3月3日 9:05"},
		"ar": {"15:24:07", "3 مارس الساعة 09:05:07", "3 مارس 2026، 09:05:07", "328 ملي ث", "1.3 ث", "2 د 5 ث", "3 مارس الساعة 09:05"},
	} {
		f := frame(catalog, lang, "/admin", working())
		f.Location = stockholm
		earlier := time.Date(2026, 3, 3, 8, 5, 7, 0, time.UTC)
		run := func(d time.Duration) string {
			return f.RunRow(provision.Run{Status: provision.RunDone, Started: earlier, Ended: earlier.Add(d)}).Took
		}
		away := f.Causes([]status.Cause{{ID: "away", Values: map[string]string{"Agent": "A", "Time": "English"}, Moment: earlier}})[0].Says
		says := f.T("admin.cause.away.says", "Agent", "A", "Time", want[6])
		if away != says {
			t.Errorf("%s: %q, want %q", lang, away, says)
		}
		got := [7]string{
			f.Second(now().Add(-8 * time.Minute)), f.Second(earlier), f.When(earlier), run(328 * time.Millisecond), run(1340 * time.Millisecond), run(125 * time.Second), want[6],
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", lang, diff)
		}
		if zone := f.Zone(); zone != "Europe/Stockholm (UTC+01:00)" {
			t.Errorf("%s: the zone is %q", lang, zone)
		}
	}
}
