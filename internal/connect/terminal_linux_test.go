package connect

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"homeward/test/dctest"
)

// terminal is a real pseudo-terminal: what the wizard draws comes out at keys, and what is typed there goes in.
type terminal struct {
	keys, line *os.File

	mu   sync.Mutex
	seen bytes.Buffer
}

func newTerminal(t *testing.T, columns, rows uint16) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(keys.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{keys: keys, line: line}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b)
			if err != nil {
				return
			}
			term.mu.Lock()
			term.seen.Write(b[:n])
			term.mu.Unlock()
		}
	}()
	t.Cleanup(func() { _, _ = line.Close(), keys.Close() })
	return term
}

func (c *terminal) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen.String()
}

// until waits for text on the last screen, then types.
func (c *terminal) until(t *testing.T, want, typed string) {
	t.Helper()
	dctest.Eventually(t, 20*time.Second, func() error {
		all := c.text()
		if last := all[strings.LastIndex(all, "\x1b[H")+1:]; !strings.Contains(last, want) {
			return fmt.Errorf("no %q on the screen:\n%s", want, last)
		}
		return nil
	})
	if _, err := c.keys.WriteString(typed); err != nil {
		t.Fatal(err)
	}
}

// The whole way on a real terminal: raw mode, keys in pieces, the screen restored, and no secret drawn.
func TestOnATerminal(t *testing.T) {
	t.Parallel()
	c := newTerminal(t, width, height)
	before, err := unix.IoctlGetTermios(int(c.line.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	f, dir := newFake(), t.TempDir()
	o := options(dir)
	o.Answers, o.Color = "", true
	ended := make(chan error, 1)
	screen := Screen{In: c.line, Out: c.line}
	if fits, why := screen.Fits(); !fits {
		t.Fatalf("80x24 doesn't fit: %s", why)
	}
	go func() { ended <- RunScreens(t.Context(), o, f.world(), screen) }()
	c.until(t, "[ Continue ]", "\r")
	c.until(t, "Set up a new agent", "\r")
	c.until(t, "Portal", "https://password.contoso.com\t\t\t\t"+oneTimeCode+"\r")
	c.until(t, "code of Contoso", "\r")
	c.until(t, "The agent will run as", "corp.contoso.test\tdc01"+strings.Repeat("\t", 10)+"CORP\\admin\t"+adminPassword+"\r")
	c.until(t, "signed in as", "\r")
	c.until(t, "2 of 6 OUs"[1:], "\x1b[B")
	c.until(t, "Archive", "\x1b")
	c.until(t, "The agent will run as", "\r")
	c.until(t, "signed in as", "\r")
	c.until(t, "Design", "\x1b[B\x1b[B ")
	c.until(t, "1 of 6 OUs", "\r")
	c.until(t, "Password writeback", "\r")
	c.until(t, "When you choose Configure", "\t")
	c.until(t, "[ Save as script ]", "\r")
	c.until(t, "Configuration complete", "")
	c.until(t, "[ Finish ]", "\r")
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it doesn't end")
	}
	after, err := unix.IoctlGetTermios(int(c.line.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal isn't as it was: %v", err)
	}
	dctest.Eventually(t, 20*time.Second, func() error {
		if !strings.HasSuffix(c.text(), pasteOff+"\x1b[?25h\x1b[?1049l") {
			return errors.New("the screen wasn't given back")
		}
		return nil
	})
	hunt(t, map[string]string{"the terminal": c.text(), "log": f.log.String()}, string(f.createdWith))
	if !strings.Contains(strings.Join(f.did, ";"), "enrol") {
		t.Errorf("%v", f.did)
	}
}

// A terminal that is too small gets plain lines; Ctrl+C leaves everything as it was.
func TestSmallTerminalAndCtrlC(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]uint16{{79, 24}, {80, 23}} {
		c := newTerminal(t, size[0], size[1])
		if fits, why := (Screen{In: c.line, Out: c.line}).Fits(); fits || !strings.Contains(why, fmt.Sprintf("%d columns and %d rows", size[0], size[1])) {
			t.Errorf("%v fits: %v, %q", size, fits, why)
		}
	}
	if fits, why := (Screen{}).Fits(); fits || why != "" {
		t.Error("no terminal fits")
	}
	c := newTerminal(t, 100, 30)
	f := newFake()
	ended := make(chan error, 1)
	go func() {
		ended <- RunScreens(t.Context(), options(t.TempDir()), f.world(), Screen{In: c.line, Out: c.line})
	}()
	c.until(t, "[ Continue ]", "\x03")
	if err := <-ended; !errors.Is(err, ErrStopped) || len(f.did) != 0 {
		t.Errorf("%v, %v", err, f.did)
	}
}

func (c *terminal) resize(t *testing.T, columns, rows uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(c.keys.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		t.Fatal(err)
	}
}

// last is the screen as it was drawn last.
func (c *terminal) last() string {
	all := c.text()
	return all[strings.LastIndex(all, "\x1b[H")+1:]
}

// A window that becomes too small says so, takes no keys that nobody could see the effect of, and has lost nothing when it
// is large enough again.
func TestResize(t *testing.T) {
	t.Parallel()
	c, f := newTerminal(t, width, height), newFake()
	ended := make(chan error, 1)
	go func() {
		ended <- RunScreens(t.Context(), options(t.TempDir()), f.world(), Screen{In: c.line, Out: c.line})
	}()
	c.until(t, "[ Continue ]", "\r")
	c.until(t, "Set up a new agent", "\r")
	c.until(t, "Portal", "https://one")
	c.until(t, "https://one", "")
	c.resize(t, 60, 20)
	c.until(t, "This window has 60 columns and 20 rows.", "two\r")
	for line := range strings.SplitSeq(c.last(), "\r\n") {
		if line = strings.TrimPrefix(strings.TrimSuffix(strings.ReplaceAll(line, "\x1b[K", ""), "\x1b[J"), "[H"); len(line) > 60 {
			t.Errorf("%d columns in a window of 60: %q", len(line), line)
		}
	}
	c.resize(t, 5, 2)
	c.until(t, "Home", "\r")
	c.resize(t, 120, 40)
	c.until(t, "https://one_", "")
	if strings.Contains(c.last(), "two") || strings.Contains(c.last(), "[FAIL]") {
		t.Errorf("keys were taken where nobody could see it:\n%s", c.last())
	}
	if strings.Contains(c.text(), "\x1b[3") || strings.Contains(c.text(), "\x1b[7m") {
		t.Error("colours, though none are wanted")
	}
	c.until(t, "https://one_", "\x03")
	if err := <-ended; !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

// Pasted text presses nothing, however many lines it has, and what can't be an answer is refused with the reason.
func TestPasteOnATerminal(t *testing.T) {
	t.Parallel()
	c, f := newTerminal(t, width, height), newFake()
	o := options(t.TempDir())
	o.ASCII = true
	ended := make(chan error, 1)
	go func() { ended <- RunScreens(t.Context(), o, f.world(), Screen{In: c.line, Out: c.line}) }()
	c.until(t, "[ Continue ]", "\r")
	c.until(t, "Set up a new agent", "\r")
	c.until(t, "Portal", pasteBegin+"https://password.contoso.com\r\n"+pasteFini)
	c.until(t, "https://password.contoso.com_", pasteBegin+"a\rb\rc"+pasteFini)
	c.until(t, "several lines", pasteBegin+strings.Repeat("x", 4000))
	for range 4 {
		c.until(t, "", strings.Repeat("y", 4000))
	}
	c.until(t, "", pasteFini)
	c.until(t, "longer than 512", "\xe9")
	c.until(t, "Not UTF-8", "")
	if last := c.last(); !strings.Contains(last, "https://password.contoso.com_") {
		t.Errorf("the field was changed:\n%s", last)
	}
	c.until(t, "", "\t\t\t\tFJ4K-\xe9")
	c.until(t, "Emptied. Not UTF-8", oneTimeCode+"\r")
	c.until(t, "code of Contoso", "\x03")
	if err := <-ended; !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
	for _, r := range c.text() {
		if r >= 0x80 {
			t.Fatalf("%q on a terminal without UTF-8", r)
		}
	}
	hunt(t, map[string]string{"the terminal": c.text(), "log": f.log.String()})
}

// A defect in a step gives the terminal back and says where to look.
func TestDefectGivesTheTerminalBack(t *testing.T) {
	t.Parallel()
	c, f := newTerminal(t, width, height), newFake()
	before, err := unix.IoctlGetTermios(int(c.line.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	world := f.world()
	world.Cloud = nil // what a page asks doesn't answer: it isn't there
	err = func() error {
		ended := make(chan error, 1)
		go func() { ended <- RunScreens(t.Context(), options(t.TempDir()), world, Screen{In: c.line, Out: c.line}) }()
		c.until(t, "[ Continue ]", "\r")
		c.until(t, "Set up a new agent", "\r")
		c.until(t, "Portal", "https://password.contoso.com\r")
		return <-ended
	}()
	if err == nil || !strings.Contains(err.Error(), "connect.log") || !strings.Contains(f.log.String(), "a defect") {
		t.Errorf("%v, log %s", err, f.log.String())
	}
	after, err := unix.IoctlGetTermios(int(c.line.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal isn't as it was: %v", err)
	}
}
