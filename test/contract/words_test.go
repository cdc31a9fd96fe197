package contract

import (
	"strings"

	"homeward/internal/lab"
)

// word is a password, in the words of the page.
type word struct {
	name string
	of   func(*subject) string
}

func text(name, password string) word { return word{name, func(*subject) string { return password }} }

// good keeps every rule, and is another one each time.
func good() word { return word{"good", func(*subject) string { return lab.RandomPassword() }} }

func long(n int) word {
	return word{itoa(n) + " characters", func(*subject) string {
		return (lab.RandomPassword() + strings.Repeat("-Kite74", 40))[:n]
	}}
}

func current() word { return word{"the current one", func(s *subject) string { return s.Password }} }

// back is the password n before the current one.
func back(n int) word {
	name := "the one before"
	if n > 1 {
		name = itoa(n) + " before the current one"
	}
	return word{name, func(s *subject) string { return s.past[len(s.past)-n] }}
}

func wrong() word { return word{"wrong", func(*subject) string { return lab.RandomPassword() }} }

func withUserName() word {
	return word{"contains the user name", func(s *subject) string { return "74-Kite-" + s.SAM }}
}

func withUserNameInCapitals() word {
	return word{"contains the user name in capitals", func(s *subject) string { return "74-kite-" + strings.ToUpper(s.SAM) }}
}
