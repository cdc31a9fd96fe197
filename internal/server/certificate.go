package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"homeward/internal/config"
)

// recheck is how often the certificate's files are looked at, so that a renewed one is used without a restart.
const recheck = time.Minute

// certificate is the portal's, read from files.
type certificate struct {
	certFile, keyFile string

	mu      sync.Mutex
	current *tls.Certificate
	checked time.Time
	stamp   time.Time
}

// loadCertificate returns nil where there is no certificate: behind a proxy that ends TLS.
func loadCertificate(certFile, keyFile string) (*certificate, error) {
	if certFile == "" {
		return nil, nil //nolint:nilnil // no TLS of our own
	}
	c := &certificate{certFile: certFile, keyFile: keyFile}
	if err := c.load(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *certificate) load() error {
	st, err := os.Stat(c.certFile)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.certFile, c.keyFile, err)
	}
	c.current, c.stamp = &pair, st.ModTime()
	return nil
}

func (c *certificate) config() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get() }}
}

// get keeps the old certificate while the new files do not fit together yet.
func (c *certificate) get() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) > recheck {
		c.checked = time.Now()
		if st, err := os.Stat(c.certFile); err == nil && !st.ModTime().Equal(c.stamp) {
			old := c.current
			if c.load() != nil {
				c.current = old
			}
		}
	}
	if c.current == nil {
		return nil, errors.New("no certificate")
	}
	return c.current, nil
}

// until is when the certificate that is served now expires; zero where there is none.
func (c *certificate) until() time.Time {
	if c == nil {
		return time.Time{}
	}
	now, err := c.get()
	if err != nil || now.Leaf == nil {
		return time.Time{}
	}
	return now.Leaf.NotAfter
}

// trust is rootsFile, or the machine's authorities without a file.
func trust(file string) (*tls.Config, error) {
	if file == "" {
		return &tls.Config{MinVersion: tls.VersionTLS12}, nil
	}
	return rootsFile(file)
}

// secretFile reads a secret each time it is needed.
func secretFile(file string) func() (string, error) {
	return func() (string, error) {
		secret, err := config.Secret(file)
		return secret.Reveal(), err
	}
}

func rootsFile(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificate authority %s holds no PEM certificate", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
