package brand_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"homeward/internal/server/brand"
)

func TestContrastIsWCAGs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.48}, {"#0b5f7d", "#ffffff", 7.1}, {"#ff0000", "#ffffff", 4.0}} {
		a, err := brand.Parse(c.a)
		b, err2 := brand.Parse(c.b)
		if got := brand.Contrast(a, b); err != nil || err2 != nil || math.Abs(got-c.want) > 0.05 {
			t.Errorf("%s on %s: %.2f, want %.2f; %v %v", c.a, c.b, got, c.want, err, err2)
		}
	}
}

// TestEveryReadableColourStaysReadable: whatever colour is chosen, its text and what stands on it can be read in both themes.
func TestEveryReadableColourStaysReadable(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	cards := map[string][]string{"light": {"#ffffff", "#f3f6f8"}, "dark": {"#141d24", "#19242c", "#0c1318"}}
	for range 5000 {
		c := brand.Colour{R: uint8(random.UintN(256)), G: uint8(random.UintN(256)), B: uint8(random.UintN(256))}
		if near := c.Nearest(); near.Readable() < brand.Least {
			t.Fatalf("%s: the nearest shade %s has %.2f", c, near, near.Readable())
		}
		if c.Readable() < brand.Least {
			continue
		}
		for theme, s := range map[string]brand.Shades{"light": c.Light(), "dark": c.Dark()} {
			on := []float64{brand.Contrast(s.Accent, s.On), brand.Contrast(s.Hover, s.On), brand.Contrast(s.Accent, s.Soft)}
			for _, card := range cards[theme] {
				surface, _ := brand.Parse(card)
				on = append(on, brand.Contrast(s.Accent, surface), brand.Contrast(s.Hover, surface))
			}
			for i, ratio := range on {
				if ratio < brand.Least {
					t.Fatalf("%s, %s theme: pair %d has %.2f: %+v", c, theme, i, ratio, s)
				}
			}
		}
	}
}

func TestSheetHoldsColoursOnly(t *testing.T) {
	t.Parallel()
	c, err := brand.Parse(" 0B5F7D ")
	if err != nil || c.String() != "#0b5f7d" {
		t.Fatal(c, err)
	}
	sheet := string(c.Sheet())
	if !strings.HasPrefix(sheet, ":root{--accent:#0b5f7d;") || strings.Count(sheet, "--accent:") != 3 || strings.Contains(string(c.Preview()), ":root") {
		t.Errorf("sheet is %s", sheet)
	}
}

func picture(w, h int) image.Image {
	p := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			if (x-w/2)*(x-w/2)+(y-h/2)*(y-h/2) < w*h/5 {
				p.SetNRGBA(x, y, color.NRGBA{R: 200, G: 30, B: 60, A: 255})
			}
		}
	}
	return p
}

func asPNG(t *testing.T, p image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLogoIsDrawnAnew(t *testing.T) {
	t.Parallel()
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, picture(300, 600), nil); err != nil {
		t.Fatal(err)
	}
	secret := []byte("tEXtComment\x00<script>alert(1)</script>")
	for name, c := range map[string]struct {
		upload        []byte
		width, height int
	}{
		"small stays":      {asPNG(t, picture(40, 40)), 40, 40},
		"wide":             {asPNG(t, picture(1200, 200)), 480, 80},
		"tall":             {photo.Bytes(), 45, 90},
		"something behind": {append(asPNG(t, picture(40, 40)), secret...), 40, 40},
	} {
		got, err := brand.NewLogo(c.upload)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		size, kind, err := image.DecodeConfig(bytes.NewReader(got))
		if err != nil || kind != "png" || size.Width != c.width || size.Height != c.height || bytes.Contains(got, secret) {
			t.Errorf("%s: %s of %d × %d, %v", name, kind, size.Width, size.Height, err)
		}
	}
	small, err := brand.NewLogo(asPNG(t, picture(40, 40)))
	if err != nil {
		t.Fatal(err)
	}
	shown, err := png.Decode(bytes.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	if r, _, _, a := shown.At(20, 20).RGBA(); r>>8 != 200 || a>>8 != 255 {
		t.Errorf("the middle has red %d, alpha %d", r>>8, a>>8)
	}
	if _, _, _, a := shown.At(0, 0).RGBA(); a != 0 {
		t.Errorf("the corner isn't clear: alpha %d", a)
	}
}

func TestLogoRefuses(t *testing.T) {
	t.Parallel()
	bomb := asPNG(t, image.NewGray(image.Rect(0, 0, 2900, 2900))) // 8 million dots in a few KB
	noise := image.NewNRGBA(image.Rect(0, 0, 480, 90))
	random := rand.New(rand.NewPCG(3, 4))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(random.UintN(256))
	}
	for name, c := range map[string]struct {
		upload []byte
		want   error
	}{
		"nothing": {nil, brand.ErrPicture}, "SVG": {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), brand.ErrPicture},
		"GIF": {[]byte("GIF89a\x01\x00\x01\x00"), brand.ErrPicture}, "cut off": {asPNG(t, picture(90, 90))[:60], brand.ErrPicture},
		"bomb": {bomb, brand.ErrLarge}, "long": {make([]byte, brand.MaxUpload+1), brand.ErrLarge}, "noise": {asPNG(t, noise), brand.ErrLarge},
	} {
		if got, err := brand.NewLogo(c.upload); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %d bytes, %v; want %v", name, len(got), err, c.want)
		}
	}
}

func FuzzNewLogo(f *testing.F) {
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Add([]byte("\xff\xd8\xff\xe0"))
	f.Fuzz(func(t *testing.T, upload []byte) {
		got, err := brand.NewLogo(upload)
		if (err == nil) == (len(got) == 0) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("#0b5f7d")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := brand.Parse(text)
		if again, err2 := brand.Parse(c.String()); err == nil && (err2 != nil || again != c) {
			t.Errorf("%q is %s, which is %s", text, c, again)
		}
	})
}
