package control_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"homeward/internal/server/control"
	"homeward/internal/server/reset"
)

// TestAStrangerIsTurnedAway: somebody of another account who could reach the socket all the same, as its mode was changed. It takes
// root to be somebody else; without it, only that its own account is let in can be seen.
func TestAStrangerIsTurnedAway(t *testing.T) {
	path, _ := serve(t, &people{ends: reset.Attempt{State: reset.Changed}})
	if err := control.NewClient(path).Call(t.Context(), control.PathUnlock, person("root"), &control.Outcome{}); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return
	}
	dir := filepath.Dir(path)
	for name, mode := range map[string]os.FileMode{filepath.Dir(dir): 0o711, dir: 0o711, path: 0o666} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := connectAs(path, 65534); err != nil {
		t.Error(err)
	}
}

// connectAs connects with a thread of its own, which runs as another user and ends with it, asks something, and reports an answer.
func connectAs(path string, uid int) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: nobody else gets this thread
		done <- func() error {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer func() { _ = unix.Close(fd) }()
			if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); e != 0 {
				return e
			}
			if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
				return err
			}
			body := `{"tenant":"contoso","operator":"root","name":"amara"}`
			_, _ = unix.Write(fd, []byte("POST "+control.PathUnlock+" HTTP/1.1\r\nHost: homeward\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)) // it may be closed already
			b := make([]byte, 512)
			n, err := unix.Read(fd, b)
			if n > 0 {
				return errors.New("a stranger got an answer: " + strings.SplitN(string(b[:n]), "\r\n", 2)[0])
			}
			if err != nil && !errors.Is(err, unix.ECONNRESET) {
				return err
			}
			return nil
		}()
	}()
	return <-done
}
