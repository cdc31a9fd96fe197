package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/audit"
	"homeward/internal/server/store"
)

func record(n int) audit.Record {
	return audit.Record{
		At: noon().Add(time.Duration(n) * time.Second), Support: fmt.Sprintf("HW-%d", n%2), Activity: "Reset password",
		Hop: "directory", Event: 33000 + n, Result: "ok", Reason: "too_young", Actor: "U1", Target: "person001",
		Detail: "öäü", Micros: int64(n),
	}
}

func appendRecords(t *testing.T, e *env, n int) {
	t.Helper()
	for i := range n {
		ok(t, e.Append(e.ctx, TenantA, record(i)))
	}
}

func auditTests() []test {
	type records = []audit.Record
	last := func(t *testing.T, e *env, tenant string, n int) records {
		t.Helper()
		return at[records](t)(e.LastRecords(e.ctx, tenant, n))
	}
	tests := []test{
		{"rows are numbered and chained", func(t *testing.T, e *env) {
			ok(t, e.Append(e.ctx, TenantA))
			ok(t, e.Append(e.ctx, TenantA, record(0), record(1)))
			ok(t, e.Append(e.ctx, TenantA, record(2)))
			ok(t, e.Append(e.ctx, TenantB, record(3)))
			var want records
			var prev []byte
			for i := range 3 {
				r := record(i)
				r.Tenant, r.Seq, r.Prev = TenantA, int64(i+1), prev
				r.Hash = audit.Chain(prev, r)
				prev = r.Hash
				want = append(want, r)
			}
			if diff := cmp.Diff(records{want[2], want[1]}, last(t, e, TenantA, 2)); diff != "" {
				t.Error(diff)
			}
			bySupport := at[records](t)(e.Records(e.ctx, TenantA, "HW-0"))
			if diff := cmp.Diff(records{want[0], want[2]}, bySupport); diff != "" {
				t.Error(diff)
			}
			for _, tenant := range []string{TenantA, TenantB, "nobody"} {
				ok(t, e.VerifyChain(e.ctx, tenant))
			}
		}},
		{"odd text and time keep the chain", func(t *testing.T, e *env) {
			odd := audit.Record{Detail: "nul \x00 and \xff", At: time.Unix(1, 999_999).In(time.FixedZone("", 3600))}
			ok(t, e.Append(e.ctx, TenantA, odd, audit.Record{Hop: "without a time"}))
			ok(t, e.VerifyChain(e.ctx, TenantA))
			if got := last(t, e, TenantA, 1); got[0].At.IsZero() {
				t.Error("row has no time")
			}
		}},
		{"invisible to another tenant", func(t *testing.T, e *env) {
			appendRecords(t, e, 3)
			if got := at[records](t)(e.Records(e.ctx, TenantB, "HW-0")); len(got) != 0 {
				t.Error("read by another tenant")
			}
			if got := last(t, e, TenantB, 10); len(got) != 0 {
				t.Error("listed by another tenant")
			}
		}},
		{"appended from many sides at once", func(t *testing.T, e *env) {
			errs := make([]error, 20)
			race(len(errs), func(i int) {
				tenant := []string{TenantA, TenantB}[i%2]
				errs[i] = errors.Join(
					e.Append(e.ctx, tenant, record(i), record(i)), e.VerifyChain(e.ctx, tenant), e.Append(e.ctx, tenant, record(i)))
			})
			ok(t, errors.Join(errs...))
			for _, tenant := range []string{TenantA, TenantB} {
				ok(t, e.VerifyChain(e.ctx, tenant))
				if got := last(t, e, tenant, 1); got[0].Seq != 30 {
					t.Errorf("%s: last row is %d, want 30", tenant, got[0].Seq)
				}
			}
		}},
		{"long chain", func(t *testing.T, e *env) {
			page := make(records, 2100)
			ok(t, e.Append(e.ctx, TenantA, page...))
			ok(t, e.VerifyChain(e.ctx, TenantA))
			e.do(t, `DELETE FROM audit WHERE seq = 2050`)
			wantBroken(t, e, 2050)
		}},
		{"forged end is not continued", func(t *testing.T, e *env) {
			appendRecords(t, e, 5)
			e.do(t, `DELETE FROM audit WHERE seq = 5`)
			e.do(t, `UPDATE audit_heads SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)`)
			var broken *store.ChainError
			if err := e.Append(e.ctx, TenantA, record(5)); !errors.As(err, &broken) {
				t.Errorf("appended: %v", err)
			}
		}},
	}
	for _, c := range []struct {
		name, tamper string
		seq          int64
	}{
		{"altered row", `UPDATE audit SET detail = 'x' WHERE seq = 3`, 3},
		{"altered time", `UPDATE audit SET at = at + 1 WHERE seq = 3`, 3},
		{"removed row", `DELETE FROM audit WHERE seq = 3`, 3},
		{"removed first row", `DELETE FROM audit WHERE seq = 1`, 1},
		{"removed end", `DELETE FROM audit WHERE seq >= 4`, 4},
		{"renumbered rows", `UPDATE audit SET seq = seq + 1 WHERE seq = 5`, 5},
		{"removed rows with the head put back", `UPDATE audit_heads SET seq = 4, hash = (SELECT hash FROM audit WHERE seq = 4)`, 4},
		{"removed head", `DELETE FROM audit_heads`, 1},
	} {
		tests = append(tests, test{c.name, func(t *testing.T, e *env) {
			appendRecords(t, e, 5)
			ok(t, e.VerifyChain(e.ctx, TenantA))
			e.do(t, c.tamper)
			wantBroken(t, e, c.seq)
		}})
	}
	return tests
}

func wantBroken(t *testing.T, e *env, seq int64) {
	t.Helper()
	err := e.VerifyChain(e.ctx, TenantA)
	var broken *store.ChainError
	if !errors.As(err, &broken) {
		t.Fatalf("got %v, want a *ChainError", err)
	}
	if broken.Seq != seq || broken.Tenant != TenantA {
		t.Errorf("names row %d of %s, want %d: %v", broken.Seq, broken.Tenant, seq, err)
	}
}
