package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/audit"
	"homeward/internal/server/objection"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
)

func objectionTests() []test {
	link := func(hash, person string) objection.Link {
		return objection.Link{Tenant: TenantA, Hash: []byte(hash), Person: person, Support: "HW-1", At: noon(), Expires: noon().Add(time.Hour)}
	}
	return []test{
		{"links are found by their hash", func(t *testing.T, e *env) {
			want := link("h1", "p1")
			ok(t, e.PutObjectionLink(e.ctx, want))
			if diff := cmp.Diff(want, at[objection.Link](t)(e.ObjectionLink(e.ctx, TenantA, []byte("h1")))); diff != "" {
				t.Error(diff)
			}
			if _, err := e.ObjectionLink(e.ctx, TenantB, []byte("h1")); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("another tenant: %v", err)
			}
			ok(t, e.DropObjectionLinks(e.ctx, noon().Add(time.Hour)))
			_ = at[objection.Link](t)(e.ObjectionLink(e.ctx, TenantA, []byte("h1")))
			ok(t, e.DropObjectionLinks(e.ctx, noon().Add(time.Hour+1e6)))
			if _, err := e.ObjectionLink(e.ctx, TenantA, []byte("h1")); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("after it is over: %v", err)
			}
		}},
		{"a hold ends what is open and stays until it is released", func(t *testing.T, e *env) {
			l := link("h1", "p1")
			ok(t, e.PutObjectionLink(e.ctx, l))
			ok(t, e.PutObjectionLink(e.ctx, link("h2", "p2")))
			open := reset.Attempt{
				Tenant: TenantA, ID: "a1", Support: "HW-9", Kind: "reset", Person: "p1", State: reset.Verified, Created: noon(), Expires: noon().Add(time.Hour),
			}
			ok(t, e.CreateAttempt(e.ctx, open))
			other := open
			other.ID, other.Support, other.Person = "a2", "HW-8", "p2"
			ok(t, e.CreateAttempt(e.ctx, other))
			first := objection.Hold{Tenant: TenantA, Person: "p1", Reason: "the first", At: noon()}
			ok(t, e.Stop(e.ctx, &l, first, audit.Record{Activity: "Stop"}))
			ok(t, e.Stop(e.ctx, nil, objection.Hold{Tenant: TenantA, Person: "p1", Operator: "op", Reason: "the second", At: noon()}))
			if diff := cmp.Diff([]objection.Hold{first}, at[[]objection.Hold](t)(e.Holds(e.ctx, TenantA))); diff != "" {
				t.Error(diff)
			}
			if a := at[reset.Attempt](t)(e.Attempt(e.ctx, TenantA, "a1")); !a.Expires.Equal(noon()) {
				t.Errorf("it is open until %s", a.Expires)
			}
			if _, err := e.Move(e.ctx, open, reset.Verified); !errors.Is(err, store.ErrConflict) {
				t.Errorf("a page that was open moves on: %v", err)
			}
			if a := at[reset.Attempt](t)(e.Attempt(e.ctx, TenantA, "a2")); !a.Expires.After(noon()) {
				t.Error("somebody else's is over")
			}
			for who, want := range map[string]bool{"p1": true, "p2": false} {
				if held := at[bool](t)(e.Held(e.ctx, TenantA, who)); held != want {
					t.Errorf("%s held: %v", who, held)
				}
			}
			if held := at[bool](t)(e.Held(e.ctx, TenantB, "p1")); held {
				t.Error("another tenant's is held")
			}
			ok(t, e.Release(e.ctx, TenantA, "p1", audit.Record{Activity: "Release"}))
			if err := e.Release(e.ctx, TenantA, "p1"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("released twice: %v", err)
			}
			if _, err := e.ObjectionLink(e.ctx, TenantA, []byte("h1")); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("its link: %v", err)
			}
			_ = at[objection.Link](t)(e.ObjectionLink(e.ctx, TenantA, []byte("h2")))
			ok(t, e.VerifyChain(e.ctx, TenantA))
		}},
		{"a link that is gone holds nobody", func(t *testing.T, e *env) {
			l := link("gone", "p1")
			err := e.Stop(e.ctx, &l, objection.Hold{Tenant: TenantA, Person: "p1", At: noon()}, audit.Record{Activity: "Stop"})
			if !errors.Is(err, store.ErrNotFound) || at[bool](t)(e.Held(e.ctx, TenantA, "p1")) {
				t.Errorf("%v", err)
			}
		}},
	}
}
