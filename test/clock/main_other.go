//go:build !(linux && amd64)

// Command clock runs a program whose clock is wrong. It needs Linux on amd64.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "clock: works on Linux on amd64 only")
	os.Exit(1)
}
