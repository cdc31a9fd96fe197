package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	maxSocketPath = 100 // sun_path holds 104 to 108 bytes, by system
	dialWithin    = 2 * time.Second
	stopWithin    = 10 * time.Second
	answerWithin  = 3 * time.Minute // an operator's reset waits for its outcome
)

// ErrServed reports that another server is alive.
var ErrServed = errors.New("another server runs with this state folder: give each its own")

// Listen makes the socket. A file that a dead server left is replaced; a living one is ErrServed.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("control socket %s: the path is longer than %d bytes: choose a shorter state folder", path, maxSocketPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if c, err := (&net.Dialer{Timeout: dialWithin}).DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("%w: %s answers", ErrServed, path), c.Close())
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if runtime.GOOS == "windows" { // a file takes the folder's access list there
		return listen(ctx, path)
	}
	// Nobody may reach it in the moment before its mode is set, so it is made in a folder that nobody can enter.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".c")
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	hidden := filepath.Join(dir, "s")
	l, err := listen(ctx, hidden)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chmod(hidden, 0o600), os.Rename(hidden, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return l, nil
}

func listen(ctx context.Context, path string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // it is renamed; Serve removes it
	}
	return l, nil
}

// guarded accepts only whom admitted admits.
type guarded struct {
	net.Listener

	log *slog.Logger
}

// Accept implements net.Listener.
func (g guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if err := admitted(c); err != nil {
			g.log.Warn("control socket: somebody was turned away", "error", err)
			_ = c.Close()
			continue
		}
		return c, nil
	}
}

// Serve answers on the socket until ctx ends, then removes it.
func (s *Service) Serve(ctx context.Context, l net.Listener, path string) error {
	srv := &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: dialWithin, ReadTimeout: stopWithin, WriteTimeout: answerWithin, MaxHeaderBytes: 8 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		stopped <- srv.Shutdown(stop)
	}()
	err := srv.Serve(guarded{l, s.Log})
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Log.Warn("control socket couldn't be removed", "error", err)
	}
	return <-stopped
}
