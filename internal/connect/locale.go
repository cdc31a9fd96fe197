package connect

import (
	"strings"
)

// ASCIIOnly reports whether the terminal's locale says that it shows no UTF-8 (POSIX: LC_ALL, LC_CTYPE, LANG, the first that
// is set). Where nothing is said, UTF-8 is taken, which terminals have come to understand.
func ASCIIOnly(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			return !strings.Contains(value, "utf-8") && !strings.Contains(value, "utf8")
		}
	}
	return false
}

// ascii is text for terminals that show no UTF-8, in as many columns: lines, marks and quotes become what looks like them.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 {
			return r
		}
		for _, sign := range []struct {
			these string
			as    rune
		}{{"─", '-'}, {"═", '='}, {"│", '|'}, {"┬┴✓", '+'}, {"▸", '>'}, {"•", '*'}, {"’‘", '\''}, {"“”", '"'}, {"…", '.'}, {"–", '-'}} {
			if strings.ContainsRune(sign.these, r) {
				return sign.as
			}
		}
		return '?'
	}, s)
}
