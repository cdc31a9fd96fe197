package locale

import (
	"html/template"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/event"
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
	call := regexp.MustCompile(`\.(?:T|Rich|Patterns|count|either)[ (]"([a-z0-9_.]+)"`)
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
	for id := range eventTexts() { // asked for by number
		asked[id], quoted[id] = "the catalogue of events", true
	}
	return asked, quoted
}

// eventTexts are what the events' messages say in English, as a page writes it.
func eventTexts() map[string]string {
	texts := map[string]string{}
	for _, e := range event.Catalogue() {
		id := "event." + strconv.Itoa(int(e.Code))
		texts[id] = inPrint(e.Meaning)
		if e.Remedy != "" {
			texts[id+".do"] = inPrint(e.Remedy)
		}
	}
	return texts
}

// inPrint writes a text of plain ASCII with the quotation marks of print.
func inPrint(text string) string {
	text = strings.ReplaceAll(text, "'", "’")
	for strings.Contains(text, `"`) {
		text = strings.Replace(strings.Replace(text, `"`, "“", 1), `"`, "”", 1)
	}
	return text
}

// TestEventsSayTheSame: the pages say of an event in English what the reference and the agent's log do; other languages have all
// of it, in words of their own.
func TestEventsSayTheSame(t *testing.T) {
	c := newCatalogT(t)
	for id, text := range eventTexts() {
		for _, lang := range c.Languages() {
			switch got := c.In(lang.Tag).T(id); {
			case lang.Tag == "en" && got != text:
				t.Errorf("%s says %q, the catalogue of events %q", id, got, text)
			case got == id:
				t.Errorf("%s: %s has no text", lang.Tag, id)
			case lang.Tag != "en" && got == text:
				t.Errorf("%s: %s is English", lang.Tag, id)
			}
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	const en = `{"language.name":"English","a":"one {{.X}}","b":{"one":"{{.N}} day","other":"{{.N}} days"}}`
	tests := map[string]struct{ de, want string }{
		"missing message":       {`{"language.name":"Deutsch","a":"eins {{.X}}"}`, "b is missing"},
		"message of its own":    {`{"language.name":"Deutsch","a":"eins {{.X}}","b":{"one":"{{.N}}","other":"{{.N}}"},"c":"x"}`, "c does not exist in English"},
		"other placeholders":    {`{"language.name":"Deutsch","a":"eins {{.Y}}","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "a has placeholders"},
		"empty text":            {`{"language.name":"Deutsch","a":" ","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "a: empty text"},
		"no text":               {`{"language.name":"Deutsch","a":"","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "a: no text"},
		"no plural":             {`{"language.name":"Deutsch","a":"eins {{.X}}","b":"{{.N}} Tage"}`, `b has no plural form "one"`},
		"plural too many":       {`{"language.name":"Deutsch","a":"eins {{.X}}","b":{"one":"{{.N}}","few":"{{.N}}","other":"{{.N}}"}}`, "b has 3 plural forms, the language has 2"},
		"plural of nothing":     {`{"language.name":"Deutsch","a":{"one":"eins {{.X}}","other":"{{.X}}"},"b":{"one":"{{.N}}","other":"{{.N}}"}}`, "a has plural forms"},
		"plural loses a value":  {`{"language.name":"Deutsch","a":"eins {{.X}}","b":{"one":"{{.Y}}","other":"{{.N}}"}}`, `plural form "one"`},
		"markup":                {`{"language.name":"Deutsch","a":"<b>{{.X}}</b>","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "markup"},
		"neither text nor form": {`{"language.name":"Deutsch","a":7,"b":{"one":"{{.N}}","other":"{{.N}}"}}`, "neither a text nor plural forms"},
		"more than values":      {`{"language.name":"Deutsch","a":"{{if .X}}eins{{end}} {{.X}}","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "something else than"},
		"open braces":           {`{"language.name":"Deutsch","a":"eins {{.X","b":{"one":"{{.N}}","other":"{{.N}}"}}`, "something else than"},
		"not JSON":              {`{`, "messages/de.json"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{"messages/en.json": {Data: []byte(en)}, "messages/de.json": {Data: []byte(tt.de)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
	if _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("no messages at all are accepted")
	}
}

func TestChoosesLanguage(t *testing.T) {
	c := newCatalogT(t)
	tests := map[string]struct{ accept, mkt, cookie, want string }{
		"nothing":             {"", "", "", "en"},
		"browser":             {"de-AT,de;q=0.9,en;q=0.5", "", "", "de"},
		"unknown browser":     {"zh-CN,zh;q=0.9,fi;q=0.5", "", "", "en"},
		"browser second":      {"fi,de;q=0.5", "", "", "de"},
		"cookie over browser": {"de", "", "en", "en"},
		"choice over cookie":  {"en", "de-DE", "en", "de"},
		"nonsense choice":     {"de", "<script>", "", "de"},
		"unknown choice":      {"de", "fi", "", "de"},
		"Chinese":             {"", "zh", "", "en"},
		"Chinese, simplified": {"zh-CN", "zh-Hans", "", "en"},
		"Japanese":            {"en", "ja", "", "ja"},
		"Japanese in Japan":   {"en", "ja-JP", "", "ja"},
		"French in Canada":    {"en", "fr-CA", "", "fr"},
		"Spanish in Mexico":   {"en", "es-MX", "", "es"},
		"Swedish":             {"en", "sv-SE", "", "sv"},
		"Arabic in Riyadh":    {"en", "ar-SA", "", "ar"},
		"Arabic in Cairo":     {"ar-EG", "", "", "ar"},
		"underscore":          {"en", "de_DE", "", "de"},
		"lower case":          {"en", "de-de", "", "de"},
		"nonsense everywhere": {";;q=", "x-y-z-!!", "\x00", "en"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := c.For(tt.accept, tt.mkt, tt.cookie).Lang(); got != tt.want {
				t.Errorf("language is %s, not %s", got, tt.want)
			}
		})
	}
	want := []Language{
		{"en", "English"}, {"ar", "العربية"}, {"de", "Deutsch"}, {"es", "Español"}, {"fr", "Français"}, {"ja", "日本語"}, {"sv", "Svenska"},
	}
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
		en.Patterns("code.tries")["one"]:  "You can try {n} more time with this code.",
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

// TestEveryLanguageCounts holds the plural forms against what each language's grammar says.
func TestEveryLanguageCounts(t *testing.T) {
	c := newCatalogT(t)
	for lang, want := range map[string]map[int]string{
		"fr": {0: "Il vous reste 0 essai avec ce code.", 1: "Il vous reste 1 essai avec ce code.", 2: "Il vous reste 2 essais avec ce code."},
		"es": {1: "Le queda 1 intento con este código.", 3: "Le quedan 3 intentos con este código."},
		"sv": {1: "Du har 1 försök kvar med den här koden."},
		"ja": {1: "このコードを試せるのはあと\u00a01\u00a0回です。", 3: "このコードを試せるのはあと\u00a03\u00a0回です。"},
		"ar": {
			1: "بقيت لديك محاولة واحدة بهذا الرمز.", 2: "بقيت لديك محاولتان بهذا الرمز.", 3: "بقيت لديك 3 محاولات بهذا الرمز.",
			11: "بقيت لديك 11 محاولة بهذا الرمز.", 100: "بقيت لديك 100 محاولة بهذا الرمز.", 103: "بقيت لديك 103 محاولات بهذا الرمز.",
		},
	} {
		for n, text := range want {
			if got := c.In(lang).T("code.tries", "N", n); got != text {
				t.Errorf("%s, %d: %q, want %q", lang, n, got, text)
			}
		}
	}
	for lang, want := range map[string][]string{
		"en": {"one", "other"}, "de": {"one", "other"}, "fr": {"one", "other"}, "es": {"one", "other"}, "sv": {"one", "other"},
		"ja": {"other"}, "ar": {"few", "many", "one", "other", "two", "zero"},
	} {
		forms := c.In(lang).Patterns("password.error.short_now", "Min", 12)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(forms))); diff != "" {
			t.Errorf("%s: %s", lang, diff)
		}
		if !strings.Contains(forms["other"], "{n}") || !strings.Contains(forms["other"], "12") {
			t.Errorf("%s: pattern is %q", lang, forms["other"])
		}
	}
}

// TestEveryLanguageTellsTime shows dates and times as each language writes them.
func TestEveryLanguageTellsTime(t *testing.T) {
	c := newCatalogT(t)
	oslo := time.FixedZone("Oslo", 3600)
	first, second := time.Date(2027, 3, 1, 7, 10, 0, 0, time.UTC), time.Date(2027, 8, 2, 22, 5, 0, 0, time.UTC)
	for lang, want := range map[string][5]string{
		"en": {"1 March at 08:10", "2 August at 23:05", "08:10:00", "1,248", "3.4"},
		"de": {"1. März um 08:10", "2. August um 23:05", "08:10:00", "1.248", "3,4"},
		"fr": {"1er mars à 08:10", "2 août à 23:05", "08:10:00", "1\u00a0248", "3,4"},
		"es": {"1 de marzo a las 8:10", "2 de agosto a las 23:05", "8:10:00", "1.248", "3,4"},
		"sv": {"1 mars kl. 08:10", "2 augusti kl. 23:05", "08:10:00", "1\u00a0248", "3,4"},
		"ja": {"3月1日 8:10", "8月2日 23:05", "8:10:00", "1,248", "3.4"},
		"ar": {"1 مارس الساعة 08:10", "2 أغسطس الساعة 23:05", "08:10:00", "1,248", "3.4"},
	} {
		l := c.In(lang)
		const number, decimal = 1248, 3.4
		got := [5]string{l.Moment(first, oslo), l.Moment(second, oslo), l.Seconds(first, oslo), l.Number(number), l.Decimal(decimal, 1)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", lang, diff)
		}
	}
}

// TestEveryLanguageIsPolite: German, French and Spanish address people formally, as the rest of their pages do.
func TestEveryLanguageIsPolite(t *testing.T) {
	c := newCatalogT(t)
	for lang, familiar := range map[string]string{
		"de": `[Dd]u|[Dd]ir|[Dd]ich|[Dd]eine?[mnrs]?`,
		"fr": `[Tt]u|[Tt]oi|[Tt]es|[Tt]on|[Tt]a`,
		"es": `[Tt]ú|[Tt]us?|ti|[Tt]e|[Tt]uy[oa]s?|contigo`,
	} {
		words := regexp.MustCompile(`(?:^|[^\pL])(?:` + familiar + `)(?:$|[^\pL])`)
		for _, id := range c.IDs() {
			for _, text := range c.In(lang).forms(id) {
				if w := words.FindString(text); w != "" {
					t.Errorf("%s: %s says %q: %s", lang, id, w, text)
				}
			}
		}
	}
}

// TestNothingIsLeftInEnglish: a sentence that is the same as the English one was forgotten.
func TestNothingIsLeftInEnglish(t *testing.T) {
	c := newCatalogT(t)
	en := c.In("en")
	same := []string{"rule.kinds.list", "admin.hours", "admin.minutes", "admin.help.life.short"} // 15 minutes, in French too
	names := regexp.MustCompile(`\{\{\.\w+\}\}|Active Directory|JSON Lines|DirSync|uSNChanged|Support code|homeward\S*|Microsoft 365|Code|Agent`)
	for _, lang := range c.Languages() {
		for _, id := range c.IDs() {
			text := en.forms(id)["other"]
			plain := names.ReplaceAllString(text, "")
			if lang.Tag != "en" && !slices.Contains(same, id) && strings.Count(strings.TrimSpace(plain), " ") > 0 && c.In(lang.Tag).forms(id)["other"] == text && strings.ContainsFunc(plain, unicode.IsLetter) {
				t.Errorf("%s: %s is still English: %q", lang.Tag, id, text)
			}
		}
	}
}

// forms are a message's texts by their plural form; "other" for one that has none.
func (l Localizer) forms(id string) map[string]string {
	if s, ok := l.sentences[id]; ok {
		return map[string]string{"other": s.template()}
	}
	return l.Patterns(id)
}

// TestDirections: what is not Arabic keeps its order in an Arabic sentence, and other languages get no marks.
func TestDirections(t *testing.T) {
	c := newCatalogT(t)
	ar, en := c.In("ar-SA"), c.In("en")
	if ar.Dir() != "rtl" || en.Dir() != "ltr" || c.In("ja").Dir() != "ltr" || (Localizer{}).Dir() != "ltr" {
		t.Errorf("directions: Arabic %s, English %s", ar.Dir(), en.Dir())
	}
	const phone = "+46 8 555 01 42"
	for got, want := range map[string]string{
		en.T("mail.help", "Phone", phone):                           "Stuck? Call the helpdesk on +46 8 555 01 42",
		ar.T("mail.help", "Phone", phone):                           "هل تحتاج إلى مساعدة؟ اتصل بمكتب المساعدة على \u2066+46 8 555 01 42\u2069",
		ar.T("start.hint.one", "Example", `CORP\sberg`):             "على سبيل المثال، \u2066CORP\\sberg\u2069",
		ar.T("mail.code.subject", "Name", "Contoso", "Code", "048"): "رمزك في Contoso هو 048",
		ar.T("status.today", "Time", "14:32"):                       "اليوم الساعة 14:32.",
		ar.T("method.to", "Masked", "سمير الأول"):                   "إلى سمير الأول",
		string(ar.Rich("code.sent.mail", "Masked", "a•••@x")):       `أرسلنا 6 أرقام إلى <strong><bdi dir="ltr">a•••@x</bdi></strong>.`,
		string(en.Rich("code.sent.mail", "Masked", "a•••@x")):       `We sent 6 numbers to <strong>a•••@x</strong>.`,
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestArabicStartsRightToLeft: mail programs take the direction of a paragraph from its first letter.
func TestArabicStartsRightToLeft(t *testing.T) {
	ar := newCatalogT(t).In("ar")
	for _, id := range newCatalogT(t).IDs() {
		if !strings.HasPrefix(id, "mail.") {
			continue
		}
		for line := range strings.Lines(ar.T(id, "Name", "Contoso", "Code", "481732", "Time", "14:32", "Portal", "https://x", "URL", "https://y", "Phone", "+1 2", "Moment", "1")) {
			letter := strings.IndexFunc(line, unicode.IsLetter)
			if letter < 0 || strings.HasPrefix(line, "https://") {
				continue
			}
			if r, _ := utf8.DecodeRuneInString(line[letter:]); !unicode.Is(unicode.Arabic, r) {
				t.Errorf("%s: %q starts from the left", id, line)
			}
		}
	}
}
