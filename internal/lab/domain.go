package lab

import "strings"

// Domain names one lab domain, a forest of its own.
type Domain struct {
	DNS       string
	NetBIOS   string
	UPNSuffix string // beside the DNS name
}

// Contoso is the usual domain: corp.contoso.test, CONTOSO, people at contoso.com. Documentation and tests may
// quote its names.
func Contoso() Domain {
	return Domain{DNS: "corp.contoso.test", NetBIOS: "CONTOSO", UPNSuffix: "contoso.com"}
}

// Fabrikam is another company's: eu.fabrikam.test, FABRIKAM, people at fabrikam.com. It has organizational units
// and a service account of the same names.
func Fabrikam() Domain {
	return Domain{DNS: "eu.fabrikam.test", NetBIOS: "FABRIKAM", UPNSuffix: "fabrikam.com"}
}

// Realm is the Kerberos realm.
func (d Domain) Realm() string { return strings.ToUpper(d.DNS) }

// BaseDN is the DN of the domain.
func (d Domain) BaseDN() string { return "DC=" + strings.ReplaceAll(d.DNS, ".", ",DC=") }

func (d Domain) organizationalUnits() []string {
	base := "," + d.BaseDN()
	return []string{"OU=Design" + base, "OU=Sales" + base, `OU=Research\, Legal & Tax` + base}
}
