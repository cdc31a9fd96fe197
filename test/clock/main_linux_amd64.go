// Command clock runs a program whose clock is wrong:
//
//	clock 5m program arguments…
//
// Every CLOCK_REALTIME the program reads, in any of its threads, is that much later (or earlier). Monotonic time stays
// as it is. It stands between a program and the kernel with ptrace and a seccomp filter that stops at the calls that
// read a clock and at nothing else; the vDSO, which would answer without the kernel, is hidden from the program.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	filtered = "HOMEWARD_CLOCK_FILTERED" // set for the stage that installs the filter

	atSysinfoEHDR = 33 // getauxval(3)
	atIgnore      = 1
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: clock DURATION PROGRAM [ARGUMENT…]")
		os.Exit(2)
	}
	if os.Getenv(filtered) != "" {
		fmt.Fprintln(os.Stderr, "clock:", become(os.Args[2:]))
		os.Exit(1)
	}
	by, err := time.ParseDuration(os.Args[1])
	if err == nil {
		var code int
		if code, err = run(by); err == nil {
			os.Exit(code)
		}
	}
	fmt.Fprintln(os.Stderr, "clock:", err)
	os.Exit(1)
}

// become installs the filter on this thread and turns into the program; the filter stays.
func become(argv []string) error {
	runtime.LockOSThread()
	if err := os.Unsetenv(filtered); err != nil {
		return err
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	stop := func(call uint32) []unix.SockFilter {
		return []unix.SockFilter{
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
			{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_TRACE},
		}
	}
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // seccomp_data.nr
	filter = append(filter, stop(unix.SYS_CLOCK_GETTIME)...)
	filter = append(filter, stop(unix.SYS_GETTIMEOFDAY)...)
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return syscall.Exec(path, argv, os.Environ())
}

// tracer follows one program and all its threads. ptrace wants one thread for everything.
type tracer struct {
	by     time.Duration
	main   int
	asked  map[int]uintptr // by thread: where the time of a call under way is put
	hidden bool            // the vDSO is out of the program's sight
}

func run(by time.Duration) (int, error) {
	runtime.LockOSThread()
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), filtered+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	t := &tracer{by: by, main: cmd.Process.Pid, asked: map[int]uintptr{}}
	return t.follow()
}

func (t *tracer) follow() (int, error) {
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.main, &status, unix.WALL, nil); err != nil {
		return 0, err
	}
	const options = unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC |
		unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.main, options); err != nil {
		return 0, fmt.Errorf("ptrace options: %w", err)
	}
	if err := unix.PtraceCont(t.main, 0); err != nil {
		return 0, fmt.Errorf("ptrace: %w", err)
	}
	for {
		pid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait: %w", err)
		}
		switch {
		case status.Exited() || status.Signaled():
			delete(t.asked, pid)
			if pid == t.main {
				if status.Signaled() {
					return 128 + int(status.Signal()), nil
				}
				return status.ExitStatus(), nil
			}
		case status.Stopped():
			if err := t.stopped(pid, status); err != nil && !errors.Is(err, unix.ESRCH) { // it was killed meanwhile
				return 0, err
			}
		}
	}
}

func (t *tracer) stopped(pid int, status unix.WaitStatus) error {
	sig := status.StopSignal()
	switch {
	case sig == unix.SIGTRAP|0x80:
		if err := t.answered(pid); err != nil {
			return err
		}
	case sig == unix.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		return t.asking(pid)
	case sig == unix.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_EXEC:
		// The first is the program's own; its children keep their vDSO, they are nobody's clock.
		if !t.hidden {
			if err := hideVDSO(pid); err != nil {
				return fmt.Errorf("hide the vDSO: %w", err)
			}
			t.hidden = true
		}
	case sig == unix.SIGTRAP, sig == unix.SIGSTOP: // events, and the first stop of a new thread
	default:
		return unix.PtraceCont(pid, int(sig))
	}
	return unix.PtraceCont(pid, 0)
}

// asking notes where the kernel will put the time, and stops again when it has.
func (t *tracer) asking(pid int) error {
	var r unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &r); err != nil {
		return err
	}
	at := uintptr(r.Rsi)
	if r.Orig_rax == unix.SYS_GETTIMEOFDAY {
		at = uintptr(r.Rdi)
	} else if r.Rdi != unix.CLOCK_REALTIME && r.Rdi != unix.CLOCK_REALTIME_COARSE {
		return unix.PtraceCont(pid, 0)
	}
	t.asked[pid] = at
	return unix.PtraceSyscall(pid, 0)
}

// answered moves the time that the kernel has put there. Both structs begin with seconds.
func (t *tracer) answered(pid int) error {
	at, ok := t.asked[pid]
	if !ok || at == 0 {
		return nil
	}
	delete(t.asked, pid)
	var b [8]byte
	if _, err := unix.PtracePeekData(pid, at, b[:]); err != nil {
		return err
	}
	seconds := int64(binary.LittleEndian.Uint64(b[:])) + int64(t.by/time.Second)
	binary.LittleEndian.PutUint64(b[:], uint64(seconds))
	_, err := unix.PtracePokeData(pid, at, b[:])
	return err
}

// hideVDSO takes the vDSO out of the auxiliary vector, which stands on the fresh stack above argc, argv and envp.
func hideVDSO(pid int) error {
	var r unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &r); err != nil {
		return err
	}
	at := uintptr(r.Rsp)
	word := func() (uint64, error) {
		var b [8]byte
		_, err := unix.PtracePeekData(pid, at, b[:])
		at += 8
		return binary.LittleEndian.Uint64(b[:]), err
	}
	if _, err := word(); err != nil { // argc
		return err
	}
	for range 2 { // argv and envp each end with a zero
		for {
			v, err := word()
			if err != nil {
				return err
			}
			if v == 0 {
				break
			}
		}
	}
	for {
		kind, err := word()
		if err != nil || kind == 0 {
			return err
		}
		if kind == atSysinfoEHDR {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], atIgnore)
			_, err := unix.PtracePokeData(pid, at-8, b[:])
			return err
		}
		at += 8
	}
}
