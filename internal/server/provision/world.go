package provision

import (
	"context"
	"maps"
	"slices"

	"homeward/internal/server/tenant"
)

// world is all that the fate of some objects depends on. It is kept up to date while they are judged one after another,
// so that two objects of one batch see each other.
type world struct {
	people    map[string]*Person // by id
	object    map[string]string  // ids
	anchor    map[string]string
	upn       map[string]string // by folded name; of the living
	address   map[string]string // by folded address
	own       map[string][]Claim
	roles     map[string]bool
	decisions map[string][]Decision
	passwords map[string]CloudPassword
	verified  map[string]bool // domain names; none: nothing is verified
	settings  tenant.Sync
	staged    map[string]Preview // by folded name, while staging: objects that would be created
	staging   bool
}

// claimsOf tells which names people give up and take.
func newWorld(settings tenant.Sync, verified map[string]bool) *world {
	return &world{
		people: map[string]*Person{}, object: map[string]string{}, anchor: map[string]string{}, upn: map[string]string{}, address: map[string]string{},
		own: map[string][]Claim{}, roles: map[string]bool{}, decisions: map[string][]Decision{}, passwords: map[string]CloudPassword{},
		verified: verified, settings: settings, staged: map[string]Preview{},
	}
}

// learn reads everything that objects may meet.
func (w *world) learn(ctx context.Context, tx Tx, k Key, in []incoming) error {
	objects, anchors, names, all := make([]string, 0, len(in)), make([]string, 0, len(in)), []string{}, []string{}
	for i := range in {
		objects, anchors = append(objects, in[i].Object), append(anchors, in[i].Anchor)
		for _, n := range []string{Fold(in[i].UPN), Fold(in[i].Mail)} { // the mail address may have to serve as the name
			if n != "" {
				names = append(names, n)
			}
		}
		all = append(all, in[i].addresses...)
		if m := in[i].match(); m != "" {
			all = append(all, m)
		}
	}
	names, all = once(names), once(all)
	decisions, err := tx.Decisions(ctx, k.Tenant, objects)
	if err != nil {
		return err
	}
	var ids []string
	for _, d := range decisions {
		w.decisions[d.Object] = append(w.decisions[d.Object], d)
		if d.Choice == ChooseLink {
			ids = append(ids, d.Other)
		}
	}
	claims, err := tx.Claims(ctx, k.Tenant, all)
	if err != nil {
		return err
	}
	for _, c := range claims {
		w.address[c.Address] = c.Person
		ids = append(ids, c.Person)
	}
	for _, read := range []func() ([]Person, error){
		func() ([]Person, error) { return tx.PeopleByObject(ctx, k.Tenant, objects) },
		func() ([]Person, error) { return tx.PeopleByAnchor(ctx, k.Tenant, anchors) },
		func() ([]Person, error) { return tx.PeopleByUPN(ctx, k.Tenant, names) },
		func() ([]Person, error) { return tx.PeopleByID(ctx, k.Tenant, w.unknown(ids)) },
	} {
		people, err := read()
		if err != nil {
			return err
		}
		for i := range people {
			w.add(&people[i])
		}
	}
	if k.Staging {
		w.staging = true
		staged, err := tx.PreviewsNamed(ctx, k, once(append(names, all...)))
		if err != nil {
			return err
		}
		for _, p := range staged {
			if p.Verdict == WouldCreate {
				w.staged["upn "+Fold(p.UPN)], w.staged["address "+Fold(p.Address)] = p, p
			}
		}
	}
	return w.learnOf(ctx, tx, k.Tenant)
}

// learnOf reads what belongs to the people met.
func (w *world) learnOf(ctx context.Context, tx Tx, tenantID string) error {
	ids := slices.Collect(maps.Keys(w.people))
	if len(ids) == 0 {
		return nil
	}
	claims, err := tx.ClaimsOf(ctx, tenantID, ids)
	if err != nil {
		return err
	}
	for _, c := range claims {
		w.own[c.Person] = append(w.own[c.Person], c)
	}
	roles, err := tx.RolesOf(ctx, tenantID, ids)
	if err != nil {
		return err
	}
	for _, r := range roles {
		w.roles[r.Person] = true
	}
	passwords, err := tx.CloudPasswords(ctx, tenantID, ids)
	if err != nil {
		return err
	}
	for _, p := range passwords {
		w.passwords[p.Person] = p
	}
	return nil
}

func (w *world) unknown(ids []string) []string {
	var out []string
	for _, id := range once(ids) {
		if w.people[id] == nil {
			out = append(out, id)
		}
	}
	return out
}

func (w *world) add(p *Person) {
	if w.people[p.ID] != nil {
		return
	}
	w.people[p.ID] = p
	if p.Object != "" {
		w.object[p.Object] = p.ID
	}
	if p.Anchor != "" {
		w.anchor[p.Anchor] = p.ID
	}
	if name := Fold(p.UPN); name != "" && p.Living() {
		w.upn[name] = p.ID
	}
}

func (w *world) known(object string) *Person { return w.people[w.object[object]] }

// settle takes over what was judged, so that the next object meets it.
func (w *world) settle(r *result) {
	p := r.person
	if old := w.people[p.ID]; old != nil {
		if w.object[old.Object] == p.ID {
			delete(w.object, old.Object)
		}
		if name := Fold(old.UPN); w.upn[name] == p.ID {
			delete(w.upn, name)
		}
		for _, c := range w.own[p.ID] {
			if w.address[c.Address] == p.ID {
				delete(w.address, c.Address)
			}
		}
	}
	w.people[p.ID], w.object[p.Object], w.anchor[p.Anchor] = &p, p.ID, p.ID
	if name := Fold(p.UPN); name != "" {
		w.upn[name] = p.ID
	}
	for _, c := range r.claims {
		w.address[c.Address] = p.ID
	}
}

// copy returns a world that can be changed apart. People themselves are never changed in place.
func (w *world) copy() *world {
	c := *w
	c.people, c.object, c.anchor = maps.Clone(w.people), maps.Clone(w.object), maps.Clone(w.anchor)
	c.upn, c.address = maps.Clone(w.upn), maps.Clone(w.address)
	return &c
}

// once returns values without doubles.
func once(values []string) []string {
	slices.Sort(values)
	return slices.Compact(values)
}
