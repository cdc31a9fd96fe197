package setting

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/server/tenant"
	"homeward/internal/spelling"
)

//go:embed zones.txt
var zones string

// Zones are the names of time zones, as the IANA has them.
func Zones() []string { return strings.Fields(zones) }

// Place is where a tenant's people are.
func Place(s tenant.Settings) []Value {
	name := s.TimeZone
	if name == "" {
		name = "UTC"
	}
	return []Value{{"time zone", name}}
}

// ZoneError reports a name that no time zone has, and those that are like it.
type ZoneError struct {
	Name string
	Like []string
}

// Error implements error.
func (e *ZoneError) Error() string {
	if len(e.Like) == 0 {
		return fmt.Sprintf("time zone %q isn't known: use a name such as Europe/Stockholm", e.Name)
	}
	return fmt.Sprintf("time zone %q isn't known: did you mean %s?", e.Name, strings.Join(e.Like, ", "))
}

// ParseZone returns a time zone's name as the IANA writes it, whatever the case it was typed in; spaces stand for underscores. It
// returns *ZoneError.
func ParseZone(typed string) (string, error) {
	name := strings.ReplaceAll(strings.TrimSpace(typed), " ", "_")
	for _, z := range Zones() {
		if !strings.EqualFold(z, name) {
			continue
		}
		if _, err := time.LoadLocation(z); err != nil {
			return "", fmt.Errorf("time zone %s isn't on this machine: %w", z, err)
		}
		return z, nil
	}
	return "", &ZoneError{typed, likeZones(name)}
}

const (
	mostTyped = 60 // the longest name has 32 characters
	mostLike  = 3
)

// likeZones are the names that a mistyped one, or a city alone, may mean: the most alike first.
func likeZones(name string) []string {
	if len(name) < 2 || len(name) > mostTyped {
		return nil
	}
	type near struct {
		zone string
		far  int
	}
	var found []near
	want := strings.ToLower(name)
	for _, z := range Zones() {
		whole := strings.ToLower(z)
		far := spelling.Distance(want, whole)
		other, city := spelling.Distance(lastPart(want), lastPart(whole)), len(lastPart(want))
		switch {
		case strings.Contains(whole, want):
			far = 1
		case other <= 1+city/8:
			far = min(far, other+1)
		case far > 1+len(want)/6:
			continue
		}
		found = append(found, near{z, far})
	}
	slices.SortStableFunc(found, func(a, b near) int { return a.far - b.far })
	var out []string
	for _, f := range found[:min(len(found), mostLike)] {
		out = append(out, f.zone)
	}
	return out
}

// lastPart is the city of a zone's name.
func lastPart(name string) string { return name[strings.LastIndex(name, "/")+1:] }
