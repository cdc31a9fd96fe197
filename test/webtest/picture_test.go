package webtest_test

import (
	"image"
	"image/color"
	"image/draw"
	"path/filepath"
	"testing"

	"homeward/test/webtest"
)

// TestComparePictures: the test of the test. Sizes are those of small pictures, where a pixel stands for four by four.
func TestComparePictures(t *testing.T) {
	t.Parallel()
	paint := func(m draw.Image, c color.Gray, r image.Rectangle) {
		draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src)
	}
	drawn := func(more func(m draw.Image)) image.Image {
		m := image.NewRGBA(image.Rect(0, 0, 100, 200))
		paint(m, color.Gray{240}, m.Bounds())
		paint(m, color.Gray{255}, image.Rect(10, 20, 90, 80)) // a card, a shade lighter than the page
		paint(m, color.Gray{90}, image.Rect(20, 60, 60, 70))  // a button
		more(m)
		return m
	}
	page := drawn(func(draw.Image) {})
	for name, c := range map[string]struct {
		got  image.Image
		same bool
	}{
		"the same": {page, true},
		"a shade":  {drawn(func(m draw.Image) { paint(m, color.Gray{100}, image.Rect(20, 60, 60, 70)) }), true},
		"pushed by a pixel": {drawn(func(m draw.Image) {
			paint(m, color.Gray{255}, image.Rect(20, 60, 60, 61))
			paint(m, color.Gray{90}, image.Rect(20, 70, 60, 71))
		}), true},
		"a button is gone":    {drawn(func(m draw.Image) { paint(m, color.Gray{255}, image.Rect(20, 60, 60, 70)) }), false},
		"a button of another": {drawn(func(m draw.Image) { paint(m, color.Gray{140}, image.Rect(20, 60, 60, 70)) }), false},
		"an icon more":        {drawn(func(m draw.Image) { paint(m, color.Gray{90}, image.Rect(50, 100, 54, 104)) }), false},
		"moved": {drawn(func(m draw.Image) {
			paint(m, color.Gray{255}, image.Rect(20, 60, 60, 70))
			paint(m, color.Gray{90}, image.Rect(28, 60, 68, 70))
		}), false},
		"taller": {image.NewRGBA(image.Rect(0, 0, 100, 210)), false},
		"wider":  {image.NewRGBA(image.Rect(0, 0, 101, 200)), false},
	} {
		if got := webtest.ComparePictures(page, c.got); (got == "") != c.same {
			t.Errorf("%s: %q", name, got)
		}
	}
	file := filepath.Join(t.TempDir(), "pictures", "page.png")
	if err := webtest.WritePicture(file, page); err != nil {
		t.Fatal(err)
	}
	read, err := webtest.ReadPicture(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := webtest.ComparePictures(page, read); got != "" {
		t.Errorf("kept and read again: %s", got)
	}
}
