package server

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/reset"
)

// viewing, in the environment, makes this program the browsers of BenchmarkPages, in a process of their own.
const viewing = "HOMEWARD_VIEWS"

func TestMain(m *testing.M) {
	if os.Getenv(viewing) == "" {
		os.Exit(m.Run())
	}
	if err := browse(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// BenchmarkPages views each page of a reset, with a real database and real TLS connections (HTTP/1.1), but no agent. The
// browsers are another process on the same machine, so two rates are told: views/s is what was seen here, with browsers, the
// kernel's network and everything else on the machine; views/s-2-cores is what the server's own processor time allows on two
// cores: 2 / (processor time per view). The time of the server's side of the network counts as the server's.
//
// "all" is the mix of a reset: each of its five pages once, and for each of them every static file that it names, asked for
// as a browser does that has it already and is made to look again. A file is no view.
func BenchmarkPages(b *testing.B) {
	for _, page := range []string{"first", "method", "code", "password", "status", "all"} {
		b.Run(page, func(b *testing.B) { views(b, page) })
	}
}

const viewers = 32

// views is one page, viewed as fast as it goes.
func views(b *testing.B, page string) {
	v := newVisitor(b)
	pages := v.everyPage()
	job := outing{Base: v.base, Views: b.N}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		switch page {
		case name:
			job.Pages = append(job.Pages, visited{Page: pages[name]})
		case "all":
			job.Pages = append(job.Pages, visited{pages[name], v.files(pages[name])})
		}
	}
	warm := job
	warm.Views = 50 * len(job.Pages) // connections, statements and templates that the first in a language needs
	v.browsers(warm)
	before := processor(b)
	b.ResetTimer()
	began := time.Now()
	took := v.browsers(job)
	elapsed := time.Since(began)
	b.StopTimer()
	each := (processor(b) - before) / time.Duration(b.N)
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "views/s")
	b.ReportMetric(2/each.Seconds(), "views/s-2-cores")
	b.ReportMetric(float64(each.Nanoseconds())/1000, "server-µs/view")
	b.ReportMetric(float64(took.P50.Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took.P99.Microseconds())/1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// outing is what the browsers are asked to do.
type outing struct {
	Base  string
	Views int
	Pages []visited
}

// visited is a page with the files it names.
type visited struct {
	Page  view
	Files []view
}

// taken is how long the browsers waited for a page.
type taken struct{ P50, P99 time.Duration }

// browsers views pages from another process.
func (v *visitor) browsers(job outing) taken {
	v.t.Helper()
	program, err := os.Executable()
	if err != nil {
		v.t.Fatal(err)
	}
	in, err := json.Marshal(job)
	if err != nil {
		v.t.Fatal(err)
	}
	c := exec.CommandContext(v.t.Context(), program)
	c.Env, c.Stdin, c.Stderr = append(os.Environ(), viewing+"=1"), strings.NewReader(string(in)), os.Stderr
	out, err := c.Output()
	if err != nil {
		v.t.Fatal(err)
	}
	var got taken
	if err := json.Unmarshal(out, &got); err != nil {
		v.t.Fatal(err)
	}
	return got
}

// browse is the browsers' side.
func browse(in io.Reader, out io.Writer) error {
	var job outing
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: viewers, DisableCompression: true, // httptest's own certificate
	}}
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var next atomic.Int64
	var wg sync.WaitGroup
	for range viewers {
		wg.Go(func() {
			var own []time.Duration
			for i := next.Add(1); i <= int64(job.Views); i = next.Add(1) {
				n := int(i) % len(job.Pages)
				start := time.Now()
				err := job.Pages[n].Page.look(client, job.Base)
				own = append(own, time.Since(start))
				for _, file := range job.Pages[n].Files {
					if err == nil {
						err = file.look(client, job.Base)
					}
				}
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	slices.Sort(took)
	return json.NewEncoder(out).Encode(taken{took[len(took)/2], took[len(took)*99/100]})
}

// view is one page as one browser asks for it, or a file it has already.
type view struct{ Path, Cookie, Shows, Tag string }

func (p view) look(client *http.Client, base string) error {
	r, err := http.NewRequest(http.MethodGet, base+p.Path, nil)
	if err != nil {
		return err
	}
	want := http.StatusOK
	r.Header.Set("Accept-Language", "en-GB,en;q=0.9,de;q=0.5")
	r.Header.Set("Accept-Encoding", "gzip, deflate, br")
	if p.Cookie != "" {
		r.Header.Set("Cookie", "__Host-homeward="+p.Cookie)
	}
	if p.Tag != "" {
		r.Header.Set("If-None-Match", p.Tag)
		want = http.StatusNotModified
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want || !strings.Contains(string(body), p.Shows) {
		return fmt.Errorf("%s: %s, %w", p.Path, answer.Status, err)
	}
	return nil
}

// files are those that a page names, with the tags under which the browser keeps them.
func (v *visitor) files(page view) []view {
	v.t.Helper()
	get := func(path, cookie string) (string, http.Header) {
		r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.base+path, nil)
		if err != nil {
			v.t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", "gzip")
		r.Header.Set("Cookie", "__Host-homeward="+cookie)
		answer, err := (&http.Client{Transport: v.client.Transport}).Do(r)
		if err != nil {
			v.t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			v.t.Fatal(err)
		}
		return string(body), answer.Header
	}
	body, _ := get(page.Path, page.Cookie)
	var out []view
	for _, m := range regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(body, -1) {
		_, h := get(m[1], "")
		out = append(out, view{Path: m[1], Tag: h.Get("Etag")})
	}
	if len(out) < 2 {
		v.t.Fatalf("%s names %d files", page.Path, len(out))
	}
	return out
}

// everyPage brings browsers to each page of a reset.
func (v *visitor) everyPage() map[string]view {
	v.t.Helper()
	v.b.withApp()
	fresh := func() {
		jar, err := cookiejar.New(nil)
		if err != nil {
			v.t.Fatal(err)
		}
		v.client.Jar = jar
		v.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}})
	}
	out := map[string]view{"first": {Path: "/start", Shows: `name="problem"`}}
	fresh()
	out["method"] = view{Path: "/verify/1", Cookie: v.cookie(), Shows: `value="app"`}
	fresh()
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	out["code"] = view{Path: "/verify/1/code", Cookie: v.cookie(), Shows: `id="code"`}
	fresh()
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	out["password"] = view{Path: "/password", Cookie: v.cookie(), Shows: `id="password"`}
	fresh()
	v.b.advance(time.Minute)
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	page, _ := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	v.submit(page)
	open, err := v.b.store.OpenAttempts(v.t.Context())
	if err != nil || len(open) != 1 || open[0].State != reset.Submitted {
		v.t.Fatalf("%d open attempts, %v", len(open), err)
	}
	if err := v.b.Result(v.t.Context(), "contoso", "UAGENT", v.b.result(open[0], protocol.Changed, "")); err != nil {
		v.t.Fatal(err)
	}
	out["status"] = view{Path: "/status/" + open[0].ID, Cookie: v.cookie(), Shows: "has been changed"}
	return out
}

// processor is the time this process has used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
