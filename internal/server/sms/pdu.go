package sms

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Commands of SMPP 3.4 (section 5.1.2.1) that a transmitter meets.
const (
	genericNack       uint32 = 0x80000000
	bindTransmitter   uint32 = 0x00000002
	submitSM          uint32 = 0x00000004
	unbind            uint32 = 0x00000006
	enquireLink       uint32 = 0x00000015
	responseBit       uint32 = 0x80000000
	headerSize               = 16
	maxPDU                   = 4096 // far above anything a transmitter gets
	messagePayloadTag uint16 = 0x0424
)

// errPDU reports bytes that are no PDU, or one too long.
var errPDU = errors.New("not an SMPP PDU")

// pdu is one protocol data unit.
type pdu struct {
	command  uint32
	status   uint32
	sequence uint32
	body     []byte
}

// marshal writes a PDU as it travels (section 3.2).
func (p pdu) marshal() []byte {
	b := make([]byte, 0, headerSize+len(p.body))
	b = binary.BigEndian.AppendUint32(b, uint32(headerSize+len(p.body))) //nolint:gosec // far below 4 GiB
	b = binary.BigEndian.AppendUint32(b, p.command)
	b = binary.BigEndian.AppendUint32(b, p.status)
	b = binary.BigEndian.AppendUint32(b, p.sequence)
	return append(b, p.body...)
}

// readPDU reads one PDU and nothing behind it.
func readPDU(r io.Reader) (pdu, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return pdu{}, fmt.Errorf("read a PDU: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:4])
	if size < headerSize || size > maxPDU {
		return pdu{}, fmt.Errorf("%d bytes: %w", size, errPDU)
	}
	p := pdu{
		command: binary.BigEndian.Uint32(head[4:8]), status: binary.BigEndian.Uint32(head[8:12]),
		sequence: binary.BigEndian.Uint32(head[12:16]), body: make([]byte, size-headerSize),
	}
	if _, err := io.ReadFull(r, p.body); err != nil {
		return pdu{}, fmt.Errorf("read a PDU: %w", err)
	}
	return p, nil
}

// cString writes a C-octet string of at most size bytes with its NUL.
func cString(b *bytes.Buffer, s string, size int) error {
	if len(s) >= size || bytes.IndexByte([]byte(s), 0) >= 0 {
		return fmt.Errorf("a field of %d bytes where %d fit: %w", len(s), size-1, errPDU)
	}
	b.WriteString(s)
	b.WriteByte(0)
	return nil
}

// bindBody is the body of bind_transmitter (section 4.1.1).
func bindBody(system, password string) ([]byte, error) {
	var b bytes.Buffer
	if err := errors.Join(cString(&b, system, 16), cString(&b, password, 9), cString(&b, "", 13)); err != nil {
		return nil, fmt.Errorf("SMPP sign-in: %w", err)
	}
	b.WriteByte(0x34)              // interface_version
	b.Write([]byte{0x00, 0x00, 0}) // addr_ton, addr_npi, address_range
	return b.Bytes(), nil
}

// submitBody is the body of submit_sm (section 4.4.1).
func submitBody(from, to string, coding byte, text []byte) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte(0) // service_type: default
	ton, npi, source := sourceAddress(from)
	b.Write([]byte{ton, npi})
	if err := cString(&b, source, 21); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	b.Write([]byte{0x01, 0x01}) // international, E.164
	if err := cString(&b, to, 21); err != nil {
		return nil, fmt.Errorf("recipient: %w", err)
	}
	b.Write([]byte{0, 0, 0}) // esm_class, protocol_id, priority_flag
	b.Write([]byte{0})       // schedule_delivery_time: now
	b.Write([]byte{0})       // validity_period: default
	b.Write([]byte{0, 0})    // registered_delivery: none, replace_if_present_flag
	b.Write([]byte{coding, 0})
	if len(text) <= 140 {
		b.WriteByte(byte(len(text))) //nolint:gosec // at most 140
		b.Write(text)
		return b.Bytes(), nil
	}
	// Longer ones travel whole: the message centre cuts them (section 5.3.2.32).
	if len(text) > maxText {
		return nil, fmt.Errorf("text of %d bytes: %w", len(text), errPDU)
	}
	b.WriteByte(0)
	b.Write(binary.BigEndian.AppendUint16(nil, messagePayloadTag))
	b.Write(binary.BigEndian.AppendUint16(nil, uint16(len(text)))) //nolint:gosec // at most maxText
	b.Write(text)
	return b.Bytes(), nil
}

const maxText = 1024

// sourceAddress tells what kind of sender a name is: a number, a short code or a word (section 5.2.5).
func sourceAddress(from string) (ton, npi byte, address string) {
	digits, international := bytes.CutPrefix([]byte(from), []byte("+"))
	numeric := len(digits) > 0 && len(bytes.Trim(digits, "0123456789")) == 0
	switch {
	case from == "":
		return 0, 0, "" // the message centre's own
	case numeric && international:
		return 0x01, 0x01, string(digits)
	case numeric && len(digits) <= 6:
		return 0x03, 0x00, string(digits)
	case numeric:
		return 0x00, 0x01, string(digits)
	}
	return 0x05, 0x00, from
}
