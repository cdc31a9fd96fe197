package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/config"
	"homeward/internal/demo/mailbox"
	"homeward/internal/protocol"
	"homeward/internal/server/provision"
)

// front is the whole server, by plain HTTP on loopback, behind a proxy that ends TLS, with a mail server.
type front struct {
	*adminBench

	inner string // host:port of the server itself
	proxy *httptest.Server
	box   *mailbox.Mailbox
}

func newFront(t *testing.T, edits ...func(c *config.Server)) *front {
	t.Helper()
	box, err := mailbox.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 2)
	go func() { done <- box.Run(ctx) }()
	edits = append(edits, func(c *config.Server) { c.Mail.Host, c.Mail.Port = box.SMTP() })
	f := &front{adminBench: newAdminBench(t, edits...), box: box}
	go func() { done <- f.mails.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	})
	page := protocol.People{Version: 1, Agent: benchAgent, Import: "first", Last: true, Domain: "corp.contoso.test", NetBIOS: "CONTOSO", People: []protocol.Person{
		{Anchor: strings.Repeat("01", 16), UPN: "amara@contoso.com", SAM: "amara", Mail: "amara@mail.example", DN: "CN=A"},
	}}
	if _, err := provision.NewImporter(f.accounts).Page(t.Context(), "contoso", benchAgent, page); err != nil {
		t.Fatal(err)
	}
	inner := httptest.NewServer(f.handler)
	t.Cleanup(inner.Close)
	target, err := url.Parse(inner.URL)
	if err != nil {
		t.Fatal(err)
	}
	f.inner = target.Host
	f.proxy = httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)                                                 // the Host header is then the server's own address
		r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"] // as the usual proxies do: what came is kept
		r.SetXForwarded()
	}})
	t.Cleanup(f.proxy.Close)
	return f
}

// reply is what a visitor can see of an answer, without what is drawn anew each time.
type reply struct {
	Status int
	Header http.Header
	Body   string
}

func seen(r *http.Response) (reply, error) {
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	h := r.Header.Clone()
	h.Del("Date")
	h.Del("Content-Length") // the body tells
	drawn := regexp.MustCompile(`__Host-homeward=[A-Z0-9]+`)
	for _, values := range h {
		for i := range values {
			values[i] = drawn.ReplaceAllString(values[i], "__Host-homeward=DRAWN")
		}
	}
	asked := regexp.MustCompile(`(challenge&#34;:&#34;|name="token" value=")[^"&]+`) // each browser for another passkey
	return reply{r.StatusCode, h, asked.ReplaceAllString(string(body), "${1}DRAWN")}, err
}

// raw sends bytes to the server itself, as no client library would.
func (f *front) raw(request string) reply {
	f.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(f.t.Context(), "tcp", f.inner)
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		f.t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		f.t.Fatal(err)
	}
	got, err := seen(answer)
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

func message(method, target string, headers []string, form url.Values) string {
	body := form.Encode()
	if form != nil {
		headers = append([]string{"Content-Type: application/x-www-form-urlencoded", fmt.Sprintf("Content-Length: %d", len(body))}, headers...)
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\n%s\r\nConnection: close\r\n\r\n%s", method, target, strings.Join(headers, "\r\n"), body)
}

// foreign are all the ways to tell a server that it is another one.
func foreign() map[string][]string {
	const here = "Host: password.contoso.test"
	return map[string][]string{
		"Host":              {"Host: evil.example"},
		"Host with a port":  {"Host: password.contoso.test:evil.example"},
		"Host of a tenant":  {"Host: fabrikam.password.contoso.test"},
		"X-Forwarded-Host":  {here, "X-Forwarded-Host: evil.example"},
		"X-Forwarded-Proto": {here, "X-Forwarded-Proto: http"},
		"X-Forwarded-Port":  {here, "X-Forwarded-Port: 4444", "X-Forwarded-Prefix: /evil", "X-Forwarded-Server: evil.example"},
		"Forwarded":         {here, "Forwarded: for=6.6.6.6;host=evil.example;proto=http"},
		"X-Original-URL":    {here, "X-Original-URL: /admin", "X-Original-Host: evil.example"},
		"X-Rewrite-URL":     {here, "X-Rewrite-URL: /admin"},
		"X-Host":            {here, "X-Host: evil.example", "X-HTTP-Host-Override: evil.example"},
		"method override":   {here, "X-HTTP-Method-Override: DELETE", "X-Method-Override: DELETE"},
		"all at once":       {"Host: evil.example", "X-Forwarded-Host: evil.example", "Forwarded: host=evil.example", "X-Real-IP: 6.6.6.6", "Via: 1.1 evil.example"},
	}
}

// TestOnlyTheBaseURLIsTrusted (LTB#755, LTB#821, CVE-2023-49097, CVE-2025-48936: a Host or forwarded header decided where
// the link in a mail, or a redirect, led). Whatever is told, every page, redirect and cookie is the same to the byte.
func TestOnlyTheBaseURLIsTrusted(t *testing.T) {
	f := newFront(t)
	requests := map[string]func(headers []string) string{}
	for _, path := range []string{"/", "/start", "/start?mkt=sv", "/change", "/security-info", "/verify/1", "/password", "/status/x", "/admin", "/admin/sign-in", "/admin/agents", "//start", "/nowhere"} {
		requests["GET "+path] = func(headers []string) string { return message("GET", path, headers, nil) }
	}
	names := 0
	requests["POST /start"] = func(headers []string) string { // a name each: they are counted
		names++
		return message("POST", "/start", headers, url.Values{"name": {fmt.Sprintf("n%d@contoso.com", names)}, "problem": {"forgot"}})
	}
	for what, request := range requests {
		want := f.raw(request([]string{"Host: password.contoso.test"}))
		if strings.HasPrefix(want.Header.Get("Location"), "http") || strings.Contains(want.Body, "Fabrikam") {
			t.Errorf("%s: %+v", what, want)
		}
		want.Header.Del("Location") // of the outcome of a POST: an id
		for how, headers := range foreign() {
			got := f.raw(request(headers))
			if to := got.Header.Get("Location"); strings.HasPrefix(to, "http") || strings.HasPrefix(to, "//") || strings.Contains(to, "evil") {
				t.Errorf("%s with %s leads to %s", what, how, to)
			}
			got.Header.Del("Location")
			if strings.Contains(how, "port") && got.Status == http.StatusBadRequest {
				continue // no host at all
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s with %s differs (-own +foreign):\n%s", what, how, diff)
			}
		}
	}
}

// TestStrangeRequestTargets: absolute addresses, doubled hosts and addresses without a path lead nowhere else.
func TestStrangeRequestTargets(t *testing.T) {
	f := newFront(t)
	own := f.raw(message("GET", "/start", []string{"Host: password.contoso.test"}, nil))
	for how, c := range map[string]struct {
		target  string
		headers []string
		status  int // 0: as the own one
	}{
		"absolute":              {"https://evil.example/start", []string{"Host: password.contoso.test"}, 0},
		"absolute with a user":  {"https://password.contoso.test@evil.example/start", []string{"Host: password.contoso.test"}, 0},
		"absolute and foreign":  {"http://evil.example/start", []string{"Host: evil.example"}, 0},
		"two hosts":             {"/start", []string{"Host: password.contoso.test", "Host: evil.example"}, http.StatusBadRequest},
		"no host":               {"/start", []string{"X-Forwarded-Host: evil.example"}, http.StatusBadRequest},
		"absolute, other words": {"https://evil.example/?mkt=sv", []string{"Host: evil.example"}, http.StatusSeeOther},
		"opaque":                {"https:evil.example?mkt=sv", []string{"Host: password.contoso.test"}, http.StatusSeeOther},
		"two slashes":           {"//evil.example/%2e%2e?mkt=sv", []string{"Host: password.contoso.test"}, http.StatusTemporaryRedirect},
	} {
		got := f.raw(message("GET", c.target, c.headers, nil))
		to := got.Header.Get("Location")
		if strings.HasPrefix(to, "//") || strings.HasPrefix(to, "http") || strings.HasPrefix(to, `/\`) || !strings.HasPrefix(to, "/") && to != "" {
			t.Errorf("%s leads to %q", how, to)
		}
		switch {
		case c.status != 0 && got.Status != c.status:
			t.Errorf("%s: status %d, %q", how, got.Status, to)
		case c.status == 0:
			if diff := cmp.Diff(own, got); diff != "" {
				t.Errorf("%s differs: %s", how, diff)
			}
		}
	}
}

// visit is a browser in front of the proxy that adds headers to each request.
func (f *front) visit(headers http.Header) func(method, path string, form url.Values) (string, string, *http.Response) {
	f.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.t.Fatal(err)
	}
	client := *f.proxy.Client()
	client.Jar = jar
	return func(method, path string, form url.Values) (page, at string, answer *http.Response) {
		f.t.Helper()
		r, err := http.NewRequestWithContext(f.t.Context(), method, f.proxy.URL+path, strings.NewReader(form.Encode()))
		if err != nil {
			f.t.Fatal(err)
		}
		r.Header = headers.Clone()
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if host := headers.Get("Host"); host != "" {
			r.Host = host
		}
		if answer, err = client.Do(r); err != nil {
			f.t.Fatal(err)
		}
		got, err := seen(answer)
		if err != nil {
			f.t.Fatal(err)
		}
		return got.Body, answer.Request.URL.Path, answer
	}
}

// mail waits for the n-th mail to Amara.
func (f *front) mail(n int) mailbox.Message {
	f.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-tick.C {
		if got := f.box.Messages(); len(got) >= n {
			return got[n-1]
		}
	}
	f.t.Fatalf("%d mails, want %d", len(f.box.Messages()), n)
	return mailbox.Message{}
}

// TestBehindAProxy goes through the proxy, with every foreign header at once, to a change of security info: the one mail
// with an address in it. A browser without Sec-Fetch-Site is known by the Origin it sends.
func TestBehindAProxy(t *testing.T) {
	f := newFront(t)
	do := f.visit(http.Header{
		"Host": {"evil.example"}, "X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"http"}, "Forwarded": {"host=evil.example;proto=http"},
		"X-Original-Url": {"https://evil.example/admin"}, "X-Rewrite-Url": {"/admin"}, "Origin": {"https://password.contoso.test"},
	})
	_, _, answer := do(http.MethodGet, "/security-info", nil)
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	if _, at, _ := do(http.MethodPost, "/security-info", url.Values{"name": {"amara@contoso.com"}}); at != "/verify/1" {
		t.Fatalf("at %s", at)
	}
	do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	code := regexp.MustCompile(`\b[0-9]{6}\b`)
	page, at, answer := do(http.MethodPost, "/verify/1/code", url.Values{"code": {code.FindString(f.mail(1).Text)}})
	if at != "/security-info" || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Fatalf("at %s: %.500s", at, page)
	}
	do(http.MethodPost, "/security-info/add/mail", url.Values{"destination": {"amara@home.example"}})
	_, at, _ = do(http.MethodGet, "/security-info", nil)
	if at != "/security-info" {
		t.Fatalf("at %s", at)
	}
	second := f.mail(2)
	if second.To != "amara@home.example" {
		t.Fatalf("the code went to %s", second.To)
	}
	all := f.box.Messages()
	for _, m := range all {
		if strings.Contains(m.Subject+m.Text, "evil") || strings.Contains(m.Text, "http://") {
			t.Errorf("a foreign address is in a mail:\n%s\n%s", m.Subject, m.Text)
		}
	}
	if _, _, answer := f.visit(http.Header{"Origin": {"https://evil.example"}, "Host": {"evil.example"}})(http.MethodPost, "/start", url.Values{"name": {"x"}}); answer.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site, whose name is also in the Host header: %s", answer.Status)
	}
}

// TestLinksInMailsAreTheConfiguredOnes where somebody is told of a change of their security info.
func TestLinksInMailsAreTheConfiguredOnes(t *testing.T) {
	f := newFront(t)
	do := f.visit(http.Header{"Host": {"evil.example"}, "X-Forwarded-Host": {"evil.example"}, "Forwarded": {"host=evil.example"}})
	do(http.MethodPost, "/security-info", url.Values{"name": {"amara@contoso.com"}})
	do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	code := regexp.MustCompile(`\b[0-9]{6}\b`)
	do(http.MethodPost, "/verify/1/code", url.Values{"code": {code.FindString(f.mail(1).Text)}})
	_, at, _ := do(http.MethodPost, "/security-info/add/mail", url.Values{"destination": {"amara@home.example"}})
	if !strings.HasPrefix(at, "/security-info/new/") {
		t.Fatalf("at %s", at)
	}
	do(http.MethodPost, at, url.Values{"code": {code.FindString(f.mail(2).Text)}})
	told := f.mail(3)
	links := regexp.MustCompile(`https?://[^\s]+`).FindAllString(told.Text, -1)
	if len(links) == 0 {
		t.Fatalf("no link in the mail to %s:\n%s", told.To, told.Text)
	}
	for _, l := range links {
		if !strings.HasPrefix(l, "https://password.contoso.test") {
			t.Errorf("the mail leads to %s", l)
		}
	}
}

// TestLimitsBehindAProxy: without trust everybody behind the proxy is one visitor, whatever they write; with it, each is
// counted alone and nobody can choose another address.
func TestLimitsBehindAProxy(t *testing.T) {
	for name, c := range map[string]struct {
		trusted []string
		header  string // of visitor %d
		refused bool
	}{
		"nobody is trusted":                  {nil, "192.0.2.%d", true},
		"one visitor, who invents addresses": {[]string{"127.0.0.1"}, "192.0.2.%d", true},
		"another trusted proxy before it":    {[]string{"127.0.0.1", "127.0.0.2"}, "6.6.6.6, 192.0.2.%d", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, func(edited *config.Server) { edited.TrustedProxies = c.trusted })
			transport, ok := f.proxy.Client().Transport.(*http.Transport)
			if !ok {
				t.Fatal("the proxy's client has another transport")
			}
			transport.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext // the proxy itself is .1
			refused := 0
			for i := range 110 {
				do := f.visit(http.Header{"X-Forwarded-For": {fmt.Sprintf(c.header, i)}})
				_, _, answer := do(http.MethodPost, "/start", url.Values{"name": {fmt.Sprintf("n%d@contoso.com", i)}, "problem": {"forgot"}})
				if answer.StatusCode == http.StatusTooManyRequests {
					refused++
				}
			}
			if c.refused != (refused == 10) || !c.refused && refused > 0 {
				t.Errorf("%d of 110 visitors were refused", refused)
			}
		})
	}
}

// TestCountedAs: one visitor's network of version 6 is one visitor.
func TestCountedAs(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::1": "2001:db8:1:2::/64", "::ffff:192.0.2.7": "::ffff:192.0.2.7",
		"fe80::1%eth0": "fe80::/64", "x": "x", "": "",
	} {
		if got := neighbourhood(address); got != want {
			t.Errorf("%s is counted as %s, want %s", address, got, want)
		}
	}
}
