package storetest

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
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
			settings := e.SaveSettings(e.ctx, "nobody", tenant.Settings{})
			for _, err := range []error{byID, byAccount, settings} {
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("got %v, want ErrNotFound", err)
				}
			}
		}},
		{"settings of one tenant only", func(t *testing.T, e *env) {
			want := tenant.Settings{HelpURL: "https://help.example", Locale: "de"}
			ok(t, e.SaveSettings(e.ctx, TenantA, want))
			if diff := cmp.Diff(want, at[tenant.Tenant](t)(e.Tenant(e.ctx, TenantA)).Settings); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tenant.Settings{}, at[tenant.Tenant](t)(e.Tenant(e.ctx, TenantB)).Settings); diff != "" {
				t.Error(diff)
			}
		}},
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
