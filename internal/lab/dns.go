package lab

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"net"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Layout of a dnsRecord value, [MS-DNSP] 2.3.2.2: type at 2, data at 24. A host name in the data is a
// DNS_COUNT_NAME, 2.2.2.2.2: its labels carry their length in front, so names of one length can be exchanged.
const (
	recordType = 2
	recordData = 24
	typeA      = 1
	typeSRV    = 33
)

// zones are the DNS zones of the domain, which are objects in its directory.
type zones struct {
	conn *ldap.Conn
	base string
}

// member is one DC in DNS.
type member struct {
	host string
	ip   string
}

func (m member) label() []byte { return append([]byte{byte(len(m.host))}, m.host...) }

// each gives every node's records to change and writes back what it returns; nil leaves them alone.
func (z zones) each(change func(name string, records [][]byte) [][]byte) error {
	for _, part := range []string{"DC=DomainDnsZones," + z.base, "DC=ForestDnsZones," + z.base} {
		found, err := z.conn.Search(ldap.NewSearchRequest("CN=MicrosoftDNS,"+part, ldap.ScopeWholeSubtree,
			ldap.NeverDerefAliases, 0, 0, false, "(objectClass=dnsNode)", []string{"dnsRecord", "name"}, nil))
		if err != nil {
			return err
		}
		for _, node := range found.Entries {
			changed := change(node.GetAttributeValue("name"), node.GetRawAttributeValues("dnsRecord"))
			if changed == nil {
				continue
			}
			var values []string
			for _, r := range changed {
				values = append(values, string(r))
			}
			if err := replace(z.conn, node.DN, "dnsRecord", values...); err != nil {
				return err
			}
		}
	}
	return nil
}

// move gives every A record of an old address the new one. A copied template still names the addresses it was
// made with.
func (z zones) move(addresses map[string]string) error {
	return z.each(func(_ string, records [][]byte) [][]byte {
		changed := false
		for i, r := range records {
			to := addresses[addressIn(r)]
			if to != "" && to != addressIn(r) {
				records[i], changed = withData(r, net.ParseIP(to).To4()), true
			}
		}
		if !changed {
			return nil
		}
		return records
	})
}

// announce lists a new DC wherever the first one is listed, except as PDC emulator. A read-only DC stands at its
// site only ([MS-ADTS] 6.3.2.3).
func (z zones) announce(first, added member, readOnly bool) error {
	return z.each(func(name string, records [][]byte) [][]byte {
		if name == first.host || strings.Contains(name, ".pdc") || readOnly && !strings.Contains(name, "_sites") {
			return nil
		}
		var more [][]byte
		for _, r := range records {
			switch {
			case addressIn(r) == first.ip:
				more = append(more, withData(r, net.ParseIP(added.ip).To4()))
			case typeOf(r) == typeSRV && bytes.Contains(r[recordData:], first.label()):
				more = append(more, bytes.Replace(r, first.label(), added.label(), 1))
			}
		}
		if more == nil {
			return nil
		}
		return slices.Concat(records, more)
	})
}

func typeOf(r []byte) uint16 {
	if len(r) < recordData {
		return 0
	}
	return binary.LittleEndian.Uint16(r[recordType:])
}

// addressIn is the address of an A record, empty for others.
func addressIn(r []byte) string {
	if typeOf(r) != typeA || len(r) != recordData+net.IPv4len {
		return ""
	}
	return net.IP(r[recordData:]).String()
}

func withData(r []byte, data []byte) []byte { return slices.Concat(r[:recordData], data) }

func base64String(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
