package lab

import (
	"encoding/base64"
	"encoding/binary"
	"net"

	"github.com/go-ldap/ldap/v3"
)

// Layout of a dnsRecord value, [MS-DNSP] 2.3.2.2: type at 2, data at 24.
const (
	recordType = 2
	recordData = 24
	typeA      = 1
)

// correctDNS gives every A record of the domain the DC's address. The domain has one machine, so all of
// them mean it; a copied template still names the address it was provisioned with.
func correctDNS(conn *ldap.Conn, ip net.IP) error {
	for _, zones := range []string{"DC=DomainDnsZones," + baseDN, "DC=ForestDnsZones," + baseDN} {
		found, err := conn.Search(ldap.NewSearchRequest("CN=MicrosoftDNS,"+zones, ldap.ScopeWholeSubtree,
			ldap.NeverDerefAliases, 0, 0, false, "(objectClass=dnsNode)", []string{"dnsRecord"}, nil))
		if err != nil {
			return err
		}
		for _, node := range found.Entries {
			records, changed := withAddress(node.GetRawAttributeValues("dnsRecord"), ip)
			if !changed {
				continue
			}
			if err := replace(conn, node.DN, "dnsRecord", records...); err != nil {
				return err
			}
		}
	}
	return nil
}

func withAddress(records [][]byte, ip net.IP) (out []string, changed bool) {
	for _, r := range records {
		isA := len(r) == recordData+net.IPv4len && binary.LittleEndian.Uint16(r[recordType:]) == typeA
		// Root hints live in another zone with 13 foreign addresses; only loopback ones are ours.
		if isA && net.IP(r[recordData:]).IsLoopback() && !net.IP(r[recordData:]).Equal(ip) {
			r = append(append([]byte(nil), r[:recordData]...), ip...)
			changed = true
		}
		out = append(out, string(r))
	}
	return out, changed
}

func base64String(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
