// Package directory is the vocabulary of Active Directory that both sides share: identifiers, account
// flags, password policy and the rules a password can be tested against before it is sent. It does no I/O.
package directory

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrSyntax reports text or bytes that do not hold the identifier asked for.
var ErrSyntax = errors.New("syntax")

// GUID is an objectGUID in the byte order Active Directory stores: the first three groups of the dashed
// form little-endian ([MS-DTYP] 2.3.4.2).
type GUID [16]byte

// GUIDFromBytes takes the 16 bytes of an objectGUID attribute.
func GUIDFromBytes(b []byte) (GUID, error) {
	if len(b) != 16 {
		return GUID{}, fmt.Errorf("GUID of %d bytes, not 16: %w", len(b), ErrSyntax)
	}
	return GUID(b), nil
}

// ParseGUID reads the dashed form, such as 00299570-246d-11d0-a768-00aa006e0529, with or without braces.
func ParseGUID(s string) (GUID, error) {
	t := s
	if strings.HasPrefix(t, "{") && strings.HasSuffix(t, "}") {
		t = t[1 : len(t)-1]
	}
	if len(t) != 36 || t[8] != '-' || t[13] != '-' || t[18] != '-' || t[23] != '-' {
		return GUID{}, fmt.Errorf("GUID is not 8-4-4-4-12 hex digits: %w", ErrSyntax)
	}
	b, err := hex.DecodeString(t[:8] + t[9:13] + t[14:18] + t[19:23] + t[24:])
	if err != nil || len(b) != 16 {
		return GUID{}, fmt.Errorf("GUID is not 8-4-4-4-12 hex digits: %w", ErrSyntax)
	}
	g := GUID(b)
	swap(&g)
	return g, nil
}

// ParseGUIDHex reads the 32 hex digits of Hex.
func ParseGUIDHex(s string) (GUID, error) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return GUID{}, fmt.Errorf("GUID is not 32 hex digits: %w", ErrSyntax)
	}
	return GUIDFromBytes(b)
}

// String returns the dashed form in lower case.
func (g GUID) String() string {
	swap(&g)
	h := hex.EncodeToString(g[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Hex returns the stored bytes as 32 hex digits. It is the anchor's text form in messages and rows.
func (g GUID) Hex() string { return hex.EncodeToString(g[:]) }

// DN returns the form <GUID=…> that a DC accepts wherever it takes a DN; it survives renames and moves.
func (g GUID) DN() string { return "<GUID=" + g.String() + ">" }

func swap(g *GUID) {
	binary.BigEndian.PutUint32(g[0:], binary.LittleEndian.Uint32(g[0:]))
	binary.BigEndian.PutUint16(g[4:], binary.LittleEndian.Uint16(g[4:]))
	binary.BigEndian.PutUint16(g[6:], binary.LittleEndian.Uint16(g[6:]))
}

// SID is a security identifier ([MS-DTYP] 2.4.2).
type SID struct {
	Authority uint64
	Sub       []uint32
}

const maxSubAuthorities = 15

// SIDFromBytes reads the binary form of an objectSid attribute.
func SIDFromBytes(b []byte) (SID, error) {
	if len(b) < 8 || b[0] != 1 || int(b[1]) > maxSubAuthorities || len(b) != 8+4*int(b[1]) {
		return SID{}, fmt.Errorf("SID of %d bytes: %w", len(b), ErrSyntax)
	}
	s := SID{Authority: uint64(b[2])<<40 | uint64(b[3])<<32 | uint64(binary.BigEndian.Uint32(b[4:]))}
	for rest := b[8:]; len(rest) > 0; rest = rest[4:] {
		s.Sub = append(s.Sub, binary.LittleEndian.Uint32(rest))
	}
	return s, nil
}

// ParseSID reads S-1-5-….
func ParseSID(text string) (SID, error) {
	parts := strings.Split(text, "-")
	if len(parts) < 3 || len(parts) > 3+maxSubAuthorities || parts[0] != "S" || parts[1] != "1" {
		return SID{}, fmt.Errorf("SID is not S-1-authority-…: %w", ErrSyntax)
	}
	authority, err := strconv.ParseUint(parts[2], 10, 48)
	if err != nil {
		return SID{}, fmt.Errorf("SID authority: %w", ErrSyntax)
	}
	s := SID{Authority: authority}
	for _, p := range parts[3:] {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return SID{}, fmt.Errorf("SID sub-authority: %w", ErrSyntax)
		}
		s.Sub = append(s.Sub, uint32(n))
	}
	return s, nil
}

// String returns S-1-….
func (s SID) String() string {
	var b strings.Builder
	b.WriteString("S-1-")
	b.WriteString(strconv.FormatUint(s.Authority, 10))
	for _, n := range s.Sub {
		b.WriteByte('-')
		b.WriteString(strconv.FormatUint(uint64(n), 10))
	}
	return b.String()
}
