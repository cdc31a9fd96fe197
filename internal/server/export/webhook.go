package export

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"homeward/internal/server/webhook"
)

// Webhook posts rows as {"records": […]}, signed; see package webhook.
type Webhook struct {
	URL    string
	Secret func() (string, error)
	Client *http.Client
	Now    func() time.Time
}

// Send posts one batch.
func (w *Webhook) Send(ctx context.Context, batch []Row) error {
	secret, err := w.Secret()
	if err != nil {
		return fmt.Errorf("webhook secret: %w", err)
	}
	body, err := json.Marshal(map[string][]Row{"records": batch})
	if err != nil {
		return fmt.Errorf("webhook body: %w", err)
	}
	return webhook.Post(ctx, w.Client, w.URL, []byte(secret), w.Now(), body)
}
