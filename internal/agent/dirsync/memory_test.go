package dirsync

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFullReadsShareMemory isn't parallel: it is about the whole process.
func TestFullReadsShareMemory(t *testing.T) {
	type process struct {
		percent int
		limit   int64
	}
	now := func() process {
		p := process{percent: debug.SetGCPercent(100), limit: debug.SetMemoryLimit(-1)}
		debug.SetGCPercent(p.percent)
		return p
	}
	expect := func(when string, want process) {
		t.Helper()
		if diff := cmp.Diff(want, now(), cmp.AllowUnexported(process{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	before, during := now(), process{fullGCPercent, fullMemory}
	var m Memory
	one, two := m.spend(), m.spend()
	expect("while two domains are read", during)
	one()
	expect("while the second goes on", during)
	two()
	expect("afterwards", before)
	m.spend()()
	expect("after another read", before)
	(*Memory)(nil).spend()()
	expect("without", before)
}
