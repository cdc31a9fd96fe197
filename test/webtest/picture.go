package webtest

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
)

// A picture is compared a quarter as large each way, without its letters and whatever moves. What letters look like depends on
// the versions of the browser, the fonts and what draws them, and which stand where is compared by words and boxes; everything
// else (surfaces, borders, icons, drawings, shadows, the code for a camera) is drawn alike everywhere, but for a pixel or two
// by which the lines of text before it push it, and for the shades of its edges, which vanish in the smaller picture.
const (
	shrink = 4
	// shade is how far a pixel may be from each of those near it in the accepted picture, of 255 steps of each colour; few
	// is how many may be farther.
	shade, few = 24, 6
)

// bare takes the letters away, and what moves.
const bare = `(() => {
	const sheet = new CSSStyleSheet();
	sheet.replaceSync("*, *::before, *::after, *::placeholder { color: transparent !important; caret-color: transparent !important; " +
		"text-decoration-color: transparent !important; -webkit-text-fill-color: transparent !important; text-shadow: none !important; " +
		"animation: none !important; transition: none !important } svg text { fill: transparent !important }");
	document.adoptedStyleSheets.push(sheet);
	window.dressed = () => { document.adoptedStyleSheets = document.adoptedStyleSheets.filter((s) => s !== sheet) };
})()`

// Bare is the whole page as a small picture without letters. The screen is as tall as the page afterwards.
func (b *Browser) Bare(t *testing.T, width int64) *image.RGBA {
	t.Helper()
	b.Do(t, bare)
	defer b.Do(t, "window.dressed()")
	// As tall as the page: what is drawn beyond a screen stands elsewhere where the writing runs from right to left.
	height := Value[int64](t, b, "document.documentElement.scrollHeight")
	Call(t, b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1})
	fast := true
	shot := Call(t, b, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: "png", OptimizeForSpeed: &fast})
	drawn, err := png.Decode(bytes.NewReader(shot.Data))
	if err != nil {
		t.Fatal(err)
	}
	return smaller(drawn)
}

// plain is a picture whose pixels can be read quickly.
func plain(m image.Image) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: m.Bounds().Size()})
	draw.Draw(out, out.Rect, m, m.Bounds().Min, draw.Src)
	return out
}

// smaller is a picture of the averages of its squares.
func smaller(m image.Image) *image.RGBA {
	large := plain(m)
	out := image.NewRGBA(image.Rectangle{Max: large.Bounds().Size().Div(shrink)})
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			var sum [4]int
			for dy := range shrink {
				at := large.Pix[(y*shrink+dy)*large.Stride+x*shrink*4:][:shrink*4]
				for i, v := range at {
					sum[i%4] += int(v)
				}
			}
			for c, v := range sum {
				out.Pix[y*out.Stride+x*4+c] = uint8(v / (shrink * shrink))
			}
		}
	}
	return out
}

// ReadPicture reads an accepted picture; WritePicture accepts one.
func ReadPicture(file string) (image.Image, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return png.Decode(f)
}

// WritePicture accepts a picture.
func WritePicture(file string, m image.Image) error {
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, m); err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, out.Bytes(), 0o644))
}

// ComparePictures says what differs, in pixels of the page; nothing: it looks the same.
func ComparePictures(accepted, now image.Image) string {
	a, n := plain(accepted), plain(now)
	want, got := a.Rect.Size(), n.Rect.Size()
	if d := want.Y - got.Y; want.X != got.X || max(d, -d) > slack(want.Y) {
		return fmt.Sprintf("it is %d × %d px large, not %d × %d", got.X*shrink, got.Y*shrink, want.X*shrink, want.Y*shrink)
	}
	lost, new := differing(a, n), differing(n, a)
	switch {
	case lost.n > few:
		return fmt.Sprintf("within %v (px), %d squares of %d px look otherwise than accepted", lost.area(), lost.n, shrink)
	case new.n > few:
		return fmt.Sprintf("within %v (px), %d squares of %d px weren't there when it was accepted", new.area(), new.n, shrink)
	}
	return ""
}

// slack is by how many pixels of the small picture something may be elsewhere, so far down.
func slack(y int) int { return 1 + y/100 }

type difference struct {
	n   int
	box image.Rectangle
}

func (d difference) area() image.Rectangle {
	return image.Rectangle{d.box.Min.Mul(shrink), d.box.Max.Mul(shrink)}
}

// differing finds the pixels of a that have no like in b nearby.
func differing(a, b *image.RGBA) (d difference) {
	for y := range a.Rect.Dy() {
		for x := range a.Rect.Dx() {
			if p := image.Pt(x, y); !alike(a, p, b, p) && !nearby(a, p, b) {
				d.n++
				d.box = d.box.Union(image.Rectangle{p, p.Add(image.Pt(1, 1))})
			}
		}
	}
	return d
}

func nearby(a *image.RGBA, p image.Point, b *image.RGBA) bool {
	down := slack(p.Y)
	for dy := -down; dy <= down; dy++ {
		for dx := -1; dx <= 1; dx++ {
			if alike(a, p, b, p.Add(image.Pt(dx, dy))) {
				return true
			}
		}
	}
	return false
}

// alike compares two pixels; outside of a picture there is none.
func alike(a *image.RGBA, p image.Point, b *image.RGBA, q image.Point) bool {
	if !q.In(b.Rect) {
		return false
	}
	v, w := a.Pix[a.PixOffset(p.X, p.Y):], b.Pix[b.PixOffset(q.X, q.Y):]
	for c := range 3 {
		if max(v[c], w[c])-min(v[c], w[c]) > shade {
			return false
		}
	}
	return true
}
