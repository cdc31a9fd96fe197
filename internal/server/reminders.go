package server

import (
	"cmp"
	"context"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/notify"
	"homeward/internal/server/reminder"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
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

// registerReminders sends a batch of reminders to register: each claim, message and record is there, or none of the batch.
func registerReminders(s *store.Store, letters *notify.Letters, mails *notify.Queue) func(context.Context, tenant.Tenant, []reminder.Call, time.Time, audit.Record) (int, error) {
	return func(ctx context.Context, t tenant.Tenant, calls []reminder.Call, since time.Time, record audit.Record) (sent int, err error) {
		err = s.WithTx(ctx, func(tx *store.Store) error {
			sent = 0
			in := letters.In(tx)
			for _, c := range calls {
				fresh, err := tx.ClaimRegister(ctx, t.ID, c.Person.ID, record.At, since)
				if err != nil {
					return err
				}
				if !fresh {
					continue
				}
				if err := in.Register(ctx, t, c.To, cmp.Or(c.Person.Language, t.Settings.Locale), c.Due); err != nil {
					return err
				}
				record.Target = c.Person.ID
				if err := tx.Append(ctx, t.ID, record); err != nil {
					return err
				}
				sent++
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		mails.Wake()
		return sent, nil
	}
}
