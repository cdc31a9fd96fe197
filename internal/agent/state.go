package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// room is what the state folder must still take: far more than one request writes.
const room = 64 << 10

// trial begins the name of the file that is written to find out.
const trial = ".room-"

// sweep removes files that a killed agent left behind.
func sweep(folder string, prefixes ...string) error {
	files, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("clear the state folder: %w", err)
	}
	for _, f := range files {
		if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.Name(), p) }) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, f.Name())); err != nil {
			return fmt.Errorf("clear the state folder: %w", err)
		}
	}
	return nil
}

// writable tries to write to the state folder.
func writable(folder string) error {
	f, err := os.CreateTemp(folder, trial+"*")
	if err != nil {
		return fmt.Errorf("state folder %s can't be written: %w", folder, err)
	}
	_, err = f.Write(make([]byte, room))
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("state folder %s has no room or can't be written: %w", folder, err)
	}
	return nil
}
