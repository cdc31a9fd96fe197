package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/locale"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/notify"
	"homeward/internal/server/provision"
	"homeward/internal/server/reminder"
	"homeward/internal/server/tenant"
)

// post is a reminder service over a bench, its mailbox, and what the directory is to say.
type post struct {
	*reminder.Service
	box   inbox
	queue *notify.Queue
	says  map[string]time.Time // by object
	asked int
	fails error

	unlicensed bool
}

func (b *bench) post() *post {
	b.t.Helper()
	catalog, err := locale.New()
	if err != nil {
		b.t.Fatal(err)
	}
	key, err := masterkey.New()
	if err != nil {
		b.t.Fatal(err)
	}
	p := &post{box: newInbox(), says: map[string]time.Time{}}
	p.queue = notify.NewQueue(b.store, key, p.box, b.clock, slog.New(slog.DiscardHandler))
	letters := notify.NewLetters(p.queue, catalog, "https://password.contoso.example", b.clock)
	p.Service = reminder.New(reminder.Deps{
		Store: b.store, Methods: b.store.Methods, InScope: b.engine().InScope, Stopped: b.objects.Held, Now: b.clock, Log: b.deps.Log,
		Send:     reminders(b.store, letters, p.queue),
		Licensed: func(context.Context, tenant.Tenant, provision.Person) (bool, error) { return !p.unlicensed, nil },
		Expiries: func(_ context.Context, _, domain string, objects []string) (map[string]time.Time, error) {
			p.asked++
			if domain != "corp.contoso.test" {
				b.t.Errorf("asked for the domain %q", domain)
			}
			found := map[string]time.Time{}
			for _, o := range objects {
				if at, ok := p.says[o]; ok {
					found[o] = at
				}
			}
			return found, p.fails
		},
	})
	return p
}

// look goes through everybody and returns how many were reminded.
func (p *post) look(b *bench) int {
	b.t.Helper()
	n, err := p.Look(b.t.Context(), b.tenant)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestReminders: each threshold once, for one expiry, whatever is started again; a new password begins anew.
func TestReminders(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.now = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
		b.tenant.Settings = tenant.Settings{TimeZone: "Europe/Stockholm", Expiry: tenant.Expiry{Days: []int{14, 7, 1}, QuietFrom: "20:00", QuietUntil: "07:00"}}
		p, amara := b.post(), b.amara()
		day := 24 * time.Hour
		p.says[amara.Object] = b.clock().Add(16*day + time.Hour)
		p.says[b.person("nomail@contoso.com").Object] = b.clock().Add(day) // nobody knows where to write to
		var days []int
		var mails []string
		for n := range 20 {
			for range 3 { // a server that starts again and again
				if p.look(b) == 1 {
					days, mails = append(days, n), append(mails, p.box.read(t, p.queue, 1)...)
				}
				p.Service = reminder.New(p.Deps)
			}
			b.advance(day)
		}
		if want := []int{3, 10, 16}; len(days) != 3 || days[0] != want[0] || days[1] != want[1] || days[2] != want[2] {
			t.Errorf("reminded on the days %v, want %v", days, want)
		}
		if p.asked != 20 {
			t.Errorf("the directory was asked %d times in 20 days", p.asked)
		}
		p.says[amara.Object] = b.clock().Add(5 * day) // another password with a short life; two thresholds are passed at once
		if n := p.look(b); n != 1 {
			t.Errorf("%d reminders of a new expiry", n)
		}
		mails = append(mails, p.box.read(t, p.queue, 1)...)
		b.advance(day)
		if n := p.look(b); n != 0 {
			t.Errorf("%d reminders of a threshold that passed with another", n)
		}
		for _, m := range mails {
			if !strings.HasPrefix(m, "amara@mail.example\n") || !strings.Contains(m, "https://password.contoso.example/change") || !strings.Contains(m, "expires on") {
				t.Errorf("%s", m)
			}
		}
		records, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Remind of password expiry", Limit: 10})
		if err != nil || len(records) != 4 || records[0].Event != int(event.ExpiryReminded) || records[0].Target != amara.ID {
			t.Errorf("%+v %v", records, err)
		}
	})
}

// TestWhoIsNotReminded: nobody in the quiet hours, and nobody who couldn't use the link.
func TestWhoIsNotReminded(t *testing.T) {
	for name, change := range map[string]func(b *bench, p *post){
		"quiet hours":             func(b *bench, _ *post) { b.advance(12 * time.Hour) },
		"turned off":              func(b *bench, _ *post) { b.tenant.Settings.Expiry.Days = nil },
		"writeback off":           func(b *bench, _ *post) { b.tenant.Settings.WritebackOff = true },
		"nobody in scope":         func(b *bench, _ *post) { b.tenant.Settings.ResetScope = tenant.ScopeNone },
		"disabled":                func(b *bench, _ *post) { b.edit(func(p *provision.Person) { p.Disabled = true }) },
		"gone":                    func(b *bench, _ *post) { b.edit(func(p *provision.Person) { p.Missing = true }) },
		"undecided":               func(b *bench, _ *post) { b.edit(func(p *provision.Person) { p.Held = provision.UPNTaken }) },
		"never expires":           func(b *bench, p *post) { delete(p.says, b.amara().Object) },
		"expired already":         func(b *bench, p *post) { p.says[b.amara().Object] = b.clock().Add(-time.Hour) },
		"no licence":              func(_ *bench, p *post) { p.unlicensed = true },
		"self-service is stopped": func(b *bench, _ *post) { _, token := b.link(); b.object(token) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, sqliteDSN(t))
			b.now = time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
			b.tenant.Settings = tenant.Settings{TimeZone: "Europe/Stockholm", Expiry: tenant.Expiry{Days: []int{14}, QuietFrom: "20:00", QuietUntil: "07:00"}}
			p := b.post()
			p.says[b.amara().Object] = b.clock().Add(72 * time.Hour)
			change(b, p)
			if n := p.look(b); n != 0 {
				t.Errorf("%d people were reminded", n)
			}
		})
	}
}

func (b *bench) edit(change func(p *provision.Person)) {
	b.t.Helper()
	p := b.amara()
	change(&p)
	if err := b.store.UpdatePeople(b.t.Context(), []provision.Person{p}); err != nil {
		b.t.Fatal(err)
	}
}

// TestRemindersAtOnce: of several servers one sends.
func TestRemindersAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.tenant.Settings.Expiry.Days = []int{14}
		var all sync.WaitGroup
		total := make(chan int, 4)
		for range 4 {
			p := b.post()
			p.says[b.amara().Object] = b.clock().Add(72 * time.Hour)
			all.Go(func() {
				n, err := p.Look(t.Context(), b.tenant)
				if err != nil {
					t.Error(err)
				}
				total <- n
			})
		}
		all.Wait()
		close(total)
		sum := 0
		for n := range total {
			sum += n
		}
		if sum != 1 {
			t.Errorf("%d reminders", sum)
		}
	})
}

// TestReminderAfterASilence: an agent that doesn't answer is asked again the same day.
func TestReminderAfterASilence(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.tenant.Settings.Expiry.Days = []int{14}
	p := b.post()
	p.says[b.amara().Object] = b.clock().Add(72 * time.Hour)
	p.fails = errors.New("no agent")
	if _, err := p.Look(t.Context(), b.tenant); err == nil {
		t.Error("nothing is wrong")
	}
	if n := p.look(b); n != 0 {
		t.Error("asked again at once")
	}
	b.advance(21 * time.Second)
	if _, err := p.Look(t.Context(), b.tenant); err == nil {
		t.Error("it isn't asked again within half a minute")
	}
	for range 12 { // pauses grow, but not beyond ten minutes
		b.advance(10*time.Minute + time.Second)
		if _, err := p.Look(t.Context(), b.tenant); err == nil {
			t.Error("it isn't asked again within ten minutes")
		}
	}
	p.fails = nil
	b.advance(9 * time.Minute)
	if n := p.look(b); n != 0 {
		t.Error("asked too early after many failures")
	}
	b.advance(2 * time.Minute)
	if n := p.look(b); n != 1 {
		t.Errorf("%d reminders after the silence", n)
	}
}
