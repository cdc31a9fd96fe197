package storetest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/store"
	"homeward/internal/server/verify"
)

const maxTries = 5

func mailCode(tenant string) verify.Code {
	return verify.Code{
		Tenant: tenant, Attempt: "a", Hash: []byte("right"), Sent: noon(), Expires: noon().Add(10 * time.Minute),
	}
}

// withCode has an attempt with a code.
func withCode(run func(t *testing.T, e *env)) func(t *testing.T, e *env) {
	return func(t *testing.T, e *env) {
		ok(t, e.CreateAttempt(e.ctx, attempt(TenantA, "a")))
		ok(t, e.PutCode(e.ctx, mailCode(TenantA)))
		run(t, e)
	}
}

func (e *env) try(t *testing.T, answer string, now time.Time) verify.Answer {
	t.Helper()
	return at[verify.Answer](t)(e.TryCode(e.ctx, TenantA, "a", []byte(answer), now, maxTries))
}

func wantAnswer(t *testing.T, got verify.Answer, want verify.Result, remaining int) {
	t.Helper()
	if diff := cmp.Diff(verify.Answer{Result: want, Remaining: remaining}, got); diff != "" {
		t.Error(diff)
	}
}

func codeTests() []test {
	return []test{
		{"right once", withCode(func(t *testing.T, e *env) {
			wantAnswer(t, e.try(t, "right", noon()), verify.OK, 0)
			wantAnswer(t, e.try(t, "right", noon()), verify.None, 0)
			if c := at[verify.Code](t)(e.Code(e.ctx, TenantA, "a")); !c.Used || c.Tries != 0 {
				t.Errorf("code is %+v", c)
			}
		})},
		{"wrong until the tries are used up", withCode(func(t *testing.T, e *env) {
			for left := maxTries - 1; left > 0; left-- {
				wantAnswer(t, e.try(t, "wrong", noon()), verify.Wrong, left)
			}
			wantAnswer(t, e.try(t, "", noon()), verify.TooMany, 0)
			wantAnswer(t, e.try(t, "right", noon()), verify.TooMany, 0)
		})},
		{"right at the last try", withCode(func(t *testing.T, e *env) {
			for range maxTries - 1 {
				e.try(t, "wrong", noon())
			}
			wantAnswer(t, e.try(t, "right", noon()), verify.OK, 0)
		})},
		{"expired", withCode(func(t *testing.T, e *env) {
			expires := mailCode(TenantA).Expires
			wantAnswer(t, e.try(t, "right", expires), verify.Expired, 0)
			wantAnswer(t, e.try(t, "wrong", expires), verify.Expired, 0)
			wantAnswer(t, e.try(t, "right", expires.Add(-time.Millisecond)), verify.OK, 0)
		})},
		{"new code replaces the old one", withCode(func(t *testing.T, e *env) {
			e.try(t, "wrong", noon())
			next := mailCode(TenantA)
			next.Hash, next.Expires = []byte("next"), noon().Add(time.Hour)
			ok(t, e.PutCode(e.ctx, next))
			if diff := cmp.Diff(next, at[verify.Code](t)(e.Code(e.ctx, TenantA, "a"))); diff != "" {
				t.Error(diff)
			}
			wantAnswer(t, e.try(t, "right", noon()), verify.Wrong, maxTries-1)
			wantAnswer(t, e.try(t, "next", noon()), verify.OK, 0)
		})},
		{"none for others", withCode(func(t *testing.T, e *env) {
			for _, c := range [][2]string{{TenantB, "a"}, {TenantA, "b"}} {
				got := at[verify.Answer](t)(e.TryCode(e.ctx, c[0], c[1], []byte("right"), noon(), maxTries))
				wantAnswer(t, got, verify.None, 0)
				if _, err := e.Code(e.ctx, c[0], c[1]); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%v: %v, want ErrNotFound", c, err)
				}
			}
			if err := e.PutCode(e.ctx, mailCode(TenantB)); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("code without an attempt: %v", err)
			}
		})},
		{"empty hash never matches", func(t *testing.T, e *env) {
			ok(t, e.CreateAttempt(e.ctx, attempt(TenantA, "a")))
			c := mailCode(TenantA)
			c.Hash = nil
			ok(t, e.PutCode(e.ctx, c))
			wantAnswer(t, e.try(t, "", noon()), verify.Wrong, maxTries-1)
		}},
		{"goes with its attempt", withCode(func(t *testing.T, e *env) {
			at[int](t)(e.DeleteAttempts(e.ctx, noon().Add(time.Hour)))
			if _, err := e.Code(e.ctx, TenantA, "a"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		})},
		{"right answers at once", withCode(func(t *testing.T, e *env) {
			var right, none atomic.Int32
			race(20, func(int) {
				switch got, err := e.TryCode(e.ctx, TenantA, "a", []byte("right"), noon(), maxTries); {
				case err != nil:
					t.Error(err)
				case got.Result == verify.OK:
					right.Add(1)
				case got.Result == verify.None:
					none.Add(1)
				}
			})
			if right.Load() != 1 || none.Load() != 19 {
				t.Errorf("%d right, %d none", right.Load(), none.Load())
			}
		})},
		{"wrong answers at once are all counted", withCode(func(t *testing.T, e *env) {
			var wrong, tooMany atomic.Int32
			race(20, func(int) {
				switch got, err := e.TryCode(e.ctx, TenantA, "a", []byte("wrong"), noon(), maxTries); {
				case err != nil:
					t.Error(err)
				case got.Result == verify.Wrong:
					wrong.Add(1)
				case got.Result == verify.TooMany:
					tooMany.Add(1)
				}
			})
			if wrong.Load() != maxTries-1 || tooMany.Load() != 20-maxTries+1 {
				t.Errorf("%d wrong, %d too many", wrong.Load(), tooMany.Load())
			}
		})},
	}
}
