package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
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

// methods turns each kind of check, and what belongs to it.
func (d *desk) methods() {
	t := d.t
	p := d.person(t, lab.KindOrdinary)
	v, _ := d.informed(p)
	offers := func() string {
		page, err := v.Get(t.Context(), "/security-info/add")
		must(t, err)
		return has(page, `value="passkey"`, `value="app"`, `value="mail"`, `value="text"`, `value="questions"`)
	}
	list := func() demo.Page {
		page, err := v.Get(t.Context(), "/security-info?list=1")
		must(t, err)
		return page
	}
	if got := offers(); got != `[value="passkey" value="app" value="mail"]` {
		t.Errorf("at first %s can be added", got)
	}
	masked := regexp.MustCompile(`•+@`)
	if !masked.MatchString(list().Body) {
		t.Error("the directory's address isn't listed")
	}

	d.open(settings + "methods")
	d.click("label:has(> input[name=required][value='2'])")
	d.turn("#passkey", false)
	d.turn("#app", false)
	d.turn("#text", true)
	d.turn("#questions", true)
	d.turn("#pass", false)
	d.pick("#set_up", "5")
	d.pick("#asked", "4")
	d.save()
	if got := offers(); got != `[value="mail" value="text" value="questions"]` {
		t.Errorf("%s can be added", got)
	}
	d.phones(p)
	d.questions(v)
	w := d.visitor(t)
	_, err := w.Start(t.Context(), p.UPN, "forgot")
	must(t, err)
	page, err := w.Get(t.Context(), "/verify/1")
	must(t, err)
	if got := has(page, `value="pass"`, `value="questions"`); got != `[value="questions"]` {
		t.Errorf("a reset offers %s", got)
	}
	page, err = w.Post(t.Context(), "/verify/1", url.Values{"method": {"questions"}})
	must(t, err)
	if n := strings.Count(page.Body, `id="answer`); n != 4 {
		t.Errorf("%d questions are asked on %s", n, page.Path)
	}
	if page = verified(t, d.visitor(t), p, "forgot"); page.Path != "/verify/2" {
		t.Errorf("after the first of two checks the person is led to %s", page.Path)
	}

	d.open(settings + "methods")
	d.turn("#mail", false)
	d.turn("#directory", false)
	d.turn("#app", true)
	d.save()
	if got := offers(); got != `[value="app" value="text"]` {
		t.Errorf("%s can be added", got)
	}
	if masked.MatchString(list().Body) {
		t.Error("the directory's address is listed, though it proves nothing any more")
	}
}

// phones registers a number of each of some people, and returns where a text message to them ends.
func (d *desk) phones(people ...lab.Person) (addresses []string) {
	d.t.Helper()
	text := "userPrincipalName,method,value\n"
	for _, p := range people {
		n := 700000000 + phoneNumbers.Add(1)
		text += fmt.Sprintf("%s,text,+46%d\n", p.UPN, n)
		addresses = append(addresses, fmt.Sprintf("46%d@sms.example", n))
	}
	csv := filepath.Join(d.t.TempDir(), "numbers.csv")
	must(d.t, os.WriteFile(csv, []byte(text), 0o600))
	if out, err := verb(d.t, "", "people", "methods", "import", "--apply", "--config", d.Path("server.yaml"), csv); err != nil {
		d.t.Fatalf("%v: %s", err, out)
	}
	return addresses
}

// phoneNumbers counts the numbers that were given out.
var phoneNumbers atomic.Uint32

// questions registers security questions, as many as are asked for.
func (d *desk) questions(v *demo.Visitor) {
	t := d.t
	t.Helper()
	page, err := v.Get(t.Context(), "/security-info/add/questions")
	must(t, err)
	form := url.Values{}
	ids := regexp.MustCompile(`<option value="([a-z_]+)"`).FindAllStringSubmatch(page.Body, -1)
	n := strings.Count(page.Body, `id="answer`)
	if n != 5 {
		t.Fatalf("%d questions are to be set up on %s: %s", n, page.Path, page.Title())
	}
	for i := range n {
		form.Set(fmt.Sprintf("question%d", i+1), ids[i][1])
		form.Set(fmt.Sprintf("answer%d", i+1), fmt.Sprintf("my own answer %c", 'A'+i))
	}
	page, err = v.Post(t.Context(), "/security-info/add/questions", form)
	must(t, err)
	if page.Path != "/security-info" {
		t.Fatalf("the questions lead to %s: %s", page.Path, page.Title())
	}
}

// registration says who must register what. The directory's address proves nothing now, but for who has registered nothing, if that
// is allowed; and two checks are needed.
func (d *desk) registration() {
	t := d.t
	fresh := d.person(t, lab.KindOrdinary)
	d.open(settings + "methods")
	d.turn("#mail", true)
	d.save()
	since, v := time.Now(), d.visitor(t)
	_, err := v.Post(t.Context(), "/security-info", map[string][]string{"name": {fresh.UPN}})
	must(t, err)
	_, err = v.AskCode(t.Context())
	must(t, err)
	d.open(settings + "registration")
	d.turn("#register", true)
	d.turn("#first", true)
	d.save()
	if _, page := d.informed(fresh); page.Path != "/security-info" || has(page, `class="interrupt"`, `value="app"`) != `[class="interrupt" value="app"]` {
		t.Errorf("somebody without a method is led to %s: %s", page.Path, page.Title())
	}
	if n := d.letters(fresh.Mail, since, ""); n != 1 {
		t.Errorf("%d codes were sent to an address that proves something only since the last setting", n)
	}
	d.open(settings + "methods")
	d.click("label:has(> input[name=required][value='1'])")
	d.turn("#questions", false)
	d.turn("#passkey", true)
	d.turn("#pass", true)
	d.turn("#directory", true)
	d.save()

	// Somebody who has something registered and has never said that it is right.
	d.phones(fresh)
	for _, c := range []struct{ days, shows string }{{"30", `[class="interrupt"]`}, {"0", "[]"}} {
		d.open(settings + "registration")
		d.turn("#register", false)
		d.turn("#first", false)
		d.fill("#days", c.days)
		d.save()
		if _, page := d.informed(fresh); page.Path != "/security-info" || has(page, `class="interrupt"`) != c.shows {
			t.Errorf("after %s days: %s shows %s", c.days, page.Path, has(page, `class="interrupt"`))
		}
	}
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
	d.save()
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
	d.turn("#people", true)
	d.turn("#admins", false)
	d.save()
	set(holder)
	shows(t, reset(t, d.visitor(t), second, lab.RandomPassword()), "changed")
	d.told(t, second, since, "Your Contoso password has been changed in Active Directory")
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
}
