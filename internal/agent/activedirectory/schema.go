package activedirectory

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/directory/security"
)

// schema remembers what entries of an access control list mean in this forest: property sets belong to the
// schema, not to the product ([MS-ADTS] 3.1.1.2.3.3).
type schema struct {
	mu         sync.Mutex
	attributes map[string][]directory.GUID // attribute to its own GUID and that of its property set
	classes    map[string]directory.GUID
}

// judgedAttributes are those whose rights are looked at.
func judgedAttributes() []string {
	return append([]string{"lockoutTime", "pwdLastSet", "badPwdCount", "accountExpires", "mS-DS-ConsistencyGuid"}, readAttributes()...)
}

// readAttributes are those without which an account is not written.
func readAttributes() []string {
	return []string{"userAccountControl", "replPropertyMetaData", "adminCount", "pwdLastSet"}
}

// load reads the judged attributes once.
func (s *schema) load(c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attributes != nil {
		return nil
	}
	var filter strings.Builder
	for _, name := range judgedAttributes() {
		filter.WriteString("(lDAPDisplayName=" + name + ")")
	}
	r, err := c.ldap.Search(ldap.NewSearchRequest("CN=Schema,"+c.conf, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false,
		"(|"+filter.String()+")", []string{"lDAPDisplayName", "schemaIDGUID", "attributeSecurityGUID"}, nil))
	if err != nil {
		return err
	}
	found := map[string][]directory.GUID{}
	for _, e := range r.Entries {
		name := string(attribute(e, "lDAPDisplayName"))
		for _, id := range []string{"schemaIDGUID", "attributeSecurityGUID"} {
			if guid, err := directory.GUIDFromBytes(attribute(e, id)); err == nil {
				found[name] = append(found[name], guid)
			}
		}
	}
	for _, name := range judgedAttributes() {
		if len(found[name]) == 0 {
			return malformed("the schema", fmt.Errorf("it has no attribute %s", name))
		}
	}
	s.attributes, s.classes = found, map[string]directory.GUID{"user": userClass()}
	return nil
}

// class returns the GUID of a class.
func (s *schema) class(c *conn, name string) (directory.GUID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if guid, ok := s.classes[name]; ok {
		return guid, nil
	}
	r, err := c.ldap.Search(ldap.NewSearchRequest("CN=Schema,"+c.conf, ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 1, 0, false,
		"(&(objectClass=classSchema)(lDAPDisplayName="+ldap.EscapeFilter(name)+"))", []string{"schemaIDGUID"}, nil))
	if err != nil {
		return directory.GUID{}, err
	}
	if len(r.Entries) != 1 {
		return directory.GUID{}, malformed("the schema", fmt.Errorf("it has no class %q", name))
	}
	guid, err := directory.GUIDFromBytes(attribute(r.Entries[0], "schemaIDGUID"))
	if err != nil {
		return guid, malformed("the schema", err)
	}
	s.classes[name] = guid
	return guid, nil
}

// property is the right to read or write one attribute of an object of a class.
func (s *schema) property(bit uint32, attribute string, class directory.GUID) security.Right {
	s.mu.Lock()
	defer s.mu.Unlock()
	return security.Right{Bit: bit, Objects: append([]directory.GUID{class}, s.attributes[attribute]...)}
}

// extended is a control access right; a class doesn't stand for it.
func extended(guid string) security.Right {
	return security.Right{Bit: security.ControlAccess, Objects: []directory.GUID{mustGUID(guid)}}
}

// mustGUID reads one of the constants below; one that isn't a GUID covers nothing, which the tests would see.
func mustGUID(s string) directory.GUID {
	g, err := directory.ParseGUID(s)
	if err != nil {
		return directory.GUID{}
	}
	return g
}

func userClass() directory.GUID { return mustGUID(userClassGUID) }
