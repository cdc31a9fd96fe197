package store

import (
	"context"
	"fmt"
	"time"

	"homeward/internal/server/enrol"
)

const deviceColumns = "hash, user_hash, machine, build, address, created, expires, state, tenant, operator, decided"

func deviceFields(d *enrol.Device) []any {
	return []any{
		blob{&d.Hash},
		blob{&d.UserHash},
		&d.Machine, &d.Build, &d.Address,
		moment{&d.Created},
		moment{&d.Expires},
		&d.State, &d.Tenant, &d.Operator,
		moment{&d.Decided},
	}
}

// CreateDevice stores a machine's request. A code that exists already gives ErrConflict.
func (s *Store) CreateDevice(ctx context.Context, d enrol.Device) error {
	fields := deviceFields(&d)
	if _, err := s.exec(ctx, `INSERT INTO devices (`+deviceColumns+`) VALUES (`+marks(len(fields))+`)`, fields...); err != nil {
		return fmt.Errorf("create a device's request: %w", err)
	}
	return nil
}

// Device returns the request with a device code's hash, or ErrNotFound.
func (s *Store) Device(ctx context.Context, hash []byte) (enrol.Device, error) {
	return s.device(ctx, "hash", hash)
}

// DeviceByUser returns the request with a user code's hash, or ErrNotFound.
func (s *Store) DeviceByUser(ctx context.Context, hash []byte) (enrol.Device, error) {
	return s.device(ctx, "user_hash", hash)
}

func (s *Store) device(ctx context.Context, column string, hash []byte) (enrol.Device, error) {
	var d enrol.Device
	if err := s.readRow(ctx, `SELECT `+deviceColumns+` FROM devices WHERE `+column+` = ?`, hash).Scan(deviceFields(&d)...); err != nil {
		return enrol.Device{}, fmt.Errorf("read a device's request: %w", err)
	}
	return d, nil
}

// MoveDevice stores a decision if the request still has the state from; otherwise ErrConflict.
func (s *Store) MoveDevice(ctx context.Context, d enrol.Device, from enrol.DeviceState) error {
	const text = `UPDATE devices SET state = ?, tenant = ?, operator = ?, decided = ? WHERE hash = ? AND state = ?`
	n, err := s.exec(ctx, text, d.State, d.Tenant, d.Operator, millis(d.Decided), d.Hash, from)
	if err == nil && n == 0 {
		err = ErrConflict
	}
	if err != nil {
		return fmt.Errorf("move a device's request: %w", err)
	}
	return nil
}

// DropDevices removes requests that were over before a moment, and returns how many.
func (s *Store) DropDevices(ctx context.Context, before time.Time) (int, error) {
	n, err := s.exec(ctx, `DELETE FROM devices WHERE expires < ?`, millis(before))
	if err != nil {
		return 0, fmt.Errorf("remove devices' requests: %w", err)
	}
	return int(n), nil
}

// CodeFor returns an enrolment code that nobody has used, by its hash, or ErrNotFound. It stays good.
func (s *Store) CodeFor(ctx context.Context, hash []byte) (enrol.Code, error) {
	var c enrol.Code
	const text = `SELECT ` + codeColumns + ` FROM enrol_codes WHERE hash = ? AND used_by = ''`
	if err := s.readRow(ctx, text, hash).Scan(enrolCodeFields(&c)...); err != nil {
		return enrol.Code{}, fmt.Errorf("look up an enrolment code: %w", err)
	}
	return c, nil
}
