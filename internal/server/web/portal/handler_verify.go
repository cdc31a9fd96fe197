package portal

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

const (
	maxName = 256

	// verifyPath is where one check is chosen; n counts them from 1.
	verifyPath = "/verify/{n}"
)

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
	p.Checks = set.Checks.Need(false)
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

// started returns the attempt if it is at this page's check; otherwise it has sent the browser where it is.
func (v *visit) started() (a reset.Attempt, sent bool, err error) {
	a, err = v.attempt()
	if err == nil && (a.State != reset.Started || v.r.PathValue("n") != strconv.Itoa(len(a.Checks.Passed)+1)) {
		return a, true, v.seeOther(at(a))
	}
	return a, false, err
}

func (v *visit) check(a reset.Attempt) (Check, error) {
	number, of, err := v.Resets.Progress(v.ctx(), a)
	return Check{Number: number, Of: of, Unlock: a.Kind == protocol.Unlock, Info: a.Kind == reset.Register}, err
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
	check, err := v.check(a)
	if err != nil {
		return err
	}
	p := MethodPage{Frame: v.frame, Check: check, Action: at(a), Pass: !v.tenant.Settings.Checks.PassOff && !slices.Contains(a.Checks.Passed, verify.Pass)}
	for _, m := range methods {
		p.Methods = append(p.Methods, Method{Kind: m.Kind, Value: m.Value, Masked: m.Masked, Count: m.Count})
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
	a, err = v.Resets.Choose(v.ctx(), v.tenant, a, v.r.PostForm.Get(FieldMethod))
	var limited *reset.LimitError
	switch {
	case errors.Is(err, reset.ErrNoMethod), errors.Is(err, reset.ErrConflict):
		return v.seeOther(at(a))
	case errors.As(err, &limited):
		// A code that was sent moments ago still works: a double click or the back button asks for no other.
		last, lastErr := v.Resets.LastCode(v.ctx(), a)
		if lastErr != nil || last.Sent.IsZero() {
			return err
		}
	case err != nil:
		return err
	}
	return v.seeOther(at(a) + "/code")
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
		return v.seeOther(at(a) + "/code")
	case errors.Is(err, reset.ErrNoMethod):
		return v.seeOther(at(a))
	case err != nil:
		return err
	}
	return v.seeOther(at(a) + "/code?sent=1")
}

func (v *visit) getCode() error {
	a, sent, err := v.started()
	if err != nil || sent {
		return err
	}
	return v.code(http.StatusOK, a, CodePage{Resent: v.r.URL.Query().Get("sent") == "1"})
}

// code shows the page of the chosen check's code with what is stored of it.
func (v *visit) code(status int, a reset.Attempt, p CodePage) error {
	chosen, err := v.Resets.Chosen(v.ctx(), a)
	if errors.Is(err, reset.ErrNoMethod) {
		return v.seeOther(at(a))
	}
	if err != nil {
		return err
	}
	if chosen.Kind == MethodPasskey {
		return v.passkey(status, a, PasskeyPage{Stopped: p.Error == CodeWrong || p.Error == CodeShape, TooMany: p.Error == CodeTooMany})
	}
	if chosen.Kind == MethodQuestions {
		return v.questions(status, a, QuestionsPage{})
	}
	p.Method = Method{Kind: chosen.Kind, Value: chosen.Value, Masked: chosen.Masked, Count: chosen.Count}
	if p.Check, err = v.check(a); err != nil {
		return err
	}
	if p.Sent() {
		last, err := v.Resets.LastCode(v.ctx(), a)
		if err != nil {
			return err
		}
		if last.Sent.IsZero() {
			return v.seeOther(at(a))
		}
		p.Until, p.NextSend = last.Expires, last.Sent.Add(verify.ResendAfter)
		if p.Error == CodeTooMany && p.Wait == 0 {
			p.Wait = last.Expires.Sub(v.Now())
		}
	}
	methods, err := v.Resets.Methods(v.ctx(), a)
	if err != nil {
		return err
	}
	if len(methods) > 1 || chosen.Kind == MethodPass {
		p.AnotherURL = at(a)
	}
	v.frame.Path = at(a) + "/code" // a language chosen on the answer to a form leads back to the page
	p.Frame, p.Action, p.ResendAction = v.frame, at(a)+"/code", at(a)+"/resend"
	p.Now, p.Location = v.Now(), v.location()
	return v.render(status, p)
}

// questions asks those that are drawn.
func (v *visit) questions(status int, a reset.Attempt, p QuestionsPage) error {
	asked, err := v.Resets.Questions(v.ctx(), a)
	if err != nil {
		return err
	}
	if p.Check, err = v.check(a); err != nil {
		return err
	}
	v.frame.Path = at(a) + "/code"
	p.Frame, p.Asked, p.Action, p.AnotherURL = v.frame, asked, at(a)+"/code", at(a)
	return v.render(status, p)
}

func (v *visit) postAnswers(a reset.Attempt) error {
	answers := make([]string, v.tenant.Settings.Checks.Asked())
	for i := range answers {
		answers[i] = v.r.PostForm.Get(FieldAnswer + strconv.Itoa(i+1))
	}
	next, answer, err := v.Resets.CheckAnswers(v.ctx(), a, answers)
	var limited *reset.LimitError
	switch {
	case errors.As(err, &limited):
		return v.questions(http.StatusTooManyRequests, a, QuestionsPage{Error: QuestionsTooMany})
	case errors.Is(err, reset.ErrNoMethod):
		return v.seeOther(at(a))
	case err != nil:
		return err
	case answer.Result == verify.OK:
		v.Resets.Passed(a, next, v.r.PostForm.Encode())
		return v.passed(next)
	}
	return v.questions(http.StatusUnprocessableEntity, next, QuestionsPage{Error: QuestionsWrong})
}

// passkey asks the browser for a passkey; the question is the same whoever it is.
func (v *visit) passkey(status int, a reset.Attempt, p PasskeyPage) error {
	question, err := v.Resets.PasskeyQuestion(a)
	if err != nil {
		return err
	}
	if p.Check, err = v.check(a); err != nil {
		return err
	}
	v.frame.Path = at(a) + "/code"
	p.Frame, p.Options, p.Action, p.AnotherURL = v.frame, string(question), at(a)+"/code", at(a)
	return v.render(status, p)
}

func (v *visit) postCode() error {
	if err := v.form(); err != nil {
		return err
	}
	a, sent, err := v.started()
	if errors.Is(err, reset.ErrNoSession) {
		return v.again(err)
	}
	if err != nil || sent {
		return err
	}
	if a.Checks.Choice == MethodQuestions {
		return v.postAnswers(a)
	}
	next, answer, err := v.Resets.CheckCode(v.ctx(), a, v.r.PostForm.Get(FieldCode))
	var limited *reset.LimitError
	switch {
	case errors.Is(err, verify.ErrNotSix), errors.Is(err, verify.ErrNotPass):
		return v.code(http.StatusUnprocessableEntity, a, CodePage{Error: CodeShape})
	case errors.As(err, &limited):
		return v.code(http.StatusTooManyRequests, a, CodePage{Error: CodeTooMany, Wait: limited.Until.Sub(v.Now())})
	case errors.Is(err, reset.ErrNoMethod):
		return v.seeOther(at(a))
	case errors.Is(err, reset.ErrConflict), errors.Is(err, reset.ErrState):
		return v.again(err)
	case err != nil:
		return err
	}
	switch answer.Result {
	case verify.OK:
		v.Resets.Passed(a, next, v.r.PostForm.Encode())
		return v.passed(next)
	case verify.Wrong:
		return v.code(http.StatusUnprocessableEntity, a, CodePage{Error: CodeWrong, TriesLeft: answer.Remaining})
	case verify.TooMany:
		return v.code(http.StatusTooManyRequests, a, CodePage{Error: CodeTooMany})
	}
	return v.freshCode(a)
}

// again answers the second half of a double click as the first was; for anything else it is the error.
func (v *visit) again(err error) error {
	c, missing := v.r.Cookie(sessionCookie)
	if missing != nil {
		return err
	}
	a, ok := v.Resets.Again(v.ctx(), v.tenant.ID, c.Value, v.r.PostForm.Encode())
	if !ok {
		return err
	}
	return v.passed(v.Resets.Recognise(a, v.known()))
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

// passed goes on to the next check, or to the password; an unlock needs none and is on its way already.
func (v *visit) passed(a reset.Attempt) error {
	v.remember(a.Token)
	v.recognise(a)
	if a.State != reset.Verified || a.Kind != protocol.Unlock {
		return v.seeOther(at(a))
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
