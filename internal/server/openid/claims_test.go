package openid

import (
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzClaims: whatever a provider says, what is read is short text, and a list has an end.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{`{"c":"a"}`, `{"c":["a","b",1,null]}`, `{"c":{"a":"b"}}`, `{"c":true}`, `{"c":"true"}`, `{"c":null}`, `{}`, `{"c":["\ud800"]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c claims
		if json.Unmarshal(raw, &c) != nil {
			return
		}
		text, all := c.text("c"), c.list("c")
		if len(text) > maxValue || !utf8.ValidString(text) || len(all) > maxValues || c.yes("c") && len(all) > 1 {
			t.Errorf("%q, %d values", text, len(all))
		}
		for _, s := range all {
			if s == "" || len(s) > maxValue || !utf8.ValidString(s) {
				t.Errorf("%q", s)
			}
		}
	})
}
