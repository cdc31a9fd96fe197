package provision

import (
	"sync"
	"time"

	"homeward/internal/protocol"
)

// Memory is how freely the process uses memory. It is never called by two at once.
type Memory interface {
	// Spend has it use more memory and be faster, until Save is called.
	Spend()
	// Save has it use as little as before. much: what was used meanwhile is worth giving back at once.
	Save(much bool)
}

// muchTaken is after how many people memory is given back at once.
const muchTaken = 1000

// pace has memory spent for as long as at least one full run is being applied. A run that is silent for as long as a lease
// lives counts as over: its agent is gone, or began anew.
type pace struct {
	memory Memory // nil: nobody cares

	mu    sync.Mutex
	runs  map[string]*time.Timer // of each run under way, that ends it
	taken int                    // people, since the first of them began
}

func newPace(m Memory) *pace { return &pace{memory: m, runs: map[string]*time.Timer{}} }

// Spending has memory spent while full runs are applied. Call it before the first one.
func (e *Engine) Spending(m Memory) { e.pace.memory = m }

// note takes a full run's batch into account.
func (p *pace) note(r Run, people int) {
	if p.memory == nil || r.ID == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken += people
	silence, known := p.runs[r.ID]
	switch {
	case !r.Ended.IsZero():
		p.over(r.ID)
	case known:
		silence.Reset(protocol.LeaseLife)
	default:
		if len(p.runs) == 0 {
			p.memory.Spend()
		}
		p.runs[r.ID] = time.AfterFunc(protocol.LeaseLife, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.over(r.ID)
		})
	}
}

// over ends a run. The caller holds mu.
func (p *pace) over(run string) {
	silence, known := p.runs[run]
	if !known {
		return
	}
	silence.Stop()
	delete(p.runs, run)
	if len(p.runs) == 0 {
		p.memory.Save(p.taken >= muchTaken)
		p.taken = 0
	}
}
