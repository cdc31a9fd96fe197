package server

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
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

// BenchmarkPages views each page of a reset, with a real database and real connections, but no agent. The browsers
// share the machine with the server, which sees neither of them: what the server alone can do is more.
func BenchmarkPages(b *testing.B) {
	for _, page := range []string{"first", "method", "code", "password", "status", "all"} {
		b.Run(page, func(b *testing.B) { views(b, page) })
	}
}

const viewers = 32

// views is one page, viewed as fast as it goes.
func views(b *testing.B, page string) {
	v := newVisitor(b)
	v.client.Transport = &http.Transport{
		TLSClientConfig: v.client.Transport.(*http.Transport).TLSClientConfig.Clone(), MaxIdleConnsPerHost: viewers, //nolint:forcetypeassert // httptest's
	}
	paths := v.everyPage()
	if page != "all" {
		paths = map[string]view{page: paths[page]}
	}
	var each []view
	for _, p := range paths {
		each = append(each, p)
	}
	var took []time.Duration
	var mu sync.Mutex
	var next atomic.Int64
	before := processor(b)
	b.ResetTimer()
	began := time.Now()
	var wg sync.WaitGroup
	for range viewers {
		wg.Go(func() {
			var own []time.Duration
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				start := time.Now()
				each[int(i)%len(each)].look(v)
				own = append(own, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
	}
	wg.Wait()
	elapsed := time.Since(began)
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "views/s")
	b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N), "cpu-µs/view")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// view is one page as one browser asks for it.
type view struct{ path, cookie, shows string }

func (p view) look(v *visitor) {
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.base+p.path, nil)
	if err != nil {
		v.t.Error(err)
		return
	}
	if p.cookie != "" {
		r.Header.Set("Cookie", "__Host-homeward="+p.cookie)
	}
	answer, err := (&http.Client{Transport: v.client.Transport}).Do(r)
	if err != nil {
		v.t.Error(err)
		return
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), p.shows) {
		v.t.Errorf("%s: %s, %v", p.path, answer.Status, err)
	}
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
	out := map[string]view{"first": {"/start", "", `name="problem"`}}
	fresh()
	out["method"] = view{"/verify/1", v.cookie(), `value="app"`}
	fresh()
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	out["code"] = view{"/verify/1/code", v.cookie(), `id="code"`}
	fresh()
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	out["password"] = view{"/password", v.cookie(), `id="password"`}
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
	out["status"] = view{"/status/" + open[0].ID, v.cookie(), "has been changed"}
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
