package tenant

import (
	"fmt"
	"slices"
	"strings"
)

// Checks says how people prove who they are before they are let at their password.
type Checks struct {
	// Required is how many checks it takes: 1 or 2; 0 means 1. People with a role and protected people always need two.
	Required int `json:"required,omitempty"`
	// Methods are the allowed kinds; empty means DefaultMethods.
	Methods []string `json:"methods,omitempty"`
	// RegisteredOnly: the mail address that the directory holds proves nothing, not even the first time.
	RegisteredOnly bool `json:"registered_only,omitempty"`
	// Reconfirm is after how many days people are asked whether their methods are still right, 0 to 730; 0 is never.
	Reconfirm int `json:"reconfirm,omitempty"`
}

// MaxReconfirm is the longest time between two reviews, in days.
const MaxReconfirm = 730

// DefaultMethods are allowed unless an administrator says otherwise. What costs money (text) or is weak (questions) is not.
func DefaultMethods() []string { return []string{"passkey", "app", "mail"} }

// AllMethods are the kinds there are.
func AllMethods() []string { return []string{"passkey", "app", "text", "mail", "questions"} }

// Need is how many checks people need. strict: the person has a role or is protected.
func (c Checks) Need(strict bool) int {
	if strict || c.Required > 1 {
		return 2
	}
	return 1
}

// Allows reports whether a kind may be used. strict: never questions.
func (c Checks) Allows(kind string, strict bool) bool {
	if strict && kind == "questions" {
		return false
	}
	methods := c.Methods
	if len(methods) == 0 {
		methods = DefaultMethods()
	}
	return slices.Contains(methods, kind)
}

// Check says what an administrator has to mend.
func (c Checks) Check() error {
	if c.Required < 0 || c.Required > 2 {
		return fmt.Errorf("%d checks: use 1 or 2", c.Required)
	}
	if c.Reconfirm < 0 || c.Reconfirm > MaxReconfirm {
		return fmt.Errorf("reconfirm after %d days: use 1 to %d, or 0 for never", c.Reconfirm, MaxReconfirm)
	}
	for _, m := range c.Methods {
		if !slices.Contains(AllMethods(), m) {
			return fmt.Errorf("method %q isn't known: use %s", m, strings.Join(AllMethods(), ", "))
		}
	}
	if len(c.Methods) == 1 && c.Methods[0] == "questions" {
		return fmt.Errorf("security questions are too weak to be the only method: allow another one beside them")
	}
	if slices.Contains(c.Methods, "questions") && c.Required < 2 {
		return fmt.Errorf("security questions count only beside another check: use --required 2 with them")
	}
	if c.Required == 2 && len(c.Methods) == 1 {
		return fmt.Errorf("two checks need two methods: only %s is allowed", c.Methods[0])
	}
	return nil
}
