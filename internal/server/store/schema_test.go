package store_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/alert"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/notify"
	"homeward/internal/server/objection"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/store"
	"homeward/internal/server/store/storetest"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Run with -update to write the dump of the present schema. Once its version is released the file never changes.
var update = flag.Bool("update", false, "write the dump of the present schema")

const presentSchema = "testdata/schema/15.sql"

// TestEveryReleasedSchemaMigrates opens a database of each released version, filled by that version, and finds
// its rows and the tables of a new database.
func TestEveryReleasedSchemaMigrates(t *testing.T) {
	if *update {
		writeDump(t)
	}
	files, err := filepath.Glob("testdata/schema/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dumps: %v", err)
	}
	fresh := storetest.SQLite(t)
	storetest.Open(t, fresh)
	want := tables(t, fresh)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			dsn := restore(t, file)
			s := storetest.Open(t, dsn)
			if err := s.Ready(t.Context()); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(want, tables(t, dsn)); diff != "" {
				t.Errorf("tables are not those of a new database: %s", diff)
			}
			checkRows(t, s)
		})
	}
}

func TestPresentSchemaHasADump(t *testing.T) {
	found, err := filepath.Glob("migrations/sqlite/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	newest, _, _ := strings.Cut(filepath.Base(slices.Max(found)), "_")
	version, err := strconv.Atoi(newest)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("testdata/schema/%d.sql", version); want != presentSchema {
		t.Errorf("dump is %s, want %s", presentSchema, want)
	}
	other, err := filepath.Glob("migrations/postgres/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if len(other) != len(found) {
		t.Errorf("%d migrations for SQLite, %d for PostgreSQL", len(found), len(other))
	}
}

// fill stores a row in every table. Later versions leave it as it is and add what is new to them.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	ctx, at := t.Context(), time.UnixMilli(1_795_000_000_000)
	expires := at.Add(time.Hour)
	for _, err := range []error{
		s.CreateTenant(ctx, tenant.Tenant{ID: "contoso", Name: "Contoso", Account: "AC", Created: at}),
		s.PutSecret(ctx, "contoso", "seed", []byte("a secret")),
		s.InsertPeople(ctx, []provision.Person{{
			Tenant: "contoso", ID: "p1", Anchor: strings.Repeat("0f", 16), Object: strings.Repeat("0f", 16), Domain: "corp.example", NetBIOS: "CORP",
			UPN: "Åsa@corp.example", SAM: "asa", Run: "i1", Updated: at,
		}}),
		fillSync(ctx, s, at),
		s.CreateCode(ctx, enrol.Code{Tenant: "contoso", Hash: []byte("h"), Created: at, Expires: expires}),
		s.SaveAgent(ctx, enrol.Agent{Tenant: "contoso", ID: "U1", SealKey: []byte{1}, Status: enrol.Approved, Created: at}),
		s.CreateAttempt(ctx, reset.Attempt{
			Tenant: "contoso", ID: "a1", Support: "HW-1", Kind: protocol.Reset, State: reset.Submitted, Request: "0a",
			Hops: []protocol.Hop{{Name: "agent", At: 1}}, Created: at, Expires: expires,
		}),
		s.KeepMark(ctx, "contoso", "a1", reset.Mark{Request: "0a", Mark: protocol.Mark{DC: "dc1.corp.example", Version: 7}}),
		s.PutCode(ctx, verify.Code{Tenant: "contoso", Attempt: "a1", Hash: []byte("right"), Sent: at, Expires: expires}),
		s.Append(ctx, "contoso", audit.Record{At: at, Support: "HW-1", Hop: "portal"}, audit.Record{At: at, Hop: "relay"}),
		s.Enqueue(ctx, notify.Mail{ID: "m1", Tenant: "contoso", Sealed: []byte{1}, Due: at, Expires: expires}),
		s.PutObjectionLink(ctx, objection.Link{Tenant: "contoso", Hash: []byte("not me"), Person: "p1", At: at, Expires: expires}),
		s.SetSwept(ctx, "contoso", "corp.example", "2026-11-28"),
		claimed(s.ClaimReminder(ctx, "contoso", "p1", 7, expires, at)),
		s.Stop(ctx, nil, objection.Hold{Tenant: "contoso", Person: "c1", Operator: "op", Reason: "why", At: at}),
		s.CreateOperator(ctx, operator.Operator{Tenant: "contoso", ID: "o1", Name: "karin", Role: operator.ReportsReader, Created: at},
			operator.Link{Hash: []byte("link"), Tenant: "contoso", Operator: "o1", Created: at, Expires: expires}),
		s.SetScope(ctx, "contoso", "o1", operator.Scope{{Kind: operator.WithinUnit, Value: provision.Place("DC=corp,DC=example"), Name: "DC=corp,DC=example"}}),
		s.CreateSession(ctx, operator.Session{Hash: []byte("session"), ID: "s1", Tenant: "contoso", Operator: "o1", Created: at, Seen: at, Expires: expires}),
		s.AddPasskey(ctx, operator.Passkey{Tenant: "contoso", ID: "k1", Operator: "o1", Hash: []byte("credential"), Name: "key", Secret: []byte("public"), Created: at}, 5),
		s.AddIdentity(ctx, operator.Identity{Tenant: "contoso", Operator: "o1", Issuer: "https://login.example", Subject: "sub", Created: at}),
		s.PutAlert(ctx, alert.Row{Tenant: "contoso", Name: "writeback_stopped", Kind: alert.Writeback, Since: at, Told: at}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.ClaimReader(ctx, "alerts", "contoso", "server", 2, at, expires); err != nil {
		t.Fatal(err)
	}
}

func claimed(fresh bool, err error) error {
	if err == nil && !fresh {
		err = errors.New("claimed before")
	}
	return err
}

// TestDuplicatesOfOldDatabasesMigrate: before schema 5 two people could have one sign-in name.
func TestDuplicatesOfOldDatabasesMigrate(t *testing.T) {
	dsn := restore(t, "testdata/schema/4.sql")
	const twin = `INSERT INTO people (tenant, id, anchor, domain, netbios, upn, sam, mail, display_name, dn, disabled, protected, import, updated,
		domain_fold, upn_fold, mail_fold, down_fold, sam_fold) SELECT tenant, ?, ?, domain, netbios, upn, ?, '', '', dn, ?, 0, import, updated,
		domain_fold, upn_fold, '', '', ? FROM people WHERE id = 'p1'`
	for i, id := range []string{"p0", "p2", "p3"} { // the first of them is turned off
		if _, err := sqliteFile(t, dsn).ExecContext(t.Context(), twin, id, strings.Repeat("a"+strconv.Itoa(i), 16), id, i == 0, id); err != nil {
			t.Fatal(err)
		}
	}
	s := storetest.Open(t, dsn)
	found, err := s.FindPeople(t.Context(), "contoso", "åsa@corp.example")
	if err != nil || len(found) != 1 || found[0].ID != "p1" {
		t.Errorf("%+v %v", found, err)
	}
	if n, err := s.CountPeople(t.Context(), "contoso"); n != 4 || err != nil {
		t.Errorf("%d people, %v", n, err)
	}
}

// TestFindPeopleUsesIndexes: with 50,000 people a scan takes 45 ms.
func TestFindPeopleUsesIndexes(t *testing.T) {
	dsn := storetest.SQLite(t)
	storetest.Open(t, dsn)
	for _, where := range []string{
		`upn_fold = ? AND upn_fold <> '' AND deleted = 0`, `ad_upn_fold = ? AND ad_upn_fold <> ''`, `mail_fold = ? AND mail_fold <> ''`,
		`down_fold = ?`, `sam_fold = ?`,
	} {
		plan := plan(t, sqliteFile(t, dsn), `SELECT id FROM people WHERE tenant = ? AND `+where)
		if !strings.HasPrefix(plan, "SEARCH") || !strings.Contains(plan, "tenant=? AND") {
			t.Errorf("%s: %s", where, plan)
		}
	}
}

func plan(t *testing.T, db *sql.DB, query string) (detail string) {
	t.Helper()
	var a, b, c int
	if err := db.QueryRowContext(t.Context(), `EXPLAIN QUERY PLAN `+query, "a", "b").Scan(&a, &b, &c, &detail); err != nil {
		t.Fatal(err)
	}
	return detail
}

// fillSync stores a row in the tables of sync.
func fillSync(ctx context.Context, s *store.Store, at time.Time) error {
	k := provision.Key{Tenant: "contoso", Domain: "corp.example"}
	_, _, err := s.TakeLease(ctx, provision.Lease{Key: k, Holder: "U1", Machine: "host", Expires: at}, 0, at)
	return errors.Join(
		err,
		s.InsertPeople(ctx, []provision.Person{{Tenant: "contoso", ID: "c1", UPN: "anna@corp.example", Mail: "anna@mail.example", Created: at, Updated: at}}),
		s.PutClaims(ctx, "contoso", []provision.Claim{{Address: "anna@mail.example", Person: "c1", Primary: true}}),
		s.PutGroups(ctx, []provision.Group{{Tenant: "contoso", Object: "g1", Domain: k.Domain, Name: "Staff", Updated: at}}),
		s.PutMembers(ctx, "contoso", "g1", "t", []string{strings.Repeat("0f", 16)}),
		s.PutProblems(ctx, []provision.Problem{{Tenant: "contoso", Object: "o1", Domain: k.Domain, Reason: provision.UPNTaken, Value: "v", Other: "p1", Since: at}}),
		s.PutWaiting(ctx, provision.Waiting{Tenant: "contoso", Object: "o1", Domain: k.Domain, Since: at, Person: protocol.SyncPerson{Object: "o1", UPN: "v"}}),
		s.PutDecision(ctx, provision.Decision{Tenant: "contoso", Object: "o2", Choice: provision.ChooseApart, Other: "c1", Operator: "op", At: at}),
		s.PutRun(ctx, provision.Run{Key: k, ID: "r1", Started: at, Status: provision.RunDone}),
		s.PutPreviews(ctx, []provision.Preview{{Key: k, Object: "o1", Verdict: provision.WouldCreate}}),
		s.PutRole(ctx, provision.Role{Tenant: "contoso", Person: "c1", Role: "Global Administrator", At: at}),
		s.PutDomain(ctx, provision.Domain{Tenant: "contoso", Name: "corp.example", Token: "t", Verified: at}),
		s.PutCloudPassword(ctx, provision.CloudPassword{Tenant: "contoso", Person: "c1", Hash: "$x", Set: at}),
	)
}

// checkSync finds what fillSync stored; older versions stored none of it.
func checkSync(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	old, errOld := s.PeopleByObject(ctx, "contoso", []string{strings.Repeat("0f", 16)})
	roles, errRoles := s.RolesOf(ctx, "contoso", nil)
	if err := errors.Join(errOld, errRoles); err != nil {
		t.Fatal(err)
	}
	if len(old) != 1 || old[0].Anchor != old[0].Object || !old[0].Living() {
		t.Errorf("people that were imported before: %+v", old)
	}
	if len(roles) == 0 {
		return // filled before there was sync
	}
	in, errIn := s.InGroup(ctx, "contoso", "g1", old[0].Object)
	waiting, errWaiting := s.WaitingFor(ctx, "contoso", []string{"v"}, nil, 9)
	found, errFound := s.FindPeople(ctx, "contoso", "anna@mail.example")
	lease, held, errLease := s.Lease(ctx, provision.Key{Tenant: "contoso", Domain: "corp.example"})
	if err := errors.Join(errIn, errWaiting, errFound, errLease); err != nil {
		t.Fatal(err)
	}
	if !in || len(waiting) != 1 || len(found) != 1 || !held || lease.Epoch != 1 {
		t.Errorf("in a group %v, %v wait, %d found, lease %+v", in, waiting, len(found), lease)
	}
}

// checkRows finds what fill stored.
func checkRows(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	secret, errSecret := s.Secret(ctx, "contoso", "seed")
	people, errPeople := s.FindPeople(ctx, "contoso", "ÅSA@corp.example")
	attempts, errAttempts := s.OpenAttempts(ctx)
	agents, errAgents := s.Agents(ctx, "contoso")
	_, errCode := s.Code(ctx, "contoso", "a1")
	for _, err := range []error{errSecret, errPeople, errAttempts, errAgents, errCode, s.VerifyChain(ctx, "contoso")} {
		if err != nil {
			t.Error(err)
		}
	}
	if string(secret) != "a secret" || len(people) != 1 || len(attempts) != 1 || len(agents) != 1 {
		t.Errorf("secret %q, %d people, %d attempts, %d agents", secret, len(people), len(attempts), len(agents))
	}
	checkSync(t, s)
	// What comes next must still work on old rows.
	if err := s.Append(ctx, "contoso", audit.Record{Hop: "agent"}); err != nil {
		t.Error(err)
	}
	if _, err := s.Move(ctx, attempts[0], reset.Submitted); err != nil {
		t.Error(err)
	}
}

func sqliteFile(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(dsn, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func restore(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dsn := storetest.SQLite(t)
	if _, err := sqliteFile(t, dsn).ExecContext(t.Context(), string(text)); err != nil {
		t.Fatal(err)
	}
	return dsn
}

// column reads one column of text.
func column(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

const ours = ` FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'`

func tables(t *testing.T, dsn string) []string {
	t.Helper()
	return column(t, sqliteFile(t, dsn), `SELECT sql`+ours+` ORDER BY name`)
}

func writeDump(t *testing.T) {
	t.Helper()
	dsn := storetest.SQLite(t)
	fill(t, storetest.Open(t, dsn))
	db := sqliteFile(t, dsn)
	var out strings.Builder
	out.WriteString("-- Schema and rows of one released version; see schema_test.go. Never changed once released.\n")
	for _, statement := range column(t, db, `SELECT sql`+ours+` ORDER BY type DESC, rowid`) {
		out.WriteString(statement + ";\n")
	}
	for _, table := range column(t, db, `SELECT name`+ours+` AND type = 'table' ORDER BY rowid`) {
		// The columns as SQL literals, joined by commas.
		literals := column(t, db, `SELECT 'quote("' || group_concat(name, '") || '', '' || quote("') || '")' FROM pragma_table_info('`+table+`')`)
		for _, row := range column(t, db, `SELECT `+literals[0]+` FROM "`+table+`"`) {
			fmt.Fprintf(&out, "INSERT INTO %s VALUES (%s);\n", table, row)
		}
	}
	if err := os.WriteFile(presentSchema, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
