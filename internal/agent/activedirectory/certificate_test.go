package activedirectory

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
)

// authority issues certificates of every bad kind.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func serverCertificate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "dc1.corp.example"}, DNSNames: []string{"dc1.corp.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 3, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func (a authority) issue(t testing.TB, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key := newKey(t)
	parent, signer := a.cert, a.key
	if a.key == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve ends TLS as a controller would and reports every byte that came inside it.
func serve(t testing.TB, config *tls.Config) (address string, inside <-chan []byte) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	heard := make(chan []byte, 8)
	go func() {
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			conn := raw
			if config != nil {
				conn = tls.Server(raw, config)
			}
			_ = conn.SetDeadline(time.Now().Add(soon))
			b := make([]byte, 4096)
			if config == nil {
				_, _ = conn.Write([]byte("220 mail.example ESMTP\r\n"))
			}
			n, _ := conn.Read(b)
			heard <- b[:n]
			_ = conn.Close()
		}
	}()
	return listener.Addr().String(), heard
}

func TestCertificateTroubleIsExplained(t *testing.T) {
	ours, other := newAuthority(t, "Contoso Root"), newAuthority(t, "Fabrikam Root")
	with := func(change func(*x509.Certificate)) *x509.Certificate {
		template := serverCertificate()
		change(template)
		return template
	}
	for _, tt := range []struct {
		name   string
		by     authority
		cert   *x509.Certificate
		max    uint16
		plain  bool
		weak   []uint16
		says   []string
		reason protocol.Reason
	}{
		{
			name: "another name", by: ours, cert: with(func(c *x509.Certificate) {
				c.DNSNames, c.IPAddresses = []string{"old.corp.example"}, []net.IP{net.IPv4(192, 0, 2, 7)}
			}),
			says: []string{"isn't for the name dc1.corp.example", "old.corp.example, 192.0.2.7", "urls"},
		},
		{
			name: "common name only", by: ours, cert: with(func(c *x509.Certificate) { c.DNSNames = nil }),
			says: []string{"no names in subjectAltName", `"dc1.corp.example"`},
		},
		{
			name: "unknown authority", by: other, cert: serverCertificate(),
			says: []string{`issued by "CN=Fabrikam Root"`, "ca_file /etc/homeward/ca.pem doesn't hold", "export"},
		},
		{
			name: "self-signed", by: authority{}, cert: serverCertificate(),
			says: []string{`("CN=dc1.corp.example") is self-signed`, "ca_file /etc/homeward/ca.pem"},
		},
		{
			name: "expired", by: ours, cert: with(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
			says: []string{"expired on " + time.Now().UTC().Format("2006-01-02"), "clock says " + time.Now().UTC().Format("2006-01-02"), "renew"},
		},
		{
			name: "not yet valid", by: ours, cert: with(func(c *x509.Certificate) { c.NotBefore = time.Now().AddDate(0, 0, 2) }),
			says: []string{"isn't valid before " + time.Now().UTC().AddDate(0, 0, 2).Format("2006-01-02"), "clock"},
		},
		{
			name: "for clients", by: ours,
			cert: with(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
			says: []string{"isn't meant for a server", "template"},
		},
		{name: "TLS 1.1", by: ours, cert: serverCertificate(), max: tls.VersionTLS11, says: []string{"older than 1.2"}},
		{
			name: "weak ciphers", by: ours, cert: serverCertificate(), max: tls.VersionTLS12,
			weak: []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}, says: []string{"none of the ciphers that are safe"},
		},
		{name: "no TLS", plain: true, says: []string{"doesn't talk TLS", "636"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var server *tls.Config
			if !tt.plain {
				server = &tls.Config{
					Certificates: []tls.Certificate{tt.by.issue(t, tt.cert)}, MinVersion: tls.VersionTLS10, MaxVersion: tt.max, CipherSuites: tt.weak,
				}
			}
			address, inside := serve(t, server)
			d := open(t, Config{
				URLs: []string{"ldaps://" + address}, User: "svc@corp.example", Password: fixed("Service-Kettle-42"),
				RootCAs: ours.pool(), CAFile: "/etc/homeward/ca.pem", ServerName: "dc1.corp.example",
			})
			_, _, err := d.open(t.Context(), "dc1.corp.example", address)
			e := wantReason(t, err, protocol.ReasonNotEncrypted)
			for _, want := range tt.says {
				if !strings.Contains(e.Error(), want) {
					t.Errorf("%q does not say %q", e, want)
				}
			}
			if b := <-inside; !tt.plain && len(b) != 0 {
				t.Errorf("%d bytes were sent to it", len(b))
			}
			states, err := d.Certificates(t.Context())
			if err != nil || len(states) != 1 {
				t.Fatalf("%v %v", states, err)
			}
			s := states[0]
			if s.Err == nil || s.Advice == "" || (tt.max == 0 && !tt.plain && (s.NotAfter.IsZero() || s.Issuer == "" || s.Subject == "")) {
				t.Errorf("state %+v", s)
			}
		})
	}
}

func TestCertificateThatWillExpire(t *testing.T) {
	ours := newAuthority(t, "Contoso Root")
	for _, tt := range []struct {
		days int
		says string
	}{{90, ""}, {31, ""}, {29, "(days left: 29)"}, {1, "(days left: 1)"}, {0, "(days left: 0)"}} {
		template := serverCertificate()
		template.NotAfter = time.Now().AddDate(0, 0, tt.days).Add(2 * time.Hour)
		address, inside := serve(t, &tls.Config{Certificates: []tls.Certificate{ours.issue(t, template)}, MinVersion: tls.VersionTLS12})
		d := open(t, Config{
			URLs: []string{"ldaps://" + address}, User: "svc@corp.example", Password: fixed("Service-Kettle-42"),
			RootCAs: ours.pool(), ServerName: "dc1.corp.example",
		})
		states, err := d.Certificates(t.Context())
		if err != nil || len(states) != 1 || states[0].Err != nil {
			t.Fatalf("%+v %v", states, err)
		}
		if s := states[0]; !strings.Contains(s.Advice, tt.says) || (tt.says == "") != (s.Advice == "") {
			t.Errorf("%d days: %q", tt.days, s.Advice)
		}
		if b := <-inside; len(b) != 0 {
			t.Errorf("%d bytes were sent", len(b))
		}
	}
}

// Anybody on the way may show a certificate, and the doctor prints it to a terminal.
func TestNamesOfStrangersArePrintable(t *testing.T) {
	var s CertificateState
	s.show(&x509.Certificate{
		DNSNames: append([]string{"dc1\x1b[2J"}, slices.Repeat([]string{"x"}, 5000)...),
		Subject:  pkix.Name{CommonName: "dc1\nall is well"}, Issuer: pkix.Name{CommonName: "\u202eCA"},
	})
	if s.Names[0] != "dc1?[2J" || len(s.Names) != maxNames || s.Subject != "CN=dc1?all is well" || s.Issuer != "CN=?CA" {
		t.Errorf("%+v", s)
	}
}
