package web

import (
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"text/template/parse"
)

// speaker is a page that says its sentences itself, as every page with a locale.Localizer does.
type speaker interface {
	Lang() string
	T(id string, data ...any) string
	Rich(id string, data ...any) template.HTML
}

// spoken holds the templates of pages once more for each language that somebody has read them in. There, what is the same in
// every answer stands as text: sentences without a value, and the addresses and hashes of static files. It is what the page's
// own actions give, escaped for the place they stand in; nothing of a person or a request is in it.
type spoken struct {
	mu    sync.RWMutex
	pages map[spokenPage]*template.Template
}

type spokenPage struct{ name, lang string }

// of returns the template of a page in its language.
func (s *spoken) of(page Page, written *template.Template) (*template.Template, error) {
	voice, speaks := page.(speaker)
	if !speaks {
		return s.template(spokenPage{name: page.Template()}, written, nil)
	}
	return s.template(spokenPage{page.Template(), voice.Lang()}, written, voice)
}

func (s *spoken) template(key spokenPage, written *template.Template, voice speaker) (*template.Template, error) {
	s.mu.RLock()
	t := s.pages[key]
	s.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.pages[key]; t != nil {
		return t, nil
	}
	t, err := written.Clone()
	if err == nil && voice != nil {
		err = speak(t, voice)
	}
	if err != nil {
		return nil, err
	}
	s.pages[key] = t
	return t, nil
}

// slot is a template that holds the one action whose text is wanted.
const slot = "one action"

// speak puts text in the place of each action that always gives the same in this voice.
func speak(t *template.Template, voice speaker) error {
	if _, err := t.New(slot).Parse("x"); err != nil {
		return err
	}
	for _, part := range []string{"layout", "region", slot} {
		if t.Lookup(part) != nil {
			_ = t.ExecuteTemplate(io.Discard, part, nil) // it fails for want of a page, but not before every action got its escapers
		}
	}
	f := fixed{t: t, voice: struct{ speaker }{voice}}
	for _, part := range t.Templates() {
		if part.Tree == nil || part.Name() == slot {
			continue
		}
		if err := f.list(part.Tree.Root); err != nil {
			return err
		}
	}
	return nil
}

type fixed struct {
	t     *template.Template
	voice any
}

func (f fixed) list(l *parse.ListNode) error {
	if l == nil {
		return nil
	}
	for i, n := range l.Nodes {
		var err error
		switch n := n.(type) {
		case *parse.ActionNode:
			if isFixed(n.Pipe) {
				l.Nodes[i], err = f.draw(n)
			}
		case *parse.IfNode:
			err = f.branch(&n.BranchNode)
		case *parse.RangeNode:
			err = f.branch(&n.BranchNode)
		case *parse.WithNode:
			err = f.branch(&n.BranchNode)
		}
		if err != nil {
			return err
		}
	}
	l.Nodes = joined(l.Nodes)
	return nil
}

func (f fixed) branch(n *parse.BranchNode) error {
	if err := f.list(n.List); err != nil {
		return err
	}
	return f.list(n.ElseList)
}

// isFixed reports whether a pipeline is .T, $.T, .Rich, asset or integrity of a quoted text, and after that nothing but the
// escapers of html/template.
func isFixed(p *parse.PipeNode) bool {
	if p == nil || len(p.Decl) > 0 || len(p.Cmds[0].Args) != 2 || p.Cmds[0].Args[1].Type() != parse.NodeString {
		return false
	}
	for _, c := range p.Cmds[1:] {
		if len(c.Args) != 1 || c.Args[0].Type() != parse.NodeIdentifier || !strings.HasPrefix(c.Args[0].String(), "_html_template_") {
			return false
		}
	}
	return slices.Contains([]string{".T", "$.T", ".Rich", "$.Rich", "asset", "integrity"}, p.Cmds[0].Args[0].String())
}

func (f fixed) draw(n *parse.ActionNode) (parse.Node, error) {
	f.t.Lookup(slot).Tree.Root.Nodes = []parse.Node{n}
	var out strings.Builder
	if err := f.t.ExecuteTemplate(&out, slot, f.voice); err != nil {
		return n, fmt.Errorf("draw %s: %w", n, err)
	}
	return &parse.TextNode{NodeType: parse.NodeText, Pos: n.Pos, Text: []byte(out.String())}, nil
}

// joined makes one text of texts that follow each other.
func joined(nodes []parse.Node) []parse.Node {
	var out []parse.Node
	for _, n := range nodes {
		text, isText := n.(*parse.TextNode)
		if isText && len(out) > 0 {
			if last, ok := out[len(out)-1].(*parse.TextNode); ok {
				last.Text = slices.Concat(last.Text, text.Text)
				continue
			}
		}
		out = append(out, n)
	}
	return out
}
