package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// address is a loopback address that belongs to this process until release, or a cable's, without a lock.
type address struct {
	ip   string
	lock *os.File
}

// Loopback addresses tried, 127.0.0.N; low numbers are left to the machine's own resolvers.
const firstAddress, lastAddress = 20, 250

// dcPorts are the TCP ports the DC opens on its address; Samba cannot be told others for LDAP.
func dcPorts() []int {
	return []int{53, 88, 135, 389, 464, 636, 3268, 3269, 49152, 49153, 49154}
}

// reserveAddress finds an address nobody uses. The lock file keeps other lab processes away from it, the
// trial listening everybody else.
func (c *cache) reserveAddress(ctx context.Context) (*address, error) {
	dir := c.path("addresses")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("address locks: %w", err)
	}
	var last error
	for n := firstAddress; n <= lastAddress; n++ {
		ip := "127.0.0." + strconv.Itoa(n)
		f, err := os.OpenFile(filepath.Join(dir, ip), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("address lock: %w", err)
		}
		err = tryLock(f, lockExclusive)
		if err == nil {
			err = portsFree(ctx, ip)
		}
		if err == nil {
			return &address{ip: ip, lock: f}, nil
		}
		last = err
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("no loopback address from 127.0.0.%d to .%d is free for a DC: %w", firstAddress, lastAddress, last)
}

func portsFree(ctx context.Context, ip string) error {
	var config net.ListenConfig
	for _, port := range dcPorts() {
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (a *address) release() error {
	if a == nil || a.lock == nil {
		return nil
	}
	err := a.lock.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
