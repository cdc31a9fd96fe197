package activedirectory

import (
	"strings"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory/security"
)

// CN=Deleted Objects is seen with a control only, its contents may be listed by nobody but administrators, and even
// they have to become its owner before they can let anybody else ([MS-ADTS] 3.1.1.5.5.6, 6.1.1.4.2).

const deletedPrefix = "CN=Deleted Objects,"

func deletedContainer(base string) string { return deletedPrefix + base }

func isDeletedContainer(dn string) bool {
	return len(dn) > len(deletedPrefix) && strings.EqualFold(dn[:len(deletedPrefix)], deletedPrefix)
}

// seeing are the controls without which an object isn't found.
func seeing(dn string) []ldap.Control {
	if isDeletedContainer(dn) {
		return []ldap.Control{showDeleted{}}
	}
	return nil
}

// showDeleted is LDAP_SERVER_SHOW_DELETED_OID ([MS-ADTS] 3.1.1.3.4.1.14). It has no value.
type showDeleted struct{}

// seesDeleted reports whether the container itself is found: with Read and List Contents it is.
func (c *conn) seesDeleted(dn string) (bool, error) {
	e, err := c.oneWith(seeing(dn), dn, []string{"objectClass"})
	if lost(err) {
		return false, err
	}
	return err == nil && attribute(e, "objectClass") != nil, nil
}

// onlyOwner asks for, or writes, the owner with the SD-flags control.
const onlyOwner = "\x30\x03\x02\x01\x01"

// takeOver makes the administrators of the domain the container's owner, as dsacls /takeOwnership does, so that its
// list can be read and changed. The list itself stays as it is.
func (c *conn) takeOver(dn string) (*listed, error) {
	raw, err := security.Owned("S-1-5-32-544")
	if err != nil {
		return nil, err
	}
	m := ldap.NewModifyRequest(dn, append(seeing(dn), control{oidSDFlags, onlyOwner}))
	m.Replace("nTSecurityDescriptor", []string{string(raw)})
	if err := c.ldap.Modify(m); err != nil && lost(err) {
		return nil, err
	}
	return c.place(dn) // refused: it is still unreadable, which the caller tells
}
