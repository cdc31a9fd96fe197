package web_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/web"
)

type words map[string]bool

func (w words) Has(id string) bool { return w[id] }

type page struct{ Name string }

func (page) Template() string { return "hello" }

// T stands for the localizer every page embeds.
func (page) T(id string, _ ...any) string { return id }

func (page) All() []int { return []int{1, 2} }

// Fails breaks a page after its first bytes.
func (p page) Fails() (string, error) {
	if p.Name == "broken" {
		return "", errors.New("no name")
	}
	return "", nil
}

type stranger struct{}

func (stranger) Template() string { return "nowhere" }

func files(main string) fstest.MapFS {
	return fstest.MapFS{
		"parts/layout.html": {Data: []byte(`{{define "layout"}}<title>{{.T "title"}}</title>{{template "main" .}}{{end}}`)},
		"pages/hello.html":  {Data: []byte(`{{define "main"}}` + main + `{{end}}{{define "region"}}<p>{{.Name}}</p>{{end}}`)},
	}
}

func newEngine(t *testing.T, main string) (*web.Engine, error) {
	t.Helper()
	assets, err := web.NewAssets(fstest.MapFS{"a.css": {Data: []byte("a{}")}})
	if err != nil {
		t.Fatal(err)
	}
	return web.NewEngine(files(main), assets, words{"title": true, "hello": true})
}

func TestRendersWholePagesOnly(t *testing.T) {
	e, err := newEngine(t, `<link href="{{asset "a.css"}}"><h1>{{.T "hello" "Name" .Name}} {{.Name}}</h1>{{.Fails}}`)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := e.Render(w, http.StatusUnprocessableEntity, page{Name: "<b>"}); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "hello &lt;b&gt;</h1>") || !strings.Contains(w.Body.String(), "/static/a.css?v=") {
		t.Errorf("status %d, body %s", w.Code, w.Body)
	}
	if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("headers are %v", w.Header())
	}
	w = httptest.NewRecorder()
	if err := e.Fragment(w, http.StatusOK, page{Name: "x"}); err != nil || w.Body.String() != "<p>x</p>" {
		t.Errorf("fragment is %q, error %v", w.Body, err)
	}
	for _, p := range []web.Page{page{Name: "broken"}, stranger{}} {
		w := httptest.NewRecorder()
		if err := e.Render(w, http.StatusOK, p); err == nil || w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%T: error %v, sent %q with %v", p, err, w.Body, w.Header())
		}
	}
}

// TestConstantPartsAreDrawnOnce, as they would be each time; what comes from a page is escaped all the same.
func TestConstantPartsAreDrawnOnce(t *testing.T) {
	assets, err := web.NewAssets(fstest.MapFS{"a.css": {Data: []byte("a{}")}})
	if err != nil {
		t.Fatal(err)
	}
	fsys := files(`{{if .Name}}{{template "sign" "x"}}{{range .All}}{{template "sign" "y"}}{{end}}{{with .Name}}{{template "sign" .}}{{else}}{{template "sign" "z"}}{{end}}{{end}}`)
	fsys["parts/sign.html"] = &fstest.MapFile{Data: []byte(`{{define "sign"}}<i class="{{.}}">{{if eq . "x"}}&amp;{{else}}{{.}}{{end}}</i>{{end}}`)}
	e, err := web.NewEngine(fsys, assets, words{"title": true, "hello": true})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := e.Render(w, http.StatusOK, page{Name: `"<b>`}); err != nil {
		t.Fatal(err)
	}
	const want = `<i class="x">&amp;</i><i class="y">y</i><i class="y">y</i><i class="&#34;&lt;b&gt;">&#34;&lt;b&gt;</i>`
	if !strings.HasSuffix(w.Body.String(), want) {
		t.Errorf("drawn %s", w.Body)
	}
	fsys["parts/sign.html"] = &fstest.MapFile{Data: []byte(`{{define "sign"}}{{.Nothing}}{{end}}`)}
	if _, err := web.NewEngine(fsys, assets, words{"title": true, "hello": true}); err == nil || !strings.Contains(err.Error(), "draw sign") {
		t.Errorf("a part that can't be drawn: %v", err)
	}
}

// talker is a page that speaks. Its sentences hold what must be escaped, each place in its own way.
type talker struct{ lang, Name string }

func (talker) Template() string { return "hello" }

func (p talker) Lang() string { return p.lang }

func (p talker) T(id string, data ...any) string {
	return fmt.Sprint(p.lang, ` says "`, id, `" & <`, data, `>`)
}

func (p talker) Rich(id string, _ ...any) template.HTML {
	return template.HTML("<b>" + p.lang + "</b> " + id)
}

func (p talker) Rows() []talker { return []talker{p, p} }

// TestSentencesStandInThePageOfTheirLanguage, just as the page would say them, wherever they stand.
func TestSentencesStandInThePageOfTheirLanguage(t *testing.T) {
	const main = `<link href="{{asset "a.css"}}" title="{{.T "title"}}"><script src="x" integrity="{{integrity "a.css"}}" data-a={{.T "title"}}></script>` +
		`<p title='{{.T "hello" "Name" .Name}}'>{{.T "hello"}} {{.Rich "hello"}} {{.Name}}</p><textarea>{{.T "title"}}</textarea>` +
		`{{range .Rows}}<i>{{$.T "hello"}}{{.T "title"}}</i>{{else}}{{.T "hello"}}{{end}}{{with .Name}}{{$.Rich "title"}}{{else}}{{$.T "title"}}{{end}}{{if .Name}}{{.T "hello"}}{{end}}`
	e, err := newEngine(t, main)
	if err != nil {
		t.Fatal(err)
	}
	assets, err := web.NewAssets(fstest.MapFS{"a.css": {Data: []byte("a{}")}})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := template.New("").Funcs(template.FuncMap{"asset": assets.URL, "integrity": assets.Integrity}).ParseFS(files(main), "parts/*.html", "pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, p := range []talker{{"en", "Amara"}, {"de", "<Sam>"}, {"en", ""}, {"de", `"`}} {
			for part, show := range map[string]func(http.ResponseWriter, int, web.Page) error{"layout": e.Render, "region": e.Fragment} {
				var want strings.Builder
				if err := plain.ExecuteTemplate(&want, part, p); err != nil {
					t.Fatal(err)
				}
				w := httptest.NewRecorder()
				if err := show(w, http.StatusOK, p); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want.String(), w.Body.String()); diff != "" {
					t.Errorf("%s of %v: %s", part, p, diff)
				}
				if got := w.Header().Get("Content-Length"); got != strconv.Itoa(w.Body.Len()) {
					t.Errorf("a length of %s for %d bytes", got, w.Body.Len())
				}
			}
		}
	}
}

// TestPagesAreDrawnBesideEachOther: nothing of one page is in another, whoever asks first in a language.
func TestPagesAreDrawnBesideEachOther(t *testing.T) {
	e, err := newEngine(t, `<h1>{{.T "hello"}}</h1>{{.Name}}`)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			p := talker{[]string{"en", "de", "ar"}[i%3], strings.Repeat("x", i)}
			w := httptest.NewRecorder()
			if err := e.Render(w, http.StatusOK, p); err != nil || !strings.Contains(w.Body.String(), "<h1>"+p.lang) || !strings.HasSuffix(w.Body.String(), "</h1>"+p.Name) {
				t.Errorf("%v: %v, %s", p, err, w.Body)
			}
		})
	}
	wg.Wait()
}

func TestRefusesUnknownMessages(t *testing.T) {
	for name, main := range map[string]string{
		"plain":       `{{.T "missing"}}`,
		"in if":       `{{if .Name}}{{.T "missing"}}{{else}}x{{end}}`,
		"in else":     `{{if .Name}}x{{else}}{{.T "missing"}}{{end}}`,
		"in range":    `{{range .Name}}{{$.T "missing"}}{{end}}`,
		"in with":     `{{with .Name}}{{$.T "missing"}}{{end}}`,
		"as argument": `{{.T "hello" "Name" (.T "missing")}}`,
		"rich":        `{{.Rich "missing"}}`,
	} {
		if _, err := newEngine(t, main); err == nil || !strings.Contains(err.Error(), `no message "missing"`) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if _, err := newEngine(t, `{{if}}`); err == nil {
		t.Error("a broken template is accepted")
	}
}

func TestSecureCoversEveryAnswer(t *testing.T) {
	h := web.Secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	if got := w.Header().Get("Content-Security-Policy"); got != policy {
		t.Errorf("content policy is %q", got)
	}
	for _, name := range []string{"Strict-Transport-Security", "Permissions-Policy", "Cross-Origin-Opener-Policy", "X-Content-Type-Options", "Referrer-Policy"} {
		if w.Header().Get(name) == "" {
			t.Errorf("no header %s", name)
		}
	}
}

func TestStaticFilesAreCompressed(t *testing.T) {
	long := strings.Repeat("a{color:red}\n", 200)
	assets, err := web.NewAssets(fstest.MapFS{"a.css": {Data: []byte(long)}, "b.css": {Data: []byte("b")}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(name, accept string, more ...string) *httptest.ResponseRecorder {
		address, err := assets.URL(name)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, address, nil)
		r.Header.Set("Accept-Encoding", accept)
		for i := 0; i+1 < len(more); i += 2 {
			r.Header.Set(more[i], more[i+1])
		}
		w := httptest.NewRecorder()
		assets.ServeHTTP(w, r)
		return w
	}
	for accept, packed := range map[string]bool{
		"gzip": true, "gzip, deflate, br": true, "br;q=1.0, GZIP;q=0.5": true, "": false, "br": false, "gzip;q=0": false, "gzip;q=0.000": false, "x-gzip2": false, "identity": false,
	} {
		w := ask("a.css", accept)
		got := w.Body.String()
		if packed {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Errorf("%q: %v", accept, err)
				continue
			}
			b, err := io.ReadAll(z)
			if err != nil {
				t.Error(err)
			}
			got = string(b)
		}
		if got != long || (w.Header().Get("Content-Encoding") == "gzip") != packed || w.Header().Get("Vary") != "Accept-Encoding" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%q: %d bytes, %v", accept, len(got), w.Header())
		}
	}
	if w := ask("b.css", "gzip"); w.Header().Get("Content-Encoding") != "" || w.Body.String() != "b" {
		t.Errorf("a file that gzip makes longer: %v", w.Header())
	}
	tag := ask("a.css", "gzip").Header().Get("Etag")
	if w := ask("a.css", "gzip", "If-None-Match", tag); w.Code != http.StatusNotModified || tag == ask("a.css", "").Header().Get("Etag") {
		t.Errorf("with its tag: status %d, tag %s", w.Code, tag)
	}
}

// gone is a browser that closed its connection.
type gone struct{ *httptest.ResponseRecorder }

func (gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// TestBrowserThatIsGone: a page that nobody took isn't one that failed.
func TestBrowserThatIsGone(t *testing.T) {
	t.Parallel()
	e, err := newEngine(t, `<h1>{{.Name}}</h1>{{.Fails}}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Render(gone{httptest.NewRecorder()}, http.StatusOK, page{Name: "x"}); !errors.Is(err, web.ErrGone) {
		t.Errorf("%v", err)
	}
	if err := e.Render(httptest.NewRecorder(), http.StatusOK, page{Name: "broken"}); err == nil || errors.Is(err, web.ErrGone) {
		t.Errorf("a page that can't be drawn: %v", err)
	}
}
