package storetest

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/masterkey"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
)

func tenantTests() []test {
	return []test{
		{"comes back as stored", func(t *testing.T, e *env) {
			want := tenant.Tenant{
				ID: "tailspin", Name: "Tailspin Spielzeug GmbH", Account: "AXYZ", Created: noon(),
				Settings: tenant.Settings{HelpdeskPhone: "+49 30 1", TimeZone: "Europe/Berlin", UnlockOnly: true},
			}
			ok(t, e.CreateTenant(e.ctx, want))
			for name, got := range map[string]tenant.Tenant{
				"by id":      at[tenant.Tenant](t)(e.Tenant(e.ctx, "tailspin")),
				"by account": at[tenant.Tenant](t)(e.TenantByAccount(e.ctx, "AXYZ")),
				"in list":    at[[]tenant.Tenant](t)(e.Tenants(e.ctx))[2],
			} {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
		}},
		{"taken id or account", func(t *testing.T, e *env) {
			for _, c := range []tenant.Tenant{{ID: TenantA, Account: "new"}, {ID: "new", Account: "A" + TenantA}} {
				if err := e.CreateTenant(e.ctx, c); !errors.Is(err, store.ErrConflict) {
					t.Errorf("%+v: %v, want ErrConflict", c, err)
				}
			}
			ok(t, e.CreateTenant(e.ctx, tenant.Tenant{ID: "none1"}))
			ok(t, e.CreateTenant(e.ctx, tenant.Tenant{ID: "none2"})) // no account is not an account
		}},
		{"unknown", func(t *testing.T, e *env) {
			ok(t, e.CreateTenant(e.ctx, tenant.Tenant{ID: "no account"}))
			_, byID := e.Tenant(e.ctx, "nobody")
			_, byAccount := e.TenantByAccount(e.ctx, "")
			_, settings := e.ChangeTenant(e.ctx, "nobody", func(*store.Store, *tenant.Tenant) error { return nil })
			for _, err := range []error{byID, byAccount, settings} {
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("got %v, want ErrNotFound", err)
				}
			}
		}},
		{"settings of one tenant only", func(t *testing.T, e *env) {
			want := tenant.Settings{HelpURL: "https://help.example", Locale: "de"}
			e.set(t, TenantA, want)
			if diff := cmp.Diff(want, at[tenant.Tenant](t)(e.Tenant(e.ctx, TenantA)).Settings); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tenant.Settings{}, at[tenant.Tenant](t)(e.Tenant(e.ctx, TenantB)).Settings); diff != "" {
				t.Error(diff)
			}
		}},
		{"a change that fails leaves everything as it was", func(t *testing.T, e *env) {
			want := at[tenant.Tenant](t)(e.Tenant(e.ctx, TenantA))
			refused := errors.New("refused")
			_, err := e.ChangeTenant(e.ctx, TenantA, func(tx *store.Store, now *tenant.Tenant) error {
				now.Name, now.Settings.Locale = "another", "de"
				ok(t, tx.PutPicture(e.ctx, TenantA, "h", []byte("picture")))
				return refused
			})
			if !errors.Is(err, refused) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(want, at[tenant.Tenant](t)(e.Tenant(e.ctx, TenantA))); diff != "" {
				t.Error(diff)
			}
			if _, err := e.Picture(e.ctx, TenantA, "h"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the picture: %v", err)
			}
		}},
		{"changes at the same moment, none lost", loseNoChange},
	}
}

// set replaces a tenant's settings.
func (e *env) set(t *testing.T, id string, s tenant.Settings) {
	t.Helper()
	at[tenant.Tenant](t)(e.ChangeTenant(e.ctx, id, func(_ *store.Store, now *tenant.Tenant) error {
		now.Settings = s
		return nil
	}))
}

// loseNoChange has a page and a command line, which are two programs on one database, change different settings of one tenant
// at once, many times. Each change reads what there is, adds one seat count of its own and one to a count they all share.
func loseNoChange(t *testing.T, e *env) {
	t.Helper()
	const each = 40
	beside := Open(t, e.dsn)
	errs := make([]error, 2*each)
	race(len(errs), func(i int) {
		s := e.Store
		if i%2 == 1 {
			s = beside
		}
		_, errs[i] = s.ChangeTenant(e.ctx, TenantA, func(_ *store.Store, now *tenant.Tenant) error {
			if now.Settings.LicenceSeats == nil {
				now.Settings.LicenceSeats = map[string]int{}
			}
			now.Settings.LicenceSeats[strconv.Itoa(i)] = i
			now.Settings.Sync.DeleteLimit++
			return nil
		})
	})
	ok(t, errors.Join(errs...))
	got := at[tenant.Tenant](t)(e.Tenant(e.ctx, TenantA)).Settings
	if len(got.LicenceSeats) != len(errs) || got.Sync.DeleteLimit != len(errs) {
		t.Errorf("%d changes were made: %d of their values are left, and %d were counted", len(errs), len(got.LicenceSeats), got.Sync.DeleteLimit)
	}
}

func secretTests() []test {
	const plaintext = "SUAJ-the-signing-seed-of-contoso"
	secret := func(t *testing.T, e *env, tenant, name string) string {
		t.Helper()
		return string(at[[]byte](t)(e.Secret(e.ctx, tenant, name)))
	}
	return []test{
		{"opens, per tenant and name", func(t *testing.T, e *env) {
			for _, tenant := range []string{"", TenantA, TenantB} {
				for _, name := range []string{"seed", "other"} {
					ok(t, e.PutSecret(e.ctx, tenant, name, []byte("old")))
					ok(t, e.PutSecret(e.ctx, tenant, name, []byte(tenant+"/"+name)))
				}
			}
			for _, tenant := range []string{"", TenantA, TenantB} {
				if got := secret(t, e, tenant, "seed"); got != tenant+"/seed" {
					t.Errorf("secret of %q is %q", tenant, got)
				}
			}
			if _, err := e.Secret(e.ctx, TenantA, "unknown"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("unknown secret: %v", err)
			}
		}},
		{"survives a restart", func(t *testing.T, e *env) {
			ok(t, e.PutSecret(e.ctx, TenantA, "seed", []byte(plaintext)))
			if got := at[[]byte](t)(Open(t, e.dsn).Secret(e.ctx, TenantA, "seed")); string(got) != plaintext {
				t.Errorf("got %q", got)
			}
		}},
		{"altered row does not open", func(t *testing.T, e *env) {
			ok(t, e.PutSecret(e.ctx, TenantA, "seed", []byte(plaintext)))
			e.flip(t)
			wantAltered(t, e, TenantA, "seed", plaintext)
		}},
		{"rows changed places do not open", func(t *testing.T, e *env) {
			const copyRow = `UPDATE secrets SET sealed = (SELECT sealed FROM secrets WHERE tenant = 'fabrikam' AND name = 'seed')
				WHERE tenant = 'contoso' AND name = `
			ok(t, e.PutSecret(e.ctx, TenantA, "seed", []byte("mine")))
			ok(t, e.PutSecret(e.ctx, TenantA, "other", []byte("mine too")))
			ok(t, e.PutSecret(e.ctx, TenantB, "seed", []byte(plaintext)))
			e.do(t, copyRow+`'seed'`)
			e.do(t, copyRow+`'other'`)
			wantAltered(t, e, TenantA, "seed", plaintext)
			wantAltered(t, e, TenantA, "other", plaintext)
		}},
		{"stored as ciphertext only", func(t *testing.T, e *env) {
			ok(t, e.PutSecret(e.ctx, TenantA, "seed", []byte(plaintext)))
			dump := e.dump(t)
			if !bytes.Contains(dump, []byte("CONTOSO")) {
				t.Fatal("the dump does not hold the row at all")
			}
			for _, form := range []string{
				plaintext, hex.EncodeToString([]byte(plaintext)), base64.StdEncoding.EncodeToString([]byte(plaintext)),
			} {
				if bytes.Contains(dump, []byte(form)) {
					t.Errorf("the database holds the plaintext (%q)", form)
				}
			}
		}},
	}
}

func wantAltered(t *testing.T, e *env, tenant, name, plaintext string) {
	t.Helper()
	got, err := e.Secret(e.ctx, tenant, name)
	if !errors.Is(err, masterkey.ErrAltered) {
		t.Fatalf("opened %q, %v, want ErrAltered", got, err)
	}
	if strings.Contains(err.Error(), plaintext) {
		t.Errorf("error tells the secret: %v", err)
	}
}

// flip changes the last byte of every stored secret.
func (e *env) flip(t *testing.T) {
	t.Helper()
	db := e.raw(t)
	var sealed []byte
	ok(t, db.QueryRowContext(e.ctx, `SELECT sealed FROM secrets`).Scan(&sealed))
	sealed[len(sealed)-1] ^= 1
	_, err := db.ExecContext(e.ctx, `UPDATE secrets SET sealed = $1`, sealed) // both engines know $1
	ok(t, err)
}

// dump returns everything the database holds.
func (e *env) dump(t *testing.T) []byte {
	t.Helper()
	if path, found := strings.CutPrefix(e.dsn, "sqlite:"); found {
		return readFiles(t, path)
	}
	db := e.raw(t)
	rows, err := db.QueryContext(e.ctx, `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
	ok(t, err)
	var out bytes.Buffer
	for _, table := range texts(t, rows) {
		rows, err := db.QueryContext(e.ctx, `SELECT t::text FROM "`+table+`" t`) //nolint:gosec // table names of our own schema
		ok(t, err)
		out.WriteString(strings.Join(texts(t, rows), "\n"))
	}
	return out.Bytes()
}

// readFiles returns the database file with its log.
func readFiles(t *testing.T, path string) []byte {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	ok(t, err)
	var out []byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		ok(t, err)
		out = append(out, b...)
	}
	return out
}

// texts reads a column.
func texts(t *testing.T, rows *sql.Rows) []string {
	t.Helper()
	defer rows.Close() //nolint:errcheck // the same error as Err
	var found []string
	for rows.Next() {
		var text string
		ok(t, rows.Scan(&text))
		found = append(found, text)
	}
	ok(t, rows.Err())
	return found
}
