package lab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"homeward/internal/lab"
	"homeward/test/dctest"
)

// networkVariable makes the test binary make a network, say where, and wait to be killed.
const networkVariable = "HOMEWARD_LAB_TEST_NETWORK"

func networkChild() int {
	n, err := lab.NewNetwork(context.Background())
	if err == nil {
		_, err = n.Cable(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	fmt.Fprintln(os.Stdout, n.Host())
	select {}
}

// traces are the links and namespaces of a network that the machine still has.
func traces(t *testing.T, host string) []string {
	t.Helper()
	prefix := "hw" + strings.Split(host, ".")[2]
	var all []string
	for _, pattern := range []string{"/sys/class/net/" + prefix + "[bc]*", "/run/netns/" + prefix + "c*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

func noAnswer(err error) bool {
	var slow net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &slow) && slow.Timeout()
}

func TestUnpluggedDC(t *testing.T) {
	network := dctest.Network(t)
	here, there := dctest.Cable(t, network), dctest.Cable(t, network)
	one, two := dctest.PairBehind(t, lab.Options{Cable: here}, there)
	if one.Addr() != here.Addr() || two.Addr() != there.Addr() {
		t.Errorf("DCs at %s and %s", one.Addr(), two.Addr())
	}
	p := one.NewPerson(t)
	dctest.Eventually(t, 20*time.Second, func() error { return two.Bind(p.UPN, p.Password) })
	dctest.Unplug(t, here)
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if err := one.DC.Bind(ctx, p.UPN, p.Password); !noAnswer(err) {
		t.Errorf("bind to an unplugged DC: %v, want no answer", err)
	}
	if err := two.Bind(p.UPN, p.Password); err != nil {
		t.Errorf("bind to the other DC: %v", err)
	}
	dctest.Plug(t, here)
	dctest.Eventually(t, 10*time.Second, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return one.DC.Bind(ctx, p.UPN, p.Password)
	})
}

func TestCommandBehindACable(t *testing.T) {
	dc := dctest.Start(t)
	network := dctest.Network(t)
	cable := dctest.Cable(t, network)
	wire := dctest.NewWireAt(t, network.Host()+":0", dc.Addr()+":636")
	conf, err := dc.TLSConfig()
	if err != nil || conf == nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(wire.Addr(), ":")
	connect := func(to, within string) error {
		script := fmt.Sprintf("exec 3<>/dev/tcp/%s", strings.ReplaceAll(to, ":", "/"))
		return cable.Command(t.Context(), "timeout", within, "bash", "-c", script).Run()
	}
	if err := connect(network.Host()+":"+port, "20"); err != nil {
		t.Errorf("a wire at the host's end: %v", err)
	}
	if err := connect(dc.Addr()+":636", "1"); err == nil {
		t.Error("the host's loopback is seen behind the cable")
	}
	dctest.Unplug(t, cable)
	if err := connect(network.Host()+":"+port, "1"); err == nil {
		t.Error("an unplugged cable carries")
	}
	dctest.Plug(t, cable)
	dctest.Eventually(t, 20*time.Second, func() error { return connect(network.Host()+":"+port, "5") })
}

func TestNetworkOfAKilledProcessIsRemoved(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), networkVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	host, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(host, "10.213.") {
		t.Fatalf("child said %q, %v", host, err)
	}
	if len(traces(t, host)) == 0 {
		t.Fatal("the network is not seen while its process runs: this test would prove nothing")
	}
	alive, err := lab.NewNetwork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(traces(t, host)) == 0 || alive.Host() == strings.TrimSpace(host) {
		t.Error("making a network removed that of a living process")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	next, err := lab.NewNetwork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(alive.Close(), next.Close(), next.Close()); err != nil {
		t.Error(err)
	}
	for _, h := range []string{host, alive.Host(), next.Host()} {
		if left := traces(t, h); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
