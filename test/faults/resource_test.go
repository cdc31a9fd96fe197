package faults_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// The disk under the agent's journal is full for a while: what can't be remembered isn't begun.
func TestJournalDiskFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	state := filepath.Join(dir, "agent")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("homeward-test", state, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Fatalf("a small disk: %v", err)
	}
	t.Cleanup(func() { // after the stack has stopped
		if err := syscall.Unmount(state, 0); err != nil {
			t.Errorf("the small disk: %v", err)
		}
	})
	s := brew(t, demo.Options{Dir: dir})
	var full []error
	s.run(count(), func(s *storm) {
		s.thrice(func() {
			before := s.complaints()
			full = append(full, fill(filepath.Join(state, "filler")))
			dctest.Eventually(t, patience, func() error {
				if s.complaints() == before {
					return errors.New("the agent hasn't met the full disk")
				}
				return nil
			})
			s.must(os.Remove(filepath.Join(state, "filler")))
		})
	})
	for _, err := range full {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the disk never was full: %v", err)
		}
	}
	s.verdict()
}

// complaints counts what the agent's log says of the full disk.
func (s *storm) complaints() int {
	b, err := os.ReadFile(s.Path("agent.log"))
	s.must(err)
	return bytes.Count(b, []byte("no space left on device"))
}

// fill writes until nothing more fits, and returns the error that said so.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 16; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(bytes.Repeat([]byte{1}, size))
		}
	}
	return err
}

// stay lets a fault last.
func (s *storm) stay(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.t.Context().Done():
	}
}

const lateScript = `#!/bin/sh
cat >/dev/null
[ -e /lab/late ] || exit 0
sleep 11
exit 0
`

// The controller carries out a write and answers only after the agent has stopped waiting for it (10 s).
func TestDirectoryAnswersLate(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "filter")
	if err := os.WriteFile(script, []byte(lateScript), 0o700); err != nil {
		t.Fatal(err)
	}
	s := brew(t, demo.Options{Lab: lab.Options{PasswordFilter: script}})
	late := filepath.Join(s.DC.Dir(), "late")
	s.run(count(), func(s *storm) {
		for i := range int64(2) {
			s.reached((i + 1) * int64(count()) / 6)
			s.must(os.WriteFile(late, nil, 0o666))
			s.stay(time.Second)
			s.must(os.Remove(late))
		}
	})
	s.verdict()
}

// The controller stands still for longer than anybody waits, then goes on where it was.
func TestDirectoryFrozen(t *testing.T) {
	t.Parallel()
	s := brew(t, demo.Options{})
	s.run(count(), func(s *storm) {
		s.reached(int64(count()) / 4)
		s.must(s.DC.Pause())
		s.stay(12 * time.Second)
		s.must(s.DC.Resume())
	})
	s.verdict()
}
