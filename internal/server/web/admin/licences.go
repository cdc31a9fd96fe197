package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"homeward/internal/server/licence"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/setting"
	"homeward/internal/server/tenant"
)

const licencesPath = "/admin/licences"

func licenceRoutes() []route {
	return []route{
		{"GET " + licencesPath, operator.ReadLicences, (*visit).getLicences},
		{"POST " + licencesPath + "/needed", operator.ChangeLicences, (*visit).postNeeded},
		{"POST " + licencesPath + "/products", operator.ChangeLicences, (*visit).postProduct},
		{"POST " + licencesPath + "/holders", operator.AssignLicences, (*visit).postHolder},
	}
}

// LicencesPage says which licences there are and who has them: GET /admin/licences, and what its forms answer.
type LicencesPage struct {
	Settings

	Needed, PerPerson bool
	Verdict           licence.Verdict
	Products          []ProductRow
	Holders           []HolderRow
	More              bool // there are more holders than are shown
	Finding           bool
	Find              string
	Found             []ProductRow
	Part, Kind, Name  string // typed for a holder
}

// ProductRow is one product.
type ProductRow struct {
	licence.SKU

	Trap        string // why it is often mistaken
	Seats, Used int
	Owned       bool
}

// HolderRow is a product given to somebody.
type HolderRow struct {
	licence.Assignment

	Product string
}

// Template names the page's file.
func (LicencesPage) Template() string { return "licences" }

// Title is the page's one h1.
func (p LicencesPage) Title() string { return p.T("admin.nav.licences") }

// Crumbs lead to the page.
func (p LicencesPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.administration"), ""}, {p.Title(), ""}}
}

// CanChange reports whether the operator may say what is needed and what was bought.
func (p LicencesPage) CanChange() bool { return p.Operator.Role.May(operator.ChangeLicences) }

// CanAssign reports whether the operator may give licences.
func (p LicencesPage) CanAssign() bool { return p.Operator.Role.May(operator.AssignLicences) }

// Why says what is missing where writeback may not be used.
func (p LicencesPage) Why() string {
	if len(p.Verdict.Plans) == 0 {
		return p.T("admin.licences.none")
	}
	return p.T("admin.licences.lacking", "Plans", strings.Join(p.Verdict.Plans, ", "))
}

// ProductView is one product with the page it stands on.
type ProductView struct {
	LicencesPage

	Row ProductRow
}

// With gives a product's template what it needs.
func (r ProductRow) With(p LicencesPage) ProductView { return ProductView{p, r} }

// Over reports whether more people have a product than there are seats.
func (r ProductRow) Over() bool { return r.Seats > 0 && r.Used > r.Seats }

// trap says why a product is often mistaken.
func (f Frame) trap(k licence.SKU) string {
	switch k.Trap() {
	case "standard":
		return f.T("admin.licences.trap.standard")
	case "f3":
		return f.T("admin.licences.trap.f3")
	case "deskless":
		return f.T("admin.licences.trap.deskless")
	case "office":
		return f.T("admin.licences.trap.office")
	case "basic":
		return f.T("admin.licences.trap.basic")
	}
	return ""
}

const (
	maxHolders = 200
	maxFound   = 30
)

func (v *visit) licences() (LicencesPage, error) {
	set := v.tenant.Settings
	f := v.frame
	f.Path, f.Poll = licencesPath, ""
	p := LicencesPage{
		Settings: Settings{Frame: f, Revision: setting.Revision(setting.Licences(set)), Saved: v.r.URL.Query().Get("saved") == "1"},
		Needed:   set.LicencesNeeded, PerPerson: set.LicencePerPerson, Verdict: licence.Judge(set), Kind: string(licence.Group),
	}
	if !p.Needed {
		return p, nil
	}
	for _, part := range set.Licences {
		k, err := licence.Find(part)
		if err != nil {
			k = licence.SKU{Part: part, Name: part} // a catalogue of another version knew it
		}
		used, err := v.Desk.Holders.SeatsUsed(v.ctx(), v.tenant.ID, part)
		if err != nil {
			return p, err
		}
		p.Products = append(p.Products, ProductRow{SKU: k, Trap: f.trap(k), Seats: set.LicenceSeats[part], Used: used, Owned: true})
	}
	all, err := v.Desk.Holders.LicencesOf(v.ctx(), v.tenant.ID, maxHolders+1)
	if err != nil {
		return p, err
	}
	if p.More = len(all) > maxHolders; p.More {
		all = all[:maxHolders]
	}
	for _, a := range all {
		row := HolderRow{Assignment: a, Product: a.Part}
		if k, err := licence.Find(a.Part); err == nil {
			row.Product = k.Name
		}
		p.Holders = append(p.Holders, row)
	}
	return p, nil
}

func (v *visit) getLicences() error {
	p, err := v.licences()
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	if p.Find, p.Finding = strings.TrimSpace(q.Get("find")), q.Has("find"); p.Find != "" && p.Needed {
		if p.Found, err = v.findProducts(p.Find); err != nil {
			return err
		}
	}
	return v.render(http.StatusOK, p)
}

func (v *visit) findProducts(text string) ([]ProductRow, error) {
	all, err := licence.Catalogue()
	if err != nil {
		return nil, err
	}
	text = strings.ToLower(text)
	var out []ProductRow
	for _, k := range all {
		if len(out) < maxFound && (strings.Contains(strings.ToLower(k.Name), text) || strings.Contains(strings.ToLower(k.Part), text)) {
			out = append(out, ProductRow{SKU: k, Trap: v.frame.trap(k), Owned: slices.Contains(v.tenant.Settings.Licences, k.Part)})
		}
	}
	return out, nil
}

// licencesAgain shows the page with what went wrong.
func (v *visit) licencesAgain(status int, field, text string) error {
	p, err := v.licences()
	if err != nil {
		return err
	}
	p.Problems = Problems{{field, text}}
	p.Part, p.Name = v.typed("part"), v.typed("holder")
	if k := v.typed("kind"); k != "" {
		p.Kind = k
	}
	return v.render(status, p)
}

func (v *visit) postNeeded() error {
	if err := v.form(); err != nil {
		return err
	}
	err := v.save(setting.Licences, func(s *tenant.Settings) error {
		s.LicencesNeeded = v.typed("needed") == "yes"
		s.LicencePerPerson = s.LicencesNeeded && v.yes("each")
		return nil
	})
	if errors.Is(err, errMeanwhile) {
		return v.licencesAgain(http.StatusConflict, "needed", v.frame.T("admin.onprem.meanwhile"))
	}
	if err != nil {
		return err
	}
	return v.seeOther(licencesPath + "?saved=1")
}

// postProduct adds a product, removes one, or says how many seats there are.
func (v *visit) postProduct() error {
	if err := v.form(); err != nil {
		return err
	}
	part := v.typed("part")
	if k, err := licence.Find(part); err == nil {
		part = k.Part
	} else if !slices.Contains(v.tenant.Settings.Licences, part) {
		return v.licencesAgain(http.StatusUnprocessableEntity, "find", v.frame.T("admin.licences.unknown"))
	}
	var activity, detail string
	var change func(*tenant.Settings) error
	switch v.typed("do") {
	case "add":
		activity, detail = "Add licence", part
		change = func(s *tenant.Settings) error { return licence.Subscribe(s, part) }
	case "remove":
		activity, detail = "Remove licence", part
		change = func(s *tenant.Settings) error {
			licence.Unsubscribe(s, part)
			return nil
		}
	case "seats":
		n := v.number("seats")
		if n < 0 || n > licence.MaxSeats {
			return v.licencesAgain(http.StatusUnprocessableEntity, "seats-"+part, v.frame.T("admin.licences.seats.wrong"))
		}
		activity = "Change licence seats"
		change = func(s *tenant.Settings) error {
			detail = fmt.Sprintf("%s: %d → %d", part, s.LicenceSeats[part], n)
			return licence.SetSeats(s, part, n)
		}
	default:
		return v.licencesAgain(http.StatusUnprocessableEntity, "find", v.frame.T("admin.licences.unknown"))
	}
	if err := v.Change(v.ctx(), v.tenant.ID, change); err != nil {
		return err
	}
	v.Record(v.ctx(), v.tenant.ID, setting.Done(v.by.Name, activity, detail))
	return v.seeOther(licencesPath + "?saved=1")
}

// postHolder gives a product to a person or a group, or takes it back.
func (v *visit) postHolder() error {
	if err := v.form(); err != nil {
		return err
	}
	a := licence.Assignment{Part: v.typed("part"), Kind: licence.Kind(v.typed("kind")), Subject: v.typed("subject"), Operator: v.by.Name}
	if a.Kind != licence.Person && a.Kind != licence.Group {
		return v.licencesAgain(http.StatusUnprocessableEntity, "holder", v.frame.T("admin.licences.holder.none"))
	}
	if v.typed("do") == "remove" {
		given, err := v.Desk.Holders.LicencesOf(v.ctx(), v.tenant.ID, maxHolders)
		if err != nil {
			return err
		}
		for _, g := range given { // the record says whose it was
			if g.Part == a.Part && g.Kind == a.Kind && g.Subject == a.Subject {
				a.Name = g.Name
			}
		}
		if err := v.Desk.Book.Unassign(v.ctx(), v.tenant, a); err != nil {
			return err
		}
		return v.seeOther(licencesPath + "?saved=1")
	}
	var err error
	if a.Subject, a.Name, err = v.holder(v.ctx(), a.Kind, v.typed("holder")); err != nil {
		return err
	}
	switch a.Subject {
	case "":
		return v.licencesAgain(http.StatusUnprocessableEntity, "holder", v.frame.T("admin.licences.holder.none"))
	case several:
		return v.licencesAgain(http.StatusUnprocessableEntity, "holder", v.frame.T("admin.licences.holder.several"))
	}
	err = v.Desk.Book.Assign(v.ctx(), v.tenant, a)
	if errors.Is(err, licence.ErrNotOwned) {
		return v.licencesAgain(http.StatusUnprocessableEntity, "part", v.frame.T("admin.licences.unknown"))
	}
	if err != nil {
		return err
	}
	return v.seeOther(licencesPath + "?saved=1")
}

// several stands for a name that more than one has.
const several = "*"

// holder finds whom a typed name means: a person by any of their names, a group by its own.
func (v *visit) holder(ctx context.Context, kind licence.Kind, typed string) (subject, name string, err error) {
	const most = 256
	if typed == "" || len(typed) > most {
		return "", "", nil
	}
	if kind == licence.Person {
		found, err := v.Names.FindPeople(ctx, v.tenant.ID, typed)
		switch {
		case err != nil || len(found) == 0:
			return "", "", err
		case len(found) > 1:
			return several, "", nil
		}
		return found[0].ID, found[0].Name(), nil
	}
	found, err := v.Desk.Groups.GroupsLike(ctx, v.tenant.ID, provision.Fold(typed), maxHolders)
	if err != nil {
		return "", "", err
	}
	var exact []provision.Group
	for _, g := range found {
		if provision.Fold(g.Name) == provision.Fold(typed) || provision.Fold(g.SAM) == provision.Fold(typed) {
			exact = append(exact, g)
		}
	}
	switch len(exact) {
	case 0:
		return "", "", nil
	case 1:
		return exact[0].Object, exact[0].Name, nil
	}
	return several, "", nil
}
