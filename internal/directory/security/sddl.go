package security

import (
	"fmt"
	"strings"
)

// letters are the SDDL abbreviations of mask bits and of flags ([MS-DTYP] 2.5.1.1), in the order they are written.
func letters(v uint32, table []letter) (text string, rest uint32) {
	var textSb10 strings.Builder
	for _, l := range table {
		if v&l.bit != 0 {
			textSb10.WriteString(l.text)
			v &^= l.bit
		}
	}
	text += textSb10.String()
	return text, v
}

type letter struct {
	bit  uint32
	text string
}

func maskLetters() []letter {
	return []letter{
		{genericAll, "GA"},
		{genericRead, "GR"},
		{genericWrite, "GW"},
		{genericExecute, "GX"},
		{0x1, "CC"},
		{0x2, "DC"},
		{ListContents, "LC"},
		{selfWrite, "SW"},
		{ReadProperty, "RP"},
		{WriteProperty, "WP"},
		{0x40, "DT"},
		{ListObject, "LO"},
		{ControlAccess, "CR"},
		{0x10000, "SD"},
		{ReadControl, "RC"},
		{WriteDACL, "WD"},
		{WriteOwner, "WO"},
	}
}

func flagLetters() []letter {
	return []letter{{ObjectInherit, "OI"}, {ContainerInherit, "CI"}, {NoPropagate, "NP"}, {InheritOnly, "IO"}, {Inherited, "ID"}}
}

// SDDL writes the entry in the security descriptor definition language, SIDs in full; a condition as "(…)".
func (a ACE) SDDL() string {
	kind, ok := map[Kind]string{
		Allow: "A", Deny: "D", AllowObject: "OA", DenyObject: "OD", AllowConditional: "XA", DenyConditional: "XD",
		AllowConditionalObject: "ZA", DenyConditionalObject: "ZD",
	}[a.Kind]
	if !ok {
		return fmt.Sprintf("(entry of kind %#x)", byte(a.Kind))
	}
	flags, _ := letters(uint32(a.Flags), flagLetters())
	mask, rest := letters(a.Mask, maskLetters())
	if rest != 0 || mask == "" {
		mask = fmt.Sprintf("%#x", a.Mask)
	}
	parts := []string{kind, flags, mask, "", "", a.SID}
	if a.HasObject {
		parts[3] = a.Object.String()
	}
	if a.HasClass {
		parts[4] = a.Class.String()
	}
	if a.Conditional() {
		parts = append(parts, "(…)")
	}
	return "(" + strings.Join(parts, ";") + ")"
}
