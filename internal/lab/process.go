package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// errLocked means that another process holds a lock file.
var errLocked = errors.New("locked by another process")

// process is a command that is the first of its own pid namespace.
type process struct {
	pid  int
	done chan struct{} // closed after the process has ended
	err  error         // how it ended; read after done
}

// startIsolated starts cmd in its own namespaces. The kernel kills it when the thread that started it ends,
// so that thread stays with it until it ends: a goroutine locked to its thread starts it and waits for it.
func startIsolated(cmd *exec.Cmd) (*process, error) {
	cmd.Env = cleanEnvironment()
	isolate(cmd)
	p := &process{done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s in its own namespaces: %w", cmd.Args[0], err)
	}
	return p, nil
}

// cleanEnvironment keeps only what a build needs to reach its mirror.
func cleanEnvironment() []string {
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root"}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy"} {
		if v := os.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// runIsolated runs a command to its end. The error carries the last lines it wrote.
func runIsolated(ctx context.Context, stdin io.Reader, args ...string) error {
	_, err := outputIsolated(ctx, stdin, args...)
	return err
}

func outputIsolated(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &out
	p, err := startIsolated(cmd)
	if err != nil {
		return nil, err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		err = errors.Join(context.Cause(ctx), signalOne(p.pid, signalKill))
		<-p.done
	}
	if err == nil && p.err != nil {
		err = fmt.Errorf("%s: %w: %s", args[0], p.err, lastLines(out.String(), 5))
	}
	return out.Bytes(), err
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// end waits for a process that was told to stop, and kills it after the grace time.
func (p *process) end(grace time.Duration) error {
	if err := signalOne(p.pid, signalStop); err != nil {
		return err
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return p.kill()
	}
}

// kill ends the process and with it everything in its pid namespace. It returns when all of it is gone.
func (p *process) kill() error {
	if err := signalOne(p.pid, signalKill); err != nil {
		return err
	}
	<-p.done
	return nil
}

// signalAll signals every process of the namespace.
func (p *process) signalAll(sig syscall.Signal) error {
	pids, err := members(p.pid)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := signalOne(pid, sig); err != nil {
			return err
		}
	}
	return nil
}

// freeze stops every process, repeating until no new one has been forked meanwhile.
func (p *process) freeze(within time.Duration) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := p.signalAll(signalFreeze); err != nil {
			return err
		}
		if p.allFrozen() {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("not every process stopped within %s", within)
		}
	}
}

func (p *process) allFrozen() bool {
	pids, err := members(p.pid)
	if err != nil {
		return false
	}
	for _, pid := range pids {
		if !frozen(pid) {
			return false
		}
	}
	return true
}
