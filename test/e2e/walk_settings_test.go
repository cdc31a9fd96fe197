package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

const settings = "/admin/password-reset/"

// group makes a group with somebody in it.
func (d *desk) group(name string, p lab.Person) {
	d.t.Helper()
	r := ldap.NewAddRequest("CN="+name+","+d.DC.OUs()[0], nil)
	r.Attribute("objectClass", []string{"group"})
	r.Attribute("sAMAccountName", []string{name})
	r.Attribute("member", []string{p.DN})
	must(d.t, d.admin(d.t).Admin(d.t).Add(r))
}

// properties says who may reset: nobody, the people of a group, everybody.
func (d *desk) properties() {
	t := d.t
	in, out := d.person(t, lab.KindOrdinary), d.person(t, lab.KindOrdinary)
	d.group("GG-SSPR", in)
	may := func(p lab.Person) bool { return d.mayReset(p) }
	d.open(settings + "properties")
	d.click("#scope")
	d.save()
	if may(in) || may(out) {
		t.Error("with nobody in scope, somebody may reset")
	}
	eventually(t, func() error { // until the group is synced
		d.open(settings + "properties?find=")
		d.fill("#find", "GG-SS")
		d.press("form[method=get].inline-form button")
		if found, err := try[bool](d.b, "!!document.querySelector('.rows a.small[href*=\"group=\"]')"); err != nil || !found {
			return fmt.Errorf("the group isn't found, %w", err)
		}
		return nil
	})
	d.press(".rows a.small[href*='group=']")
	d.says(".chip", "GG-SSPR")
	d.click("#all")
	d.click("#selected")
	d.save()
	eventually(t, func() error { // until it is known who is in it
		if !may(in) {
			return errors.New("the member of the group in scope may not reset")
		}
		return nil
	})
	if may(out) {
		t.Error("somebody who isn't in the group in scope may reset")
	}
	d.open(settings + "properties")
	d.click("#all")
	d.save()
	if !may(out) {
		t.Error("with everybody in scope, somebody may not reset")
	}
}

// mayReset reports whether the portal lets somebody as far as the choice of a new password. Whoever it doesn't let in sees what
// unknown names see: a page that asks for a code, which never comes.
func (d *desk) mayReset(p lab.Person) bool {
	d.t.Helper()
	v := d.visitor(d.t)
	page, err := v.Start(d.t.Context(), p.UPN, "forgot")
	must(d.t, err)
	if page.Path != "/verify/1" {
		return false
	}
	a, err := d.Store.AttemptBySession(d.t.Context(), demo.TenantID, sessionHash(d.t, d.site, v))
	must(d.t, err)
	return a.Person != "" && verified(d.t, d.visitor(d.t), p, "forgot").Path == "/password"
}

// notifications says who is told what. Reminders and alerts are proven later, by tidings: they take their time.
func (d *desk) notifications() {
	t := d.t
	holder, first, second := d.person(t, lab.KindOrdinary), d.person(t, lab.KindOrdinary), d.person(t, lab.KindOrdinary)
	d.mustOperate(t, "role", "set", holder.UPN, "Global Administrator")
	zone, err := time.LoadLocation("Europe/Stockholm")
	must(t, err)
	now := time.Now().In(zone)
	d.open(settings + "notifications")
	d.turn("#people", false)
	d.turn("#admins", true)
	d.fill("#expiry", "14, 7, 1")
	d.fill("#from", now.Add(-2*time.Hour).Format("0304PM"))
	d.fill("#until", now.Add(6*time.Hour).Format("0304PM"))
	d.fill("#alerts", "duty@contoso.example")
	d.fill("#webhook", d.hook.URL)
	d.press("main .save button")
	d.says(".summary", "Use https, or confirm") // the hook speaks http
	d.turn("#plain", true)
	d.save()
	phone := d.phones(second)[0]
	since := time.Now()
	set := func(p lab.Person) {
		if out, err := d.onPerson(t, lab.RandomPassword()+"\n", "reset", p.UPN); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	set(holder)
	shows(t, reset(t, d.visitor(t), first, lab.RandomPassword()), "changed")
	d.mailed(walker, since, holder.UPN)
	d.open(settings + "notifications")
	d.press("#test")
	d.says(".note.ok", walker)
	d.mailed(walker, since, "Test: Your Contoso password has been changed")
	d.turn("#people", true)
	d.turn("#texts", true)
	d.turn("#admins", false)
	d.save()
	set(holder)
	shows(t, reset(t, d.visitor(t), second, lab.RandomPassword()), "changed")
	d.told(t, second, since, "Your Contoso password has been changed in Active Directory")
	d.mailed(phone, since, "Your Contoso password was changed. It wasn’t you?")
	d.told(t, holder, since, "An administrator reset your Contoso password in Active Directory")
	for _, m := range d.Mailbox.Messages() {
		if m.To == first.Mail && m.At.After(since) && !strings.Contains(m.Text, "code") {
			t.Errorf("while people weren't to be told, one was: %s", m.Subject)
		}
	}
	if n := d.letters(walker, since, holder.UPN); n != 1 {
		t.Errorf("the administrator was told %d times of two new passwords of somebody with a role, though the second time they weren't to be", n)
	}
	d.mustOperate(t, "role", "clear", holder.UPN, "Global Administrator")
}

// letters counts the mails to an address since a moment that hold a text.
func (d *desk) letters(to string, since time.Time, text string) int {
	n := 0
	for _, m := range d.Mailbox.Messages() {
		if strings.EqualFold(m.To, to) && m.At.After(since) && strings.Contains(m.Subject+"\n"+m.Text, text) {
			n++
		}
	}
	return n
}

// mailed waits for such a mail.
func (d *desk) mailed(to string, since time.Time, text string) {
	d.t.Helper()
	eventually(d.t, func() error {
		if d.letters(to, since, text) == 0 {
			return errors.New("no mail to " + to + " says " + text)
		}
		return nil
	})
}

// customization changes how the portal looks and what it says.
func (d *desk) customization() {
	t := d.t
	logo := filepath.Join(t.TempDir(), "logo.png")
	var picture bytes.Buffer
	must(t, png.Encode(&picture, image.NewGray(image.Rect(0, 0, 300, 100))))
	must(t, os.WriteFile(logo, picture.Bytes(), 0o600))
	d.open(settings + "customization")
	for field, text := range map[string]string{
		"name": "Contoso Süd", "accent": "#7A1F5C", "phone": "+46 8 555 09 09", "mail": "desk@contoso.example", "help": "https://help.contoso.example/a",
		"signin": "https://apps.contoso.example/", "lead": "A lead of our own.", "note": "A note of our own.", "vpn": "A word about the VPN.",
	} {
		d.fill("#"+field, text)
	}
	d.upload("#logo", logo)
	d.save()
	d.sees("document.querySelector('img.logo-now')?.naturalWidth === 300 || document.querySelector('img.logo-now')?.complete")
	v := d.visitor(t)
	start, err := v.Get(t.Context(), "/start")
	must(t, err)
	for _, want := range []string{"Contoso Süd", "tel:+4685550909", "mailto:desk@contoso.example", "A lead of our own.", "A note of our own.", "/brand/logo.png?v=", "/brand.css?v="} {
		if !strings.Contains(start.Body, want) {
			t.Errorf("the first page lacks %q", want)
		}
	}
	sheet, err := v.Get(t.Context(), "/brand.css")
	must(t, err)
	if !strings.Contains(sheet.Body, "#7a1f5c") {
		t.Errorf("the style sheet holds %q", sheet.Body)
	}
	p := d.person(t, lab.KindOrdinary)
	page := verified(t, v, p, "forgot")
	for _, want := range []string{"https://help.contoso.example/a"} {
		if !strings.Contains(start.Body+page.Body, want) {
			t.Errorf("nothing leads to %q", want)
		}
	}
	page = choose(t, v, lab.RandomPassword())
	shows(t, page, "changed")
	for _, want := range []string{"https://apps.contoso.example/", "A word about the VPN."} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the last page lacks %q", want)
		}
	}
	d.open(settings + "customization")
	d.turn("#no_logo", true)
	d.fill("#name", "Contoso")
	d.save()
	if start, err = v.Get(t.Context(), "/start"); err != nil || strings.Contains(start.Body, "/brand/logo.png") {
		t.Errorf("the logo is still there, %v", err)
	}
	d.open(settings + "customization")
	d.fill("#mail", "")
	d.save()
	if start, err = v.Get(t.Context(), "/start"); err != nil || strings.Contains(start.Body, "mailto:") {
		t.Errorf("the address is still there, %v", err)
	}
}

// onprem turns both switches off and on.
func (d *desk) onprem() {
	t := d.t
	p := d.person(t, lab.KindOrdinary)
	unlocks := func() bool {
		page, err := d.visitor(t).Get(t.Context(), "/start")
		must(t, err)
		return strings.Contains(page.Body, `value="locked"`)
	}
	turn := func(what string, on bool) {
		d.open(settings + "onprem")
		d.turn("#"+what, on)
		d.save()
		d.sees("document.getElementById(%q).checked === %v", what, on)
	}
	for _, on := range []bool{false, true} {
		turn("unlock", on)
		if unlocks() != on {
			t.Errorf("unlock is offered: %v, though the switch is %v", unlocks(), on)
		}
	}
	for _, on := range []bool{false, true} {
		turn("writeback", on)
		d.sees("!!document.querySelector('[data-reason=needs]') === %v", !on) // why nobody can be unlocked
		if page := d.enters(p); strings.HasPrefix(page.Path, "/verify/") != on {
			t.Errorf("with writeback %v somebody is led to %s", on, page.Path)
		}
		if _, works := d.report(t); works != on {
			t.Errorf("with writeback %v, status says %v", on, works)
		}
	}
	shows(t, reset(t, d.visitor(t), p, lab.RandomPassword()), "changed")
	eventually(t, func() error { // a directory that needs longer than the page waits is asked again by the next one
		d.open(settings + "onprem")
		rules, err := try[string](d.b, "document.getElementById('rules').innerText")
		if err == nil && (!strings.Contains(rules, "Default Domain Policy") || !strings.Contains(rules, "fine-grained, precedence 1") || !strings.Contains(rules, "45 days")) {
			err = errors.New("the password rules are shown as " + rules)
		}
		return err
	})
	d.says("#switches", " by "+walker)
	d.open("/admin")
	d.sees("/ago/.test(document.getElementById('last-write').textContent) && /median/.test(document.getElementById('use').textContent) && /\\d/.test(document.getElementById('trip-agent').textContent)")
}
