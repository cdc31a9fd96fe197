package activedirectory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// tap passes TCP on between an address of its own and the controller's same ports, and keeps every byte.
type tap struct {
	address string
	mu      sync.Mutex
	seen    bytes.Buffer
	work    sync.WaitGroup
}

func newTap(t testing.TB, dc *dctest.DC, ports ...string) *tap {
	t.Helper()
	p := &tap{}
	listeners := p.listen(t, ports)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		for _, l := range listeners {
			_ = l.Close()
		}
		p.work.Wait()
	})
	for i, l := range listeners {
		p.work.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				p.work.Go(func() { p.pass(ctx, conn, net.JoinHostPort(dc.Addr(), ports[i])) })
			}
		})
	}
	return p
}

// listen finds an address where all ports are free.
func (p *tap) listen(t testing.TB, ports []string) []net.Listener {
	t.Helper()
	for n := 1; n < 250; n++ {
		p.address = fmt.Sprintf("127.77.0.%d", n)
		var listeners []net.Listener
		for _, port := range ports {
			if l, err := net.Listen("tcp", net.JoinHostPort(p.address, port)); err == nil {
				listeners = append(listeners, l)
			}
		}
		if len(listeners) == len(ports) {
			return listeners
		}
		for _, l := range listeners {
			_ = l.Close()
		}
	}
	t.Fatal("no free address for a tap")
	return nil
}

func (p *tap) pass(ctx context.Context, client net.Conn, to string) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(client.Close(), server.Close()) })
	defer stop()
	p.work.Go(func() {
		_, _ = io.Copy(server, io.TeeReader(client, p))
		_ = server.Close()
	})
	_, _ = io.Copy(client, io.TeeReader(server, p))
}

// Write keeps what passes.
func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(b)
}

// shows tells which of the secrets passed, as text or as UTF-16.
func (p *tap) shows(secrets ...string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []string
	for _, s := range secrets {
		wide := quotedUTF16([]byte(s))
		if bytes.Contains(p.seen.Bytes(), []byte(s)) || bytes.Contains(p.seen.Bytes(), wide[2:len(wide)-2]) {
			found = append(found, s)
		}
	}
	return found
}

// TestWireHidesPasswords resets and changes through a tap and hunts for every password on the wire. The same
// passwords are then sent in clear through the same tap, which must find them.
func TestWireHidesPasswords(t *testing.T) {
	dc := dctest.Start(t)
	for name, config := range modes(t, dc) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tap := newTap(t, dc, "389", "636", "88")
			scheme, port := config.Security.endpoint()
			if config.Security == "" {
				scheme, port = LDAPS.endpoint()
			}
			config.URLs, config.ServerName = []string{scheme + "://" + net.JoinHostPort(tap.address, port)}, dc.Host()
			d := open(t, config)
			p := dc.NewPerson(t)
			const reset, changed = "Copper-Kettle-42", "Silver-Teapot-43"
			if err := d.Reset(t.Context(), account(t, d, p), []byte(reset)); err != nil {
				t.Fatal(err)
			}
			if err := dc.DatePassword(t.Context(), p.DN, time.Now().AddDate(0, 0, -40)); err != nil {
				t.Fatal(err)
			}
			if err := d.Change(t.Context(), account(t, d, p), []byte(reset), []byte(changed)); err != nil {
				t.Fatal(err)
			}
			wantBind(t, dc, p, changed, "")
			secrets := []string{reset, changed, dc.ServiceAccount().Password}
			if found := tap.shows(secrets...); len(found) != 0 {
				t.Errorf("on the wire: %d of %d passwords", len(found), len(secrets))
			}
			if tap.seen.Len() < 4096 {
				t.Errorf("only %d bytes passed", tap.seen.Len())
			}

			clear, err := ldap.DialURL("ldap://" + tap.address)
			if err != nil {
				t.Fatal(err)
			}
			defer clear.Close()
			if err := clear.Bind(p.UPN, changed); err == nil {
				t.Error("the controller takes a bind in clear")
			}
			m := ldap.NewModifyRequest(p.DN, nil)
			m.Replace("unicodePwd", []string{string(quotedUTF16([]byte(reset)))})
			if err := clear.Modify(m); err == nil {
				t.Error("the controller takes a modify in clear")
			}
			if found := tap.shows(reset, changed); len(found) != 2 {
				t.Errorf("the tap finds %d of 2 passwords that were sent in clear", len(found))
			}
		})
	}
}

// TestWeakChannelCarriesNoPassword weakens a live connection and shows that neither reset nor change uses it.
func TestWeakChannelCarriesNoPassword(t *testing.T) {
	for _, raw := range []net.Conn{nil, &net.TCPConn{}, &channel{Conn: &net.TCPConn{}}, &channel{Conn: &net.TCPConn{}, bits: 112}} {
		wantReason(t, mayCarryPasswords(raw), protocol.ReasonNotEncrypted)
	}
	dc := dctest.Start(t)
	d := open(t, configFor(t, dc))
	p := dc.NewPerson(t)
	a := account(t, d, p)
	for range 3 {
		if err := d.Unlock(t.Context(), a); err != nil { // leaves a connection for writes
			t.Fatal(err)
		}
		before := account(t, d, p)
		d.writes.mu.Lock()
		if len(d.writes.idle) == 0 {
			t.Fatal("no idle connection to weaken")
		}
		for _, c := range d.writes.idle {
			c.raw.(*channel).bits = 56
		}
		d.writes.mu.Unlock()
		wantReason(t, d.Reset(t.Context(), before, []byte("Copper-Kettle-42")), protocol.ReasonNotEncrypted)
		wantUntouched(t, d, p, before)
		d.writes.drop("")
	}
}

// refusingServer speaks LDAP in clear as far as StartTLS, and reports every byte it heard.
func refusingServer(t testing.TB, answer []byte) (address string, heard <-chan []byte) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	all := make(chan []byte, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(soon))
		b := make([]byte, 4096)
		n, _ := conn.Read(b)
		if answer != nil {
			_, _ = conn.Write(answer)
		}
		rest, _ := io.ReadAll(conn)
		all <- append(b[:n], rest...)
	}()
	return listener.Addr().String(), all
}

// extendedResponse is an answer to StartTLS (RFC 4511 4.12).
func extendedResponse(code byte, text string) []byte {
	return element(tagSequence, element(tagInteger, []byte{1}), element(0x78,
		element(0x0a, []byte{code}), element(tagOctets), element(tagOctets, []byte(text))))
}

// TestNothingIsSentBeforeTLS asks servers that don't bring TLS up, in every way, and looks at what they heard.
func TestNothingIsSentBeforeTLS(t *testing.T) {
	request := message(1, startTLSRequest())
	for _, tt := range []struct {
		name   string
		answer []byte
		reason protocol.Reason
		says   string
	}{
		{"refused", extendedResponse(2, "no TLS here"), protocol.ReasonNotEncrypted, "refused StartTLS"},
		{"unavailable", extendedResponse(52, "00000000: LdapErr: DSID-0C091221, data 0, v4563"), protocol.ReasonNotEncrypted, "no certificate for LDAP"},
		{"silent", nil, protocol.ReasonDirectoryDown, "deadline"},
		{"garbage", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), protocol.ReasonDirectoryDown, "does not talk LDAP"},
		{"huge", []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, protocol.ReasonDirectoryDown, "does not talk LDAP"},
		{"success, then no TLS", append(extendedResponse(0, ""), []byte("HTTP/1.1 200 OK\r\n\r\n")...), protocol.ReasonNotEncrypted, "doesn't talk TLS"},
		{"another message's answer", bytes.Replace(extendedResponse(0, ""), []byte{2, 1, 1}, []byte{2, 1, 9}, 1), protocol.ReasonDirectoryDown, "does not talk LDAP"},
		{"a bind response", bytes.Replace(extendedResponse(0, ""), []byte{0x78}, []byte{0x61}, 1), protocol.ReasonDirectoryDown, "does not talk LDAP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			address, heard := refusingServer(t, tt.answer)
			d := open(t, Config{
				URLs: []string{"ldap://" + address}, Security: StartTLS, User: "svc@corp.example", Password: fixed("Service-Kettle-42"),
				DialTimeout: time.Second,
			})
			begun := time.Now()
			_, _, err := d.open(t.Context(), "dc1.corp.example", address)
			e := wantReason(t, err, tt.reason)
			if !strings.Contains(e.Error(), tt.says) {
				t.Errorf("%q does not say %q", e, tt.says)
			}
			if took := time.Since(begun); took > soon/2 {
				t.Errorf("took %s with a limit of one second", took)
			}
			b := <-heard
			after, ok := bytes.CutPrefix(b, request)
			if !ok {
				t.Fatalf("first heard %x", b)
			}
			// A TLS record of kind handshake or alert is all that may follow (RFC 8446 5.1).
			if len(after) > 0 && after[0] != 22 && after[0] != 21 {
				t.Errorf("in clear: %x", after)
			}
			for _, secret := range []string{"Service-Kettle-42", "svc@corp.example"} {
				if bytes.Contains(b, []byte(secret)) {
					t.Error("a name or a password was sent in clear")
				}
			}
		})
	}
}

// TestStartTLSEndsWithItsCaller gives up at once when the caller does.
func TestStartTLSEndsWithItsCaller(t *testing.T) {
	address, _ := refusingServer(t, extendedResponse(0, "")) // then silence instead of a handshake
	d := open(t, Config{
		URLs: []string{"ldap://" + address}, Security: StartTLS, User: "svc@corp.example", Password: fixed("Service-Kettle-42"),
		DialTimeout: time.Hour,
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, _, err := d.open(ctx, "dc1.corp.example", address)
		done <- err
	}()
	select {
	case err := <-done:
		wantReason(t, err, protocol.ReasonDirectoryDown)
	case <-time.After(soon):
		t.Fatal("still waiting")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(extendedResponse(0, ""))
	f.Add(extendedResponse(49, "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1"))
	f.Add(element(tagSequence, element(tagInteger, []byte{1}), element(0x61, element(0x0a, []byte{14}),
		element(tagOctets), element(tagOctets), element(0x87, []byte("token")))))
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, err := readMessage(bytes.NewReader(b))
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b, raw) || len(raw) > maxHandshake+6 {
			t.Fatalf("read %d bytes of %d", len(raw), len(b))
		}
		a, err := parseAnswer(raw, 1, ldap.ApplicationExtendedResponse)
		if err == nil && a.err != nil {
			diagnose(a.err)
		}
	})
}
