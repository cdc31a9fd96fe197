package provision

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Longest texts that are kept, in bytes. What is indexed must stay below what PostgreSQL can index.
const (
	maxUPN     = 1024
	maxAddress = 320
	maxSAM     = 256
	maxName    = 1024
	maxDN      = 4096
	maxMore    = 32
)

// incoming is one person an agent sent, cleaned.
type incoming struct {
	protocol.SyncPerson
	id        string // if it becomes a new account
	domain    string // folded
	netbios   string
	run       string
	hash      string
	thin      bool     // a page of an old agent, which tells less
	primary   string   // primary address, folded: a claim
	addresses []string // all claims, folded, the primary one first
}

// match is the address to match by: mail counts where there are no proxyAddresses.
func (in *incoming) match() string {
	if len(in.addresses) == 0 {
		return Fold(in.Mail)
	}
	return in.primary
}

// batchOf is what all people of a batch share.
type batchOf struct {
	Key
	netbios string
	run     string
	policy  string // what else decides how somebody is taken in, so that a change of it makes everything count as changed
	thin    bool
}

// take cleans one person. false: the object can't be named, or has no account name.
func (b batchOf) take(m protocol.SyncPerson) (incoming, bool) {
	object, ok := guid(m.Object)
	if !ok {
		return incoming{}, false
	}
	anchor, ok := guid(m.Anchor)
	if m.Anchor == "" {
		anchor, ok = object, true
	}
	m.Object, m.Anchor = object, anchor
	for _, t := range [...]struct {
		text *string
		most int
	}{
		{&m.DN, maxDN},
		{&m.SAM, maxSAM},
		{&m.UPN, maxUPN},
		{&m.ADUPN, maxUPN},
		{&m.Mail, maxAddress},
		{&m.DisplayName, maxName},
		{&m.GivenName, maxName},
		{&m.Surname, maxName},
		{&m.Mobile, maxSAM},
		{&m.Language, maxSAM},
	} {
		*t.text = clip(*t.text, t.most)
	}
	if len(m.More) > maxMore {
		m.More = nil
	}
	in := incoming{SyncPerson: m, domain: b.Domain, netbios: b.netbios, run: b.run, thin: b.thin}
	in.addresses, in.primary = addresses(m.Proxies)
	text, err := json.Marshal(m)
	if err != nil {
		return incoming{}, false
	}
	sum := sha256.New()
	sum.Write(text)
	sum.Write([]byte(b.policy + "\x00" + b.Domain + "\x00" + b.netbios))
	if b.thin {
		sum.Write([]byte("\x00thin"))
	}
	in.hash = base64.RawStdEncoding.EncodeToString(sum.Sum(nil)[:16])
	return in, ok && m.SAM != ""
}

// guid returns 32 hex digits in lower case.
func guid(text string) (string, bool) {
	g, err := directory.ParseGUIDHex(text)
	return g.Hex(), err == nil
}

// clip cuts text to a length, and takes out what no database stores.
func clip(text string, most int) string {
	const replacement = "\uFFFD"
	if strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
		text = strings.ReplaceAll(strings.ToValidUTF8(text, replacement), "\x00", replacement)
	}
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// addresses returns the folded SMTP addresses of proxyAddresses. The primary one has its prefix in upper case; without
// one there is none, and of several the first is.
func addresses(proxies []string) (all []string, primary string) {
	seen := make(map[string]bool, len(proxies))
	for i, p := range proxies {
		if i >= protocol.MaxProxies {
			break
		}
		prefix, address, ok := strings.Cut(p, ":")
		folded := Fold(clip(address, maxAddress))
		if !ok || !strings.EqualFold(prefix, "smtp") || !strings.Contains(folded, "@") || len(address) > maxAddress {
			continue
		}
		if prefix == "SMTP" && primary == "" {
			primary = folded
		}
		if !seen[folded] {
			seen[folded] = true
			all = append(all, folded)
		}
	}
	if i := slices.Index(all, primary); i > 0 {
		all[0], all[i] = all[i], all[0]
	}
	return all, primary
}

// again makes of an account what the directory sent, as far as the account tells.
func again(p Person, claims []Claim) protocol.SyncPerson {
	m := protocol.SyncPerson{
		Object: p.Object, Anchor: p.Anchor, DN: p.DN, SAM: p.SAM, UPN: p.UPN, ADUPN: p.ADUPN, Mail: p.Mail, DisplayName: p.DisplayName,
		GivenName: p.GivenName, Surname: p.Surname, Mobile: p.Mobile, Language: p.Language, Disabled: p.Disabled, Protected: p.Protected,
		PasswordSet: protocol.MilliOf(p.PasswordSet), Created: protocol.MilliOf(p.Created), More: p.More,
	}
	for _, c := range claims {
		prefix := "smtp:"
		if c.Primary {
			prefix = "SMTP:"
		}
		m.Proxies = append(m.Proxies, prefix+c.Address)
	}
	return m
}

// fill takes over what the directory says. A value that the directory doesn't have is gone: it masters the account.
func (in *incoming) fill(p *Person) {
	p.Object, p.NetBIOS, p.Domain, p.SAM, p.DN = in.Object, in.netbios, in.domain, in.SAM, in.DN
	p.UPN, p.Mail, p.DisplayName = in.UPN, in.Mail, in.DisplayName
	p.Disabled, p.Protected, p.Hash = in.Disabled, in.Protected, in.hash
	if p.Anchor == "" {
		p.Anchor = in.Anchor
	}
	if in.run != "" {
		p.Run = in.run
	}
	if in.thin {
		return
	}
	p.ADUPN, p.GivenName, p.Surname, p.Mobile, p.Language, p.More = in.ADUPN, in.GivenName, in.Surname, in.Mobile, in.Language, in.More
	p.PasswordSet, p.Created = in.PasswordSet.Time(), in.Created.Time()
}
