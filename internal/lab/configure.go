package lab

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

//go:embed recipe/smb.conf
var smbConf string

// configure writes what depends on the address: Samba's configuration, the certificate and the name files.
func (d *DC) configure(filter string) error {
	for _, sub := range []string{"etc", "log", "run", "tls"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o755); err != nil {
			return fmt.Errorf("DC's folders: %w", err)
		}
	}
	if _, err := IssueCertificate(filepath.Join(d.dir, "tls"), hostFQDN, d.Addr()); err != nil {
		return err
	}
	if err := d.installFilter(filter); err != nil {
		return err
	}
	conf, err := renderConf(d.Addr(), filter != "")
	if err != nil {
		return err
	}
	files := map[string]string{
		"etc/smb.conf":    conf,
		"etc/resolv.conf": fmt.Sprintf("nameserver %s\nsearch %s\n", d.Addr(), domainName),
		"etc/hosts":       fmt.Sprintf("127.0.0.1 localhost\n%s %s %s\n", d.Addr(), hostFQDN, hostName),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("DC's configuration: %w", err)
		}
	}
	return nil
}

func renderConf(address string, filter bool) (string, error) {
	tmpl, err := template.New("smb.conf").Parse(smbConf)
	if err != nil {
		return "", fmt.Errorf("smb.conf: %w", err)
	}
	var b bytes.Buffer
	values := struct {
		Address, Realm, NetBIOS, Host, Domain string
		Filter                                bool
	}{address, realm, netbios, hostName, domainName, filter}
	if err := tmpl.Execute(&b, values); err != nil {
		return "", fmt.Errorf("smb.conf: %w", err)
	}
	return b.String(), nil
}

// installFilter copies the password filter to where the DC can run it.
func (d *DC) installFilter(filter string) error {
	if filter == "" {
		return nil
	}
	b, err := os.ReadFile(filter)
	if err != nil {
		return fmt.Errorf("password filter: %w", err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "password-filter"), b, 0o755); err != nil {
		return fmt.Errorf("password filter: %w", err)
	}
	return nil
}
