package storetest

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/masterkey"
	"homeward/internal/server/operator"
)

func invited(tenant, id, name string) (operator.Operator, operator.Link) {
	return operator.Operator{Tenant: tenant, ID: id, Name: name, Role: operator.ReportsReader, Created: noon()},
		operator.Link{Hash: []byte("link " + id), Tenant: tenant, Operator: id, Created: noon(), Expires: noon().Add(time.Hour)}
}

// withOperator begins with an operator who is set up.
func withOperator(run func(t *testing.T, e *env, o operator.Operator)) func(*testing.T, *env) {
	return func(t *testing.T, e *env) {
		o, l := invited(TenantA, "o1", "Karin.Holm@contoso.com")
		ok(t, e.CreateOperator(e.ctx, o, l))
		o.Password, o.Seed, o.Step, o.Changed = "$argon2id$", []byte("a seed of 20 bytes.."), 7, noon()
		ok(t, e.SetUpOperator(e.ctx, l.Hash, o, [][]byte{[]byte("r1"), []byte("r2")}, noon()))
		run(t, e, o)
	}
}

func operatorTests() []test {
	session := func(id string) operator.Session {
		return operator.Session{
			Hash: []byte("hash " + id), ID: id, Tenant: TenantA, Operator: "o1", Created: noon(), Seen: noon(),
			Expires: noon().Add(time.Hour), Address: "192.0.2.1", Browser: "Firefox",
		}
	}
	return []test{
		{"comes back as set up", withOperator(func(t *testing.T, e *env, want operator.Operator) {
			for name, got := range map[string]operator.Operator{
				"by name": at[operator.Operator](t)(e.OperatorByName(e.ctx, "KARIN.holm@contoso.com")),
				"by id":   at[operator.Operator](t)(e.OperatorByID(e.ctx, TenantA, "o1")),
			} {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
			for _, all := range at[[]operator.Operator](t)(e.Operators(e.ctx, TenantA)) {
				if bytes.Contains(all.Seed, want.Seed) {
					t.Error("the seed is stored as it is")
				}
			}
			if _, err := e.OperatorByID(e.ctx, TenantB, "o1"); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("another tenant's: %v", err)
			}
		})},
		{"seed belongs to its row", withOperator(func(t *testing.T, e *env, _ operator.Operator) {
			o, l := invited(TenantB, "o9", "other")
			ok(t, e.CreateOperator(e.ctx, o, l))
			e.do(t, `UPDATE operators SET seed = (SELECT seed FROM operators WHERE id = 'o1') WHERE id = 'o9'`)
			if _, err := e.OperatorByName(e.ctx, "other"); !errors.Is(err, masterkey.ErrAltered) {
				t.Errorf("a seed copied from another row opens: %v", err)
			}
		})},
		{"one name on the server", withOperator(func(t *testing.T, e *env, _ operator.Operator) {
			o, l := invited(TenantB, "o2", "karin.HOLM@contoso.com")
			if err := e.CreateOperator(e.ctx, o, l); !errors.Is(err, operator.ErrConflict) {
				t.Errorf("got %v, want ErrConflict", err)
			}
			o, l = invited("nobody", "o3", "x")
			if err := e.CreateOperator(e.ctx, o, l); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("unknown tenant: %v", err)
			}
		})},
		{"link works once and in time", func(t *testing.T, e *env) {
			o, l := invited(TenantA, "o1", "a")
			ok(t, e.CreateOperator(e.ctx, o, l))
			if _, err := e.LinkedOperator(e.ctx, l.Hash, l.Expires); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("a link that is over: %v", err)
			}
			if got := at[operator.Operator](t)(e.LinkedOperator(e.ctx, l.Hash, noon())); got.ID != "o1" {
				t.Errorf("got %+v", got)
			}
			if err := e.SetUpOperator(e.ctx, l.Hash, o, nil, l.Expires); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("used when over: %v", err)
			}
			var right atomic.Int32
			race(10, func(int) {
				if err := e.SetUpOperator(e.ctx, l.Hash, o, nil, noon()); err == nil {
					right.Add(1)
				}
			})
			if right.Load() != 1 {
				t.Errorf("used %d times", right.Load())
			}
		}},
		{"second factor works once", withOperator(func(t *testing.T, e *env, _ operator.Operator) {
			var right, codes atomic.Int32
			race(10, func(int) {
				if err := e.UseStep(e.ctx, TenantA, "o1", 8); err == nil {
					right.Add(1)
				}
				if _, err := e.UseRecovery(e.ctx, TenantA, "o1", []byte("r1")); err == nil {
					codes.Add(1)
				}
			})
			if right.Load() != 1 || codes.Load() != 1 {
				t.Errorf("step used %d times, recovery code %d times", right.Load(), codes.Load())
			}
			for _, step := range []int64{7, 8} {
				if err := e.UseStep(e.ctx, TenantA, "o1", step); !errors.Is(err, operator.ErrConflict) {
					t.Errorf("step %d: %v", step, err)
				}
			}
			if _, err := e.UseRecovery(e.ctx, TenantB, "o1", []byte("r2")); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("another tenant's: %v", err)
			}
			if left := at[int](t)(e.UseRecovery(e.ctx, TenantA, "o1", []byte("r2"))); left != 0 {
				t.Errorf("%d are left", left)
			}
		})},
		{"reset and disable void everything", withOperator(func(t *testing.T, e *env, o operator.Operator) {
			ok(t, e.CreateSession(e.ctx, session("s1")))
			_, l := invited(TenantA, "o1", "")
			l.Hash = []byte("new")
			ok(t, e.ResetOperator(e.ctx, l))
			if got := at[operator.Operator](t)(e.OperatorByName(e.ctx, o.Name)); got.Ready() || got.Password != "" || len(got.Seed) > 0 {
				t.Errorf("after a reset: %+v", got)
			}
			if _, err := e.SessionByHash(e.ctx, []byte("hash s1")); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("the session lives: %v", err)
			}
			at[operator.Operator](t)(e.LinkedOperator(e.ctx, []byte("new"), noon()))
			ok(t, e.DisableOperator(e.ctx, TenantA, "o1"))
			if _, err := e.LinkedOperator(e.ctx, []byte("new"), noon()); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("the link lives: %v", err)
			}
			if err := e.DisableOperator(e.ctx, TenantB, "o1"); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("another tenant's: %v", err)
			}
		})},
		{"passkeys", withOperator(func(t *testing.T, e *env, o operator.Operator) {
			key := func(id string) operator.Passkey {
				return operator.Passkey{Tenant: TenantA, ID: id, Operator: "o1", Hash: []byte("hash " + id), Name: "Key " + id, Secret: []byte("a public key"), Step: 3, Created: noon()}
			}
			ok(t, e.AddPasskey(e.ctx, key("k1"), 2))
			if err := e.AddPasskey(e.ctx, func() operator.Passkey { k := key("k2"); k.Hash = []byte("hash k1"); return k }(), 2); !errors.Is(err, operator.ErrConflict) {
				t.Errorf("one passkey twice: %v", err)
			}
			ok(t, e.AddPasskey(e.ctx, key("k2"), 2))
			if err := e.AddPasskey(e.ctx, key("k3"), 2); !errors.Is(err, operator.ErrPasskeys) {
				t.Errorf("one too many: %v", err)
			}
			if diff := cmp.Diff([]operator.Passkey{key("k1"), key("k2")}, at[[]operator.Passkey](t)(e.Passkeys(e.ctx, TenantA, "o1"))); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(key("k2"), at[operator.Passkey](t)(e.PasskeyByHash(e.ctx, []byte("hash k2")))); diff != "" {
				t.Error(diff)
			}
			var used atomic.Int32
			race(10, func(int) {
				if err := e.UsePasskey(e.ctx, TenantA, "k1", 4, noon()); err == nil {
					used.Add(1)
				}
			})
			if err := e.UsePasskey(e.ctx, TenantA, "k1", 3, noon()); used.Load() != 1 || !errors.Is(err, operator.ErrConflict) {
				t.Errorf("a counter was used %d times, and went back: %v", used.Load(), err)
			}
			ok(t, e.UsePasskey(e.ctx, TenantA, "k1", -1, noon()))
			ok(t, e.WarnPasskey(e.ctx, TenantA, "k1", noon()))
			ok(t, e.RenamePasskey(e.ctx, TenantA, "o1", "k1", "Other"))
			if err := e.RenamePasskey(e.ctx, TenantB, "o1", "k1", "x"); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("another tenant's: %v", err)
			}
			if k := at[operator.Passkey](t)(e.PasskeyByHash(e.ctx, []byte("hash k1"))); k.Name != "Other" || k.Step != 4 || !k.Warned.Equal(noon()) {
				t.Errorf("got %+v", k)
			}
			e.do(t, `UPDATE operator_passkeys SET secret = (SELECT secret FROM operator_passkeys WHERE id = 'k2') WHERE id = 'k1'`)
			if _, err := e.Passkeys(e.ctx, TenantA, "o1"); !errors.Is(err, masterkey.ErrAltered) {
				t.Errorf("a passkey copied from another row opens: %v", err)
			}
			ok(t, e.DeletePasskey(e.ctx, TenantA, "o1", "k1"))
			ok(t, e.DropApp(e.ctx, TenantA, "o1"))
			if err := e.DeletePasskey(e.ctx, TenantA, "o1", "k2"); !errors.Is(err, operator.ErrOnly) {
				t.Errorf("the only second factor is gone: %v", err)
			}
			ok(t, e.PutApp(e.ctx, TenantA, "o1", []byte("another seed"), 9))
			ok(t, e.DeletePasskey(e.ctx, TenantA, "o1", "k2"))
			if err := e.DropApp(e.ctx, TenantA, "o1"); !errors.Is(err, operator.ErrOnly) {
				t.Errorf("the only second factor is gone: %v", err)
			}
			if got := at[operator.Operator](t)(e.OperatorByID(e.ctx, TenantA, "o1")); string(got.Seed) != "another seed" || got.Step != 9 || got.Passkeys != 0 {
				t.Errorf("got %+v", got)
			}
			ok(t, e.PutRecovery(e.ctx, TenantA, "o1", [][]byte{[]byte("r9")}))
			if left := at[int](t)(e.UseRecovery(e.ctx, TenantA, "o1", []byte("r9"))); left != 0 {
				t.Errorf("%d recovery codes are left", left)
			}
		})},
		{"accounts at providers", withOperator(func(t *testing.T, e *env, _ operator.Operator) {
			of := func(subject string) operator.Identity {
				return operator.Identity{Tenant: TenantA, Operator: "o1", Issuer: "https://login.example", Subject: subject, Mail: "a@b.example", Created: noon(), Used: noon()}
			}
			ok(t, e.AddIdentity(e.ctx, of("s1")))
			if err := e.AddIdentity(e.ctx, of("s2")); !errors.Is(err, operator.ErrConflict) {
				t.Errorf("two accounts of one provider: %v", err)
			}
			fresh := operator.Operator{Tenant: TenantA, ID: "o2", Name: "new@contoso.com", Role: operator.ReportsReader, Created: noon()}
			made := of("s1")
			made.Operator, made.Mapped = "o2", true
			if err := e.AddArrived(e.ctx, fresh, made); !errors.Is(err, operator.ErrConflict) {
				t.Errorf("an account that is somebody's: %v", err)
			}
			if _, err := e.OperatorByName(e.ctx, "new@contoso.com"); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("half an operator was made: %v", err)
			}
			made.Subject = "s2"
			ok(t, e.AddArrived(e.ctx, fresh, made))
			if diff := cmp.Diff(made, at[operator.Identity](t)(e.Identity(e.ctx, TenantA, "https://login.example", "s2"))); diff != "" {
				t.Error(diff)
			}
			if got := at[operator.Operator](t)(e.OperatorByID(e.ctx, TenantA, "o2")); !got.Ready() || got.Local() {
				t.Errorf("got %+v", got)
			}
			if _, err := e.Identity(e.ctx, TenantB, "https://login.example", "s1"); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("another tenant's: %v", err)
			}
			s := session("s1")
			s.How, s.Proven = operator.ByProvider, noon()
			ok(t, e.CreateSession(e.ctx, s))
			ok(t, e.ProveSession(e.ctx, s.Hash, noon().Add(time.Minute)))
			if got := at[operator.Session](t)(e.SessionByHash(e.ctx, s.Hash)); got.How != operator.ByProvider || !got.Proven.Equal(noon().Add(time.Minute)) {
				t.Errorf("got %+v", got)
			}
			ok(t, e.EndSessionsBy(e.ctx, TenantA, operator.ByProvider))
			if _, err := e.SessionByHash(e.ctx, s.Hash); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("the session lives: %v", err)
			}
			ok(t, e.DeleteIdentity(e.ctx, TenantA, "o1", "https://login.example"))
			if got := at[operator.Operator](t)(e.OperatorByID(e.ctx, TenantA, "o1")); got.Links != 0 {
				t.Errorf("got %+v", got)
			}
		})},
		{"sessions", withOperator(func(t *testing.T, e *env, _ operator.Operator) {
			for _, id := range []string{"s1", "s2", "s3"} {
				ok(t, e.CreateSession(e.ctx, session(id)))
			}
			if diff := cmp.Diff(session("s1"), at[operator.Session](t)(e.SessionByHash(e.ctx, []byte("hash s1")))); diff != "" {
				t.Error(diff)
			}
			ok(t, e.TouchSession(e.ctx, []byte("hash s1"), noon().Add(time.Minute)))
			list := func(idle time.Time) int {
				return len(at[[]operator.Session](t)(e.SessionList(e.ctx, TenantA, "o1", idle, noon())))
			}
			if a, b := list(noon().Add(-time.Hour)), list(noon()); a != 3 || b != 1 {
				t.Errorf("%d sessions, %d of them used since", a, b)
			}
			if err := e.EndSession(e.ctx, TenantB, "o1", "s1"); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("another tenant's: %v", err)
			}
			ok(t, e.EndSession(e.ctx, TenantA, "o1", "s2"))
			ok(t, e.EndSessions(e.ctx, TenantA, "o1", "s3"))
			if n := list(noon().Add(-time.Hour)); n != 1 {
				t.Errorf("%d sessions are left", n)
			}
			ok(t, e.PruneOperators(e.ctx, noon().Add(time.Hour)))
			if _, err := e.SessionByHash(e.ctx, []byte("hash s3")); !errors.Is(err, operator.ErrNotFound) {
				t.Errorf("an old session is kept: %v", err)
			}
		})},
	}
}
