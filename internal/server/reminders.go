package server

import (
	"context"

	"homeward/internal/server/audit"
	"homeward/internal/server/notify"
	"homeward/internal/server/reminder"
	"homeward/internal/server/store"
)

// reminders sends each reminder once: the claim, the message and the record are there together, or not at all.
func reminders(s *store.Store, letters *notify.Letters, mails *notify.Queue) func(context.Context, reminder.Reminder, audit.Record) (bool, error) {
	return func(ctx context.Context, r reminder.Reminder, record audit.Record) (sent bool, err error) {
		err = s.WithTx(ctx, func(tx *store.Store) error {
			sent = false
			for _, days := range r.Passed {
				fresh, err := tx.ClaimReminder(ctx, r.Tenant.ID, r.Person.ID, days, r.Expires, r.Now)
				if err != nil {
					return err
				}
				sent = sent || fresh && days == r.Days
			}
			if !sent {
				return nil
			}
			if err := letters.In(tx).Expiring(ctx, r.Tenant, r.To, r.Language(), r.Expires); err != nil {
				return err
			}
			return tx.Append(ctx, r.Tenant.ID, record)
		})
		if err == nil && sent {
			mails.Wake()
		}
		return sent && err == nil, err
	}
}
