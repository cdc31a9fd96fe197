package connect

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// Screen is a terminal of at least 80x24.
type Screen struct {
	In  *os.File
	Out *os.File
}

// Fits reports whether screens can be drawn there.
func (c Screen) Fits() bool {
	if c.In == nil || c.Out == nil || !term.IsTerminal(int(c.In.Fd())) || !term.IsTerminal(int(c.Out.Fd())) || os.Getenv("TERM") == "dumb" {
		return false
	}
	w, h, err := term.GetSize(int(c.Out.Fd()))
	return err == nil && w >= width && h >= height
}

// escapePause is how long after an escape the rest of a sequence may take.
const escapePause = 50 * time.Millisecond

// RunScreens runs the wizard on a terminal.
func RunScreens(ctx context.Context, o Options, world World, c Screen) (err error) {
	s, _, err := begin(o)
	if err != nil {
		return err
	}
	w := newWizard(s)
	defer w.s.wipe()
	before, err := term.MakeRaw(int(c.In.Fd()))
	if err != nil {
		return err
	}
	restore := prepare(c.Out)
	_, _ = io.WriteString(c.Out, "\x1b[?1049h\x1b[?25l")
	defer func() {
		_, _ = io.WriteString(c.Out, "\x1b[?25h\x1b[?1049l")
		restore()
		err = errors.Join(err, term.Restore(int(c.In.Fd()), before))
		if err == nil {
			err = w.ending(c.Out)
		}
	}()
	return w.loop(ctx, world, c)
}

// ending says in the terminal's own scroll-back how it ended.
func (w *wizard) ending(out io.Writer) error {
	switch {
	case w.quit && len(w.s.facts.results) == 0:
		return ErrStopped
	case w.s.facts.failed || w.quit || w.s.facts.report.Problems > 0:
		for _, f := range w.s.facts.results {
			_, _ = io.WriteString(out, strings.Join(findingLines(f), "\n")+"\n")
		}
		return ErrUnfinished
	}
	return nil
}

// loop draws, waits for a key or for work to get on, and so on until it is over.
func (w *wizard) loop(ctx context.Context, world World, c Screen) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	input, events := make(chan []byte), make(chan func() work)
	go read(ctx, c.In, input)
	start := func(do work) {
		if do == nil {
			return
		}
		snapshot := w.s
		go func() {
			o := do(ctx, world, snapshot, func(p progress) { send(ctx, events, func() work { w.tell(p); return nil }) })
			send(ctx, events, func() work { return w.done(o) })
		}()
	}
	start(w.look())
	var rest []byte
	for {
		w.draw(c.Out)
		var pause <-chan time.Time
		if len(rest) > 0 {
			pause = time.After(escapePause)
		}
		var keys []key
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event := <-events:
			start(event())
			continue
		case b, ok := <-input:
			if !ok {
				return ErrStopped
			}
			keys, rest = keysOf(append(rest, b...), false)
			clear(b)
		case <-pause:
			keys, rest = keysOf(rest, true)
		}
		for _, k := range keys {
			start(w.press(k))
			if w.over {
				return nil
			}
		}
	}
}

func send(ctx context.Context, to chan<- func() work, f func() work) {
	select {
	case to <- f:
	case <-ctx.Done():
	}
}

// read hands on what is typed. It ends with the process: a read of a terminal can't be broken off.
func read(ctx context.Context, in io.Reader, to chan<- []byte) {
	defer close(to)
	for {
		b := make([]byte, 256)
		n, err := in.Read(b)
		if err != nil {
			return
		}
		select {
		case to <- b[:n]:
		case <-ctx.Done():
			return
		}
	}
}

func (w *wizard) draw(out io.Writer) {
	rows := w.view()
	if w.s.opts.Color {
		rows = painted(rows)
	}
	_, _ = io.WriteString(out, "\x1b[H"+strings.Join(rows, "\x1b[K\r\n")+"\x1b[K\x1b[J")
}
