package lab

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed recipe/smb.conf
var smbConf string

// configure writes what depends on the address: Samba's configuration, the certificate and the name files.
func (d *DC) configure() error {
	for _, sub := range []string{"etc", "log", "run", "tls"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o755); err != nil {
			return fmt.Errorf("DC's folders: %w", err)
		}
	}
	if _, err := d.issuer.issue(filepath.Join(d.dir, "tls"), d.Host(), d.Addr()); err != nil {
		return err
	}
	if err := d.installFilter(d.filter); err != nil {
		return err
	}
	conf, err := d.renderConf()
	if err != nil {
		return err
	}
	files := map[string]string{
		"etc/smb.conf":    conf,
		"etc/resolv.conf": d.resolvers(),
		"etc/hosts":       d.hosts(),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("DC's configuration: %w", err)
		}
	}
	return nil
}

// resolvers asks the first DC before its own: a DC that has just joined does not know its own records yet.
func (d *DC) resolvers() string {
	var conf strings.Builder
	if d.first != nil {
		fmt.Fprintf(&conf, "nameserver %s\n", d.first.Addr())
	}
	fmt.Fprintf(&conf, "nameserver %s\nsearch %s\noptions timeout:1 attempts:2\n", d.Addr(), d.Domain())
	return conf.String()
}

func (d *DC) hosts() string {
	var file strings.Builder
	file.WriteString("127.0.0.1 localhost\n")
	for _, dc := range []*DC{d, d.first} {
		if dc != nil {
			fmt.Fprintf(&file, "%s %s %s\n", dc.Addr(), dc.Host(), dc.contents.Host)
		}
	}
	return file.String()
}

func (d *DC) renderConf() (string, error) {
	tmpl, err := template.New("smb.conf").Parse(smbConf)
	if err != nil {
		return "", fmt.Errorf("smb.conf: %w", err)
	}
	var b bytes.Buffer
	values := struct {
		Address, Realm, NetBIOS, Host, Domain string
		Filter                                bool
	}{d.Addr(), d.Realm(), d.NetBIOSName(), d.contents.Host, d.Domain(), d.filter != ""}
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
