package agent

import (
	"os"
	"path/filepath"
	"testing"

	"homeward/internal/agent/identity"
)

func TestSweepTakesWhatAKilledAgentLeft(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state [1")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{identity.Unfinished + "123", trial + "9", identity.File, "journal.db"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := sweep(folder, trial, identity.Unfinished); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 2 || left[0].Name() != identity.File {
		t.Errorf("left: %v %v", left, err)
	}
}
