package activedirectory

import (
	"time"

	"golang.org/x/sys/unix"
)

// limitUnsent sets TCP_USER_TIMEOUT (RFC 5482, tcp(7)).
func limitUnsent(fd uintptr, life time.Duration) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(life.Milliseconds()))
}
