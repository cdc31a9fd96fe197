package activedirectory

import (
	"time"

	"golang.org/x/sys/windows"
)

// tcpMaxRT is TCP_MAXRT, in seconds (ws2ipdef.h; IPPROTO_TCP socket options).
const tcpMaxRT = 5

func limitUnsent(fd uintptr, life time.Duration) error {
	return windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_TCP, tcpMaxRT, int(life.Seconds()))
}
