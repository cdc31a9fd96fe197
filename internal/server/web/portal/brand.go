package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"homeward/internal/server/brand"
	"homeward/internal/server/tenant"
)

const (
	sheetPath = "/brand.css"
	logoPath  = "/brand/logo.png"
)

// Look is an organisation's own: what its administrators chose under Customization. Empty fields leave the product's.
type Look struct {
	Sheet string // address of the style sheet with its colours
	Logo  string // address of its logo
	Lead  string // in place of the sentence below the first page's heading
	Note  string // below it
	VPN   string // in place of the step that connects a laptop
}

// lookOf is what a tenant's pages show. The addresses change with what is behind them, so that browsers may keep it.
func lookOf(t tenant.Tenant) Look {
	b := t.Settings.Brand
	look := Look{Lead: b.Lead, Note: b.Note, VPN: b.VPN}
	if b.Logo != "" {
		look.Logo = logoPath + "?v=" + b.Logo
	}
	if sheet := sheetOf(t); sheet != nil {
		look.Sheet = sheetPath + "?v=" + version(sheet)
	}
	return look
}

// sheetOf is the style sheet of a tenant's colours, or nil. A colour that can't be read is never shown, however it was stored.
func sheetOf(t tenant.Tenant) []byte {
	c, err := brand.Parse(t.Settings.Brand.Accent)
	if err != nil || c.Readable() < brand.Least {
		return nil
	}
	return c.Sheet()
}

func version(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:8])
}

func (v *visit) getSheet() error {
	sheet := sheetOf(v.tenant)
	if sheet == nil {
		return v.message(http.StatusNotFound, MessagePage{Kind: NotFound})
	}
	return v.kept(sheet, "text/css; charset=utf-8", version(sheet))
}

func (v *visit) getLogo() error {
	hash := v.tenant.Settings.Brand.Logo
	if hash == "" || v.Picture == nil {
		return v.message(http.StatusNotFound, MessagePage{Kind: NotFound})
	}
	body, err := v.Picture(v.ctx(), v.tenant.ID, hash)
	if err != nil {
		return err
	}
	return v.kept(body, "image/png", hash)
}

// kept sends what browsers may keep under an address that names its version, and ask for again under any other.
func (v *visit) kept(body []byte, kind, version string) error {
	h, tag := v.w.Header(), `"`+version+`"`
	h.Set("Content-Type", kind)
	h.Set("Etag", tag)
	h.Set("Cache-Control", "no-cache")
	if v.r.URL.Query().Get("v") == version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if v.r.Header.Get("If-None-Match") == tag {
		v.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, err := v.w.Write(body)
	return err
}
