package portal

import (
	"errors"
	"net/http"

	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
)

const (
	// listKey asks for the list in place of an interruption.
	listKey      = "list"
	registerPath = infoPath + "/register"
)

// InfoInterruptPage stands before the list of the security info, when something is missing or a review is due: GET
// /security-info.
type InfoInterruptPage struct {
	InfoPage
	Missing int      // kinds that are asked for; 0: a review is due
	Kinds   []string // that can be added
}

// Template names the page's file.
func (InfoInterruptPage) Template() string { return "info_interrupt" }

// Title is the page's one h1.
func (p InfoInterruptPage) Title() string {
	if p.Missing > 0 {
		return p.T("info.required.title")
	}
	return p.T("info.review.title")
}

// Lead says what is asked for.
func (p InfoInterruptPage) Lead() string {
	if p.Missing > 0 {
		return p.T("info.required.lead", "N", p.Missing, "Name", p.TenantName)
	}
	return p.T("info.review.lead")
}

// Wide is for the list.
func (InfoInterruptPage) Wide() bool { return false }

// Choices gives each kind that can be added its words.
func (p InfoInterruptPage) Choices() []MethodRow {
	return InfoAddPage{Frame: p.Frame, Kinds: p.Kinds}.Rows()
}

// interruption is the page that stands before the list, if one does.
func (v *visit) interruption(o registration.Overview, list InfoPage) (p InfoInterruptPage, stands bool) {
	if v.r.URL.Query().Has(listKey) || list.Done == registration.Removed {
		return p, false
	}
	p = InfoInterruptPage{InfoPage: list, Missing: o.Missing()}
	for _, k := range o.Addable {
		p.Kinds = append(p.Kinds, string(k))
	}
	return p, p.Missing > 0 || o.Due
}

// postRegister leads from a good outcome to the security info, without another check.
func (v *visit) postRegister() error {
	a, err := v.attempt()
	if err != nil {
		return err
	}
	token, _, err := v.Resets.Register(v.ctx(), a)
	if errors.Is(err, reset.ErrState) || errors.Is(err, reset.ErrExpired) {
		return v.seeOther(infoPath) // which asks who they are
	}
	if err != nil {
		return err
	}
	v.remember(token)
	return v.seeOther(infoPath)
}

// next says what the person is asked to do for their security info after a good outcome. It never keeps them from that.
func (v *visit) next(person string) Next {
	o, err := v.Registration.Standing(v.ctx(), v.tenant, person)
	switch {
	case err != nil:
		v.Log.Warn("security info couldn't be looked at", "route", v.r.Pattern, "error", err)
	case o.Missing() > 0:
		return NextRegister
	case o.Due:
		return NextReview
	}
	return NextNothing
}

// infoList is the list of the security info, with what comes before it.
func (v *visit) infoList(o registration.Overview) error {
	p := InfoPage{
		Frame: v.frame, Need: o.Need, Usable: o.Usable, Reviewed: o.Reviewed, Due: o.Due, CanAdd: len(o.Addable) > 0,
		Done: v.r.URL.Query().Get("done"), Location: v.location(),
	}
	for _, i := range o.Items {
		p.Items = append(p.Items, InfoItem{ID: i.ID, Kind: string(i.Kind), Masked: i.Masked, Added: i.Added, Directory: i.Directory})
	}
	if before, stands := v.interruption(o, p); stands {
		return v.render(http.StatusOK, before)
	}
	return v.render(http.StatusOK, p)
}
