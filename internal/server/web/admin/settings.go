package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"homeward/internal/server/brand"
	"homeward/internal/server/licence"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Addresses of the pages of settings.
const (
	propertiesPath    = "/admin/password-reset/properties"
	methodsPath       = "/admin/password-reset/methods"
	registrationPath  = "/admin/password-reset/registration"
	notificationsPath = "/admin/password-reset/notifications"
	customizePath     = "/admin/password-reset/customization"
)

// Groups finds synced groups.
type Groups interface {
	GroupsLike(ctx context.Context, tenant, folded string, limit int) ([]provision.Group, error)
	Groups(ctx context.Context, tenant string, objects []string) ([]provision.Group, error)
	CountIn(ctx context.Context, tenant, group string) (int, error)
}

// Counts says how many people a choice touches.
type Counts interface {
	ReadyPeople(ctx context.Context, tenant, group string, kinds []string, mail bool) (provision.Readiness, error)
	Census(ctx context.Context, tenant string) (verify.Census, error)
	LastUsed(ctx context.Context, tenant string) (map[string]int, error)
}

// Holders says who has which licence.
type Holders interface {
	LicencesOf(ctx context.Context, tenant string, limit int) ([]licence.Assignment, error)
	SeatsUsed(ctx context.Context, tenant, part string) (int, error)
}

// Desk is what the pages of settings, licences and operators stand on.
type Desk struct {
	Groups  Groups
	Counts  Counts
	Holders Holders
	Book    *licence.Book
	// Rebrand changes a tenant and, unless logo is nil, its picture, all or nothing. An empty logo takes the picture away.
	Rebrand func(ctx context.Context, tenantID string, logo []byte, change func(*tenant.Tenant) error) error
	Picture func(ctx context.Context, tenantID, hash string) ([]byte, error)
	// Administrators are the addresses that hear what every Global Administrator is told.
	Administrators func(ctx context.Context, tenantID string) ([]string, error)
	// KeepProvider changes the OpenID provider and, unless it is nil, its client's secret, all or nothing. LookAtProvider reads
	// an issuer's discovery document.
	KeepProvider   func(ctx context.Context, tenantID string, secret []byte, change func(*tenant.Settings) error) error
	LookAtProvider func(ctx context.Context, issuer string) error
	// Calls has people reminded to register.
	Calls Calls
	// Try sends a letter as people receive it, at once, and returns what the mail server says. Mailer is its sender.
	Try    func(ctx context.Context, t tenant.Tenant, to, lang string) error
	Mailer string
	// Mail: the server can send mail. Texts and Passkeys: the server can send text messages, and passkeys work at its address.
	Mail, Texts, Passkeys bool
}

func settingsRoutes() []route {
	return []route{
		{"GET " + propertiesPath, operator.ReadSettings, (*visit).getProperties},
		{"POST " + propertiesPath, operator.ChangeSettings, (*visit).postProperties},
		{"GET " + methodsPath, operator.ReadSettings, (*visit).getMethods},
		{"POST " + methodsPath, operator.ChangeSettings, (*visit).postMethods},
		{"GET " + registrationPath, operator.ReadSettings, (*visit).getRegistration},
		{"POST " + registrationPath, operator.ChangeSettings, (*visit).postRegistration},
		{"GET " + notificationsPath, operator.ReadSettings, (*visit).getNotifications},
		{"POST " + notificationsPath, operator.ChangeSettings, (*visit).postNotifications},
		{"GET " + customizePath, operator.ReadSettings, (*visit).getCustomize},
		{"POST " + customizePath, operator.ChangeSettings, (*visit).postCustomize},
		{"GET " + customizePath + "/logo", operator.ReadSettings, (*visit).getLogo},
		{"GET " + customizePath + "/preview.css", operator.ReadSettings, (*visit).getBrandPreview},
	}
}

// settingsItems are the entries of the side navigation.
func (f Frame) settingsItems() []Item {
	return []Item{
		f.item(operator.ReadSettings, f.T("admin.nav.properties"), propertiesPath, "key"),
		f.item(operator.ReadSettings, f.T("admin.nav.methods"), methodsPath, "shield"),
		f.item(operator.ReadSettings, f.T("admin.nav.registration"), registrationPath, "person"),
		f.item(operator.ReadSettings, f.T("admin.nav.notifications"), notificationsPath, "bell"),
		f.item(operator.ReadSettings, f.T("admin.nav.customize"), customizePath, "brush"),
	}
}

// administrationItems are those about who administers and what was bought.
func (f Frame) administrationItems() []Item {
	out := []Item{f.item(operator.ChangeOperators, f.T("admin.nav.operators"), operatorsPath, "people")}
	if f.Licences {
		out = append(out, f.item(operator.ReadLicences, f.T("admin.nav.licences"), licencesPath, "card"))
	}
	return out
}

// bodyLimit is how large a request's body may be: only a logo takes more than a form.
func bodyLimit(r *http.Request) int64 {
	if r.Method == http.MethodPost && r.URL.Path == customizePath {
		return brand.MaxUpload + maxForm
	}
	return maxForm
}

// Settings is what every page of settings has.
type Settings struct {
	Frame

	Revision string // of what the page shows
	Saved    bool
	Problems Problems
}

// Problem reports whether a change was refused.
func (p Settings) Problem() bool { return len(p.Problems) > 0 }

// May reports whether the operator may change what the page shows.
func (p Settings) May() bool { return p.Operator.Role.May(operator.ChangeSettings) }

// Page leads back to the page itself.
func (p Settings) Page() string { return p.Path }

// crumbs lead to one of the pages.
func (p Settings) crumbs(title string) []Crumb {
	return []Crumb{{p.T("admin.nav.reset"), ""}, {title, ""}}
}

// base is what a page of settings begins with.
func (v *visit) base(path string, all []setting.Value) Settings {
	f := v.frame
	if v.r.Method != http.MethodGet {
		f.Path, f.Poll = path, path
	}
	return Settings{Frame: f, Revision: setting.Revision(all), Saved: v.r.URL.Query().Get("saved") == "1"}
}

// save changes settings, all or nothing, unless they are no longer what the form was filled from: errMeanwhile, and the
// visit shows what they are now.
func (v *visit) save(describe func(tenant.Settings) []setting.Value, change func(*tenant.Settings) error) error {
	var before, after []setting.Value
	err := v.Change(v.ctx(), v.tenant.ID, func(s *tenant.Settings) error {
		before = describe(*s)
		if setting.Revision(before) != v.r.PostForm.Get("revision") {
			v.tenant.Settings = *s
			return errMeanwhile
		}
		err := change(s)
		after = describe(*s)
		return err
	})
	if err == nil {
		v.changed(before, after)
	}
	return err
}

// changed records what a form changed; a form that changed nothing isn't worth a record.
func (v *visit) changed(before, after []setting.Value) {
	if text := setting.Difference(before, after); text != "" {
		v.Record(v.ctx(), v.tenant.ID, setting.Record(v.by.Name, text))
	}
}

// refused is the status of a page that is shown again, and adds what happened meanwhile to its problems.
func (v *visit) refused(err error, field string, problems *Problems) (status int, known bool) {
	if errors.Is(err, errMeanwhile) {
		*problems = Problems{{field, v.frame.T("admin.onprem.meanwhile")}}
		return http.StatusConflict, true
	}
	return http.StatusUnprocessableEntity, len(*problems) > 0
}

// yes reports whether a switch of the form is on.
func (v *visit) yes(field string) bool { return v.r.PostForm.Get(field) == "on" }

// typed is a text of the form.
func (v *visit) typed(field string) string {
	return strings.TrimSpace(strings.ReplaceAll(v.r.PostForm.Get(field), "\r\n", "\n"))
}
