// Package web is what every page of the product stands on: templates parsed once from embedded files,
// typed page structs rendered whole before the first byte is sent, static files with addresses that change
// with their bytes, and the security headers.
//
// It guarantees that a page is either sent complete or not at all, and that a template naming an unknown
// message, page or static file stops the program at the start. It knows no page; portal and admin do.
package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"text/template/parse"
)

// Page is a typed page struct. Its Template names the file that shows it.
type Page interface {
	// Template is the page's file in the engine's pages folder, without .html.
	Template() string
}

// Messages says which message ids exist. A locale.Catalog is one.
type Messages interface {
	Has(id string) bool
}

// Engine renders pages. It is safe for concurrent use.
type Engine struct {
	pages   map[string]*template.Template // as written; never drawn themselves, so that they can be copied
	spoken  spoken
	buffers sync.Pool
	headers http.Header
}

// mostKept bounds the buffers that are used again.
const mostKept = 256 << 10

// NewEngine parses every pages/*.html of fsys, each with all of parts/*.html. The parts define "layout",
// which shows the page's own "main"; a page that has one also defines "region", its fragment.
func NewEngine(fsys fs.FS, assets *Assets, messages Messages) (*Engine, error) {
	funcs := template.FuncMap{"asset": assets.URL, "integrity": assets.Integrity}
	base, err := template.New("").Option("missingkey=error").Funcs(funcs).ParseFS(fsys, "parts/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse template parts: %w", err)
	}
	constants, err := newFolding(fsys, funcs)
	if err != nil {
		return nil, fmt.Errorf("parse template parts: %w", err)
	}
	files, err := fs.Glob(fsys, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("list page templates: %w", err)
	}
	e := &Engine{
		pages: make(map[string]*template.Template, len(files)), spoken: spoken{pages: map[spokenPage]*template.Template{}},
		headers: securityHeaders(), buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
	for _, file := range files {
		page, err := base.Clone()
		if err == nil {
			_, err = page.ParseFS(fsys, file)
		}
		if err != nil {
			return nil, fmt.Errorf("parse template %s: %w", file, err)
		}
		if err := checkMessages(page, messages); err != nil {
			return nil, fmt.Errorf("template %s: %w", file, err)
		}
		if err := constants.page(page); err != nil {
			return nil, fmt.Errorf("template %s: %w", file, err)
		}
		e.pages[strings.TrimSuffix(path.Base(file), ".html")] = page
	}
	return e, nil
}

// ErrGone says that a page was drawn, but the connection broke while it was sent: nobody is there to be sent another.
var ErrGone = errors.New("the browser is gone")

// Render sends the whole page with this status. On an error nothing has been sent yet, and the caller may send another
// page, unless it is ErrGone.
func (e *Engine) Render(w http.ResponseWriter, status int, page Page) error {
	return e.send(w, status, page, "layout")
}

// Fragment sends only the page's changing region, for a request that carries HX-Request.
func (e *Engine) Fragment(w http.ResponseWriter, status int, page Page) error {
	return e.send(w, status, page, "region")
}

func (e *Engine) send(w http.ResponseWriter, status int, page Page, part string) error {
	written, ok := e.pages[page.Template()]
	if !ok {
		return fmt.Errorf("render %T: no template %q", page, page.Template())
	}
	t, err := e.spoken.of(page, written)
	if err != nil {
		return fmt.Errorf("render %T: %w", page, err)
	}
	body := e.buffers.Get().(*bytes.Buffer) //nolint:forcetypeassert // nothing else is put there
	defer e.release(body)
	if err := t.ExecuteTemplate(body, part, page); err != nil {
		return fmt.Errorf("render %T: %w", page, err)
	}
	h := w.Header()
	maps.Copy(h, e.headers)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if _, err := w.Write(body.Bytes()); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) { // HEAD has none
		return fmt.Errorf("send %T: %w: %w", page, ErrGone, err)
	}
	return nil
}

// release clears what was drawn, as a page can hold a password that is shown once, and lets the next page use the room.
func (e *Engine) release(body *bytes.Buffer) {
	clear(body.Bytes())
	body.Reset()
	if body.Cap() <= mostKept {
		e.buffers.Put(body)
	}
}

// checkMessages finds every .T and .Rich call of a template and refuses ids that nobody wrote.
func checkMessages(t *template.Template, messages Messages) error {
	for _, part := range t.Templates() {
		if part.Tree == nil {
			continue
		}
		for _, id := range messageIDs(part.Tree.Root) {
			if !messages.Has(id) {
				return fmt.Errorf("no message %q", id)
			}
		}
	}
	return nil
}

// messageIDs lists the literal ids in calls of T and Rich below node.
func messageIDs(node parse.Node) []string {
	var ids []string
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, child := range n.Nodes {
			ids = append(ids, messageIDs(child)...)
		}
	case *parse.ActionNode:
		ids = messageIDs(n.Pipe)
	case *parse.TemplateNode:
		ids = messageIDs(n.Pipe)
	case *parse.IfNode:
		ids = branchIDs(&n.BranchNode)
	case *parse.RangeNode:
		ids = branchIDs(&n.BranchNode)
	case *parse.WithNode:
		ids = branchIDs(&n.BranchNode)
	case *parse.PipeNode:
		if n == nil {
			return nil
		}
		for _, command := range n.Cmds {
			ids = append(ids, commandIDs(command)...)
		}
	}
	return ids
}

func branchIDs(n *parse.BranchNode) []string {
	ids := append(messageIDs(n.Pipe), messageIDs(n.List)...)
	return append(ids, messageIDs(n.ElseList)...)
}

func commandIDs(c *parse.CommandNode) []string {
	var ids []string
	for i, arg := range c.Args {
		if p, ok := arg.(*parse.PipeNode); ok {
			ids = append(ids, messageIDs(p)...)
		}
		if i == 0 && speaks(arg) && len(c.Args) > 1 {
			if id, ok := c.Args[1].(*parse.StringNode); ok {
				ids = append(ids, id.Text)
			}
		}
	}
	return ids
}

// speaks reports whether a call's target is a message lookup: .T, $.T, .Rich, $.Rich.
func speaks(node parse.Node) bool {
	text := node.String()
	return strings.HasSuffix(text, ".T") || strings.HasSuffix(text, ".Rich")
}
