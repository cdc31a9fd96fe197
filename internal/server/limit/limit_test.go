package limit_test

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/server/limit"
	"homeward/internal/server/store/storetest"
	"homeward/test/pgtest"
)

// clock is set by hand.
type clock struct{ now time.Time }

func (c *clock) read() time.Time         { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func newClock() *clock { return &clock{time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func pepper() []byte { return []byte("pepper of the test, thirty-two b") }

// engines runs a test on both.
func engines(t *testing.T, run func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { run(t, storetest.SQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { run(t, pgtest.Start(t)) })
}

func take(t *testing.T, l *limit.Limiter, r limit.Rule, key string) (bool, time.Time) {
	t.Helper()
	passed, retryAt, err := l.Take(t.Context(), r, key)
	if err != nil {
		t.Fatal(err)
	}
	if passed != retryAt.IsZero() {
		t.Errorf("passed %v with retry at %v", passed, retryAt)
	}
	return passed, retryAt
}

func TestBurstThenOneAtATime(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		c := newClock()
		l := limit.New(storetest.Open(t, dsn), pepper(), c.read)
		rule := limit.Rule{Name: "name", Burst: 3, Period: 30 * time.Second}
		for i := range 3 {
			if passed, _ := take(t, l, rule, "asa"); !passed {
				t.Errorf("take %d of the burst refused", i)
			}
		}
		for range 2 { // being refused costs nothing
			passed, retryAt := take(t, l, rule, "asa")
			if want := c.now.Add(10 * time.Second); passed || !retryAt.Equal(want) {
				t.Errorf("passed %v, retry at %v, want %v", passed, retryAt, want)
			}
		}
		if passed, _ := take(t, l, rule, "other"); !passed {
			t.Error("another key is limited too")
		}
		if passed, _ := take(t, l, limit.Rule{Name: "other", Burst: 1, Period: time.Second}, "asa"); !passed {
			t.Error("another rule is limited too")
		}
		c.advance(10*time.Second - time.Millisecond)
		if passed, _ := take(t, l, rule, "asa"); passed {
			t.Error("passed before its time")
		}
		c.advance(time.Millisecond)
		if passed, _ := take(t, l, rule, "asa"); !passed {
			t.Error("refused at the time that was promised")
		}
		if passed, _ := take(t, l, rule, "asa"); passed {
			t.Error("passed twice at that time")
		}
	})
}

func TestSurvivesRestart(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		c := newClock()
		rule := limit.Rule{Name: "name", Burst: 1, Period: time.Hour}
		take(t, limit.New(storetest.Open(t, dsn), pepper(), c.read), rule, "asa")
		c.advance(59 * time.Minute)
		if passed, _ := take(t, limit.New(storetest.Open(t, dsn), pepper(), c.read), rule, "asa"); passed {
			t.Error("the restart forgot")
		}
	})
}

func TestReset(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		c := newClock()
		l := limit.New(storetest.Open(t, dsn), pepper(), c.read)
		rule := limit.Rule{Name: "name", Burst: 1, Period: time.Hour}
		take(t, l, rule, "asa")
		take(t, l, rule, "bob")
		for range 2 { // resetting what is not there is no error
			if err := l.Reset(t.Context(), rule, "asa"); err != nil {
				t.Fatal(err)
			}
		}
		if passed, _ := take(t, l, rule, "asa"); !passed {
			t.Error("still limited after the reset")
		}
		if passed, _ := take(t, l, rule, "bob"); passed {
			t.Error("somebody else was reset")
		}
	})
}

func TestTakeAllIsAllOrNothing(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		c := newClock()
		l := limit.New(storetest.Open(t, dsn), pepper(), c.read)
		wide := limit.Claim{Rule: limit.Rule{Name: "address", Burst: 2, Period: 2 * time.Minute}, Key: "192.0.2.1"}
		narrow := limit.Claim{Rule: limit.Rule{Name: "name", Burst: 1, Period: time.Hour}, Key: "asa"}
		all := func(claims ...limit.Claim) time.Time {
			t.Helper()
			_, retryAt, err := l.TakeAll(t.Context(), claims...)
			if err != nil {
				t.Fatal(err)
			}
			return retryAt
		}
		if at := all(wide, narrow); !at.IsZero() {
			t.Fatal("refused")
		}
		for range 5 { // refused by narrow: wide must stay as it is
			if at := all(wide, narrow); !at.Equal(c.now.Add(time.Hour)) {
				t.Errorf("retry at %v", at)
			}
		}
		if at := all(wide); !at.IsZero() {
			t.Error("a refused take cost something")
		}
		if at := all(narrow, wide); !at.Equal(c.now.Add(time.Hour)) {
			t.Errorf("retry at %v, want the latest of both", at)
		}
		twice := limit.Claim{Rule: limit.Rule{Name: "twice", Burst: 3, Period: time.Hour}, Key: "x"}
		if at := all(twice, twice); !at.IsZero() {
			t.Error("two of three refused")
		}
		if at := all(twice, twice); at.IsZero() {
			t.Error("four of three passed")
		}
		if at := all(); !at.IsZero() {
			t.Error("nothing asked, and refused")
		}
	})
}

// TestNeverMoreThanTheRule takes at random moments and checks every stretch of time between two takes.
func TestNeverMoreThanTheRule(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		s := storetest.Open(t, dsn)
		for seed := range uint64(8) {
			r := rand.New(rand.NewPCG(seed, 1))
			rule := limit.Rule{Name: "name", Burst: 1 + r.IntN(7), Period: time.Duration(1+r.IntN(100_000)) * time.Millisecond}
			c := newClock()
			l := limit.New(s, append(pepper(), byte(seed)), c.read)
			var passed []time.Time
			for range 150 {
				c.advance(time.Duration(r.Int64N(int64(rule.Period/3) + 1)))
				if got, retryAt := take(t, l, rule, "asa"); got {
					passed = append(passed, c.now)
				} else if !retryAt.After(c.now) || retryAt.Sub(c.now) > rule.Period/time.Duration(rule.Burst)+time.Millisecond {
					t.Errorf("%+v: refused until %v at %v", rule, retryAt, c.now)
				}
			}
			checkStretches(t, rule, passed)
		}
	})
}

func checkStretches(t *testing.T, rule limit.Rule, passed []time.Time) {
	t.Helper()
	if len(passed) < 20 {
		t.Errorf("%+v: only %d takes passed", rule, len(passed))
	}
	for i, from := range passed {
		for j, until := range passed[i:] {
			stretch := until.Sub(from) + time.Millisecond // the store keeps milliseconds
			most := rule.Burst + int(stretch*time.Duration(rule.Burst)/rule.Period)
			if n := j + 1; n > most {
				t.Fatalf("%+v: %d takes within %v, at most %d are allowed", rule, n, stretch, most)
			}
		}
	}
}

func TestTakenAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		c := newClock()
		s := storetest.Open(t, dsn)
		first, second := limit.New(s, pepper(), c.read), limit.New(s, pepper(), c.read) // two servers
		a := limit.Claim{Rule: limit.Rule{Name: "a", Burst: 7, Period: time.Hour}, Key: "x"}
		b := limit.Claim{Rule: limit.Rule{Name: "b", Burst: 9, Period: time.Hour}, Key: "x"}
		var passed atomic.Int32
		done := make(chan struct{})
		for i := range 20 {
			go func() {
				defer func() { done <- struct{}{} }()
				l, claims := first, []limit.Claim{a, b}
				if i%2 == 1 {
					l, claims = second, []limit.Claim{b, a}
				}
				got, _, err := l.TakeAll(t.Context(), claims...)
				if err != nil {
					t.Error(err)
				}
				if got {
					passed.Add(1)
				}
			}()
		}
		for range 20 {
			<-done
		}
		if n := passed.Load(); n != 7 {
			t.Errorf("%d passed, want 7", n)
		}
	})
}

// recorder keeps the ids that reach the store, and counts what is pruned.
type recorder struct {
	limit.Store
	ids    []string
	pruned int
}

func (r *recorder) TakeLimits(ctx context.Context, now time.Time, buckets []limit.Bucket) (time.Time, error) {
	for _, b := range buckets {
		r.ids = append(r.ids, b.ID)
	}
	return r.Store.TakeLimits(ctx, now, buckets)
}

func (r *recorder) PruneLimits(ctx context.Context, now time.Time) error {
	r.pruned++
	return r.Store.PruneLimits(ctx, now)
}

func TestKeysAreStoredAsHashes(t *testing.T) {
	rec := &recorder{Store: storetest.New(t)}
	c := newClock()
	l := limit.New(rec, pepper(), c.read)
	rule := limit.Rule{Name: "name", Burst: 9, Period: time.Hour}
	take(t, l, rule, "MyPassword1!")
	take(t, limit.New(rec, []byte("another pepper"), c.read), rule, "MyPassword1!")
	take(t, l, limit.Rule{Name: "nam", Burst: 9, Period: time.Hour}, "eMyPassword1!")
	if len(slices.Compact(slices.Sorted(slices.Values(rec.ids)))) != 3 {
		t.Errorf("ids are not apart: %v", rec.ids)
	}
	for _, id := range rec.ids {
		if len(id) != 64 || strings.Contains(id, "Password") {
			t.Errorf("stored id %q is not a hash", id)
		}
	}
}

func TestFullBucketsArePruned(t *testing.T) {
	engines(t, func(t *testing.T, dsn string) {
		rec := &recorder{Store: storetest.Open(t, dsn)}
		c := newClock()
		l := limit.New(rec, pepper(), c.read)
		short := limit.Rule{Name: "short", Burst: 2, Period: time.Minute}
		long := limit.Rule{Name: "long", Burst: 1, Period: time.Hour}
		for i := range 10 {
			take(t, l, short, string(rune('a'+i)))
		}
		take(t, l, long, "asa")
		if rec.pruned != 1 {
			t.Errorf("pruned %d times within a moment", rec.pruned)
		}
		if n := rows(t, dsn); n != 11 {
			t.Errorf("%d rows, want 11", n)
		}
		c.advance(time.Minute)
		if passed, _ := take(t, l, long, "asa"); passed {
			t.Error("a count that still matters was pruned")
		}
		if n := rows(t, dsn); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	})
}

// rows counts what is stored.
func rows(t *testing.T, dsn string) int {
	t.Helper()
	driver, name := "pgx", dsn
	if path, found := strings.CutPrefix(dsn, "sqlite:"); found {
		driver, name = "sqlite", path
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM limits`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRulesAreChecked(t *testing.T) {
	l := limit.New(storetest.New(t), pepper(), time.Now)
	for _, rule := range []limit.Rule{
		{Burst: 1, Period: time.Hour}, {Name: "x", Period: time.Hour}, {Name: "x", Burst: 1}, {Name: "x", Burst: -1, Period: -1},
	} {
		if passed, _, err := l.Take(t.Context(), rule, "key"); err == nil || passed {
			t.Errorf("%+v: passed %v, %v", rule, passed, err)
		}
		if err := l.Reset(t.Context(), rule, "key"); err == nil {
			t.Errorf("%+v: reset", rule)
		}
	}
}

func TestDatabaseGoneIsRefused(t *testing.T) {
	s := storetest.New(t)
	l := limit.New(s, pepper(), time.Now)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if passed, _, err := l.Take(t.Context(), limit.Rule{Name: "x", Burst: 1, Period: time.Hour}, "key"); err == nil || passed {
		t.Errorf("passed %v, %v", passed, err)
	}
}
