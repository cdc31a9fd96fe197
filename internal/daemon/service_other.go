//go:build !windows

package daemon

import (
	"context"
	"io"
)

// Service runs a program's work. Elsewhere than on Windows a service is a process like any other.
func Service(ctx context.Context, _ string, run func(context.Context) error) error { return run(ctx) }

// LogOutput is where a service's log goes.
func LogOutput(_ string, w io.Writer) io.Writer { return w }
