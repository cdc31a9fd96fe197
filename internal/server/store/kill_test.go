package store_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"homeward/internal/server/reset"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
)

// killed names, to the child process of TestMoveSurvivesKill, the database to write to.
const killed = "HOMEWARD_TEST_KILLED_DSN"

// TestMoveSurvivesKill kills a process right after an attempt was moved: the move was answered, so it stands.
func TestMoveSurvivesKill(t *testing.T) {
	if dsn := os.Getenv(killed); dsn != "" {
		moveAndWait(t, dsn)
		return
	}
	dsn := storetest.SQLite(t)
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMoveSurvivesKill$")
	c.Env = append(os.Environ(), killed+"="+dsn)
	c.Stderr = os.Stderr
	if _, err := c.StdinPipe(); err != nil { // kept open, so the child waits
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "moved\n" {
		t.Errorf("child says %q, %v", line, err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
	a, err := storetest.Open(t, dsn).Attempt(t.Context(), "a", "1")
	if err != nil {
		t.Fatal(err)
	}
	if a.State != reset.Submitted || a.Revision != 1 {
		t.Errorf("attempt is %s, revision %d", a.State, a.Revision)
	}
}

func moveAndWait(t *testing.T, dsn string) {
	s := storetest.Open(t, dsn)
	a := reset.Attempt{Tenant: "a", ID: "1", State: reset.Verified}
	if err := s.CreateTenant(t.Context(), tenant.Tenant{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateAttempt(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	a.State = reset.Submitted
	if _, err := s.Move(t.Context(), a, reset.Verified); err != nil {
		t.Fatal(err)
	}
	fmt.Println("moved")
	_, _ = io.Copy(io.Discard, os.Stdin) // until killed
}
