package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
)

// Service runs a program's work: as a service where the service control manager has started the process, which ends it if it
// doesn't report within 30 seconds, and as it is elsewhere. A stop or a shutdown ends the context.
func Service(ctx context.Context, name string, run func(context.Context) error) error {
	if inside, err := svc.IsWindowsService(); err != nil || !inside {
		return run(ctx)
	}
	s := &service{ctx: ctx, run: run}
	if err := svc.Run(name, s); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	return s.err
}

type service struct {
	ctx context.Context //nolint:containedctx // svc.Run hands none on
	run func(context.Context) error
	err error
}

// Execute implements svc.Handler. An error is told as exit code 1, so that the recovery actions of the service apply.
func (s *service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	now := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	status <- now
	for {
		select {
		case s.err = <-done:
			if s.err != nil {
				return true, 1
			}
			return false, 0
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- now
			case svc.Stop, svc.Shutdown:
				now = svc.Status{State: svc.StopPending}
				status <- now
				cancel()
			}
		}
	}
}

// LogOutput is where a service's log goes: nobody sees what it writes to standard error, so the Windows event log.
func LogOutput(name string, w io.Writer) io.Writer {
	if inside, err := svc.IsWindowsService(); err != nil || !inside {
		return w
	}
	l, err := eventlog.Open(name)
	if err != nil {
		return w
	}
	return eventWriter{l}
}

type eventWriter struct{ log *eventlog.Log }

// eventID is the one number of all: the event's own is in the text.
const eventID = 1

// Write makes one entry of a line.
func (e eventWriter) Write(b []byte) (int, error) {
	text := strings.TrimSpace(string(b))
	write := e.log.Info
	switch {
	case bytes.Contains(b, []byte("level=ERROR")), bytes.Contains(b, []byte(`"level":"ERROR"`)):
		write = e.log.Error
	case bytes.Contains(b, []byte("level=WARN")), bytes.Contains(b, []byte(`"level":"WARN"`)):
		write = e.log.Warning
	}
	return len(b), write(eventID, text)
}
