package admin

import "homeward/internal/server/provision"

// SyncRow, Card, RunRow and VerdictRow put samples in words as the pages do.
func (f Frame) SyncRow(r SyncRow) SyncRow { return f.syncRow(r) }

// Card is f.card.
func (f Frame) Card(i int, c provision.Case) Card { return f.card(i, c) }

// RunRow is f.runRow.
func (f Frame) RunRow(r provision.Run) RunRow { return f.runRow(r) }

// VerdictRow is f.verdictRow.
func (f Frame) VerdictRow(p provision.Preview) VerdictRow { return f.verdictRow(p) }

// Activities are what the log can be filtered by.
func Activities() []string { return activities() }
