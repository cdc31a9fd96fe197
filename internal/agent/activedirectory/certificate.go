package activedirectory

import (
	"crypto/x509"
	"errors"

	"homeward/internal/protocol"
)

// tlsError tells a certificate that cannot be trusted from a connection that broke.
func (d *Directory) tlsError(host string, err error) error {
	var (
		unknown x509.UnknownAuthorityError
		wrong   x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	e := &Error{Reason: protocol.ReasonDirectoryDown, doing: "TLS with " + host, err: err}
	switch {
	case errors.As(err, &unknown):
		e.Reason, e.doing = protocol.ReasonNotEncrypted, "the certificate of "+host+" is signed by an authority this machine does not trust"
	case errors.As(err, &wrong):
		e.Reason, e.doing = protocol.ReasonNotEncrypted, "the certificate of "+host+" is not for the name "+d.expectedName(host)
	case errors.As(err, &invalid):
		e.Reason, e.doing = protocol.ReasonNotEncrypted, "the certificate of "+host+" is not valid"
	}
	return e
}
