package sms

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Webhook posts each message to a provider, or to something of the organisation's own in front of one. The body is a JSON
// object: to, from, text, lang. The header Homeward-Signature is t=UNIX,v1=HEX: an HMAC-SHA-256 under the secret of the time,
// a point and the body. The other side answers 2xx once it has taken the message.
type Webhook struct {
	URL    string // https
	From   string
	Secret func() (string, error)
	Client *http.Client // with its own roots, where they are private
	Now    func() time.Time
}

// NewClient returns a client that follows no redirect: a message goes where the administrator said, or nowhere.
func NewClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Send posts one message. It returns ErrRefused when the answer isn't 2xx.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	secret, err := w.Secret()
	if err != nil {
		return fmt.Errorf("webhook secret: %w", err)
	}
	body, err := json.Marshal(map[string]string{"to": m.To, "from": w.From, "text": m.Text, "lang": m.Lang})
	if err != nil {
		return fmt.Errorf("webhook body: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("webhook address can't be used")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Homeward-Signature", Sign([]byte(secret), w.Now(), body))
	answer, err := w.Client.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok { // without the address, which may hold a key
			err = u.Err
		}
		return fmt.Errorf("webhook: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // nothing of it is needed
	_, _ = io.CopyN(io.Discard, answer.Body, 4096)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("webhook answered %d: %w", answer.StatusCode, ErrRefused)
	}
	return nil
}

// Sign is the header's value.
func Sign(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(t + "."))
	h.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(h.Sum(nil))
}
