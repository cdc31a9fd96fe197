package command

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// hideTyping switches a terminal's echo off until restore is called. Anything else is left alone.
func hideTyping(r io.Reader) (restore func(), err error) {
	f, ok := r.(*os.File)
	if !ok || !Terminal(f) {
		return func() {}, nil
	}
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}, nil //nolint:nilerr // a device, but no terminal: it shows nothing
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &hidden); err != nil {
		return nil, fmt.Errorf("hide what is typed: %w", err)
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, before) }, nil
}
