package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Server is the server's configuration.
type Server struct {
	Listen  string `koanf:"listen" about:"address of the one HTTPS port, host:port"`
	BaseURL string `koanf:"base_url" about:"what people and agents type; the only name that is trusted"`
	Cert    string `koanf:"cert" about:"PEM file; empty with key: plain HTTP behind a TLS-terminating proxy on loopback"`
	Key     string `koanf:"key" about:"PEM file"`
	// TrustedProxies may say whom they speak for.
	TrustedProxies []string `koanf:"trusted_proxies" about:"addresses or networks of proxies whose X-Forwarded-For is believed, such as 127.0.0.1 or 10.2.0.0/24; empty: nobody's"`

	State     string        `koanf:"state" about:"folder for keys and the relay's cache"`
	Database  string        `koanf:"database" about:"sqlite:PATH or postgres://…"`
	MasterKey string        `koanf:"master_key" about:"file; made at first start when it doesn't exist"`
	KeyLife   time.Duration `koanf:"key_life" about:"age at which the key that signs commands is replaced; agents follow by themselves"`
	Mail      Mail          `koanf:"mail"`
	Text      Text          `koanf:"text"`
	Log       Log           `koanf:"log"`
	Exports   []Export      `koanf:"exports" about:"places that get every row of the audit log"`
	Alerts    Alerts        `koanf:"alerts"`
	Operators Operators     `koanf:"operators"`
}

// Operators says how administrators' OpenID provider is reached.
type Operators struct {
	CAFile string `koanf:"ca_file" about:"PEM of a private certificate authority of the OpenID provider that administrators sign in through; empty: the machine's"`
}

// Alerts says what the alerts that tenants' administrators ask for may reach.
type Alerts struct {
	PrivateWebhooks bool `koanf:"private_webhooks" about:"let tenants' administrators send alerts to addresses in private networks; off unless they may reach what this server can"`
}

// Mail says how mail is sent.
type Mail struct {
	Host         string `koanf:"host" about:"mail server"`
	Port         int    `koanf:"port" about:"587 unless told"`
	TLS          string `koanf:"tls" about:"starttls, tls, or none (loopback only)"`
	User         string `koanf:"user" about:"empty: no sign-in"`
	PasswordFile string `koanf:"password_file" about:"file with its password, one line, chmod 600"`
	From         string `koanf:"from" about:"sender of every mail"`
	CAFile       string `koanf:"ca_file" about:"PEM of a private certificate authority; empty: the machine's"`
}

// Log says how much is logged and in which form.
type Log struct {
	Level  string `koanf:"level" about:"debug, info, warn, error"`
	Format string `koanf:"format" about:"text or json"`
}

func (l *Log) check() []string {
	var p []string
	if !oneOf(l.Level, "debug", "info", "warn", "error") {
		p = append(p, fmt.Sprintf("log.level is %q: use debug, info, warn or error", l.Level))
	}
	if !oneOf(l.Format, "text", "json") {
		p = append(p, fmt.Sprintf("log.format is %q: use text or json", l.Format))
	}
	return p
}

func (s *Server) defaults() {
	s.Listen = ":443"
	s.State = "/var/lib/homeward"
	s.KeyLife = 180 * 24 * time.Hour
	s.Mail.Port, s.Mail.TLS = 587, "starttls"
	s.Text.SMPP.TLS, s.Text.SMPP.Alphabet = "tls", "gsm"
	s.Log.Level, s.Log.Format = "info", "text"
}

func (*Server) former() map[string]string { return nil }

func (s *Server) check() []string {
	var p []string
	if u, err := url.Parse(s.BaseURL); err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		p = append(p, "base_url must be https://NAME without a path: it is the address people open")
	}
	if _, _, err := net.SplitHostPort(s.Listen); err != nil {
		p = append(p, fmt.Sprintf("listen is %q: it must be host:port or :port, such as :443", s.Listen))
	}
	if (s.Cert == "") != (s.Key == "") {
		p = append(p, "cert and key go together: give both, or neither behind a TLS-terminating proxy")
	}
	if s.Cert == "" && !loopback(s.Listen) {
		p = append(p, "without cert and key the server speaks plain HTTP, so listen must be a loopback address")
	}
	if _, err := s.Proxies(); err != nil {
		p = append(p, err.Error())
	}
	if s.Database == "" {
		s.Database = "sqlite:" + filepath.Join(s.State, "homeward.db")
	}
	if !strings.HasPrefix(s.Database, "sqlite:") && !strings.HasPrefix(s.Database, "postgres://") {
		p = append(p, "database must start with sqlite: or postgres://")
	}
	if s.MasterKey == "" {
		s.MasterKey = filepath.Join(s.State, "master.key")
	}
	if s.KeyLife < time.Minute {
		p = append(p, "key_life is shorter than a minute: 4320h is half a year")
	}
	return slices.Concat(p, s.Mail.check(), s.Text.check(), s.Log.check(), checkExports(s.Exports))
}

// Proxies are the trusted ones as networks; in the environment they are separated by commas.
func (s *Server) Proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, entry := range s.TrustedProxies {
		for text := range strings.SplitSeq(entry, ",") {
			n, err := network(strings.TrimSpace(text))
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		}
	}
	return out, nil
}

// network reads one address or one network. A network that holds everybody would let every visitor choose an address.
func network(text string) (netip.Prefix, error) {
	n, err := netip.ParsePrefix(text)
	if err != nil {
		var a netip.Addr
		if a, err = netip.ParseAddr(text); err == nil && a.Zone() == "" {
			a = a.Unmap()
			n = netip.PrefixFrom(a, a.BitLen())
		}
	}
	switch {
	case err != nil || !n.IsValid():
		return n, fmt.Errorf("trusted_proxies: %q must be an address or a network, such as 10.2.0.7 or 10.2.0.0/24", text)
	case n.Addr().Is4In6():
		return n, fmt.Errorf("trusted_proxies: write %q as a network of version 4", text)
	case n.Bits() == 0:
		return n, fmt.Errorf("trusted_proxies: %q would believe everybody; name the proxies alone", text)
	}
	return n.Masked(), nil
}

func (m *Mail) check() []string {
	var p []string
	if m.Host == "" {
		p = append(p, "mail.host is missing: codes are sent through it")
	}
	if !strings.Contains(m.From, "@") {
		p = append(p, "mail.from must be a mail address")
	}
	if !oneOf(m.TLS, "starttls", "tls", "none") {
		p = append(p, fmt.Sprintf("mail.tls is %q: use starttls, tls or none", m.TLS))
	}
	if m.TLS == "none" && !loopback(m.Host+":0") {
		p = append(p, "mail.tls is none, but mail.host is not on this machine: codes would travel in the clear")
	}
	if m.User != "" && m.PasswordFile == "" {
		p = append(p, "mail.user is set, so mail.password_file must name the file with its password")
	}
	return p
}

func oneOf(s string, of ...string) bool {
	return slices.Contains(of, s)
}
