package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

type lockMode int

const (
	lockShared    lockMode = syscall.LOCK_SH
	lockExclusive lockMode = syscall.LOCK_EX
)

// tryLock takes the lock or returns errLocked at once.
func tryLock(f *os.File, mode lockMode) error {
	err := syscall.Flock(int(f.Fd()), int(mode)|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// platformUsable says why this process cannot run a lab at all.
func platformUsable() error {
	if os.Geteuid() != 0 {
		return errors.New("the lab needs root: its DC listens on ports below 1024 and runs in its own mount and pid namespaces")
	}
	return nil
}

// isolate gives cmd its own mount, pid and IPC namespaces and ties it to the thread that starts it. As first
// process of its pid namespace it takes all its descendants with it when it ends.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
}

// Signals for a whole DC.
const (
	signalStop     = syscall.SIGTERM
	signalKill     = syscall.SIGKILL
	signalFreeze   = syscall.SIGSTOP
	signalContinue = syscall.SIGCONT
)

// signalOne signals a process; that it is gone is no error.
func signalOne(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("signal %s to process %d: %w", sig, pid, err)
	}
	return nil
}

// members are the processes in the pid namespace of the process first, itself included.
func members(first int) ([]int, error) {
	space, err := os.Readlink(namespaceOf(strconv.Itoa(first)))
	if err != nil {
		return nil, fmt.Errorf("pid namespace of process %d: %w", first, err)
	}
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		name := filepath.Base(entry)
		other, err := os.Readlink(namespaceOf(name))
		if err != nil || other != space { // gone meanwhile, or somebody else's
			continue
		}
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func namespaceOf(pid string) string { return filepath.Join("/proc", pid, "ns", "pid") }

// frozen says whether a process is stopped, or not there any more (proc(5), third field of stat).
func frozen(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(after, "T") || strings.HasPrefix(after, "Z")
}
