package e2e_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/url"
	"strings"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// find goes to somebody's page by the list of people, and returns the address of the page.
func (d *desk) find(p lab.Person) string {
	d.t.Helper()
	d.open("/admin/users")
	d.fill("#find", p.UPN)
	d.press(".filter-go button")
	d.sees("document.querySelectorAll('#people tbody tr').length === 1")
	d.press("#people tbody a.name")
	d.says(".lead", p.UPN)
	path, err := try[string](d.b, "location.pathname")
	must(d.t, err)
	return path
}

// people filters the list of people, and does for one of them all that an administrator can.
func (d *desk) people() {
	t := d.t
	if out, err := verb(t, "", "people", "create", "--config", d.Path("server.yaml"), "ines.carvalho@cloud.example", "Ines Carvalho"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range []struct{ field, value, shows, hides string }{
		{"account", "disabled", "jonas.lind@contoso.com", "amara.okafor@contoso.com"},
		{"source", "cloud", "ines.carvalho@cloud.example", "amara.okafor@contoso.com"},
		{"can", "no", "henrik.dahl@contoso.com", "amara.okafor@contoso.com"},
		{"can", "yes", "amara.okafor@contoso.com", "henrik.dahl@contoso.com"},
	} {
		d.open("/admin/users")
		d.pick("#"+c.field, c.value)
		d.press(".filter-go button")
		d.sees("document.getElementById('people').textContent.includes(%q) && !document.getElementById('people').textContent.includes(%q)", c.shows, c.hides)
	}
	d.listed(d.soon, "Expires in ")
	d.open("/admin/users")
	count, err := d.Store.CountPeople(t.Context(), demo.TenantID)
	must(t, err)
	rows, err := csv.NewReader(strings.NewReader(d.download("a[download][href*='users.csv']"))).ReadAll()
	must(t, err)
	if len(rows) != count+1 {
		t.Errorf("the list of %d people has %d rows", count, len(rows)-1)
	}
	d.helped(d.person(t, lab.KindOrdinary))
}

// listed waits until the list of people says how somebody's account stands. An agent that needs longer than the page waits is asked
// again by the next one.
func (d *desk) listed(p lab.Person, account string) {
	d.t.Helper()
	eventually(d.t, func() error {
		d.open("/admin/users?find=" + url.QueryEscape(p.UPN))
		text, err := try[string](d.b, "document.querySelector('#people tbody tr')?.innerText ?? ''")
		if err == nil && !strings.Contains(text, account) {
			err = fmt.Errorf("the list says of %s: %s, want %s", p.UPN, text, account)
		}
		return err
	})
}

// registersAgain has somebody register anew: what they have registered is gone.
func (d *desk) registersAgain() {
	t := d.t
	p := d.person(t, lab.KindOrdinary)
	d.phones(p)
	found, err := d.Store.FindPeople(t.Context(), demo.TenantID, p.UPN)
	must(t, err)
	path := d.find(p)
	d.press("main a[href$='/register']")
	d.fill("#reason", "HD-4 a lost telephone")
	d.press("main form .button")
	d.sees("document.querySelector('#outcome.ok, main .note.ok')")
	left, err := d.Store.Methods(t.Context(), demo.TenantID, found[0].ID)
	must(t, err)
	if len(left) != 0 {
		t.Errorf("%d methods are left", len(left))
	}
	d.open(path)
	d.says("#recent", "Require to register again")
}

// helped verifies a caller, gives them a pass, unlocks them and gives them a temporary password.
func (d *desk) helped(p lab.Person) {
	t := d.t
	path := d.find(p)
	d.press("main .actions a[href$='/verify']")
	since := time.Now()
	d.click("input[name=way]")
	d.press("main form .button")
	d.fill("#code", "000000")
	d.press("main form .button")
	d.says("#code-wrong", "")
	code, err := d.reader(t).ReadCode(t.Context(), p.Mail, since)
	must(t, err)
	d.fill("#code", code)
	d.press("main form .button")
	d.sees("document.querySelector('main .state.ok') && !document.getElementById('code')")

	// A pass counts as the one check that is needed.
	d.open(path + "/pass")
	d.sees("document.querySelector('.note.ok')") // the caller is verified
	d.fill("#reason", "HD-1 lost her telephone")
	d.pick("#life", "1h")
	d.press("main form .button")
	pass := d.b.text(t, "#secret")
	d.click("#outcome .command button")
	d.sees("document.querySelector('#outcome .command button').textContent !== 'Copy' || getSelection().toString() === %q", pass)
	v, fresh := d.visitor(t), lab.RandomPassword()
	before := d.writes(t, p)
	_, err = v.Start(t.Context(), p.UPN, "forgot")
	must(t, err)
	_, err = v.Post(t.Context(), "/verify/1", map[string][]string{"method": {"pass"}})
	must(t, err)
	page, err := v.EnterCode(t.Context(), pass)
	must(t, err)
	if page.Path != "/password" {
		t.Fatalf("with a pass the person is led to %s: %s", page.Path, page.Title())
	}
	shows(t, choose(t, v, fresh), "changed")
	d.changed(t, p, before, fresh)

	// Unlocked, with the password as it was.
	d.admin(t).Lock(t, p)
	d.listed(p, "Locked out")
	eventually(t, func() error { // among all, by what the directory says now
		d.open("/admin/users?account=locked")
		if found, err := try[bool](d.b, fmt.Sprintf("document.getElementById('people').textContent.includes(%q)", p.UPN)); err != nil || !found {
			return fmt.Errorf("who is locked out isn't found among those who are, %w", err)
		}
		return nil
	})
	d.sees("!document.getElementById('people').textContent.includes('amara.okafor@contoso.com')")
	d.open(path)
	d.says(".lead .state.bad", "Locked out since ")
	d.press("main .actions a[href$='/unlock']")
	d.fill("#reason", "HD-2")
	d.press("main form .button")
	d.sees("document.querySelector('#outcome.ok')")
	if err := d.admin(t).Bind(p.UPN, fresh); err != nil {
		t.Errorf("after the unlock: %v", err)
	}

	// A temporary password, which must be changed.
	d.open(path)
	told := time.Now()
	d.press("main .actions a[href$='/reset']")
	d.fill("#reason", "HD-3")
	d.press("main form .button")
	d.sees("document.querySelector('#outcome.ok')")
	temporary := d.b.text(t, "#secret")
	if code := dctest.BindCode(d.admin(t).Bind(p.UPN, temporary)); code != "773" {
		t.Errorf("signing in with the temporary password gives %q, not must change", code)
	}
	d.told(t, p, told, "An administrator reset your Contoso password in Active Directory")
	d.open(path)
	for _, what := range []string{"Verify caller (by admin)", "Issue helpdesk pass", "Unlock user account (by admin)", "Reset password (by admin)"} {
		d.says("#recent", what)
	}
}

// enters tells where the portal leads somebody who wants to reset, after they have typed their name.
func (d *desk) enters(p lab.Person) demo.Page {
	d.t.Helper()
	page, err := d.visitor(d.t).Start(d.t.Context(), p.UPN, "forgot")
	must(d.t, err)
	return page
}

// informed is somebody at their security info, who has proven who they are by mail.
func (d *desk) informed(p lab.Person) (*demo.Visitor, demo.Page) {
	d.t.Helper()
	v := d.visitor(d.t)
	_, err := v.Post(d.t.Context(), "/security-info", map[string][]string{"name": {p.UPN}})
	must(d.t, err)
	since := time.Now()
	page, err := v.AskCode(d.t.Context())
	must(d.t, err)
	if !strings.HasPrefix(page.Path, "/verify/1/code") {
		return v, page
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	code, err := v.ReadCode(ctx, p.Mail, since)
	must(d.t, err)
	page, err = v.EnterCode(d.t.Context(), code)
	must(d.t, err)
	return v, page
}

// has reports which of some texts a page holds, as a list.
func has(p demo.Page, texts ...string) string {
	var out []string
	for _, text := range texts {
		if strings.Contains(p.Body, text) {
			out = append(out, text)
		}
	}
	return fmt.Sprint(out)
}
