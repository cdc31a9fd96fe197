//go:build !linux

package main

import "io"

// hideTyping leaves the echo on here: pipe the password in.
func hideTyping(io.Reader) (show func()) { return func() {} }
