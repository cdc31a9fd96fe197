package storetest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/masterkey"
	"homeward/internal/server/store"
	"homeward/internal/server/verify"
)

func method(id, person string, kind verify.Kind) verify.Method {
	return verify.Method{
		Tenant: TenantA, ID: id, Person: person, Kind: kind, Masked: "a•••@mail.example", Secret: []byte("seed of " + id),
		Created: noon(), Confirmed: noon(),
	}
}

func methodTests() []test {
	return []test{
		{"kept with its secret sealed", func(t *testing.T, e *env) {
			want := method("m1", "p1", verify.App)
			ok(t, e.PutMethod(e.ctx, want))
			ok(t, e.PutMethod(e.ctx, method("m2", "p2", verify.App)))
			got := at[[]verify.Method](t)(e.Methods(e.ctx, TenantA, "p1"))
			if diff := cmp.Diff([]verify.Method{want}, got); diff != "" {
				t.Error(diff)
			}
			if other := at[[]verify.Method](t)(e.Methods(e.ctx, TenantB, "p1")); len(other) != 0 {
				t.Errorf("another tenant sees %v", other)
			}
			if err := e.PutMethod(e.ctx, want); !errors.Is(err, store.ErrConflict) {
				t.Errorf("a taken id: %v", err)
			}
			var raw []byte
			ok(t, e.raw(t).QueryRowContext(e.ctx, `SELECT secret FROM methods WHERE id = 'm1'`).Scan(&raw))
			if len(raw) == 0 || cmp.Equal(raw, want.Secret) {
				t.Errorf("the database holds %q", raw)
			}
		}},
		{"a secret opens in its own row only", func(t *testing.T, e *env) {
			ok(t, e.PutMethod(e.ctx, method("m1", "p1", verify.App)))
			e.do(t, `UPDATE methods SET person = 'p2'`)
			if _, err := e.Methods(e.ctx, TenantA, "p2"); !errors.Is(err, masterkey.ErrAltered) {
				t.Errorf("a moved seed: %v", err)
			}
		}},
		{"a step passes once", func(t *testing.T, e *env) {
			ok(t, e.PutMethod(e.ctx, method("m1", "p1", verify.App)))
			var passed, refused atomic.Int32
			race(8, func(int) {
				switch err := e.UseMethod(e.ctx, TenantA, "m1", 100, noon()); {
				case err == nil:
					passed.Add(1)
				case errors.Is(err, store.ErrConflict):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
			if passed.Load() != 1 || refused.Load() != 7 {
				t.Errorf("%d passed, %d were refused", passed.Load(), refused.Load())
			}
			if err := e.UseMethod(e.ctx, TenantA, "m1", 99, noon()); !errors.Is(err, store.ErrConflict) {
				t.Errorf("an earlier step: %v", err)
			}
			ok(t, e.UseMethod(e.ctx, TenantA, "m1", 101, noon()))
			ok(t, e.UseMethod(e.ctx, TenantA, "m1", -1, noon().Add(time.Hour)))
			got := at[[]verify.Method](t)(e.Methods(e.ctx, TenantA, "p1"))[0]
			if got.Step != 101 || !got.Used.Equal(noon().Add(time.Hour)) {
				t.Errorf("%+v", got)
			}
		}},
		{"registered in two steps", func(t *testing.T, e *env) {
			ok(t, e.PutMethod(e.ctx, method("old", "p1", verify.Mail)))
			pending := method("new", "p1", verify.Mail)
			pending.Confirmed = time.Time{}
			ok(t, e.PutMethod(e.ctx, pending))
			if err := e.UseMethod(e.ctx, TenantA, "new", 5, noon()); !errors.Is(err, store.ErrConflict) {
				t.Errorf("an unconfirmed method passed: %v", err)
			}
			pending.Confirmed, pending.Step = noon().Add(time.Minute), 7
			stolen := pending
			stolen.Person = "p2"
			if err := e.ConfirmMethod(e.ctx, stolen, ""); !errors.Is(err, store.ErrConflict) {
				t.Errorf("somebody else's: %v", err)
			}
			ok(t, e.ConfirmMethod(e.ctx, pending, "old"))
			if err := e.ConfirmMethod(e.ctx, pending, ""); !errors.Is(err, store.ErrConflict) {
				t.Errorf("twice: %v", err)
			}
			if diff := cmp.Diff([]verify.Method{pending}, at[[]verify.Method](t)(e.Methods(e.ctx, TenantA, "p1"))); diff != "" {
				t.Error(diff)
			}
			if err := e.DeleteMethod(e.ctx, TenantA, "p2", "new"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("somebody else's removed: %v", err)
			}
			ok(t, e.DeleteMethod(e.ctx, TenantA, "p1", "new"))
		}},
		{"unfinished ones are dropped", func(t *testing.T, e *env) {
			pending := method("new", "p1", verify.Mail)
			pending.Confirmed = time.Time{}
			ok(t, e.PutMethod(e.ctx, pending))
			ok(t, e.PutMethod(e.ctx, method("kept", "p1", verify.Mail)))
			ok(t, e.DropPending(e.ctx, TenantA, "p2", noon().Add(time.Hour)))
			ok(t, e.DropPending(e.ctx, "", "", noon()))
			if n := len(at[[]verify.Method](t)(e.Methods(e.ctx, TenantA, "p1"))); n != 2 {
				t.Errorf("%d methods are left", n)
			}
			ok(t, e.DropPending(e.ctx, TenantA, "p1", noon().Add(time.Hour)))
			if n := len(at[[]verify.Method](t)(e.Methods(e.ctx, TenantA, "p1"))); n != 1 {
				t.Errorf("%d methods are left", n)
			}
		}},
		{"a pass works once", func(t *testing.T, e *env) {
			pass := verify.HelpdeskPass{Tenant: TenantA, Person: "p1", Hash: []byte("right"), Created: noon(), Expires: noon().Add(time.Hour)}
			old := pass
			old.Hash = []byte("old")
			ok(t, e.PutPass(e.ctx, old))
			ok(t, e.PutPass(e.ctx, pass))
			var passed atomic.Int32
			race(8, func(int) {
				if err := e.UsePass(e.ctx, TenantA, "p1", pass.Hash, noon()); err == nil {
					passed.Add(1)
				} else if !errors.Is(err, store.ErrConflict) {
					t.Error(err)
				}
			})
			if passed.Load() != 1 || at[bool](t)(e.HasPass(e.ctx, TenantA, "p1", noon())) {
				t.Errorf("it was used %d times, or is still there", passed.Load())
			}
			ok(t, e.PutPass(e.ctx, pass))
			for name, try := range map[string]error{
				"replaced":       e.UsePass(e.ctx, TenantA, "p1", old.Hash, noon()),
				"another person": e.UsePass(e.ctx, TenantA, "p2", pass.Hash, noon()),
				"another tenant": e.UsePass(e.ctx, TenantB, "p1", pass.Hash, noon()),
				"late":           e.UsePass(e.ctx, TenantA, "p1", pass.Hash, pass.Expires),
			} {
				if !errors.Is(try, store.ErrConflict) {
					t.Errorf("%s: %v", name, try)
				}
			}
			ok(t, e.DropPasses(e.ctx, pass.Expires))
			if !at[bool](t)(e.HasPass(e.ctx, TenantA, "p1", noon())) {
				t.Error("dropped before its time")
			}
			ok(t, e.DropPasses(e.ctx, pass.Expires.Add(time.Second)))
			if at[bool](t)(e.HasPass(e.ctx, TenantA, "p1", noon())) {
				t.Error("still there")
			}
		}},
		{"registration and census", func(t *testing.T, e *env) {
			ok(t, e.PutMethod(e.ctx, method("m1", "p1", verify.Mail)))
			ok(t, e.PutMethod(e.ctx, method("m2", "p1", verify.App)))
			ok(t, e.PutMethod(e.ctx, method("m3", "p2", verify.App)))
			ok(t, e.NoteCheck(e.ctx, TenantA, "p1", verify.App))
			ok(t, e.NoteReview(e.ctx, TenantA, "p1", noon()))
			ok(t, e.NoteReview(e.ctx, TenantA, "p2", noon()))
			want := verify.Registration{Tenant: TenantA, Person: "p1", Last: verify.App, Reviewed: noon()}
			if diff := cmp.Diff(want, at[verify.Registration](t)(e.Registration(e.ctx, TenantA, "p1"))); diff != "" {
				t.Error(diff)
			}
			census := verify.Census{With: map[verify.Kind]int{verify.Mail: 1, verify.App: 2}, Used: 1, Domains: []string{"mail.example"}}
			if diff := cmp.Diff(census, at[verify.Census](t)(e.Census(e.ctx, TenantA))); diff != "" {
				t.Error(diff)
			}
		}},
	}
}
