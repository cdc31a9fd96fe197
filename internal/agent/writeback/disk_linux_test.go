package writeback

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/journal"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/test/dctest"
)

// disk is a real file system of one megabyte, for the journal alone.
type disk struct{ dir string }

func newDisk(t testing.TB) *disk {
	t.Helper()
	d := &disk{t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("mount a small disk (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, 0); err != nil {
			t.Error(err)
		}
	})
	return d
}

// fill leaves not a single page to the journal: what its file does not use is given back first, and then
// everything is taken.
func (d *disk) fill(t testing.TB) {
	t.Helper()
	if err := d.punch(); err != nil {
		t.Errorf("give free pages back: %v", err)
	}
	f, err := os.OpenFile(filepath.Join(d.dir, "ballast"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = f.Close() }()
	page := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("fill the disk: %v", err)
	}
}

// punch makes holes of the pages that the journal's file holds and does not use. A copy of it says which.
func (d *disk) punch() error {
	raw, err := os.ReadFile(d.journal())
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "journal")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	copied := filepath.Join(folder, "copy.db")
	if err := os.WriteFile(copied, raw, 0o600); err != nil {
		return err
	}
	db, err := bolt.Open(copied, 0o600, nil)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	file, err := os.OpenFile(d.journal(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	size := int64(os.Getpagesize())
	return db.View(func(tx *bolt.Tx) error {
		for id := range len(raw) / int(size) {
			page, err := tx.Page(id)
			if err != nil || (page != nil && page.Type != "free") {
				continue
			}
			if err := syscall.Fallocate(int(file.Fd()), punchHole|keepSize, int64(id)*size, size); err != nil {
				return err
			}
		}
		return nil
	})
}

// Modes of fallocate(2).
const keepSize, punchHole = 1, 2

func (d *disk) journal() string { return filepath.Join(d.dir, "journal.db") }

func (d *disk) free(t testing.TB) {
	t.Helper()
	if err := os.Remove(filepath.Join(d.dir, "ballast")); err != nil {
		t.Fatal(err)
	}
}

// on keeps the journal on the small disk.
func (d *disk) on(b *bench, _ *activedirectory.Config, _ *Deps) {
	b.path = d.journal()
}

// wantWhole opens the journal again: every page is checked then.
func wantWhole(t testing.TB, b *bench) {
	t.Helper()
	b.stop(t)
	j, err := journal.Open(b.path)
	if err != nil {
		t.Fatalf("after a full disk: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestFullDiskBeforeAccepting(t *testing.T) {
	dc := dctest.Start(t)
	d := newDisk(t)
	b := newBench(t, dc, d.on)
	p := dc.NewPerson(t)
	before := b.account(t, p)
	d.fill(t)
	a, id := b.reset(t, p, lab.RandomPassword())
	if a.Accepted || a.Reason != protocol.ReasonAgentState || a.Mark != nil {
		t.Errorf("answer %+v", a)
	}
	if _, err := b.journal.Get(id); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("the journal has it: %v", err)
	}
	// Nor does it deny what it could not remember denying.
	wantOutcome(t, b.askRaw(t, id, nil), protocol.Unknown, protocol.ReasonAgentState)
	b.wantUntouched(t, p, before)

	d.free(t) // and it works again by itself
	_, id = b.reset(t, p, lab.RandomPassword())
	wantOutcome(t, b.result(t, id), protocol.Changed, protocol.ReasonNone)
	wantWhole(t, b)
}

func TestFullDiskBeforeSending(t *testing.T) {
	dc := dctest.Start(t)
	d := newDisk(t)
	b := newBench(t, dc, d.on)
	p := dc.NewPerson(t)
	before := b.account(t, p)
	c := b.newCommand(t, protocol.Reset, anchor(t, p), lab.RandomPassword())
	b.Handle(t.Context(), protocol.Reset, c.envelope(t), func([]byte) error { d.fill(t); return nil }) // it is accepted
	id := c.header.Request
	r := b.result(t, id)
	wantOutcome(t, r, protocol.Failed, protocol.ReasonAgentState)
	b.wantUntouched(t, p, before)
	wantOutcome(t, b.askRaw(t, id, nil), protocol.Failed, protocol.ReasonAgentState)
	// Started anew, while the disk is still full: what the journal knows says the same, that nothing was written.
	b.stop(t)
	b.start(t, dc, d.on)
	b.results = nil
	stop := b.run(t)
	wantOutcome(t, b.result(t, id), protocol.Failed, protocol.ReasonNotWritten)
	d.free(t)
	b.Resend()
	b.wantDone(t, id)
	stop()
	b.wantUntouched(t, p, before)
	wantWhole(t, b)
}

// wantDone waits until the journal holds the result and that the server has it.
func (b *bench) wantDone(t testing.TB, id seal.RequestID) {
	t.Helper()
	dctest.Eventually(t, soon, func() error {
		e, err := b.journal.Get(id)
		if err == nil && !e.Acknowledged {
			err = fmt.Errorf("in state %s", e.State)
		}
		return err
	})
}

// The write was made, and the result cannot be stored: the server hears of it all the same, once.
func TestFullDiskAfterWriting(t *testing.T) {
	dc := dctest.Start(t)
	for name, tt := range map[string]struct {
		op               protocol.Operation
		offline, restart bool
	}{
		"reset": {op: protocol.Reset}, "administrator's reset": {op: protocol.AdminReset},
		"no server": {op: protocol.Reset, offline: true}, "restart": {op: protocol.Reset, offline: true, restart: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t)
			b := newBench(t, dc, d.on, func(_ *bench, _ *activedirectory.Config, deps *Deps) {
				deps.Directory = &hooked{do: func() {}, second: func() {}, after: func() { d.fill(t) }}
			})
			b.setOffline(tt.offline)
			p := dc.NewPerson(t)
			next := lab.RandomPassword()
			_, id := b.carry(t, tt.op, p, next)
			if e, err := b.journal.Get(id); err != nil || e.State != journal.Sending {
				t.Fatalf("the result was stored: %+v %v", e, err)
			}
			wantOutcome(t, b.askRaw(t, id, nil), protocol.Changed, protocol.ReasonNone)
			if tt.restart {
				b.stop(t)
				b.start(t, dc, d.on)
			}
			b.run(t)
			b.setOffline(false)
			b.Resend()
			r := b.result(t, id)
			wantOutcome(t, r, protocol.Changed, protocol.ReasonNone)
			if (r.MustChange == protocol.MustChangeSet) != (tt.op == protocol.AdminReset) {
				t.Errorf("must change %q", r.MustChange)
			}
			d.free(t)
			b.Resend()
			b.wantDone(t, id)
			b.result(t, id) // still one
			b.wantNoSecret(t, next)
		})
	}
}
