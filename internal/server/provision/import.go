package provision

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"homeward/internal/protocol"
)

// ErrPage reports a page that is out of order or holds something that is not a person.
var ErrPage = errors.New("import page")

// Importer takes the pages that agents of protocol 1 and 2 send, in order, as a full run of the same engine: with a lease
// of its own, and under the guard against deletions. A broken off import removes nobody.
type Importer struct {
	engine *Engine

	mu   sync.Mutex
	next map[string]progress // by agent
}

type progress struct {
	id    string
	page  int
	grant protocol.SyncGrant
}

// NewImporter returns an Importer.
func NewImporter(e *Engine) *Importer { return &Importer{engine: e, next: map[string]progress{}} }

// Page takes one page. done is true after the last one.
func (i *Importer) Page(ctx context.Context, tenant, agent string, p protocol.People) (done bool, err error) {
	if p.Version < protocol.MinVersion || p.Version > protocol.Version || p.Import == "" || len(p.Import) > 64 ||
		len(p.People) > protocol.MaxPeople || p.Domain == "" || len(p.Domain) > 255 || len(p.NetBIOS) > 15 {
		return false, fmt.Errorf("page %d: %w", p.Page, ErrPage)
	}
	have, again, err := i.expect(agent, p)
	if err != nil || again {
		return false, err
	}
	batch := protocol.SyncBatch{Version: protocol.Version, Agent: agent, Domain: p.Domain, NetBIOS: p.NetBIOS, Last: p.Last}
	for n, m := range p.People {
		if err := check(m); err != nil {
			return false, fmt.Errorf("page %d, person %d: %w", p.Page, n, err)
		}
		batch.People = append(batch.People, protocol.SyncPerson{
			Object: m.Anchor, Anchor: m.Anchor, UPN: m.UPN, SAM: m.SAM, Mail: m.Mail, DisplayName: m.DisplayName, DN: m.DN, Disabled: m.Disabled,
			Protected: m.Protected,
		})
	}
	grant, err := i.lease(ctx, tenant, agent, p, have)
	if err != nil {
		return false, err
	}
	batch.Epoch, batch.Seq, batch.Run = grant.Epoch, grant.Seq, grant.Run
	batch.Read.Objects = len(batch.People)
	ack := i.engine.apply(ctx, tenant, agent, batch, true)
	if !ack.OK {
		return false, fmt.Errorf("page %d isn't taken (%s); begin again: %w", p.Page, ack.Reason, ErrPage)
	}
	i.advance(agent, p, grant)
	if p.Last {
		ask := protocol.SyncAsk{Agent: agent, Domain: p.Domain, NetBIOS: p.NetBIOS, Epoch: grant.Epoch, Release: true}
		i.engine.Lease(ctx, tenant, Agent{ID: agent}, ask)
	}
	return p.Last, nil
}

// importScope is the digest of what old agents import. It is another one than any agent of version 3 has, so the first of
// those begins with a full run.
const importScope = "pages"

// lease begins a run with the first page and prolongs it with each other one.
func (i *Importer) lease(ctx context.Context, tenant, agent string, p protocol.People, have progress) (protocol.SyncGrant, error) {
	ask := protocol.SyncAsk{
		Version: p.Version, Agent: agent, Domain: p.Domain, NetBIOS: p.NetBIOS, Scope: importScope, Epoch: have.grant.Epoch, Restart: p.Page == 0,
		At: protocol.MilliOf(i.engine.Now()),
	}
	g := i.engine.Lease(ctx, tenant, Agent{ID: agent}, ask)
	if !g.OK {
		return g, fmt.Errorf("page %d: %s: %w", p.Page, g.Reason, ErrPage)
	}
	if p.Page > 0 && (g.Epoch != have.grant.Epoch || g.Run != have.grant.Run) {
		return g, fmt.Errorf("page %d: another agent synced meanwhile; begin again: %w", p.Page, ErrPage)
	}
	return g, nil
}

// expect refuses a gap: after one, people missing from the import would be taken for deleted. The page just taken may come
// again, when its acknowledgement was lost.
func (i *Importer) expect(agent string, p protocol.People) (have progress, again bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	have = i.next[agent]
	switch {
	case p.Import == have.id && p.Page == have.page-1:
		return have, true, nil
	case p.Page == 0:
		return progress{}, false, nil
	case p.Import == have.id && p.Page == have.page:
		return have, false, nil
	}
	return have, false, fmt.Errorf("page %d without the pages before it; begin again: %w", p.Page, ErrPage)
}

func (i *Importer) advance(agent string, p protocol.People, g protocol.SyncGrant) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p.Last {
		delete(i.next, agent)
		return
	}
	i.next[agent] = progress{p.Import, p.Page + 1, g}
}

func check(m protocol.Person) error {
	if _, ok := guid(m.Anchor); !ok {
		return fmt.Errorf("anchor: %w", ErrPage)
	}
	if m.SAM == "" || len(m.SAM) > maxSAM || len(m.UPN) > maxUPN || len(m.Mail) > maxAddress || len(m.DisplayName) > maxName || len(m.DN) > maxDN {
		return fmt.Errorf("name missing or too long: %w", ErrPage)
	}
	return nil
}
