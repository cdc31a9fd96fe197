package server

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"homeward/internal/config"
	"homeward/internal/server/locale"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/notify"
	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
	"homeward/internal/server/webhook"
)

// posted is what a provider of text messages gets.
type posted struct {
	header string
	body   []byte
}

// textGateway takes text messages by webhook; the configuration leads to it.
func textGateway(t *testing.T) (<-chan posted, config.Text) {
	t.Helper()
	posts := make(chan posted, 16)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		posts <- posted{r.Header.Get("Homeward-Signature"), body}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return posts, config.Text{Via: "webhook", From: "Contoso", Webhook: config.Webhook{
		URL: server.URL, SecretFile: file("secret", []byte("shared\n")),
		CAFile: file("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	}}
}

// TestTextMessageThroughTheQueue: a check by text message from the chosen row to a provider's webhook and back.
func TestTextMessageThroughTheQueue(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
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
	queue := notify.NewQueue(b.store, key, notify.Channels{Text: send}, b.clock, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- queue.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	letters := notify.NewLetters(queue, catalog, "https://password.contoso.com:8443", b.clock)
	b.deps.Notices = letters
	b.Service = reset.New(b.deps)
	t.Cleanup(b.Close)

	b.tenant.Settings.Checks.Methods = []string{"text"}
	b.with(b.amara().ID, verify.Text, "•••• 42", []byte("+46701234542"))
	a := b.choose(b.begin("amara@contoso.com"), "text")
	got := <-posts
	var m map[string]string
	if err := json.Unmarshal(got.body, &m); err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`^(\d{6}) is your Contoso code\. Never tell it to anyone\.\n@password\.contoso\.com #(\d{6})$`).FindStringSubmatch(m["text"])
	if m["to"] != "+46701234542" || m["from"] != "Contoso" || text == nil || text[1] != text[2] {
		t.Fatalf("%v", m)
	}
	if got.header != webhook.Sign([]byte("shared"), b.clock(), got.body) {
		t.Errorf("signed %q", got.header)
	}
	if a = b.say(a, text[1], verify.OK); a.State != reset.Verified {
		t.Errorf("%s", a.State)
	}
	b.choose(b.begin("nobody@contoso.com"), "text") // nobody gets anything
	if err := letters.Info(t.Context(), b.tenant, verify.Text, "+46701234542", "en", registration.Change{What: registration.Removed, Kind: verify.Text, At: b.clock()}); err != nil {
		t.Fatal(err)
	}
	select {
	case got = <-posts:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
	}
	if err := json.Unmarshal(got.body, &m); err != nil || m["text"] != "The security info of your Contoso account was changed. It wasn’t you? https://password.contoso.com:8443/security-info" {
		t.Errorf("%v %v", m, err)
	}
}

// TestTextMessagesAreOff unless the configuration says how they are sent, whatever the tenant allows.
func TestTextMessagesAreOff(t *testing.T) {
	if send, err := textSender(config.Text{}, nil, time.Now); send != nil || err != nil {
		t.Errorf("%v", err)
	}
	b := newBench(t, sqliteDSN(t))
	b.tenant.Settings.Checks.Methods = []string{"text", "mail"}
	b.with(b.amara().ID, verify.Text, "•••• 42", []byte("+46701234542"))
	if got := b.offered(b.begin("amara@contoso.com")); len(got) != 2 {
		t.Errorf("on: %v", got)
	}
	b.deps.Texts = false
	b.Service = reset.New(b.deps)
	t.Cleanup(b.Close)
	for _, name := range []string{"amara@contoso.com", "nobody1@contoso.com", "nobody2@contoso.com", "nobody3@contoso.com", "nobody4@contoso.com"} {
		if got := b.offered(b.begin(name)); len(got) != 1 || got[0][:4] != "mail" {
			t.Errorf("off: %s is offered %v", name, got)
		}
	}
}

func TestPhoneInTheSecurityInfo(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.tenant.Settings.Checks.Methods = []string{"text", "mail"}
	a := b.signedIn()
	b.add(a, verify.Text, "+46 70 123 45 42", "")
	if to := b.letters.to[len(b.letters.to)-1]; to != "+46701234542" {
		t.Errorf("the code went to %q", to)
	}
	if got := b.offered(b.begin("amara@contoso.com")); !slices.Contains(got, "text •••• 42") {
		t.Errorf("offered %v", got)
	}
	if err := b.infos.Remove(t.Context(), b.tenant, a, b.items(a)[1].ID); err != nil {
		t.Fatal(err)
	}
	if last := b.letters.infos[len(b.letters.infos)-1]; last != "text +46701234542: removed text •••• 42" {
		t.Errorf("told %q", last)
	}
}

func (b *bench) items(a reset.Attempt) []registration.Item {
	b.t.Helper()
	o, err := b.infos.Overview(b.t.Context(), b.tenant, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return o.Items
}
