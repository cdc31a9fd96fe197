package e2e_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

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

// remindsToRegister has everybody reminded who has too few methods, once.
func (d *desk) remindsToRegister() {
	t := d.t
	d.open(settings + "methods")
	d.click("label:has(> input[name=required][value='2'])")
	d.save()
	d.open(settings + "registration")
	since, number := time.Now(), strings.TrimPrefix(strings.TrimSpace(d.b.text(t, "#remind")), "Send a reminder to ")
	d.press("#remind")
	d.says(".note.ok", "Reminders are on their way. People: "+number+".")
	d.sees("!document.getElementById('remind')") // nobody twice
	eventually(t, func() error {
		for _, m := range d.Mailbox.Messages() {
			if m.At.After(since) && strings.Contains(m.Subject, "Get ready to reset your Contoso password yourself") && strings.Contains(m.Text, d.Portal()+"/security-info") {
				return nil
			}
		}
		return errors.New("nobody was reminded")
	})
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
