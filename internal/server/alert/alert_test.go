package alert_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/event"
	"homeward/internal/server/alert"
	"homeward/internal/server/audit"
	"homeward/internal/server/store"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
)

// world is a tenant whose facts a test sets, on a real store and a clock of its own.
type world struct {
	t     *testing.T
	store *store.Store
	now   time.Time
	facts alert.Facts
	told  []string
	deaf  bool // telling fails
	w     *alert.Watcher
}

type teller struct{ *world }

// Tell implements alert.Teller.
func (l teller) Tell(_ context.Context, _ tenant.Tenant, n alert.Notice) error {
	if l.deaf {
		return errors.New("the queue can't be written")
	}
	word := "wrong"
	if n.Over {
		word = "over"
	}
	l.told = append(l.told, fmt.Sprintf("%s %s since %s", word, n.Name, n.Since.UTC().Format("15:04:05")))
	return nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	x := &world{t: t, store: storetest.New(t), now: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	settings := tenant.Settings{Alerts: tenant.Alerts{Mail: []string{"it@contoso.test"}}}
	if err := x.store.CreateTenant(t.Context(), tenant.Tenant{ID: "contoso", Account: "A", Settings: settings}); err != nil {
		t.Fatal(err)
	}
	x.start()
	return x
}

// start is the server's.
func (x *world) start() {
	x.w = &alert.Watcher{
		Store: x.store, Tenants: x.store.Tenants, Holder: "server", Now: func() time.Time { return x.now }, Log: slog.New(slog.DiscardHandler),
		Person: func(_ context.Context, _, id string) string { return "name of " + id },
		Facts:  func(context.Context, tenant.Tenant, func(alert.Kind) bool) (alert.Facts, error) { return x.facts, nil },
		Atomic: func(ctx context.Context, do func(alert.Tx) error) error {
			return x.store.WithTx(ctx, func(tx *store.Store) error {
				return do(alert.Tx{Store: tx, Teller: teller{x}, Record: func(ctx context.Context, id string, r audit.Record) error { return tx.Append(ctx, id, r) }})
			})
		},
	}
}

// pass lets time go by; the watcher looks every five seconds.
func (x *world) pass(d time.Duration) {
	x.t.Helper()
	for end := x.now.Add(d); x.now.Before(end); x.now = x.now.Add(5 * time.Second) {
		x.w.Look(x.t.Context())
	}
	x.w.Look(x.t.Context())
}

func (x *world) wrong(kinds ...alert.Kind) {
	x.facts = alert.Facts{}
	for _, k := range kinds {
		x.facts.Problems = append(x.facts.Problems, alert.Problem{Kind: k})
	}
}

func (x *world) want(told ...string) {
	x.t.Helper()
	if diff := cmp.Diff(told, x.told); diff != "" {
		x.t.Error(diff)
	}
}

// TestOneAlertForEachChange: it must last a minute, is told once, and its end once.
func TestOneAlertForEachChange(t *testing.T) {
	t.Parallel()
	x := newWorld(t)
	x.pass(time.Minute)
	x.wrong(alert.Writeback)
	x.pass(55 * time.Second)
	x.want()
	x.pass(10 * time.Second)
	const since = "wrong writeback_stopped since 12:01:00"
	x.want(since)
	x.pass(time.Hour)
	x.want(since)
	x.wrong()
	x.pass(55 * time.Second)
	x.want(since)
	x.pass(10 * time.Second)
	over := strings.Replace(since, "wrong", "over", 1)
	x.want(since, over)
	x.pass(time.Hour)
	x.want(since, over)
	found, err := x.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Alert", Limit: 10})
	if err != nil || len(found) != 2 || found[0].Event != int(event.AlertCleared) || found[1].Reason != "writeback_stopped" {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestFlappingSaysNothing: neither what goes at once, nor what comes back at once.
func TestFlappingSaysNothing(t *testing.T) {
	t.Parallel()
	x := newWorld(t)
	for range 20 {
		x.wrong(alert.Writeback)
		x.pass(30 * time.Second)
		x.wrong()
		x.pass(30 * time.Second)
	}
	x.want()
	x.wrong(alert.Writeback)
	x.pass(70 * time.Second)
	for range 20 {
		x.wrong()
		x.pass(30 * time.Second)
		x.wrong(alert.Writeback)
		x.pass(30 * time.Second)
	}
	if len(x.told) != 1 {
		t.Errorf("%q", x.told)
	}
}

// TestRestartsRepeatAndLoseNothing: what was told isn't told again, what wasn't is; what a server sees in its first
// minute is its own start.
func TestRestartsRepeatAndLoseNothing(t *testing.T) {
	t.Parallel()
	x := newWorld(t)
	x.wrong(alert.Writeback)
	x.pass(70 * time.Second)
	const since = "wrong writeback_stopped since 12:00:00"
	x.want(since)
	x.now = x.now.Add(time.Hour)
	x.start()
	x.pass(5 * time.Minute)
	x.want(since)
	x.wrong()
	x.pass(30 * time.Second)
	x.start()
	x.pass(70 * time.Second)
	x.want(since, strings.Replace(since, "wrong", "over", 1))

	x.told = nil
	x.wrong(alert.Writeback) // seen, not told yet, and the server stops
	x.pass(20 * time.Second)
	x.now = x.now.Add(time.Hour)
	x.start()
	x.pass(50 * time.Second)
	x.want()
	x.wrong() // it was only the start
	x.pass(time.Minute)
	x.want()
}

// TestWhatCantBeQueuedIsToldLater: an alert and the note that it was told are one.
func TestWhatCantBeQueuedIsToldLater(t *testing.T) {
	t.Parallel()
	x := newWorld(t)
	x.deaf = true
	x.wrong(alert.Writeback)
	x.pass(5 * time.Minute)
	x.want()
	x.deaf = false
	x.pass(5 * time.Second)
	x.want("wrong writeback_stopped since 12:00:00")
}

// TestEventsAreTold: those of the closed set, from now on, and the same thing not again and again.
func TestEventsAreTold(t *testing.T) {
	t.Parallel()
	x := newWorld(t)
	add := func(code int, target string) {
		t.Helper()
		if err := x.store.Append(t.Context(), "contoso", audit.Record{At: x.now, Event: code, Target: target, Support: "", Result: "ok"}); err != nil {
			t.Fatal(err)
		}
	}
	add(int(event.AgentRetired), "U0") // before anybody watched
	x.pass(5 * time.Second)
	x.want()
	for range 3 {
		add(34050, "p1")
		add(int(event.AgentCloned), "U1")
		add(int(event.ResetFail), "p2")
		x.pass(10 * time.Second)
	}
	first := []string{"wrong person_objected/p1 since 12:00:05", "wrong agent_copied/U1 since 12:00:05"}
	x.want(first...)
	x.pass(2 * time.Hour)
	add(34050, "p1")
	x.start()
	x.pass(5 * time.Second)
	if len(x.told) != 3 {
		t.Errorf("%q", x.told)
	}
}

// TestNobodyToTell: what happens while a tenant names nobody isn't told later.
func TestNobodyToTell(t *testing.T) {
	t.Parallel()
	x := newWorld(t)
	mute := func(to ...string) {
		t.Helper()
		_, err := x.store.ChangeTenant(t.Context(), "contoso", func(_ *store.Store, now *tenant.Tenant) error {
			now.Settings.Alerts.Mail = to
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	mute()
	x.wrong(alert.Writeback)
	x.pass(5 * time.Minute)
	x.want()
	mute("it@contoso.test")
	x.pass(50 * time.Second)
	x.want()
	x.pass(20 * time.Second)
	if len(x.told) != 1 {
		t.Errorf("%q", x.told)
	}
}

// TestFrozenStays: what can't be judged is neither over nor told again.
func TestFrozenStays(t *testing.T) {
	t.Parallel()
	x := newWorld(t)
	x.wrong(alert.Writeback)
	x.pass(70 * time.Second)
	x.facts = alert.Facts{Frozen: []alert.Kind{alert.Writeback}}
	x.pass(time.Hour)
	if len(x.told) != 1 {
		t.Errorf("%q", x.told)
	}
}

// TestOfTwoServersOneTells: and the other as soon as the first is gone.
func TestOfTwoServersOneTells(t *testing.T) {
	t.Parallel()
	x := newWorld(t)
	x.wrong(alert.Writeback)
	one := x.w
	x.start()
	two := x.w
	two.Holder = "other"
	for range 20 {
		one.Look(t.Context())
		two.Look(t.Context())
		x.now = x.now.Add(5 * time.Second)
	}
	if len(x.told) != 1 {
		t.Errorf("%q", x.told)
	}
	x.wrong()
	x.pass(3 * time.Minute) // two alone
	if len(x.told) != 2 {
		t.Errorf("%q", x.told)
	}
}
