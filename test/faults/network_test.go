package faults_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// wired is a storm whose agent reaches the portal and the controller through wires that the test holds.
type wired struct {
	*storm
	portal, directory *dctest.Wire
}

// brewWired starts a stack. The agent sees a hosts file in which the controller's name leads to the wire, because the
// certificate is the controller's.
func brewWired(t *testing.T) *wired {
	t.Helper()
	return brewBehind(t, "127.0.0.1")
}

// brewBehind is brewWired for an agent that finds both wires at an address of this machine, and runs behind a command.
func brewBehind(t *testing.T, here string, enter ...string) *wired {
	t.Helper()
	w := &wired{}
	hosts := filepath.Join(t.TempDir(), "hosts")
	var fqdn string
	o := demo.Options{
		Wrap: append(enter, "unshare", "--mount", "sh", "-ec", `mount --bind "$0" /etc/hosts; exec "$@"`, hosts),
		Prepare: func(_ context.Context, dc *lab.DC) error {
			w.directory, fqdn = dctest.NewWireAt(t, net.JoinHostPort(here, "0"), net.JoinHostPort(dc.Addr(), "636")), dc.Host()
			return os.WriteFile(hosts, []byte(here+" localhost "+fqdn+"\n"), 0o644)
		},
		Edit: func(agent map[string]any) {
			portal, err := url.Parse(agent["server"].(string))
			if err != nil {
				t.Fatal(err)
			}
			w.portal = dctest.NewWireAt(t, net.JoinHostPort(here, "0"), portal.Host)
			agent["server"] = "https://localhost:" + port(t, w.portal.Addr())
			first := agent["directories"].([]any)[0].(map[string]any)
			first["urls"] = []string{"ldaps://" + fqdn + ":" + port(t, w.directory.Addr())}
		},
	}
	w.storm = brew(t, o)
	return w
}

func port(t *testing.T, address string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wires runs a fault on each of the two wires, and on both at once.
func wires(t *testing.T, fault func(*wired, ...*dctest.Wire)) {
	t.Helper()
	t.Parallel()
	for name, pick := range map[string]func(*wired) []*dctest.Wire{
		"portal":    func(w *wired) []*dctest.Wire { return []*dctest.Wire{w.portal} },
		"directory": func(w *wired) []*dctest.Wire { return []*dctest.Wire{w.directory} },
		"both":      func(w *wired) []*dctest.Wire { return []*dctest.Wire{w.portal, w.directory} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := brewWired(t)
			w.run(count(), func(*storm) { fault(w, pick(w)...) })
			w.verdict()
		})
	}
}

// Every byte vanishes for five seconds, in both directions, and nobody is told.
func TestBlackHole(t *testing.T) {
	wires(t, func(w *wired, broken ...*dctest.Wire) {
		for i := range int64(2) {
			w.reached((i + 1) * int64(count()) / 6)
			for _, b := range broken {
				b.BlackHole()
			}
			w.stay(5 * time.Second)
			for _, b := range broken {
				b.Pass()
				b.Break() // their TLS would fail at the gap: as if the firewall forgot the connections
			}
		}
	})
}

// Everything stands still for ten seconds, and is then delivered.
func TestStall(t *testing.T) {
	wires(t, func(w *wired, broken ...*dctest.Wire) {
		for i := range int64(2) {
			w.reached((i + 1) * int64(count()) / 6)
			for _, b := range broken {
				b.Hold()
			}
			w.stay(10 * time.Second)
			for _, b := range broken {
				b.Pass()
			}
		}
	})
}

// The other side hears and obeys, and its answers are lost.
func TestAnswersLost(t *testing.T) {
	wires(t, func(w *wired, broken ...*dctest.Wire) {
		for i := range int64(2) {
			w.reached((i + 1) * int64(count()) / 6)
			for _, b := range broken {
				b.LoseAnswers()
			}
			w.stay(3 * time.Second)
			for _, b := range broken {
				b.Pass()
				b.Break()
			}
		}
	})
}

// The agent's machine hangs on one cable, and somebody pulls it: no packet passes, no connection is closed.
func TestCablePulled(t *testing.T) {
	t.Parallel()
	network, err := lab.NewNetwork(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
	cable, err := network.Cable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	command := cable.Command(t.Context(), "agent").Args
	w := brewBehind(t, network.Host(), command[:len(command)-1]...)
	w.run(count(), func(*storm) {
		for i := range int64(2) {
			w.reached((i + 1) * int64(count()) / 6)
			w.must(cable.Unplug(t.Context()))
			w.stay(6 * time.Second)
			w.must(cable.Plug(t.Context()))
		}
	})
	w.verdict()
}

// A wire that nothing goes through would make the others pass.
func TestWiresAreReal(t *testing.T) {
	t.Parallel()
	w := brewWired(t)
	b, err := os.ReadFile(w.Path("agent.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, wire := range []*dctest.Wire{w.portal, w.directory} {
		if !strings.Contains(string(b), ":"+port(t, wire.Addr())) {
			t.Error("the agent's configuration doesn't name the wire")
		}
		if wire.Open() == 0 {
			t.Errorf("nothing goes through the wire at %s", wire.Addr())
		}
	}
}
