package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// hideTyping turns a terminal's echo off until the function it returns is called. What is no terminal is left alone.
func hideTyping(in io.Reader) (show func()) {
	f, ok := in.(*os.File)
	if !ok {
		return func() {}
	}
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}
	}
	quiet := *before
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ICANON | unix.ISIG
	if unix.IoctlSetTermios(fd, unix.TCSETS, &quiet) != nil {
		return func() {}
	}
	return func() {
		_ = unix.IoctlSetTermios(fd, unix.TCSETS, before) // a terminal that is gone needs no echo
		_, _ = io.WriteString(os.Stderr, "\n")
	}
}
