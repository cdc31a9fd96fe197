package server

import (
	"context"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/protocol"
	"homeward/internal/server/locale"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/notify"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Everybody a name may belong to, as far as a visitor must not tell them apart. All names are of one length.
func kindsOfNames() map[string]string {
	return map[string]string{
		"ordinary": "amara01@contoso.com", "unknown": "nobody1@contoso.com", "disabled": "disabl1@contoso.com", "without mail": "nomail1@contoso.com",
		"out of scope": "outside@contoso.com", "protected": "protect@contoso.com", "role holder": "holder1@contoso.com", "held": "helding@contoso.com",
		"shared mail": "sharem@mail.example",
	}
}

// crowd is a bench with somebody of each kind, the tenant's real choice of whom it is for, and the real queue of mails.
func crowd(t *testing.T, dsn string) *bench {
	b := newBench(t, dsn)
	var all []protocol.Person
	var members []string
	i := 0x10
	for kind, name := range kindsOfNames() {
		if kind == "unknown" {
			continue
		}
		sam, _, _ := strings.Cut(name, "@")
		i++
		p := protocol.Person{Anchor: strings.Repeat(fmt.Sprintf("%02x", i), 16), UPN: name, SAM: sam, Mail: sam + "@mail.example", DN: "CN=" + sam, Disabled: kind == "disabled", Protected: kind == "protected"}
		switch kind {
		case "without mail":
			p.Mail = ""
		case "shared mail": // two accounts have the address that is typed
			p.UPN, p.Mail = "first@contoso.com", name
			twin := p
			twin.Anchor, twin.SAM, twin.UPN = strings.Repeat("0f", 16), "twin", "second@contoso.com"
			all, members = append(all, twin), append(members, twin.Anchor)
		}
		all = append(all, p)
		if kind != "out of scope" {
			members = append(members, p.Anchor)
		}
	}
	page := protocol.People{Version: 1, Agent: "UAGENT", Import: "crowd", Last: true, Domain: "corp.contoso.test", NetBIOS: "CONTOSO", People: all}
	if _, err := provision.NewImporter(b.engine()).Page(t.Context(), "contoso", "UAGENT", page); err != nil {
		t.Fatal(err)
	}
	held := b.person("helding@contoso.com")
	held.Held = protocol.ReasonAmbiguous
	if err := b.store.UpdatePeople(t.Context(), []provision.Person{held}); err != nil {
		t.Fatal(err)
	}
	if err := b.store.PutRole(t.Context(), provision.Role{Tenant: "contoso", Person: b.person("holder1@contoso.com").ID, Role: "User Administrator", At: b.clock()}); err != nil {
		t.Fatal(err)
	}
	group := strings.Repeat("aa", 16)
	if err := b.store.PutGroups(t.Context(), []provision.Group{{Tenant: "contoso", Object: group, Domain: "corp.contoso.test", Name: "May reset", DN: "CN=G"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.store.PutMembers(t.Context(), "contoso", group, "x", members); err != nil {
		t.Fatal(err)
	}
	b.tenant.Settings.ResetScope, b.tenant.Settings.ResetGroup = tenant.ScopeSelected, group
	key, err := masterkey.New()
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := locale.New()
	if err != nil {
		t.Fatal(err)
	}
	queue := notify.NewQueue(b.store, key, notify.Channels{}, b.clock, slog.New(slog.DiscardHandler)) // nothing sends: that would be noise
	b.deps.Notices = notify.NewLetters(queue, catalog, "https://password.contoso.test", b.clock)
	b.deps.InScope = b.engine().InScope
	b.deps.HoldsRole = func(ctx context.Context, tenantID, person string) (bool, error) {
		roles, err := b.store.RolesOf(ctx, tenantID, []string{person})
		return len(roles) > 0, err
	}
	b.Service = reset.New(b.deps)
	t.Cleanup(b.Close)
	return b
}

// TestSharedMailboxIsToldLater: who typed an address that two accounts have sees what everybody sees, and its owner hears what to
// type instead, but not while the visitor could measure that; a server that is stopped meanwhile tells it before it goes.
func TestSharedMailboxIsToldLater(t *testing.T) {
	t.Parallel()
	b := crowd(t, sqliteDSN(t))
	told := &letters{}
	b.deps.Notices = told
	b.Service = reset.New(b.deps)
	for _, typed := range []string{"sharem@mail.example", "amara01@contoso.com", "nobody1@contoso.com"} {
		_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: typed, Kind: protocol.Reset, Address: "192.0.2.1", Locale: "de"})
		if err != nil || a.State != reset.Started {
			t.Fatalf("%s: %s, %v", typed, a.State, err)
		}
	}
	if got := told.toShared(); got != nil {
		t.Errorf("told while the visitor waits: %v", got)
	}
	b.Close()
	if diff := cmp.Diff([]string{"sharem@mail.example de"}, told.toShared()); diff != "" {
		t.Errorf("told in the end (-want +got):\n%s", diff)
	}
}

// stranger is a browser that has proven nothing, in front of the handler itself: no network hides a difference.
type stranger struct {
	t       *testing.T
	handler http.Handler
	from    string
	cookie  string
}

func (s *stranger) ask(method, path string, form url.Values) (*http.Response, time.Duration) {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, "https://password.contoso.test"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = s.from + ":1"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if s.cookie != "" {
		r.Header.Set("Cookie", "__Host-homeward="+s.cookie)
	}
	w := httptest.NewRecorder()
	began := time.Now()
	s.handler.ServeHTTP(w, r)
	took := time.Since(began)
	answer := w.Result()
	for _, c := range answer.Cookies() {
		if c.Name == "__Host-homeward" {
			s.cookie = c.Value
		}
	}
	return answer, took
}

// everything a stranger can ask without a code, in order.
func everything() []struct {
	method, path string
	form         url.Values
} {
	wrong := url.Values{"code": {"000000"}}
	steps := []struct {
		method, path string
		form         url.Values
	}{
		{"GET", "/verify/1", nil},
		{"GET", "/verify/1/code", nil},
		{"POST", "/verify/1/code", wrong},
		{"POST", "/verify/1", url.Values{"method": {"mail"}}},
		{"GET", "/verify/1/code", nil},
		{"POST", "/verify/1/code", wrong},
		{"POST", "/verify/1/code", url.Values{"code": {"12"}}},
		{"POST", "/verify/1/resend", nil},
		{"POST", "/verify/1", url.Values{"method": {"mail"}}},
		{"POST", "/verify/1", url.Values{"method": {"app"}}},
		{"POST", "/verify/1", url.Values{"method": {"mail-2"}}},
		{"GET", "/password", nil},
		{"POST", "/password/ticket", url.Values{"flow": {"x"}}},
		{"GET", "/status/x", nil},
		{"GET", "/verify/2", nil},
		{"GET", "/security-info", nil},
		{"POST", "/verify/1", url.Values{"method": {"pass"}}},
		{"POST", "/verify/1/code", url.Values{"code": {"AAAA-AAAA"}}},
		{"POST", "/verify/1", url.Values{"method": {"mail"}}},
	}
	for range 5 {
		steps = append(steps, steps[5])
	}
	return steps
}

// TestNamesAreIndistinguishable in words, status, headers and size, in everything that can be asked, and where nobody may use
// the portal too.
func TestNamesAreIndistinguishable(t *testing.T) {
	for _, c := range []struct {
		what string
		set  func(b *bench)
	}{
		{"as usual", func(*bench) {}},
		{"nobody is in scope", func(b *bench) { b.tenant.Settings.ResetScope = tenant.ScopeNone }},
		{"not licensed", func(b *bench) { b.deps.Licensed = func(tenant.Tenant) bool { return false } }},
		{"turned off", func(b *bench) { b.tenant.Settings.WritebackOff = true }},
		{"no agent", func(b *bench) { b.fleet.writers = 0 }},
		{"registered ways only", func(b *bench) { b.tenant.Settings.Checks.RegisteredOnly = true }},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := crowd(t, sqliteDSN(t))
			c.set(b)
			b.Service = reset.New(b.deps)
			t.Cleanup(b.Close)
			handler := b.site(t).Handler()
			for i, first := range []string{"/start", "/change", "/security-info"} {
				var want []string
				for _, kind := range append([]string{"ordinary"}, slices.Sorted(maps.Keys(kindsOfNames()))...) {
					name := kindsOfNames()[kind]
					s := &stranger{t: t, handler: handler, from: fmt.Sprintf("192.0.2.%d", i)}
					got := []string{s.told("POST", first, url.Values{"name": {name}, "problem": {"forgot"}}, name)}
					for _, step := range everything() {
						got = append(got, s.told(step.method, step.path, step.form, name))
					}
					if want == nil {
						want = got
						continue
					}
					if diff := cmp.Diff(want, got); diff != "" && kind != "ordinary" {
						t.Errorf("%s: %s differs from ordinary:\n%s", first, kind, diff)
					}
				}
				b.advance(24 * time.Hour * 30)
			}
		})
	}
}

// told is all of an answer that a visitor sees, without what is drawn anew for each.
func (s *stranger) told(method, path string, form url.Values, name string) string {
	s.t.Helper()
	answer, _ := s.ask(method, path, form)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var headers strings.Builder
	if err := answer.Header.Write(&headers); err != nil {
		s.t.Fatal(err)
	}
	text := fmt.Sprintf("%s %s: %d, %d bytes\n%s%s", method, path, answer.StatusCode, len(body), headers.String(), body)
	text = strings.ReplaceAll(text, html.EscapeString(name), "NAME")
	for _, drawn := range []string{`[a-z]•••@mail\.example`, `__Host-homeward=[A-Z0-9]+`, `/status/[A-Z0-9]{26}`, `HW-[0-9A-Z]{4}-[0-9A-Z]{4}`} {
		text = regexp.MustCompile(drawn).ReplaceAllString(text, "DRAWN")
	}
	return text
}

// TestTimeTellsNoName asks 2,000 times and more, in random order, what a stranger can, and compares each kind of name with
// ordinary people's by rank. To be found, a difference must be no accident and large enough to be of use to anybody; that it
// then is found is shown with one of two milliseconds: a machine too busy to show it is asked longer. A measurement that found
// something is repeated once.
//
// Likewise where the directory's own knowledge opens the security info of whoever has registered nothing, and where everybody
// has a passkey and questions: an invented check of a kind takes the time of a real one.
func TestTimeTellsNoName(t *testing.T) {
	first := func(path string) step { return step{"POST", path, url.Values{"problem": {"forgot"}}} }
	byMail := []step{{"GET", "/verify/1", nil}, {"POST", "/verify/1", url.Values{"method": {"mail"}}}, {"POST", "/verify/1/code", url.Values{"code": {"000000"}}}}
	for _, c := range []walkOf{
		{what: "mail", rounds: 80, steps: append([]step{first("/start")}, byMail...)},
		{
			what: "first proof", rounds: 24, few: true, steps: append([]step{first("/security-info")}, byMail...),
			set: func(b *bench) { b.tenant.Settings.FirstProof = true },
		},
		{
			what: "passkey", rounds: 24, few: true, set: (*bench).allHavePasskeysAndQuestions, steps: []step{
				first("/start"),
				{"GET", "/verify/1", nil},
				{"POST", "/verify/1", url.Values{"method": {"passkey"}}},
				{"GET", "/verify/1/code", nil},
				{"POST", "/verify/1/code", url.Values{"code": {noPasskey}}},
			},
		},
		{
			// An answer takes three slow hashes, or would take none: tens of milliseconds. Administrators have no questions.
			what: "questions", rounds: 24, few: true, set: (*bench).allHavePasskeysAndQuestions,
			not: []string{"protected", "role holder", "held", "shared mail"}, steps: []step{
				first("/start"),
				{"POST", "/verify/1", url.Values{"method": {"questions"}}},
				{"GET", "/verify/1/code", nil},
				{"POST", "/verify/1/code", url.Values{"answer1": {"what"}, "answer2": {"who"}, "answer3": {"when"}}},
			},
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			found, blind := c.measured(t)
			if len(found) > 0 {
				t.Logf("measured again, because of: %v", found)
				again, still := c.measured(t)
				found = slices.DeleteFunc(found, func(f string) bool { return !slices.Contains(again, f) })
				blind = append(blind, still...)
			}
			for _, f := range slices.Concat(found, blind) {
				t.Error(f)
			}
		})
	}
}

// noPasskey is an answer in the form of a passkey's, to the challenge of nobody.
const noPasskey = `{"id":"bm9ib2R5","rawId":"bm9ib2R5","type":"public-key","response":{"clientDataJSON":` +
	`"eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQUFBQSIsIm9yaWdpbiI6Imh0dHBzOi8vcGFzc3dvcmQuY29udG9zby50ZXN0In0","authenticatorData":` +
	`"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAFAAAAAQ","signature":"MAYCAQECAQE","userHandle":"bm9ib2R5"}}`

// allHavePasskeysAndQuestions: so every name is offered both, whoever it belongs to.
func (b *bench) allHavePasskeysAndQuestions() {
	b.t.Helper()
	b.tenant.Settings.Checks = tenant.Checks{Required: 2, Methods: tenant.AllMethods()}
	passkeys, err := verify.NewPasskeys("https://password.contoso.test", "Contoso", []byte("passkey key"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.deps.Passkeys = passkeys
	var given []verify.QA
	for q, a := range known() {
		given = append(given, verify.QA{Question: q, Answer: a})
	}
	answers, err := verify.NewAnswers(given, 3)
	if err != nil {
		b.t.Fatal(err)
	}
	for kind, name := range kindsOfNames() {
		switch kind {
		case "unknown":
			name = "second@contoso.com"
		case "shared mail":
			name = "first@contoso.com"
		}
		b.with(b.person(name).ID, verify.Questions, "", answers)
		b.with(b.person(name).ID, verify.Passkey, "", []byte(`{"id":"c29tZWJvZHkx"}`))
	}
}

// step is one request of a walk.
type step struct {
	method, path string
	form         url.Values
}

// walkOf is what a stranger asks, in order, and what the tenant has chosen.
type walkOf struct {
	what   string
	set    func(b *bench)
	steps  []step
	not    []string // kinds of names that are led elsewhere, as they may be
	rounds int
	few    bool // rounds: there is no artificial kind; that a difference is found is shown with one that is far beyond the noise
}

const slower = "slower"

// patience is how many times as many rounds are asked, on a machine so busy that fewer show nothing.
const patience = 5

// measured returns what tells kinds of names apart, and where the artificial kind wasn't told although it was asked again
// and again.
func (c walkOf) measured(t *testing.T) (found, blind []string) {
	t.Helper()
	m := c.begin(t)
	for m.round < c.rounds*patience {
		for range c.rounds {
			m.ask(t)
		}
		if found, blind = m.judge(t); len(blind) == 0 {
			break
		}
	}
	return found, blind
}

// measurement is a walk that is asked for every kind of name, round after round.
type measurement struct {
	walkOf

	b       *bench
	handler http.Handler
	names   map[string]string
	kinds   []string
	times   map[string][][]float64 // of each kind and step, against the round's median, in ms
	round   int
}

func (c walkOf) begin(t *testing.T) *measurement {
	t.Helper()
	b := crowd(t, sqliteDSN(t))
	if c.set != nil {
		c.set(b)
		b.Service = reset.New(b.deps)
		t.Cleanup(b.Close)
	}
	m := &measurement{walkOf: c, b: b, handler: b.site(t).Handler(), names: kindsOfNames(), times: map[string][][]float64{}}
	if !c.few {
		m.names[slower] = "unknown@contoso.com"
	}
	maps.DeleteFunc(m.names, func(k, _ string) bool { return slices.Contains(c.not, k) })
	m.kinds = slices.Sorted(maps.Keys(m.names))
	for _, k := range m.kinds {
		m.times[k] = make([][]float64, len(c.steps))
	}
	return m
}

// ask is one round.
func (m *measurement) ask(t *testing.T) {
	t.Helper()
	m.b.advance(13 * time.Hour) // so that no limit is met
	warm := &stranger{t: t, handler: m.handler, from: "198.51.100.1"}
	warm.ask("POST", "/start", url.Values{"name": {"warm"}, "problem": {"forgot"}}) // what is remembered for a minute is looked up now
	warm.ask("GET", "/verify/1", nil)
	visitors := map[string]*stranger{}
	for i, step := range m.steps {
		where := ""
		row := make([]float64, len(m.kinds))
		for _, n := range rand.Perm(len(m.kinds)) {
			k := m.kinds[n]
			form := step.form
			if i == 0 {
				visitors[k] = &stranger{t: t, handler: m.handler, from: fmt.Sprintf("192.0.2.%d", n)}
				name := m.names[k]
				if k == "unknown" || k == slower {
					name = fmt.Sprintf("%c%03d%02d@contoso.com", 'a'+m.round%26, m.round, n)
				}
				form = maps.Clone(step.form)
				form.Set("name", name)
			}
			answer, took := visitors[k].ask(step.method, step.path, form)
			if answer.StatusCode >= 429 {
				t.Fatalf("%s: %s %s: %s", k, step.method, step.path, answer.Status)
			}
			if to := answer.Status + " " + answer.Header.Get("Location"); where == "" {
				where = to
			} else if to != where {
				t.Fatalf("%s: %s %s leads to %q, others to %q", k, step.method, step.path, to, where)
			}
			if k == slower {
				took += 2 * time.Millisecond
			}
			row[n] = took.Seconds() * 1000
		}
		middle := median(row)
		for n, k := range m.kinds {
			m.times[k][i] = append(m.times[k][i], row[n]-middle) // what slows a whole round down is no difference
		}
	}
	m.round++
}

func (m *measurement) judge(t *testing.T) (found, blind []string) {
	t.Helper()
	t.Logf("%d requests", m.round*len(m.kinds)*len(m.steps))
	for i, step := range m.steps {
		base := m.times["ordinary"][i]
		if z, _ := ranked(later(base, far(base)), base); m.few && z <= 5 {
			blind = append(blind, fmt.Sprintf("%s %s: not even %.0f ms are found: z %.1f", step.method, step.path, far(base), z))
		}
		for _, k := range m.kinds {
			if k == "ordinary" {
				continue
			}
			z, shift := ranked(m.times[k][i], base)
			t.Logf("%-5s %-15s %-15s shifted by %+.3f ms, z %+.1f", step.method, step.path, k, shift, z)
			told := math.Abs(z) > 5 && math.Abs(shift) > 0.25+spread(base)/4
			if k == slower {
				if z < 4 || shift < 1 {
					blind = append(blind, fmt.Sprintf("%s %s: two milliseconds are not found: shifted by %.3f ms, z %.1f", step.method, step.path, shift, z))
				}
				continue
			}
			if told {
				found = append(found, fmt.Sprintf("%s %s takes another time for %s", step.method, step.path, k))
			}
		}
	}
	return found, blind
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[len(sorted)/2] + sorted[(len(sorted)-1)/2]) / 2
}

// spread is the middle half's width.
func spread(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)*3/4] - sorted[len(sorted)/4]
}

// far is beyond the noise, whatever the machine is doing.
func far(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return 5 * (sorted[len(sorted)*9/10] - sorted[len(sorted)/10])
}

func later(all []float64, by float64) []float64 {
	out := make([]float64, len(all))
	for i, x := range all {
		out[i] = x + by
	}
	return out
}

// ranked is Mann and Whitney's test with its normal approximation, and by how much the one is shifted against the other
// (Hodges and Lehmann's estimate: the median of all differences).
func ranked(a, b []float64) (z, shift float64) {
	var u float64
	differences := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			differences = append(differences, x-y)
			switch {
			case x > y:
				u++
			case x == y:
				u += 0.5
			}
		}
	}
	n, m := float64(len(a)), float64(len(b))
	return (u - n*m/2) / math.Sqrt(n*m*(n+m+1)/12), median(differences)
}

// TestRanked: the test of the test.
func TestRanked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	noise := func(shift float64) []float64 {
		out := make([]float64, 80)
		for i := range out {
			out[i] = shift + r.ExpFloat64()
		}
		return out
	}
	accidents := 0
	for range 300 {
		if z, _ := ranked(noise(0), noise(0)); math.Abs(z) > 3 {
			accidents++
		}
	}
	if accidents > 6 { // of 300, one is expected
		t.Errorf("%d accidents", accidents)
	}
	if z, shift := ranked(noise(2), noise(0)); z < 5 || math.Abs(shift-2) > 0.5 {
		t.Errorf("z %.1f, shifted by %.2f", z, shift)
	}
}
