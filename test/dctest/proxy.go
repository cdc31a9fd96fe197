package dctest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
)

// Proxy is an LDAPS server in front of a DC.
type Proxy struct {
	LDAPSURL string // on 127.0.0.1; the certificate names localhost and 127.0.0.1
	CAFile   string // its own authority, not the DC's
}

// ProxyWithoutControl gives an LDAPS server that behaves like dc but does not advertise the policy-hints
// control (either number), as Samba before 4.24 does not.
//
// Real: everything behind it, and the whole conversation except one attribute. Not real: it only takes the
// two numbers out of supportedControl in answers about the root DSE. A client that sends the control all the
// same is obeyed by the DC behind, where an old one would refuse or ignore it. So it shows that a client
// looks and refuses, not what an old DC would have done.
func ProxyWithoutControl(t testing.TB, dc *DC) Proxy {
	t.Helper()
	dir := t.TempDir()
	files, err := lab.IssueCertificate(dir, "localhost", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	upstream, err := dc.TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, dial: func(ctx context.Context) (net.Conn, error) {
		dialer := tls.Dialer{Config: upstream}
		return dialer.DialContext(ctx, "tcp", net.JoinHostPort(dc.Addr(), "636"))
	}}
	ctx, cancel := context.WithCancel(context.Background())
	p.work.Go(func() { p.serve(ctx) })
	t.Cleanup(func() {
		cancel()
		_ = listener.Close() // ends serve; cancel has ended the connections
		p.work.Wait()
	})
	return Proxy{LDAPSURL: "ldaps://" + listener.Addr().String(), CAFile: files.CAFile}
}

type proxy struct {
	listener net.Listener
	dial     func(context.Context) (net.Conn, error)
	work     sync.WaitGroup
}

func (p *proxy) serve(ctx context.Context) {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.relay(ctx, conn) })
	}
}

// relay passes messages both ways until one side ends or the test does. Its errors are those of a broken
// connection, which the client sees as one too.
func (p *proxy) relay(ctx context.Context, client net.Conn) {
	defer client.Close()
	server, err := p.dial(ctx)
	if err != nil {
		return
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { _ = errors.Join(client.Close(), server.Close()) })
	defer stop()
	p.work.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	_ = filterMessages(client, server)
}

func filterMessages(to io.Writer, from io.Reader) error {
	for {
		raw, err := readMessage(from)
		if err != nil {
			return err
		}
		if changed := withoutHints(raw); changed != nil {
			raw = changed
		}
		if _, err := to.Write(raw); err != nil {
			return err
		}
	}
}

// maxMessage bounds one answer of the DC.
const maxMessage = 64 << 20

// readMessage reads one BER element and keeps its bytes as they are.
func readMessage(r io.Reader) ([]byte, error) {
	head := make([]byte, 2, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	size := int(head[1])
	if head[1] >= 0x80 {
		more := make([]byte, head[1]&0x7f)
		if len(more) == 0 || len(more) > 4 {
			return nil, fmt.Errorf("LDAP message with %d length bytes", len(more))
		}
		if _, err := io.ReadFull(r, more); err != nil {
			return nil, err
		}
		head = append(head, more...)
		size = 0
		for _, b := range more {
			size = size<<8 | int(b)
		}
	}
	if size > maxMessage {
		return nil, fmt.Errorf("LDAP message of %d bytes", size)
	}
	msg := slices.Concat(head, make([]byte, size))
	_, err := io.ReadFull(r, msg[len(head):])
	return msg, err
}

// withoutHints is a root DSE answer without the policy-hints numbers in supportedControl; nil when the
// message is anything else.
func withoutHints(raw []byte) []byte {
	msg, err := ber.DecodePacketErr(raw)
	if err != nil || len(msg.Children) < 2 || msg.Children[1].Tag != ldap.ApplicationSearchResultEntry {
		return nil
	}
	entry := msg.Children[1]
	if len(entry.Children) != 2 || entry.Children[0].Data.Len() != 0 { // the root DSE has the empty DN
		return nil
	}
	attributes := rebuilt(entry.Children[1])
	for _, attribute := range entry.Children[1].Children {
		attributes.AppendChild(filteredAttribute(attribute))
	}
	newEntry := rebuilt(entry)
	newEntry.AppendChild(entry.Children[0])
	newEntry.AppendChild(attributes)
	newMsg := rebuilt(msg)
	newMsg.AppendChild(msg.Children[0])
	newMsg.AppendChild(newEntry)
	for _, rest := range msg.Children[2:] {
		newMsg.AppendChild(rest)
	}
	return newMsg.Bytes()
}

func filteredAttribute(attribute *ber.Packet) *ber.Packet {
	if len(attribute.Children) != 2 || attribute.Children[0].Data.String() != "supportedControl" {
		return attribute
	}
	hidden := []string{OIDPolicyHints, OIDPolicyHintsDeprecated}
	values := rebuilt(attribute.Children[1])
	for _, value := range attribute.Children[1].Children {
		if !slices.Contains(hidden, value.Data.String()) {
			values.AppendChild(value)
		}
	}
	out := rebuilt(attribute)
	out.AppendChild(attribute.Children[0])
	out.AppendChild(values)
	return out
}

// rebuilt is an empty element of the same type.
func rebuilt(p *ber.Packet) *ber.Packet {
	return ber.Encode(p.ClassType, p.TagType, p.Tag, nil, "")
}
