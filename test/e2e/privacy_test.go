package e2e_test

import (
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

// A visitor who has proven nothing must not learn whether a name belongs to anybody.

// guess is a name somebody types, with the state of whoever it belongs to.
type guess struct{ kind, typed string }

// guesses gives one fresh name of each kind.
func (s *site) guesses(t *testing.T, unknown string) []guess {
	t.Helper()
	return []guess{
		{"ordinary", s.person(t, lab.KindOrdinary).UPN},
		{"unknown", unknown},
		{"disabled", s.person(t, lab.KindDisabled).UPN},
		{"without mail", s.person(t, lab.KindNoMail).UPN},
		{"shared mail", s.person(t, lab.KindSharedMail).Mail},
	}
}

// answer is all a visitor can see of one response.
type answer struct {
	Status int
	Header http.Header
	Body   string
	took   time.Duration
}

// raw sends one request and follows no redirect.
func raw(t *testing.T, s *site, v *demo.Visitor, method, path string, form url.Values) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.Portal()+path, strings.NewReader(form.Encode()))
	must(t, err)
	req.Header.Set("Accept-Language", "en")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", s.Portal())
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	began := time.Now()
	resp, err := v.HTTP.Do(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	took := time.Since(began)
	must(t, err)
	return answer{resp.StatusCode, resp.Header, string(body), took}
}

// same replaces what may differ: ids, times, masked addresses, and what was typed.
func (a answer) same(typed string) answer {
	for _, r := range []struct{ pattern, with string }{
		{`[\pL\pN]•••@[a-z.]+`, "MASKED"},
		{`\b([01]?[0-9]|2[0-3]):[0-5][0-9]\b`, "TIME"},
		{`data-seconds="[0-9]+"`, `data-seconds="N"`},
		{`code in [0-9]+ seconds`, "code in N seconds"},
		{`__Host-homeward=[A-Z0-9]+`, "__Host-homeward=ID"},
	} {
		re := regexp.MustCompile(r.pattern)
		a.Body = re.ReplaceAllString(a.Body, r.with)
		for name, values := range a.Header {
			for i := range values {
				a.Header[name][i] = re.ReplaceAllString(values[i], r.with)
			}
		}
	}
	a.Body = strings.ReplaceAll(a.Body, html.EscapeString(typed), "TYPED")
	a.Header.Del("Date")
	a.Header.Del("Content-Length")
	a.took = 0
	return a
}

func redirectsAreAnswers(v *demo.Visitor) *demo.Visitor {
	v.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return v
}

// steps is everything a visitor can do without a code.
var steps = []struct {
	name, method, path string
	form               url.Values
}{
	{"method page", "GET", "/verify/1", nil},
	{"code before it was asked for", "POST", "/verify/1/code", url.Values{"code": {"123456"}}},
	{"ask", "POST", "/verify/1", url.Values{"method": {"mail"}}},
	{"code page", "GET", "/verify/1/code", nil},
	{"wrong code", "POST", "/verify/1/code", url.Values{"code": {"000000"}}},
	{"malformed code", "POST", "/verify/1/code", url.Values{"code": {"12"}}},
	{"resend at once", "POST", "/verify/1/resend", nil},
	{"password page", "GET", "/password", nil},
	{"ticket", "POST", "/password/ticket", url.Values{"flow": {"x"}}},
	{"second wrong code", "POST", "/verify/1/code", url.Values{"code": {"000000"}}},
	{"third", "POST", "/verify/1/code", url.Values{"code": {"000000"}}},
	{"fourth", "POST", "/verify/1/code", url.Values{"code": {"000000"}}},
	{"fifth", "POST", "/verify/1/code", url.Values{"code": {"000000"}}},
	{"sixth", "POST", "/verify/1/code", url.Values{"code": {"000000"}}},
}

func TestNobodyLearnsWhetherANameExists(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for _, problem := range []string{"forgot", "locked", "change"} {
		t.Run(problem, func(t *testing.T) {
			t.Parallel()
			var first []answer
			for _, g := range s.guesses(t, "orla."+problem+"@contoso.com") { // a name of its own: tries are counted
				v := redirectsAreAnswers(s.visitor(t))
				path := "/start"
				if problem == "change" {
					path = "/change"
				}
				got := []answer{raw(t, s, v, "POST", path, url.Values{"name": {g.typed}, "problem": {problem}}).same(g.typed)}
				for _, step := range steps {
					got = append(got, raw(t, s, v, step.method, step.path, step.form).same(g.typed))
				}
				if first == nil {
					first = got
					continue
				}
				for i := range got {
					if diff := cmp.Diff(first[i], got[i], cmp.AllowUnexported(answer{})); diff != "" {
						name := "start"
						if i > 0 {
							name = steps[i-1].name
						}
						t.Errorf("%s: %s differs from ordinary (-ordinary +%s):\n%s", g.kind, name, g.kind, diff)
					}
				}
			}
		})
	}
}

// Mail goes to addresses of the directory only, and never more than it should.
func TestMailGoesToDirectoryAddressesOnly(t *testing.T) {
	t.Parallel()
	s := shared(t)
	shared := s.person(t, lab.KindSharedMail)
	v := s.visitor(t)
	_, err := v.Start(t.Context(), shared.Mail, "forgot")
	must(t, err)
	_, err = v.AskCode(t.Context())
	must(t, err)
	eventually(t, func() error {
		if mails := s.mailTo(shared.Mail); len(mails) != 1 {
			return fmt.Errorf("%d mails to the shared address", len(mails))
		}
		return nil
	})
	if text := s.mailTo(shared.Mail)[0]; !strings.Contains(text, "user name") || regexp.MustCompile(`\b[0-9]{6}\b`).MatchString(text) {
		t.Errorf("the shared address isn't told to type a user name, or gets a code:\n%s", text)
	}
	// Somebody types an address that is nobody's: nothing goes there.
	const stranger = "stranger@evil.example"
	_, err = v.Start(t.Context(), stranger, "forgot")
	must(t, err)
	_, err = v.AskCode(t.Context())
	must(t, err)
	// Mail is sent in order: when a later one has come, the stranger's would have, too.
	verified(t, s.visitor(t), s.person(t, lab.KindOrdinary), "forgot")
	for _, m := range s.Mailbox.Messages() {
		if !s.mail[m.To] {
			t.Errorf("mail to %s: %s", m.To, m.Subject)
		}
	}
}

// Names that belong to nobody don't share counters: with one nonsense name used up, the next is like new, as
// a real one is.
func TestNobodiesDontShareLimits(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for i := range 60 { // far more than one counter takes, all with one first letter
		v := s.visitor(t)
		_, err := v.Start(t.Context(), fmt.Sprintf("quentin.%d@contoso.com", i), "forgot")
		must(t, err)
		page, err := v.AskCode(t.Context())
		must(t, err)
		if page.Path != "/verify/1/code" {
			t.Fatalf("nonsense name %d: status %d, %q", i, page.Code, page.Title())
		}
	}
}

// sample is one measured request of each kind of name.
type sample map[string][]time.Duration

// TestTimeTellsNothing isn't parallel: it measures. The kinds take turns, so that whatever else the machine
// does hits all alike. What a busy machine does to one series it doesn't do to the next: whoever differs is measured
// anew, and a difference that is there each time, in the same direction, is one that a visitor sees, too.
func TestTimeTellsNothing(t *testing.T) {
	s := shared(t)
	const series = 3
	differs := map[string]int{} // series in which a kind was slower (or, with a minus, faster)
	for n := range series {
		again := map[string]int{}
		for request, kinds := range s.timed(t, n) {
			base := median(kinds["ordinary"])
			for kind, all := range kinds {
				m := median(all)
				t.Logf("%-20s %-13s median %v of %d", request, kind, m.Round(10*time.Microsecond), len(all))
				if diff := m - base; diff.Abs() > base/4+2*time.Millisecond {
					again[fmt.Sprintf("%s takes %v time for %s than for an ordinary person", request, map[bool]string{true: "more", false: "less"}[diff > 0], kind)]++
				}
			}
		}
		for what := range again {
			if differs[what] == n {
				differs[what]++
			}
		}
		if !slices.Contains(slices.Collect(maps.Values(differs)), n+1) {
			return
		}
	}
	for what, times := range differs {
		if times == series {
			t.Errorf("%s, in %d series", what, times)
		}
	}
}

// timed measures each request once a round for each kind of name.
func (s *site) timed(t *testing.T, series int) map[string]sample {
	t.Helper()
	const rounds, each = 45, 9 // a person's counters take ten
	times := map[string]sample{"POST /start": {}, "POST /change": {}, "POST /verify/1": {}, "POST /verify/1/code": {}}
	var names []guess
	for round := range rounds {
		if round%each == 0 {
			names = s.guesses(t, "")
		}
		for i := range names {
			g := names[(i+round)%len(names)]
			if g.kind == "unknown" {
				g.typed = fmt.Sprintf("%c%d.%d@contoso.com", 'a'+round%26, round, series)
			}
			v := redirectsAreAnswers(s.visitor(t))
			raw(t, s, v, "GET", "/start", nil) // the handshake isn't measured
			for _, step := range []struct {
				path string
				form url.Values
			}{
				{[]string{"/start", "/change"}[round%2], url.Values{"name": {g.typed}, "problem": {"forgot"}}},
				{"/verify/1", url.Values{"method": {"mail"}}},
				{"/verify/1/code", url.Values{"code": {"000000"}}},
			} {
				a := raw(t, s, v, "POST", step.path, step.form)
				if a.Status >= 429 {
					t.Fatalf("%s: POST %s: status %d", g.kind, step.path, a.Status)
				}
				times["POST "+step.path][g.kind] = append(times["POST "+step.path][g.kind], a.took)
			}
			v.HTTP.CloseIdleConnections()
		}
	}
	return times
}

func median(all []time.Duration) time.Duration {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}
