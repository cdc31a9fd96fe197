package activedirectory

import (
	"context"
	"crypto"
	_ "crypto/sha256" // linked in for channelBindings
	_ "crypto/sha512" // linked in for channelBindings
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/agent/activedirectory/kerberos"
	"homeward/internal/protocol"
)

// portKerberos is where a domain controller's KDC listens (RFC 4120 7.2.3).
const portKerberos = "88"

// gssBind signs in with Kerberos (RFC 4752). Without bindings the caller has to seal the connection with the
// result; with them, TLS around it is what encrypts.
func (d *Directory) gssBind(ctx context.Context, host string, tcp net.Conn, over io.ReadWriter, who identity, bindings []byte,
) (*kerberos.Context, error) {
	ticket, err := d.ticket(ctx, host, tcp, who)
	if err != nil {
		return nil, d.kerberosError(host, who, err)
	}
	defer ticket.Wipe()
	gss, token, err := kerberos.Begin(ticket, bindings, d.config.Clock())
	if err != nil {
		return nil, d.kerberosError(host, who, err)
	}
	defer gss.Wipe()
	steps := []func([]byte) ([]byte, error){
		func(token []byte) ([]byte, error) { return nil, gss.Accept(token, d.config.Clock()) },
		gss.Agree,
	}
	h := handshake{conn: over}
	for step := 0; ; step++ {
		a, err := h.ask(saslBindRequest("GSSAPI", token), ldap.ApplicationBindResponse)
		if err != nil {
			return nil, down("bind to "+host, err)
		}
		if a.err != nil {
			return nil, bindError(host, who, a.err)
		}
		if step == len(steps) && !a.inProgress {
			return gss, nil
		}
		if step == len(steps) || !a.inProgress {
			// Success too early would be one without proof that this is the controller.
			return nil, d.kerberosError(host, who, kerberos.ErrProtocol)
		}
		if token, err = steps[step](a.credentials); err != nil {
			return nil, d.kerberosError(host, who, err)
		}
	}
}

// ticket asks the controller's own KDC, so that who answers LDAP is who has been asked about the password.
func (d *Directory) ticket(ctx context.Context, host string, tcp net.Conn, who identity) (*kerberos.Ticket, error) {
	address, _, err := net.SplitHostPort(tcp.RemoteAddr().String())
	if err != nil {
		return nil, err
	}
	client, err := who.kerberos()
	if err != nil {
		return nil, err
	}
	kdc := kerberos.KDC{Realm: strings.ToUpper(d.config.Domain), Address: net.JoinHostPort(address, portKerberos), Clock: d.config.Clock}
	return kdc.Ticket(ctx, client, "ldap", d.expectedName(host))
}

// kerberosName makes a Kerberos name of user@domain or DOMAIN\user.
func kerberosName(user string) (string, error) {
	if _, sam, ok := strings.Cut(user, `\`); ok {
		return sam, nil
	}
	if strings.Contains(user, "=") {
		return "", errors.New("Kerberos needs user@domain or DOMAIN\\user, not a DN") //nolint:staticcheck // a name
	}
	return user, nil
}

// kerberosError explains why Kerberos did not get through.
func (d *Directory) kerberosError(host string, who identity, err error) error {
	refusal, ok := errors.AsType[*kerberos.Error](err)
	if !ok {
		e := &Error{Reason: protocol.ReasonDirectoryDown, doing: "sign in to " + host + " with Kerberos", err: err}
		switch {
		case errors.Is(err, kerberos.ErrNoAES):
			e.Bind = bindUnknown
			return e.signIn(host, who, "it has no key that is strong enough")
		case errors.Is(err, kerberos.ErrNoTicket):
			e.Bind = bindUnknown
			return e.signIn(host, who, "its tickets don't do")
		case errors.Is(err, kerberos.ErrNoKey):
			e.Bind = bindUnknown
			return e.signIn(host, who, "its keytab doesn't fit")
		case errors.Is(err, kerberos.ErrProtocol):
			e.Reason = protocol.ReasonDirectoryError
		}
		return e
	}
	e := &Error{Reason: protocol.ReasonDirectoryError, Detail: refusal.Error(), err: err}
	switch refusal.Code {
	case kerberos.CodeSkew:
		e.doing = "sign in to " + host + " with Kerberos: " + skewMeaning(host, refusal.Skew)
		return e
	case kerberos.CodeServiceUnknown:
		e.doing = "sign in with Kerberos: the domain knows no controller called " + d.expectedName(host) +
			"; urls must hold the controller's full DNS name, not its address or an alias"
		return e
	}
	e.Bind = bindCode(refusal)
	return e.signIn(host, who, diagnostic{bindData: e.Bind}.bindMeaning())
}

// skewMeaning says how far the clocks are apart. Kerberos allows five minutes ([MS-KILE] 3.3.1, MaxClockSkew).
func skewMeaning(host string, skew time.Duration) string {
	which := "behind"
	if skew < 0 {
		which, skew = "ahead of", -skew
	}
	return "this machine's clock is " + skew.String() + " " + which + " that of " + host +
		", and Kerberos allows five minutes; set this machine's clock by the domain's"
}

// NTSTATUS values that come with a refusal ([MS-ERREF] 2.3.1), and Active Directory's words for the same in a
// refused bind.
func statusCode(status uint32) string {
	switch status {
	case 0xC000006A, 0xC000006D: // STATUS_WRONG_PASSWORD, STATUS_LOGON_FAILURE
		return bindWrong
	case 0xC000006E: // STATUS_ACCOUNT_RESTRICTION
		return "52f"
	case 0xC000006F: // STATUS_INVALID_LOGON_HOURS
		return "530"
	case 0xC0000070: // STATUS_INVALID_WORKSTATION
		return "531"
	case 0xC0000071: // STATUS_PASSWORD_EXPIRED
		return "532"
	case 0xC0000072: // STATUS_ACCOUNT_DISABLED
		return "533"
	case 0xC000015B: // STATUS_LOGON_TYPE_NOT_GRANTED
		return "569"
	case 0xC0000193: // STATUS_ACCOUNT_EXPIRED
		return "701"
	case 0xC0000224: // STATUS_PASSWORD_MUST_CHANGE
		return "773"
	case 0xC0000234: // STATUS_ACCOUNT_LOCKED_OUT
		return "775"
	}
	return ""
}

// bindCode says a refusal by Kerberos in the words of a refused bind.
func bindCode(refusal *kerberos.Error) string {
	if refusal.Code == kerberos.CodeKeyExpired && !refusal.Proven {
		// 532 and 773 would say that the password is right.
		return bindUnknown
	}
	if code := statusCode(refusal.Status); code != "" {
		return code
	}
	switch refusal.Code {
	case kerberos.CodePreauthFailed:
		return bindWrong
	case kerberos.CodeClientUnknown, kerberos.CodeWrongRealm:
		return "525"
	case kerberos.CodeKeyExpired:
		return "532"
	case kerberos.CodeClientRevoked:
		return bindRevoked
	}
	return bindUnknown
}

// channelBindings names the TLS connection by its server's certificate: tls-server-end-point (RFC 5929 4.1).
func channelBindings(state tls.ConnectionState) ([]byte, error) {
	if len(state.PeerCertificates) == 0 {
		return nil, errors.New("the controller has shown no certificate")
	}
	cert := state.PeerCertificates[0]
	hash := crypto.SHA256 // also where the certificate's own is weaker
	switch cert.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		hash = crypto.SHA512
	}
	h := hash.New()
	h.Write(cert.Raw)
	return h.Sum([]byte("tls-server-end-point:")), nil
}
