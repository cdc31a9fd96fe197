package registration

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// ImportStore is what an import stands on, as it is in one transaction.
type ImportStore interface {
	FindPeople(ctx context.Context, tenant, typed string) ([]provision.Person, error)
	Methods(ctx context.Context, tenant, person string) ([]verify.Method, error)
	PutMethod(ctx context.Context, m verify.Method) error
	Append(ctx context.Context, tenant string, records ...audit.Record) error
}

// Teller tells people of changes.
type Teller interface {
	Info(ctx context.Context, t tenant.Tenant, kind verify.Kind, to, lang string, c Change) error
}

// Import registers destinations that an operator vouches for.
type Import struct {
	Tenant   tenant.Tenant
	Operator string
	Texts    bool // text messages can be sent
	Now      time.Time
}

// Imported is what an import did, or would do.
type Imported struct {
	Added  int // destinations
	People int // who get one
	There  int // destinations that were registered already
	Wrong  []provision.LineError
}

// Check says what an import would do. It changes nothing.
func (i Import) Check(ctx context.Context, s ImportStore, rows []Row) (Imported, error) {
	_, done, err := i.plan(ctx, s, rows)
	return done, err
}

// ErrWrongLines reports an import that was refused as a whole.
var ErrWrongLines = errors.New("nothing was imported: some lines are wrong")

// Apply registers every row, records it with each person and tells them, where they could be reached before and at the new
// destination where they couldn't. s and tell belong to one transaction, which the caller ends: with an error everything
// has to be undone. With wrong lines it is ErrWrongLines.
func (i Import) Apply(ctx context.Context, s ImportStore, tell Teller, rows []Row) (Imported, error) {
	planned, done, err := i.plan(ctx, s, rows)
	if err != nil {
		return done, err
	}
	if len(done.Wrong) > 0 {
		return done, ErrWrongLines
	}
	records := make([]audit.Record, 0, len(planned)+1)
	for _, p := range planned {
		for _, m := range p.add {
			if err := s.PutMethod(ctx, m); err != nil {
				return done, fmt.Errorf("import a method: %w", err)
			}
			records = append(records, i.record("Admin registered security info", p.person.ID, strings.TrimSpace(string(m.Kind)+" "+m.Masked)))
			for _, to := range p.tell(i.Texts, m) {
				c := Change{What: Added, Kind: m.Kind, Masked: m.Masked, At: i.Now, Person: p.person.ID}
				if err := tell.Info(ctx, i.Tenant, to.kind, to.to, i.Tenant.Settings.Locale, c); err != nil {
					return done, fmt.Errorf("tell of an import: %w", err)
				}
			}
		}
	}
	records = append(records, i.record("Import security info", "", fmt.Sprintf("%d destinations of %d people, %d were there", done.Added, done.People, done.There)))
	if err := s.Append(ctx, i.Tenant.ID, records...); err != nil {
		return done, fmt.Errorf("import: %w", err)
	}
	return done, nil
}

func (i Import) record(activity, target, detail string) audit.Record {
	return audit.Record{
		Tenant: i.Tenant.ID, Activity: activity, Hop: "operator", Event: int(event.InfoSaved), Result: "ok", Actor: i.Operator, Target: target,
		Detail: detail, At: i.Now,
	}
}

// planned is somebody's part of an import.
type planned struct {
	person provision.Person
	have   []verify.Method // confirmed
	add    []verify.Method
}

// tell lists where the person hears of one method: wherever they could be reached before.
func (p *planned) tell(texts bool, m verify.Method) []place {
	out, seen := []place{}, map[string]bool{"": true}
	add := func(k verify.Kind, to string) {
		if key := strings.ToLower(to); !seen[key] && (k == verify.Mail || k == verify.Text && texts) {
			seen[key] = true
			out = append(out, place{k, to})
		}
	}
	add(verify.Mail, p.person.Mail)
	for _, h := range p.have {
		if h.Kind == verify.Mail || h.Kind == verify.Text {
			add(h.Kind, string(h.Secret))
		}
	}
	if len(out) == 0 {
		add(m.Kind, string(m.Secret))
	}
	return out
}

func (i Import) plan(ctx context.Context, s ImportStore, rows []Row) (all []*planned, done Imported, err error) {
	byPerson := map[string]*planned{}
	for _, row := range rows {
		p, message, err := i.find(ctx, s, row, byPerson)
		if err != nil {
			return nil, done, err
		}
		if message == "" {
			message = i.take(p, row, &done)
		}
		if message != "" {
			done.Wrong = append(done.Wrong, provision.LineError{Line: row.Line, Message: message})
			if len(done.Wrong) >= maxImportBad {
				break
			}
		}
	}
	for _, p := range byPerson {
		if len(p.add) > 0 {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *planned) int { return strings.Compare(a.person.ID, b.person.ID) })
	done.People = len(all)
	return all, done, nil
}

// find returns whom a row is about.
func (i Import) find(ctx context.Context, s ImportStore, row Row, known map[string]*planned) (*planned, string, error) {
	found, err := s.FindPeople(ctx, i.Tenant.ID, row.UPN)
	if err != nil {
		return nil, "", fmt.Errorf("find person: %w", err)
	}
	found = slices.DeleteFunc(found, func(p provision.Person) bool { return provision.Fold(p.UPN) != provision.Fold(row.UPN) })
	if len(found) != 1 {
		return nil, "Nobody has this sign-in name.", nil
	}
	if p := known[found[0].ID]; p != nil {
		return p, "", nil
	}
	p := &planned{person: found[0]}
	methods, err := s.Methods(ctx, i.Tenant.ID, p.person.ID)
	if err != nil {
		return nil, "", fmt.Errorf("methods: %w", err)
	}
	p.have = slices.DeleteFunc(methods, func(m verify.Method) bool { return m.Confirmed.IsZero() })
	known[p.person.ID] = p
	return p, "", nil
}

// take adds a row to somebody's part, or says why it can't be.
func (i Import) take(p *planned, row Row, done *Imported) string {
	if !i.Tenant.Settings.Checks.Allows(string(row.Kind), false) || row.Kind == verify.Text && !i.Texts {
		return fmt.Sprintf("The method %s isn't allowed here: homeward tenant checks shows which are.", row.Kind)
	}
	m := verify.Method{
		Tenant: i.Tenant.ID, ID: rand.Text(), Person: p.person.ID, Kind: row.Kind, Masked: row.Masked, Secret: []byte(row.To), Created: i.Now, Confirmed: i.Now,
	}
	switch err := room(slices.Concat(p.have, p.add), m, ""); {
	case errors.Is(err, ErrTaken):
		done.There++
		return ""
	case err != nil:
		return fmt.Sprintf("This person has %d methods of this kind already; that is as many as one may have.", most(row.Kind))
	}
	p.add = append(p.add, m)
	done.Added++
	return ""
}
