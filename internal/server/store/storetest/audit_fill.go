package storetest

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FilledFrom is the time of the first row of FillAudit; each row after it is a second later.
func FilledFrom() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// FillAudit gives TenantA a record of n rows, made by the database itself: ten million take minutes, not hours. Of ten
// rows six are one attempt, whose entry is the fifth of them, and four are entries of their own. Attempts come to
// "changed", seldom to "refused" or "failed", and hardly ever to "unknown"; none comes to "ok", though most of their
// rows are. The rows are not chained. A fill that was ended goes on where it stood.
func FillAudit(tb testing.TB, dsn string, n int) {
	tb.Helper()
	driver, name, quick := "pgx", dsn, []string{"SET synchronous_commit = off", "SET maintenance_work_mem = '512MB'"}
	if path, found := strings.CutPrefix(dsn, "sqlite:"); found {
		driver, name, quick = "sqlite", "file:"+path, []string{"PRAGMA synchronous = OFF", "PRAGMA cache_size = -200000", "PRAGMA temp_store = FILE"}
	}
	db, err := sql.Open(driver, name)
	ok(tb, err)
	defer func() { ok(tb, db.Close()) }()
	db.SetMaxOpenConns(1) // what quick sets is a connection's
	do := func(text string, args ...any) {
		_, err := db.ExecContext(tb.Context(), text, args...)
		ok(tb, err)
	}
	for _, text := range quick {
		do(text)
	}
	const part = 1_000_000
	begun := fillBegun(tb, db, driver)
	if !begun && fillLast(tb, db, "audit") == n {
		return
	}
	if !begun {
		do(`CREATE TABLE fill_indexes (name TEXT, text TEXT)`)
		do(`INSERT INTO fill_indexes ` + indexTexts(driver))
	}
	indexes := fillIndexes(tb, db)
	if fillLast(tb, db, "audit_entries") < n {
		for _, index := range indexes {
			do("DROP INDEX IF EXISTS " + index.name)
		}
	}
	for from := fillLast(tb, db, "audit") + 1; from <= n; from += part {
		do(fillText(driver, from, min(from+part-1, n)))
	}
	for from := fillLast(tb, db, "audit_entries") + 1; from <= n; from += part {
		do(fmt.Sprintf(`INSERT INTO audit_entries (tenant, seq, support, at, activity, result, actor, target)
			SELECT tenant, seq, support, at, activity, result, actor, target FROM audit
			WHERE tenant = '%s' AND seq >= %d AND seq < %d AND (seq - 1) %% 10 NOT IN (0, 1, 2, 3, 5) ORDER BY seq`, TenantA, from, from+part))
	}
	do(`DELETE FROM audit_counts WHERE tenant = '` + TenantA + `'`)
	do(`INSERT INTO audit_counts (tenant, activity, slot, result, n) SELECT tenant, activity, at / 900000, result, COUNT(*) FROM audit_entries
		WHERE tenant = '` + TenantA + `' GROUP BY tenant, activity, at / 900000, result`)
	for _, index := range indexes {
		do(strings.Replace(index.text, "INDEX ", "INDEX IF NOT EXISTS ", 1))
	}
	do("ANALYZE audit")         //nolint:misspell // SQL's word
	do("ANALYZE audit_entries") //nolint:misspell // SQL's word
	do("DROP TABLE fill_indexes")
}

// fillBegun reports whether an earlier run was ended in the middle: its indexes are gone, and fill_indexes says which.
func fillBegun(tb testing.TB, db *sql.DB, driver string) bool {
	tb.Helper()
	text := `SELECT COUNT(*) FROM sqlite_master WHERE name = 'fill_indexes'`
	if driver == "pgx" {
		text = `SELECT COUNT(*) FROM pg_tables WHERE tablename = 'fill_indexes'`
	}
	var n int
	ok(tb, db.QueryRowContext(tb.Context(), text).Scan(&n))
	return n > 0
}

func fillLast(tb testing.TB, db *sql.DB, table string) (n int) {
	tb.Helper()
	ok(tb, db.QueryRowContext(tb.Context(), `SELECT COALESCE(MAX(seq), 0) FROM `+table+` WHERE tenant = '`+TenantA+`'`).Scan(&n))
	return n
}

func indexTexts(driver string) string {
	if driver == "pgx" {
		return `SELECT indexname, indexdef FROM pg_indexes WHERE tablename IN ('audit', 'audit_entries') AND indexname NOT LIKE '%pkey'`
	}
	return `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('audit', 'audit_entries') AND sql IS NOT NULL`
}

type fillIndex struct{ name, text string }

func fillIndexes(tb testing.TB, db *sql.DB) []fillIndex {
	tb.Helper()
	rows, err := db.QueryContext(tb.Context(), `SELECT name, text FROM fill_indexes`)
	ok(tb, err)
	defer func() { ok(tb, rows.Close()) }()
	var found []fillIndex
	for rows.Next() {
		var i fillIndex
		ok(tb, rows.Scan(&i.name, &i.text))
		found = append(found, i)
	}
	ok(tb, rows.Err())
	return found
}

// fillText inserts rows from to to. n is a row's number, g its group of ten, p its place there.
func fillText(driver string, from, to int) string {
	series := fmt.Sprintf(`(WITH RECURSIVE s(n) AS (SELECT %d UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n, (n - 1) / 10 AS g, (n - 1) %% 10 AS p FROM s)`, from, to)
	code, hash := `printf('HW-%08x', g)`, `randomblob(32)`
	if driver == "pgx" {
		series = fmt.Sprintf(`(SELECT n::bigint, ((n - 1) / 10)::bigint AS g, (n - 1) %% 10 AS p FROM generate_series(%d, %d) n)`, from, to)
		code, hash = `'HW-' || lpad(to_hex(g), 8, '0')`, `decode(md5(n::text) || md5(g::text), 'hex')`
	}
	return `INSERT INTO audit (tenant, seq, at, support, activity, hop, event, result, reason, actor, target, detail, micros, prev, hash)
		SELECT '` + TenantA + `', n, ` + strconv.FormatInt(FilledFrom().UnixMilli(), 10) + ` + n * 1000,
		CASE WHEN p < 6 THEN ` + code + ` ELSE '' END,
		CASE WHEN p < 6 THEN CASE WHEN g % 5 = 0 THEN 'Unlock user account (self-service)' ELSE 'Reset password (self-service)' END
			WHEN p = 6 THEN 'Agent connection' WHEN p = 7 THEN 'Sign in (administrator)'
			WHEN g % 100003 = 5 THEN 'Revoke agent' WHEN p = 8 THEN 'Look up user account (by admin)' ELSE 'Change setting' END,
		'portal',
		CASE WHEN p = 5 THEN 34008 WHEN p = 4 THEN 31002 WHEN p < 4 THEN 34001 + p ELSE 34060 END,
		CASE WHEN p = 4 THEN CASE WHEN g % 100003 = 7 THEN 'unknown' WHEN g % 101 = 3 THEN 'failed' WHEN g % 11 = 1 THEN 'refused' ELSE 'changed' END
			WHEN p > 6 AND n % 97 = 0 THEN 'refused' ELSE 'ok' END,
		'',
		CASE WHEN p = 4 OR p = 6 THEN 'U' || (g % 3) WHEN p > 6 THEN CASE WHEN g % 2 = 0 THEN 'karin' ELSE 'omar' END ELSE '' END,
		CASE WHEN p < 6 THEN CASE WHEN g % 50 = 0 THEN 'p-often' ELSE 'p' || (g % 50000) END WHEN p = 6 THEN 'U' || (g % 3)
			WHEN p = 8 THEN 'p' || (g % 50000) ELSE '' END,
		'LDAP 0 success', 1000 + p, ` + hash + `, ` + hash + ` FROM ` + series + ` AS rows`
}
