package e2e_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// capture records everything that crosses the loopback interface, put together per direction of each
// connection, so that nothing hides across the border of two segments.
type capture struct {
	fd int

	mu    sync.Mutex
	flows map[string][]byte // by addresses and ports, in order of arrival
	bytes int
}

// maxCapture ends a test that records far more than one reset can make.
const maxCapture = 512 << 20

// record starts a capture; stop ends it.
func record(t *testing.T) *capture {
	t.Helper()
	const all = 0x0300 // ETH_P_ALL in network byte order, packet(7)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, all)
	if err != nil {
		t.Fatalf("packet socket (needs root): %v", err)
	}
	lo, err := net.InterfaceByName("lo")
	must(t, err)
	must(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: lo.Index}))
	must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20))
	must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}))
	c := &capture{fd: fd, flows: map[string][]byte{}}
	stop := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		c.run(stop)
	}()
	t.Cleanup(func() { c.end(t, stop, finished) })
	return c
}

func (c *capture) end(t *testing.T, stop, finished chan struct{}) {
	t.Helper()
	close(stop)
	<-finished
	_ = unix.Close(c.fd)
}

func (c *capture) run(stop <-chan struct{}) {
	buffer := make([]byte, 128<<10)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, from, err := unix.Recvfrom(c.fd, buffer, 0)
		if err != nil {
			continue // nothing for a while, or a signal
		}
		// Every packet of the loopback is seen twice: going out and coming in.
		if l, ok := from.(*unix.SockaddrLinklayer); ok && l.Pkttype != unix.PACKET_OUTGOING {
			c.add(buffer[:n])
		}
	}
}

// add takes one IPv4 or IPv6 packet apart as far as its ports.
func (c *capture) add(p []byte) {
	if len(p) < 40 {
		return
	}
	var addresses, rest []byte
	var protocol byte
	switch p[0] >> 4 {
	case 4:
		head := int(p[0]&15) * 4
		addresses, protocol, rest = p[12:20], p[9], p[min(head, len(p)):min(len(p), max(head, int(binary.BigEndian.Uint16(p[2:]))))]
		if binary.BigEndian.Uint16(p[2:]) == 0 { // larger than the field holds: segmentation was left to nobody
			rest = p[head:]
		}
	case 6:
		addresses, protocol, rest = p[8:40], p[6], p[40:]
	default:
		return
	}
	head := 8
	if protocol == unix.IPPROTO_TCP && len(rest) >= 20 {
		head = int(rest[12]>>4) * 4
	}
	if len(rest) < 8 || len(rest) <= head {
		return
	}
	key := fmt.Sprintf("%d %x %x", protocol, addresses, rest[:4])
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes += len(rest) - head; c.bytes < maxCapture {
		c.flows[key] = append(c.flows[key], rest[head:]...)
	}
}

// finish waits until a planted text has come through, which everything before it has then as well, and
// returns the flows.
func (c *capture) finish(t *testing.T) map[string][]byte {
	t.Helper()
	plant(t, plantedText)
	eventually(t, func() error {
		if _, found := c.find([]byte(plantedText)); !found {
			return fmt.Errorf("the planted text hasn't come through yet")
		}
		return nil
	})
	stats, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	must(t, err)
	if stats.Drops > 0 {
		t.Errorf("the capture lost %d packets", stats.Drops)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes >= maxCapture {
		t.Error("the capture was cut off")
	}
	t.Logf("captured %d bytes in %d flows of %d packets", c.bytes, len(c.flows), stats.Packets)
	return maps.Clone(c.flows) // what is captured from now on goes elsewhere: appending leaves these slices as they are
}

const plantedText = "planted-text-that-crosses-the-loopback-3f9a"

func (c *capture) find(text []byte) (flow string, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, b := range c.flows {
		if needle(text).in(b) {
			return key, true
		}
	}
	return "", false
}

// plant sends a text over the loopback, in two writes that cut it in the middle.
func plant(t *testing.T, text string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	c, err := net.DialTimeout("tcp", l.Addr().String(), patience)
	must(t, err)
	defer c.Close()
	other, err := l.Accept()
	must(t, err)
	defer other.Close()
	must(t, other.SetDeadline(time.Now().Add(patience)))
	for _, part := range []string{text[:7], text[7:]} {
		_, err = c.Write([]byte(part))
		must(t, err)
		_, err = other.Read(make([]byte, 100))
		must(t, err)
	}
}
