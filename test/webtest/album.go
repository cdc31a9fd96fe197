package webtest

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Album is a folder of accepted pictures of pages: one folder for each language and screen, one file for each page.
type Album struct {
	Dir    string
	Accept bool // what is there now
}

// Screen is what a page is drawn on.
type Screen struct {
	Name          string
	Width, Height int64
	Scheme        string
}

// settleWithin is how long a page may take to look as it was accepted: a picture in it may come late on a busy machine.
const settleWithin = 20 * time.Second

func (a *Album) folder(lang string, s Screen) string { return filepath.Join(a.Dir, lang+"-"+s.Name) }

// Compare draws the page that is shown, and compares or accepts it.
func (a *Album) Compare(t *testing.T, b *Browser, lang, page string, s Screen) {
	t.Helper()
	file := filepath.Join(a.folder(lang, s), page+".png")
	before, err := ReadPicture(file)
	if err != nil && !a.Accept {
		t.Error(err)
		return
	}
	b.Screen(t, s.Width, s.Height, 1, s.Scheme)
	drawn := b.Bare(t, s.Width)
	same := func() string { return ComparePictures(before, drawn) }
	if a.Accept {
		before = image.NewRGBA(image.Rectangle{})
		same = func() (moves string) {
			moves, before = ComparePictures(before, drawn), drawn
			return moves
		}
	}
	differs := same()
	for end := time.Now().Add(settleWithin); differs != "" && time.Now().Before(end); differs = same() {
		drawn = b.Bare(t, s.Width)
	}
	if a.Accept && differs == "" {
		err = WritePicture(file, drawn)
	} else if differs != "" {
		err = fmt.Errorf("on a %s, %s: %s", s.Name, page, differs)
	}
	if err != nil {
		t.Error(err)
	}
}

// Finish says which accepted pictures are of pages that aren't there any more, or removes them.
func (a *Album) Finish(t *testing.T, lang string, s Screen, pages []string) {
	t.Helper()
	kept, err := filepath.Glob(filepath.Join(a.folder(lang, s), "*.png"))
	for _, file := range kept {
		switch {
		case slices.Contains(pages, strings.TrimSuffix(filepath.Base(file), ".png")):
		case a.Accept:
			err = errors.Join(err, os.Remove(file))
		default:
			err = errors.Join(err, fmt.Errorf("%s: the page is gone", file))
		}
	}
	if err != nil {
		t.Error(err)
	}
}
