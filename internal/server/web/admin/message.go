package admin

import "time"

// kind of plain page.
type kind string

const (
	notFound  kind = "not_found"
	tooMany   kind = "too_many"
	broken    kind = "broken"
	forbidden kind = "forbidden"
	linkOver  kind = "link_over"
	usedUp    kind = "used"
	barred    kind = "barred"
	stale     kind = "stale"
	// What becomes of a sign-in through a provider.
	providerAway kind = "provider_away"
	providerNo   kind = "provider_no"
	stranger     kind = "stranger"
	noFactor     kind = "no_factor"
	taken        kind = "taken"
)

// MessagePage says one thing and offers one way on.
type MessagePage struct {
	Frame

	Kind kind
	Wait time.Duration // tooMany
	Why  string        // barred: the id of the sentence
}

// Template names the page's file.
func (MessagePage) Template() string { return "message" }

// Title is the page's one h1.
func (p MessagePage) Title() string { return p.T(messageTitle(p.Kind)) }

// Text says what it means and what to do.
func (p MessagePage) Text() string {
	switch p.Kind {
	case tooMany:
		return p.T(messageText(p.Kind), "N", int((p.Wait+time.Minute-1)/time.Minute))
	case barred:
		return p.T(p.Why)
	case forbidden:
		return p.T(messageText(p.Kind), "Role", p.RoleName(p.Operator.Role))
	}
	return p.T(messageText(p.Kind))
}

func (v *visit) message(status int, p MessagePage) error {
	p.Frame = v.frame
	return v.render(status, p)
}
