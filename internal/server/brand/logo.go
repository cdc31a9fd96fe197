package brand

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // the two kinds of picture that are taken
	"image/png"
)

// How large an uploaded logo may be, and what it is drawn down to: three times its size on a page, for sharp screens.
const (
	MaxUpload = 256 << 10
	maxSide   = 3000
	maxDots   = 4 << 20
	height    = 90
	width     = 480
	maxStored = 64 << 10
)

// Errors of NewLogo.
var (
	ErrPicture = errors.New("only PNG and JPEG pictures are taken")
	ErrLarge   = errors.New("the picture is too large")
)

// NewLogo reads an uploaded picture and returns it as a PNG of the size that pages need. Nothing of the file but its dots
// is kept. It returns ErrPicture and ErrLarge.
func NewLogo(upload []byte) ([]byte, error) {
	if len(upload) > MaxUpload {
		return nil, fmt.Errorf("%d KB: %w", len(upload)>>10, ErrLarge)
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(upload))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	if size.Width < 1 || size.Height < 1 || size.Width > maxSide || size.Height > maxSide || size.Width*size.Height > maxDots {
		return nil, fmt.Errorf("%d × %d dots: %w", size.Width, size.Height, ErrLarge)
	}
	picture, _, err := image.Decode(bytes.NewReader(upload))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, shrink(picture)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	if out.Len() > maxStored {
		return nil, fmt.Errorf("%d KB when drawn for a page: %w", out.Len()>>10, ErrLarge)
	}
	return out.Bytes(), nil
}

// shrink draws a picture so that it fits, each dot the mean of those it stands for. A smaller one is only copied.
func shrink(from image.Image) image.Image {
	b := from.Bounds()
	scale := max(float64(b.Dy())/height, float64(b.Dx())/width, 1)
	w, h := max(int(float64(b.Dx())/scale), 1), max(int(float64(b.Dy())/scale), 1)
	to := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		top, bottom := span(y, h, b.Dy())
		for x := range w {
			left, right := span(x, w, b.Dx())
			to.Set(x, y, mean(from, image.Rect(b.Min.X+left, b.Min.Y+top, b.Min.X+right, b.Min.Y+bottom)))
		}
	}
	return to
}

// span is which of many dots one of fewer stands for.
func span(i, of, many int) (from, to int) {
	from = i * many / of
	return from, max((i+1)*many/of, from+1)
}

func mean(p image.Image, area image.Rectangle) color.RGBA64 {
	var r, g, b, a, n uint64
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			cr, cg, cb, ca := p.At(x, y).RGBA() // premultiplied, so that what is clear has no colour
			r, g, b, a, n = r+uint64(cr), g+uint64(cg), b+uint64(cb), a+uint64(ca), n+1
		}
	}
	return color.RGBA64{R: uint16(r / n), G: uint16(g / n), B: uint16(b / n), A: uint16(a / n)} //nolint:gosec // means of 16 bits
}
