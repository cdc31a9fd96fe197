package provision

import (
	"strings"
	"testing"
)

func TestPlaceIsTheTreeFromTheRoot(t *testing.T) {
	t.Parallel()
	sales := Place("OU=Sales,DC=corp,DC=contoso,DC=test")
	for dn, want := range map[string]bool{
		"CN=Jonas,OU=Sales,DC=corp,DC=contoso,DC=test":                  true,
		"cn=jonas, ou = SALES ,dc=corp,dc=contoso,dc=test":              true,
		"CN=Holm\\, Karin,OU=North,OU=Sales,DC=corp,DC=contoso,DC=test": true,
		"CN=Jonas,OU=S\\61les,DC=corp,DC=contoso,DC=test":               true,
		"CN=Jonas,OU=Salespeople,DC=corp,DC=contoso,DC=test":            false,
		"CN=x\\,OU=Sales,DC=corp,DC=contoso,DC=test":                    false,
		"CN=Jonas,DC=corp,DC=contoso,DC=test":                           false,
		"":                                                              false,
	} {
		if got := strings.HasPrefix(Place(dn), sales); got != want {
			t.Errorf("%q below Sales: %v", dn, got)
		}
	}
	for _, bad := range []string{"", "Sales", "OU=Sales", "OU=,DC=x", "OU=Sales,DC=", "UID=x,DC=y", "DC=test,OU=Sales"} {
		if _, err := ParsePlace(bad); err == nil {
			t.Errorf("%q is taken for a place", bad)
		}
	}
	if got := Unit("CN=Holm\\, Karin,OU=North\\, East,DC=test"); got != `OU=North\, East` {
		t.Errorf("unit %q", got)
	}
}

// FuzzPlace: no text panics, and a child of whatever can be read is below it.
func FuzzPlace(f *testing.F) {
	for _, s := range []string{"OU=Sales,DC=test", `CN=a\,b,OU=\C3\85sa,DC=test`, `\`, `\4`, "\x1f,=,", "a+b=c,\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, dn string) {
		p, err := ParsePlace(dn)
		_ = Unit(dn)
		if err != nil {
			return
		}
		if child := Place("CN=somebody," + dn); !strings.HasPrefix(child, p) || child == p {
			t.Errorf("%q isn't below %q", child, p)
		}
	})
}
