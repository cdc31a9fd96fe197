package activedirectory

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// control is a critical LDAP control with its value; empty: it takes none.
type control struct{ oid, value string }

// policyHintsValue is SEQUENCE { INTEGER 1 } ([MS-ADTS] 3.1.1.3.4.1.27). Any other value, or none, is
// accepted by controllers and switches the policy off without a word.
const policyHintsValue = "\x30\x03\x02\x01\x01"

// policyHints is the control that makes a reset obey history and minimum age.
func policyHints(oid string) control { return control{oid, policyHintsValue} }

// GetControlType returns the OID.
func (c control) GetControlType() string { return c.oid }

// String names the control.
func (c control) String() string { return "control " + c.oid }

// Encode writes criticality TRUE as 0xFF: the LDAP library's own NewBoolean writes 0x01, which Samba reads
// as FALSE and then ignores a control it does not know.
func (c control) Encode() *ber.Packet {
	b := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Control")
	b.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, c.oid, "OID"))
	b.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "criticality"))
	if c.value != "" { // a control that takes none has none, rather than an empty one
		b.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, c.value, "value"))
	}
	return b
}

// quotedUTF16 is the form unicodePwd takes: in double quotes, UTF-16, little-endian ([MS-ADTS]
// 3.1.1.3.1.5). Nothing is normalised. The result is the only copy; the caller wipes it.
func quotedUTF16(password []byte) []byte {
	out := make([]byte, 0, 2*len(password)+4)
	out = binary.LittleEndian.AppendUint16(out, '"')
	for b := password; len(b) > 0; {
		r, size := utf8.DecodeRune(b)
		b = b[size:]
		if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
			out = binary.LittleEndian.AppendUint16(out, uint16(hi)) //nolint:gosec // a surrogate half
			out = binary.LittleEndian.AppendUint16(out, uint16(lo)) //nolint:gosec // a surrogate half
			continue
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(r)) //nolint:gosec // in the basic plane
	}
	return binary.LittleEndian.AppendUint16(out, '"')
}

// GetControlType returns the OID.
func (showDeleted) GetControlType() string { return "1.2.840.113556.1.4.417" }

// String names the control.
func (showDeleted) String() string { return "control show-deleted" }

// Encode writes it as critical: without it the answer would be a wrong one.
func (s showDeleted) Encode() *ber.Packet {
	b := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Control")
	b.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s.GetControlType(), "OID"))
	b.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "criticality"))
	return b
}
