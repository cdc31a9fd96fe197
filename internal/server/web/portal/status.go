package portal

import (
	"time"

	"homeward/internal/protocol"
)

// Outcome is where a request stands, as the status page tells it.
type Outcome string

// Outcomes of the status page. Writing and NotSure keep asking; the rest are final.
const (
	Writing   Outcome = "writing"
	Changed   Outcome = "changed"
	Unlocked  Outcome = "unlocked"
	Failed    Outcome = "failed"    // IT must fix something; nothing changed
	Offline   Outcome = "offline"   // no agent can write now; nothing changed
	NotSure   Outcome = "not_sure"  // sent, no answer yet; resolves by itself
	Expired   Outcome = "expired"   // the page was open too long; nothing changed
	Disabled  Outcome = "disabled"  // the account is turned off
	Protected Outcome = "protected" // adminCount=1
	NotSetUp  Outcome = "not_set_up"
	Stopped   Outcome = "stopped" // nothing changed, for a reason that has words and a way on of its own
)

// Progress is how far a request in state Writing is known to be.
type Progress int

// Steps of progress.
const (
	AtRelay     Progress = iota // handed to the relay
	AtDirectory                 // an agent has accepted it and is writing
)

// StatusPage shows what happens, and what happened, to one request: GET /status/{id}. A request with
// HX-Request gets Engine.Fragment of the same struct; HX-Redirect ends the polling.
type StatusPage struct {
	Frame
	ID       string
	State    Outcome
	Unlock   bool // the request is an unlock, no password is involved
	Progress Progress
	At       time.Time // Changed, Unlocked: when Active Directory confirmed; Offline: since when
	Now      time.Time
	Location *time.Location
	Support  string          // HW-XXXX-XXXX
	Told     bool            // Offline: the alert to IT was really sent
	Mailed   bool            // Changed, Unlocked: the confirmation was really queued
	Lost     bool            // NotSure: the connection to the agent broke, rather than thirty seconds passing
	RetryURL string          // empty is /start
	Reason   protocol.Reason // Stopped: why
	Next     Next            // Changed, Unlocked: what is asked of the person afterwards
}

// Next is what somebody is asked to do for their security info after a good outcome.
type Next string

// What comes next.
const (
	NextNothing  Next = ""
	NextRegister Next = "register" // they have too few methods
	NextReview   Next = "review"   // they haven't said for long that everything is right
)

// NextText says it.
func (p StatusPage) NextText() string {
	if p.Next == NextReview {
		return p.T("info.next.due")
	}
	return p.T("info.next.required")
}

// Template names the page's file.
func (StatusPage) Template() string { return "status" }

// Title is the page's one h1: it says first what happened.
func (p StatusPage) Title() string {
	switch p.State {
	case Writing:
		return p.either("status.writing.title", p.T("status.unlocking.title"))
	case Changed:
		return p.T("status.changed.title")
	case Unlocked:
		return p.T("status.unlocked.title")
	case Offline:
		return p.T("status.offline.title")
	case NotSure:
		return p.either("status.unsure.title", p.T("status.unsure.unlock.title"))
	case Expired:
		return p.T("status.expired.title")
	case Disabled:
		return p.T("status.disabled.title")
	case Protected:
		return p.T("status.protected.title")
	case NotSetUp:
		return p.T("status.not_set_up.title")
	case Stopped:
		if title := explain(p.Reason).title; title != "" {
			return p.T(title)
		}
	case Failed:
	}
	return p.either("status.failed.title", p.T("status.failed.unlock.title"))
}

func (p StatusPage) either(reset, unlock string) string {
	if p.Unlock {
		return unlock
	}
	return p.T(reset)
}

// Lead says what a page of one sentence says.
func (p StatusPage) Lead() string {
	switch p.State {
	case Disabled:
		return p.T("status.disabled.lead")
	case Protected:
		return p.T("status.protected.lead")
	case Stopped:
		return p.T(explain(p.Reason).text)
	}
	return p.T("status.not_set_up.lead")
}

// Again reports whether trying again is what the person can do.
func (p StatusPage) Again() bool { return p.State == Stopped && explain(p.Reason).remedy == tryAgain }

// ResetInstead reports whether a reset is what the person can do.
func (p StatusPage) ResetInstead() bool {
	return p.State == Stopped && explain(p.Reason).remedy == resetInstead
}

// Hills greets good news on a small screen.
func (p StatusPage) Hills() bool { return p.State == Changed || p.State == Unlocked }

// Polling reports whether the page asks again.
func (p StatusPage) Polling() bool { return p.State == Writing || p.State == NotSure }

// Refresh is the polling of a browser without script.
func (p StatusPage) Refresh() int {
	switch p.State {
	case Writing:
		return 2
	case NotSure:
		return 10
	}
	return 0
}

// Scripts poll, and copy the support code.
func (p StatusPage) Scripts() []string {
	scripts := []string{"status.js"}
	if p.Support != "" {
		scripts = append(scripts, "copy.js")
	}
	return scripts
}

// Mark names the position that a poll sends back as after; the region is swapped only when it differs.
func (p StatusPage) Mark() string {
	switch {
	case p.State == Writing && p.Progress == AtDirectory:
		return string(p.State) + "-directory"
	case p.State == Stopped:
		return string(Failed) // nothing changed, and it is over: only the words differ
	}
	return string(p.State)
}

// Poll is the address the script asks.
func (p StatusPage) Poll() string { return "/status/" + p.ID }

// Retry is where "Try again" and "Start again" lead.
func (p StatusPage) Retry() string {
	if p.RetryURL == "" {
		return "/start"
	}
	return p.RetryURL
}

// When says the time of the outcome: "Today at 14:32." or "On 15 March at 14:32."
func (p StatusPage) When() string {
	if p.At.IsZero() || p.Location == nil {
		return ""
	}
	clock := p.Clock(p.At, p.Location)
	if p.sameDay() {
		return p.T("status.today", "Time", clock)
	}
	return p.T("status.on_day", "Moment", p.Moment(p.At, p.Location))
}

// ConfirmedAt says when Active Directory confirmed an unlock.
func (p StatusPage) ConfirmedAt() string {
	switch {
	case p.At.IsZero() || p.Location == nil:
		return ""
	case p.sameDay():
		return p.T("status.unlocked.at", "Time", p.Clock(p.At, p.Location))
	}
	return p.T("status.unlocked.on", "Moment", p.Moment(p.At, p.Location))
}

// AtText says the time alone: 14:18, with its date when that is not today.
func (p StatusPage) AtText() string {
	if p.At.IsZero() || p.Location == nil {
		return ""
	}
	if p.sameDay() {
		return p.Clock(p.At, p.Location)
	}
	return p.Moment(p.At, p.Location)
}

func (p StatusPage) sameDay() bool {
	y, m, d := p.At.In(p.Location).Date()
	ny, nm, nd := p.Now.In(p.Location).Date()
	return y == ny && m == nm && d == nd
}
