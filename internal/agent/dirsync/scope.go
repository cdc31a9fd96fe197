package dirsync

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"homeward/internal/directory"
)

// Attributes that sign-in names and source anchors are taken from.
const (
	FromUPN         = "userPrincipalName"
	FromMail        = "mail"
	ConsistencyGUID = "ms-DS-ConsistencyGuid"
	ObjectGUID      = "objectGUID"
)

// Scope is who is synced and how their attributes are read.
type Scope struct {
	Units   []string // DNs of the units whose people and groups are synced
	Exclude []string // DNs of units below them that aren't
	// Pilot is the DN of a group: only people who are in it, directly or through other groups, are synced. Groups are
	// synced whether they are in it or not.
	Pilot string
	// SignIn is where the sign-in name comes from: FromUPN, which is the default, or FromMail.
	SignIn string
	// Anchor is where the source anchor comes from: ConsistencyGUID, which is the default, or ObjectGUID.
	Anchor string
	// Attributes of the field's names on the left, of the directory on the right, where they aren't those of Fields. An
	// empty one isn't read.
	Attributes map[string]string
	// Suffixes replace the part behind the @ of sign-in names.
	Suffixes map[string]string
}

// Fields is the attribute map as it is without configuration: the field's names, and the directory's attributes.
func Fields() map[string]string {
	return map[string]string{
		"mail": "mail", "displayName": "displayName", "givenName": "givenName", "surname": "sn", "mobilePhone": "mobile",
		"preferredLanguage": "preferredLanguage", "department": "department", "jobTitle": "title", "companyName": "company",
		"officeLocation": "physicalDeliveryOfficeName", "employeeId": "employeeID", "businessPhone": "telephoneNumber",
	}
}

// unread are attributes that are never read, whatever the map says: pictures, and what only the directory may know.
func unread() []string {
	return []string{
		"thumbnailphoto", "jpegphoto", "photo", "thumbnaillogo", "usercertificate", "unicodepwd", "dbcspwd", "ntpwdhistory",
		"lmpwdhistory", "supplementalcredentials", "userpassword", "unixuserpassword", "ms-mcs-admpwd", "mslaps-password",
		"mslaps-encryptedpassword", "memberof", "ntsecuritydescriptor",
	}
}

// Check says everything that is wrong with the scope.
func (s Scope) Check() error {
	_, err := s.compile()
	return err
}

// scope is a Scope taken apart.
type scope struct {
	netbios  string
	units    []directory.DN
	exclude  []directory.DN
	pilot    string
	mail     bool // the sign-in name is mail
	guid     bool // the anchor is objectGUID
	fields   map[string]string
	suffixes map[string]string
	digest   string
}

func (s Scope) compile() (*scope, error) {
	out := &scope{fields: Fields(), suffixes: map[string]string{}, pilot: s.Pilot}
	var errs []error
	parse := func(list []string) (dns []directory.DN) {
		for _, text := range list {
			dn, err := directory.ParseDN(text)
			if err != nil || len(dn) == 0 {
				errs = append(errs, fmt.Errorf("sync: %q is no DN", text))
			}
			dns = append(dns, dn)
		}
		return dns
	}
	out.units, out.exclude = parse(s.Units), parse(s.Exclude)
	if len(s.Units) == 0 {
		errs = append(errs, errors.New("sync: no units"))
	}
	if s.Pilot != "" {
		parse([]string{s.Pilot})
	}
	for field, attribute := range s.Attributes {
		if _, ok := out.fields[field]; !ok {
			errs = append(errs, fmt.Errorf("sync: the attribute map has no %q; it has %s", field, strings.Join(slices.Sorted(maps.Keys(Fields())), ", ")))
		}
		if slices.Contains(unread(), strings.ToLower(attribute)) || strings.ContainsAny(attribute, ";*() ") {
			errs = append(errs, fmt.Errorf("sync: attribute %q, for %s, is never read", attribute, field))
		}
		out.fields[field] = attribute
	}
	for from, to := range s.Suffixes {
		if !domainName(from) || !domainName(to) {
			errs = append(errs, fmt.Errorf("sync: suffixes %q: %q: both must be domain names", from, to))
		}
		out.suffixes[strings.ToLower(from)] = to
	}
	switch s.SignIn {
	case "", FromUPN:
	case FromMail:
		out.mail = true
	default:
		errs = append(errs, fmt.Errorf("sync: sign-in names from %q: it must be %s or %s", s.SignIn, FromUPN, FromMail))
	}
	switch s.Anchor {
	case "", ConsistencyGUID:
	case ObjectGUID:
		out.guid = true
	default:
		errs = append(errs, fmt.Errorf("sync: source anchor %q: it must be %s or %s", s.Anchor, ConsistencyGUID, ObjectGUID))
	}
	out.digest = out.sum(s)
	return out, errors.Join(errs...)
}

func domainName(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsAny(s, "@ /\\") && strings.Trim(s, ".") == s
}

// sum doesn't change with the order of lists, nor with what is written out though it is the default.
func (s *scope) sum(from Scope) string {
	sorted := func(dns []directory.DN) []string {
		var out []string
		for _, dn := range dns {
			out = append(out, strings.ToLower(dn.String()))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	text, err := json.Marshal(map[string]any{
		"units": sorted(s.units), "exclude": sorted(s.exclude), "pilot": strings.ToLower(from.Pilot), "mail": s.mail, "guid": s.guid,
		"fields": s.fields, "suffixes": s.suffixes,
	})
	if err != nil {
		return "" // strings and flags always encode
	}
	all := sha256.Sum256(text)
	return hex.EncodeToString(all[:16])
}

// Digest tells whether two scopes choose the same.
func (s Scope) Digest() (string, error) {
	c, err := s.compile()
	return c.digest, err
}

// Wanted are the directory's attributes of people that the map needs.
func (s Scope) Wanted() ([]string, error) {
	c, err := s.compile()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, attribute := range c.fields {
		if attribute != "" {
			out = append(out, attribute)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// holds tells whether an object with this DN is in the units.
func (s *scope) holds(text string) bool {
	dn, err := directory.ParseDN(text)
	if err != nil {
		return false
	}
	under := func(base directory.DN) bool { return dn.Under(base) }
	return slices.ContainsFunc(s.units, under) && !slices.ContainsFunc(s.exclude, under)
}
