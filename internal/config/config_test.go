package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodServer = `
listen: 127.0.0.1:8443
base_url: https://password.contoso.example
mail: {host: 127.0.0.1, port: 25, tls: none, from: a@contoso.example}
`

func TestServerDefaults(t *testing.T) {
	c, err := LoadServer(write(t, goodServer), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Database != "sqlite:/var/lib/homeward/homeward.db" || c.MasterKey != "/var/lib/homeward/master.key" || c.Log.Level != "info" {
		t.Errorf("%+v", c)
	}
}

func TestEnvironmentWins(t *testing.T) {
	c, err := LoadServer(write(t, goodServer), []string{"HOMEWARD_DATABASE=postgres://db/homeward", "HOMEWARD_MAIL_PORT=2525", "HOMEWARD_CACHE=/x"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Database != "postgres://db/homeward" || c.Mail.Port != 2525 {
		t.Errorf("database %s, port %d", c.Database, c.Mail.Port)
	}
}

// TestEverythingWrongIsNamed expects all mistakes of a file in one error, each with what to do.
func TestEverythingWrongIsNamed(t *testing.T) {
	_, err := LoadServer(write(t, `
listen: 0.0.0.0:80
base_url: http://x/y
database: mysql://x
cert: a.pem
mail: {host: mail.contoso.example, tls: none, from: nobody, user: u}
log: {level: loud}
`), nil)
	wants(t, err, "base_url must be https", "cert and key go together", "database must start with", "mail.tls is none", "mail.from must be", "mail.password_file", "log.level")
	_, err = LoadServer(write(t, "basurl: x\nmail: {hots: y}\n"), nil)
	wants(t, err, `unknown key "basurl"; did you mean "base_url"?`, `unknown key "mail.hots"; did you mean "mail.host"?`)
	_, err = LoadServer(filepath.Join(t.TempDir(), "none.yaml"), nil)
	wants(t, err, "does not exist")
	_, err = LoadServer(write(t, "listen: [\n"), nil)
	wants(t, err, "configuration file")
	_, err = LoadAgent(write(t, `
server: portal
proxy: {url: "http://u:p@proxy:3128"}
directories:
  - {urls: ["ldap://dc"], user: svc}
  - {domain: a.example, security: tls, user: svc@a.example, password_file: p, keytab: k, organizational_units: [OU=A]}
`), nil)
	wants(t, err, "server must be", "proxy.url must be", "passwords need ldaps", "a bare name is refused", "directories[0].password_file is missing",
		"directories[0].organizational_units is missing", `directories[1].security is "tls"`, "exclude each other")
	_, err = LoadAgent(write(t, "server: https://p\ndirectories:\n  - {usr: x}\n  - 5\n"), nil)
	wants(t, err, `directories[0]: unknown key "usr"; did you mean "user"?`, "directories[1] must hold keys")
	_, err = LoadAgent(write(t, "server: https://p\ndirectories: {user: x}\n"), nil)
	wants(t, err, "directories must be a list")
}

// TestExportsAreStrict: each entry goes to exactly one place, under a name of its own.
func TestExportsAreStrict(t *testing.T) {
	c, err := LoadServer(write(t, goodServer+`
exports:
  - {name: siem, syslog: {address: "siem.contoso.example:6514", ca_file: ca.pem}}
  - {name: hook, tenant: contoso, start: now, webhook: {url: "https://10.0.0.7/in", secret_file: s}}
`), nil)
	if err != nil || len(c.Exports) != 2 || c.Exports[1].Webhook.SecretFile != "s" || c.Exports[0].Syslog.CAFile != "ca.pem" {
		t.Fatalf("%+v, %v", c.Exports, err)
	}
	_, err = LoadServer(write(t, goodServer+`
exports:
  - {name: Siem, syslog: {address: siem}}
  - {name: a, start: soon, webhook: {url: "http://x"}}
  - {name: a, syslog: {address: "x:1", cert: c}}
  - {name: b}
  - {name: c, syslog: {address: "x:1"}, webhook: {url: "https://x", secret_file: s}}
`), nil)
	wants(t, err, "exports[0].name must be", "exports[0].syslog.address", `exports[1].start is "soon"`, "exports[1].webhook.url must be https", "exports[1].webhook.secret_file",
		`exports[2].name: "a" is another`, "exports[2].syslog.cert and key", "exports[3] needs either", "exports[4] needs either")
	_, err = LoadServer(write(t, goodServer+"exports:\n  - {name: a, syslog: {addressz: x}}\n"), nil)
	wants(t, err, `exports[0]: unknown key "syslog.addressz"; did you mean "syslog.address"?`)
}

func wants(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("the error doesn't say %q:\n%v", p, err)
		}
	}
}

func TestSecret(t *testing.T) {
	path := write(t, "value\n")
	if got, err := Secret(path); err != nil || got.Reveal() != "value" {
		t.Errorf("%d characters, %v", len(got), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Secret(path)
	wants(t, err, "chmod 600")
	for _, text := range []string{"", "\n", "two\nlines\n"} {
		_, err := Secret(write(t, text))
		wants(t, err, "exactly one line")
	}
}

func TestLoadDirectory(t *testing.T) {
	d, err := LoadDirectory("ldaps://dc1.contoso.example", write(t, "user: svc@contoso.example\npassword_file: /p\norganizational_units: [\"OU=A,DC=x\"]\n"))
	if err != nil || d.User != "svc@contoso.example" || d.URLs[0] != "ldaps://dc1.contoso.example" {
		t.Errorf("%+v, %v", d, err)
	}
	_, err = LoadDirectory("ldap://dc1", write(t, "usr: x\n"))
	wants(t, err, `did you mean "user"`)
	_, err = LoadDirectory("ldap://dc1", write(t, "user: svc@x\n"))
	wants(t, err, "passwords need ldaps")
}

const smallAgent = `
server: https://p
directories:
  - {urls: ["ldaps://dc"], user: svc@a.example, password_file: p, organizational_units: [OU=A]}
`

// A file of version 1 is told once, and exactly, what to write.
func TestFormerDirectoryKey(t *testing.T) {
	_, err := LoadAgent(write(t, `
server: https://p
directory:
  urls: ["ldaps://dc"]
  user: svc@a.example
  password_file: p
`), nil)
	wants(t, err, `unknown key "directory"; did you mean "directories"?`, "It is a list now", "    directories:\n      - user:")
	if n := strings.Count(err.Error(), "unknown key"); n != 1 {
		t.Errorf("told %d times: %v", n, err)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 4320 * time.Hour, "key_life: 4320h\n": 4320 * time.Hour, "key_life: 90m\n": 90 * time.Minute} {
		if c, err := LoadAgent(write(t, smallAgent+text), nil); err != nil || c.KeyLife != want {
			t.Errorf("%q: %v %v", text, c.KeyLife, err)
		}
	}
	for _, text := range []string{"key_life: soon\n", "key_life: [1]\n", "key_life: {a: b}\n", "key_life: 0s\n", "key_life: -4h\n", "key_life: 4320\n"} {
		_, err := LoadAgent(write(t, smallAgent+text), nil)
		wants(t, err, "configuration file")
		if !strings.Contains(err.Error(), "key_life must be a duration") && !strings.Contains(err.Error(), `unknown key "key_life.a"`) {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err := LoadAgent(write(t, smallAgent), []string{"HOMEWARD_KEY_LIFE=soon"})
	wants(t, err, "key_life must be a duration")
}

func TestTextMessages(t *testing.T) {
	c, err := LoadServer(write(t, goodServer), nil)
	if err != nil || c.Text.On() {
		t.Errorf("text messages are on by themselves: %v", err)
	}
	for _, good := range []string{
		"text: {via: smpp, from: Contoso, smpp: {address: 'smsc.example:3550', system_id: homeward, password_file: /p}}",
		"text: {via: webhook, webhook: {url: 'https://sms.example/send', secret_file: /s}}",
		"text: {via: mail, mail_to: '{number}@sms.example'}",
	} {
		if c, err = LoadServer(write(t, goodServer+good), nil); err != nil || !c.Text.On() {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		"text: {via: pigeon}": `text.via is "pigeon"`,
		"text: {via: smpp, from: 'a name that is too long', smpp: {address: x, tls: maybe, alphabet: morse, system_id: aaaaaaaaaaaaaaaa}}": "text.smpp.alphabet is",
		"text: {via: webhook, webhook: {url: 'http://sms.example'}}":                                                                       "text.webhook.url must be https",
		"text: {via: mail, mail_to: sms.example}":                                                                                          "text.mail_to must be",
	} {
		_, err := LoadServer(write(t, goodServer+bad), nil)
		wants(t, err, want)
	}
}

func TestTrustedProxies(t *testing.T) {
	c, err := LoadServer(write(t, goodServer+"trusted_proxies: [127.0.0.1, 10.2.0.9/24, '2001:db8::1', '::ffff:10.3.0.1']\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Proxies()
	if want := "[127.0.0.1/32 10.2.0.0/24 2001:db8::1/128 10.3.0.1/32]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v, want %s", got, err, want)
	}
	if c, err = LoadServer(write(t, goodServer), []string{"HOMEWARD_TRUSTED_PROXIES=10.0.0.1, 10.0.0.2"}); err != nil {
		t.Fatal(err)
	}
	if got, err = c.Proxies(); err != nil || len(got) != 2 {
		t.Errorf("from the environment: %v, %v", got, err)
	}
	for bad, words := range map[string]string{
		"proxy.contoso.example": "must be an address or a network", "0.0.0.0/0": "would believe everybody", "'::/0'": "would believe everybody",
		"'::ffff:10.0.0.0/104'": "of version 4", "fe80::1%eth0": "must be an address", "10.0.0.0/33": "must be an address", "''": "must be an address",
	} {
		_, err := LoadServer(write(t, goodServer+"trusted_proxies: ["+bad+"]\n"), nil)
		wants(t, err, "trusted_proxies", words)
	}
}
