// Package brand works out what an organisation's accent colour and logo become on the pages for people: shades that can be
// read in the light and the dark theme, as a style sheet, and a picture that holds nothing but its dots.
//
// It guarantees that no colour gets through whose text somebody with weak eyes couldn't read (WCAG 2.2, 1.4.3), and that
// no byte of an uploaded file reaches a browser: a logo is decoded, drawn again and encoded anew.
package brand

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
)

// Colour is one in sRGB.
type Colour struct{ R, G, B uint8 }

// Least is the contrast that text needs against what it stands on.
const Least = 4.5

// Surfaces of design.md, section 3, that text in the accent colour stands on: page, card and inset.
func white() Colour     { return Colour{0xff, 0xff, 0xff} }
func page() Colour      { return Colour{0xf3, 0xf6, 0xf8} }
func darkCard() Colour  { return Colour{0x14, 0x1d, 0x24} }
func darkInset() Colour { return Colour{0x19, 0x24, 0x2c} }
func black() Colour     { return Colour{} }

// Parse reads #rrggbb, with or without the sign.
func Parse(text string) (Colour, error) {
	digits := strings.TrimPrefix(strings.TrimSpace(text), "#")
	raw, err := hex.DecodeString(digits)
	if err != nil || len(raw) != 3 {
		return Colour{}, fmt.Errorf("%.20q is no colour: use six hexadecimal digits, such as #0b5f7d", text)
	}
	return Colour{raw[0], raw[1], raw[2]}, nil
}

// String is #rrggbb.
func (c Colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// luminance is WCAG 2.2's relative luminance.
func (c Colour) luminance() float64 {
	channel := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(c.R) + 0.7152*channel(c.G) + 0.0722*channel(c.B)
}

// Contrast is WCAG 2.2's ratio of two colours, 1 to 21.
func Contrast(a, b Colour) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// mix is a share of b in a.
func mix(a, b Colour, share float64) Colour {
	one := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + (float64(y)-float64(x))*share)) }
	return Colour{one(a.R, b.R), one(a.G, b.G), one(a.B, b.B)}
}

// Readable is the accent's contrast where it is least: on the page or on a card. Under Least it can't be used.
func (c Colour) Readable() float64 { return min(Contrast(c, white()), Contrast(c, page())) }

// Nearest is the lightest shade of the colour that can be used.
func (c Colour) Nearest() Colour {
	return until(func(share float64) Colour { return mix(c, black(), share) }, Colour.Readable, Least)
}

// until tries shares from 0 to 1 until a colour is as readable as asked.
func until(shade func(share float64) Colour, readable func(Colour) float64, least float64) Colour {
	const steps = 100
	for i := range steps {
		if s := shade(float64(i) / steps); readable(s) >= least {
			return s
		}
	}
	return shade(1)
}

// Shades are what the style sheets call accent, accent-hover, on-accent and accent-soft.
type Shades struct{ Accent, Hover, On, Soft Colour }

// Light are those of the light theme, for a colour that is readable.
func (c Colour) Light() Shades {
	soft := until(func(share float64) Colour { return mix(mix(white(), c, 0.12), white(), share) }, func(s Colour) float64 { return Contrast(c, s) }, Least)
	return Shades{Accent: c, Hover: mix(c, black(), 0.25), On: white(), Soft: soft}
}

// Dark are those of the dark theme, worked out from the light one.
func (c Colour) Dark() Shades {
	const least = 7 // like the product's own: thin light strokes on dark swim
	accent := until(func(share float64) Colour { return mix(c, white(), share) }, func(s Colour) float64 { return min(Contrast(s, darkCard()), Contrast(s, darkInset())) }, least)
	on := until(func(share float64) Colour { return mix(mix(c, black(), 0.7), black(), share) }, func(s Colour) float64 { return Contrast(accent, s) }, least)
	soft := until(func(share float64) Colour { return mix(mix(darkCard(), accent, 0.18), darkCard(), share) }, func(s Colour) float64 { return Contrast(accent, s) }, Least)
	return Shades{Accent: accent, Hover: mix(accent, white(), 0.35), On: on, Soft: soft}
}

func (s Shades) variables() string {
	return "--accent:" + s.Accent.String() + ";--accent-hover:" + s.Hover.String() + ";--on-accent:" + s.On.String() + ";--accent-soft:" + s.Soft.String()
}

// Sheet is the style sheet that comes after a page's own.
func (c Colour) Sheet() []byte {
	light, dark := c.Light().variables(), c.Dark().variables()
	return []byte(":root{" + light + "}\n@media (prefers-color-scheme:dark){:root:not([data-theme=\"light\"]){" + dark + "}}\n" +
		":root[data-theme=\"dark\"]{" + dark + "}\n")
}

// Preview is the style sheet of two parts of a page that show both themes whatever the page's own is.
func (c Colour) Preview() []byte {
	return []byte(".preview.light{" + c.Light().variables() + "}\n.preview.dark{" + c.Dark().variables() + "}\n")
}
