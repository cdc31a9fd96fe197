package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Agent is an agent's configuration.
type Agent struct {
	Server    string    `koanf:"server" about:"the portal's base URL"`
	CAFile    string    `koanf:"ca_file" about:"PEM of a private certificate authority; empty: the machine's"`
	State     string    `koanf:"state" about:"folder for keys and the journal"`
	Proxy     Proxy     `koanf:"proxy" about:"empty: HTTPS_PROXY and NO_PROXY"`
	Directory Directory `koanf:"directory"`
	Log       Log       `koanf:"log"`
}

// Proxy is an HTTP CONNECT proxy.
type Proxy struct {
	URL          string `koanf:"url" about:"http://host:port, without credentials"`
	User         string `koanf:"user" about:"empty: no sign-in"`
	PasswordFile string `koanf:"password_file" about:"file with its password, one line, chmod 600"`
}

// Directory says which Active Directory the agent writes to, and as whom.
type Directory struct {
	URLs         []string `koanf:"urls" about:"ldaps://dc1…, in order of preference"`
	CAFile       string   `koanf:"ca_file" about:"PEM; empty: the machine's"`
	BaseDN       string   `koanf:"base_dn" about:"empty: the DC's default naming context"`
	User         string   `koanf:"user" about:"svc@domain or DOMAIN\\svc"`
	PasswordFile string   `koanf:"password_file" about:"file with the service account's password, one line, chmod 600"`
	Units        []string `koanf:"organizational_units" about:"DNs whose people may use the portal"`
}

func (a *Agent) defaults() {
	a.State = "/var/lib/homeward-agent"
	a.Log.Level, a.Log.Format = "info", "text"
}

func (a *Agent) check() []string {
	var p []string
	if u, err := url.Parse(a.Server); err != nil || u.Scheme != "https" || u.Host == "" {
		p = append(p, "server must be the portal's address, https://NAME")
	}
	if a.Proxy.URL != "" {
		if u, err := url.Parse(a.Proxy.URL); err != nil || u.Scheme != "http" || u.Host == "" || u.User != nil {
			p = append(p, "proxy.url must be http://HOST:PORT; user and password go in proxy.user and proxy.password_file")
		}
	}
	if a.Proxy.User != "" && a.Proxy.PasswordFile == "" {
		p = append(p, "proxy.user is set, so proxy.password_file must name the file with its password")
	}
	return append(append(p, a.Directory.check()...), a.Log.check()...)
}

func (d *Directory) check() []string {
	var p []string
	if len(d.URLs) == 0 {
		p = append(p, "directory.urls is missing: name at least one domain controller as ldaps://NAME")
	}
	for _, s := range d.URLs {
		if u, err := url.Parse(s); err != nil || u.Scheme != "ldaps" || u.Host == "" {
			p = append(p, fmt.Sprintf("directory.urls holds %q: passwords need ldaps://NAME", s))
		}
	}
	switch {
	case d.User == "":
		p = append(p, "directory.user is missing: the service account, as svc@domain or DOMAIN\\svc")
	case !strings.ContainsAny(d.User, "@\\="):
		p = append(p, "directory.user must be svc@domain or DOMAIN\\svc: a bare name is refused by the directory")
	}
	if d.PasswordFile == "" {
		p = append(p, "directory.password_file is missing: the file with the service account's password")
	}
	if len(d.Units) == 0 {
		p = append(p, "directory.organizational_units is missing: the DNs of the units whose people may use the portal")
	}
	return p
}

// loopback reports whether host:port names this machine.
func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
