package portal

// FieldPasskey carries a browser's answer.
const FieldPasskey = "code"

// PasskeyPage asks the browser for a passkey, or to make one: GET and POST /verify/1/code and /security-info/add/passkey.
type PasskeyPage struct {
	Frame
	Check
	Create     bool // make one
	Action     string
	Options    string // JSON: what the browser is asked
	AnotherURL string
	Stopped    bool // no answer came, or not the right one
	TooMany    bool
}

// Template names the page's file.
func (PasskeyPage) Template() string { return "passkey" }

// Title is the page's one h1.
func (p PasskeyPage) Title() string {
	if p.Create {
		return p.T("passkey.create.title")
	}
	return p.T("passkey.title")
}

// Lead says what the browser will do.
func (p PasskeyPage) Lead() string {
	if p.Create {
		return p.T("passkey.create.lead")
	}
	return p.T("passkey.lead")
}

// Button begins.
func (p PasskeyPage) Button() string {
	if p.Create {
		return p.T("passkey.create.button")
	}
	return p.T("passkey.button")
}

// Another is the link to another way, or back.
func (p PasskeyPage) Another() string {
	if p.Create {
		return p.T("info.cancel")
	}
	return p.T("code.another")
}

// Steps is the step bar.
func (p PasskeyPage) Steps() *Steps {
	if p.Create {
		return nil
	}
	return p.steps(p.Frame)
}

// Scripts talk to the browser's passkeys.
func (PasskeyPage) Scripts() []string { return []string{"passkey.js"} }

// Problem reports whether the last try led nowhere.
func (p PasskeyPage) Problem() bool { return p.Stopped || p.TooMany }

// Problems is the one mistake.
func (p PasskeyPage) Problems() Problems {
	switch {
	case p.TooMany:
		return Problems{{"use", p.T("error.too_many.long")}}
	case p.Stopped:
		return Problems{{"use", p.T("passkey.error")}}
	}
	return nil
}
