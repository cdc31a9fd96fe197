package provision_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/store"
	"homeward/internal/server/store/storetest"
	"homeward/test/pgtest"
)

// TestFirstRunLeavesStatistics: after a full run that added many people the database plans for their number, and not before.
func TestFirstRunLeavesStatistics(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ dsn, driver, text string }{
		"SQLite":     {storetest.SQLite(t), "sqlite", `SELECT CAST(MAX(CAST(stat AS INTEGER)) AS TEXT) FROM sqlite_stat1 WHERE tbl = 'people'`},
		"PostgreSQL": {pgtest.Start(t), "pgx", `SELECT CAST(CAST(MAX(reltuples) AS INTEGER) AS TEXT) FROM pg_class WHERE relname = 'people'`},
	} {
		t.Run(name, func(t *testing.T) {
			y := yardOn(t, storetest.Open(t, c.dsn))
			db, err := sql.Open(c.driver, strings.Replace(c.dsn, "sqlite:", "file:", 1))
			ok(t, err)
			defer func() { ok(t, db.Close()) }()
			rows := func() string {
				var n sql.NullString
				if err := db.QueryRowContext(t.Context(), c.text).Scan(&n); err != nil && !strings.Contains(err.Error(), "no such table") {
					t.Fatal(err)
				}
				return n.String
			}
			var people []protocol.SyncPerson
			for n := range 1000 {
				object := fmt.Sprintf("%032x", n+1)
				name := fmt.Sprintf("p%d", n)
				people = append(people, protocol.SyncPerson{Object: object, Anchor: object, UPN: name + "@corp.example", SAM: name, DisplayName: name})
			}
			y.synced(people[:1]...)
			if n := rows(); n != "" && n != "-1" {
				t.Fatalf("a small run left statistics of %s people", n)
			}
			y.agent("UA", "other.example").full(people[1:]...)
			if n := rows(); n != "" && n != "-1" {
				t.Fatalf("999 more left statistics of %s people", n)
			}
			third := y.agent("UA", "third.example")
			for i := range people {
				people[i].Object, people[i].Anchor = fmt.Sprintf("%032x", 5000+i), fmt.Sprintf("%032x", 5000+i)
				people[i].UPN, people[i].SAM = "t"+people[i].UPN, "t"+people[i].SAM
			}
			third.full(people...)
			if n := rows(); n != "2000" {
				t.Errorf("statistics say %q people, want 2000", n)
			}
		})
	}
}

// TestLargeRunLeavesStatisticsEarly: the rest of a large first run is planned for what is there already.
func TestLargeRunLeavesStatisticsEarly(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{"SQLite": storetest.SQLite(t), "PostgreSQL": pgtest.Start(t)} {
		t.Run(name, func(t *testing.T) {
			counted := &measured{Store: storetest.Open(t, dsn)}
			a := yardOn(t, counted.Store).agent("UA", "corp.example")
			a.Store = counted
			a.ask(nil)
			var got []int
			for from := range 5 {
				var people []protocol.SyncPerson
				for n := range 700 {
					people = append(people, person(from*700+n))
				}
				a.must(protocol.SyncBatch{People: people, Cursor: []byte{byte(from)}})
				got = append(got, counted.times)
			}
			a.must(protocol.SyncBatch{Last: true, Cursor: []byte("end")})
			if diff := cmp.Diff([]int{0, 0, 1, 1, 1, 2}, append(got, counted.times)); diff != "" {
				t.Errorf("times that statistics were taken, after each batch (-want +got):\n%s", diff)
			}
		})
	}
}

// measured is a store that counts how often statistics are taken.
type measured struct {
	*store.Store

	times int
}

func (m *measured) MeasurePeople(ctx context.Context, growing bool) error {
	m.times++
	return m.Store.MeasurePeople(ctx, growing)
}

// TestFullRunSpendsMemory: from its first batch to its last one, and for nothing else.
func TestFullRunSpendsMemory(t *testing.T) {
	t.Parallel()
	var m purse
	y := newYard(t)
	y.Spending(&m)
	a := y.agent("UA", "corp.example")
	a.ask(nil)
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{person(1)}, Cursor: []byte("1")})
	if diff := cmp.Diff(purse{spent: 1}, m, cmp.AllowUnexported(purse{})); diff != "" {
		t.Errorf("after the first batch (-want +got):\n%s", diff)
	}
	a.must(protocol.SyncBatch{People: []protocol.SyncPerson{person(2)}, Last: true, Cursor: []byte("end")})
	a.change(person(3))
	if diff := cmp.Diff(purse{spent: 1, saved: 1}, m, cmp.AllowUnexported(purse{})); diff != "" {
		t.Errorf("after the run (-want +got):\n%s", diff)
	}
}

// purse counts what it is told.
type purse struct{ spent, saved int }

func (p *purse) Spend() { p.spent++ }

func (p *purse) Save(bool) { p.saved++ }
