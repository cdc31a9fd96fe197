package web

import (
	"maps"
	"net/http"
)

// contentPolicy allows what the pages use and nothing else; there is no inline script or style anywhere.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// Secure wraps next so that every answer, errors included, carries the security headers. Pages are not
// stored by anyone; Assets.ServeHTTP replaces that header for static files.
func Secure(next http.Handler) http.Handler {
	headers := securityHeaders()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), headers)
		next.ServeHTTP(w, r)
	})
}

// securityHeaders are those of every answer. Answers share the lists, which hold no more than they show, so that nobody can add
// to one.
func securityHeaders() http.Header {
	return http.Header{
		"Content-Security-Policy":      {contentPolicy},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
		"Referrer-Policy":              {"no-referrer"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Permissions-Policy":           {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
		"Strict-Transport-Security":    {"max-age=31536000"},
		"Cache-Control":                {"no-store"},
	}
}
