package dirsync

import (
	"context"
	"sync"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/protocol"
)

// anchors are the people whose source anchor is to be written.
type anchors struct {
	mu     sync.Mutex
	queue  []directory.GUID
	denied set
	told   bool
	held   bool // a full run is under way: the controller has enough to do
	more   chan struct{}
}

func newAnchors() anchors { return anchors{denied: set{}, more: make(chan struct{}, 1)} }

// refused counts those that couldn't be written.
func (a *anchors) refused() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.denied)
}

// put takes people whose batch was taken.
func (a *anchors) put(ids []directory.GUID) {
	a.mu.Lock()
	if room := maxUnwritten - len(a.queue); len(ids) > room {
		ids = ids[:room]
	}
	a.queue = append(a.queue, ids...)
	a.mu.Unlock()
	signal(a.more)
}

func (a *anchors) take() (id directory.GUID, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queue) == 0 {
		a.queue = nil
		return id, false
	}
	if a.held {
		return id, false
	}
	id = a.queue[0]
	a.queue = a.queue[1:]
	return id, true
}

// hold keeps what is put from being written until it is let go.
func (a *anchors) hold(on bool) {
	a.mu.Lock()
	a.held = on
	a.mu.Unlock()
	signal(a.more)
}

// result keeps count, and tells whether the refusal is the first.
func (a *anchors) result(id directory.GUID, refused bool) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !refused {
		delete(a.denied, id)
		return false
	}
	if len(a.denied) < maxUnwritten {
		a.denied[id] = struct{}{}
	}
	first, a.told = !a.told, true
	return first
}

// writeAnchors writes one after the other until ctx ends. Nothing waits for it and nothing fails by it.
func (e *Engine) writeAnchors(ctx context.Context) {
	for ctx.Err() == nil {
		id, ok := e.anchors.take()
		if !ok {
			select {
			case <-ctx.Done():
			case <-e.anchors.more:
			}
			continue
		}
		err := e.Source.Anchor(ctx, id)
		reason := activedirectory.ReasonOf(err)
		if ctx.Err() == nil && e.anchors.result(id, err != nil) {
			e.Logger.Warn("a source anchor couldn't be written; the service account needs the right to write mS-DS-ConsistencyGuid",
				"event", int(event.PermissionDenied), "reason", string(reason), "error", err)
		}
		if reason == protocol.ReasonDirectoryDown && !pause(ctx, shortest) {
			return
		}
		if !pause(ctx, e.Pace) {
			return
		}
	}
}
