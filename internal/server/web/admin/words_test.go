package admin_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/locale"
	"homeward/internal/server/web/admin"
	"homeward/test/webtest"
)

// TestEveryTextIsTranslated: a page shows messages, data, and the few names that are the same everywhere.
func TestEveryTextIsTranslated(t *testing.T) {
	t.Parallel()
	catalog, err := webtest.Marked()
	if err != nil {
		t.Fatal(err)
	}
	assets, err := admin.Assets()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := admin.NewEngine(assets, catalog)
	if err != nil {
		t.Fatal(err)
	}
	webtest.Gallery{Engine: engine, Catalog: catalog, Samples: func(lang string) []webtest.Sample {
		var out []webtest.Sample
		for _, s := range append(samples(catalog, lang), everyEvent(catalog, lang)) {
			out = append(out, webtest.Sample{Name: s.name, Status: s.status, Page: s.page})
		}
		return out
	}}.Foreign(t, sameEverywhere())
}

// everyEvent is the page of an attempt in which everything happened.
func everyEvent(catalog *locale.Catalog, lang string) sample {
	var records []audit.Record
	for _, e := range event.Catalogue() {
		records = append(records, audit.Record{Support: "HW-7K3Q-92MD", Activity: "Test write", Hop: "relay", Event: int(e.Code), Result: "ok", At: now()})
	}
	return sample{"event-every", http.StatusOK, frame(catalog, lang, "/admin/audit", working()).EventPage(records)}
}

// TestWhatIsStoredHasWords reads the product's own sources: whatever a record or the status may hold by its name, the pages have a
// message for.
func TestWhatIsStoredHasWords(t *testing.T) {
	t.Parallel()
	for _, a := range admin.Activities() {
		if admin.Word("activity", a) == "" {
			t.Errorf("the activity %q has no message", a)
		}
	}
	reason := `Reason\w+ +(?:protocol\.)?Reason = "(\w+)"`
	for _, source := range []struct {
		kind, path, says string
		least            int
	}{
		{"reason", "../../../protocol/protocol.go", reason, 50},
		{"reason", "../../reset/check.go", reason, 1},
		{"reason", "../../reset/gates.go", reason, 1},
		{"reason", "../../operator/signin.go", `reason = "(\w+)"|Reason: "(\w+)"|return "(\w+_\w+)"|wrongCode\{"(\w+)"`, 4},
		{"reason", "../../operator/proof.go", `reason :?= "(\w+)"`, 2},
		{"reason", "../../operator/passkey.go", `return "(\w+_passkey)"|Reason: "(\w+)"`, 2},
		{"reason", "../../operator/provider.go", `s\.refused\([^\n]*"(\w+)"\)`, 1},
		{"reason", "../../verify/answer.go", `Result = "(wrong|expired|too_many|none)"`, 4},
		{"reason", "../../helpdesk/helpdesk.go", `Bar += "(\w+)"`, 6},
		{"result", "../../../protocol/protocol.go", `Outcome = "(\w+)"`, 4},
		{"result", "../../reset/check.go", `r\.Result = "([^"]+)"`, 1},
		{"hop", "../../reset/outcome.go", `hop\w+ += "(\w+)"|Hop: "([^"]+)"`, 4},
		{"hop", "../../../agent/writeback/*.go", `\.add\("([^"]+)"`, 5},
		{"hop", "../../../agent/writeback/*.go", `Hop\{+Name: "([^"]+)"`, 2},
		{"case", "../../provision/reason.go", `protocol\.Reason = "(\w+)"`, 15},
		{"case", "../../../protocol/sync*.go", `Fault\w+ +Reason = "(\w+)"`, 5},
		{"cause", "../../status/reasons.go", `ID(?: =|, c\.\w+ =|:) "(\w+)"|c\.Name, c\.ID = \w+, "(\w+)"`, 15},
	} {
		text := sources(t, source.path)
		found := regexp.MustCompile(source.says).FindAllStringSubmatch(text, -1)
		if len(found) < source.least {
			t.Errorf("only %d %ss were found in %s: the pattern no longer fits the code", len(found), source.kind, source.path)
		}
		for _, m := range found {
			if code := strings.Join(m[1:], ""); admin.Word(source.kind, code) == "" {
				t.Errorf("the %s %q of %s has no message", source.kind, code, source.path)
			}
		}
	}
}

// sources are the product's own files that fit a pattern, without their tests.
func sources(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// sameEverywhere are names and data that no language translates.
func sameEverywhere() [][2]string {
	return [][2]string{
		{"Reset your password for everything at Contoso.|On 12 March .* then.", "what the organisation wrote"},
		{"Homeward|Active Directory|Microsoft 365 (E3|Business Premium|Business Standard)|Office 365 E3|Firefox, Windows|Windows Server 2022", "products"},
		{"UTC|objectGUID|description|https://|mfa|groups|#[0-9a-f]{6}", "names and forms of standards, typed or compared letter by letter"},
		{"hw-admins = Global Administrator|Global Administrator, Hybrid Identity Administrator, .*, Reports Reader", "roles as they are typed into the provider's table"},
		{`[\w.-]+@[\w.-]+|[\w-]+(\.[\w-]+)+|2001:db8::7|(, )?dc0\d( \d+)?`, "addresses and hosts"},
		{`(SRV-HW|HW-BRANCH-)\d+|HW-\w{4}-\w{4}|[0-9a-f]{4}…[0-9a-f]{4}`, "machines, support codes and ids"},
		{`(CN|OU|DC)=[\w-]+|(CORP|LAB)\\[\w-]+|onyman(-old)?|GG-[\w-]+|PSO-[\w-]+|All staff|(SRV-HW01, )?Stockholm-HQ`, "the directory's names"},
		{"Contoso( login| Group)?|Jonas Lindqvist|Sam Berg|Nadia Haddad|Amara Okafor|Ines Carvalho|Priya Raman|Tove Holgersson|admin kholm|KH|JL|SB|C", "people and organisations, and their initials"},
		{"mail server .*: 550 .*", "what a mail server said"},
		{"Work laptop|Security key in the drawer|it alerts", "what an operator typed"},
	}
}
