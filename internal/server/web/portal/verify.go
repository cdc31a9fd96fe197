package portal

import "time"

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
}

func (c Check) steps(f Frame) *Steps {
	s := &Steps{Now: 1 + c.Number, Of: 1 + c.Of, Name: f.T("step.check")}
	if !c.Unlock {
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
}

// Template names the page's file.
func (MethodPage) Template() string { return "method" }

// Title is the page's one h1.
func (p MethodPage) Title() string { return p.T("method.title") }

// Steps is the step bar.
func (p MethodPage) Steps() *Steps { return p.steps(p.Frame) }

// Intro says how many checks there are.
func (p MethodPage) Intro() string {
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

// CodePage asks for the mailed code: GET and POST /verify/1/code; resend posts to /verify/1/resend.
type CodePage struct {
	Frame
	Check
	Action       string // empty is /verify/1/code
	ResendAction string // empty is /verify/1/resend
	AnotherURL   string // "Use another way"; empty hides it
	Masked       string // a•••@fastmail.example
	Until        time.Time
	Location     *time.Location
	TriesLeft    int       // shown after a wrong code
	NextSend     time.Time // a new code may be asked for from then on
	Now          time.Time
	Wait         time.Duration // with CodeTooMany: how long to wait
	Resent       bool          // a new code has just been sent because somebody asked
	Error        CodeError
}

// Template names the page's file.
func (CodePage) Template() string { return "code" }

// Title is the page's one h1.
func (p CodePage) Title() string { return p.T("code.title.mail") }

// Steps is the step bar.
func (p CodePage) Steps() *Steps { return p.steps(p.Frame) }

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
	case CodeWrong:
		text = p.T("code.error.wrong.mail")
	case CodeExpired:
		text = p.T("code.error.expired")
	case CodeTooMany:
		text = p.T("error.too_many", "N", minutes(p.Wait))
	case CodeNone:
		return nil
	}
	return Problems{{FieldCode, text}}
}

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
