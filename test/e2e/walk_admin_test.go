package e2e_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

const licences = "/admin/licences"

// licensing says that licences are needed, buys, counts, gives and takes them.
func (d *desk) licensing() {
	t := d.t
	p, member, other := d.person(t, lab.KindOrdinary), d.person(t, lab.KindOrdinary), d.person(t, lab.KindOrdinary)
	d.group("GG-Licensed", member)
	needed := func(yes, each bool) {
		d.open(licences)
		d.turn("#each", each)
		if yes {
			d.turn("#needed-yes", true)
		} else {
			d.turn("#needed", true)
		}
		d.press("form[action='/admin/licences/needed'] .button")
		d.sees("location.search === '?saved=1'")
	}
	works := func() bool { _, ok := d.report(t); return ok }
	needed(true, false)
	if works() {
		t.Error("without a licence writeback works, though one is needed")
	}
	add := func(find, part string) {
		d.open(licences + "?find=")
		d.fill("#find", find)
		d.press("form[method=get].inline-form button")
		d.press("form[action='/admin/licences/products']:has(input[value=add]):has(input[value='" + part + "']) button")
		d.says("tbody", part)
	}
	add("office 365 e1", "STANDARDPACK")
	if works() {
		t.Error("Office 365 E1 lets writeback work")
	}
	add("microsoft 365 e3", "SPE_E3")
	if !works() {
		t.Error("with Microsoft 365 E3 writeback doesn't work")
	}

	needed(true, true)
	give := func(kind, name string) {
		d.open(licences)
		d.pick("#part", "SPE_E3")
		d.pick("#kind", kind)
		d.fill("#holder", name)
		d.press("form[action='/admin/licences/holders'] .button.inline")
		d.sees("location.search === '?saved=1'")
	}
	may := func(want bool, who ...lab.Person) {
		t.Helper()
		for _, one := range who {
			if got := d.mayReset(one); got != want {
				t.Errorf("%s may reset: %v, not %v", one.UPN, got, want)
			}
		}
	}
	may(false, p, member)
	give("person", p.UPN)
	eventually(t, func() error { // until the group is synced
		d.open(licences)
		d.pick("#part", "SPE_E3")
		d.pick("#kind", "group")
		d.fill("#holder", "GG-Licensed")
		d.press("form[action='/admin/licences/holders'] .button.inline")
		if ok, err := try[bool](d.b, "location.search === '?saved=1'"); err != nil || !ok {
			return fmt.Errorf("the group isn't known yet, %w", err)
		}
		return nil
	})
	eventually(t, func() error { // until it is known who is in the group
		if !d.mayReset(member) {
			return errors.New("the member of the group has no licence")
		}
		return nil
	})
	may(true, p)
	may(false, other)

	// Two have it, and one was bought.
	d.fill("#seats-SPE_E3", "1")
	d.press("form:has(#seats-SPE_E3) button")
	d.sees("document.getElementById('seats-SPE_E3').value === '1' && document.querySelector('tr:has(#seats-SPE_E3) .why')")
	d.press("tr:has(input[name=kind][value=person]) form[action='/admin/licences/holders'] button")
	d.sees("document.querySelectorAll('form[action=\"/admin/licences/holders\"] input[name=subject]').length === 1")
	may(false, p)
	d.press("form[action='/admin/licences/products']:has(input[value=remove]):has(input[value=SPE_E3]) button")
	if works() {
		t.Error("writeback works without the product that includes it")
	}
	needed(false, false)
	if !works() {
		t.Error("writeback doesn't work, though no licence is needed any more")
	}
	may(true, other)
}

const helper = "helper@contoso.com"

// operators invites somebody, gives them another role, ends their sessions, voids their sign-in and turns them off.
func (d *desk) operators() {
	t := d.t
	row := func(what string) string { return "tr:has(th:first-child) form[action$='/" + what + "']" }
	of := func(what string) string { // the helper's form
		d.sees("[...document.querySelectorAll('tbody tr')].find((r) => r.querySelector('th').textContent.startsWith(%q))?.setAttribute('data-of', '') || document.querySelector('tr[data-of]')", helper)
		return strings.Replace(row(what), "tr:has(th:first-child)", "tr[data-of]", 1)
	}
	d.open("/admin/operators")
	d.fill("#name", helper)
	d.pick("form[action='/admin/operators/invite'] select", "User Administrator")
	d.press("form[action='/admin/operators/invite'] button")
	link := d.b.text(t, ".note .command code")
	v := d.visitor(t)
	secret := d.setsUp(t, v, link)
	if page, err := v.Get(t.Context(), "/admin/operators"); err != nil || page.Code != 403 {
		t.Errorf("a User Administrator gets %d for the administrators, %v", page.Code, err)
	}

	d.open("/admin/operators")
	d.pick(of("role")+" select", "Reports Reader")
	d.press(of("role") + " button")
	d.sees("location.search === '?done=role'")
	if page, err := v.Get(t.Context(), "/admin/users"); err != nil || page.Code != 403 {
		t.Errorf("a Reports Reader gets %d for people, %v", page.Code, err)
	}
	if page, err := v.Get(t.Context(), "/admin/reports"); err != nil || page.Code != 200 {
		t.Errorf("a Reports Reader gets %d for the reports, %v", page.Code, err)
	}

	out := func(why string) {
		t.Helper()
		if page, err := v.Get(t.Context(), "/admin/reports"); err != nil || page.Path != "/admin/sign-in" {
			t.Errorf("%s leads to %s, %v", why, page.Path, err)
		}
	}
	d.press(of("end") + " button")
	d.sees("location.search === '?done=end'")
	out("an ended session")
	d.press(of("link") + " button")
	again := d.b.text(t, ".note .command code")
	page, err := v.Post(t.Context(), "/admin/sign-in", map[string][]string{"name": {helper}, "password": {adminPassword}, "code": {appCode(t, secret, time.Now().Add(30*time.Second))}})
	must(t, err)
	if page.Path != "/admin/sign-in" {
		t.Errorf("what was voided leads to %s", page.Path)
	}
	d.setsUp(t, v, again)
	d.open("/admin/operators")
	d.press(of("disable") + " button")
	d.sees("location.search === '?done=disable'")
	out("somebody who is turned off")
}

// setsUp sets an administrator up without a browser, and returns the secret of their app.
func (s *site) setsUp(t *testing.T, v *demo.Visitor, link string) (secret string) {
	t.Helper()
	path := strings.TrimPrefix(link, s.Portal())
	page, err := v.Get(t.Context(), path)
	must(t, err)
	_, after, _ := strings.Cut(page.Body, `id="secret">`)
	secret, _, _ = strings.Cut(after, "<")
	secret = strings.ReplaceAll(secret, " ", "")
	page, err = v.Post(t.Context(), path, map[string][]string{"password": {adminPassword}, "repeat": {adminPassword}, "code": {appCode(t, secret, time.Now())}})
	must(t, err)
	if page.Title() != "Keep your recovery codes" {
		t.Fatalf("the set-up link leads to %s: %s", page.Path, page.Title())
	}
	return secret
}

// audit filters the log, reads one entry, and takes what it shows as a file. Whatever was done until now is in it.
func (d *desk) audit() {
	t := d.t
	for _, c := range []struct{ field, value, all string }{
		{"activity", "Reset password (by admin)", "Reset password (by admin)"}, {"result", "refused", ""}, {"when", "hour", ""}, {"agent", d.firstAgent(t), ""},
	} {
		d.open("/admin/audit")
		d.pick("#"+c.field, c.value)
		d.press(".filter-go button")
		d.sees("document.getElementById(%q).value === %q && document.querySelectorAll('#log tbody tr').length > 0", c.field, c.value)
		if c.all != "" {
			d.sees("[...document.querySelectorAll('#log tbody tr')].every((r) => r.children[2].textContent.includes(%q))", c.all)
		}
	}
	d.open("/admin/audit")
	d.fill("#who", walker)
	d.press(".filter-go button")
	d.sees("document.querySelectorAll('#log tbody tr').length > 0")
	rows, err := csv.NewReader(strings.NewReader(d.download("a[download][href*='format=csv']"))).ReadAll()
	must(t, err)
	lines := strings.Split(strings.TrimSpace(d.download("a[download][href*='format=jsonl']")), "\n")
	// Taking the file is recorded, too.
	if len(rows) < 20 || len(lines) != len(rows) {
		t.Errorf("%d rows of CSV with their heading, %d lines of JSON", len(rows), len(lines))
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("this is no JSON: %s", line)
		}
	}
	// One attempt, hop by hop, and found again by its support code.
	d.open("/admin/audit?activity=Reset+password+(self-service)&result=changed")
	d.press("#log tbody a.time")
	d.sees("document.querySelectorAll('.timeline li').length > 4 && document.querySelector('h1').textContent.startsWith('Reset password (self-service)')")
	support := d.b.text(t, ".lead code")
	d.open("/admin/audit")
	d.fill("#who", strings.ToLower(support))
	d.press(".filter-go button")
	d.sees("document.querySelectorAll('#log tbody tr').length === 1")

	// Every activity that was recorded can be filtered by.
	d.open("/admin/audit")
	records, err := d.Store.LastRecords(t.Context(), demo.TenantID, 5000)
	must(t, err)
	offered, err := try[[]string](d.b, "[...document.querySelectorAll('#activity option')].map((o) => o.value)")
	must(t, err)
	var unlisted []string
	for _, r := range records {
		if strings.Contains(r.Activity, "licence") {
			continue // they aren't needed any more, and nothing mentions them then
		}
		if !slices.Contains(offered, r.Activity) && !slices.Contains(unlisted, r.Activity) {
			unlisted = append(unlisted, r.Activity)
		}
	}
	if len(unlisted) > 0 {
		slices.Sort(unlisted)
		t.Errorf("the log can't be filtered by what it holds: %q", unlisted)
	}
}

// reports takes both as files.
func (d *desk) reports() {
	t := d.t
	d.open("/admin/reports")
	people, err := d.Store.CountPeople(t.Context(), demo.TenantID)
	must(t, err)
	rows, err := csv.NewReader(strings.NewReader(d.download("a[download][href$='registration.csv']"))).ReadAll()
	must(t, err)
	if len(rows) != people+1 {
		t.Errorf("the report of %d people has %d rows", people, len(rows)-1)
	}
	rows, err = csv.NewReader(strings.NewReader(d.download("a[download][href*='usage.csv']"))).ReadAll()
	must(t, err)
	if len(rows) < 2 {
		t.Errorf("the report of usage has %d rows", len(rows))
	}
}

// appCode is what an app shows.
func appCode(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, at)
	must(t, err)
	return code
}
