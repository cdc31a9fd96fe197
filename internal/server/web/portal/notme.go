package portal

import (
	"errors"
	"net/http"
	"time"

	"homeward/internal/server/objection"
)

// FieldProof is the hidden field of the form that says "this wasn't me".
const FieldProof = "proof"

// NotMePage is where the link of a message leads that told of a change: GET and POST /not-me/{token}. Showing it does
// nothing.
type NotMePage struct {
	Frame
	At       time.Time // when what the message told of happened
	Location *time.Location
	Proof    string // the form's
	Done     bool   // self-service is stopped
	Over     bool   // the link works no more
}

// Template names the page's file.
func (NotMePage) Template() string { return "not_me" }

// Title is the page's one h1.
func (p NotMePage) Title() string {
	switch {
	case p.Over:
		return p.T("not_me.over.title")
	case p.Done:
		return p.T("not_me.done.title")
	}
	return p.T("not_me.title")
}

// Lead says what it is about.
func (p NotMePage) Lead() string {
	switch {
	case p.Over:
		return p.T("not_me.over.text")
	case p.Done:
		return p.T("not_me.done.text")
	}
	return p.T("not_me.lead", "Name", p.TenantName, "Moment", p.Moment(p.At, p.Location))
}

// notMeRoutes are those of the links in messages.
func (s *Site) notMeRoutes(mux *http.ServeMux) {
	mux.Handle("GET "+objection.Path+"{token}", s.page((*visit).getNotMe))
	mux.Handle("POST "+objection.Path+"{token}", s.page((*visit).postNotMe))
}

func (v *visit) getNotMe() error {
	view, err := v.Objections.Open(v.ctx(), v.tenant.ID, v.r.PathValue("token"))
	p := NotMePage{Frame: v.frame, At: view.At, Location: v.location(), Proof: view.Proof, Done: view.Done}
	if errors.Is(err, objection.ErrNoLink) {
		p.Over = true
		return v.render(http.StatusGone, p)
	}
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, p)
}

// postNotMe stops the account's self-service. What isn't the page's form leads to the page.
func (v *visit) postNotMe() error {
	if err := v.form(); err != nil {
		return err
	}
	token := v.r.PathValue("token")
	err := v.Objections.Object(v.ctx(), v.tenant.ID, token, v.r.PostForm.Get(FieldProof))
	if err != nil && !errors.Is(err, objection.ErrNoLink) && !errors.Is(err, objection.ErrPage) {
		return err
	}
	return v.seeOther(objection.Path + token)
}
