package sms

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// SMPP hands messages to a message centre, SMPP 3.4 as a transmitter: one connection for each message, so that nothing has to
// be kept alive and nothing is lost with a connection.
type SMPP struct {
	Address  string      // host:port
	TLS      *tls.Config // nil: in the clear, on a network of one's own
	System   string      // system_id
	Password func() (string, error)
	From     string // a number, a short code, or a word of up to 11 characters; empty: the message centre's
	UCS2     bool   // for message centres whose default alphabet isn't GSM
}

// Send hands one message over. It returns ErrRefused with the centre's code when that says no.
func (s *SMPP) Send(ctx context.Context, m Message) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("message centre %s: %w", s.Address, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := s.hand(conn, m); err != nil {
		return errors.Join(fmt.Errorf("message centre %s: %w", s.Address, err), conn.Close())
	}
	_ = conn.Close() // the message is taken: nothing that happens now changes that
	return nil
}

func (s *SMPP) dial(ctx context.Context) (net.Conn, error) {
	if s.TLS != nil {
		return (&tls.Dialer{Config: s.TLS}).DialContext(ctx, "tcp", s.Address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
}

// hand binds, submits and unbinds.
func (s *SMPP) hand(conn net.Conn, m Message) error {
	password, err := s.Password()
	if err != nil {
		return fmt.Errorf("SMPP password: %w", err)
	}
	bind, err := bindBody(s.System, password)
	if err != nil {
		return err
	}
	if err := ask(conn, pdu{command: bindTransmitter, sequence: 1, body: bind}); err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	coding, text := encode(m.Text)
	if s.UCS2 {
		coding, text = codingUCS2, ucs2(m.Text)
	}
	submit, err := submitBody(s.From, strings.TrimPrefix(m.To, "+"), coding, text)
	if err != nil {
		return err
	}
	if err := ask(conn, pdu{command: submitSM, sequence: 2, body: submit}); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	_, _ = conn.Write(pdu{command: unbind, sequence: 3}.marshal()) // a courtesy: the message is taken
	return nil
}

// ask sends a request and waits for its response. Questions of the other side in between are answered.
func ask(conn net.Conn, request pdu) error {
	if _, err := conn.Write(request.marshal()); err != nil {
		return err
	}
	for range 16 {
		p, err := readPDU(conn)
		if err != nil {
			return err
		}
		switch {
		case p.command == enquireLink:
			if _, err := conn.Write(pdu{command: enquireLink | responseBit, sequence: p.sequence}.marshal()); err != nil {
				return err
			}
		case p.command == genericNack, p.command == request.command|responseBit && p.sequence == request.sequence:
			if p.status != 0 || p.command == genericNack {
				return fmt.Errorf("status 0x%08X (SMPP 3.4, 5.1.3): %w", p.status, ErrRefused)
			}
			return nil
		case p.command == unbind:
			return fmt.Errorf("it hung up: %w", ErrRefused)
		}
	}
	return fmt.Errorf("no answer among 16: %w", errPDU)
}
