package activedirectory

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"sync"
	"time"
	"unicode"
)

// CertificateState is what one controller shows when TLS begins, whether it is trusted or not.
type CertificateState struct {
	Host     string
	Address  string
	Subject  string
	Names    []string // what the certificate is for
	Issuer   string
	NotAfter time.Time // zero when no certificate was seen
	Err      error     // why it can't be used; nil: it can
	Advice   string    // what to do about Err, or about the end that is near; empty: nothing
}

// renewal is how long before its end a certificate is worth a warning.
const renewal = 30 * 24 * time.Hour

// Days is how many whole days are left at now.
func (s CertificateState) Days(now time.Time) int {
	return int(math.Floor(s.NotAfter.Sub(now).Hours() / 24))
}

// Certificates looks at the certificate of every controller that is known. With security Kerberos there are none
// to look at, and the answer is empty. Verification is never switched off, and nothing is sent but the beginning
// of TLS.
func (d *Directory) Certificates(ctx context.Context) ([]CertificateState, error) {
	if d.config.Security == Kerberos {
		return nil, nil
	}
	if d.fleet.empty() {
		if err := d.refresh(ctx); err != nil {
			return nil, wrap("find the controllers", err)
		}
	}
	targets := d.fleet.every()
	states := make([]CertificateState, len(targets))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() { states[i] = d.certificate(ctx, t.host, t.address) })
	}
	all.Wait()
	return states, nil
}

func (d *Directory) certificate(ctx context.Context, host, address string) CertificateState {
	s := CertificateState{Host: host, Address: address}
	ctx, cancel := context.WithTimeout(ctx, d.config.DialTimeout)
	defer cancel()
	tcp, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		s.Err, s.Advice = down("connect to "+host, err), "is the controller up, and its port open to this machine?"
		return s
	}
	defer tcp.Close() //nolint:errcheck // nothing was sent that could be lost
	stop := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	secure, _, err := d.encrypted(ctx, host, tcp)
	if err != nil {
		s.Err = err
		s.refused(d, host, err)
		return s
	}
	now := d.config.Clock()
	s.show(secure.ConnectionState().PeerCertificates[0])
	if left := s.NotAfter.Sub(now); left < renewal {
		s.Advice = fmt.Sprintf("expires on %s (days left: %d): renew it", stamp(s.NotAfter), s.Days(now))
	}
	return s
}

// refused takes over what a failed handshake has shown.
func (s *CertificateState) refused(d *Directory, host string, err error) {
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(failed.UnverifiedCertificates) > 0 {
		s.show(failed.UnverifiedCertificates[0])
	}
	var e *Error
	if errors.As(err, &e) && e.err != nil {
		if t, known := d.tlsTrouble(host, e.err); known {
			s.Advice = t.advice
		}
	}
}

func (s *CertificateState) show(leaf *x509.Certificate) {
	s.Subject, s.Names, s.Issuer, s.NotAfter = printable(leaf.Subject.String()), namesOf(leaf), printable(leaf.Issuer.String()), leaf.NotAfter
	for i, name := range s.Names {
		s.Names[i] = printable(name)
	}
	s.Names = s.Names[:min(len(s.Names), maxNames)]
}

// maxNames bounds how many of a certificate's names are shown.
const maxNames = 20

// printable keeps what a stranger wrote from speaking to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}
