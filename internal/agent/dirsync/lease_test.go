package dirsync

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// shelf is a source with people on it; it says nothing about what a directory does.
type shelf struct {
	mu      sync.Mutex
	objects []activedirectory.Object
	deltas  []activedirectory.Delta
	place   byte
	fail    error
	usn     bool
}

func (s *shelf) Look(context.Context) (activedirectory.Reading, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	mode := protocol.SyncByDirSync
	if s.usn {
		mode = protocol.SyncByUSN
	}
	return activedirectory.Reading{Mode: mode, Deletions: true, DC: "dc"}, s.fail
}

func (s *shelf) All(_ context.Context, _ string, each func(activedirectory.Object) error) ([]byte, error) {
	s.mu.Lock()
	objects := s.objects
	s.mu.Unlock()
	for _, o := range objects {
		if err := each(o); err != nil {
			return nil, err
		}
	}
	return []byte{s.place}, nil
}

func (s *shelf) Changes(_ context.Context, _ string, from []byte) (activedirectory.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return activedirectory.Page{}, s.fail
	}
	if from[0] == s.place {
		return activedirectory.Page{Next: from}, nil
	}
	return activedirectory.Page{Deltas: s.deltas, Next: []byte{s.place}}, nil
}

// change lets everybody on the shelf change once.
func (s *shelf) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deltas = nil
	s.place++
	for _, o := range s.objects {
		s.deltas = append(s.deltas, activedirectory.Delta{ID: o.ID, DN: o.DN, Other: true})
	}
}

func (s *shelf) Read(_ context.Context, ids []directory.GUID, each func(activedirectory.Object) error) error {
	for _, o := range s.objects {
		for _, id := range ids {
			if o.ID == id {
				if err := each(o); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *shelf) IDs(context.Context, func(activedirectory.Object) error) error { return nil }

func (s *shelf) Below(context.Context, directory.GUID, func(activedirectory.Object) error) error {
	return nil
}

func (s *shelf) Members(context.Context, directory.GUID, func([]directory.GUID) error) error {
	return nil
}

func (s *shelf) GroupsOf(context.Context, directory.GUID) ([]directory.GUID, error) { return nil, nil }

func (s *shelf) ID(context.Context, string) (directory.GUID, error) { return directory.GUID{}, nil }

func (s *shelf) Groups(context.Context, []directory.GUID, bool) ([]directory.GUID, error) {
	return nil, nil
}

func (s *shelf) Watch(context.Context, func()) error { return errors.New("not offered") }

func (s *shelf) Anchor(context.Context, directory.GUID) error { return nil }

func (s *shelf) Bytes() int64 { return 0 }

func people(n int, title func() string) *shelf {
	s := &shelf{}
	for i := range n {
		o := object("samaccountname", fmt.Sprint("p", i), "userprincipalname", fmt.Sprintf("p%d@x.example", i), "title", title())
		o.ID = directory.GUID{byte(i), byte(i >> 8), 1}
		o.DN = fmt.Sprintf("CN=p%d,OU=A,DC=x", i)
		s.objects = append(s.objects, o)
	}
	return s
}

func engineOf(t *testing.T, s Source, c Cloud) *Engine {
	t.Helper()
	e, err := New(Deps{Agent: "U", Domain: "x", NetBIOS: "X", Source: s, Cloud: c, Scope: Scope{Units: []string{"OU=A,DC=x"}}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func boss() string { return "Boss" }

// inBubble runs an engine beside the test, on a clock of their own.
func inBubble(t *testing.T, s *shelf, test func(*cloud, *Engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		e := engineOf(t, s, c)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		synctest.Wait()
		test(c, e)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.holder && c.asks[len(c.asks)-1].Release != true {
			t.Error("the lease wasn't given back")
		}
	})
}

func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestLeaseIsProlonged(t *testing.T) {
	inBubble(t, people(3, boss), func(c *cloud, e *Engine) {
		wait(10 * time.Minute)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.epoch != 1 || len(c.asks) < 50 {
			t.Errorf("epoch %d after %d asks", c.epoch, len(c.asks))
		}
		for _, a := range c.asks[1:] {
			if a.Epoch != 1 || a.Restart || a.Scope != c.scope || a.Mode != protocol.SyncByDirSync {
				t.Errorf("asked %+v", a)
			}
		}
	})
}

// TestLeaseRunsOut: without an answer to the prolonging nothing is sent any more.
func TestLeaseRunsOut(t *testing.T) {
	s := people(3, boss)
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t)
		e := engineOf(t, s, silent{c})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var sent []time.Time
		c.before = func(protocol.SyncBatch) error { sent = append(sent, time.Now()); return errNetwork }
		began := time.Now()
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		wait(5 * time.Minute)
		cancel()
		<-done
		if len(sent) == 0 {
			t.Fatal("nothing was sent")
		}
		if last := sent[len(sent)-1].Sub(began); last > protocol.LeaseLife {
			t.Errorf("sent after %v, with a lease of %v", last, protocol.LeaseLife)
		}
	})
}

// silent answers only the first ask.
type silent struct{ *cloud }

func (s silent) Lease(ctx context.Context, ask protocol.SyncAsk) (protocol.SyncGrant, error) {
	s.mu.Lock()
	first := len(s.asks) == 0
	s.mu.Unlock()
	if first {
		return s.cloud.Lease(ctx, ask)
	}
	return protocol.SyncGrant{}, errNetwork
}

// TestFenced: whoever is fenced asks again at once and goes on.
func TestFenced(t *testing.T) {
	s := people(3, boss)
	inBubble(t, s, func(c *cloud, e *Engine) {
		c.fence()
		s.change()
		wait(3 * time.Second)
		if p, _, batches, runs := c.count(); p != 3 || batches != 2 || runs != 1 {
			t.Errorf("%d people, %d batches, %d runs", p, batches, runs)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.epoch != 3 {
			t.Errorf("epoch %d", c.epoch)
		}
	})
}

// TestLostAnswers: what was applied, but whose answer got lost, is sent again and applied once.
func TestLostAnswers(t *testing.T) {
	s := people(3, boss)
	inBubble(t, s, func(c *cloud, e *Engine) {
		lost := 3
		c.mu.Lock()
		c.after = func(protocol.SyncBatch) error {
			if lost--; lost >= 0 {
				return errNetwork
			}
			return nil
		}
		c.mu.Unlock()
		s.change()
		wait(time.Minute)
		if _, _, batches, runs := c.count(); batches != 2 || runs != 1 || lost >= 0 {
			t.Errorf("%d batches, %d runs, %d answers to lose", batches, runs, lost)
		}
	})
}

// TestStopped: while an operator has to look, the lease is kept and the batch tried slowly.
func TestStopped(t *testing.T) {
	s := people(3, boss)
	inBubble(t, s, func(c *cloud, e *Engine) {
		c.mu.Lock()
		c.stopped = true
		c.mu.Unlock()
		s.change()
		wait(5 * time.Minute)
		c.mu.Lock()
		tries := c.tries
		c.stopped = false
		c.mu.Unlock()
		if tries < 5 || tries > 15 {
			t.Errorf("%d tries in five minutes", tries)
		}
		if d := e.Status(); d.Detail == "" || d.Pending != 700 {
			t.Errorf("status %+v", d)
		}
		wait(time.Minute)
		if _, _, batches, runs := c.count(); batches != 2 || runs != 1 {
			t.Errorf("%d batches, %d runs", batches, runs)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.epoch != 1 {
			t.Errorf("epoch %d", c.epoch)
		}
	})
}

// TestFullRunOnDemand: an operator's wish is heard with the next prolonging; a place that can't be used leads to one too.
func TestFullRunOnDemand(t *testing.T) {
	s := people(3, boss)
	inBubble(t, s, func(c *cloud, e *Engine) {
		c.mu.Lock()
		c.force = true
		c.mu.Unlock()
		wait(15 * time.Second)
		if _, _, _, runs := c.count(); runs != 2 {
			t.Errorf("%d runs after a wish", runs)
		}
		wait(time.Minute)
		s.mu.Lock()
		s.fail = fmt.Errorf("%w: gone", activedirectory.ErrPlace)
		s.mu.Unlock()
		wait(3 * time.Second)
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		wait(2 * time.Minute)
		if _, _, _, runs := c.count(); runs != 3 {
			t.Errorf("%d runs after a place that can't be used", runs)
		}
		c.mu.Lock()
		c.cursor[4] ^= 1 // damaged on the server
		c.mu.Unlock()
		c.fence()
		s.change()
		wait(time.Minute)
		if _, _, _, runs := c.count(); runs != 4 {
			t.Errorf("%d runs after a damaged cursor", runs)
		}
	})
}

// TestHeldAndOff: somebody else has the lease, or sync is off: asked again without hurry, and nothing is sent.
func TestHeldAndOff(t *testing.T) {
	for _, reason := range []protocol.Reason{protocol.ReasonSyncHeld, protocol.ReasonSyncOff, protocol.ReasonNotLicensed, protocol.ReasonDomainForeign} {
		s := people(3, boss)
		synctest.Test(t, func(t *testing.T) {
			c := newCloud(t)
			c.refuse = reason
			e := engineOf(t, s, c)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- e.Run(ctx) }()
			wait(10 * time.Minute)
			c.mu.Lock()
			asks := len(c.asks)
			c.refuse = ""
			c.mu.Unlock()
			if _, _, batches, _ := c.count(); batches != 0 || asks < 8 || asks > 80 {
				t.Errorf("%s: %d batches, asked %d times in ten minutes", reason, batches, asks)
			}
			wait(90 * time.Second)
			if p, _, _, _ := c.count(); p != 3 {
				t.Errorf("%s is over: %d people", reason, p)
			}
			cancel()
			<-done
		})
	}
}

// TestLargeBatches: text that doesn't compress is sent in parts that fit.
func TestLargeBatches(t *testing.T) {
	s := people(1200, func() string {
		b := make([]byte, 900)
		_, _ = rand.Read(b)
		return hex.EncodeToString(b)
	})
	inBubble(t, s, func(c *cloud, e *Engine) {
		wait(time.Second)
		if p, _, batches, runs := c.count(); p != 1200 || runs != 1 || batches < 10 {
			t.Errorf("%d people in %d batches, %d runs", p, batches, runs)
		}
	})
}
