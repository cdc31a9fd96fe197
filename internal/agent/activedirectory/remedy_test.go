package activedirectory

import (
	"os/exec"
	"testing"

	"homeward/internal/directory"
)

// A quoted DN is the same DN after a shell has read it, and holds nothing that any shell reads as its own.
func TestQuoteDN(t *testing.T) {
	for dn, want := range map[string]string{
		`OU=Sales,DC=x`:                `"OU=Sales,DC=x"`,
		`OU=Research\, Legal & Tax`:    `"OU=Research\2C Legal & Tax"`,
		`OU=a\"b\\c\+d`:                `"OU=a\22b\5Cc\2Bd"`,
		"OU=%PATH% $HOME `id` !x ^y/z": `"OU=\25PATH\25 \24HOME \60id\60 \21x \5Ey\2Fz"`,
		`OU=\ spaced\ `:                `"OU=\20spaced\20"`,
		`OU=\#1,OU=Åsa`:                `"OU=\231,OU=Åsa"`,
	} {
		got := QuoteDN(dn)
		if got != want {
			t.Errorf("%s: %s, want %s", dn, got, want)
		}
		read, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+got).Output()
		if err != nil {
			t.Fatal(err)
		}
		again, err := directory.ParseDN(string(read))
		if err != nil {
			t.Fatal(err)
		}
		if before, _ := directory.ParseDN(dn); before.String() != again.String() {
			t.Errorf("%s became %s", before, again)
		}
	}
}

func TestOutermost(t *testing.T) {
	got := outermost([]string{"OU=A,DC=x", "OU=B,OU=A,DC=x", "OU=C,DC=x", "ou=c,dc=X", `OU=A\,B,DC=x`})
	if len(got) != 3 || got[0] != "OU=A,DC=x" || got[1] != "OU=C,DC=x" || got[2] != `OU=A\,B,DC=x` {
		t.Errorf("%q", got)
	}
}
