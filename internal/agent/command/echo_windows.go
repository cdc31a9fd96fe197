package command

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// hideTyping switches a console's echo off until restore is called. Anything else is left alone.
func hideTyping(r io.Reader) (restore func(), err error) {
	f, ok := r.(*os.File)
	if !ok {
		return func() {}, nil
	}
	console := windows.Handle(f.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return func() {}, nil //nolint:nilerr // no console: it shows nothing
	}
	if err := windows.SetConsoleMode(console, mode&^windows.ENABLE_ECHO_INPUT); err != nil {
		return nil, fmt.Errorf("hide what is typed: %w", err)
	}
	return func() { _ = windows.SetConsoleMode(console, mode) }, nil
}
