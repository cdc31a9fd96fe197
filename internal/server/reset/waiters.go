package reset

import (
	"sync"
	"time"

	"homeward/internal/protocol"
)

// waiters holds what is only of interest while a request is in flight: who waits for it, and when it was
// accepted. Losing it in a restart loses no outcome.
type waiters struct {
	mu       *sync.Mutex
	byID     map[string]*waiter
	owner    *sync.WaitGroup
	stopping chan struct{}
}

type waiter struct {
	mu         sync.Mutex
	acceptedAt time.Time
	mark       *protocol.Mark
	finished   chan struct{}
	once       sync.Once
}

func newWaiters() waiters {
	return waiters{mu: &sync.Mutex{}, byID: map[string]*waiter{}, owner: &sync.WaitGroup{}, stopping: make(chan struct{})}
}

func (w *waiter) accept(a protocol.Accepted, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acceptedAt, w.mark = a.At.Time(), a.Mark
	if w.acceptedAt.IsZero() {
		w.acceptedAt = now
	}
}

func (ws *waiters) expect(request string) *waiter {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := &waiter{finished: make(chan struct{})}
	ws.byID[request] = w
	return w
}

func (ws *waiters) get(request string) *waiter {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.byID[request]
}

func (ws *waiters) forget(request string) {
	ws.done(request)
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.byID, request)
}

func (ws *waiters) done(request string) {
	if w := ws.get(request); w != nil {
		w.once.Do(func() { close(w.finished) })
	}
}

func (ws *waiters) watched(request string) bool { return ws.get(request) != nil }

// finish returns a channel that is closed when the request is settled; nil, which blocks, when this
// process does not watch it.
func (ws *waiters) finish(request string) <-chan struct{} {
	if w := ws.get(request); w != nil {
		return w.finished
	}
	return nil
}

func (ws *waiters) accepted(request string) time.Time {
	w := ws.get(request)
	if w == nil {
		return time.Time{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.acceptedAt
}

func (ws *waiters) stop() {
	close(ws.stopping)
	ws.owner.Wait()
}
