package licence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/tenant"
)

// Kind is whom a licence is given to.
type Kind string

// Kinds.
const (
	Person Kind = "person"
	Group  Kind = "group" // and to the people of the groups in it
)

// Assignment is one product given to one person or group.
type Assignment struct {
	Tenant, Part string
	Kind         Kind
	Subject      string // id of the person, or object id of the group
	Name         string // for people to read; empty: they are gone
	Operator     string
	At           time.Time
}

// ErrNotOwned reports a product that the tenant hasn't subscribed to.
var ErrNotOwned = errors.New("the tenant hasn't subscribed to this product: add it first")

// Store keeps assignments.
type Store interface {
	PutLicence(ctx context.Context, a Assignment) error
	DropLicence(ctx context.Context, a Assignment) (bool, error)
	SeatsUsed(ctx context.Context, tenant, part string) (int, error)
	Holdings
}

// Holdings says who has one of some products: themselves, or by a group that they are in or that is above one.
type Holdings interface {
	HoldsLicence(ctx context.Context, tenant, person, object string, parts []string) (bool, error)
	// LicensedPeople and LicensedObjects are HoldsLicence for many, its two halves.
	LicensedPeople(ctx context.Context, tenant string, people, parts []string) ([]string, error)
	LicensedObjects(ctx context.Context, tenant string, objects, parts []string) ([]string, error)
}

// Book gives licences out and takes them back.
type Book struct {
	Store  Store
	Record func(ctx context.Context, tenantID string, r audit.Record)
	Now    func() time.Time
}

// Assign gives one of the tenant's products to a person or a group. name is theirs, for the record. It returns
// ErrNotOwned.
func (b *Book) Assign(ctx context.Context, t tenant.Tenant, a Assignment) error {
	if !slices.Contains(t.Settings.Licences, a.Part) {
		return fmt.Errorf("%s: %w", a.Part, ErrNotOwned)
	}
	a.Tenant, a.At = t.ID, b.Now()
	if err := b.Store.PutLicence(ctx, a); err != nil {
		return err
	}
	b.note(ctx, "Assign licence", a)
	return nil
}

// Unassign takes it back. Somebody who has none is no error: that is what was wanted.
func (b *Book) Unassign(ctx context.Context, t tenant.Tenant, a Assignment) error {
	a.Tenant = t.ID
	had, err := b.Store.DropLicence(ctx, a)
	if err != nil || !had {
		return err
	}
	b.note(ctx, "Remove licence from holder", a)
	return nil
}

func (b *Book) note(ctx context.Context, activity string, a Assignment) {
	detail := a.Part + " – " + string(a.Kind) + " " + a.Subject
	if a.Name != "" {
		detail += " (" + a.Name + ")"
	}
	b.Record(ctx, a.Tenant, audit.Record{
		Activity: activity, Hop: "operator", Event: int(event.SettingChanged), Result: "ok", Actor: a.Operator, Target: a.Subject, Detail: detail,
	})
}

// Covers reports whether somebody may use password writeback: always, unless the tenant says that each person needs a
// licence; then if one of its products that includes writeback is given to them or to a group of theirs.
func (b *Book) Covers(ctx context.Context, t tenant.Tenant, person, object string) (bool, error) {
	set := t.Settings
	if !set.LicencesNeeded || !set.LicencePerPerson {
		return true, nil
	}
	return b.Store.HoldsLicence(ctx, t.ID, person, object, writing(set.Licences))
}

// Parts are the products of which each person needs one; nil: nobody needs any. Without one that includes writeback it is empty,
// and nobody has what they need.
func Parts(set tenant.Settings) []string {
	switch {
	case !set.LicencesNeeded:
		return nil
	case !Judge(set).Allowed:
		return []string{}
	case !set.LicencePerPerson:
		return nil
	}
	return writing(set.Licences)
}

// writing keeps the products that include writeback.
func writing(owned []string) []string {
	var parts []string
	for _, part := range owned {
		if sku, err := Find(part); err == nil && sku.Writeback() {
			parts = append(parts, sku.Part)
		}
	}
	return parts
}

// Holder is somebody who may need a licence: their id, and their object in the directory.
type Holder struct{ Person, Object string }

// CoversOf says of several people, by id, what Covers says.
func (b *Book) CoversOf(ctx context.Context, t tenant.Tenant, people []Holder) (map[string]bool, error) {
	out, set := map[string]bool{}, t.Settings
	if !set.LicencesNeeded || !set.LicencePerPerson {
		for _, p := range people {
			out[p.Person] = true
		}
		return out, nil
	}
	var ids, objects []string
	owner := map[string]string{}
	for _, p := range people {
		if ids = append(ids, p.Person); p.Object != "" {
			objects, owner[p.Object] = append(objects, p.Object), p.Person
		}
	}
	parts := writing(set.Licences)
	own, err := b.Store.LicensedPeople(ctx, t.ID, ids, parts)
	if err != nil {
		return nil, err
	}
	grouped, err := b.Store.LicensedObjects(ctx, t.ID, objects, parts)
	if err != nil {
		return nil, err
	}
	for _, id := range own {
		out[id] = true
	}
	for _, object := range grouped {
		out[owner[object]] = true
	}
	return out, nil
}

// Trap says why a product is often taken for one that includes writeback, or isn't what its part number says; empty: it
// misleads nobody. The text is an id for pages.
func (s SKU) Trap() string {
	switch {
	case slices.Contains([]string{"O365_BUSINESS_PREMIUM", "SMB_BUSINESS_PREMIUM"}, s.Part):
		return "standard" // it is Business Standard
	case s.Part == "SPE_F1":
		return "f3" // it is Microsoft 365 F3
	case s.Part == "DESKLESSPACK":
		return "deskless" // it is Office 365 F3
	case !s.Writeback() && len(s.Name) > 9 && s.Name[:9] == "Office 36":
		return "office" // Microsoft 365 of the same number has it
	case slices.Contains([]string{"AAD_BASIC", "AAD_BASIC_EDU", "AAD_SMB", "AAD_EDU"}, s.Part):
		return "basic"
	}
	return ""
}
