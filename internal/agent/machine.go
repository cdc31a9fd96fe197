package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"homeward/internal/protocol"
)

// thisMachine says where the agent runs. The id is a hash: what identifies a machine is nobody else's business.
func thisMachine(name string) protocol.Machine {
	m := protocol.Machine{Name: name}
	if id := strings.TrimSpace(machineID()); id != "" {
		sum := sha256.Sum256([]byte("homeward machine 1\x00" + id))
		m.ID = hex.EncodeToString(sum[:])
	}
	return m
}
