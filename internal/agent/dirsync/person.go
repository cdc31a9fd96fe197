package dirsync

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// What is longer isn't synced, in bytes.
const (
	maxName    = 1024
	maxOther   = 4096
	maxAddress = 320 // RFC 5321 4.5.3.1: 64 and 255 and the @
	// maxProxies bounds all addresses of one person together, so that a person always fits a batch.
	maxProxyBytes = 24 << 10
	maxDN         = 4096
)

// reading takes one object apart, and remembers what is wrong with it.
type reading struct {
	o      activedirectory.Object
	fault  protocol.SyncFault // its object and name
	faults []protocol.SyncFault
}

func (s *scope) read(o activedirectory.Object) *reading {
	r := &reading{o: o}
	name := first(o, "samaccountname")
	if name == "" || !utf8.ValidString(name) || len(name) > maxName {
		name, _, _ = strings.Cut(o.DN, ",")
	} else {
		name = s.netbios + `\` + name
	}
	r.fault = protocol.SyncFault{Object: o.ID.Hex(), Name: cut(name, maxName), DN: cut(o.DN, maxDN)}
	return r
}

// cut shortens a text for people's eyes, and makes it UTF-8.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func first(o activedirectory.Object, name string) string {
	if v := o.Attributes[name]; len(v) > 0 {
		return string(v[0])
	}
	return ""
}

func (r *reading) wrong(attribute string, reason protocol.Reason, detail string) {
	f := r.fault
	f.Attribute, f.Reason, f.Detail = attribute, reason, detail
	r.faults = append(r.faults, f)
}

// text gives the attribute's first value. One that can't be kept is told and left out.
func (r *reading) text(attribute string, limit int) string {
	if attribute == "" {
		return ""
	}
	v := first(r.o, strings.ToLower(attribute))
	switch {
	case len(v) > limit:
		r.wrong(attribute, protocol.FaultLong, fmt.Sprintf("%d bytes, more than %d", len(v), limit))
		return ""
	case !utf8.ValidString(v) || strings.ContainsRune(v, 0):
		r.wrong(attribute, protocol.FaultText, "")
		return ""
	}
	return v
}

func (r *reading) integer(attribute string) int64 {
	n, err := strconv.ParseInt(first(r.o, attribute), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (r *reading) when(attribute string) time.Time {
	t, err := time.Parse("20060102150405.0Z", first(r.o, attribute))
	if err != nil {
		return time.Time{}
	}
	return t
}

// person reads the object by the attribute map. anchorless says that the source anchor is to be written.
func (s *scope) person(o activedirectory.Object) (p protocol.SyncPerson, faults []protocol.SyncFault, anchorless bool) {
	r := s.read(o)
	control := directory.AccountControl(r.integer("useraccountcontrol")) //nolint:gosec // a bit field
	p = protocol.SyncPerson{
		Object: o.ID.Hex(), DN: r.fault.DN, SAM: r.text("sAMAccountName", maxName),
		DisplayName: r.text(s.fields["displayName"], maxName), GivenName: r.text(s.fields["givenName"], maxName),
		Surname: r.text(s.fields["surname"], maxName), Mobile: r.text(s.fields["mobilePhone"], maxOther),
		Language: r.text(s.fields["preferredLanguage"], maxName), Mail: r.text(s.fields["mail"], maxName),
		Disabled: control.Has(directory.Disabled), Protected: r.integer("admincount") == 1,
		PasswordSet: protocol.MilliOf(directory.FromFiletime(r.integer("pwdlastset"))),
		Created:     protocol.MilliOf(r.when("whencreated")), Proxies: r.proxies(),
	}
	if p.SAM == "" {
		r.wrong("sAMAccountName", protocol.FaultNoName, "")
	}
	p.UPN, p.ADUPN = s.signIn(r)
	for _, field := range []string{"jobTitle", "department", "companyName", "officeLocation", "employeeId", "businessPhone"} {
		if v := r.text(s.fields[field], maxOther); v != "" {
			if p.More == nil {
				p.More = map[string]string{}
			}
			p.More[field] = v
		}
	}
	p.Anchor, anchorless = s.anchor(r)
	return p, r.faults, anchorless
}

// signIn gives the cloud's sign-in name, and the directory's where they differ.
func (s *scope) signIn(r *reading) (upn, ad string) {
	from := FromUPN
	ad = r.text(FromUPN, maxName)
	upn = ad
	if s.mail {
		from = FromMail
		upn = first(r.o, "mail") // what is wrong with it was told with the mail address
		if len(upn) > maxName || !utf8.ValidString(upn) {
			upn = ""
		}
	}
	if upn == "" {
		r.wrong(from, protocol.FaultNoUPN, "")
		return "", ad
	}
	if at := strings.LastIndexByte(upn, '@'); at >= 0 {
		if to, ok := s.suffixes[strings.ToLower(upn[at+1:])]; ok {
			upn = upn[:at+1] + to
		}
	}
	if upn == ad {
		ad = ""
	}
	return upn, ad
}

func (s *scope) anchor(r *reading) (anchor string, missing bool) {
	id := r.o.ID
	if s.guid {
		return id.Hex(), false
	}
	values := r.o.Attributes["ms-ds-consistencyguid"]
	if len(values) == 0 {
		return id.Hex(), true
	}
	g, err := directory.GUIDFromBytes(values[0])
	if err != nil {
		r.wrong(ConsistencyGUID, protocol.FaultAnchor, fmt.Sprintf("%d bytes, not 16", len(values[0])))
		return id.Hex(), false
	}
	return g.Hex(), false
}

// proxies are the SMTP addresses; what is none is told once.
func (r *reading) proxies() []string {
	var out []string
	bad, size := 0, 0
	for _, raw := range r.o.Attributes["proxyaddresses"] {
		kind, address, ok := strings.Cut(string(raw), ":")
		if ok && !strings.EqualFold(kind, "smtp") {
			continue // X500, SIP, EUM: no mail address, and nothing wrong with that
		}
		if !ok || !mailAddress(address) {
			bad++
			continue
		}
		if size += len(raw); len(out) == protocol.MaxProxies || size > maxProxyBytes {
			r.wrong("proxyAddresses", protocol.FaultMany, fmt.Sprintf("%d addresses; the first %d are kept", len(r.o.Attributes["proxyaddresses"]), len(out)))
			break
		}
		out = append(out, string(raw))
	}
	if bad > 0 {
		r.wrong("proxyAddresses", protocol.FaultAddress, fmt.Sprintf("%d of them", bad))
	}
	return out
}

func mailAddress(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && len(s) <= maxAddress && utf8.ValidString(s) && domain != "" && !strings.ContainsAny(domain, "@ ,;<>()") &&
		!strings.ContainsAny(local, " ,;<>\x00")
}

// securityGroup is GROUP_TYPE_SECURITY_ENABLED ([MS-ADTS] 2.2.12), the sign bit.
const securityGroup = -0x80000000

func (s *scope) group(o activedirectory.Object) (protocol.SyncGroup, []protocol.SyncFault) {
	r := s.read(o)
	g := protocol.SyncGroup{
		Object: o.ID.Hex(), DN: r.fault.DN, Name: r.text("name", maxName), SAM: r.text("sAMAccountName", maxName), Mail: r.text("mail", maxName),
		Security: r.integer("grouptype")&securityGroup != 0,
	}
	if g.Name == "" {
		if dn, err := directory.ParseDN(o.DN); err == nil && len(dn) > 0 {
			g.Name = cut(dn[0].Value, maxName)
		}
	}
	if g.SAM == "" {
		r.wrong("sAMAccountName", protocol.FaultNoName, "")
	}
	return g, r.faults
}
