package relay

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"homeward/internal/protocol"
)

// Step is how far an agent got on its way to the relay.
type Step string

// Steps, in the order they are taken.
const (
	StepName    Step = "name"    // the host name does not resolve
	StepConnect Step = "connect" // no TCP connection
	StepProxy   Step = "proxy"   // the HTTP proxy does not let us through
	StepTLS     Step = "tls"     // no trusted TLS connection
	StepPath    Step = "path"    // something answers there, but not the relay
	StepRefused Step = "refused" // the relay turned this agent away
	StepServer  Step = "server"  // the relay is there but does not work at the moment
)

// Fault says at which step the way to the relay ends, and in plain words what to do about it.
type Fault struct {
	Step    Step
	Message string
	Status  int             // HTTP status, when there was an answer
	Reason  protocol.Reason // the server's reason, when it gave one
	err     error
}

// Error returns the message, then the cause.
func (f *Fault) Error() string {
	if f.err == nil {
		return f.Message
	}
	return fmt.Sprintf("%s (%v)", f.Message, f.err)
}

// Unwrap returns the cause; for an agent turned away for good it is ErrRefused.
func (f *Fault) Unwrap() error { return f.err }

// connectFault explains why no TCP connection to host came about.
func connectFault(host string, err error) *Fault {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return &Fault{Step: StepName, err: err, Message: fmt.Sprintf(
			"The name %s does not resolve. Check the server address and this machine's DNS.", dns.Name)}
	}
	return &Fault{Step: StepConnect, err: err, Message: fmt.Sprintf(
		"No connection to %s. Check that a firewall lets this machine out to it, or name the proxy.", host)}
}

// tlsFault explains why the TLS handshake with host failed.
func tlsFault(host string, err error) *Fault {
	f := &Fault{Step: StepTLS, err: err}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		f.Message = fmt.Sprintf("The certificate of %s is signed by an authority this machine does not trust. "+
			"Give its CA certificate in the configuration; if a proxy inspects TLS, exempt this address.", host)
	case errors.As(err, &name):
		f.Message = fmt.Sprintf("The certificate shown is not for %s. Check the server address.", host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.Message = fmt.Sprintf("The certificate of %s is not valid at this time. Check this machine's clock, then the certificate.", host)
	case errors.As(err, &record):
		f.Message = fmt.Sprintf("%s does not speak TLS on this port. Check the server address and port.", host)
	default:
		f.Message = fmt.Sprintf("No TLS connection to %s.", host)
	}
	return f
}
