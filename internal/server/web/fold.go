package web

import (
	"fmt"
	"html/template"
	"io/fs"
	"strings"
	plain "text/template"
	"text/template/parse"
)

// folding draws parts that are shown with a constant, such as {{template "icon" "lock"}}, once at the start, so that no page
// goes through all icons again for each of its own. What is folded stands in the template files on both sides: no value of a
// page is in it.
type folding struct{ parts *plain.Template }

func newFolding(fsys fs.FS, funcs template.FuncMap) (folding, error) {
	parts, err := plain.New("").Funcs(funcs).ParseFS(fsys, "parts/*.html")
	return folding{parts}, err
}

// page folds what all templates of a page show.
func (f folding) page(t *template.Template) error {
	for _, part := range t.Templates() {
		if part.Tree == nil {
			continue
		}
		if err := f.list(part.Tree.Root); err != nil {
			return err
		}
	}
	return nil
}

func (f folding) list(l *parse.ListNode) error {
	if l == nil {
		return nil
	}
	for i, n := range l.Nodes {
		var err error
		switch n := n.(type) {
		case *parse.TemplateNode:
			if argument, ok := constant(n.Pipe); ok && f.parts.Lookup(n.Name) != nil {
				l.Nodes[i], err = f.draw(n, argument)
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
	return nil
}

func (f folding) branch(n *parse.BranchNode) error {
	if err := f.list(n.List); err != nil {
		return err
	}
	return f.list(n.ElseList)
}

// constant returns the text of a pipeline that is nothing but a quoted text.
func constant(p *parse.PipeNode) (string, bool) {
	if p == nil || len(p.Decl) > 0 || len(p.Cmds) != 1 || len(p.Cmds[0].Args) != 1 {
		return "", false
	}
	s, ok := p.Cmds[0].Args[0].(*parse.StringNode)
	if !ok {
		return "", false
	}
	return s.Text, true
}

func (f folding) draw(n *parse.TemplateNode, argument string) (parse.Node, error) {
	var out strings.Builder
	if err := f.parts.ExecuteTemplate(&out, n.Name, argument); err != nil {
		return n, fmt.Errorf("draw %s with %q: %w", n.Name, argument, err)
	}
	return &parse.TextNode{NodeType: parse.NodeText, Pos: n.Pos, Text: []byte(out.String())}, nil
}
