package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestClockIsWrong reads the clock in a program written in C, and one written in Go with many threads.
func TestClockIsWrong(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "clock")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, by := range []time.Duration{5 * time.Minute, -5 * time.Minute} {
		out, err := exec.CommandContext(t.Context(), bin, by.String(), "date", "+%s").Output()
		if err != nil {
			t.Fatal(err)
		}
		seconds, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if off := time.Unix(seconds, 0).Sub(time.Now().Add(by)); off.Abs() > 5*time.Second {
			t.Errorf("%v: the program's clock is %v from there", by, off)
		}
	}
	// The go command: many threads and children, and exit codes.
	if out, err := exec.CommandContext(t.Context(), bin, "5m", "go", "version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "go version") {
		t.Errorf("%v: %s", err, out)
	}
	err := exec.CommandContext(t.Context(), bin, "5m", "sh", "-c", "exit 7").Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 {
		t.Errorf("exit code: %v", err)
	}
}
