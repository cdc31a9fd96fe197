package portal_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"homeward/internal/server/locale"
	"homeward/internal/server/web"
)

// TestPagesAreSafe holds for every page in every language: nothing inline that the content policy would
// stop, one h1, a language, a title that says when something is wrong, and no text that was forgotten.
func TestPagesAreSafe(t *testing.T) {
	engine, _, catalog := newSite(t)
	for _, lang := range catalog.Languages() {
		for _, s := range samples(catalog, lang.Tag) {
			t.Run(lang.Tag+"/"+s.name, func(t *testing.T) {
				w := httptest.NewRecorder()
				if err := engine.Render(w, s.status, s.page); err != nil {
					t.Fatal(err)
				}
				if w.Code != s.status {
					t.Errorf("status %d, not %d", w.Code, s.status)
				}
				checkHeaders(t, w.Header())
				checkMarkup(t, w.Body.String(), catalog.In(lang.Tag))
			})
		}
	}
}

func checkHeaders(t *testing.T, h http.Header) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("header %s is %q, not %q", name, got, want)
		}
	}
	if p := h.Get("Content-Security-Policy"); !strings.HasPrefix(p, "default-src 'none'; script-src 'self'; style-src 'self';") || strings.Contains(p, "unsafe") {
		t.Errorf("content policy is %q", p)
	}
}

func checkMarkup(t *testing.T, body string, l locale.Localizer) {
	t.Helper()
	for _, forbidden := range []string{`<style`, `\sstyle=`, `\son[a-z]+=`, `<script[^>]*>[^<]`, `javascript:`, `ZgotmplZ`, `<no value>`, `\{\{`, `>[a-z_]+\.[a-z_.]+<`} {
		if m := regexp.MustCompile(forbidden).FindString(body); m != "" {
			t.Errorf("page contains %q (pattern %s)", around(body, m), forbidden)
		}
	}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	h1, title, problem := 0, "", false
	ids := map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "h1":
			h1++
		case "title":
			if n.Parent.Data == "head" && n.FirstChild != nil {
				title = n.FirstChild.Data
			}
		case "html":
			if attribute(n, "lang") != l.Lang() || attribute(n, "dir") != l.Dir() {
				t.Errorf("lang is %q, dir %q, not %q, %q", attribute(n, "lang"), attribute(n, "dir"), l.Lang(), l.Dir())
			}
		}
		problem = problem || attribute(n, "role") == "alert" && !inTemplate(n)
		if id := attribute(n, "id"); id != "" && !inTemplate(n) {
			if ids[id] {
				t.Errorf("two elements have the id %q", id)
			}
			ids[id] = true
		}
	}
	if h1 != 1 {
		t.Errorf("%d h1 elements, not one", h1)
	}
	if !strings.Contains(title, "Contoso") || problem != strings.HasPrefix(title, l.T("title.problem")+" ") {
		t.Errorf("title is %q, error summary shown: %v", title, problem)
	}
}

// around returns a find with what stands before it.
func around(body, find string) string {
	i := strings.Index(body, find)
	return body[max(0, i-60) : i+len(find)]
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func inTemplate(n *html.Node) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "template" {
			return true
		}
	}
	return false
}

// TestBundleIsTheRecordedOne keeps the committed sealing script and its published hash together.
func TestBundleIsTheRecordedOne(t *testing.T) {
	bundle, err := os.ReadFile("static/hpke.js")
	if err != nil {
		t.Fatal(err)
	}
	record, err := os.ReadFile("static/hpke.js.sha256")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(bundle)
	if got, want := hex.EncodeToString(sum[:])+"  hpke.js\n", string(record); got != want {
		t.Errorf("static/hpke.js is %sbut static/hpke.js.sha256 says %srun npm ci && npm run bundle in build/js", got, want)
	}
	if !strings.Contains(string(bundle[:2000]), "MIT License") {
		t.Error("static/hpke.js has lost its licence")
	}
}

// TestStylesheetKnowsNoSides: what is said of start and end holds for Arabic too; left and right do not.
func TestStylesheetKnowsNoSides(t *testing.T) {
	css, err := os.ReadFile("static/portal.css")
	if err != nil {
		t.Fatal(err)
	}
	sided := regexp.MustCompile(`[{;\s](?:left|right|(?:margin|padding|border)-(?:left|right)[a-z-]*|(?:text-align|float|clear):\s*(?:left|right))\b[^;]*;`)
	for _, found := range sided.FindAllString(string(css), -1) {
		t.Errorf("portal.css says %q; use the logical property", found)
	}
	four := regexp.MustCompile(`(?:margin|padding|border-width):\s*([^\s;]+) ([^\s;]+) ([^\s;]+) ([^\s;]+);`)
	for _, m := range four.FindAllStringSubmatch(string(css), -1) {
		if m[2] != m[4] {
			t.Errorf("portal.css says %q, which differs on the right and the left", m[0])
		}
	}
}

// TestStaticFiles checks types and caching of what the pages name.
func TestStaticFiles(t *testing.T) {
	_, assets, _ := newSite(t)
	for name, kind := range map[string]string{
		"portal.css": "text/css; charset=utf-8", "hpke.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml",
	} {
		address, err := assets.URL(name)
		if err != nil {
			t.Fatal(err)
		}
		w := get(t, assets, address)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != kind || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: status %d, headers %v", address, w.Code, w.Header())
		}
		if w := get(t, assets, web.StaticPath+name+"?v=old"); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s with an old version: status %d, Cache-Control %q", name, w.Code, w.Header().Get("Cache-Control"))
		}
	}
	for _, name := range []string{"hpke.js.sha256", "../portal.go", "nothing.js", ""} {
		if w := get(t, assets, web.StaticPath+name); w.Code != http.StatusNotFound {
			t.Errorf("%q: status %d, not 404", name, w.Code)
		}
	}
}

func get(t *testing.T, h http.Handler, address string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	return w
}

// TestLockFileNamesNoHost: whoever builds takes the packages from their own registry.
func TestLockFileNamesNoHost(t *testing.T) {
	lock, err := os.ReadFile("../../../../build/js/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), "://") || !strings.Contains(string(lock), `"integrity": "sha512-`) {
		t.Error("build/js/package-lock.json names a host or lacks hashes; keep omit-lockfile-registry-resolved in .npmrc")
	}
}
