package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"time"

	"homeward/internal/agent"
	"homeward/internal/agent/checkup"
	"homeward/internal/build"
	"homeward/internal/doctor"
)

// Doctor checks everything an agent needs.
type Doctor struct {
	File

	Person string `help:"Look at one person only: userPrincipalName, DN or DOMAIN\\name." placeholder:"NAME"`
	JSON   bool   `help:"Print JSON, for monitoring."`
}

// Run implements the verb.
func (d *Doctor) Run(ctx context.Context, s Streams) error {
	c, err := d.load()
	if err != nil {
		return err
	}
	dirs, err := agent.OpenDirectories(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = dirs.Close() }()
	machine, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("machine name: %w", err)
	}
	visit := &checkup.Checkup{Config: c, Dirs: dirs, Person: d.Person, Now: time.Now}
	report := visit.Named(doctor.Run(ctx, visit.Checks()))
	if err := ctx.Err(); err != nil {
		return err
	}
	report.Title, report.At = "homeward-agent "+build.Version()+" on "+machine, time.Now().Format(time.RFC3339)
	if d.JSON {
		err = report.JSON(s.Out)
	} else {
		err = report.Table(s.Out, coloured(s.Out))
	}
	if err == nil && report.Problems > 0 {
		err = ErrTold
	}
	return err
}

// coloured reports whether colour is wanted: a terminal, and not NO_COLOR (no-color.org). Older Windows consoles
// would print the codes.
func coloured(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && runtime.GOOS != "windows" && Terminal(w)
}

// Terminal reports whether a stream is a character device.
func Terminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
