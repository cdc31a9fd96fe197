package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"

	"homeward/internal/webaddress"
)

// Export is one place that gets every row of the audit log.
type Export struct {
	Name    string        `koanf:"name" about:"short name; under it the server keeps how far it has come, so it never changes"`
	Tenant  string        `koanf:"tenant" about:"only this tenant's log; empty: every tenant's"`
	Start   string        `koanf:"start" about:"what a new destination gets: beginning (all there is, the default) or now"`
	Syslog  ExportSyslog  `koanf:"syslog"`
	Webhook ExportWebhook `koanf:"webhook"`
}

// ExportSyslog is a syslog receiver over TLS.
type ExportSyslog struct {
	Address string `koanf:"address" about:"syslog over TLS (RFC 5424, 5425): host:port, usually port 6514"`
	CAFile  string `koanf:"ca_file" about:"PEM of a private certificate authority; empty: the machine's"`
	Cert    string `koanf:"cert" about:"PEM file, where the receiver asks for a certificate"`
	Key     string `koanf:"key" about:"PEM file"`
}

// ExportWebhook is an address that rows are posted to.
type ExportWebhook struct {
	URL        string `koanf:"url" about:"https address that rows are posted to as JSON; it may be on a private network"`
	SecretFile string `koanf:"secret_file" about:"file with the secret that signs each post, one line, chmod 600"`
	CAFile     string `koanf:"ca_file" about:"PEM of a private certificate authority; empty: the machine's"`
}

// Destination is where rows go, without what of an address may be a secret.
func (e Export) Destination() string {
	if e.Syslog.Address != "" {
		return "syslog " + e.Syslog.Address
	}
	if u, err := url.Parse(e.Webhook.URL); err == nil && u.Host != "" {
		return "webhook " + u.Host
	}
	return "webhook"
}

// mostExports is more than anybody has; each is a reader of the database.
const mostExports = 16

func checkExports(all []Export) []string {
	var p []string
	if len(all) > mostExports {
		p = append(p, fmt.Sprintf("exports has %d entries: %d are the most", len(all), mostExports))
	}
	names := map[string]bool{}
	form := regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	for i, e := range all {
		at := fmt.Sprintf("exports[%d]", i)
		switch {
		case !form.MatchString(e.Name):
			p = append(p, at+".name must be 1 to 40 lower-case letters, digits and hyphens, beginning with a letter")
		case names[e.Name]:
			p = append(p, fmt.Sprintf("%s.name: %q is another entry's name already", at, e.Name))
		}
		names[e.Name] = true
		p = append(p, e.check(at)...)
	}
	return p
}

func (e *Export) check(at string) []string {
	var p []string
	if !oneOf(e.Start, "", "beginning", "now") {
		p = append(p, fmt.Sprintf("%s.start is %q: use beginning or now", at, e.Start))
	}
	s, w := e.Syslog, e.Webhook
	toSyslog, toWebhook := s != ExportSyslog{}, w != ExportWebhook{}
	if toSyslog == toWebhook {
		return append(p, at+" needs either syslog or webhook: where the rows go")
	}
	if toSyslog {
		if host, port, err := net.SplitHostPort(s.Address); err != nil || host == "" || port == "" {
			p = append(p, fmt.Sprintf("%s.syslog.address is %q: it must be host:port, such as siem.contoso.example:6514", at, s.Address))
		}
		if (s.Cert == "") != (s.Key == "") {
			p = append(p, at+".syslog.cert and key go together")
		}
		return p
	}
	if webaddress.Check(w.URL, false) != nil {
		p = append(p, at+".webhook.url must be https://… without a user name: it tells who did what")
	}
	if w.SecretFile == "" {
		p = append(p, at+".webhook.secret_file is missing: it names the file with the secret that signs each post")
	}
	return p
}
