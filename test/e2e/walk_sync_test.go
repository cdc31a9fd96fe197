package e2e_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server/provision"
)

const (
	syncPage = "/admin/sync"
	// moreThanPasses is how many deletions of this stack's people the guard holds back.
	moreThanPasses = 22
)

// directorySync asks for a run and for a preview, turns sync off and on, decides what waits, and takes a decision back.
func (d *desk) directorySync() {
	t := d.t
	d.open(syncPage)
	d.sees("document.querySelector('#domains .state.ok')")
	before := d.fullRuns()
	d.press("#sync-now")
	d.sees("location.search === '?done=now' && document.querySelector('.note.ok[role=status]')")
	eventually(t, func() error {
		if n := d.fullRuns(); n <= before {
			return fmt.Errorf("%d full runs, as before", n)
		}
		return nil
	})
	d.press("main a[href='/admin/sync/preview']")
	d.press("#ask")
	d.sees("document.querySelectorAll('#verdicts tbody tr').length > 0 && document.querySelector('#verdicts .state').textContent.includes('Nothing has been changed')")
	rows, err := csv.NewReader(strings.NewReader(d.download("#verdicts a[download]"))).ReadAll()
	must(t, err)
	if len(rows) < 60 || !slices.ContainsFunc(rows, func(r []string) bool { return strings.Contains(strings.Join(r, " "), "amara.okafor@contoso.com") }) {
		t.Errorf("the preview as a file has %d rows", len(rows))
	}
	// With a preview there are two rows, each with a button of its own.
	before = d.fullRuns()
	d.open(syncPage)
	d.press(".sync-act form[action='/admin/sync/now'] button")
	eventually(t, func() error {
		if n := d.fullRuns(); n <= before {
			return fmt.Errorf("%d full runs, as before", n)
		}
		return nil
	})

	p := d.person(t, lab.KindOrdinary)
	d.open(syncPage)
	d.press(".sync-act form[action='/admin/sync/switch'] button")
	d.sees("document.querySelector('#domains .state').matches('.warn')")
	d.admin(t).Set(t, p.DN, "displayName", "Changed Meanwhile")
	d.open(syncPage + "/preview") // time goes by
	if found, err := d.Store.FindPeople(t.Context(), demo.TenantID, p.UPN); err != nil || found[0].DisplayName == "Changed Meanwhile" {
		t.Errorf("a change came in, though sync is off: %v", err)
	}
	d.open(syncPage)
	d.press(".sync-act form[action='/admin/sync/switch'] button")
	eventually(t, func() error {
		found, err := d.Store.FindPeople(t.Context(), demo.TenantID, p.UPN)
		if err == nil && found[0].DisplayName != "Changed Meanwhile" {
			err = errors.New("the change hasn't come in since sync is on again")
		}
		return err
	})
	d.decisions()
}

func (d *desk) fullRuns() int {
	d.t.Helper()
	all, err := d.Store.Runs(d.t.Context(), demo.TenantID, "", 500)
	must(d.t, err)
	return len(slices.DeleteFunc(all, func(r provision.Run) bool { return !r.Full || r.Ended.IsZero() }))
}

// comes adds somebody to the directory.
func (d *desk) comes(name, upn string) lab.Person {
	d.t.Helper()
	p := lab.Person{
		DisplayName: "Comes " + name, UPN: upn, SAM: name, Mail: name + "@mail.example", Password: lab.RandomPassword(),
		DN: "CN=Comes " + name + "," + d.DC.OUs()[0],
	}
	must(d.t, d.admin(d.t).Admin(d.t).Add(addition(p)))
	return p
}

// decisions makes each kind of decision about an object that waits.
func (d *desk) decisions() {
	t := d.t
	for _, name := range []string{"contoso.com", "mail.example", "cloud.example"} {
		must(t, d.Store.PutDomain(t.Context(), provision.Domain{Tenant: demo.TenantID, Name: name, Token: "t-" + name, Verified: time.Now()}))
	}
	d.mustOperate(t, "sync", "rules", "--soft-match", "ask")
	for _, name := range []string{"linked", "apart"} {
		if out, err := verb(t, "", "people", "create", "--config", d.Path("server.yaml"), name+"@contoso.com", "Cloud "+name); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		d.comes(name, name+"@contoso.com")
	}
	d.comes("routed", "routed@corp.contoso.test")
	kept := map[string][2]lab.Person{}
	addresses := func(which int) {
		for choice, pair := range kept {
			d.admin(t).Set(t, pair[which].DN, "proxyAddresses", "SMTP:"+choice+"@mail.example")
		}
	}
	for _, choice := range []string{"keep_this", "keep_that", "ignore"} {
		kept[choice] = [2]lab.Person{d.person(t, lab.KindOrdinary), d.person(t, lab.KindOrdinary)}
	}
	addresses(0)
	eventually(t, func() error { // each is one person's before another asks for it
		for choice := range kept {
			if found, err := d.Store.FindPeople(t.Context(), demo.TenantID, choice+"@mail.example"); err != nil || len(found) == 0 {
				return fmt.Errorf("the address of %s hasn't come in, %w", choice, err)
			}
		}
		return nil
	})
	addresses(1)
	cards := func(n int) {
		t.Helper()
		eventually(t, func() error {
			d.open(syncPage)
			got, err := try[int](d.b, "document.querySelectorAll('article.case').length")
			if err == nil && got != n {
				text, _ := try[string](d.b, "document.getElementById('decisions').innerText")
				err = fmt.Errorf("%d decisions wait, not %d: %s", got, n, text)
			}
			return err
		})
	}
	cards(6)
	d.pick("#reason", "soft_match")
	d.press(".case-filter button")
	d.sees("document.querySelectorAll('article.case').length === 2")

	for i, c := range []struct{ choice, about string }{
		{"link", "linked"}, {"apart", "apart"}, {"use_mail", "routed"}, {"keep_this", "keep_this@"}, {"keep_that", "keep_that@"}, {"ignore", "ignore@"},
	} {
		d.open(syncPage)
		d.sees("(() => { const c = [...document.querySelectorAll('article.case')].find((c) => c.textContent.includes(%q)); c?.setAttribute('data-about', ''); return c; })()", c.about)
		d.press(fmt.Sprintf("article[data-about] button[value=%s]", c.choice))
		cards(5 - i)
	}
	one := func(name string) provision.Person {
		t.Helper()
		found, err := d.Store.FindPeople(t.Context(), demo.TenantID, name)
		must(t, err)
		if len(found) != 1 {
			t.Fatalf("%d accounts are called %s", len(found), name)
		}
		return found[0]
	}
	if p := one("linked@contoso.com"); p.Cloud() || p.How != provision.Linked {
		t.Errorf("what was linked is %+v", p)
	}
	if p := one("apart@contoso.com"); !p.Cloud() {
		t.Error("what was kept apart was joined")
	}
	if p := one("routed@mail.example"); p.UPN != "routed@mail.example" {
		t.Errorf("whoever was to use the mail address signs in as %s", p.UPN)
	}
	for choice, pair := range kept {
		for _, p := range pair {
			if one(p.UPN).Held != "" {
				t.Errorf("%s: %s is held still", choice, p.UPN)
			}
		}
	}
	d.open(syncPage + "/decisions")
	d.sees("document.querySelectorAll('tbody tr').length === 6")
	d.press("tbody tr:first-child form button")
	d.sees("document.querySelectorAll('tbody tr').length === 5")
	cards(1) // it is asked about again
}

// deletions keeps many people that the directory no longer has, and then lets them go.
func (d *desk) deletions() {
	t := d.t
	var gone []lab.Person
	for range moreThanPasses {
		p := d.person(t, lab.KindDisabled)
		gone = append(gone, p)
		must(t, d.admin(t).Admin(t).Del(ldap.NewDelRequest(p.DN, nil)))
	}
	last := gone[len(gone)-1]
	there := func() bool {
		found, err := d.Store.FindPeople(t.Context(), demo.TenantID, last.UPN)
		must(t, err)
		return len(found) == 1
	}
	for _, what := range []string{"keep", "allow"} {
		eventually(t, func() error {
			d.open(syncPage)
			if ok, err := try[bool](d.b, "!!document.querySelector('#domains .note.warn a')"); err != nil || !ok {
				text, _ := try[string](d.b, "document.getElementById('domains').innerText")
				return fmt.Errorf("the guard stops nothing before %s, %w: %s", what, err, text)
			}
			return nil
		})
		d.press("#domains .note.warn a")
		d.says("#list", last.SAM)
		if !there() {
			t.Fatalf("somebody was deleted before anybody said so")
		}
		d.press("form[action='/admin/sync/deletions']:has(input[value=" + what + "]) button")
		d.sees("location.search.includes('done=')")
	}
	if there() {
		t.Error("what was let pass is there still")
	}
}
