package relay

import (
	"encoding/base64"
	"errors"
	"fmt"

	"homeward/internal/protocol"
)

const (
	// MachineHeader is the HTTP header in which an agent of protocol 2 says where it runs: protocol.Machine as JSON in
	// unpadded URL-safe base64. It is part of the request that UpgradeHeader signs for.
	MachineHeader = "Homeward-Machine"

	maxMachineHeader = 1024
	maxMachineName   = 255
	maxMachineID     = 64
)

// ErrMachine reports a machine header that EncodeMachine did not write.
var ErrMachine = errors.New("machine header is malformed")

// EncodeMachine returns the header's value; it is empty for a machine without a name.
func EncodeMachine(m protocol.Machine) (string, error) {
	if m == (protocol.Machine{}) {
		return "", nil
	}
	if !fits(m) {
		return "", fmt.Errorf("relay: machine name or id: %w", ErrMachine)
	}
	b, err := protocol.Encode(m)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// ParseMachine reads the header's value. None is no error: agents of protocol 1 do not send it.
func ParseMachine(value string) (protocol.Machine, error) {
	var m protocol.Machine
	if value == "" {
		return m, nil
	}
	if len(value) > maxMachineHeader {
		return m, ErrMachine
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(value)
	if err != nil || protocol.Decode(b, &m) != nil || !fits(m) {
		return protocol.Machine{}, ErrMachine
	}
	return m, nil
}

func fits(m protocol.Machine) bool {
	if m.Name == "" || len(m.Name) > maxMachineName || len(m.ID) > maxMachineID {
		return false
	}
	for _, text := range []string{m.Name, m.ID} { // it is shown to operators
		for _, c := range text {
			if c < ' ' || c == 0x7f || c == 0xfffd {
				return false
			}
		}
	}
	return true
}
