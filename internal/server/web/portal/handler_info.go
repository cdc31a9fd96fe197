package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

// infoRoutes are the security info's.
func (s *Site) infoRoutes(mux *http.ServeMux) {
	mux.Handle("GET "+infoPath, s.page((*visit).getInfo))
	mux.Handle("POST "+infoPath, s.page((*visit).postInfo))
	mux.Handle("GET "+infoAddPath, s.page((*visit).getInfoAdd))
	mux.Handle("POST "+infoAddPath, s.page((*visit).postInfoAdd))
	mux.Handle("GET "+infoAddPath+"/passkey", s.page((*visit).getPasskey))
	mux.Handle("POST "+infoAddPath+"/passkey", s.page((*visit).postPasskey))
	mux.Handle("GET "+infoAddPath+"/questions", s.page((*visit).getQuestions))
	mux.Handle("POST "+infoAddPath+"/questions", s.page((*visit).postQuestions))
	mux.Handle("GET "+infoAddPath+"/{kind}", s.page((*visit).getDestination))
	mux.Handle("POST "+infoAddPath+"/{kind}", s.page((*visit).postDestination))
	mux.Handle("GET "+infoPath+"/change/{id}", s.page((*visit).getDestination))
	mux.Handle("POST "+infoPath+"/change/{id}", s.page((*visit).postDestination))
	mux.Handle("GET "+infoPath+"/new/{id}", s.page((*visit).getPending))
	mux.Handle("POST "+infoPath+"/new/{id}", s.page((*visit).postPending))
	mux.Handle("POST "+infoPath+"/new/{id}/resend", s.page((*visit).postPendingResend))
	mux.Handle("GET "+infoPath+"/remove/{id}", s.page((*visit).getRemove))
	mux.Handle("POST "+infoPath+"/remove/{id}", s.page((*visit).postRemove))
	mux.Handle("POST "+infoPath+"/review", s.page((*visit).postReview))
	mux.Handle("POST "+registerPath, s.page((*visit).postRegister))
	mux.Handle("POST "+signOutPath, s.page((*visit).postSignOut))
}

// signedIn returns the attempt of somebody who has proven who they are for their security info; otherwise it has sent
// the browser where it is, or to the page that asks for the name.
func (v *visit) signedIn() (a reset.Attempt, sent bool, err error) {
	a, err = v.attempt()
	switch {
	case errors.Is(err, reset.ErrNoSession), errors.Is(err, reset.ErrExpired), err == nil && a.Kind != reset.Register:
		return a, true, v.seeOther(infoPath)
	case err != nil:
		return a, false, err
	case a.State != reset.Verified:
		return a, true, v.seeOther(at(a))
	}
	v.frame.SignOut = true
	return a, false, nil
}

func (v *visit) getInfo() error {
	a, err := v.attempt()
	switch {
	case errors.Is(err, reset.ErrNoSession), errors.Is(err, reset.ErrExpired), err == nil && (a.Kind != reset.Register || a.State != reset.Verified):
		return v.start(http.StatusOK, StartPage{Info: true})
	case err != nil:
		return err
	}
	v.frame.SignOut = true
	o, err := v.Registration.Overview(v.ctx(), v.tenant, a)
	if err != nil {
		return err
	}
	return v.infoList(o)
}

// postInfo begins to sign in: the same checks as for a new password.
func (v *visit) postInfo() error {
	if err := v.form(); err != nil {
		return err
	}
	p := StartPage{Info: true, Name: strings.TrimSpace(v.r.PostForm.Get(FieldName))}
	if v.otherLanguage() {
		return v.start(http.StatusOK, p)
	}
	return v.begin(p, reset.Register)
}

func (v *visit) getInfoAdd() error {
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	o, err := v.Registration.Overview(v.ctx(), v.tenant, a)
	if err != nil {
		return err
	}
	p := InfoAddPage{Frame: v.frame}
	for _, k := range o.Addable {
		p.Kinds = append(p.Kinds, string(k))
	}
	return v.render(http.StatusOK, p)
}

func (v *visit) postInfoAdd() error {
	if err := v.form(); err != nil {
		return err
	}
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	switch kind := verify.Kind(v.r.PostForm.Get(FieldMethod)); kind {
	case verify.Mail, verify.Text, verify.Passkey, verify.Questions:
		return v.seeOther(infoAddPath + "/" + string(kind))
	case verify.App:
		m, err := v.Registration.Begin(v.ctx(), v.tenant, a, kind, "", "")
		if err != nil {
			return v.infoError(err)
		}
		return v.seeOther(infoPath + "/new/" + m.ID)
	}
	return v.seeOther(infoAddPath)
}

// infoError leads back to the list where somebody asked for what isn't theirs or isn't allowed any more.
func (v *visit) infoError(err error) error {
	switch {
	case errors.Is(err, registration.ErrNoMethod), errors.Is(err, registration.ErrNotAllowed), errors.Is(err, registration.ErrFull):
		return v.seeOther(infoPath)
	}
	return err
}

// destination is the page for the request's kind, or for the method that is to be replaced.
func (v *visit) destination(a reset.Attempt) (p InfoDestinationPage, replaces string, err error) {
	p = InfoDestinationPage{Frame: v.frame, Action: v.r.URL.Path, Kind: v.r.PathValue("kind")}
	if id := v.r.PathValue("id"); id != "" {
		m, err := v.Registration.Method(v.ctx(), a, id)
		if err != nil {
			return p, "", err
		}
		p.Kind, p.Replaced, p.RemoveURL, replaces = string(m.Kind), m.Masked, infoPath+"/remove/"+m.ID, m.ID
	}
	if p.Kind != MethodMail && p.Kind != MethodText {
		return p, "", registration.ErrNoMethod
	}
	return p, replaces, nil
}

func (v *visit) getDestination() error {
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	p, _, err := v.destination(a)
	if err != nil {
		return v.infoError(err)
	}
	return v.render(http.StatusOK, p)
}

func (v *visit) postDestination() error {
	if err := v.form(); err != nil {
		return err
	}
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	p, replaces, err := v.destination(a)
	if err != nil {
		return v.infoError(err)
	}
	p.Typed = strings.TrimSpace(v.r.PostForm.Get(FieldDestination))
	m, err := v.Registration.Begin(v.ctx(), v.tenant, a, verify.Kind(p.Kind), p.Typed, replaces)
	switch {
	case errors.Is(err, registration.ErrDestination):
		p.Error = DestinationShape
	case errors.Is(err, registration.ErrTaken):
		p.Error = DestinationTaken
	case err != nil:
		return v.infoError(err)
	default:
		to := infoPath + "/new/" + m.ID
		if replaces != "" {
			to += "?" + url.Values{FieldReplaces: {replaces}}.Encode()
		}
		return v.seeOther(to)
	}
	if len(p.Typed) > maxName {
		p.Typed = ""
	}
	return v.render(http.StatusUnprocessableEntity, p)
}

// pending returns the method that is being registered; otherwise it has led back to the list.
func (v *visit) pending() (a reset.Attempt, m verify.Method, sent bool, err error) {
	a, sent, err = v.signedIn()
	if err != nil || sent {
		return a, m, sent, err
	}
	m, err = v.Registration.Method(v.ctx(), a, v.r.PathValue("id"))
	if errors.Is(err, registration.ErrNoMethod) || err == nil && !m.Confirmed.IsZero() {
		return a, m, true, v.seeOther(infoPath)
	}
	return a, m, false, err
}

func (v *visit) getPending() error {
	a, m, sent, err := v.pending()
	if err != nil || sent {
		return err
	}
	return v.showPending(http.StatusOK, a, m, CodePage{Resent: v.r.URL.Query().Get("sent") == "1"})
}

// here is the address of a method that is being registered, with what it replaces; after is put behind the path.
func (v *visit) here(m verify.Method, after string) string {
	to := infoPath + "/new/" + m.ID + after
	if replaces := v.r.URL.Query().Get(FieldReplaces); replaces != "" {
		to += "?" + url.Values{FieldReplaces: {replaces}}.Encode()
	}
	return to
}

// showPending shows an app its key, or asks for the code that was sent.
func (v *visit) showPending(status int, a reset.Attempt, m verify.Method, p CodePage) error {
	if m.Kind == verify.App {
		return v.render(status, InfoAppPage{
			Frame: v.frame, Action: v.here(m, ""), URL: verify.SeedURL(m.Secret, v.tenant.Name, a.Shown), Key: verify.SeedText(m.Secret),
			Error: p.Error, Wait: p.Wait,
		})
	}
	last, err := v.Registration.Sent(v.ctx(), a, m)
	if err != nil {
		return err
	}
	p.Frame, p.Method = v.frame, Method{Kind: string(m.Kind), Masked: m.Masked}
	p.Action, p.ResendAction, p.AnotherURL, p.Registering = v.here(m, ""), v.here(m, "/resend"), infoPath, true
	p.Now, p.Location = v.Now(), v.location()
	if !last.Sent.IsZero() {
		p.Until, p.NextSend = last.Expires, last.Sent.Add(verify.ResendAfter)
	}
	if p.Error == CodeTooMany && p.Wait == 0 {
		p.Wait = max(last.Expires.Sub(v.Now()), 0)
	}
	return v.render(status, p)
}

func (v *visit) postPending() error {
	if err := v.form(); err != nil {
		return err
	}
	a, m, sent, err := v.pending()
	if err != nil || sent {
		return err
	}
	replaces := v.r.URL.Query().Get(FieldReplaces)
	answer, err := v.Registration.Confirm(v.ctx(), v.tenant, a, m.ID, v.r.PostForm.Get(FieldCode), replaces)
	var limited *reset.LimitError
	switch {
	case errors.Is(err, verify.ErrNotSix):
		return v.showPending(http.StatusUnprocessableEntity, a, m, CodePage{Error: CodeShape})
	case errors.As(err, &limited):
		return v.showPending(http.StatusTooManyRequests, a, m, CodePage{Error: CodeTooMany, Wait: limited.Until.Sub(v.Now())})
	case err != nil:
		return v.infoError(err)
	}
	switch answer.Result {
	case verify.OK:
		done := registration.Added
		if replaces != "" {
			done = registration.Changed
		}
		return v.seeOther(infoPath + "?done=" + done)
	case verify.Wrong:
		return v.showPending(http.StatusUnprocessableEntity, a, m, CodePage{Error: CodeWrong, TriesLeft: answer.Remaining})
	case verify.TooMany:
		return v.showPending(http.StatusTooManyRequests, a, m, CodePage{Error: CodeTooMany})
	}
	if err := v.Registration.Send(v.ctx(), v.tenant, a, m); err != nil {
		return err
	}
	return v.showPending(http.StatusUnprocessableEntity, a, m, CodePage{Error: CodeExpired})
}

func (v *visit) postPendingResend() error {
	a, m, sent, err := v.pending()
	if err != nil || sent {
		return err
	}
	var limited *reset.LimitError
	err = v.Registration.Send(v.ctx(), v.tenant, a, m)
	switch {
	case errors.As(err, &limited) && limited.Until.Sub(v.Now()) > verify.ResendAfter:
		return v.showPending(http.StatusTooManyRequests, a, m, CodePage{Error: CodeTooMany, Wait: limited.Until.Sub(v.Now())})
	case errors.As(err, &limited):
		return v.seeOther(v.here(m, ""))
	case err != nil:
		return err
	}
	q := url.Values{"sent": {"1"}}
	if replaces := v.r.URL.Query().Get(FieldReplaces); replaces != "" {
		q.Set(FieldReplaces, replaces)
	}
	return v.seeOther(infoPath + "/new/" + m.ID + "?" + q.Encode())
}

func (v *visit) getPasskey() error {
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	return v.createPasskey(http.StatusOK, a, false)
}

func (v *visit) createPasskey(status int, a reset.Attempt, stopped bool) error {
	options, err := v.Registration.Invitation(v.ctx(), v.tenant, a)
	if err != nil {
		return v.infoError(err)
	}
	return v.render(status, PasskeyPage{
		Frame: v.frame, Create: true, Action: infoAddPath + "/passkey", Options: string(options), AnotherURL: infoPath, Stopped: stopped,
	})
}

func (v *visit) postPasskey() error {
	if err := v.form(); err != nil {
		return err
	}
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	err = v.Registration.AddPasskey(v.ctx(), v.tenant, a, v.r.PostForm.Get(FieldPasskey))
	if errors.Is(err, verify.ErrPasskey) {
		return v.createPasskey(http.StatusUnprocessableEntity, a, true)
	}
	if err != nil {
		return v.infoError(err)
	}
	return v.seeOther(infoPath + "?done=" + registration.Added)
}

func (v *visit) getRemove() error {
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	m, err := v.Registration.Method(v.ctx(), a, v.r.PathValue("id"))
	if err != nil {
		return v.infoError(err)
	}
	return v.render(http.StatusOK, InfoRemovePage{Frame: v.frame, Item: InfoItem{ID: m.ID, Kind: string(m.Kind), Masked: m.Masked}, Action: v.r.URL.Path})
}

func (v *visit) postRemove() error {
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	if err := v.Registration.Remove(v.ctx(), v.tenant, a, v.r.PathValue("id")); err != nil {
		return v.infoError(err)
	}
	return v.seeOther(infoPath + "?done=" + registration.Removed)
}

func (v *visit) postReview() error {
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	if err := v.Registration.Review(v.ctx(), a); err != nil {
		return err
	}
	return v.seeOther(infoPath + "?done=reviewed")
}

// postSignOut ends the visit in the store and in the browser: the session's token is worthless afterwards.
func (v *visit) postSignOut() error {
	a, err := v.attempt()
	if err == nil && a.Kind == reset.Register {
		err = v.Resets.End(v.ctx(), a)
	}
	if err != nil && !errors.Is(err, reset.ErrNoSession) && !errors.Is(err, reset.ErrExpired) {
		return err
	}
	http.SetCookie(v.w, &http.Cookie{Name: sessionCookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: -1})
	return v.seeOther(infoPath)
}
