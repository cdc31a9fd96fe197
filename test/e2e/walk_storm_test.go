package e2e_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	resets "homeward/internal/server/reset"
)

const (
	stormPeople  = 30
	stormWorkers = 5
)

// inForce is what could refuse somebody, and from when to when it was in force. The zero end: it still is.
type inForce struct {
	reasons    []string
	begin, end time.Time
}

// storm changes every setting in turn while people reset their passwords. None of the resets is lost: each ends changed, as the
// domain controller confirms, or refused for a setting that was in force while it ran, with the password as it was.
func (d *desk) storm() {
	t := d.t
	people := make([]lab.Person, stormPeople)
	for i := range people {
		people[i] = d.person(t, lab.KindOrdinary)
	}
	phones := d.phones(people...)

	ended := make([]storming, stormPeople)
	for i, p := range people {
		ended[i] = storming{visitor: d.visitor(t), before: d.writes(t, p), fresh: lab.RandomPassword()}
	}
	work := make(chan int, stormPeople) // whoever waits for a setting to be turned back keeps nobody from turning it
	var workers sync.WaitGroup
	for range stormWorkers {
		workers.Go(func() {
			for i := range work {
				ended[i].ride(t.Context(), d.site, people[i], phones[i])
			}
		})
	}
	next := 0
	some := func(n int) { // more resets are under way before the next change
		for ; n > 0 && next < stormPeople; n-- {
			work <- next
			next++
		}
	}
	var forces []inForce
	during := func(reasons []string, on, off func()) {
		some(2)
		f := inForce{reasons: reasons, begin: time.Now()}
		on()
		some(2)
		off()
		f.end = time.Now()
		forces = append(forces, f)
	}
	for _, c := range d.changes() {
		during(c.reasons, c.on, c.off)
	}
	some(stormPeople)
	close(work)
	workers.Wait()

	counts := map[string]int{}
	for i, e := range ended {
		p := people[i]
		counts[strings.TrimSpace(e.mark+" "+e.reason)]++
		if e.err != nil {
			t.Errorf("%s: %v", p.UPN, e.err)
			continue
		}
		switch e.mark {
		case "changed":
			d.changed(t, p, e.before, e.fresh)
			continue
		case "":
			t.Errorf("%s was told nothing definite: %s: %s", p.UPN, e.path, e.title)
		}
		d.unchanged(t, p, e.before, e.fresh)
		if !slices.ContainsFunc(forces, func(f inForce) bool {
			return slices.Contains(f.reasons, e.reason) && f.begin.Before(e.end) && f.end.After(e.begin)
		}) {
			t.Errorf("%s was refused for %q (%s), which nothing in force asked for then", p.UPN, e.reason, e.title)
		}
	}
	t.Logf("%d resets while %d settings changed: %v", stormPeople, len(forces), counts)
	if counts["changed"] == 0 || counts["changed"] == stormPeople {
		t.Errorf("%v: this storm proves nothing", counts)
	}
}

// turning is a setting that is turned and turned back.
type turning struct {
	reasons []string // of refusals it may cause
	on, off func()
}

// changes are all settings that an administrator's pages have, and the list of banned words.
func (d *desk) changes() []turning {
	t := d.t
	form := func(page string, set func()) func() {
		return func() {
			d.open(settings + page)
			set()
			d.save()
		}
	}
	turned := func(page, field string, on bool) func() {
		return form(page, func() { d.turn("#"+field, on) })
	}
	required := func(n string) func() {
		return form("methods", func() { d.click("label:has(> input[name=required][value='" + n + "'])") })
	}
	scope := func(id string) func() { return form("properties", func() { d.click("#" + id) }) }
	named := func(name string) func() {
		return func() {
			form("customization", func() { d.fill("#name", name) })()
			if page, err := d.visitor(t).Get(t.Context(), "/start"); err != nil || !strings.Contains(page.Body, name) {
				t.Errorf("the portal isn't called %s, %v", name, err)
			}
		}
	}
	licensed := func(id string) func() {
		return func() {
			d.open(licences)
			d.turn(id, true)
			d.press("form[action='/admin/licences/needed'] .button")
			d.sees("location.search === '?saved=1'")
		}
	}
	banned := func(words string) func() {
		return func() {
			if out, err := verb(t, words, "policy", "banned-words", "--config", d.Path("server.yaml"), "-"); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
	probe := d.person(t, lab.KindOrdinary)
	refused := func(turn func()) func() {
		return func() {
			turn()
			if page := d.enters(probe); strings.HasPrefix(page.Path, "/verify/") {
				t.Errorf("the setting isn't in effect: somebody is led to %s", page.Path)
			}
		}
	}
	letIn := func(turn func()) func() {
		return func() {
			turn()
			if page := d.enters(probe); !strings.HasPrefix(page.Path, "/verify/") {
				t.Errorf("the setting is still in effect: somebody is led to %s: %s", page.Path, page.Title())
			}
		}
	}
	return []turning{
		{[]string{"not_registered"}, required("2"), required("1")},
		{[]string{"not_registered"}, turned("methods", "mail", false), turned("methods", "mail", true)},
		{[]string{"not_in_scope"}, scope("scope"), scope("all")},
		{nil, turned("registration", "register", true), turned("registration", "register", false)},
		{nil, turned("notifications", "people", false), turned("notifications", "people", true)},
		{nil, named("Contoso Storm"), named("Contoso")},
		{[]string{"turned_off"}, refused(turned("onprem", "writeback", false)), letIn(turned("onprem", "writeback", true))},
		{[]string{"not_licensed"}, refused(licensed("#needed-yes")), letIn(licensed("#needed"))},
		{nil, banned("lantern\nharbour\n"), banned("\n")},
	}
}

// storming is one reset, and what became of it.
type storming struct {
	visitor     *demo.Visitor
	before      uint32
	fresh       string
	begin, end  time.Time
	mark        string
	path, title string
	reason      string
	err         error
}

// ride resets one password through whatever checks are asked for, and doesn't give up before there is a definite answer.
func (e *storming) ride(ctx context.Context, s *site, p lab.Person, phone string) {
	e.begin = time.Now()
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	defer func() { e.end = time.Now() }()
	v := e.visitor
	page, err := v.Start(ctx, p.UPN, "forgot")
	if err == nil {
		if e.reason, err = s.turnedAway(ctx, v); e.reason != "" {
			e.mark = unnamed
		}
	}
	if e.err = err; e.mark != "" || err != nil {
		return
	}
	for asked := 0; err == nil && strings.HasPrefix(page.Path, "/verify/") && asked < 12; asked++ {
		page, err = e.proves(ctx, page, p, phone)
	}
	for err == nil && page.Path == "/password" {
		if err = v.Choose(ctx, []byte(e.fresh)); err == nil && v.Status == "" { // nobody can write now: the page says so, and lets them try again
			page, err = v.PasswordPage(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(10 * pollPeriod):
			}
			continue
		}
		if err == nil {
			page, err = v.Outcome(ctx)
		}
	}
	for err == nil && mark(page) == "not_sure" {
		page, err = v.Get(ctx, v.Status)
	}
	e.mark, e.path, e.title, e.err = mark(page), page.Path, page.Title(), err
	if err == nil && e.mark != "changed" {
		a, err := s.attemptOf(ctx, v)
		e.reason, e.err = string(a.Reason), err
	}
}

// unnamed is the mark of those who are turned away as if nobody had their name: they see what unknown names see.
const unnamed = "unnamed"

// turnedAway is why an attempt goes nowhere although somebody has its name; empty: it doesn't.
func (s *site) turnedAway(ctx context.Context, v *demo.Visitor) (string, error) {
	a, err := s.attemptOf(ctx, v)
	if err != nil || a.Person != "" || a.State != resets.Started {
		return "", err
	}
	records, err := s.Store.Records(ctx, demo.TenantID, a.Support)
	if err == nil && len(records) == 0 {
		err = fmt.Errorf("nothing is recorded of %s", a.Support)
	}
	if err != nil {
		return "", err
	}
	return records[0].Reason, nil
}

// attemptOf is the attempt of a visitor.
func (s *site) attemptOf(ctx context.Context, v *demo.Visitor) (resets.Attempt, error) {
	portal, err := url.Parse(s.Portal())
	if err != nil {
		return resets.Attempt{}, err
	}
	for _, c := range v.HTTP.Jar.Cookies(portal) {
		if c.Name == "__Host-homeward" {
			h := sha256.Sum256([]byte(c.Value))
			return s.Store.AttemptBySession(ctx, demo.TenantID, h[:])
		}
	}
	return resets.Attempt{}, errors.New("the visitor has no session")
}

// offered finds the ways that the page of a check offers.
var offered = regexp.MustCompile(`name="method" value="((?:mail|text)[^"]*)"`)

// proves passes one check, in the first way that is offered now.
func (e *storming) proves(ctx context.Context, page demo.Page, p lab.Person, phone string) (demo.Page, error) {
	check := strings.TrimSuffix(page.Path, "/code")
	page, err := e.visitor.Get(ctx, check)
	if err != nil || page.Path != check {
		return page, err
	}
	way := offered.FindStringSubmatch(page.Body)
	if way == nil {
		return page, fmt.Errorf("%s offers nothing that can be passed: %s", check, page.Title())
	}
	since, to := time.Now(), p.Mail
	if strings.HasPrefix(way[1], "text") {
		to = phone
	}
	if page, err = e.visitor.Post(ctx, check, map[string][]string{"method": {way[1]}}); err != nil || page.Path != check+"/code" {
		return page, err
	}
	code, err := e.visitor.ReadCode(ctx, to, since)
	if err != nil {
		return page, err
	}
	return e.visitor.EnterCodeAt(ctx, check, code)
}
