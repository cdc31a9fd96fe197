package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"homeward/internal/demo/mailbox"
	"homeward/internal/seal"
)

// Visitor goes through the portal's public pages as a person's browser does: forms, cookies, redirects, and
// sealing the password before it leaves.
type Visitor struct {
	HTTP *http.Client
	base string
	box  *mailbox.Mailbox

	Status string // path of the status page, once there is one
	Flow   string // the token that forms of this attempt carry
}

// Page is what a visitor sees.
type Page struct {
	Code int
	Path string
	Body string
}

// Client returns a new visitor with a cookie jar of its own.
func (s *Stack) Client() (*Visitor, error) { return s.ClientFrom(nil) }

// ClientFrom returns a visitor whose connections come from one of this machine's addresses, such as any of
// 127.0.0.0/8: limits count by address.
func (s *Stack) ClientFrom(from net.IP) (*Visitor, error) {
	pem, err := os.ReadFile(s.cert.CAFile)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("cookie jar: %w", err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	if from != nil {
		tr.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}).DialContext
	}
	return &Visitor{HTTP: &http.Client{Transport: tr, Jar: jar, Timeout: 45 * time.Second}, base: s.portal, box: s.Mailbox}, nil
}

func (v *Visitor) healthy(ctx context.Context) (bool, error) {
	p, err := v.Get(ctx, "/healthz")
	return err == nil && p.Code == http.StatusOK, err
}

// Get opens a page.
func (v *Visitor) Get(ctx context.Context, path string) (Page, error) {
	return v.do(ctx, http.MethodGet, path, nil, false)
}

// Post sends a form and follows the redirect.
func (v *Visitor) Post(ctx context.Context, path string, form url.Values) (Page, error) {
	return v.do(ctx, http.MethodPost, path, form, false)
}

func (v *Visitor) do(ctx context.Context, method, path string, form url.Values, script bool) (Page, error) {
	req, err := http.NewRequestWithContext(ctx, method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return Page{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Accept-Language", "en")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", v.base)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if script {
		req.Header.Set("HX-Request", "true")
	}
	resp, err := v.HTTP.Do(req)
	if err != nil {
		return Page{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return Page{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return Page{Code: resp.StatusCode, Path: resp.Request.URL.Path, Body: string(body)}, nil
}

// Title returns the page's h1.
func (p Page) Title() string {
	m := regexp.MustCompile(`(?s)<h1[^>]*>(.*?)</h1>`).FindStringSubmatch(p.Body)
	if m == nil {
		return ""
	}
	return strings.TrimSpace(m[1])
}

// Start posts the first page. Problem is "forgot" or "locked", or "change" for the first page of a change.
func (v *Visitor) Start(ctx context.Context, name, problem string) (Page, error) {
	if problem == "change" {
		return v.Post(ctx, "/change", url.Values{"name": {name}})
	}
	return v.Post(ctx, "/start", url.Values{"name": {name}, "problem": {problem}})
}

// AskCode asks for a code by mail and returns the page that wants it.
func (v *Visitor) AskCode(ctx context.Context) (Page, error) {
	return v.Post(ctx, "/verify/1", url.Values{"method": {"mail"}})
}

// ReadCode waits for a mail to an address that came after since, and returns the code in it.
func (v *Visitor) ReadCode(ctx context.Context, to string, since time.Time) (string, error) {
	code := regexp.MustCompile(`\b[0-9]{6}\b`)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		messages := v.box.Messages()
		for _, m := range slices.Backward(messages) {
			if strings.EqualFold(m.To, to) && m.At.After(since) {
				if c := code.FindString(m.Text); c != "" {
					return c, nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no mail with a code for the person arrived: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// EnterCode types the code of the first check.
func (v *Visitor) EnterCode(ctx context.Context, code string) (Page, error) {
	return v.EnterCodeAt(ctx, "/verify/1", code)
}

// EnterCodeAt types the code of a check, such as /verify/2.
func (v *Visitor) EnterCodeAt(ctx context.Context, check, code string) (Page, error) {
	p, err := v.Post(ctx, check+"/code", url.Values{"code": {code}})
	v.see(p)
	return p, err
}

func (v *Visitor) see(p Page) {
	if m := regexp.MustCompile(`(?:name="flow" value|data-flow)="([^"]+)"`).FindStringSubmatch(p.Body); m != nil {
		v.Flow = m[1]
	}
	if strings.HasPrefix(p.Path, "/status/") {
		v.Status = p.Path
	}
}

// PasswordPage opens the page of the new password again, as a browser does that was told to try again.
func (v *Visitor) PasswordPage(ctx context.Context) (Page, error) {
	p, err := v.Get(ctx, "/password")
	v.see(p)
	return p, err
}

// Verify goes from the first page to the one after the check.
func (v *Visitor) Verify(ctx context.Context, name, mail, problem string) (Page, error) {
	if p, err := v.Start(ctx, name, problem); err != nil || !strings.HasPrefix(p.Path, "/verify/") {
		return p, err
	}
	since := time.Now()
	if p, err := v.AskCode(ctx); err != nil || p.Path != "/verify/1/code" {
		return p, err
	}
	code, err := v.ReadCode(ctx, mail, since)
	if err != nil {
		return Page{}, err
	}
	return v.EnterCode(ctx, code)
}

// Ticket is what a browser seals to.
type Ticket struct {
	Request  string `json:"request"`
	Header   []byte `json:"header"`
	Key      []byte `json:"key"`
	Redirect string `json:"redirect"`
}

// Ticket asks for one.
func (v *Visitor) Ticket(ctx context.Context) (Ticket, error) {
	var t Ticket
	p, err := v.do(ctx, http.MethodPost, "/password/ticket", url.Values{"flow": {v.Flow}}, true)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(p.Body), &t); err != nil {
		return t, fmt.Errorf("ticket: status %d: %w", p.Code, err)
	}
	return t, nil
}

// Seal seals a new password to a ticket; for a change the current one stands before it.
func (t Ticket) Seal(passwords ...[]byte) ([]byte, error) {
	key, err := seal.NewPublicKey(t.Key)
	if err != nil {
		return nil, err
	}
	return seal.Seal(key, t.Header, passwords...)
}

// Sent is the answer to a submission.
type Sent struct {
	Redirect string `json:"redirect"`
	Again    bool   `json:"again"`
	Busy     bool   `json:"busy"` // another change of the same password is on its way
}

// ErrBusy reports that the portal sent nothing, because another change of the same password is on its way.
var ErrBusy = errors.New("another change of this password is on its way")

// Send submits a sealed password.
func (v *Visitor) Send(ctx context.Context, t Ticket, sealed []byte) (Sent, error) {
	var s Sent
	p, err := v.do(ctx, http.MethodPost, "/password", url.Values{
		"flow": {v.Flow}, "request": {t.Request},
		"sealed": {base64.StdEncoding.EncodeToString(sealed)},
	}, true)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(p.Body), &s); err != nil {
		return s, fmt.Errorf("send: status %d: %w", p.Code, err)
	}
	if strings.HasPrefix(s.Redirect, "/status/") {
		v.Status = s.Redirect
	}
	return s, nil
}

// Choose seals and sends a new password, for a change the current one before it, with a fresh ticket as often as the
// portal asks for one.
func (v *Visitor) Choose(ctx context.Context, passwords ...[]byte) error {
	for range 3 {
		t, err := v.Ticket(ctx)
		if err != nil {
			return err
		}
		if t.Redirect != "" {
			v.see(Page{Path: t.Redirect})
			return nil
		}
		sealed, err := t.Seal(passwords...)
		if err != nil {
			return err
		}
		s, err := v.Send(ctx, t, sealed)
		if err == nil && s.Busy {
			err = ErrBusy
		}
		if err != nil || !s.Again {
			return err
		}
	}
	return errors.New("the portal asked for a fresh seal three times")
}

// Outcome follows the status page until it no longer says that it is writing.
func (v *Visitor) Outcome(ctx context.Context) (Page, error) {
	for {
		p, err := v.Get(ctx, v.Status)
		if err != nil || !strings.Contains(p.Body, `data-mark="writing`) {
			v.see(p)
			return p, err
		}
		if _, err := v.do(ctx, http.MethodGet, v.Status+"?after=writing-directory", nil, true); err != nil {
			return Page{}, err
		}
	}
}
