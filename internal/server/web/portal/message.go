package portal

import "time"

// Message is a kind of plain page.
type Message string

// Kinds of message page.
const (
	NotFound    Message = "not_found"    // 404
	TooMany     Message = "too_many"     // 429
	Broken      Message = "broken"       // 500
	SessionOver Message = "session_over" // 410, or 403 for a form from somewhere else
	Elsewhere   Message = "elsewhere"    // 410: what was sent in another visit isn't known here, so nothing is said of it
)

// MessagePage says one thing and offers one way on.
type MessagePage struct {
	Frame
	Kind    Message
	Wait    time.Duration // TooMany: how long to wait
	Support string        // Broken: support code, when there is one
}

// Template names the page's file.
func (MessagePage) Template() string { return "message" }

// Title is the page's one h1.
func (p MessagePage) Title() string {
	switch p.Kind {
	case NotFound:
		return p.T("message.not_found.title")
	case TooMany:
		return p.T("message.too_many.title")
	case SessionOver:
		return p.T("message.session_over.title")
	case Elsewhere:
		return p.T("message.elsewhere.title")
	case Broken:
	}
	return p.T("message.broken.title")
}

// Text says what happened and what to do.
func (p MessagePage) Text() string {
	switch p.Kind {
	case NotFound:
		return p.T("message.not_found.text")
	case TooMany:
		return p.T("message.too_many.text", "N", minutes(p.Wait))
	case SessionOver:
		return p.T("message.session_over.text")
	case Elsewhere:
		return p.T("message.elsewhere.text")
	case Broken:
	}
	return p.T("message.broken.text")
}

// Retry reports whether starting again makes sense now.
func (p MessagePage) Retry() bool { return p.Kind != TooMany }

// Scripts copy the support code.
func (p MessagePage) Scripts() []string {
	if p.Support == "" {
		return nil
	}
	return []string{"copy.js"}
}
