package provision

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// ErrPage reports a page that is out of order or holds something that is not a person.
var ErrPage = errors.New("import page")

// pageStore keeps people.
type pageStore interface {
	ImportPage(ctx context.Context, people []Person) error
	FinishImport(ctx context.Context, tenant, domain, importID string) (removed int, err error)
}

// Importer takes the pages of a first import, in order. People of the domain that a complete import no
// longer names are removed at its end; a broken off import removes nobody.
type Importer struct {
	store pageStore
	now   func() time.Time

	mu   sync.Mutex
	next map[string]progress // by agent
}

type progress struct {
	id   string
	page int
}

// NewImporter returns an Importer.
func NewImporter(store pageStore, now func() time.Time) *Importer {
	return &Importer{store: store, now: now, next: map[string]progress{}}
}

// Page takes one page. done is true after the last one.
func (i *Importer) Page(ctx context.Context, tenant, agent string, p protocol.People) (done bool, err error) {
	if p.Version < protocol.MinVersion || p.Version > protocol.Version || p.Import == "" || len(p.Import) > 64 ||
		len(p.People) > protocol.MaxPeople || p.Domain == "" || len(p.Domain) > 255 || len(p.NetBIOS) > 15 {
		return false, fmt.Errorf("page %d: %w", p.Page, ErrPage)
	}
	if err := i.expect(agent, p); err != nil {
		return false, err
	}
	people := make([]Person, 0, len(p.People))
	for n, m := range p.People {
		person, err := i.person(tenant, p, m)
		if err != nil {
			return false, fmt.Errorf("page %d, person %d: %w", p.Page, n, err)
		}
		people = append(people, person)
	}
	if err := i.store.ImportPage(ctx, people); err != nil {
		return false, fmt.Errorf("store page %d: %w", p.Page, err)
	}
	i.advance(agent, p)
	if !p.Last {
		return false, nil
	}
	if _, err := i.store.FinishImport(ctx, tenant, strings.ToLower(p.Domain), p.Import); err != nil {
		return false, fmt.Errorf("finish import: %w", err)
	}
	return true, nil
}

// expect refuses a gap: after one, people missing from the import would be taken for deleted. The page
// just taken may come again, when its acknowledgement was lost.
func (i *Importer) expect(agent string, p protocol.People) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	have := i.next[agent]
	if p.Page == 0 || (p.Import == have.id && (p.Page == have.page || p.Page == have.page-1)) {
		return nil
	}
	return fmt.Errorf("page %d without the pages before it; begin again: %w", p.Page, ErrPage)
}

func (i *Importer) advance(agent string, p protocol.People) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p.Last {
		delete(i.next, agent)
		return
	}
	i.next[agent] = progress{p.Import, p.Page + 1}
}

func (i *Importer) person(tenant string, p protocol.People, m protocol.Person) (Person, error) {
	if _, err := directory.ParseGUIDHex(m.Anchor); err != nil {
		return Person{}, fmt.Errorf("anchor: %w", ErrPage)
	}
	if m.SAM == "" || len(m.SAM) > 256 || len(m.UPN) > 1024 || len(m.Mail) > 320 || len(m.DisplayName) > 1024 || len(m.DN) > 4096 {
		return Person{}, fmt.Errorf("name missing or too long: %w", ErrPage)
	}
	return Person{
		Tenant: tenant, ID: rand.Text(), Anchor: strings.ToLower(m.Anchor), Domain: strings.ToLower(p.Domain), NetBIOS: p.NetBIOS,
		UPN: m.UPN, SAM: m.SAM, Mail: m.Mail, DisplayName: m.DisplayName, DN: m.DN, Disabled: m.Disabled, Protected: m.Protected,
		Run: p.Import, Updated: i.now(),
	}, nil
}
