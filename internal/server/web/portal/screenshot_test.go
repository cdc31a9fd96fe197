package portal_test

import (
	"testing"

	"homeward/test/webtest"
)

// before brings a sample into the state of its mock: what somebody has typed or opened.
func before(name string) string {
	switch name {
	case "code":
		return `const f = document.getElementById("code"); f.value = "4817"; f.focus()`
	case "change":
		return `const c = document.getElementById("current"); c.value = "Old-password-1";
			const f = document.getElementById("password"); f.value = "Quiet harbour lamp 7";
			f.dispatchEvent(new Event("input")); document.querySelector("[data-show=password]").click()`
	case "password":
		return `const f = document.getElementById("password"); f.value = "quiet-harbour-lamp";
			f.dispatchEvent(new Event("input")); document.getElementById("show").click(); f.focus()`
	case "password-ending":
		return `document.querySelector("#time p").hidden = false`
	}
	return ""
}

// examined is before, and one page with the chooser open.
func examined(name string) string {
	if name == "start-empty" {
		return `document.querySelector(".language").open = true`
	}
	return before(name)
}

// TestEveryPageInABrowser examines every page, and compares how it is laid out with what was last accepted, in one language of
// each direction of writing.
func TestEveryPageInABrowser(t *testing.T) {
	g := gallery(t)
	accepted := map[string]layouts{"en": readLayouts(t, "en"), "ar": readLayouts(t, "ar")}
	t.Run("pages", func(t *testing.T) {
		webtest.Examination{
			Address: sampleServer(t, nil).URL, Before: examined, Light: 320, Dark: 1280, NothingSticksOut: true,
			Look: func(t *testing.T, b *webtest.Browser, lang, name string) {
				if l, both := accepted[lang]; both {
					l.look(t, b, name)
				}
			},
		}.Every(t, g)
	})
	for lang, l := range accepted {
		var pages []string
		for _, s := range g.Samples(lang) {
			pages = append(pages, s.Name)
		}
		l.finish(t, lang, pages)
	}
}

// TestScreenshots draws every page, if it is told where to.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	gallery(t).Screenshots(t, sampleServer(t, nil), "en-start", before)
}
