package directory

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDN(t *testing.T) {
	for s, want := range map[string]DN{
		"":                                  nil,
		"DC=corp":                           {{"DC", "corp"}},
		"cn=A, dc=b":                        {{"CN", "A"}, {"DC", "b"}},
		"CN= A  ,DC=b":                      {{"CN", "A"}, {"DC", "b"}},
		`OU=Research\, Legal & Tax,DC=corp`: {{"OU", "Research, Legal & Tax"}, {"DC", "corp"}},
		`OU=a\2Cb\5C,DC=c`:                  {{"OU", `a,b\`}, {"DC", "c"}},
		`CN=\ x\ ,DC=c`:                     {{"CN", " x "}, {"DC", "c"}},
		`CN=\#1,DC=c`:                       {{"CN", "#1"}, {"DC", "c"}},
		`CN=a=b#c,DC=c`:                     {{"CN", "a=b#c"}, {"DC", "c"}},
		`CN=\C3\85sa,DC=c`:                  {{"CN", "Åsa"}, {"DC", "c"}},
		`CN=a\0ADEL:b,DC=c`:                 {{"CN", "a\nDEL:b"}, {"DC", "c"}},
		`CN=,DC=c`:                          {{"CN", ""}, {"DC", "c"}},
		`2.5.4.3=x`:                         {{"2.5.4.3", "x"}},
	} {
		got, err := ParseDN(s)
		if err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", s, diff)
		}
	}
	for _, s := range []string{
		"x", "=x", "CN=a,", "CN=a,,DC=b", ",", `CN=a\`, `CN=a\2`, `CN=a\zz`, `CN="a"`, "CN=a+OU=b", "CN=a;DC=b", "CN=<a>",
		"C N=a", "CN=#0401", "<GUID=x>",
	} {
		if dn, err := ParseDN(s); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v, %v", s, dn, err)
		}
	}
}

func TestUnder(t *testing.T) {
	parse := func(s string) DN {
		dn, err := ParseDN(s)
		if err != nil {
			t.Fatal(err)
		}
		return dn
	}
	for _, tt := range []struct {
		dn, base string
		want     bool
	}{
		{"CN=a,OU=x,DC=c", "ou=X,dc=C", true},
		{"CN=a,OU=x,DC=c", "", true},
		{"OU=x,DC=c", "OU=x,DC=c", true},
		{"DC=c", "OU=x,DC=c", false},
		{"CN=a,OU=y,DC=c", "OU=x,DC=c", false},
		{`CN=a,OU=x\,DC=c`, "DC=c", false},
		{"CN=a,CN=x,DC=c", "OU=x,DC=c", false},
	} {
		if got := parse(tt.dn).Under(parse(tt.base)); got != tt.want {
			t.Errorf("%q under %q: %v", tt.dn, tt.base, got)
		}
	}
	if got := parse("CN=a,DC=corp,DC=contoso,DC=test").DNSDomain(); got != "corp.contoso.test" {
		t.Errorf("DNS domain %q", got)
	}
}

func FuzzDN(f *testing.F) {
	f.Add(`CN=Åsa\, Öberg,OU=Research\, Legal & Tax,DC=corp`)
	f.Add(`CN=\ #a\20 ,DC=x`)
	f.Add(`CN=\#,DC=`)
	f.Fuzz(func(t *testing.T, s string) {
		dn, err := ParseDN(s)
		if err != nil {
			return
		}
		again, err := ParseDN(dn.String())
		if err != nil || !slices.Equal(dn, again) {
			t.Errorf("%q became %q, then %q (%v)", s, dn, again, err)
		}
		if !dn.Under(dn) || !dn.Under(nil) {
			t.Error("a DN is not under itself")
		}
	})
}

// Any value survives being written and read.
func FuzzDNValue(f *testing.F) {
	f.Add(" a ", "#x")
	f.Add(`",+;<>\`, "\x00\x7f\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		want := DN{{"CN", a}, {"OU", b}, {"DC", "x"}}
		got, err := ParseDN(want.String())
		if err != nil || !slices.Equal(want, got) {
			t.Errorf("%q: %q (%v)", want.String(), got, err)
		}
		if strings.ContainsAny(want.String(), "\x00\n\r") {
			t.Errorf("control characters in %q", want.String())
		}
	})
}
