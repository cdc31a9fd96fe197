package portal_test

import (
	"testing"

	"homeward/internal/server/web/portal"
	"homeward/test/webtest"
)

// TestEveryTextIsTranslated: a page shows messages, data, and the few names that are the same everywhere.
func TestEveryTextIsTranslated(t *testing.T) {
	t.Parallel()
	catalog, err := webtest.Marked()
	if err != nil {
		t.Fatal(err)
	}
	assets, err := portal.Assets()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := portal.NewEngine(assets, catalog)
	if err != nil {
		t.Fatal(err)
	}
	webtest.Gallery{Engine: engine, Catalog: catalog, Samples: func(lang string) []webtest.Sample {
		var out []webtest.Sample
		for _, s := range samples(catalog, lang) {
			out = append(out, webtest.Sample{Name: s.name, Status: s.status, Page: s.page})
		}
		return out
	}}.Foreign(t, sameEverywhere())
}

// sameEverywhere are names and data that no language translates.
func sameEverywhere() [][2]string {
	return [][2]string{
		{"Reset your password for everything at Contoso.|On 12 March .* moved.|Passwords can’t be changed then.|Connect to Contoso VPN .* password.", "what the organisation wrote"},
		{`[\w.•-]+@[\w.-]+|CORP\\sberg`, "addresses and user names"},
		{"Contoso|AO|C", "the organisation, and initials of it and a person"},
		{`\{"one":"|","other":"|\{(n|of|word|name|list)\}`, "places that a script fills in"},
		{`<meta http-equiv="refresh" content="\d+">`, "a page without script asks again"},
	}
}
