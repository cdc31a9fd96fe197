package activedirectory

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"homeward/internal/protocol"
)

// trouble is what is wrong with a certificate or a handshake, and what mends it.
type trouble struct{ what, advice string }

// tlsError tells a certificate that cannot be trusted, and a TLS that is too old, from a connection that broke.
func (d *Directory) tlsError(host string, err error) error {
	t, known := d.tlsTrouble(host, err)
	if !known {
		return down("TLS with "+host, err)
	}
	return &Error{Reason: protocol.ReasonNotEncrypted, doing: t.what + "; " + t.advice, err: err}
}

// tlsTrouble explains a failed handshake.
func (d *Directory) tlsTrouble(host string, err error) (trouble, bool) {
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(failed.UnverifiedCertificates) > 0 {
		return d.certificateTrouble(host, failed.UnverifiedCertificates[0], failed.Err), true
	}
	_, garbled := errors.AsType[tls.RecordHeaderError](err)
	text := err.Error() // the alerts of crypto/tls have no exported type
	switch {
	case strings.Contains(text, "negative serial number"):
		return trouble{
			"the certificate of " + host + " has a negative serial number, which RFC 5280 forbids",
			"issue the controller a new one; Samba makes such certificates itself when it has none",
		}, true
	case strings.Contains(text, "failed to parse certificate"):
		return trouble{"the certificate of " + host + " is malformed", "issue the controller a new one"}, true
	case strings.Contains(text, "unsupported protocol version"), strings.Contains(text, "protocol version not supported"):
		return trouble{host + " speaks only versions of TLS older than 1.2", "switch TLS 1.2 on at the controller"}, true
	case strings.Contains(text, "tls: handshake failure"), strings.Contains(text, "unconfigured cipher suite"):
		return trouble{
			host + " offers none of the ciphers that are safe, or has no certificate",
			"give the controller a certificate for server authentication and switch AES-GCM cipher suites on",
		}, true
	case garbled:
		return trouble{
			"what answers at " + host + " doesn't talk TLS",
			"is it the right port? LDAPS is 636; 389 needs security: starttls or kerberos",
		}, true
	}
	return trouble{}, false
}

// certificateTrouble explains why a certificate is not trusted.
func (d *Directory) certificateTrouble(host string, leaf *x509.Certificate, err error) trouble {
	theirs := "the certificate of " + host
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok {
		return d.nameTrouble(host, wrong.Certificate)
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return d.invalidTrouble(theirs, leaf, invalid)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return d.authorityTrouble(theirs, leaf)
	}
	return trouble{theirs + " isn't trusted: " + err.Error(), "issue the controller a new one"}
}

func (d *Directory) nameTrouble(host string, leaf *x509.Certificate) trouble {
	names := namesOf(leaf)
	has := "it is for " + nameOf(strings.Join(names, ", "))
	if len(names) == 0 {
		has = fmt.Sprintf("it has no names in subjectAltName, and the common name %q alone doesn't count (RFC 6125)", leaf.Subject.CommonName)
	}
	return trouble{
		"the certificate of " + host + " isn't for the name " + d.expectedName(host) + ": " + has,
		"use one of its names in urls, or issue the controller a certificate with this one",
	}
}

func (d *Directory) authorityTrouble(theirs string, leaf *x509.Certificate) trouble {
	if bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		return trouble{
			theirs + " (" + nameOf(leaf.Subject.String()) + ") is self-signed: no authority vouches for it, and " + d.trusted() + " doesn't hold it",
			"issue the controller a certificate from the domain's authority, and name that authority's file in ca_file",
		}
	}
	return trouble{
		theirs + " is issued by " + nameOf(leaf.Issuer.String()) + ", and " + d.trusted() + " doesn't hold that authority",
		"export the certificate of that authority (its root) as PEM and name the file in ca_file",
	}
}

// trusted names where the authorities come from.
func (d *Directory) trusted() string {
	switch {
	case d.config.CAFile != "":
		return "ca_file " + d.config.CAFile
	case d.config.RootCAs != nil:
		return "the configured set of authorities"
	}
	return "this machine's store of authorities"
}

func (d *Directory) invalidTrouble(theirs string, leaf *x509.Certificate, invalid x509.CertificateInvalidError) trouble {
	bad := invalid.Cert
	which := theirs
	if bad == nil {
		bad = leaf
	} else if !bad.Equal(leaf) {
		which = "the authority " + nameOf(bad.Subject.String()) + ", which vouches for " + theirs + ","
	}
	now := d.config.Clock()
	clock := "this machine's clock says " + stamp(now)
	switch {
	case invalid.Reason == x509.Expired && now.Before(bad.NotBefore):
		return trouble{
			which + " isn't valid before " + stamp(bad.NotBefore) + "; " + clock,
			"is the clock right? If it is, wait, or issue a new certificate",
		}
	case invalid.Reason == x509.Expired:
		return trouble{which + " expired on " + stamp(bad.NotAfter) + "; " + clock, "renew the certificate, or set the clock"}
	case invalid.Reason == x509.IncompatibleUsage:
		return trouble{
			which + " isn't meant for a server: its extended key usage lacks server authentication",
			"issue the controller one from a template for domain controllers (Kerberos Authentication)",
		}
	case invalid.Reason == x509.NotAuthorizedToSign:
		return trouble{
			theirs + " is signed by " + nameOf(bad.Subject.String()) + ", which isn't an authority",
			"ca_file must hold the authority's own certificate",
		}
	}
	return trouble{which + " isn't valid: " + invalid.Error(), "issue the controller a new one"}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// nameOf keeps a name that a stranger chose short.
func nameOf(s string) string {
	const limit = 200
	if s == "" {
		return "an authority without a name"
	}
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

func namesOf(leaf *x509.Certificate) []string {
	names := append([]string(nil), leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}
