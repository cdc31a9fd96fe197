package portal

import (
	"errors"
	"net/http"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

const maxName = 256

func (v *visit) getStart() error { return v.start(http.StatusOK, StartPage{}) }

func (v *visit) getChange() error { return v.start(http.StatusOK, StartPage{Change: true}) }

// postChange begins a change: the same page with nothing to choose.
func (v *visit) postChange() error {
	if err := v.form(); err != nil {
		return err
	}
	p := StartPage{Change: true, Name: strings.TrimSpace(v.r.PostForm.Get(FieldName))}
	if v.otherLanguage() {
		return v.start(http.StatusOK, p)
	}
	return v.begin(p, protocol.Change)
}

func (v *visit) start(status int, p StartPage) error {
	set := v.tenant.Settings
	p.Frame, p.UnlockOffered, p.ExampleUPN, p.ExampleDown = v.frame, set.UnlockOnly, set.ExampleUPN, set.ExampleDown
	return v.render(status, p)
}

func (v *visit) postStart() error {
	if err := v.form(); err != nil {
		return err
	}
	p := StartPage{Name: strings.TrimSpace(v.r.PostForm.Get(FieldName)), Choice: v.r.PostForm.Get(FieldProblem)}
	if v.otherLanguage() {
		return v.start(http.StatusOK, p)
	}
	kind := protocol.Reset
	switch p.Choice {
	case ProblemForgot:
	case ProblemLocked:
		kind = protocol.Unlock
		p.NoChoice = !v.tenant.Settings.UnlockOnly
	default:
		p.Choice, p.NoChoice = "", true
	}
	return v.begin(p, kind)
}

// begin starts an attempt for what was typed on a first page, or shows the page again.
func (v *visit) begin(p StartPage, kind protocol.Operation) error {
	p.NoName = p.Name == "" || len(p.Name) > maxName
	if p.Problem() {
		if len(p.Name) > maxName {
			p.Name = ""
		}
		return v.start(http.StatusUnprocessableEntity, p)
	}
	token, a, err := v.Resets.Start(v.ctx(), v.tenant, reset.StartRequest{Typed: p.Name, Kind: kind, Address: v.address(), Locale: v.frame.Lang()})
	if err != nil {
		return err
	}
	v.remember(token)
	return v.seeOther(at(a))
}

// started returns the attempt if it is at the checks; otherwise it has sent the browser where it is.
func (v *visit) started() (a reset.Attempt, sent bool, err error) {
	a, err = v.attempt()
	if err == nil && a.State != reset.Started {
		return a, true, v.seeOther(at(a))
	}
	return a, false, err
}

func (v *visit) check(a reset.Attempt) Check {
	return Check{Number: 1, Of: 1, Unlock: a.Kind == protocol.Unlock}
}

func (v *visit) getMethod() error {
	a, sent, err := v.started()
	if err != nil || sent {
		return err
	}
	methods, err := v.Resets.Methods(v.ctx(), a)
	if err != nil {
		return err
	}
	p := MethodPage{Frame: v.frame, Check: v.check(a)}
	for _, m := range methods {
		p.Methods = append(p.Methods, Method{Kind: m.Kind, Value: m.Kind, Masked: m.Masked})
	}
	return v.render(http.StatusOK, p)
}

func (v *visit) postMethod() error {
	if err := v.form(); err != nil {
		return err
	}
	a, sent, err := v.started()
	if err != nil || sent {
		return err
	}
	if v.r.PostForm.Get(FieldMethod) != MethodMail {
		return v.seeOther("/verify/1")
	}
	// A code that was sent moments ago still works: a double click or the back button asks for no other.
	var limited *reset.LimitError
	if err := v.Resets.SendCode(v.ctx(), v.tenant, a); errors.As(err, &limited) {
		last, lastErr := v.Resets.LastCode(v.ctx(), a)
		if lastErr != nil || last.Sent.IsZero() {
			return err
		}
	} else if err != nil {
		return err
	}
	return v.seeOther("/verify/1/code")
}

func (v *visit) postResend() error {
	a, sent, err := v.started()
	if err != nil || sent {
		return err
	}
	var limited *reset.LimitError
	err = v.Resets.SendCode(v.ctx(), v.tenant, a)
	switch {
	case errors.As(err, &limited) && limited.Until.Sub(v.Now()) > verify.ResendAfter:
		return v.code(http.StatusTooManyRequests, a, CodePage{Error: CodeTooMany, Wait: limited.Until.Sub(v.Now())})
	case errors.As(err, &limited):
		return v.seeOther("/verify/1/code")
	case err != nil:
		return err
	}
	return v.seeOther("/verify/1/code?sent=1")
}

func (v *visit) getCode() error {
	a, sent, err := v.started()
	if err != nil || sent {
		return err
	}
	return v.code(http.StatusOK, a, CodePage{Resent: v.r.URL.Query().Get("sent") == "1"})
}

// code shows the code page with what the stored code tells.
func (v *visit) code(status int, a reset.Attempt, p CodePage) error {
	last, err := v.Resets.LastCode(v.ctx(), a)
	if err != nil {
		return err
	}
	if last.Sent.IsZero() {
		return v.seeOther("/verify/1")
	}
	methods, err := v.Resets.Methods(v.ctx(), a)
	if err != nil {
		return err
	}
	v.frame.Path = "/verify/1/code" // a language chosen on the answer to a form leads back to the page
	p.Frame, p.Check, p.Masked = v.frame, v.check(a), methods[0].Masked
	p.Until, p.NextSend, p.Now, p.Location = last.Expires, last.Sent.Add(verify.ResendAfter), v.Now(), v.tenant.Settings.Location()
	if p.Error == CodeTooMany && p.Wait == 0 {
		p.Wait = last.Expires.Sub(v.Now())
	}
	return v.render(status, p)
}

func (v *visit) postCode() error {
	if err := v.form(); err != nil {
		return err
	}
	a, sent, err := v.started()
	if err != nil || sent {
		return err
	}
	next, answer, err := v.Resets.CheckCode(v.ctx(), a, v.r.PostForm.Get(FieldCode))
	var limited *reset.LimitError
	switch {
	case errors.Is(err, verify.ErrNotSix):
		return v.code(http.StatusUnprocessableEntity, a, CodePage{Error: CodeShape})
	case errors.As(err, &limited):
		return v.code(http.StatusTooManyRequests, a, CodePage{Error: CodeTooMany, Wait: limited.Until.Sub(v.Now())})
	case err != nil:
		return err
	}
	switch answer.Result {
	case verify.OK:
		return v.verified(next)
	case verify.Wrong:
		return v.code(http.StatusUnprocessableEntity, a, CodePage{Error: CodeWrong, TriesLeft: answer.Remaining})
	case verify.TooMany:
		return v.code(http.StatusTooManyRequests, a, CodePage{Error: CodeTooMany})
	}
	return v.freshCode(a)
}

// freshCode replaces a code that is over or used up.
func (v *visit) freshCode(a reset.Attempt) error {
	var limited *reset.LimitError
	if err := v.Resets.SendCode(v.ctx(), v.tenant, a); errors.As(err, &limited) {
		return v.code(http.StatusTooManyRequests, a, CodePage{Error: CodeTooMany, Wait: limited.Until.Sub(v.Now())})
	} else if err != nil {
		return err
	}
	return v.code(http.StatusUnprocessableEntity, a, CodePage{Error: CodeExpired})
}

// verified goes on to the password; an unlock needs none and is on its way already.
func (v *visit) verified(a reset.Attempt) error {
	if a.Kind != protocol.Unlock {
		return v.seeOther("/password")
	}
	next, err := v.Resets.Unlock(v.ctx(), a)
	if errors.Is(err, reset.ErrState) || errors.Is(err, reset.ErrConflict) {
		return v.seeOther("/status/" + a.ID)
	}
	if err != nil {
		return err
	}
	return v.seeOther("/status/" + next.ID)
}
