package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Network is a switch of its own with cables that can be pulled: a bridge on this machine, and for each cable a
// network namespace behind it. Nothing of it reaches the machine's own network. It needs root and iproute2.
//
// Names carry the number of the network (hwNbr, hwNcM), and a lock file per number says whether its process
// lives: whoever makes the next network removes what a killed process left.
type Network struct {
	number int
	lock   *os.File
	ctx    context.Context // for removing it: it does not end

	mu     sync.Mutex
	cables int
}

// Networks tried, 10.213.N.0/24.
const networks = 250

// NewNetwork makes a network. End it with Close, after everything in it.
func NewNetwork(ctx context.Context) (*Network, error) {
	if err := platformUsable(); err != nil {
		return nil, err
	}
	if !found("ip") {
		return nil, errors.New("a network needs the package iproute2: apt-get install iproute2")
	}
	dir, err := CacheDir()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "networks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("network locks: %w", err)
	}
	var mine *Network
	for n := 1; n <= networks; n++ {
		file := filepath.Join(dir, strconv.Itoa(n))
		if mine != nil && !exists(file) { // never used, nor any after it
			break
		}
		lock, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("network lock: %w", err), mine.Close())
		}
		if tryLock(lock, lockExclusive) != nil { // in use
			_ = lock.Close()
			continue
		}
		found := &Network{number: n, lock: lock, ctx: context.WithoutCancel(ctx)}
		err = found.sweep(ctx)
		if mine == nil && err == nil {
			mine = found
			continue
		}
		if err := errors.Join(err, lock.Close()); err != nil {
			return nil, errors.Join(err, mine.Close())
		}
	}
	if mine == nil {
		return nil, errors.New("every network number from 1 to " + strconv.Itoa(networks) + " is in use")
	}
	if err := mine.make(ctx); err != nil {
		return nil, errors.Join(err, mine.Close())
	}
	return mine, nil
}

func (n *Network) make(ctx context.Context) error {
	for _, args := range [][]string{
		{"link", "add", n.bridge(), "type", "bridge", "forward_delay", "0", "stp_state", "0", "mcast_snooping", "0"},
		{"addr", "add", n.Host() + "/24", "dev", n.bridge()},
		{"link", "set", n.bridge(), "up"},
	} {
		if err := ip(ctx, args...); err != nil {
			return fmt.Errorf("making a network: %w", err)
		}
	}
	return nil
}

func (n *Network) bridge() string { return "hw" + strconv.Itoa(n.number) + "br" }

func (n *Network) address(host int) string { return fmt.Sprintf("10.213.%d.%d", n.number, host) }

// Host is this machine's address in the network. It cannot be unplugged.
func (n *Network) Host() string { return n.address(1) }

// sweep removes whatever carries the network's number.
func (n *Network) sweep(ctx context.Context) error {
	prefix := "hw" + strconv.Itoa(n.number)
	spaces, err := filepath.Glob(filepath.Join(namespaceDir, prefix+"c*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, space := range spaces { // its end of the cable ends with it, and so the other end
		errs = append(errs, ip(ctx, "netns", "delete", filepath.Base(space)))
	}
	links, err := filepath.Glob("/sys/class/net/" + prefix + "[bc]*")
	for _, link := range links {
		// A cable goes with its namespace, but not at once.
		if err := ip(ctx, "link", "delete", filepath.Base(link)); exists(link) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, err)...)
}

// Close removes the network and its cables. Safe to call twice, and on nil.
func (n *Network) Close() error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lock == nil {
		return nil
	}
	err := errors.Join(n.sweep(n.ctx), n.lock.Close())
	n.lock = nil
	return err
}

// namespaceDir is where iproute2 keeps named network namespaces.
const namespaceDir = "/run/netns"

// Cable connects one network namespace to a Network.
type Cable struct {
	name string // of the namespace, and of the cable's end at the switch
	addr string
}

// Cable adds a namespace with one address. It comes plugged in, and goes with the network.
func (n *Network) Cable(ctx context.Context) (*Cable, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cables++
	c := &Cable{name: fmt.Sprintf("hw%dc%d", n.number, n.cables), addr: n.address(1 + n.cables)}
	for _, args := range [][]string{
		{"netns", "add", c.name},
		{"-n", c.name, "link", "set", "lo", "up"},
		{"link", "add", c.name, "type", "veth", "peer", "name", "eth0", "netns", c.name},
		{"-n", c.name, "addr", "add", c.addr + "/24", "dev", "eth0"},
		{"-n", c.name, "link", "set", "eth0", "up"},
		{"link", "set", c.name, "master", n.bridge(), "up"},
	} {
		if err := ip(ctx, args...); err != nil {
			return nil, fmt.Errorf("laying a cable: %w", err)
		}
	}
	return c, nil
}

// Addr is the address at the far end, 10.213.N.M.
func (c *Cable) Addr() string { return c.addr }

// Unplug pulls the cable: what is sent either way from now on is lost, and nobody is told.
func (c *Cable) Unplug(ctx context.Context) error { return ip(ctx, "link", "set", c.name, "down") }

// Plug puts the cable back.
func (c *Cable) Plug(ctx context.Context) error { return ip(ctx, "link", "set", c.name, "up") }

// Command is a command that runs behind the cable: it sees the network, itself on 127.0.0.1, and nothing else.
func (c *Cable) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append(c.enter(), append([]string{program}, args...)...)...)
}

func (c *Cable) enter() []string {
	return []string{"--net=" + filepath.Join(namespaceDir, c.name), "--"}
}

func ip(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, lastLines(string(out), 3))
	}
	return nil
}
