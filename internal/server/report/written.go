package report

import "homeward/internal/protocol"

// Written is how often an agent has done something that a directory confirmed.
type Written struct {
	Agent     string
	Operation protocol.Operation
	N         int
}
