//go:build !linux && !windows

package command

import "io"

// hideTyping leaves the terminal alone: agents run on Linux and Windows.
func hideTyping(io.Reader) (restore func(), err error) { return func() {}, nil }
