// Package portal holds the pages people see: their typed structs, templates, styles and scripts.
//
// A page struct holds everything its template shows, with names, times and numbers as they are; the
// template says them in the person's language. The pages decide nothing: handlers fill them, and every
// sentence comes from package locale. Except for /password, which seals in the browser, every page works
// without script.
package portal

import (
	"embed"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"strings"
	"unicode/utf8"

	"homeward/internal/server/locale"
	"homeward/internal/server/web"
)

//go:embed parts/*.html pages/*.html static
var files embed.FS

// Assets returns the portal's static files, to be served under web.StaticPath.
func Assets() (*web.Assets, error) {
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, fmt.Errorf("portal static files: %w", err)
	}
	common, err := web.Shared()
	if err != nil {
		return nil, fmt.Errorf("shared static files: %w", err)
	}
	return web.NewAssetsAt(web.StaticPath, common, static)
}

// NewEngine returns the engine that renders this package's pages.
func NewEngine(assets *web.Assets, catalog *locale.Catalog) (*web.Engine, error) {
	return web.NewEngine(files, assets, catalog)
}

// Frame is what every page shows around its question. Pages embed it; templates speak through it.
type Frame struct {
	locale.Localizer

	TenantName string
	HelpPhone  string            // as people read it; empty when there is none
	HelpURL    string            // https://… or mailto:…; empty when there is none
	HelpMail   string            // as people read it; empty when there is none
	SignInURL  string            // where "Go to sign-in" leads; empty hides the button
	Languages  []locale.Language // choices of the language chooser
	Path       string            // of this page's GET, where a language choice leads
	Theme      string            // "light" or "dark" overrides the device's choice
	Look       Look              // the organisation's own
	SignOut    bool              // somebody is signed in: the header offers the way out in place of the languages
}

// Initial returns the letter in the round logo.
func (f Frame) Initial() string {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(f.TenantName))
	if r == utf8.RuneError {
		return ""
	}
	return strings.ToUpper(string(r))
}

// LanguageName returns the present language in its own words.
func (f Frame) LanguageName() string {
	for _, l := range f.Languages {
		if l.Tag == f.Lang() {
			return l.Name
		}
	}
	return f.Lang()
}

// PhoneNumber returns the helpdesk's number as a tel: address wants it.
func (f Frame) PhoneNumber() string {
	return strings.Map(func(r rune) rune {
		if r == '+' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, f.HelpPhone)
}

// PhoneLink returns the helpdesk's number as an address. It holds digits and plus signs only.
func (f Frame) PhoneLink() template.URL {
	return template.URL("tel:" + f.PhoneNumber()) //nolint:gosec // see PhoneNumber
}

// HelpLine is the footer's sentence with its links, or nothing when there is no help to name.
func (f Frame) HelpLine() template.HTML {
	line := f.helpLine()
	if line == "" || f.HelpMail == "" || strings.HasPrefix(f.HelpURL, "mailto:") {
		return line
	}
	return line + " · " + link("mailto:"+f.HelpMail, f.HelpMail)
}

func (f Frame) helpLine() template.HTML {
	phone := link(string(f.PhoneLink()), f.HelpPhone)
	online := link(f.HelpURL, f.T("help.online"))
	switch {
	case f.HelpPhone != "" && f.HelpURL != "":
		return f.Rich("help.both", "Phone", phone, "Online", online)
	case f.HelpPhone != "":
		return f.Rich("help.phone", "Phone", phone)
	case f.HelpURL != "":
		return f.Rich("help.url", "Online", online)
	}
	return ""
}

// link builds one anchor; anything but https, http, mailto and tel leads nowhere.
func link(address, text string) template.HTML {
	if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "tel:") && !strings.HasPrefix(address, "mailto:") {
		address = ""
	}
	dir := ""
	if strings.HasPrefix(address, "tel:") {
		dir = `dir="ltr" `
	}
	return template.HTML(`<a ` + dir + `href="` + html.EscapeString(address) + `">` + html.EscapeString(text) + `</a>`) //nolint:gosec // escaped
}

// Problem reports whether the page carries an error; pages with forms override it through Problems.
func (Frame) Problem() bool { return false }

// Keep names the form whose fields a change of language carries along, so that nothing typed is lost. Most pages
// have nothing to carry: what they ask for is a secret, or a press of a button.
func (Frame) Keep() string { return "" }

// Steps returns no step bar; pages of the flow have one.
func (Frame) Steps() *Steps { return nil }

// Wide reports whether the card is the wide one on a large screen.
func (Frame) Wide() bool { return false }

// Hills reports whether the hills show on a small screen too, behind the footer.
func (Frame) Hills() bool { return false }

// Scripts lists the static files this page runs.
func (Frame) Scripts() []string { return nil }

// Refresh returns after how many seconds a browser without script asks again; 0 is never.
func (Frame) Refresh() int { return 0 }

// Steps is the bar "Step 2 of 4 · Check 1 of 2".
type Steps struct {
	Now, Of int
	Name    string
}

// Segments returns one entry per step: whether it is reached.
func (s Steps) Segments() []bool {
	out := make([]bool, s.Of)
	for i := range out {
		out[i] = i < s.Now
	}
	return out
}

// FieldError is one mistake: the id of the field it belongs to, and the sentence.
type FieldError struct {
	Field string
	Text  string
}

// Problems are the mistakes of a form. The same words stand in the summary and at the field.
type Problems []FieldError

// At returns the sentence for one field, or nothing.
func (p Problems) At(field string) string {
	for _, e := range p {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}
