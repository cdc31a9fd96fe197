package tenant

import (
	"errors"
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
	// QuestionsSetUp is how many security questions people register, QuestionsAsked how many of them are asked: 3 to 5; 0
	// means 3.
	QuestionsSetUp int `json:"questions_set_up,omitempty"`
	QuestionsAsked int `json:"questions_asked,omitempty"`
	// PassOff: a helpdesk pass counts as no check, and none is given out.
	PassOff bool `json:"pass_off,omitempty"`
}

// The fewest and the most security questions, to register and to ask.
const (
	MinQuestions = 3
	MaxQuestions = 5
)

// SetUp is how many security questions people register.
func (c Checks) SetUp() int { return max(c.QuestionsSetUp, MinQuestions) }

// Asked is how many of them are asked.
func (c Checks) Asked() int { return max(c.QuestionsAsked, MinQuestions) }

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

// Kinds lists the methods that count for people without a role, of those that work on this server. Questions count only beside
// another check.
func (c Checks) Kinds(works func(kind string) bool) []string {
	var out []string
	for _, m := range AllMethods() {
		if c.Allows(m, false) && works(m) && (m != "questions" || c.Need(false) > 1) {
			out = append(out, m)
		}
	}
	return out
}

// What Check refuses about methods, for a page that says it in the reader's language.
var (
	ErrOnlyQuestions   = errors.New("security questions are too weak to be the only method: allow another one beside them")
	ErrQuestionsAlone  = errors.New("security questions count only beside another check: use --required 2 with them")
	ErrTooFewMethods   = errors.New("two checks need two methods")
	ErrQuestionNumbers = errors.New("no possible number of security questions")
)

// Check says what an administrator has to mend.
func (c Checks) Check() error {
	if c.Required < 0 || c.Required > 2 {
		return fmt.Errorf("%d checks: use 1 or 2", c.Required)
	}
	if c.Reconfirm < 0 || c.Reconfirm > MaxReconfirm {
		return fmt.Errorf("reconfirm after %d days: use 1 to %d, or 0 for never", c.Reconfirm, MaxReconfirm)
	}
	for _, n := range []int{c.QuestionsSetUp, c.QuestionsAsked} {
		if n != 0 && (n < MinQuestions || n > MaxQuestions) {
			return fmt.Errorf("%d security questions: use %d to %d: %w", n, MinQuestions, MaxQuestions, ErrQuestionNumbers)
		}
	}
	if c.Asked() > c.SetUp() {
		return fmt.Errorf("%d security questions can't be asked where people register %d: %w", c.Asked(), c.SetUp(), ErrQuestionNumbers)
	}
	for _, m := range c.Methods {
		if !slices.Contains(AllMethods(), m) {
			return fmt.Errorf("method %q isn't known: use %s", m, strings.Join(AllMethods(), ", "))
		}
	}
	if len(c.Methods) == 1 && c.Methods[0] == "questions" {
		return ErrOnlyQuestions
	}
	if slices.Contains(c.Methods, "questions") && c.Required < 2 {
		return ErrQuestionsAlone
	}
	if c.Required == 2 && len(c.Methods) == 1 {
		return fmt.Errorf("%w: only %s is allowed", ErrTooFewMethods, c.Methods[0])
	}
	return nil
}
