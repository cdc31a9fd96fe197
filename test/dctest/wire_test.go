package dctest_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"homeward/test/dctest"
)

// echo answers every line with itself, and says what it heard.
func echo(t *testing.T) (addr string, heard <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	lines := make(chan string, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for s := bufio.NewScanner(conn); s.Scan(); {
					lines <- s.Text()
					_, _ = conn.Write([]byte(s.Text() + "\n"))
				}
			}()
		}
	}()
	return l.Addr().String(), lines
}

type caller struct {
	net.Conn
	lines *bufio.Reader
}

func call(t *testing.T, w *dctest.Wire) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", w.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{conn, bufio.NewReader(conn)}
}

func (c *caller) say(t *testing.T, line string) {
	t.Helper()
	if _, err := c.Write([]byte(line + "\n")); err != nil {
		t.Fatal(err)
	}
}

// hears reads an answer within a time.
func (c *caller) hears(within time.Duration) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	line, err := c.lines.ReadString('\n')
	return line, err
}

const (
	soon  = 5 * time.Second
	never = 150 * time.Millisecond
)

func (c *caller) wantEcho(t *testing.T, line string) {
	t.Helper()
	if got, err := c.hears(soon); got != line+"\n" {
		t.Errorf("answer %q, %v; want %q", got, err, line)
	}
}

func (c *caller) wantSilence(t *testing.T) {
	t.Helper()
	if got, err := c.hears(never); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("answer %q, %v; want none", got, err)
	}
}

func wantHeard(t *testing.T, heard <-chan string, want string) {
	t.Helper()
	select {
	case got := <-heard:
		if got != want {
			t.Errorf("the target heard %q, want %q", got, want)
		}
	case <-time.After(soon):
		t.Errorf("the target did not hear %q", want)
	}
}

func TestWirePassesAndCuts(t *testing.T) {
	target, heard := echo(t)
	w := dctest.NewWire(t, target)
	c := call(t, w)
	c.say(t, "one")
	c.wantEcho(t, "one")
	wantHeard(t, heard, "one")
	w.Cut()
	if _, err := c.hears(soon); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read after Cut: %v, want a reset", err)
	}
	// The reset may come before the dial has returned.
	conn, err := net.Dial("tcp", w.Addr())
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a new connection: %v, want a reset", err)
	}
	w.Pass()
	e := call(t, w)
	e.say(t, "two")
	e.wantEcho(t, "two")
	w.Break()
	if _, err := e.hears(soon); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read after Break: %v, want a reset", err)
	}
	f := call(t, w)
	f.say(t, "three")
	f.wantEcho(t, "three")
}

func TestWireLoses(t *testing.T) {
	target, heard := echo(t)
	w := dctest.NewWire(t, target)
	c := call(t, w)
	w.LoseAnswers()
	c.say(t, "obeyed")
	wantHeard(t, heard, "obeyed")
	<-w.Passed()
	<-w.Lost()
	c.wantSilence(t)
	w.Watch()
	w.LoseRequests()
	c.say(t, "unheard")
	<-w.Lost()
	w.Watch()
	w.BlackHole()
	d := call(t, w)
	d.say(t, "also unheard")
	<-w.Lost()
	w.Pass()
	c.say(t, "heard")
	wantHeard(t, heard, "heard")
	c.wantEcho(t, "heard")
}

func TestWireHoldsAndStalls(t *testing.T) {
	target, heard := echo(t)
	w := dctest.NewWire(t, target)
	c := call(t, w)
	w.Hold()
	c.say(t, "late")
	<-w.Lost()
	c.wantSilence(t)
	if len(heard) != 0 {
		t.Error("the target heard what is held up")
	}
	w.Pass()
	wantHeard(t, heard, "late")
	c.wantEcho(t, "late")
	begin := time.Now()
	w.Stall(300 * time.Millisecond)
	c.say(t, "stalled")
	c.wantEcho(t, "stalled")
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("a stalled wire answered after %s", took)
	}
	w.DelayAnswers(200 * time.Millisecond)
	begin = time.Now()
	c.say(t, "slow")
	c.wantEcho(t, "slow")
	if took := time.Since(begin); took < 200*time.Millisecond {
		t.Errorf("a slow wire answered after %s", took)
	}
}

func TestWireToADC(t *testing.T) {
	dc := dctest.Start(t)
	w := dc.Wire(t)
	conf, err := dc.TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", w.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := handshake(t, conn, conf); err != nil {
		t.Error(err)
	}
}

func handshake(t *testing.T, conn net.Conn, conf *tls.Config) error {
	t.Helper()
	c := tls.Client(conn, conf)
	return errors.Join(c.HandshakeContext(t.Context()), c.Close())
}
