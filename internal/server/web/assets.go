package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// StaticPath is where Assets are served, unless NewAssetsAt names another place.
const StaticPath = "/static/"

// Assets are the static files of one site: read once, each under an address that changes with its bytes.
type Assets struct {
	path  string
	files map[string]asset
}

type asset struct {
	body      []byte
	kind      string // content type
	version   string // short hash, in the address
	integrity string // for the integrity attribute
}

// NewAssets reads every file of fsys. A file of a type that browsers are not meant to get is left out.
func NewAssets(fsys fs.FS) (*Assets, error) { return NewAssetsAt(StaticPath, fsys) }

// NewAssetsAt is NewAssets for files that are served below another path, which ends with a slash.
func NewAssetsAt(at string, fsys fs.FS) (*Assets, error) {
	a := &Assets{path: at, files: map[string]asset{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		kind := contentType(name)
		if kind == "" {
			return nil
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		a.files[name] = asset{
			body: body, kind: kind, version: hex.EncodeToString(sum[:8]),
			integrity: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read static files: %w", err)
	}
	return a, nil
}

// contentType does not ask the operating system, whose answer differs from machine to machine.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	}
	return ""
}

// URL returns the address of a file. Templates call it; an unknown name is an error there.
func (a *Assets) URL(name string) (string, error) {
	f, ok := a.files[name]
	if !ok {
		return "", fmt.Errorf("no static file %q", name)
	}
	return a.path + name + "?v=" + f.version, nil
}

// Integrity returns the value of a script's integrity attribute.
func (a *Assets) Integrity(name string) (string, error) {
	f, ok := a.files[name]
	if !ok {
		return "", fmt.Errorf("no static file %q", name)
	}
	return f.integrity, nil
}

// ServeHTTP serves the files. An address with the right version may be kept for a year; any other is
// checked again each time, because its bytes may change.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, a.path)
	f, ok := a.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Etag", `"`+f.version+`"`)
	if r.URL.Query().Get("v") == f.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.body))
}
