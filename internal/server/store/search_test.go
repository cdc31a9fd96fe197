package store_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/server/provision"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
)

// TestSearchPeopleUsesIndexes: of 100,000 people nothing is read row by row, whatever is looked for.
func TestSearchPeopleUsesIndexes(t *testing.T) {
	dsn := storetest.SQLite(t)
	storetest.Open(t, dsn)
	db := sqliteFile(t, dsn)
	for _, where := range []string{
		`deleted = 0 AND name_fold >= ?`, `surname_fold <> '' AND surname_fold >= ?`, `upn_fold <> '' AND deleted = 0 AND upn_fold >= ?`,
		`ad_upn_fold <> '' AND ad_upn_fold >= ?`, `mail_fold <> '' AND mail_fold >= ?`, `down_fold >= ?`, `sam_fold >= ?`, `object <> '' AND object IN (?, 'x')`, `deleted = 0 AND place_fold >= ?`,
	} {
		plan := plan(t, db, `SELECT id FROM people WHERE tenant = ? AND `+where)
		if !strings.HasPrefix(plan, "SEARCH") || !strings.Contains(plan, "tenant=? AND") {
			t.Errorf("%s: %s", where, plan)
		}
	}
	for _, text := range []string{
		`SELECT id FROM people WHERE tenant = ? AND deleted = 0 ORDER BY name_fold, id LIMIT ?`,
		`SELECT id FROM people WHERE tenant = ? AND deleted = 0 AND (name_fold, id) > (?, 'x') ORDER BY name_fold, id LIMIT 50`,
		`SELECT id FROM people WHERE tenant = ? AND deleted = 0 AND (name_fold, id) < (?, 'x') ORDER BY name_fold DESC, id DESC LIMIT 50`,
	} {
		for _, line := range plans(t, db, text) {
			if strings.Contains(line, "TEMP B-TREE") || strings.HasPrefix(line, "SCAN") {
				t.Errorf("%s: %s", text, line)
			}
		}
	}
}

func plans(t *testing.T, db *sql.DB, query string) (lines []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var a, b, c int
		var line string
		if err := rows.Scan(&a, &b, &c, &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestOldPeopleAreFolded: people whom an older version stored are found by their names once the database was opened.
func TestOldPeopleAreFolded(t *testing.T) {
	s := storetest.Open(t, restore(t, "testdata/schema/8.sql"))
	found, err := s.SearchPeople(t.Context(), "contoso", provision.Search{Find: "Åsa@corp"})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	all, err := s.SearchPeople(t.Context(), "contoso", provision.Search{})
	if n, _ := s.CountPeople(t.Context(), "contoso"); err != nil || len(all) != n || n == 0 {
		t.Errorf("%d of %d listed, %v", len(all), n, err)
	}
}

// BenchmarkSearchPeople is what one page of 50 costs with 100,000 people.
func BenchmarkSearchPeople(b *testing.B) {
	const people, inGroup = 100_000, 200
	s := storetest.New(b)
	if err := s.CreateTenant(b.Context(), tenant.Tenant{ID: "contoso", Name: "Contoso", Account: "AC", Created: time.Now()}); err != nil {
		b.Fatal(err)
	}
	object := func(n int) string { return fmt.Sprintf("%032x", n) }
	var batch []provision.Person
	var members []string
	for n := range people {
		batch = append(batch, provision.Person{
			Tenant: "contoso", ID: fmt.Sprintf("p%06d", n), Object: object(n), Anchor: object(n), Domain: "corp.example", NetBIOS: "CORP",
			UPN: fmt.Sprintf("user%d@corp.example", n), SAM: fmt.Sprintf("user%d", n), Mail: fmt.Sprintf("first%d.last%d@mail.example", n, n%5000),
			DisplayName: fmt.Sprintf("First%d Last%d", n, n%5000), DN: fmt.Sprintf("CN=u%d,OU=Unit%d,DC=corp,DC=example", n, n%20), Updated: time.Now(),
		})
		if n%(people/inGroup) == 0 {
			members = append(members, object(n))
		}
		if len(batch) == 5000 {
			if err := s.InsertPeople(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = nil
		}
	}
	group := provision.Group{Tenant: "contoso", Object: object(people + 1), Domain: "corp.example", Name: "Help", Updated: time.Now()}
	if err := s.PutGroups(b.Context(), []provision.Group{group}); err != nil {
		b.Fatal(err)
	}
	if err := s.PutMembers(b.Context(), "contoso", group.Object, "t", members); err != nil {
		b.Fatal(err)
	}
	unit := &provision.Reach{Places: []string{provision.Place("OU=Unit7,DC=corp,DC=example")}}
	for name, q := range map[string]provision.Search{
		"everybody":       {},
		"middle":          {After: "p050000"},
		"one name":        {Find: "user77777"},
		"surname":         {Find: "last4321"},
		"common letter":   {Find: "f"},
		"nobody disabled": {Account: provision.Disabled},
		"nobody in cloud": {Source: provision.InCloud},
		"in a group":      {Reach: &provision.Reach{Groups: []string{group.Object}}},
		"in a unit":       {Reach: unit},
		"name in a unit":  {Find: "first", Reach: unit},
	} {
		b.Run(name, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				began := time.Now()
				if _, err := s.SearchPeople(b.Context(), "contoso", q); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			b.ReportMetric(float64(slices.Max(took).Microseconds())/1000, "ms-worst")
		})
	}
}
