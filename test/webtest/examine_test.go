package webtest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// TestMisfitsAreFound: the test of the test. Each page comes after one that fits.
func TestMisfitsAreFound(t *testing.T) {
	pages := map[string]string{
		"/fits": `<main>Some words that find their way to the next line where there is no more room for them</main>`,
		"/wide": `<main><p id="p">` + strings.Repeat("x", 200) + `</p></main>`,
		"/cut":  `<main style="overflow:hidden;width:300px"><b style="display:block;width:400px">cut off</b></main>`,
		"/none": `<main></main>`,
	}
	mux := http.NewServeMux()
	for path, body := range pages {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`<!doctype html><html lang="en"><title>A page</title><body>` + body))
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	b := Open(t)
	for _, strict := range []bool{true, false} {
		e := Examination{Address: server.URL, NothingSticksOut: strict}
		found := strings.Join(e.bodies(t, b, []string{"/fits", "/wide", "/fits", "/cut", "/fits", "/none", "/fits"}), "\n")
		for word, want := range map[string]bool{"/fits": false, "/wide is ": true, "/cut is ": strict, "/none: nothing": true} {
			if strings.Contains(found, word) != want {
				t.Errorf("strict %v: %s is %v, not %v, in\n%s", strict, word, !want, want, found)
			}
		}
	}
	axe := readAxe(t)
	b.Before(t, axe)
	b.Go(t, server.URL+"/fits")
	if got := axeFindings(t, b, everything); len(got) != 1 || !strings.Contains(got[0], "heading-one") {
		t.Errorf("a page without a heading: %v", got)
	}
	b.Do(t, `document.querySelector("main").style.color = "#ddd"`)
	if got := axeFindings(t, b, contrast); !strings.Contains(strings.Join(got, "\n"), "color-contrast") {
		t.Errorf("grey on white: %v", got)
	}
	b.Do(t, `console.error("a complaint")`)
	Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.ContainsFunc(b.complaints, func(c string) bool { return strings.Contains(c, "a complaint") })
	})
}
