package agent

import (
	"errors"
	"fmt"
	"os"
)

// room is what the state folder must still take: far more than one request writes.
const room = 64 << 10

// writable tries to write to the state folder.
func writable(folder string) error {
	f, err := os.CreateTemp(folder, ".room-*")
	if err != nil {
		return fmt.Errorf("state folder %s can't be written: %w", folder, err)
	}
	_, err = f.Write(make([]byte, room))
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("state folder %s has no room or can't be written: %w", folder, err)
	}
	return nil
}
