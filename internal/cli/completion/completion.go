// Package completion finishes what somebody types in a shell: verbs, flags, the values a flag knows, and file names where a
// file is wanted.
//
// The script of each shell is thin. It hands the words to the program itself, which knows its own verbs, so a script stays
// right when the program is updated. Nothing is read, opened or asked to complete a word: no file, no database, no server.
package completion

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Verb is the first argument by which a script asks the program. The words follow; the last one, which is being typed, has a
// full stop before it, because some shells drop an empty argument.
const Verb = "__complete"

// files is the line by which a script hears that file names are wanted.
const files = ":files"

// Candidate is one way to go on.
type Candidate struct{ Value, Help string }

// Answer writes the candidates for words, one a line, each with a tab and what it is.
func Answer(w io.Writer, model *kong.Application, words []string) error {
	list, wantsFiles := Candidates(model, words)
	for _, c := range list {
		if _, err := fmt.Fprintf(w, "%s\t%s\n", c.Value, c.Help); err != nil {
			return err
		}
	}
	if wantsFiles {
		_, err := fmt.Fprintln(w, files)
		return err
	}
	return nil
}

// Candidates finds the ways to go on after words, the last of which is being typed and begins with a full stop. wantsFiles: the
// name of a file belongs here.
func Candidates(model *kong.Application, words []string) (list []Candidate, wantsFiles bool) {
	if len(words) == 0 || !strings.HasPrefix(words[len(words)-1], ".") {
		return nil, false
	}
	typed := strings.TrimPrefix(words[len(words)-1], ".")
	l := line{node: model.Node, given: map[string]bool{}}
	for _, w := range words[:len(words)-1] {
		l.take(w)
	}
	return l.complete(typed)
}

// line is what the words so far have said.
type line struct {
	node    *kong.Node
	given   map[string]bool // flags
	flag    *kong.Flag      // it waits for its value
	equals  bool            // and a shell that breaks words there has handed over its =
	args    int             // positional ones
	literal bool            // -- was given: nothing is a flag any more
}

// take goes on by one finished word.
func (l *line) take(word string) {
	switch {
	case l.flag != nil && !l.equals && word == "=":
		l.equals = true
	case l.flag != nil:
		l.flag, l.equals = nil, false
	case l.literal:
		l.args++
	case word == "--":
		l.literal = true
	case strings.HasPrefix(word, "-") && word != "-":
		name, _, whole := strings.Cut(word, "=")
		f := l.find(name)
		if f == nil {
			return
		}
		l.given[f.Name] = true
		if !whole && takesValue(f) {
			l.flag = f
		}
	default:
		if child := l.child(word); child != nil {
			l.node = child
			return
		}
		l.args++
	}
}

// child is the verb below the present one that a word names.
func (l *line) child(word string) *kong.Node {
	if l.args > 0 {
		return nil
	}
	for _, c := range l.node.Children {
		if c.Name == word || slices.Contains(c.Aliases, word) {
			return c
		}
	}
	return nil
}

// flags are those that may stand here, the verb's own first.
func (l *line) flags() []*kong.Flag {
	var out []*kong.Flag
	from := l.node
	if from.DefaultCmd != nil {
		from = from.DefaultCmd
	}
	for n := from; n != nil; n = n.Parent {
		for _, f := range n.Flags {
			if !f.Hidden {
				out = append(out, f)
			}
		}
	}
	return out
}

func (l *line) find(word string) *kong.Flag {
	for _, f := range l.flags() {
		if word == "--"+f.Name || word == "--"+negated(f) || f.Short != 0 && word == "-"+string(f.Short) || slices.Contains(f.Aliases, strings.TrimPrefix(word, "--")) {
			return f
		}
	}
	return nil
}

// negated is the name that turns a flag off; empty: there is none.
func negated(f *kong.Flag) string {
	switch f.Tag.Negatable {
	case "":
		return ""
	case "_":
		return "no-" + f.Name
	}
	return f.Tag.Negatable
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

// complete finds the ways to go on with the word that is being typed.
func (l *line) complete(typed string) ([]Candidate, bool) {
	if l.flag != nil {
		if !l.equals && typed == "=" {
			typed = ""
		}
		return begins(values(l.flag.Value), typed), isFile(l.flag.Value)
	}
	if strings.HasPrefix(typed, "-") && !l.literal {
		if name, value, whole := strings.Cut(typed, "="); whole {
			return l.withValue(name, value)
		}
		return begins(l.flagNames(), typed), false
	}
	if list := begins(l.verbs(typed), typed); len(list) > 0 {
		return list, false
	}
	if v := l.argument(); v != nil {
		return begins(values(v), typed), isFile(v)
	}
	if typed == "" && !l.literal && l.node.Leaf() {
		return l.flagNames(), false
	}
	return nil, false
}

// withValue completes --flag=value in one word.
func (l *line) withValue(name, value string) ([]Candidate, bool) {
	f := l.find(name)
	if f == nil {
		return nil, false
	}
	list := begins(values(f.Value), value)
	for i := range list {
		list[i].Value = name + "=" + list[i].Value
	}
	return list, isFile(f.Value)
}

// verbs are those below the present one; another name of one only when it alone is meant.
func (l *line) verbs(typed string) []Candidate {
	if l.args > 0 {
		return nil
	}
	var names, others []Candidate
	for _, c := range l.node.Children {
		if c.Hidden {
			continue
		}
		names = append(names, Candidate{c.Name, sentence(c.Help)})
		for _, a := range c.Aliases {
			others = append(others, Candidate{a, sentence(c.Help)})
		}
	}
	if len(begins(names, typed)) > 0 {
		return names
	}
	return others
}

// argument is the positional one that stands here; nil: none does.
func (l *line) argument() *kong.Value {
	all := l.node.Positional
	switch {
	case len(all) == 0:
		return nil
	case l.args < len(all):
		return all[l.args]
	case all[len(all)-1].IsCumulative():
		return all[len(all)-1]
	}
	return nil
}

// flagNames are the flags that haven't been given yet.
func (l *line) flagNames() []Candidate {
	var out []Candidate
	for _, f := range l.flags() {
		if l.given[f.Name] && !f.IsCumulative() {
			continue
		}
		out = append(out, Candidate{"--" + f.Name, sentence(f.Help)})
		if off := negated(f); off != "" {
			out = append(out, Candidate{"--" + off, sentence(f.Help)})
		}
	}
	return out
}

// values are what may stand for a flag or an argument, where that is known: its enum, or what its tag complete lists.
func values(v *kong.Value) []Candidate {
	known := v.Enum
	if known == "" {
		known = v.Tag.Get("complete")
	}
	var out []Candidate
	for one := range strings.SplitSeq(known, ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, Candidate{Value: one})
		}
	}
	return out
}

func isFile(v *kong.Value) bool {
	switch v.Tag.Type {
	case "path", "existingfile", "existingdir", "filecontent":
		return true
	}
	return false
}

func begins(all []Candidate, typed string) []Candidate {
	var out []Candidate
	for _, c := range all {
		if strings.HasPrefix(c.Value, typed) {
			out = append(out, c)
		}
	}
	return out
}

// sentence is the first one of a help text, on one line: shells show it beside the candidate.
func sentence(help string) string {
	first, _, _ := strings.Cut(strings.Join(strings.Fields(help), " "), ". ")
	return strings.TrimSuffix(first, ".")
}
