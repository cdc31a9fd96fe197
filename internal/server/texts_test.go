package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/limit"
	"homeward/internal/server/locale"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/notify"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

// texting counts text messages as the server does, and has people told by them.
func (b *bench) texting() {
	b.t.Helper()
	b.deps.MayTell = limits{limit.New(b.store, []byte("pepper"), b.clock)}.Tell
	b.tenant.Settings.PeopleTexted = true
	b.Service = reset.New(b.deps)
	b.t.Cleanup(b.Close)
}

// texted are the telephones that were told since a place in the list of confirmations.
func (b *bench) texted(since int) []string {
	b.letters.mu.Lock()
	defer b.letters.mu.Unlock()
	var out []string
	for i, d := range b.letters.told[since:] {
		if d.Text {
			out = append(out, b.letters.doneTo[since+i])
		}
	}
	return out
}

// changed brings an attempt to its outcome.
func (b *bench) changed(a reset.Attempt) {
	b.t.Helper()
	if err := b.Result(b.t.Context(), "contoso", "UAGENT", b.result(a, protocol.Changed, "")); err != nil {
		b.t.Fatal(err)
	}
}

// textRecords are an attempt's records of text messages.
func (b *bench) textRecords(a reset.Attempt) []audit.Record {
	b.t.Helper()
	all, err := b.store.Records(b.t.Context(), "contoso", a.Support)
	if err != nil {
		b.t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(r audit.Record) bool { return r.Hop != "notify" || r.Detail != "text" })
}

// TestPeopleAreToldByText where that is chosen: on the telephones known when the attempt began, mail as before, and in the records.
func TestPeopleAreToldByText(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.edit(func(p *provision.Person) { p.Mobile = "+46 70 123 45 42" })
		b.with(b.amara().ID, verify.Text, "•••• 43", []byte("+46701234543"))
		off := b.submitted()
		b.changed(off)
		if got := b.texted(0); len(got) != 0 || len(b.textRecords(off)) != 0 {
			t.Errorf("told by text without anybody's choice: %v", got)
		}
		b.texting()
		b.advance(time.Second)
		a, since := b.verified(), b.letters.count()
		b.advance(time.Second) // whoever is in has a telephone of their own now
		m := verify.Method{
			Tenant: "contoso", ID: "late", Person: a.Person, Kind: verify.Text, Masked: "•••• 44", Secret: []byte("+46701234544"), Created: b.clock(), Confirmed: b.clock(),
		}
		if err := b.store.PutMethod(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		a = b.submit(a)
		b.changed(a)
		if got := b.texted(since); !slices.Equal(got, []string{"+46701234542", "+46701234543"}) {
			t.Errorf("told by text: %v", got)
		}
		if b.letters.count() != since+3 || len(b.textRecords(a)) != 1 {
			t.Errorf("%d confirmations, %d records of texts", b.letters.count()-since, len(b.textRecords(a)))
		}
		since = b.letters.count()
		if _, _, err := b.IssuePass(t.Context(), b.tenant, "cli:root", "amara@contoso.com", "called back", time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := b.texted(since); len(got) != 3 {
			t.Errorf("of a pass: %v", got)
		}
		b.tenant.Settings.PeopleUntold = true
		since = b.letters.count()
		b.changed(b.submitted())
		if got := b.texted(since); len(got) != 0 {
			t.Errorf("though people are told nothing: %v", got)
		}
	})
}

// TestTextsAreBounded: a telephone gets six an hour, a person's telephones together too, and mail goes on.
func TestTextsAreBounded(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.edit(func(p *provision.Person) { p.Mobile = "+46 70 123 45 42" })
	b.texting()
	for range 8 {
		b.changed(b.submitted())
	}
	if got := b.texted(0); len(got) != 6 || b.letters.count() != 8+6 {
		t.Errorf("%d texts in %d confirmations", len(got), b.letters.count())
	}
	b.advance(2 * time.Hour)
	since := b.letters.count()
	b.changed(b.submitted())
	if got := b.texted(since); len(got) != 1 {
		t.Errorf("later: %v", got)
	}
}

// TestTextOfAChangeThroughTheQueue: from the outcome to a provider's webhook, with a link that works and one message's words.
func TestTextOfAChangeThroughTheQueue(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.edit(func(p *provision.Person) { p.Mobile = "+46 70 123 45 42" })
	posts, c := textGateway(t)
	send, err := textSender(c, nil, b.clock)
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	key, err := masterkey.New()
	if err != nil {
		t.Fatal(err)
	}
	a := b.submitted()
	queue := notify.NewQueue(b.store, key, notify.Channels{Mail: newInbox(), Text: send}, b.clock, slog.New(slog.DiscardHandler))
	letters := notify.NewLetters(queue, catalog, "https://password.contoso.com:8443", b.clock).Offering(b.objects, b.store)
	b.deps.Notices, b.deps.Atomic = letters, together(b.store, letters, queue)
	b.texting()
	b.changed(a)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- queue.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	var got posted
	select {
	case got = <-posts:
	case <-time.After(time.Minute):
		t.Fatal("nothing came")
	}
	var m map[string]string
	if err := json.Unmarshal(got.body, &m); err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`^Your Contoso password was changed\. It wasn’t you\? https://password\.contoso\.com:8443/not-me/([A-Z2-7]{26})$`).FindStringSubmatch(m["text"])
	if m["to"] != "+46701234542" || link == nil {
		t.Fatalf("%v", m)
	}
	view, err := b.objects.Open(t.Context(), "contoso", link[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := b.objects.Object(t.Context(), "contoso", link[1], view.Proof); err != nil {
		t.Fatal(err)
	}
	if held, err := b.objects.Held(t.Context(), "contoso", a.Person); err != nil || !held {
		t.Errorf("self-service goes on: %v, %v", held, err)
	}
}
