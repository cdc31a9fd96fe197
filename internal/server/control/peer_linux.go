package control

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// admitted reports whether the process at the other end runs as the server's own account or as root. The socket's mode says the
// same, but not to whoever was handed a connection that somebody else had opened.
func admitted(c net.Conn) error {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("a %T is no connection of a socket file", c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) { peer, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return err
	}
	if asked != nil {
		return fmt.Errorf("ask who is there: %w", asked)
	}
	if peer.Uid != 0 && int(peer.Uid) != os.Geteuid() {
		return fmt.Errorf("user %d is neither the server's account nor root", peer.Uid)
	}
	return nil
}
