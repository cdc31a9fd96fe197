package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/term"
)

// Screen is a terminal of at least 80x24.
type Screen struct {
	In  *os.File
	Out *os.File
}

// Fits reports whether screens can be drawn there, and if not on a terminal, why.
func (c Screen) Fits() (fits bool, why string) {
	if c.In == nil || c.Out == nil || !term.IsTerminal(int(c.In.Fd())) || !term.IsTerminal(int(c.Out.Fd())) {
		return false, ""
	}
	columns, rows, err := term.GetSize(int(c.Out.Fd()))
	switch {
	case os.Getenv("TERM") == "dumb":
		return false, "This terminal draws no screens (TERM=dumb)"
	case err != nil:
		return false, "This terminal doesn’t say how large it is"
	case columns < width || rows < height:
		return false, fmt.Sprintf("This terminal has %d columns and %d rows, and screens need %d by %d", columns, rows, width, height)
	}
	restore, err := prepare(c.Out)
	if err != nil {
		return false, "This console knows no escape sequences"
	}
	restore()
	return true, ""
}

// escapePause is how long after an escape the rest of a sequence may take.
const escapePause = 50 * time.Millisecond

// sizePause is how often the window's size is looked at: not every system tells.
const sizePause = 200 * time.Millisecond

// RunScreens runs the wizard on a terminal. Whatever ends it, the terminal is given back as it was.
func RunScreens(ctx context.Context, o Options, world World, c Screen) (err error) {
	s, _, err := begin(o)
	if err != nil {
		return err
	}
	w := newWizard(s)
	defer w.s.wipe()
	before, err := term.MakeRaw(int(c.In.Fd()))
	if err != nil {
		return fmt.Errorf("the terminal can’t be used for screens (try --plain): %w", err)
	}
	restore, err := prepare(c.Out)
	if err != nil {
		return errors.Join(fmt.Errorf("the console can’t be used for screens (try --plain): %w", err), term.Restore(int(c.In.Fd()), before))
	}
	_, _ = io.WriteString(c.Out, "\x1b[?1049h\x1b[?25l"+pasteOn)
	defer func() {
		_, _ = io.WriteString(c.Out, pasteOff+"\x1b[?25h\x1b[?1049l")
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
			text := strings.Join(findingLines(f), "\n") + "\n"
			if w.s.opts.ASCII {
				text = ascii(text)
			}
			_, _ = io.WriteString(out, text)
		}
		return ErrUnfinished
	}
	return nil
}

// loop draws, waits for a key, for work to get on or for another size of the window, and so on until it is over.
func (w *wizard) loop(ctx context.Context, world World, c Screen) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	input, events, broken := make(chan []byte), make(chan func() work), make(chan error, 1)
	go read(ctx, c.In, input)
	start := func(do work) {
		if do != nil {
			go w.carry(ctx, world, w.s, do, events, broken)
		}
	}
	start(w.look())
	sizes := time.NewTicker(sizePause)
	defer sizes.Stop()
	var board keyboard
	size := c.size()
	for {
		w.draw(c.Out, size)
		var pause <-chan time.Time
		if board.waits() {
			pause = time.After(escapePause)
		}
		var keys []key
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-broken:
			return err
		case event := <-events:
			start(event())
		case b, ok := <-input:
			if !ok {
				return ErrStopped
			}
			keys = board.keys(b, false)
			clear(b)
		case <-pause:
			keys = board.keys(nil, true)
		case <-sizes.C:
			size = c.size()
		}
		for _, k := range keys {
			if size.small() && k.name != "ctrl+c" { // nobody sees what it would do
				continue
			}
			start(w.press(k))
			if w.over {
				return nil
			}
		}
	}
}

// carry does work beside the drawing. A defect in it ends the wizard with an error: the terminal must be given back.
func (w *wizard) carry(ctx context.Context, world World, s session, do work, events chan<- func() work, broken chan<- error) {
	defer func() {
		if p := recover(); p != nil {
			world.Log.Error("connect: a defect", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			broken <- errors.New("Homeward Connect broke down; connect.log beside the configuration tells where. What was done before stays done") //nolint:staticcheck // a name
		}
	}()
	o := do(ctx, world, s, func(p progress) { send(ctx, events, func() work { w.tell(p); return nil }) })
	send(ctx, events, func() work { return w.done(o) })
}

// extent is how large the window is; zero: it doesn't say.
type extent struct{ columns, rows int }

func (c Screen) size() extent {
	columns, rows, err := term.GetSize(int(c.Out.Fd()))
	if err != nil {
		return extent{}
	}
	return extent{columns, rows}
}

func (e extent) small() bool { return e != extent{} && (e.columns < width || e.rows < height) }

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

func (w *wizard) draw(out io.Writer, size extent) {
	rows := w.view()
	if size.small() {
		rows = small(size.columns, size.rows)
	} else if w.s.opts.Color {
		rows = painted(rows)
	}
	text := strings.Join(rows, "\x1b[K\r\n")
	if w.s.opts.ASCII {
		text = ascii(text)
	}
	_, _ = io.WriteString(out, "\x1b[H"+text+"\x1b[K\x1b[J")
}
