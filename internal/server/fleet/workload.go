package fleet

import (
	"sync"
	"time"

	"homeward/internal/protocol"
)

const (
	// sulk is how long an agent that failed, or refused a command, stands behind the others.
	sulk = time.Minute
	// forget is when a request without a result no longer counts as work: its outcome is being proven by then.
	forget = 5 * time.Minute
)

// workload is what each agent has been given and not answered, and who failed lately. It starts empty: heartbeats tell
// what was going on before.
type workload struct {
	now func() time.Time

	mu    *sync.Mutex
	calls map[string]int                  // commands without a first answer
	open  map[string]map[string]time.Time // accepted requests without a result
	early map[string]time.Time            // requests whose result overtook the first answer
	fails map[string]time.Time
}

func newWorkload(now func() time.Time) workload {
	return workload{now: now, mu: &sync.Mutex{}, calls: map[string]int{}, open: map[string]map[string]time.Time{}, early: map[string]time.Time{}, fails: map[string]time.Time{}}
}

// begin counts a command; the function it returns takes its first answer.
func (w *workload) begin(agent string) func(protocol.Accepted, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[agent]++
	return func(a protocol.Accepted, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.calls[agent]--; w.calls[agent] == 0 {
			delete(w.calls, agent)
		}
		switch {
		case err != nil, !a.Accepted:
			w.fails[agent] = w.now()
		case a.Result == nil:
			if _, over := w.early[a.Request]; over {
				delete(w.early, a.Request)
				return
			}
			if w.open[agent] == nil {
				w.open[agent] = map[string]time.Time{}
			}
			w.open[agent][a.Request] = w.now()
		}
	}
}

// ended takes a result. It may overtake the first answer, which came another way.
func (w *workload) ended(agent, request string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	for r, at := range w.early {
		if now.Sub(at) > forget {
			delete(w.early, r)
		}
	}
	if _, known := w.open[agent][request]; !known && w.calls[agent] > 0 {
		w.early[request] = now
	}
	delete(w.open[agent], request)
	if len(w.open[agent]) == 0 {
		delete(w.open, agent)
	}
}

func (w *workload) failed(agent string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fails[agent] = w.now()
}

// left takes the end of an agent's connection: what it had open is being proven now, and a moment's trouble may not
// be over.
func (w *workload) left(agent string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, agent)
	w.fails[agent] = w.now()
}

func (w *workload) justFailed(agent string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, ok := w.fails[agent]
	if ok && w.now().Sub(at) > sulk {
		delete(w.fails, agent)
		return false
	}
	return ok
}

func (w *workload) pending(agent string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for request, at := range w.open[agent] {
		if w.now().Sub(at) > forget {
			delete(w.open[agent], request)
		}
	}
	return w.calls[agent] + len(w.open[agent])
}
