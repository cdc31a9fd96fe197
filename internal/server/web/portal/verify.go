package portal

import (
	"html/template"
	"strings"
	"time"
)

// Field names of the two verification forms.
const (
	FieldMethod = "method"
	FieldCode   = "code"
)

// Check says which check of how many a page belongs to, and what comes after.
type Check struct {
	Number int  // from 1
	Of     int  // how many checks there are
	Unlock bool // no new password follows
	Info   bool // the security info follows
}

func (c Check) steps(f Frame) *Steps {
	s := &Steps{Now: 1 + c.Number, Of: 1 + c.Of, Name: f.T("step.check")}
	if !c.Unlock && !c.Info {
		s.Of++
	}
	if c.Of > 1 {
		s.Name = f.T("step.check_of", "Number", c.Number, "Of", c.Of)
	}
	return s
}

// Kinds of method. They choose icon and words.
const (
	MethodMail      = "mail"
	MethodApp       = "app"
	MethodText      = "text"
	MethodPasskey   = "passkey"
	MethodQuestions = "questions"
	MethodPass      = "pass" // a code from the helpdesk; a link below the list, for everybody
)

// Method is one row of the list: a way to prove who one is.
type Method struct {
	Kind   string // a Method constant; also the icon
	Value  string // sent as FieldMethod; usually the kind
	Masked string // where the code goes, masked; mail and text only
	Count  int    // how many questions are asked; questions only
}

// MethodRow is a Method with its words.
type MethodRow struct {
	Method
	Name   string
	Detail string
}

// MethodPage lets people choose how to prove who they are: GET and POST /verify/1.
type MethodPage struct {
	Frame
	Check
	Action  string // where the form posts; empty is /verify/1
	Methods []Method
	Pass    bool // a code from the helpdesk is taken
}

// Template names the page's file.
func (MethodPage) Template() string { return "method" }

// Title is the page's one h1.
func (p MethodPage) Title() string { return p.T("method.title") }

// Steps is the step bar.
func (p MethodPage) Steps() *Steps { return p.steps(p.Frame) }

// Intro says how many checks there are.
func (p MethodPage) Intro() string {
	if p.Number > 1 {
		return p.T("method.intro.second")
	}
	if p.Of > 1 {
		return p.T("method.intro.two")
	}
	return p.T("method.intro.one")
}

// Rows gives each method its words. A kind this build does not know is left out.
func (p MethodPage) Rows() []MethodRow {
	rows := make([]MethodRow, 0, len(p.Methods))
	for _, m := range p.Methods {
		row := MethodRow{Method: m}
		switch m.Kind {
		case MethodMail:
			row.Name, row.Detail = p.T("method.mail"), p.T("method.to", "Masked", m.Masked)
		case MethodText:
			row.Name, row.Detail = p.T("method.text"), p.T("method.to", "Masked", m.Masked)
		case MethodApp:
			row.Name, row.Detail = p.T("method.app"), p.T("method.app.detail")
		case MethodPasskey:
			row.Name, row.Detail = p.T("method.passkey"), p.T("method.passkey.detail")
		case MethodQuestions:
			row.Name, row.Detail = p.T("method.questions"), p.T("method.questions.detail", "N", m.Count)
		default:
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

// CodeError says what is wrong with a code.
type CodeError string

// The mistakes of a code.
const (
	CodeNone    CodeError = ""
	CodeShape   CodeError = "shape"   // not 6 numbers
	CodeWrong   CodeError = "wrong"   // does not match
	CodeExpired CodeError = "expired" // and a new one has been sent
	CodeTooMany CodeError = "too_many"
)

// CodePage asks for a code that was sent, or that an app shows: GET and POST /verify/1/code; resend posts to
// /verify/1/resend.
type CodePage struct {
	Frame
	Check
	Method              // which one; no kind is mail
	Action       string // empty is /verify/1/code
	ResendAction string // empty is /verify/1/resend
	AnotherURL   string // "Use another way"; empty hides it
	Until        time.Time
	Location     *time.Location
	TriesLeft    int       // shown after a wrong code
	NextSend     time.Time // a new code may be asked for from then on
	Now          time.Time
	Wait         time.Duration // with CodeTooMany: how long to wait
	Registering  bool          // the code proves a new address or number, no person
	Resent       bool          // a new code has just been sent because somebody asked
	Error        CodeError
}

// Template names the page's file.
func (CodePage) Template() string { return "code" }

// Title is the page's one h1.
func (p CodePage) Title() string {
	switch p.Kind {
	case MethodText:
		return p.T("code.title.text")
	case MethodApp:
		return p.T("code.title.app")
	case MethodPass:
		return p.T("code.title.pass")
	}
	return p.T("code.title.mail")
}

// Sent reports whether the code was sent, so that another one can be.
func (p CodePage) Sent() bool { return p.Kind != MethodApp && p.Kind != MethodPass }

// Digits reports whether the code is six of them.
func (p CodePage) Digits() bool { return p.Kind != MethodPass }

// Label names the field.
func (p CodePage) Label() string {
	if p.Kind == MethodPass {
		return p.T("code.label.pass")
	}
	return p.T("code.label")
}

// Lead says where the code is to be found.
func (p CodePage) Lead() template.HTML {
	switch p.Kind {
	case MethodText:
		return p.Rich("code.sent.text", "Masked", strings.TrimPrefix(p.Masked, "••"))
	case MethodApp:
		return p.Rich("code.lead.app")
	case MethodPass:
		return p.Rich("code.lead.pass")
	}
	return p.Rich("code.sent.mail", "Masked", p.Masked)
}

// Nothing is the question of somebody to whom no code has come.
func (p CodePage) Nothing() string {
	if p.Kind == MethodText {
		return p.T("code.none.text")
	}
	return p.T("code.none.mail")
}

// Steps is the step bar.
func (p CodePage) Steps() *Steps {
	if p.Registering {
		return nil
	}
	return p.steps(p.Frame)
}

// Another is the link to another way, or back.
func (p CodePage) Another() string {
	if p.Registering {
		return p.T("info.cancel")
	}
	return p.T("code.another")
}

// Scripts counts the seconds until the next code down; nothing else.
func (p CodePage) Scripts() []string {
	if p.ResendIn() > 0 {
		return []string{"code.js"}
	}
	return nil
}

// Problem reports whether the last code was refused.
func (p CodePage) Problem() bool { return p.Error != CodeNone }

// Problems is the one mistake a code can have.
func (p CodePage) Problems() Problems {
	text := ""
	switch p.Error {
	case CodeShape:
		text = p.T("code.error.shape")
		if p.Kind == MethodPass {
			text = p.T("code.error.shape.pass")
		}
	case CodeWrong:
		text = p.wrong()
	case CodeExpired:
		text = p.T("code.error.expired")
	case CodeTooMany:
		text = p.T("error.too_many", "N", minutes(p.Wait))
		if p.Wait > longWait {
			text = p.T("error.too_many.long")
		}
	case CodeNone:
		return nil
	}
	return Problems{{FieldCode, text}}
}

func (p CodePage) wrong() string {
	switch p.Kind {
	case MethodText:
		return p.T("code.error.wrong.text")
	case MethodApp:
		return p.T("code.error.wrong.app")
	case MethodPass:
		return p.T("code.error.wrong.pass")
	}
	return p.T("code.error.wrong.mail")
}

// longWait is longer than anybody waits for: the page speaks of other ways instead.
const longWait = 90 * time.Minute

// Hint stands under the field: how long the code works, or how many tries are left.
func (p CodePage) Hint() string {
	if p.Error == CodeWrong && p.TriesLeft > 0 {
		return p.T("code.tries", "N", p.TriesLeft)
	}
	if p.Error == CodeTooMany || p.Until.IsZero() || p.Location == nil {
		return ""
	}
	return p.T("code.until", "Time", p.Clock(p.Until, p.Location))
}

// ResendIn returns the seconds until a new code may be asked for.
func (p CodePage) ResendIn() int {
	if !p.NextSend.After(p.Now) {
		return 0
	}
	return int((p.NextSend.Sub(p.Now) + time.Second - 1) / time.Second)
}

// ResendText says when a new code may be asked for.
func (p CodePage) ResendText() string { return p.T("code.resend.wait", "N", p.ResendIn()) }

// ResendForms is the same sentence for the script, in every plural form; see PasswordPage.Words.
func (p CodePage) ResendForms() (string, error) { return forms(p.Patterns("code.resend.wait")) }

// minutes rounds up and never says 0.
func minutes(d time.Duration) int {
	return max(1, int((d+time.Minute-1)/time.Minute))
}
