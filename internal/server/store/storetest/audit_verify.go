package storetest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"homeward/internal/server/audit"
)

// auditVerifyTests tamper with the record as somebody who can write to the database would.
func auditVerifyTests() []test {
	type damages = []audit.Damage
	// rehash writes a row's hash anew, as somebody would who knows how it is made.
	rehash := func(t *testing.T, e *env, seq int64) {
		t.Helper()
		r := at[[]audit.Record](t)(e.AuditRow(e.ctx, TenantA, seq))[0]
		text := `UPDATE audit SET hash = $1 WHERE tenant = 'contoso' AND seq = $2` // both engines take these marks
		_, err := e.raw(t).ExecContext(e.ctx, text, audit.Chain(r.Prev, r), seq)
		ok(t, err)
	}
	second := func(n int) damages { return damages{{At: record(n - 1).At}} } // row n is record(n-1)
	one := func(seq, to int64, f audit.Fault, at int) audit.Damage {
		d := audit.Damage{Seq: seq, To: to, Fault: f}
		if at > 0 {
			d.At = second(at)[0].At
		}
		return d
	}
	var tests []test
	for _, c := range []struct {
		name   string
		tamper []string
		rehash int64
		want   damages
	}{
		{"nothing", nil, 0, nil},
		{"row altered", []string{`UPDATE audit SET detail = 'x' WHERE seq = 3`}, 0, damages{one(3, 3, audit.Altered, 3)}},
		{"row altered with a fitting hash", []string{`UPDATE audit SET detail = 'x' WHERE seq = 3`}, 3, damages{one(3, 3, audit.Replaced, 3)}},
		{"last row altered with a fitting hash", []string{`UPDATE audit SET detail = 'x' WHERE seq = 8`}, 8, damages{one(8, 8, audit.Replaced, 8)}},
		{"two rows altered", []string{`UPDATE audit SET actor = 'x' WHERE seq IN (2, 6)`}, 0, damages{one(2, 2, audit.Altered, 2), one(6, 6, audit.Altered, 6)}},
		{"rows missing", []string{`DELETE FROM audit WHERE seq IN (3, 4)`}, 0, damages{one(3, 4, audit.Missing, 2)}},
		{"first row missing", []string{`DELETE FROM audit WHERE seq = 1`}, 0, damages{one(1, 1, audit.Missing, 0)}},
		{"end cut off", []string{`DELETE FROM audit WHERE seq > 5`}, 0, damages{one(6, 8, audit.CutOff, 5)}},
		{"all cut off", []string{`DELETE FROM audit`}, 0, damages{one(1, 8, audit.CutOff, 0)}},
		{"rows swapped", []string{
			`UPDATE audit SET seq = 99 WHERE seq = 3`, `UPDATE audit SET seq = 3 WHERE seq = 6`, `UPDATE audit SET seq = 6 WHERE seq = 99`,
		}, 0, damages{one(3, 6, audit.Swapped, 6), one(6, 3, audit.Swapped, 3)}},
		{"neighbours swapped", []string{
			`UPDATE audit SET seq = 99 WHERE seq = 3`, `UPDATE audit SET seq = 3 WHERE seq = 4`, `UPDATE audit SET seq = 4 WHERE seq = 99`,
		}, 0, damages{one(3, 4, audit.Swapped, 4), one(4, 3, audit.Swapped, 3)}},
		{"row added", []string{
			`INSERT INTO audit SELECT tenant, 9, at, support, activity, hop, event, result, reason, actor, target, detail, micros, hash, hash FROM audit WHERE seq = 8`,
		}, 9, damages{one(9, 9, audit.Forged, 8)}},
		{"end signed by nobody", []string{
			`DELETE FROM audit WHERE seq > 5`, `UPDATE audit_heads SET seq = 5, hash = (SELECT hash FROM audit WHERE seq = 5)`,
		}, 0, damages{one(5, 5, audit.NoEnd, 0)}},
		{"entry hidden from the page", []string{`DELETE FROM audit_entries WHERE seq = 8`}, 0, damages{one(8, 8, audit.Hidden, 8)}},
		{"entry shown as another's", []string{`UPDATE audit_entries SET target = 'x' WHERE seq = 7`}, 0, damages{one(7, 7, audit.Hidden, 7)}},
	} {
		tests = append(tests, test{"check: " + c.name, func(t *testing.T, e *env) {
			appendRecords(t, e, 8)
			for _, text := range c.tamper {
				e.do(t, text)
			}
			if c.rehash > 0 {
				rehash(t, e, c.rehash)
			}
			v := at[audit.Verdict](t)(e.CheckChain(e.ctx, TenantA))
			if diff := cmp.Diff(c.want, v.Damages, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if v.Whole() != (c.want == nil) {
				t.Errorf("whole: %v", v.Whole())
			}
			if err := e.VerifyChain(e.ctx, TenantA); (err == nil) != (c.want == nil) {
				t.Errorf("VerifyChain: %v", err)
			}
			for _, d := range v.Damages {
				if !strings.Contains(d.String(), "row") {
					t.Errorf("doesn't name the row: %s", d)
				}
			}
			ok(t, e.VerifyChain(e.ctx, TenantB))
		}})
	}
	return append(tests, test{"check: no more than can be told", func(t *testing.T, e *env) {
		ok(t, e.Append(e.ctx, TenantA, make([]audit.Record, 500)...))
		e.do(t, `UPDATE audit SET detail = 'x'`)
		if v := at[audit.Verdict](t)(e.CheckChain(e.ctx, TenantA)); len(v.Damages) != audit.MostDamages || !v.More || v.Rows != 500 {
			t.Errorf("%d damages of %d rows, more: %v", len(v.Damages), v.Rows, v.More)
		}
	}})
}
