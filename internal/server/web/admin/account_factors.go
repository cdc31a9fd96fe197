package admin

import (
	"errors"
	"net/http"

	"homeward/internal/server/operator"
	"homeward/internal/server/verify"
)

const (
	passkeysPath = accountPath + "/passkeys"
	appPath      = accountPath + "/app"
	recoveryPath = accountPath + "/recovery"
	linkPath     = accountPath + "/provider"
)

func factorRoutes() []route {
	return []route{
		{"GET " + accountPath, operator.Account, (*visit).getAccount},
		{"GET " + confirmPath, operator.Account, (*visit).getConfirm},
		{"POST " + confirmPath, operator.Account, (*visit).postConfirm},
		{"GET " + passkeysPath, operator.Account, (*visit).getNewPasskey},
		{"POST " + passkeysPath, operator.Account, (*visit).postNewPasskey},
		{"POST " + passkeysPath + "/rename", operator.Account, (*visit).postRenamePasskey},
		{"POST " + passkeysPath + "/remove", operator.Account, (*visit).postRemovePasskey},
		{"GET " + appPath, operator.Account, (*visit).getApp},
		{"POST " + appPath, operator.Account, (*visit).postApp},
		{"POST " + appPath + "/remove", operator.Account, (*visit).postRemoveApp},
		{"POST " + recoveryPath, operator.Account, (*visit).postRecovery},
		{"GET " + linkPath, operator.Account, (*visit).getLink},
		{"POST " + linkPath + "/remove", operator.Account, (*visit).postUnlink},
	}
}

// NewPasskeyPage has the browser make a passkey: GET and POST /admin/account/passkeys.
type NewPasskeyPage struct {
	Frame

	Name           string
	Token, Options string // empty where passkeys can't work
	Problems       Problems
}

// Template names the page's file.
func (NewPasskeyPage) Template() string { return "passkey" }

// Title is the page's one h1.
func (p NewPasskeyPage) Title() string { return p.T("passkey.create.title") }

// Crumbs lead to the page.
func (p NewPasskeyPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.account.title"), accountPath}, {p.Title(), ""}}
}

// Problem reports whether the last try led nowhere.
func (p NewPasskeyPage) Problem() bool { return len(p.Problems) > 0 }

// Scripts talk to the browser's passkeys.
func (p NewPasskeyPage) Scripts() []string { return withPasskeys(p.Frame, p.Options) }

// Most is how long a name is.
func (NewPasskeyPage) Most() int { return operator.MaxFactorName }

func (v *visit) newPasskey(status int, name string, problems Problems) error {
	token, options, err := v.Operators.Invitation(v.ctx(), v.by, v.session)
	if errors.Is(err, operator.ErrPasskeys) {
		return v.accountAgain("factors", v.frame.T("admin.account.passkeys.many", "Most", operator.MaxPasskeys))
	}
	if err != nil {
		return err
	}
	p := NewPasskeyPage{Frame: v.frame, Name: name, Token: token, Options: string(options), Problems: problems}
	p.Path, p.Poll = passkeysPath, ""
	return v.render(status, p)
}

func (v *visit) getNewPasskey() error { return v.newPasskey(http.StatusOK, "", nil) }

func (v *visit) postNewPasskey() error {
	if err := v.form(); err != nil {
		return err
	}
	f := v.r.PostForm
	err := v.Operators.AddPasskey(v.ctx(), v.by, v.session, f.Get("token"), f.Get("name"), f.Get("code"))
	switch {
	case errors.Is(err, operator.ErrFactorName):
		return v.newPasskey(http.StatusUnprocessableEntity, v.typed("name"), Problems{{"name", v.frame.T("admin.account.passkey.name.wrong", "Most", operator.MaxFactorName)}})
	case errors.Is(err, verify.ErrPasskey), errors.Is(err, operator.ErrStale):
		return v.newPasskey(http.StatusUnprocessableEntity, v.typed("name"), Problems{{"use", v.frame.T("admin.account.passkey.not")}})
	case errors.Is(err, operator.ErrPasskeys):
		return v.accountAgain("factors", v.frame.T("admin.account.passkeys.many", "Most", operator.MaxPasskeys))
	case err != nil:
		return err
	}
	return v.seeOther(accountPath + "?done=added")
}

func (v *visit) postRenamePasskey() error {
	if err := v.form(); err != nil {
		return err
	}
	id := v.typed("passkey")
	err := v.Operators.RenamePasskey(v.ctx(), v.by, id, v.typed("name"))
	switch {
	case errors.Is(err, operator.ErrFactorName):
		return v.accountAgain("name-"+id, v.frame.T("admin.account.passkey.name.wrong", "Most", operator.MaxFactorName))
	case errors.Is(err, operator.ErrNotFound):
		return errNoPage
	case err != nil:
		return err
	}
	return v.seeOther(accountPath + "?done=renamed")
}

func (v *visit) postRemovePasskey() error {
	if err := v.form(); err != nil {
		return err
	}
	err := v.Operators.RemovePasskey(v.ctx(), v.by, v.session, v.typed("passkey"))
	switch {
	case errors.Is(err, operator.ErrOnly):
		return v.accountAgain("factors", v.frame.T("admin.account.only"))
	case errors.Is(err, operator.ErrNotFound): // gone already: that is what was wanted
	case err != nil:
		return err
	}
	return v.seeOther(accountPath + "?done=removed")
}

// AppPage sets up an authenticator app for somebody who is signed in: GET and POST /admin/account/app.
type AppPage struct {
	Frame

	Pending  operator.Pending
	Problems Problems
}

// Template names the page's file.
func (AppPage) Template() string { return "app" }

// Title is the page's one h1.
func (p AppPage) Title() string { return p.T("admin.account.app.title") }

// Crumbs lead to the page.
func (p AppPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.account.title"), accountPath}, {p.Title(), ""}}
}

// Problem reports whether something is wrong with what was typed.
func (p AppPage) Problem() bool { return len(p.Problems) > 0 }

// Secret is the app's secret as people type it.
func (p AppPage) Secret() string { return grouped(p.Pending.Secret) }

// Picture is the secret as an app reads it.
func (p AppPage) Picture() *Picture { return pictured(p.Pending.Address) }

func (v *visit) app(status int, problems Problems) error {
	pending, err := v.Operators.NewApp(v.by, v.session, v.issuer())
	if err != nil {
		return err
	}
	p := AppPage{Frame: v.frame, Pending: pending, Problems: problems}
	p.Path, p.Poll = appPath, ""
	return v.render(status, p)
}

func (v *visit) getApp() error { return v.app(http.StatusOK, nil) }

func (v *visit) postApp() error {
	if err := v.form(); err != nil {
		return err
	}
	err := v.Operators.SetApp(v.ctx(), v.by, v.session, v.typed("code"), v.visitor())
	if errors.Is(err, operator.ErrCode) {
		return v.app(http.StatusUnprocessableEntity, Problems{{"code", v.frame.T("admin.setup.wrong")}})
	}
	if err != nil {
		return err
	}
	return v.seeOther(accountPath + "?done=added")
}

func (v *visit) postRemoveApp() error {
	err := v.Operators.RemoveApp(v.ctx(), v.by, v.session)
	if errors.Is(err, operator.ErrOnly) {
		return v.accountAgain("factors", v.frame.T("admin.account.only"))
	}
	if err != nil {
		return err
	}
	return v.seeOther(accountPath + "?done=removed")
}

func (v *visit) postRecovery() error {
	codes, err := v.Operators.NewRecovery(v.ctx(), v.by, v.session)
	if err != nil {
		return err
	}
	p := CodesPage{Frame: v.frame, Codes: codes}
	p.Path, p.Poll = accountPath, ""
	return v.render(http.StatusOK, p)
}

func (v *visit) postUnlink() error {
	err := v.Operators.Unlink(v.ctx(), v.by, v.tenant.Settings.Provider.Issuer, v.by.Name)
	switch {
	case errors.Is(err, operator.ErrOnly):
		return v.accountAgain("factors", v.frame.T("admin.account.only"))
	case errors.Is(err, operator.ErrNotFound): // gone already
	case err != nil:
		return err
	}
	return v.seeOther(accountPath + "?done=unlinked")
}
