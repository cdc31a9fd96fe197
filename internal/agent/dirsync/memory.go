package dirsync

import (
	"runtime/debug"
	"sync"
)

const (
	// fullGCPercent is how much the heap may grow in a full read before it is collected.
	fullGCPercent = 300
	// fullMemory is what the heap stays below in a full read, however large the pages in it are: near it, it is collected more
	// often. The program itself is in memory beside it.
	fullMemory = 80 << 20
)

// Memory lets a process use more memory while it reads a domain in full. All its engines share one, so that each may end
// whenever it likes. The zero value is ready; nil does nothing.
type Memory struct {
	mu      sync.Mutex
	reads   int // under way
	percent int // as before the first of them
	limit   int64
}

// spend begins a full read; call save at its end.
func (m *Memory) spend() (save func()) {
	if m == nil {
		return func() {}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reads++; m.reads == 1 {
		// What a page leaves behind is collected at leisure: the read takes far less memory than the process may.
		m.percent, m.limit = debug.SetGCPercent(fullGCPercent), debug.SetMemoryLimit(fullMemory)
		if m.limit < fullMemory { // GOMEMLIMIT says so
			debug.SetMemoryLimit(m.limit)
		}
	}
	return m.save
}

func (m *Memory) save() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reads--; m.reads == 0 {
		debug.SetGCPercent(m.percent)
		debug.SetMemoryLimit(m.limit)
		debug.FreeOSMemory() // what a full read took is not needed again for weeks
	}
}
