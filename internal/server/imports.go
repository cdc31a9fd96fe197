package server

import (
	"context"
	"log/slog"
	"time"

	"homeward/internal/config"
	"homeward/internal/server/locale"
	"homeward/internal/server/notify"
	"homeward/internal/server/registration"
	"homeward/internal/server/store"
)

// ImportMethods registers destinations of people, all of them or none, and queues the messages about it, which a running server
// sends. Without apply it says what it would do.
func ImportMethods(ctx context.Context, c config.Server, s *store.Store, tenantID, operator string, rows []registration.Row, apply bool) (registration.Imported, error) {
	t, err := s.Tenant(ctx, tenantID)
	if err != nil {
		return registration.Imported{}, err
	}
	i := registration.Import{Tenant: t, Operator: operator, Texts: c.Text.On(), Now: time.Now()}
	if !apply {
		return i.Check(ctx, s, rows)
	}
	letters, err := letterbox(c, s, time.Now)
	if err != nil {
		return registration.Imported{}, err
	}
	var done registration.Imported
	err = s.WithTx(ctx, func(tx *store.Store) error {
		var err error
		done, err = i.Apply(ctx, tx, letters.In(tx), rows)
		return err
	})
	return done, err
}

// letterbox writes letters from the command line. They wait in the queue until a server sends them.
func letterbox(c config.Server, s *store.Store, now func() time.Time) (*notify.Letters, error) {
	log := slog.New(slog.DiscardHandler)
	key, err := MasterKey(c, log)
	if err != nil {
		return nil, err
	}
	links, err := key.Derive(objectionKey)
	if err != nil {
		return nil, err
	}
	catalog, err := locale.New()
	if err != nil {
		return nil, err
	}
	queue := notify.NewQueue(s, key, notify.Channels{}, now, log)
	return notify.NewLetters(queue, catalog, c.BaseURL, now).Offering(Objections(s, links, now), s), nil
}
