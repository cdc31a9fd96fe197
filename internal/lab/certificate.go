package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// File names IssueCertificate uses.
const (
	caFile   = "ca.pem"
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// Certificate is a server certificate in PEM files.
type Certificate struct {
	CAFile, CertFile, KeyFile string
}

const certificateLife = 30 * 24 * time.Hour

// IssueCertificate makes a new authority and a server certificate for a DNS name and an IP address, both
// ECDSA P-256, and writes ca.pem, cert.pem and key.pem into dir. The authority's key is not kept.
func IssueCertificate(dir, name, ip string) (Certificate, error) {
	a, err := newAuthority()
	if err != nil {
		return Certificate{}, err
	}
	return a.issue(dir, name, ip)
}

// authority signs the certificates of one domain. Its key is in memory only.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() (*authority, error) {
	cert, key, err := issue(authorityTemplate(), nil, nil)
	return &authority{cert, key}, err
}

func (a *authority) issue(dir, name, ip string) (Certificate, error) {
	files := Certificate{CAFile: filepath.Join(dir, caFile), CertFile: filepath.Join(dir, certFile), KeyFile: filepath.Join(dir, keyFile)}
	cert, key, err := issue(serverTemplate(name, ip), a.cert, a.key)
	if err != nil {
		return files, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return files, fmt.Errorf("certificate key: %w", err)
	}
	for _, f := range []struct {
		path, kind string
		der        []byte
		mode       os.FileMode
	}{
		{files.CAFile, "CERTIFICATE", a.cert.Raw, 0o644},
		{files.CertFile, "CERTIFICATE", cert.Raw, 0o644},
		{files.KeyFile, "PRIVATE KEY", der, 0o600}, // Samba refuses a key others can read
	} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), f.mode); err != nil {
			return files, fmt.Errorf("certificate: %w", err)
		}
	}
	return files, nil
}

// issue signs template with the parent's key, or with its own when there is no parent.
func issue(template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("certificate serial: %w", err)
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate: %w", err)
	}
	return cert, key, nil
}

func authorityTemplate() *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Homeward lab authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func serverTemplate(name, ip string) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{name}, IPAddresses: []net.IP{net.ParseIP(ip)},
	}
}
