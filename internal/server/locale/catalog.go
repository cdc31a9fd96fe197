// Package locale holds every sentence people read, in every language the product speaks, with plural forms
// and the way each language writes times and dates.
//
// It guarantees that all languages have the same messages with the same placeholders: New refuses a set
// that differs, and an id nobody wrote down gives itself back, never an empty text. It does not decide what
// is said; pages and mails do.
package locale

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed messages/*.json
var messages embed.FS

// Catalog is every message in every language. It is safe for concurrent use.
type Catalog struct {
	tags    []language.Tag // the default language first
	matcher language.Matcher
	ids     map[string]bool
	names   []Language
	// speakers are the languages as pages speak them.
	speakers map[language.Tag]Localizer
}

// Language is one choice of the language chooser.
type Language struct {
	Tag  string // BCP 47, as in the lang attribute
	Name string // in the language itself
}

// New loads the messages built into the program. It fails when a language lacks a message, has one too
// many, lacks a plural form that its grammar has, or a translation uses other placeholders than the English text.
func New() (*Catalog, error) { return Load(messages) }

// Files are the messages built into the program: messages/en.json and the other languages.
func Files() fs.FS { return messages }

// Load is New for messages of one's own, laid out as Files are.
func Load(fsys fs.FS) (*Catalog, error) {
	files, err := fs.Glob(fsys, "messages/*.json")
	if err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	sets := make(map[language.Tag]messageSet, len(files))
	bundle := i18n.NewBundle(language.English)
	for _, file := range files {
		tag, set, err := readSet(fsys, file)
		if err != nil {
			return nil, err
		}
		sets[tag] = set
		if err := bundle.AddMessages(tag, counted(set)...); err != nil {
			return nil, fmt.Errorf("load messages %s: %w", file, err)
		}
	}
	if err := compareSets(sets); err != nil {
		return nil, err
	}
	return newCatalog(bundle, sets)
}

// counted are the messages that have plural forms; the others are sentences.
func counted(set messageSet) []*i18n.Message {
	var out []*i18n.Message
	for id, f := range set {
		if len(f) > 1 {
			out = append(out, &i18n.Message{ID: id, Zero: f["zero"], One: f["one"], Two: f["two"], Few: f["few"], Many: f["many"], Other: f["other"]})
		}
	}
	return out
}

func newCatalog(bundle *i18n.Bundle, sets map[language.Tag]messageSet) (*Catalog, error) {
	c := &Catalog{tags: []language.Tag{language.English}, ids: map[string]bool{}, speakers: map[language.Tag]Localizer{}}
	for id := range sets[language.English] {
		c.ids[id] = true
	}
	rest := slices.DeleteFunc(slices.Collect(maps.Keys(sets)), func(t language.Tag) bool { return t == language.English })
	slices.SortFunc(rest, func(a, b language.Tag) int { return strings.Compare(a.String(), b.String()) })
	c.tags = append(c.tags, rest...)
	c.matcher = language.NewMatcher(c.tags)
	for _, tag := range c.tags {
		l := Localizer{
			words: i18n.NewLocalizer(bundle, tag.String()), sentences: sentencesOf(sets[tag]), tag: tag, name: tag.String(), counts: countsOf(tag), rtl: rightToLeft(tag),
		}
		c.speakers[tag] = l
		name := l.T("language.name")
		if name == "" || name == "language.name" {
			return nil, fmt.Errorf("messages %s: no language.name", tag)
		}
		c.names = append(c.names, Language{Tag: tag.String(), Name: name})
	}
	return c, nil
}

// Languages lists the languages in the order the chooser shows them.
func (c *Catalog) Languages() []Language { return slices.Clone(c.names) }

// Has reports whether a message with this id exists. Templates are checked with it once, at the start.
func (c *Catalog) Has(id string) bool { return c.ids[id] }

// IDs lists every message id, sorted.
func (c *Catalog) IDs() []string { return slices.Sorted(maps.Keys(c.ids)) }

// For picks a language: what the person chose on this request (mkt), else what they chose before (cookie),
// else what the browser asks for, else English. Nonsense in any of them is passed over.
func (c *Catalog) For(acceptLanguage, mkt, cookie string) Localizer {
	for _, choice := range []string{mkt, cookie} {
		if tag, err := language.Parse(choice); err == nil && choice != "" {
			if _, i, confidence := c.matcher.Match(tag); confidence >= language.High {
				return c.speakers[c.tags[i]]
			}
		}
	}
	// An error still carries the tags before it, and no tags at all match the default.
	wanted, _, _ := language.ParseAcceptLanguage(acceptLanguage)
	_, i, _ := c.matcher.Match(wanted...)
	return c.speakers[c.tags[i]]
}

// In returns the language of a stored tag, for mails and texts written without a request; English when the
// tag is not one of ours.
func (c *Catalog) In(tag string) Localizer { return c.For("", tag, "") }

// messageSet is the texts of one language: id, then plural category ("other" for a plain message).
type messageSet map[string]map[string]string

func readSet(fsys fs.FS, file string) (language.Tag, messageSet, error) {
	tag, err := language.Parse(strings.TrimSuffix(path.Base(file), ".json"))
	if err != nil {
		return tag, nil, fmt.Errorf("messages %s: the file name is no language: %w", file, err)
	}
	raw, err := fs.ReadFile(fsys, file)
	if err != nil {
		return tag, nil, fmt.Errorf("read messages %s: %w", file, err)
	}
	entries := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &entries); err != nil {
		return tag, nil, fmt.Errorf("messages %s: %w", file, err)
	}
	set := messageSet{}
	for id, entry := range entries {
		forms, err := readForms(entry)
		if err != nil {
			return tag, nil, fmt.Errorf("messages %s: %s: %w", file, id, err)
		}
		set[id] = forms
	}
	return tag, set, nil
}

func readForms(entry json.RawMessage) (map[string]string, error) {
	var text string
	if json.Unmarshal(entry, &text) == nil {
		return map[string]string{"other": text}, checkForms(map[string]string{"other": text})
	}
	forms := map[string]string{}
	if err := json.Unmarshal(entry, &forms); err != nil {
		return nil, fmt.Errorf("neither a text nor plural forms: %w", err)
	}
	return forms, checkForms(forms)
}

func checkForms(forms map[string]string) error {
	if forms["other"] == "" {
		return fmt.Errorf("no text")
	}
	for category, text := range forms {
		if strings.TrimSpace(text) == "" {
			return fmt.Errorf("empty text for %q", category)
		}
		if strings.ContainsAny(text, "<>&") {
			return fmt.Errorf("markup in the text for %q; write **bold** or `keys` instead", category)
		}
		if _, ok := cut(text); !ok {
			return fmt.Errorf("the text for %q holds something else than {{.Name}} in braces", category)
		}
	}
	return nil
}

func compareSets(sets map[language.Tag]messageSet) error {
	english, ok := sets[language.English]
	if !ok {
		return fmt.Errorf("messages: no English file")
	}
	for tag, set := range sets {
		for _, id := range slices.Sorted(maps.Keys(english)) {
			forms, ok := set[id]
			if !ok {
				return fmt.Errorf("messages %s: %s is missing", tag, id)
			}
			if err := compareForms(english[id], forms, countsOf(tag)); err != nil {
				return fmt.Errorf("messages %s: %s %w", tag, id, err)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(set)) {
			if _, ok := english[id]; !ok {
				return fmt.Errorf("messages %s: %s does not exist in English", tag, id)
			}
		}
	}
	return nil
}

// compareForms checks one message against the English one. A language has exactly the plural forms its grammar
// asks for, each with the placeholders of the English text; only the number itself may be written as a word.
func compareForms(english, forms map[string]string, counts []count) error {
	a, b := placeholders(english["other"]), placeholders(forms["other"])
	if !slices.Equal(a, b) {
		return fmt.Errorf("has placeholders %v, English has %v", b, a)
	}
	if len(english) == 1 {
		if len(forms) > 1 {
			return fmt.Errorf("has plural forms, the English text has none")
		}
		return nil
	}
	for _, c := range counts {
		text, ok := forms[c.category]
		if !ok {
			return fmt.Errorf("has no plural form %q", c.category)
		}
		if got := placeholders(text + "{{.N}}"); !slices.Equal(got, placeholders(forms["other"]+"{{.N}}")) {
			return fmt.Errorf("has placeholders %v in its plural form %q, English has %v", got, c.category, a)
		}
	}
	if len(forms) != len(counts) {
		return fmt.Errorf("has %d plural forms, the language has %d", len(forms), len(counts))
	}
	return nil
}
