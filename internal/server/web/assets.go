package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// shared are files that every site may use.
//
//go:embed static
var shared embed.FS

// Shared returns the files that more than one site uses, for NewAssetsAt.
func Shared() (fs.FS, error) { return fs.Sub(shared, "static") }

// StaticPath is where Assets are served, unless NewAssetsAt names another place.
const StaticPath = "/static/"

// Assets are the static files of one site: read once, each under an address that changes with its bytes.
type Assets struct {
	path  string
	files map[string]asset
}

type asset struct {
	body      []byte
	packed    []byte // body as gzip, where that is smaller
	kind      string // content type
	version   string // short hash, in the address
	integrity string // for the integrity attribute
}

// NewAssets reads every file of fsys. A file of a type that browsers are not meant to get is left out.
func NewAssets(fsys fs.FS) (*Assets, error) { return NewAssetsAt(StaticPath, fsys) }

// NewAssetsAt is NewAssets for files that are served below another path, which ends with a slash. A later file takes the place
// of an earlier one of the same name.
func NewAssetsAt(at string, all ...fs.FS) (*Assets, error) {
	a := &Assets{path: at, files: map[string]asset{}}
	for _, fsys := range all {
		if err := a.read(fsys); err != nil {
			return nil, fmt.Errorf("read static files: %w", err)
		}
	}
	return a, nil
}

func (a *Assets) read(fsys fs.FS) error {
	return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
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
		packed, err := pack(body)
		if err != nil {
			return err
		}
		a.files[name] = asset{
			body: body, packed: packed, kind: kind, version: hex.EncodeToString(sum[:8]),
			integrity: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
		}
		return nil
	})
}

// pack compresses a file once, as well as gzip can; nil where that saves nothing. Only files that are the same for everybody
// are compressed: the size of a page with a secret in it must not tell how much of it somebody guessed.
func pack(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if out.Len() >= len(body) {
		return nil, nil
	}
	return out.Bytes(), nil
}

// unpacks reports whether a browser takes gzip (RFC 9110 12.5.3).
func unpacks(r *http.Request) bool {
	for _, line := range r.Header["Accept-Encoding"] {
		for entry := range strings.SplitSeq(line, ",") {
			coding, weight, _ := strings.Cut(entry, ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			q, isWeight := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
			return !isWeight || strings.Trim(q, "0.") != ""
		}
	}
	return false
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
	h.Set("Vary", "Accept-Encoding")
	body, tag := f.body, f.version
	if f.packed != nil && unpacks(r) {
		body, tag = f.packed, f.version+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Etag", `"`+tag+`"`)
	if r.URL.Query().Get("v") == f.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
}
