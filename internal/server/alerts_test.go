package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/alert"
	"homeward/internal/server/audit"
	"homeward/internal/server/locale"
	"homeward/internal/server/notify"
	"homeward/internal/server/status"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/internal/server/webhook"
)

// sent keeps what the queue hands over.
type sent struct {
	mu    sync.Mutex
	mails []notify.Message
}

// Send implements notify.Sender.
func (s *sent) Send(_ context.Context, m notify.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	return nil
}

func (s *sent) all() []notify.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// TestAlertsReachAdministrators: a mail in the tenant's language to each address, and a signed post, by way of the stored queue.
func TestAlertsReachAdministrators(t *testing.T) {
	t.Parallel()
	key := storetest.Key(t)
	st := storetest.New(t)
	posts := make(chan notify.Posted, 4)
	secret, err := HookSecret(key, "contoso")
	if err != nil {
		t.Fatal(err)
	}
	hook := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if got := r.Header.Get(webhook.Header); got != webhook.Sign([]byte(secret), time.Unix(1_795_000_000, 0), body) {
			t.Errorf("signed %q", got)
		}
		var p notify.Posted
		if err := json.Unmarshal(body, &p); err != nil {
			t.Error(err)
		}
		posts <- p
	}))
	defer hook.Close()
	one := tenant.Tenant{ID: "contoso", Name: "Contoso", Account: "A", Settings: tenant.Settings{
		Locale: "de", TimeZone: "Europe/Stockholm", Alerts: tenant.Alerts{Mail: []string{"it@contoso.test", "ciso@contoso.test"}, WebhookURL: hook.URL},
	}}
	if err := st.CreateTenant(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	mail := &sent{}
	channels := notify.Channels{Mail: mail, Hook: postAlert(key, webhook.NewClient(hook.Client().Transport), func() time.Time { return time.Unix(1_795_000_000, 0) })}
	queue := notify.NewQueue(st, key, channels, time.Now, slog.New(slog.DiscardHandler))
	letters := notify.NewLetters(queue, catalog, "https://password.contoso.test", time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- queue.Run(ctx) }()
	since := time.Now().Add(-time.Minute)
	n := alert.Notice{At: time.Now(), Row: alert.Row{Kind: alert.Writeback, Name: "writeback_stopped", Since: since, Values: alert.Values{
		Affected: 1204, Cause: "offline", CauseValues: map[string]string{"Agent": "SRV-HW01", "Time": "14:32"},
	}}}
	if err := letters.Tell(t.Context(), one, n); err != nil {
		t.Fatal(err)
	}
	post := <-posts
	if post.Alert != alert.Writeback || post.State != "raised" || post.Values.Affected != 1204 || post.Link != "https://password.contoso.test/admin" || post.Tenant != "contoso" {
		t.Errorf("%+v", post)
	}
	n.Over = true
	if err := letters.Tell(t.Context(), one, n); err != nil {
		t.Fatal(err)
	}
	if post = <-posts; post.State != "cleared" {
		t.Errorf("%+v", post)
	}
	eventually(t, func() bool { return len(mail.all()) == 4 })
	cancel()
	<-ended
	for _, m := range mail.all() {
		if !slices.Contains(one.Settings.Alerts.Mail, m.To) || m.Lang != "de" || !strings.HasPrefix(m.Subject, "Contoso: Das Rückschreiben") || !strings.Contains(m.Text, "https://password.contoso.test/admin") {
			t.Errorf("%+v", m)
		}
		if strings.Contains(m.Subject, "steht still") && (!strings.Contains(m.Text, "SRV-HW01") || !strings.Contains(m.Text, "1.204") || !strings.Contains(m.Text, "Was zu tun ist:")) {
			t.Errorf("%s", m.Text)
		}
		if strings.Contains(m.Text, "{{") || strings.Contains(m.Text, "alert.") || strings.Contains(m.Text, "<no value>") {
			t.Errorf("%s", m.Text)
		}
	}
}

// TestEveryAlertHasWords in every language: nothing is missing, and nothing is said that isn't known.
func TestEveryAlertHasWords(t *testing.T) {
	t.Parallel()
	st, key := storetest.New(t), storetest.Key(t)
	if err := st.CreateTenant(t.Context(), tenant.Tenant{ID: "contoso", Account: "A"}); err != nil {
		t.Fatal(err)
	}
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	mail := &sent{}
	queue := notify.NewQueue(st, key, notify.Channels{Mail: mail}, time.Now, slog.New(slog.DiscardHandler))
	letters := notify.NewLetters(queue, catalog, "https://password.contoso.test", time.Now)
	want := 0
	for _, lang := range catalog.Languages() {
		one := tenant.Tenant{ID: "contoso", Name: "Contoso", Settings: tenant.Settings{Locale: lang.Tag, Alerts: tenant.Alerts{Mail: []string{"it@contoso.test"}}}}
		for _, k := range []alert.Kind{
			alert.Writeback, alert.Away, alert.Outdated, alert.Failures, alert.Certificate, alert.Key, alert.Sync, alert.CutOff, alert.Cloned, alert.Objected,
		} {
			v := alert.Values{Agent: "SRV", Version: "1.0", Domain: "corp.test", Person: "Amara", Count: 12, Affected: 3, Until: time.Now(), Support: "HW-7K3Q-92MD"}
			if err := letters.Tell(t.Context(), one, alert.Notice{At: time.Now(), Row: alert.Row{Kind: k, Since: time.Now(), Values: v}}); err != nil {
				t.Fatal(err)
			}
			want++
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- queue.Run(ctx) }()
	eventually(t, func() bool { return len(mail.all()) == want })
	cancel()
	<-ended
	for _, m := range mail.all() {
		if strings.Contains(m.Subject+m.Text, "alert.") || strings.Contains(m.Text, "<no value>") || strings.Contains(m.Text, "{{") || !strings.Contains(m.Text, "/admin/audit/HW-7K3Q-92MD") {
			t.Errorf("%s: %s\n%s", m.Lang, m.Subject, m.Text)
		}
	}
}

// TestFactsOfAlerts: what the status and the records say becomes what is told.
func TestFactsOfAlerts(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	one, err := b.tenants.tenant(t.Context(), "contoso")
	if err != nil {
		t.Fatal(err)
	}
	kinds := func(open bool) (out []alert.Kind, frozen []alert.Kind) {
		f, err := b.alertFacts(t.Context(), one, func(alert.Kind) bool { return open })
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range f.Problems {
			out = append(out, p.Kind)
		}
		return out, f.Frozen
	}
	if got, frozen := kinds(false); !slices.Contains(got, alert.Writeback) || slices.Contains(got, alert.Away) || !slices.Contains(frozen, alert.Away) {
		t.Errorf("an agent that isn't connected: %v, frozen %v", got, frozen)
	}
	one.Settings.WritebackOff = true
	if got, frozen := kinds(false); slices.Contains(got, alert.Writeback) || !slices.Contains(frozen, alert.Writeback) {
		t.Errorf("turned off: %v, frozen %v", got, frozen)
	}
	fail := func(n int) {
		t.Helper()
		rows := make([]audit.Record, n)
		for i := range rows {
			rows[i] = audit.Record{At: time.Now(), Activity: "Reset password (self-service)", Event: int(event.ResetFail), Result: "failed"}
		}
		if err := b.store.Append(t.Context(), "contoso", rows...); err != nil {
			t.Fatal(err)
		}
	}
	fail(alert.FailuresPerHour - 1)
	if got, _ := kinds(false); slices.Contains(got, alert.Failures) {
		t.Error("told too soon")
	}
	if got, _ := kinds(true); !slices.Contains(got, alert.Failures) {
		t.Error("over too soon")
	}
	fail(1)
	if got, _ := kinds(false); !slices.Contains(got, alert.Failures) {
		t.Error("failures rise and nobody is told")
	}
	a, err := b.store.Agent(t.Context(), benchAgent)
	if err != nil {
		t.Fatal(err)
	}
	a.KeySince = time.Now().Add(-keyLate - time.Hour)
	if err := b.store.SaveAgent(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if got, _ := kinds(false); !slices.Contains(got, alert.Key) {
		t.Errorf("an old key: %v", got)
	}
}

// TestPeopleHearThatITKnows: the offline page says so once the alert has been sent, and not while it waits.
func TestPeopleHearThatITKnows(t *testing.T) {
	t.Parallel()
	b := newAdminBench(t)
	says := func() bool {
		t.Helper()
		told, err := b.told(t.Context(), "contoso")
		if err != nil {
			t.Fatal(err)
		}
		return told
	}
	put := func(told time.Time) {
		t.Helper()
		if err := b.store.PutAlert(t.Context(), alert.Row{Tenant: "contoso", Name: "writeback_stopped", Kind: alert.Writeback, Since: time.Now(), Told: told}); err != nil {
			t.Fatal(err)
		}
	}
	if says() {
		t.Error("nobody was told")
	}
	if put(time.Time{}); says() {
		t.Error("it isn't told yet")
	}
	if put(time.Now()); says() {
		t.Error("it may still be on its way")
	}
	if put(time.Now().Add(-time.Minute)); !says() {
		t.Error("it was told a minute ago")
	}
	m := notify.Mail{ID: "m1", Tenant: "contoso", Sealed: []byte{1}, Due: time.Now(), Expires: time.Now().Add(time.Hour)}
	err := b.store.Enqueue(t.Context(), m)
	_, claimed := b.store.ClaimMail(t.Context(), time.Now(), time.Second)
	if err := errors.Join(err, claimed, b.store.MailRetry(t.Context(), "m1", time.Now())); err != nil {
		t.Fatal(err)
	}
	if says() {
		t.Error("the mail server takes nothing, and people are told that IT knows")
	}
}

// TestAgentsThatAreTold: away and outdated ones, and none that was drained.
func TestAgentsThatAreTold(t *testing.T) {
	t.Parallel()
	r := status.Report{Agents: []status.Agent{
		{ID: "a", Machine: "A", State: "ready"},
		{ID: "b", Machine: "B", State: "offline"},
		{ID: "c", Machine: "C", State: "silent"},
		{ID: "d", Machine: "D", State: "offline", Draining: time.Now()},
		{ID: "e", Machine: "E", Build: "0.9", State: "outdated", Protocol: protocol.MinVersion - 1},
	}}
	got := map[string]alert.Kind{}
	for _, p := range agentsAway(r) {
		got[p.Values.Agent] = p.Kind
	}
	if len(got) != 3 || got["B"] != alert.Away || got["C"] != alert.Away || got["E"] != alert.Outdated {
		t.Errorf("%v", got)
	}
}

// eventually waits for what happens beside the test.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !done() {
		select {
		case <-deadline:
			t.Fatal("it never came to it")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
