package server

import (
	"context"
	"errors"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/objection"
	"homeward/internal/server/store"
)

// objectionKey names the key that links are hashed with.
const objectionKey = "objections"

// Objections makes and acts on links with a key, and holds and releases people; that needs no key and works beside a running
// server too.
func Objections(s *store.Store, key []byte, now func() time.Time) *objection.Service {
	return objection.New(objections{s}, key, now)
}

// objections fits objection.Store.
type objections struct{ *store.Store }

// ObjectionLink fits objection.Store.
func (s objections) ObjectionLink(ctx context.Context, tenant string, hash []byte) (objection.Link, error) {
	l, err := s.Store.ObjectionLink(ctx, tenant, hash)
	if errors.Is(err, store.ErrNotFound) {
		err = errors.Join(objection.ErrNoLink, err)
	}
	return l, err
}

// Stop fits objection.Store.
func (s objections) Stop(ctx context.Context, l *objection.Link, h objection.Hold, records ...audit.Record) error {
	err := s.Store.Stop(ctx, l, h, records...)
	if l != nil && errors.Is(err, store.ErrNotFound) {
		err = errors.Join(objection.ErrNoLink, err)
	}
	return err
}

// Release fits objection.Store.
func (s objections) Release(ctx context.Context, tenant, person string, records ...audit.Record) error {
	err := s.Store.Release(ctx, tenant, person, records...)
	if errors.Is(err, store.ErrNotFound) {
		err = errors.Join(objection.ErrNotHeld, err)
	}
	return err
}
