package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// maxStatements bounds the cache; the texts of this package are fewer.
const maxStatements = 512

// statements keeps prepared statements of one pool by their text. Parsing a statement costs SQLite as much as
// carrying it out; pgx keeps its own, so PostgreSQL needs none of this.
type statements struct {
	db *sql.DB

	mu     sync.RWMutex
	byText map[string]*sql.Stmt
}

func newStatements(db *sql.DB) *statements {
	return &statements{db: db, byText: map[string]*sql.Stmt{}}
}

func (c *statements) get(text string) *sql.Stmt {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.byText[text]
}

// prepare returns the statement of a text, or nil when it cannot be prepared or the cache is full: then the
// caller runs the text itself, and meets the error there.
func (c *statements) prepare(ctx context.Context, text string) *sql.Stmt {
	if st := c.get(text); st != nil {
		return st
	}
	st, err := c.db.PrepareContext(context.WithoutCancel(ctx), text)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.byText[text]; old != nil || len(c.byText) >= maxStatements {
		_ = st.Close() //nolint:sqlclosecheck // somebody was faster, or there is no room
		return old
	}
	c.byText[text] = st
	return st
}

func (c *statements) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, st := range c.byText {
		errs = append(errs, st.Close())
	}
	clear(c.byText)
	return errors.Join(errs...)
}

// cachedPool runs texts through the cache.
type cachedPool struct{ *statements }

func (p cachedPool) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if st := p.prepare(ctx, text); st != nil { //nolint:sqlclosecheck // the cache closes it
		return st.ExecContext(ctx, args...)
	}
	return p.db.ExecContext(ctx, text, args...)
}

func (p cachedPool) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if st := p.prepare(ctx, text); st != nil { //nolint:sqlclosecheck // the cache closes it
		return st.QueryContext(ctx, args...)
	}
	return p.db.QueryContext(ctx, text, args...)
}

// cachedTx runs texts of one transaction through the writer's cache. What is not prepared yet cannot be while
// the transaction holds the only writing connection; it is noted, and prepared afterwards.
type cachedTx struct {
	tx     *sql.Tx
	cache  *statements
	missed map[string]bool
}

func (t *cachedTx) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if st := t.cache.get(text); st != nil {
		return t.tx.StmtContext(ctx, st).ExecContext(ctx, args...) //nolint:sqlclosecheck // ends with the transaction
	}
	t.missed[text] = true
	return t.tx.ExecContext(ctx, text, args...)
}

func (t *cachedTx) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if st := t.cache.get(text); st != nil {
		return t.tx.StmtContext(ctx, st).QueryContext(ctx, args...) //nolint:sqlclosecheck // ends with the transaction
	}
	t.missed[text] = true
	return t.tx.QueryContext(ctx, text, args...)
}

// learn prepares what the transaction missed. Call it when the transaction is over.
func (t *cachedTx) learn(ctx context.Context) {
	for text := range t.missed {
		t.cache.prepare(ctx, text)
	}
}
