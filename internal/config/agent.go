package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Agent is an agent's configuration.
type Agent struct {
	Server      string        `koanf:"server" about:"the portal's base URL"`
	CAFile      string        `koanf:"ca_file" about:"PEM of a private certificate authority; empty: the machine's"`
	State       string        `koanf:"state" about:"folder for keys and the journal"`
	KeyLife     time.Duration `koanf:"key_life" about:"age at which the sealing key is replaced"`
	Proxy       Proxy         `koanf:"proxy" about:"empty: HTTPS_PROXY and NO_PROXY"`
	Directories []Directory   `koanf:"directories"`
	Log         Log           `koanf:"log"`
}

// Proxy is an HTTP CONNECT proxy.
type Proxy struct {
	URL          string `koanf:"url" about:"http://host:port, without credentials"`
	User         string `koanf:"user" about:"empty: no sign-in"`
	PasswordFile string `koanf:"password_file" about:"file with its password, one line, chmod 600"`
}

// Directory is one Active Directory domain the agent writes to, and as whom.
type Directory struct {
	Domain       string   `koanf:"domain" about:"DNS name of the domain; its controllers are found in DNS when urls is empty"`
	URLs         []string `koanf:"urls" about:"ldaps://dc1…, in order of preference; empty: found in DNS"`
	Site         string   `koanf:"site" about:"Active Directory site whose controllers come first; empty: no preference"`
	DNS          string   `koanf:"dns" about:"host:port of the DNS server to ask; empty: the machine's"`
	Security     string   `koanf:"security" about:"ldaps (636), starttls (389) or kerberos (389, sign and seal); empty: ldaps"`
	CAFile       string   `koanf:"ca_file" about:"PEM; empty: the machine's"`
	BaseDN       string   `koanf:"base_dn" about:"empty: the DC's default naming context"`
	User         string   `koanf:"user" about:"svc@domain or DOMAIN\\svc"`
	Reader       string   `koanf:"password_reader" about:"only where user is a managed account (gMSA): who may read its password; password_file or keytab are then this one's"`
	PasswordFile string   `koanf:"password_file" about:"file with the service account's password, one line, chmod 600"`
	Keytab       string   `koanf:"keytab" about:"Kerberos keytab of the service account, instead of password_file"`
	Units        []string `koanf:"organizational_units" about:"DNs whose people may use the portal"`
	Sync         Sync     `koanf:"sync"`
	Features     Features `koanf:"features"`
	TestAccount  string   `koanf:"test_account" about:"UPN or DN of an account made for test writes: its password is overwritten; empty: no test writes"`
}

// Features are what an agent does in a domain. What is off is refused, whatever the server asks.
type Features struct {
	Writeback *bool `koanf:"writeback" about:"resets and changes of passwords; empty: true"`
	Unlock    *bool `koanf:"unlock" about:"unlock without a reset; empty: true"`
	Rules     *bool `koanf:"rules" about:"tell people in the portal the password rules that hold for them; empty: true"`
	Phones    bool  `koanf:"phones" about:"sync the attribute mobile, for codes by text message"`
}

// Writes reports whether passwords are written.
func (f Features) Writes() bool { return f.Writeback == nil || *f.Writeback }

// Writes reports whether passwords are written here. In staging nothing is written, whatever the features say.
func (d Directory) Writes() bool { return d.Features.Writes() && d.Sync.Mode != SyncStaging }

// ShowsRules reports whether people are told their password rules.
func (f Features) ShowsRules() bool { return f.Rules == nil || *f.Rules }

// Unlocks reports whether accounts are unlocked without a reset.
func (f Features) Unlocks() bool { return f.Unlock == nil || *f.Unlock }

func (a *Agent) defaults() {
	a.State, a.KeyLife = AgentState(), 180*24*time.Hour
	a.Log.Level, a.Log.Format = "info", "text"
}

func (*Agent) former() map[string]string {
	return map[string]string{"directory": `unknown key "directory"; did you mean "directories"? It is a list now: write` + `
    directories:
      - user: svc@domain
        …
  with the same keys as before, two spaces further in, and "- " before the first`}
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
	if a.KeyLife < time.Second {
		p = append(p, "key_life must be a duration of at least a second, such as 4320h")
	}
	if len(a.Directories) == 0 {
		p = append(p, "directories is missing: name at least one domain to write to")
	}
	for i := range a.Directories {
		p = append(p, a.Directories[i].check(fmt.Sprintf("directories[%d].", i))...)
	}
	return append(p, a.Log.check()...)
}

// scheme is the URL scheme that goes with the kind of security; false for an unknown kind.
func (d *Directory) scheme() (string, bool) {
	switch d.Security {
	case "", "ldaps":
		return "ldaps", true
	case "starttls", "kerberos":
		return "ldap", true
	}
	return "", false
}

func (d *Directory) check(at string) []string {
	var p []string
	scheme, ok := d.scheme()
	if !ok {
		p = append(p, fmt.Sprintf("%ssecurity is %q: it must be ldaps, starttls or kerberos", at, d.Security))
	}
	if len(d.URLs) == 0 && d.Domain == "" {
		p = append(p, at+"urls is missing: name at least one domain controller as ldaps://NAME, or name the domain to find them in DNS")
	}
	for _, s := range d.URLs {
		if u, err := url.Parse(s); ok && (err != nil || u.Scheme != scheme || u.Host == "") {
			p = append(p, fmt.Sprintf("%surls holds %q: passwords need %s://NAME", at, s, scheme))
		}
	}
	switch {
	case d.User == "":
		p = append(p, at+"user is missing: the service account, as svc@domain or DOMAIN\\svc")
	case !strings.ContainsAny(d.User, "@\\="):
		p = append(p, at+"user must be svc@domain or DOMAIN\\svc: a bare name is refused by the directory")
	}
	switch {
	case d.PasswordFile == "" && d.Keytab == "":
		p = append(p, at+"password_file is missing: the file with the service account's password (or keytab, for Kerberos)")
	case d.PasswordFile != "" && d.Keytab != "":
		p = append(p, at+"password_file and keytab exclude each other: name one")
	case d.Reader != "" && !strings.HasSuffix(bareName(d.User), "$"):
		p = append(p, at+"password_reader is only for a managed account, whose name ends with $: DOMAIN\\name$")
	case d.Reader != "" && !strings.ContainsAny(d.Reader, "@\\"):
		p = append(p, at+"password_reader must be name@domain or DOMAIN\\name, such as this machine's account HOST$@domain")
	case d.Reader != "" && d.Domain == "":
		p = append(p, at+"password_reader needs domain: the name of the Kerberos realm comes from it")
	case d.Keytab != "" && d.Domain == "":
		p = append(p, at+"keytab needs domain: the name of the Kerberos realm comes from it")
	}
	if d.Security == "kerberos" && d.Domain == "" {
		p = append(p, at+"security: kerberos needs domain: the name of the Kerberos realm comes from it")
	}
	if len(d.Units) == 0 {
		p = append(p, at+"organizational_units is missing: the DNs of the units whose people may use the portal")
	}
	p = append(p, d.Sync.check(at+"sync.")...)
	for _, u := range d.Units {
		if !strings.Contains(u, "=") {
			p = append(p, fmt.Sprintf("%sorganizational_units holds %q: name a DN, such as OU=Sales,DC=corp,DC=contoso,DC=com", at, u))
		}
	}
	return p
}

// bareName is an account's name without its domain.
func bareName(user string) string {
	if _, name, ok := strings.Cut(user, `\`); ok {
		return name
	}
	name, _, _ := strings.Cut(user, "@")
	return name
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
