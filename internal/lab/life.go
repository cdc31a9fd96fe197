package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNotRunning is returned by operations that need a running DC, after Kill or Stop.
var ErrNotRunning = errors.New("the DC is not running")

const (
	stopGrace  = 3 * time.Second       // Samba ends in well under a second
	readyEvery = 20 * time.Millisecond // between two attempts while it starts
	freezeTime = 2 * time.Second       // for stopping some twenty processes
)

// launch starts Samba and waits until it answers.
func (d *DC) launch(ctx context.Context) error {
	console, err := os.OpenFile(d.consoleFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("DC's console: %w", err)
	}
	defer console.Close() // the DC has its own copy
	args := d.wired("sh", "-c", enterScript, "enter", d.root, d.dir,
		"samba", "-F", "--no-process-group", "-l", "/lab/log", "-s", "/lab/etc/smb.conf")
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = console, console
	begin := time.Now()
	p, err := startIsolated(cmd)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.process = p
	d.mu.Unlock()
	if err := d.waitReady(ctx, p); err != nil {
		return fmt.Errorf("starting the DC on %s: %w", d.Addr(), err)
	}
	d.log.Info("DC answers", "address", d.Addr(), "milliseconds", time.Since(begin).Milliseconds())
	return nil
}

// wired is a command that runs behind the DC's cable, if it has one.
func (d *DC) wired(args ...string) []string {
	if d.cable == nil {
		return args
	}
	return slices.Concat([]string{"nsenter"}, d.cable.enter(), args)
}

func (d *DC) consoleFile() string { return filepath.Join(d.dir, "log", "console") }

// waitReady returns when an LDAPS bind works and the other services accept connections.
func (d *DC) waitReady(ctx context.Context, p *process) error {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		err := d.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("it ended: %w: %s", p.err, d.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%w; last attempt: %w: %s", context.Cause(ctx), err, d.lastWords())
		}
	}
}

func (d *DC) answers(ctx context.Context) error {
	dialer := net.Dialer{Timeout: time.Second}
	for _, port := range []int{53, 88, 135} {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(d.Addr(), strconv.Itoa(port)))
		if err != nil {
			return err
		}
		if err := conn.Close(); err != nil {
			return err
		}
	}
	if d.readOnly { // it can check nobody's password yet
		conn, err := d.Dial(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = readOne(conn, "", "dsServiceName")
		return err
	}
	conn, err := d.adminConn(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

// lastWords are the ends of the DC's console and log, for an error.
func (d *DC) lastWords() string {
	var all []string
	for _, file := range []string{d.consoleFile(), d.LogFile()} {
		if b, err := os.ReadFile(file); err == nil {
			all = append(all, lastLines(string(b), 8))
		}
	}
	return strings.Join(all, "\n")
}

// running is the process of the running DC.
func (d *DC) running() (*process, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.process == nil {
		return nil, ErrNotRunning
	}
	select {
	case <-d.process.done:
		return nil, ErrNotRunning
	default:
		return d.process, nil
	}
}

// Stop ends the DC, releases its address and removes its folder unless the caller named it. Safe to call twice.
func (d *DC) Stop() error {
	var errs []error
	if p, err := d.running(); err == nil {
		errs = append(errs, p.signalAll(signalContinue), p.end(stopGrace))
	}
	errs = append(errs, d.address.release(), d.folder.release())
	return errors.Join(errs...)
}

// Kill ends the DC at once, as a crash or a power cut would for everybody who is connected. Its data stays:
// Restart brings it back on the same address.
func (d *DC) Kill() error {
	p, err := d.running()
	if err != nil {
		return err
	}
	return p.kill()
}

// Restart ends the DC in order, if it runs, and starts it again on the same address with the same data.
func (d *DC) Restart(ctx context.Context) error {
	if p, err := d.running(); err == nil {
		if err := errors.Join(p.signalAll(signalContinue), p.end(stopGrace)); err != nil {
			return fmt.Errorf("stopping the DC: %w", err)
		}
	}
	return d.launch(ctx)
}

// Pause freezes every process of the DC, in the middle of whatever it does: connections stay open and
// nothing answers. Resume continues it.
func (d *DC) Pause() error {
	p, err := d.running()
	if err != nil {
		return err
	}
	if err := p.freeze(freezeTime); err != nil {
		return fmt.Errorf("pausing the DC: %w", err)
	}
	return nil
}

// Resume continues a paused DC. It is no error if it was not paused.
func (d *DC) Resume() error {
	p, err := d.running()
	if err != nil {
		return err
	}
	return p.signalAll(signalContinue)
}

// Tool runs samba-tool inside the DC and returns what it wrote. Arguments are visible to the machine's other
// users while it runs.
func (d *DC) Tool(ctx context.Context, args ...string) ([]byte, error) {
	return d.inside(ctx, "", append([]string{"samba-tool"}, args...)...)
}

// inside runs a command in the namespaces and root of the running DC.
func (d *DC) inside(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	p, err := d.running()
	if err != nil {
		return nil, err
	}
	enter := []string{"--target", strconv.Itoa(p.pid), "--mount", "--pid", "--ipc", "--net", "--root", "--wd", "--"}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.Env = append(cleanEnvironment(), "SMB_CONF_PATH=/lab/etc/smb.conf")
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%s in the DC: %w: %s", args[0], err, lastLines(string(out), 5))
	}
	return out, nil
}
