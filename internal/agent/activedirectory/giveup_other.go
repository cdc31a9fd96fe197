//go:build !linux && !windows

package activedirectory

import "time"

// limitUnsent does nothing: the operating system has no such setting that Go knows.
func limitUnsent(uintptr, time.Duration) error { return nil }
