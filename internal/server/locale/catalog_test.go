package locale

import (
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func newCatalogT(t *testing.T) *Catalog {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEveryMessageIsUsed and its counterpart hold in both directions: what code or template asks for is
// written down, and what is written down is asked for.
func TestEveryMessageIsUsed(t *testing.T) {
	c := newCatalogT(t)
	asked, quoted := usedIDs(t, "../../..")
	for id, file := range asked {
		if !c.Has(id) {
			t.Errorf("%s asks for %q, which no language has", file, id)
		}
	}
	for _, id := range c.IDs() {
		if !quoted[id] {
			t.Errorf("message %q is used nowhere", id)
		}
	}
}

// usedIDs reads every template and Go file below root: ids in calls, and every quoted text.
func usedIDs(t *testing.T, root string) (asked map[string]string, quoted map[string]bool) {
	t.Helper()
	call := regexp.MustCompile(`\.(?:T|Rich|Pattern|count|either)[ (]"([a-z0-9_.]+)"`)
	text := regexp.MustCompile(`"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"`)
	asked, quoted = map[string]string{}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2) {
			return fs.SkipDir
		}
		if ext := filepath.Ext(path); d.IsDir() || ext != ".html" && ext != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Contains(path, "/server/") {
			for _, m := range call.FindAllSubmatch(b, -1) {
				asked[string(m[1])] = path
			}
		}
		for _, m := range text.FindAllSubmatch(b, -1) {
			quoted[string(m[1])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return asked, quoted
}

func TestLoadRefuses(t *testing.T) {
	const en = `{"language.name":"English","a":"one {{.X}}","b":{"one":"{{.N}} day","other":"{{.N}} days"}}`
	tests := map[string]struct{ de, want string }{
		"missing message":       {`{"language.name":"Deutsch","a":"eins {{.X}}"}`, "b is missing"},
		"message of its own":    {`{"language.name":"Deutsch","a":"eins {{.X}}","b":{"one":"{{.N}}","other":"{{.N}}"},"c":"x"}`, "c does not exist in English"},
		"other placeholders":    {`{"language.name":"Deutsch","a":"eins {{.Y}}","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "a has placeholders"},
		"empty text":            {`{"language.name":"Deutsch","a":" ","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "a: empty text"},
		"no text":               {`{"language.name":"Deutsch","a":"","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "a: no text"},
		"no plural":             {`{"language.name":"Deutsch","a":"eins {{.X}}","b":"{{.N}} Tage"}`, "plural forms in one language only"},
		"markup":                {`{"language.name":"Deutsch","a":"<b>{{.X}}</b>","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "markup"},
		"neither text nor form": {`{"language.name":"Deutsch","a":7,"b":{"one":"{{.N}}","other":"{{.N}}"}}`, "neither a text nor plural forms"},
		"not JSON":              {`{`, "messages/de.json"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(fstest.MapFS{"messages/en.json": {Data: []byte(en)}, "messages/de.json": {Data: []byte(tt.de)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
	if _, err := load(fstest.MapFS{}); err == nil {
		t.Error("no messages at all are accepted")
	}
}

func TestChoosesLanguage(t *testing.T) {
	c := newCatalogT(t)
	tests := map[string]struct{ accept, mkt, cookie, want string }{
		"nothing":             {"", "", "", "en"},
		"browser":             {"de-AT,de;q=0.9,en;q=0.5", "", "", "de"},
		"unknown browser":     {"sv,fi;q=0.5", "", "", "en"},
		"browser second":      {"sv,de;q=0.5", "", "", "de"},
		"cookie over browser": {"de", "", "en", "en"},
		"choice over cookie":  {"en", "de-DE", "en", "de"},
		"nonsense choice":     {"de", "<script>", "", "de"},
		"unknown choice":      {"de", "sv", "", "de"},
		"nonsense everywhere": {";;q=", "x-y-z-!!", "\x00", "en"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := c.For(tt.accept, tt.mkt, tt.cookie).Lang(); got != tt.want {
				t.Errorf("language is %s, not %s", got, tt.want)
			}
		})
	}
	want := []Language{{"en", "English"}, {"de", "Deutsch"}}
	if diff := cmp.Diff(want, c.Languages()); diff != "" {
		t.Error(diff)
	}
}

func TestSpeaks(t *testing.T) {
	c := newCatalogT(t)
	en, de := c.In("en"), c.In("de")
	at := time.Date(2027, 3, 11, 7, 10, 0, 0, time.UTC)
	oslo := time.FixedZone("Oslo", 3600)
	for got, want := range map[string]string{
		en.T("code.tries", "N", 3):        "You can try 3 more times with this code.",
		en.T("code.tries", "N", 1):        "You can try 1 more time with this code.",
		de.T("code.tries", "N", 1):        "Mit diesem Code haben Sie noch 1 Versuch.",
		en.Pattern("code.tries", 1):       "You can try {n} more time with this code.",
		en.T("start.title", "N", 1):       "Get back into your account",
		en.T("no.such.message"):           "no.such.message",
		Localizer{}.T("start.title"):      "start.title",
		en.Clock(at, oslo):                "08:10",
		en.Day(at, oslo):                  "11 March",
		de.Day(at, oslo):                  "11. März",
		en.Moment(at, oslo):               "11 March at 08:10",
		de.Moment(at, oslo):               "11. März um 08:10",
		string(en.Rich("laptop.two")):     "Connect to the VPN using your <strong>new</strong> password.",
		string(en.Rich("no **such text")): "no **such text",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	rich := en.Rich("help.both", "Phone", `<img src=x>`, "Online", template.HTML("<a>x</a>"))
	if want := template.HTML("Stuck? Call the helpdesk on &lt;img src=x&gt; or <a>x</a>"); rich != want {
		t.Errorf("%q, want %q", rich, want)
	}
}
