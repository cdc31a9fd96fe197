package portal

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"

	"homeward/internal/directory"
	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/reset"
)

// waitKey tells the password page that the script ran into a limit, and for how many minutes it holds.
const (
	waitKey = "wait"
	maxWait = 60

	// elsewherePath is the status of no attempt: it says that a page belongs to another visit.
	elsewherePath = "/status/elsewhere"
)

func (v *visit) getPassword() error {
	a, err := v.attempt()
	if err != nil {
		return err
	}
	if at(a) != "/password" {
		return v.seeOther(at(a))
	}
	if minutes, err := strconv.Atoi(v.r.URL.Query().Get(waitKey)); err == nil && minutes > 0 && minutes <= maxWait {
		return &reset.LimitError{Until: v.Now().Add(time.Duration(minutes) * time.Minute)}
	}
	policy, err := v.Resets.Policy(v.ctx(), a)
	switch {
	case errors.Is(err, reset.ErrNoAgent):
		return v.offline(a, protocol.ReasonNoAgent)
	case passing(policy.Reason):
		return v.offline(a, policy.Reason)
	case errors.Is(err, reset.ErrOutdated):
		return v.block(a, protocol.ReasonAgentOutdated)
	case errors.Is(err, reset.ErrTurnedOff):
		return v.block(a, protocol.ReasonTurnedOff)
	case err != nil:
		return err
	case obstacle(a.Kind, policy) != protocol.ReasonNone:
		return v.block(a, obstacle(a.Kind, policy))
	case !policy.Found:
		return v.block(a, protocol.ReasonNotFound)
	}
	p := v.password(a, policy)
	if p.Blocked() && p.Refused.Reason != protocol.ReasonTooYoung { // the directory's own refusal is recorded already
		v.Resets.Refusal(v.ctx(), a, protocol.ReasonTooYoung)
	}
	return v.render(http.StatusOK, p)
}

// obstacle is why the person cannot be written in this way, known before they type. A change is made with the
// person's own rights, so what the service account may not do is no obstacle to it; what holds the person back is.
func obstacle(kind protocol.Operation, p protocol.PersonPolicy) protocol.Reason {
	if kind != protocol.Change {
		return p.Reason
	}
	switch {
	case p.Reason != protocol.ReasonNone && p.Reason != protocol.ReasonRights && p.Reason != protocol.ReasonNoPolicyHints:
		return p.Reason
	case p.Found && p.CannotChange:
		return protocol.ReasonCannotChange
	case p.Found && p.Locked:
		return protocol.ReasonLocked
	case p.Found && p.TriesLeft != nil && *p.TriesLeft <= 0:
		return protocol.ReasonLastTry
	}
	return protocol.ReasonNone
}

// fewTries is how many tries are few enough to speak of them.
const fewTries = 2

func changeOf(p protocol.PersonPolicy) *Change {
	c := &Change{Expired: p.Expired, MustChange: p.MustChange}
	if !p.NeverExpires {
		c.ExpiresAt = p.ExpiresAt.Time()
	}
	if p.TriesLeft != nil && *p.TriesLeft <= fewTries {
		c.TriesLeft = *p.TriesLeft
	}
	return c
}

func (v *visit) password(a reset.Attempt, p protocol.PersonPolicy) PasswordPage {
	page := PasswordPage{
		Frame: v.frame, Checks: len(a.Checks.Passed), Flow: v.Resets.Flow(a), Shown: a.Shown, FullName: p.DisplayName,
		Policy: Policy{
			MinLength: p.MinLength, Complexity: p.Complexity, History: p.History, MinAge: time.Duration(p.MinAge) * time.Millisecond,
			NameParts: directory.NameParts(p.SAM, p.DisplayName), Banned: v.tenant.Settings.BannedWords,
		},
		Expires: a.Expires, NotBefore: p.ChangeableAt.Time(), Now: v.Now(), Location: v.location(),
	}
	if p.MustChange { // who must change may change at once ([MS-SAMR] 3.1.1.7.1: pwdLastSet is 0)
		page.NotBefore = time.Time{}
	}
	if a.Kind == protocol.Change {
		page.Change = changeOf(p)
	}
	if a.State == reset.Refused {
		page.Refused = Refusal{Reason: a.Reason, Rule: a.Rule}
	}
	return page
}

// passing reports reasons that may be over in a moment. They do not end what the person has already proven.
func passing(r protocol.Reason) bool {
	switch r {
	case protocol.ReasonDirectoryDown, protocol.ReasonOverloaded, protocol.ReasonExpired, protocol.ReasonTimeout:
		return true
	}
	return false
}

// offline says that nobody can write just now; trying again leads back to the same step.
func (v *visit) offline(a reset.Attempt, reason protocol.Reason) error {
	v.Resets.Refusal(v.ctx(), a, reason)
	since, err := v.Since(v.ctx(), v.tenant.ID)
	if err != nil {
		return err
	}
	return v.render(http.StatusServiceUnavailable, StatusPage{
		Frame: v.frame, ID: a.ID, State: Offline, At: since, Now: v.Now(), Location: v.location(),
		Support: a.Support, RetryURL: "/password",
	})
}

func (v *visit) block(a reset.Attempt, reason protocol.Reason) error {
	next, err := v.Resets.Block(v.ctx(), a, reason)
	if err != nil {
		return err
	}
	return v.seeOther("/status/" + next.ID)
}

// flow returns the attempt if the request carries its flow token as well.
func (v *visit) flow() (reset.Attempt, error) {
	if err := v.form(); err != nil {
		return reset.Attempt{}, err
	}
	a, err := v.attempt()
	if err != nil {
		return a, err
	}
	switch own, fresh := v.Resets.OfVisit(a, v.r.PostForm.Get("flow")); {
	case !own:
		return a, reset.ErrNoSession
	case !fresh:
		return a, errStale
	}
	return a, nil
}

func (v *visit) postTicket() error {
	a, err := v.flow()
	if err != nil {
		return v.away(a, err)
	}
	t, err := v.Resets.Ticket(v.ctx(), a)
	if errors.Is(err, reset.ErrNoAgent) || errors.Is(err, reset.ErrOutdated) || errors.Is(err, reset.ErrTurnedOff) {
		return v.json(http.StatusOK, redirect{"/password"}) // which says so, and lets them try again
	}
	if err != nil {
		return v.away(a, err)
	}
	return v.json(http.StatusOK, struct {
		Request string `json:"request"`
		Header  []byte `json:"header"`
		Key     []byte `json:"key"`
	}{t.Request, t.Header, t.SealKey})
}

// postExtend gives the person on the page the full time again.
func (v *visit) postExtend() error {
	a, err := v.flow()
	if err == nil {
		a, err = v.Resets.Extend(v.ctx(), a)
	}
	if err != nil {
		return v.away(a, err)
	}
	return v.json(http.StatusOK, map[string]int{"seconds": int(a.Expires.Sub(v.Now()) / time.Second)})
}

type redirect struct {
	Redirect string `json:"redirect"`
}

// errStale reports a page that hasn't seen what became of what it sent.
var errStale = errors.New("the page is from before the last outcome")

// away sends a script to the page that says where the attempt stands.
func (v *visit) away(a reset.Attempt, err error) error {
	if errors.Is(err, reset.ErrNoSession) && a.ID != "" && at(a) != "/password" { // another tab has begun something else
		return v.json(http.StatusOK, redirect{elsewherePath})
	}
	if errors.Is(err, errStale) {
		return v.json(http.StatusOK, redirect{at(a)})
	}
	if a.ID == "" || errors.Is(err, reset.ErrNoSession) || errors.Is(err, reset.ErrExpired) {
		return v.json(http.StatusOK, redirect{"/password"})
	}
	if limited, ok := errors.AsType[*reset.LimitError](err); ok {
		wait := limited.Until.Sub(v.Now())
		return v.json(http.StatusOK, redirect{"/password?" + waitKey + "=" + strconv.Itoa(min(int(wait/time.Minute)+1, maxWait))})
	}
	if errors.Is(err, reset.ErrUnderWay) { // the person stays where they are, with what they typed
		return v.json(http.StatusOK, map[string]bool{"busy": true})
	}
	if errors.Is(err, reset.ErrState) || errors.Is(err, reset.ErrConflict) || errors.Is(err, reset.ErrTooMany) {
		return v.json(http.StatusOK, redirect{"/status/" + a.ID})
	}
	return err
}

func (v *visit) postPassword() error {
	a, err := v.flow()
	if err != nil {
		return v.away(a, err)
	}
	sealed, err := base64.StdEncoding.DecodeString(v.r.PostForm.Get("sealed"))
	if err != nil {
		return errors.Join(errForm, err)
	}
	next, again, err := v.Resets.Submit(v.ctx(), a, v.r.PostForm.Get("request"), sealed)
	switch {
	case errors.Is(err, seal.ErrMalformed):
		return errors.Join(errForm, err)
	case err != nil:
		return v.away(a, err)
	case again:
		return v.json(http.StatusOK, map[string]bool{"again": true})
	}
	return v.json(http.StatusOK, redirect{"/status/" + next.ID})
}
