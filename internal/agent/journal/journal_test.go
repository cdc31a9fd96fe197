package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	bolt "go.etcd.io/bbolt"

	"homeward/internal/protocol"
	"homeward/internal/seal"
)

func start() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func newEntry(n byte) Entry {
	return Entry{
		ID: seal.RequestID{n}, Operation: protocol.Reset, Header: []byte("header"), Digest: [32]byte{n},
		AcceptedAt: protocol.MilliOf(start().Add(time.Duration(n) * time.Second)), KeepUntil: protocol.MilliOf(start().Add(time.Hour)),
	}
}

func openAt(t testing.TB, path string) *Journal {
	t.Helper()
	j, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func fresh(t testing.TB) *Journal { return openAt(t, filepath.Join(t.TempDir(), "journal.db")) }

func accept(t testing.TB, j *Journal, e Entry) {
	t.Helper()
	if old, err := j.Accept(t.Context(), e); err != nil || old != nil {
		t.Fatalf("accept: %+v, %v", old, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLifeOfARequest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := openAt(t, path)
	want := newEntry(1)
	accept(t, j, want)
	want.State = Accepted
	before := Before{DC: "dc1", Invocation: "00", Version: 7, At: 5}
	result := protocol.Result{Version: 1, Request: want.ID.String(), Outcome: protocol.Changed, Hops: []protocol.Hop{{Name: "written", Micros: 30}}}
	// Each step survives a restart.
	for _, step := range []struct {
		do                      func() error
		change                  func()
		pending, unacknowledged int
	}{
		{func() error { return nil }, func() {}, 1, 0},
		{func() error { return j.Sending(t.Context(), want.ID, before) }, func() { want.State, want.Before = Sending, &before }, 1, 0},
		{func() error { return j.Finish(t.Context(), want.ID, result) }, func() { want.State, want.Result = Done, &result }, 0, 1},
		{func() error { return j.Acknowledged(t.Context(), want.ID) }, func() { want.Acknowledged = true }, 0, 0},
	} {
		must(t, step.do())
		step.change()
		must(t, j.Close())
		j = openAt(t, path)
		got, err := j.Get(want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("in state %s (-want +got):\n%s", want.State, diff)
		}
		pending, err := j.Pending()
		must(t, err)
		waiting, err := j.Unacknowledged()
		must(t, err)
		if len(pending) != step.pending || len(waiting) != step.unacknowledged {
			t.Errorf("in state %s: %d pending, %d unacknowledged", want.State, len(pending), len(waiting))
		}
	}
}

// An administrator's reset is two writes; between them the journal says so. A file with such an entry is of the newer
// schema, so that an older agent says what is the matter.
func TestConfirm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j := openAt(t, path)
	e := newEntry(1)
	accept(t, j, e)
	if err := j.Confirm(t.Context(), e.ID); !errors.Is(err, errEntry) {
		t.Errorf("confirmed before it was sent: %v", err)
	}
	must(t, j.Sending(t.Context(), e.ID, Before{DC: "dc1", Version: 7}))
	must(t, j.Sending(t.Context(), e.ID, Before{DC: "dc2", Version: 8})) // nothing had been sent to dc1
	if v := schemaOf(t, j); v != schemaOne {
		t.Errorf("schema %q before there is anything new in it", v)
	}
	must(t, j.Confirm(t.Context(), e.ID))
	if err := j.Sending(t.Context(), e.ID, Before{DC: "dc3"}); !errors.Is(err, ErrDone) {
		t.Errorf("sending after the confirmation: %v", err)
	}
	must(t, j.Close())
	j = openAt(t, path)
	if v := schemaOf(t, j); v != schemaTwo {
		t.Errorf("schema %q", v)
	}
	got, err := j.Get(e.ID)
	must(t, err)
	if !got.Confirmed || got.State != Sending || got.Before.DC != "dc2" || got.Before.Version != 8 {
		t.Errorf("got %+v", got)
	}
	must(t, j.Finish(t.Context(), e.ID, protocol.Result{Outcome: protocol.Changed, MustChange: protocol.MustChangeSet}))
	if err := j.Confirm(t.Context(), e.ID); !errors.Is(err, ErrDone) {
		t.Errorf("confirmed after the end: %v", err)
	}
}

func schemaOf(t testing.TB, j *Journal) (v string) {
	t.Helper()
	must(t, j.db.View(func(tx *bolt.Tx) error {
		v = string(tx.Bucket(metaBucket()).Get(schemaKey()))
		return nil
	}))
	return v
}

func TestAcceptedOnce(t *testing.T) {
	j := fresh(t)
	first := newEntry(1)
	accept(t, j, first)
	second := first
	second.Digest = [32]byte{99}
	old, err := j.Accept(t.Context(), second)
	must(t, err)
	if old == nil || old.Digest != first.Digest {
		t.Fatalf("got %+v, want the first entry", old)
	}
	if got, err := j.Get(first.ID); err != nil || got.Digest != first.Digest {
		t.Errorf("the entry was replaced: %+v %v", got, err)
	}
}

func TestOneOfManyIsAccepted(t *testing.T) {
	j := fresh(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 32 {
		wg.Go(func() {
			e := newEntry(1)
			e.Digest[31] = byte(i)
			old, err := j.Accept(t.Context(), e)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if old == nil {
				won++
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d were accepted", won)
	}
}

func TestTheFirstResultStands(t *testing.T) {
	j := fresh(t)
	e := newEntry(1)
	accept(t, j, e)
	must(t, j.Finish(t.Context(), e.ID, protocol.Result{Outcome: protocol.Changed}))
	if err := j.Finish(t.Context(), e.ID, protocol.Result{Outcome: protocol.Failed}); !errors.Is(err, ErrDone) {
		t.Errorf("second result: %v", err)
	}
	if err := j.Sending(t.Context(), e.ID, Before{}); !errors.Is(err, ErrDone) {
		t.Errorf("sending after the end: %v", err)
	}
	if got, err := j.Get(e.ID); err != nil || got.Result.Outcome != protocol.Changed {
		t.Errorf("%+v %v", got, err)
	}
}

func TestUnknownRequest(t *testing.T) {
	j := fresh(t)
	id := seal.RequestID{1}
	_, err := j.Get(id)
	for _, err := range []error{err, j.Sending(t.Context(), id, Before{}), j.Finish(t.Context(), id, protocol.Result{}), j.Acknowledged(t.Context(), id)} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
	}
}

func TestDeny(t *testing.T) {
	j := fresh(t)
	e := newEntry(1)
	if old, err := j.Deny(t.Context(), e.ID, protocol.Result{Reason: protocol.ReasonNeverArrived}, start(), start()); err != nil || old != nil {
		t.Fatalf("%+v %v", old, err)
	}
	old, err := j.Accept(t.Context(), e)
	if err != nil || old == nil || old.Result.Reason != protocol.ReasonNeverArrived {
		t.Errorf("accept after deny: %+v %v", old, err)
	}
	if waiting, err := j.Unacknowledged(); err != nil || len(waiting) != 0 {
		t.Errorf("a denial waits for acknowledgement: %v %v", waiting, err)
	}
}

func TestPrune(t *testing.T) {
	j := fresh(t)
	for n := byte(1); n <= 4; n++ { // 1 acknowledged, 2 done, 3 sending, 4 accepted
		accept(t, j, newEntry(n))
	}
	must(t, j.Finish(t.Context(), seal.RequestID{1}, protocol.Result{}))
	must(t, j.Acknowledged(t.Context(), seal.RequestID{1}))
	must(t, j.Finish(t.Context(), seal.RequestID{2}, protocol.Result{}))
	must(t, j.Sending(t.Context(), seal.RequestID{3}, Before{}))
	for _, step := range []struct {
		now  time.Time
		gone int
	}{{start(), 0}, {start().Add(2 * time.Hour), 1}, {start().Add(29 * 24 * time.Hour), 0}, {start().Add(31 * 24 * time.Hour), 1}, {start().AddDate(1, 0, 0), 0}} {
		if n, err := j.Prune(t.Context(), step.now); err != nil || n != step.gone {
			t.Errorf("at %v: %d gone (%v), want %d", step.now, n, err, step.gone)
		}
	}
	if pending, err := j.Pending(); err != nil || len(pending) != 2 || pending[0].ID != (seal.RequestID{3}) {
		t.Errorf("pending %+v %v", pending, err)
	}
	// What was forgotten is not taken again, whatever the clock says and after a restart; what is newer is.
	must(t, j.Close())
	j = openAt(t, j.path)
	if _, err := j.Accept(t.Context(), newEntry(1)); !errors.Is(err, ErrForgotten) {
		t.Errorf("a forgotten request: %v", err)
	}
	newer := newEntry(1)
	newer.KeepUntil++
	if _, err := j.Accept(t.Context(), newer); err != nil {
		t.Errorf("a newer request: %v", err)
	}
}

func TestClosed(t *testing.T) {
	j := fresh(t)
	must(t, j.Close())
	must(t, j.Close())
	_, acceptErr := j.Accept(t.Context(), newEntry(1))
	_, getErr := j.Get(seal.RequestID{1})
	for _, err := range []error{acceptErr, getErr} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

func TestCancelled(t *testing.T) {
	j := fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.Accept(ctx, newEntry(1)); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFileMode(t *testing.T) {
	j := fresh(t)
	info, err := os.Stat(j.path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestInUse(t *testing.T) {
	j := fresh(t)
	if _, err := Open(j.path); err == nil || !strings.Contains(err.Error(), "another agent") {
		t.Errorf("got %v", err)
	}
}

// A damaged journal is an error that says what to do, and the file stays as it is.
func TestDamaged(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "journal.db")
	j := openAt(t, whole)
	for n := range 200 {
		e := newEntry(1)
		e.ID[1] = byte(n)
		e.Header = bytes.Repeat([]byte{byte(n)}, 200)
		accept(t, j, e)
	}
	must(t, j.Close())
	good, err := os.ReadFile(whole)
	must(t, err)
	damage := map[string][]byte{
		"empty": {}, "not a database": []byte("hello"), "cut in half": good[:len(good)/2/4096*4096], "cut to two pages": good[:8192],
		"zeros": make([]byte, len(good)),
	}
	for at := 0; at < len(good); at += 4096 { // one page after the other is overwritten
		bad := bytes.Clone(good)
		copy(bad[at:], bytes.Repeat([]byte{0xA5}, 512))
		damage[fmt.Sprintf("page %d", at/4096)] = bad
	}
	found := 0
	for name, bad := range damage {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.db")
			must(t, os.WriteFile(path, bad, 0o600))
			j, err := Open(path)
			if err == nil { // a free page, or one of the two copies of the meta page: nothing is lost
				pending, err := j.Pending()
				if err := errors.Join(err, j.Close()); err != nil || len(pending) < 199 {
					t.Errorf("%d entries are left (%v) and nobody noticed", len(pending), err)
				}
				return
			}
			found++
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "move the file away") {
				t.Errorf("got %v", err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, bad) {
				t.Errorf("the file was touched (%v)", err)
			}
		})
	}
	if found < len(damage)/4 {
		t.Errorf("only %d of %d damages were found", found, len(damage))
	}
}

func TestNewerSchema(t *testing.T) {
	j := fresh(t)
	must(t, j.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(metaBucket()).Put(schemaKey(), []byte("3")) }))
	must(t, j.Close())
	if _, err := Open(j.path); err == nil || !strings.Contains(err.Error(), "newer agent") {
		t.Errorf("got %v", err)
	}
}

func TestFlippedBitInAnEntry(t *testing.T) {
	j := fresh(t)
	accept(t, j, newEntry(1))
	must(t, j.db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket(entriesBucket())
		id := seal.RequestID{1}
		raw := bytes.Clone(b.Get(id[:]))
		raw[len(raw)/2] ^= 4
		return b.Put(id[:], raw)
	}))
	if _, err := j.Get(seal.RequestID{1}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("get: %v", err)
	}
	if _, err := j.Accept(t.Context(), newEntry(1)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("accept: %v", err)
	}
	must(t, j.Close())
	if _, err := Open(j.path); !errors.Is(err, ErrCorrupt) {
		t.Errorf("open: %v", err)
	}
}

func FuzzDecodeEntry(f *testing.F) {
	e := newEntry(1)
	e.State = Accepted
	for _, with := range []func(*Entry){
		func(*Entry) {}, func(e *Entry) { e.State, e.Before = Sending, &Before{DC: "dc"} },
		func(e *Entry) { e.Confirmed = true },
		func(e *Entry) { e.State, e.Result = Done, &protocol.Result{Outcome: protocol.Changed} },
	} {
		with(&e)
		raw, err := encodeEntry(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw[entryHead:])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		// The checksum would keep the fuzzer out: it is made right here.
		got, err := decodeEntry(nil, withHead(text))
		if err != nil {
			return
		}
		raw, err := encodeEntry(got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeEntry(got.ID[:], raw)
		if err != nil {
			t.Fatalf("does not decode again: %v", err)
		}
		// An empty list is left out when it is written, and comes back as none.
		if diff := cmp.Diff(got, again, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if _, err := decodeEntry(nil, text); err == nil && !bytes.HasPrefix(text, []byte{entryVersion}) {
			t.Error("an entry without a head was read")
		}
	})
}

func BenchmarkAccept(b *testing.B) {
	j := fresh(b)
	n := uint64(0)
	for b.Loop() {
		e := newEntry(1)
		n++
		for i := range 8 {
			e.ID[8+i] = byte(n >> (8 * i))
		}
		if _, err := j.Accept(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}
