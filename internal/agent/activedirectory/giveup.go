package activedirectory

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// unsentLife is how long the kernel tries to deliver what the agent has sent. When the agent is killed while the link is
// cut, its kernel goes on without it: a write must not reach the controller after a proof has been told "not written".
const unsentLife = 10 * time.Second

// dialer connects to controllers.
func dialer() *net.Dialer {
	return &net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var set error
		err := raw.Control(func(fd uintptr) { set = limitUnsent(fd, unsentLife) })
		return errors.Join(err, set)
	}}
}
