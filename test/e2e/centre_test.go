package e2e_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// centre is a message centre that speaks SMPP 3.4 and keeps what it is given, as a telephone company's would for a moment.
type centre struct {
	address string

	mu    sync.Mutex
	texts []sentText
}

type sentText struct {
	to, text string
	at       time.Time
}

// newCentre listens on loopback until the test is over.
func newCentre(t *testing.T) *centre {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	c := &centre{address: l.Addr().String()}
	var calls sync.WaitGroup
	calls.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			calls.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		calls.Wait()
	})
	return c
}

// use has a server send its text messages there.
func (c *centre) use(t *testing.T, server map[string]any) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "smpp")
	must(t, os.WriteFile(secret, []byte("secret08\n"), 0o600))
	server["text"] = map[string]any{"via": "smpp", "from": "Contoso", "smpp": map[string]any{
		"address": c.address, "tls": "none", "system_id": "homeward", "password_file": secret,
	}}
}

// Commands of SMPP 3.4, section 5.1.2.1.
const (
	smppSubmit   = 0x00000004
	smppResponse = 0x80000000
	smppHeader   = 16
)

// serve answers one connection: yes to everything.
func (c *centre) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var head [smppHeader]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		size := binary.BigEndian.Uint32(head[:])
		if size < smppHeader || size > 4096 {
			return
		}
		body := make([]byte, size-smppHeader)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		command := binary.BigEndian.Uint32(head[4:])
		if command == smppSubmit {
			if m, err := submitted(body); err == nil {
				c.mu.Lock()
				c.texts = append(c.texts, m)
				c.mu.Unlock()
			}
		}
		answer := binary.BigEndian.AppendUint32(nil, smppHeader+3)
		answer = binary.BigEndian.AppendUint32(answer, command|smppResponse)
		answer = append(answer, 0, 0, 0, 0)
		answer = append(append(answer, head[12:]...), "42\x00"...)
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// submitted reads the body of a submit_sm (section 4.4.1).
func submitted(b []byte) (sentText, error) {
	m := sentText{at: time.Now()}
	text := func() (s string) { // a C-octet string
		before, after, _ := bytes.Cut(b, []byte{0})
		b = after
		return string(before)
	}
	octets := func(n int) (octets []byte) {
		n = min(n, len(b))
		octets, b = b[:n], b[n:]
		return octets
	}
	text() // service type
	octets(2)
	text() // from
	octets(2)
	m.to = "+" + text()
	octets(3)
	text()
	text()
	octets(4)
	n := octets(1)
	if len(n) == 0 || int(n[0]) > len(b) {
		return m, errors.New("a submit_sm without its text")
	}
	m.text = strings.ReplaceAll(string(octets(int(n[0]))), "\x00", "") // digits are the same in UCS-2
	return m, nil
}

// readCode waits for a text message to a number that came after since, and returns the code in it.
func (c *centre) readCode(ctx context.Context, to string, since time.Time) (string, error) {
	code := regexp.MustCompile(`\b[0-9]{6}\b`)
	tick := time.NewTicker(pollPeriod)
	defer tick.Stop()
	for {
		c.mu.Lock()
		found := ""
		for _, m := range c.texts {
			if m.to == to && m.at.After(since) {
				found = code.FindString(m.text)
			}
		}
		c.mu.Unlock()
		if found != "" {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no text message with a code came to %s: %w", to, ctx.Err())
		case <-tick.C:
		}
	}
}
