package main

import "runtime/debug"

// applyingPercent is how much garbage the server keeps beside what it uses while everybody of a directory is taken in: a
// collection then costs as much as the work between two.
const applyingPercent = 300

// heap fits provision.Memory.
type heap struct{ usual int }

// Spend implements provision.Memory.
func (h *heap) Spend() {
	h.usual = debug.SetGCPercent(applyingPercent)
	if h.usual < 0 || h.usual > applyingPercent { // GOGC says so
		debug.SetGCPercent(h.usual)
	}
}

// Save implements provision.Memory.
func (h *heap) Save(much bool) {
	debug.SetGCPercent(h.usual)
	if much {
		debug.FreeOSMemory()
	}
}
