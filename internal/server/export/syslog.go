package export

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// enterprise is what structured data is named under. 32473 is set aside for use without a number of one's own (RFC 5612).
	enterprise = "homeward@32473"
	// facility is "log audit" (RFC 5424, 6.2.1).
	facility = 13
	// mostSyslog is how long a message may be: receivers must take 2048 octets and should take 8192 (RFC 5425, 4.3.1).
	mostSyslog = 8192
	// syslogTimeout bounds one batch, from dialling to the receiver's goodbye.
	syslogTimeout = 30 * time.Second
)

// Syslog sends rows to a receiver as RFC 5424 messages over TLS (RFC 5425). The protocol has no acknowledgement, so a batch
// is a connection: it counts as delivered once the receiver, told that nothing more comes, has said goodbye too, which it
// must (RFC 5425, 4.4). One that is ended instead says none.
type Syslog struct {
	Address string
	Host    string // HOSTNAME of the messages: this server's name
	TLS     *tls.Config
}

// Send sends one batch.
func (s *Syslog) Send(ctx context.Context, batch []Row) error {
	ctx, cancel := context.WithTimeout(ctx, syslogTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	wire := &counted{Conn: raw}
	conn := tls.Client(wire, s.config())
	defer conn.Close() //nolint:errcheck // what counts is known by then
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	if err := deliver(conn, wire, s.frames(batch)); err != nil {
		return fmt.Errorf("syslog: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

func (s *Syslog) frames(batch []Row) string {
	var out strings.Builder
	for _, r := range batch {
		frame(&out, s.Message(r))
	}
	return out.String()
}

// deliver writes everything, says that this was all, and waits for the receiver's goodbye.
func deliver(conn *tls.Conn, wire *counted, all string) error {
	ended := make(chan error, 1)
	go func() { // from the start: what the handshake leaves to be read is no goodbye
		_, err := io.Copy(io.Discard, conn)
		ended <- err
	}()
	if _, err := io.WriteString(conn, all); err != nil {
		return err
	}
	before := wire.read.Load()
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if err := <-ended; err != nil {
		return fmt.Errorf("the receiver didn't confirm a batch: %w", err)
	}
	if wire.read.Load() == before {
		return errors.New("the receiver hung up without confirming a batch")
	}
	return nil
}

// counted counts what arrives.
type counted struct {
	net.Conn

	read atomic.Int64
}

// Read implements net.Conn.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

func (s *Syslog) config() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLS != nil {
		c = s.TLS.Clone()
		c.MinVersion = tls.VersionTLS12
	}
	if host, _, err := net.SplitHostPort(s.Address); err == nil && c.ServerName == "" {
		c.ServerName = host
	}
	return c
}

// frame writes a message with its length in front (RFC 5425, 4.3).
func frame(out *strings.Builder, message string) {
	out.WriteString(strconv.Itoa(len(message)) + " " + message)
}

// Message is a row as RFC 5424 has it.
func (s *Syslog) Message(r Row) string {
	var b strings.Builder
	name := r.Name
	if name == "" {
		name = r.Hop
	}
	fmt.Fprintf(&b, "<%d>1 %s %s homeward - %s [%s", facility*8+severity(r.Result), r.Time.UTC().Format(stamp), printable(s.Host, 255), printable(name, 32), enterprise)
	for _, p := range []struct{ name, value string }{
		{"tenant", r.Tenant},
		{"seq", strconv.FormatInt(r.Seq, 10)},
		{"supportCode", r.Support},
		{"activity", r.Activity},
		{"hop", r.Hop},
		{"event", strconv.Itoa(r.Event)},
		{"result", r.Result},
		{"reason", r.Reason},
		{"actor", r.Actor},
		{"target", r.Target},
		{"tookMs", strconv.FormatFloat(r.TookMS, 'f', -1, 64)},
		{"hash", hex.EncodeToString(r.Hash)},
		{"detail", cut(r.Detail, mostSyslog/4)},
	} {
		if p.value != "" && p.value != "0" {
			b.WriteString(" " + p.name + `="` + escaped(cut(p.value, mostSyslog/4)) + `"`)
		}
	}
	b.WriteString("] \ufeff" + words(r)) // MSG-UTF8 begins with the byte order mark (6.4)
	return cut(b.String(), mostSyslog)
}

// words is the message for people.
func words(r Row) string {
	text := r.Activity + ": " + r.Result
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	return strings.Map(oneLine, cut(text, mostSyslog/8))
}

// severity is how bad a result is (RFC 5424, 6.2.1).
func severity(result string) int {
	switch result {
	case "failed":
		return 4
	case "refused", "unknown":
		return 5
	}
	return 6
}

// escaped is a parameter's value (6.3.3).
func escaped(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(strings.Map(oneLine, value))
}

// oneLine turns control characters into spaces: receivers take a line feed for the end of a message.
func oneLine(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// printable is a header's field: printable ASCII without spaces, or a hyphen for none (6).
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}

// cut shortens a text to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}
