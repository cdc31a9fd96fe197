package admin

import (
	"net/http"
	"time"

	"homeward/internal/server/licence"
	"homeward/internal/server/provision"
	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

// PropertiesPage says who may reset their own password: GET and POST /admin/password-reset/properties.
type PropertiesPage struct {
	Settings

	Scope    tenant.Scope
	Group    string // objectGUID of what is chosen
	Name     string // of the group; empty: it isn't synced any more
	InGroup  int
	Finding  bool // a group is looked for
	Find     string
	Found    []GroupRow
	Everyone provision.Readiness // of all who are synced, whatever is chosen
	Ready    provision.Readiness
	Need     int
	Licensed bool
}

// GroupRow is one group to choose.
type GroupRow struct {
	Object, Name, DN string
	People           int
}

// Template names the page's file.
func (PropertiesPage) Template() string { return "properties" }

// Title is the page's one h1.
func (p PropertiesPage) Title() string { return p.T("admin.nav.properties") }

// Crumbs lead to the page.
func (p PropertiesPage) Crumbs() []Crumb { return p.crumbs(p.Title()) }

// Is reports whether a choice is the one shown.
func (p PropertiesPage) Is(choice string) bool { return string(p.Scope) == choice }

// Able is how many could reset today, as far as the settings are concerned.
func (p PropertiesPage) Able() int {
	if !p.Licensed || p.Is(string(tenant.ScopeNone)) {
		return 0
	}
	return p.Ready.Able(p.Need)
}

// Short is how many have too few methods.
func (p PropertiesPage) Short() int { return p.Ready.Short(p.Need) }

// More is how many could be let in beyond the chosen group; -1: none is chosen.
func (p PropertiesPage) More() int {
	if !p.Is(string(tenant.ScopeSelected)) || p.Name == "" {
		return -1
	}
	return p.Everyone.People - p.InGroup
}

// Counted is when the numbers were taken.
func (p PropertiesPage) Counted() string { return p.Clock(p.Now, p.zone()) }

func (f Frame) zone() *time.Location {
	if f.Location == nil {
		return time.UTC
	}
	return f.Location
}

const foundGroups = 20

// properties fills the page for a choice, which need not be the stored one.
func (v *visit) properties(scope tenant.Scope, group string) (PropertiesPage, error) {
	ctx, id, set := v.ctx(), v.tenant.ID, v.tenant.Settings
	p := PropertiesPage{
		Settings: v.base(propertiesPath, setting.Scope(set)), Scope: scope, Group: group, Need: set.Checks.Need(false),
		Licensed: licence.Judge(set).Allowed,
	}
	var err error
	if group != "" {
		found, err := v.Desk.Groups.Groups(ctx, id, []string{group})
		if err != nil {
			return p, err
		}
		if len(found) == 1 && found[0].Deleted.IsZero() {
			p.Name = found[0].Name
			if p.InGroup, err = v.Desk.Groups.CountIn(ctx, id, group); err != nil {
				return p, err
			}
		}
	}
	all, err := v.ready("")
	if err != nil {
		return p, err
	}
	p.Everyone, p.Ready = all, all
	switch scope {
	case tenant.ScopeNone:
		p.Ready = provision.Readiness{}
	case tenant.ScopeSelected:
		p.Ready = provision.Readiness{}
		if p.Name != "" {
			p.Ready, err = v.ready(group)
		}
	case tenant.ScopeAll:
	}
	return p, err
}

// ready counts who could pass the checks that hold now; of everybody synced, or of one group.
func (v *visit) ready(group string) (provision.Readiness, error) {
	checks := v.tenant.Settings.Checks
	return v.Desk.Counts.ReadyPeople(v.ctx(), v.tenant.ID, group, checks.Kinds(v.works), checks.Allows("mail", false) && !checks.RegisteredOnly)
}

func (v *visit) getProperties() error {
	q, set := v.r.URL.Query(), v.tenant.Settings
	scope, group := set.ResetScope, set.ResetGroup
	if q.Has("group") {
		scope, group = tenant.ScopeSelected, q.Get("group")
	}
	p, err := v.properties(scope, group)
	if err != nil {
		return err
	}
	if p.Find, p.Finding = q.Get("find"), q.Has("find"); p.Find != "" {
		if p.Found, err = v.findGroups(p.Find); err != nil {
			return err
		}
	}
	return v.render(http.StatusOK, p)
}

func (v *visit) findGroups(text string) ([]GroupRow, error) {
	const most = 100
	folded := provision.Fold(text)
	if folded == "" || len(folded) > most {
		return nil, nil
	}
	found, err := v.Desk.Groups.GroupsLike(v.ctx(), v.tenant.ID, folded, foundGroups)
	if err != nil {
		return nil, err
	}
	var out []GroupRow
	for _, g := range found {
		n, err := v.Desk.Groups.CountIn(v.ctx(), v.tenant.ID, g.Object)
		if err != nil {
			return nil, err
		}
		out = append(out, GroupRow{Object: g.Object, Name: g.Name, DN: g.DN, People: n})
	}
	return out, nil
}

func (v *visit) postProperties() error {
	if err := v.form(); err != nil {
		return err
	}
	scope, group := tenant.Scope(v.r.PostForm.Get("scope")), v.r.PostForm.Get("group")
	if scope == "all" {
		scope = tenant.ScopeAll
	}
	p, err := v.properties(scope, group)
	if err != nil {
		return err
	}
	switch {
	case v.r.PostForm.Get("scope") == "", scope != tenant.ScopeAll && scope != tenant.ScopeNone && scope != tenant.ScopeSelected:
		p.Scope = v.tenant.Settings.ResetScope
		p.Problems = Problems{{"scope", v.frame.T("admin.properties.choose")}}
	case scope == tenant.ScopeSelected && p.Name == "":
		p.Problems = Problems{{"selected", v.frame.T("admin.properties.group.none")}}
	default:
		err = v.save(setting.Scope, func(s *tenant.Settings) error {
			s.ResetScope = scope
			if scope == tenant.ScopeSelected {
				s.ResetGroup = group
			} else {
				s.ResetGroup = ""
			}
			return nil
		})
		if err == nil {
			return v.seeOther(propertiesPath + "?saved=1")
		}
	}
	problems := p.Problems
	status, known := v.refused(err, "scope", &problems)
	if !known {
		return err
	}
	if status == http.StatusConflict {
		if p, err = v.properties(v.tenant.Settings.ResetScope, v.tenant.Settings.ResetGroup); err != nil {
			return err
		}
	}
	p.Problems = problems
	return v.render(status, p)
}
