package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

// pages are all addresses of the one port.
var pages = []string{
	"/", "/start", "/verify/1", "/verify/1/code", "/verify/1/resend", "/password", "/password/ticket", "/status/x",
	"/status/", "/static/portal.css", "/relay", "/enrol", "/healthz", "/no/such/page",
}

// request is one hostile request.
type request struct {
	method, path string
	header       http.Header
	body         io.Reader
	host         string
}

func (r request) send(t *testing.T, s *site, v *demo.Visitor) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, s.Portal()+r.path, r.body)
	must(t, err)
	maps.Copy(req.Header, r.header)
	req.Host = r.host
	resp, err := v.HTTP.Do(req)
	if err != nil { // refused below HTTP, or while we still sent
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	must(t, err)
	return resp.StatusCode, string(body)
}

func form() http.Header {
	return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}}
}

// Nothing a stranger sends gets an answer of 500 or above, or ends the server.
func TestGarbageGetsAClearAnswer(t *testing.T) {
	t.Parallel()
	s := own(t, demo.Options{}, nil)
	v := redirectsAreAnswers(s.visitor(t))
	noise := make([]byte, 64<<10)
	_, _ = rand.Read(noise)
	for _, path := range pages {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "FOO"} {
			for name, r := range map[string]request{
				"nothing":          {},
				"noise":            {body: bytes.NewReader(noise), header: form()},
				"broken escapes":   {body: strings.NewReader("name=%zz&%=&&;=\x00"), header: form()},
				"JSON":             {body: strings.NewReader(`{"v":1,"code":{"a":[[[[]]]]}}`), header: http.Header{"Content-Type": {"application/json"}}},
				"multipart":        {body: strings.NewReader("--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx"), header: http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}},
				"hostile headers":  {header: http.Header{"X-Forwarded-For": {"6.6.6.6, ../.."}, "X-Forwarded-Host": {"evil.example"}, "Cookie": {"__Host-homeward=" + strings.Repeat("A", 4000)}, "Accept-Language": {strings.Repeat("x-", 1000)}}},
				"relay handshake":  {header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAA"}, "Homeward-Relay": {"1 UAAA 1 AAAA"}}},
				"very long header": {header: http.Header{"X-Long": {strings.Repeat("y", 40<<10)}}},
			} {
				r.method, r.path = method, path
				switch code, _ := r.send(t, s, v); {
				case code == 0 && name != "very long header": // too long for HTTP/2 to answer
					t.Errorf("%s %s with %s: no answer", method, path, name)
				case code >= 500:
					t.Errorf("%s %s with %s: status %d", method, path, name, code)
				}
			}
		}
	}
	s.alive(t)
}

// A body is read up to a small size only, and the refusal says so.
func TestOversizedBodies(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for path, size := range map[string]int{"/start": 1 << 20, "/verify/1": 1 << 20, "/verify/1/code": 1 << 20, "/password": 4 << 20, "/password/ticket": 1 << 20, "/enrol": 4 << 20} {
		v := redirectsAreAnswers(s.visitor(t))
		_, err := v.Start(t.Context(), "somebody@contoso.com", "forgot")
		must(t, err)
		code, body := request{method: "POST", path: path, header: form(), body: strings.NewReader("name=" + strings.Repeat("a", size))}.send(t, s, v)
		if code != 0 && (code < 400 || code >= 500) && code != http.StatusOK { // a script is told where to go on, with 200
			t.Errorf("%s takes %d bytes: status %d %.80s", path, size, code, body)
		}
		if code == http.StatusOK && !strings.HasPrefix(path, "/password") {
			t.Errorf("%s takes %d bytes", path, size)
		}
	}
	s.alive(t)
}

// A form from another site is refused, whatever it says.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for name, header := range map[string]http.Header{
		"foreign origin":     {"Origin": {"https://evil.example"}},
		"null origin":        {"Origin": {"null"}},
		"cross-site":         {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":          {"Sec-Fetch-Site": {"same-site"}},
		"forwarded host":     {"Origin": {"https://evil.example"}, "X-Forwarded-Host": {"evil.example"}},
		"origin and its lie": {"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}},
	} {
		for _, path := range []string{"/start", "/verify/1", "/verify/1/code", "/verify/1/resend", "/password", "/password/ticket"} {
			v := redirectsAreAnswers(s.visitor(t))
			header.Set("Content-Type", "application/x-www-form-urlencoded")
			code, _ := request{method: "POST", path: path, header: header, body: strings.NewReader("name=a%40b.c&problem=forgot")}.send(t, s, v)
			if code != http.StatusForbidden {
				t.Errorf("%s, POST %s: status %d, not 403", name, path, code)
			}
		}
	}
}

// Redirects lead to paths of this portal, whatever name the request was sent to.
func TestHostHeaderLeadsNowhere(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for _, path := range []string{"/", "/start?mkt=de", "//evil.example/", "/start?mkt=//evil.example"} {
		v := redirectsAreAnswers(s.visitor(t))
		req, err := http.NewRequestWithContext(t.Context(), "GET", s.Portal()+path, nil)
		must(t, err)
		req.Host = "evil.example"
		req.Header.Set("X-Forwarded-Host", "evil.example")
		resp, err := v.HTTP.Do(req)
		must(t, err)
		_ = resp.Body.Close()
		to, err := url.Parse(resp.Header.Get("Location"))
		if err != nil || to.Host != "" || strings.HasPrefix(resp.Header.Get("Location"), "//") {
			t.Errorf("GET %s leads to %q", path, resp.Header.Get("Location"))
		}
	}
}

// Whoever has a session and sends nonsense as a sealed password changes nothing and is told.
func TestNonsenseAsSealedPassword(t *testing.T) {
	t.Parallel()
	s := shared(t)
	r := s.ready(t)
	flow := flowOf(t, s, r.Visitor)
	for name, f := range map[string]url.Values{
		"no base64":     {"request": {r.ticket.Request}, "sealed": {"***"}},
		"nothing":       {"request": {r.ticket.Request}, "sealed": {""}},
		"truncated":     {"request": {r.ticket.Request}, "sealed": {base64.StdEncoding.EncodeToString(r.sealed[:100])}},
		"too long":      {"request": {r.ticket.Request}, "sealed": {base64.StdEncoding.EncodeToString(append(r.sealed, 0))}},
		"plain text":    {"request": {r.ticket.Request}, "sealed": {base64.StdEncoding.EncodeToString([]byte("password"))}},
		"other request": {"request": {strings.Repeat("0", 32)}, "sealed": {base64.StdEncoding.EncodeToString(r.sealed)}},
		"no request":    {"sealed": {base64.StdEncoding.EncodeToString(r.sealed)}},
	} {
		f.Set("flow", flow)
		code, body := request{method: "POST", path: "/password", header: form(), body: strings.NewReader(f.Encode())}.send(t, s, redirectsAreAnswers(r.Visitor))
		if code >= 500 || (code == http.StatusOK && !strings.Contains(body, `"again":true`)) {
			t.Errorf("%s: status %d %.80s", name, code, body)
		}
	}
	// Another browser's flow token, or none, opens nothing.
	for _, flow := range []string{"", "x", flowOf(t, s, s.ready(t).Visitor)} {
		f := url.Values{"flow": {flow}, "request": {r.ticket.Request}, "sealed": {base64.StdEncoding.EncodeToString(r.sealed)}}
		if _, body := (request{method: "POST", path: "/password", header: form(), body: strings.NewReader(f.Encode())}).send(t, s, r.Visitor); strings.Contains(body, "/status/") {
			t.Errorf("flow token %q was taken: %s", flow, body)
		}
	}
	s.unchanged(t, r.person, r.before, r.fresh)
	// The attempt itself has taken no harm.
	r.HTTP.CheckRedirect = nil
	shows(t, choose(t, r.Visitor, r.fresh), "changed")
	s.changed(t, r.person, r.before, r.fresh)
}

func flowOf(t *testing.T, s *site, v *demo.Visitor) string {
	t.Helper()
	a, err := s.Store.AttemptBySession(t.Context(), demo.TenantID, sessionHash(t, s, v))
	must(t, err)
	if a.ID == "" {
		t.Fatal("no attempt")
	}
	page, err := v.Get(t.Context(), "/password")
	must(t, err)
	_, after, _ := strings.Cut(page.Body, `name="flow" value="`)
	flow, _, _ := strings.Cut(after, `"`)
	return flow
}

// Somebody else's status page tells nothing.
func TestStatusPageIsItsOwnersOnly(t *testing.T) {
	t.Parallel()
	s := shared(t)
	r := s.ready(t)
	_, err := r.Send(t.Context(), r.ticket, r.sealed)
	must(t, err)
	_, err = r.Outcome(t.Context())
	must(t, err)
	for name, v := range map[string]*demo.Visitor{"without a session": s.visitor(t), "with another": s.ready(t).Visitor} {
		page, err := v.Get(t.Context(), r.Status)
		must(t, err)
		if page.Code == http.StatusOK || strings.Contains(page.Body, "data-mark") {
			t.Errorf("a visitor %s sees %q", name, page.Title())
		}
	}
}

// What isn't HTTP or TLS at all, half a request, and a client that stops in the middle.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	s := shared(t)
	portal, err := url.Parse(s.Portal())
	must(t, err)
	address := "127.0.0.1:" + portal.Port()
	for _, text := range []string{"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", "CONNECT x:1 HTTP/1.1\r\n", "INFO {}\r\nCONNECT {}\r\n", ""} {
		c, err := net.DialTimeout("tcp", address, patience)
		must(t, err)
		_, _ = io.WriteString(c, text)
		_ = c.Close()
	}
	for _, text := range []string{
		"GET /start HTTP/1.1\r\n\r\n", "GET /start HTTP/9.9\r\nHost: x\r\n\r\n", "\x00\x00\x00\r\n\r\n",
		"POST /start HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"POST /start HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
		"GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		must(t, err)
		must(t, c.SetDeadline(time.Now().Add(patience)))
		_, _ = io.WriteString(c, text)
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
			if resp.StatusCode < 400 || resp.StatusCode >= 600 {
				t.Errorf("%.40q: status %d", text, resp.StatusCode)
			}
			_ = resp.Body.Close()
		}
		_ = c.Close()
	}
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	must(t, err)
	_, err = fmt.Fprint(c, "POST /start HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nname=")
	must(t, err)
	must(t, c.Close())
	s.alive(t)
}

// alive asserts that the server is the process it was, has not panicked, and still resets passwords.
func (s *site) alive(t *testing.T) {
	t.Helper()
	select {
	case <-s.Server.Done():
		t.Fatalf("the server has ended:\n%s", end(s.Path("server.log")))
	default:
	}
	b, err := os.ReadFile(s.Path("server.log"))
	must(t, err)
	if bytes.Contains(b, []byte("panic")) {
		t.Errorf("the server panicked:\n%s", end(s.Path("server.log")))
	}
	p, fresh := s.person(t, lab.KindOrdinary), lab.RandomPassword()
	before := s.writes(t, p)
	shows(t, reset(t, s.visitor(t), p, fresh), "changed")
	s.changed(t, p, before, fresh)
}
