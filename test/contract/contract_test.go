package contract

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func TestMain(m *testing.M) { os.Exit(dctest.Main(m)) }

var (
	update = flag.Bool("update", false, "write docs/reference/contract.md")
	only   = flag.String("rows", "", "run only the rows whose title matches; the page is then neither written nor compared")
)

// minimumRows is what the suite must not fall below.
const minimumRows = 200

func TestContract(t *testing.T) {
	w := newWorld(t)
	groups := []struct {
		title string
		rows  []row
	}{
		{"Reset", resetRows()},
		{"Change", changeRows()},
		{"Administrator's reset", adminRows()},
		{"Unlock", unlockRows()},
		{"Policy", policyRows()},
	}
	page := page{}
	for _, g := range groups {
		page.add(g.title, w.run(t, g.rows))
	}
	w.allOver(t)
	page.add("With the rights on the whole domain", w.run(t, headRows()))
	if *only != "" {
		return
	}
	if n := page.rows(); n < minimumRows {
		t.Errorf("%d rows, want at least %d", n, minimumRows)
	}
	if lab.HasPolicyHints() && !t.Failed() {
		page.check(t, *update)
	}
}

// done is a row with what it gave.
type ran struct {
	row
	got result
}

func (w *world) run(t *testing.T, rows []row) []ran {
	t.Helper()
	rows = chosen(t, rows)
	subjects := w.people(t, rows)
	out := make([]ran, len(rows))
	t.Run("rows", func(t *testing.T) {
		for i, r := range rows {
			t.Run(r.title(), func(t *testing.T) {
				t.Parallel()
				out[i] = ran{r, w.one(t, r, subjects[i])}
				want := r.want
				if !lab.HasPolicyHints() {
					want = r.withoutHints()
				}
				if diff := cmp.Diff(want, out[i].got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	})
	return out
}

func chosen(t *testing.T, rows []row) []row {
	t.Helper()
	match, err := regexp.Compile(*only)
	if err != nil {
		t.Fatal(err)
	}
	var out []row
	for _, r := range rows {
		if match.MatchString(r.title()) {
			out = append(out, r)
		}
	}
	return out
}

func (r row) title() string {
	parts := []string{string(r.op), r.who.name}
	if r.next.of != nil {
		parts = append(parts, r.passwords())
	}
	return strings.Join(append(parts, r.rights), "; ")
}

func (r row) passwords() string {
	if r.current.of != nil {
		current := r.current.name
		if current == "the current one" {
			current = "right"
		}
		return current + " → " + r.next.name
	}
	return r.next.name
}

// one carries out one row.
func (w *world) one(t *testing.T, r row, s *subject) result {
	t.Helper()
	if r.who.prepare != nil {
		r.who.prepare(t, w, s)
	}
	guid, err := directory.ParseGUID(s.GUID)
	if err != nil {
		t.Fatal(err)
	}
	next := ""
	var secrets [][]byte
	for _, word := range []word{r.current, r.next} {
		if word.of != nil {
			next = word.of(s)
			secrets = append(secrets, []byte(next))
		}
	}
	before, begin := w.held(t, s), time.Now()
	if r.op == protocol.Policy {
		p := w.policy(t, guid[:])
		got := w.after(t, s, before, begin, s.Password)
		got.Answer, got.Says = "answered", says(p)
		if p.Reason != "" {
			got.Answer = "no: " + string(p.Reason)
		}
		return got
	}
	published := w.write(t, r.op, guid[:], secrets)
	if r.op == protocol.Unlock {
		next = s.Password
	}
	got := w.after(t, s, before, begin, next)
	got.Answer, got.Event, got.Must, got.Rule = answer(published), event.Code(published.Event), published.MustChange, rule(published.Rule)
	return got
}
