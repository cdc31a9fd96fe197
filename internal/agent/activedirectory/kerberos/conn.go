package kerberos

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
)

// sealedConn seals what is written and opens what is read, in tokens behind four bytes of length (RFC 4752 3.3).
// A token that is not the next one, or not whole, ends it.
type sealedConn struct {
	net.Conn

	maxSend int

	writing  sync.Mutex
	writeErr error // the first, which is final: the other side has missed a token

	reading sync.Mutex
	rest    []byte // opened and not read yet
	readErr error

	layer *layer
}

// Write seals b in tokens the other side takes.
func (c *sealedConn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	written := 0
	for len(b) > 0 && c.writeErr == nil {
		n := min(len(b), c.maxSend)
		if c.writeErr = c.send(b[:n]); c.writeErr == nil {
			written, b = written+n, b[n:]
		}
	}
	return written, c.writeErr
}

func (c *sealedConn) send(plain []byte) error {
	token, err := c.layer.wrap(plain)
	if err != nil {
		return err
	}
	framed := binary.BigEndian.AppendUint32(make([]byte, 0, len(token)+4), uint32(len(token))) //nolint:gosec // at most maxToken
	_, err = c.Conn.Write(append(framed, token...))
	return err
}

// Read opens the next token when nothing is left of the last.
func (c *sealedConn) Read(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for len(c.rest) == 0 {
		if c.readErr != nil {
			return 0, c.readErr
		}
		if c.readErr = c.receive(); c.readErr != nil {
			return 0, c.readErr
		}
	}
	n := copy(b, c.rest)
	clear(c.rest[:n])
	c.rest = c.rest[n:]
	return n, nil
}

func (c *sealedConn) receive() error {
	token, err := readFrame(c.Conn, maxToken)
	if err != nil {
		return err
	}
	c.rest, err = c.layer.unwrap(token, true)
	if err != nil {
		_ = c.Close() // whoever damages tokens gets no second chance; the first error is the one that counts
		return fmt.Errorf("the sealed connection is broken: %w", err)
	}
	return nil
}
