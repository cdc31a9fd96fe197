package dctest

import (
	"testing"

	"homeward/internal/lab"
)

// Network gives a switch of the test's own, with cables that can be pulled: [lab.Options].Cable puts a DC behind
// one, [lab.Cable.Command] an agent. It ends with the test; make it before the DCs on it.
func Network(t testing.TB) *lab.Network {
	t.Helper()
	n, err := lab.NewNetwork(t.Context())
	if err != nil {
		t.Fatalf("making a network: %v", err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("removing the network: %v", err)
		}
	})
	return n
}

// Cable lays one more cable.
func Cable(t testing.TB, n *lab.Network) *lab.Cable {
	t.Helper()
	c, err := n.Cable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Unplug pulls a cable.
func Unplug(t testing.TB, c *lab.Cable) {
	t.Helper()
	if err := c.Unplug(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Plug puts a cable back.
func Plug(t testing.TB, c *lab.Cable) {
	t.Helper()
	if err := c.Plug(t.Context()); err != nil {
		t.Fatal(err)
	}
}
