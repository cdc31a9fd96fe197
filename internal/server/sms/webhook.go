package sms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"homeward/internal/server/webhook"
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
	err = webhook.Post(ctx, w.Client, w.URL, []byte(secret), w.Now(), body)
	if errors.Is(err, webhook.ErrRefused) {
		return fmt.Errorf("%w: %w", err, ErrRefused)
	}
	return err
}
