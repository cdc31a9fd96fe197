package licence

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"homeward/internal/server/tenant"
)

// The bounds of what a tenant subscribes to.
const (
	MaxProducts = 50
	MaxSeats    = 10_000_000
)

// ErrSeats reports a number of seats that nobody bought.
var ErrSeats = fmt.Errorf("use 1 to %d seats, or 0 not to count them", MaxSeats)

// Subscribe notes a product; one that is noted already stays. Neither this nor the others changes a slice or a map that
// somebody else may be reading.
func Subscribe(s *tenant.Settings, part string) error {
	if slices.Contains(s.Licences, part) {
		return nil
	}
	if len(s.Licences) >= MaxProducts {
		return errors.New("a tenant has so many products already that no further one is noted: remove one first")
	}
	s.Licences = append(slices.Clone(s.Licences), part)
	return nil
}

// Unsubscribe takes a product away, and the count of its seats.
func Unsubscribe(s *tenant.Settings, part string) {
	s.Licences = slices.DeleteFunc(slices.Clone(s.Licences), func(have string) bool { return have == part })
	s.LicenceSeats = withSeats(s.LicenceSeats, part, 0)
}

// SetSeats says how many of a product were bought; 0: they are not counted.
func SetSeats(s *tenant.Settings, part string, n int) error {
	if n < 0 || n > MaxSeats {
		return ErrSeats
	}
	s.LicenceSeats = withSeats(s.LicenceSeats, part, n)
	return nil
}

// withSeats is a copy with another number.
func withSeats(have map[string]int, part string, n int) map[string]int {
	out := map[string]int{}
	maps.Copy(out, have)
	if out[part] = n; n == 0 {
		delete(out, part)
	}
	return out
}
