package sync_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"homeward/internal/demo"
)

// Half of the kills hit a full run in which everybody is new, half of them changes.
const (
	kills = 50
	crowd = 1500
)

// TestKillsChangeNothing kills agent and server at fifty random moments. The cloud ends equal to the directory, as it does
// undisturbed, and nobody is there twice.
func TestKillsChangeNothing(t *testing.T) {
	t.Parallel()
	s := start(t, sample())
	s.lax(t)
	s.equal(t, patience)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k := &killer{site: s, t: t, r: rand.New(rand.NewPCG(seed, 2))}
	must(t, s.Agent.Stop())
	must(t, s.DC.Crowd(t.Context(), crowd))
	must(t, s.engine.WantFull(t.Context(), demo.TenantID, "", "test"))
	must(t, s.LaunchAgent())
	for range kills / 2 {
		k.kill()
	}
	s.equal(t, patience)
	c := &chaos{site: s, t: t, r: k.r, outside: "OU=Elsewhere," + s.DC.BaseDN()}
	c.add(c.outside, "organizationalUnit", nil)
	for range kills / 2 {
		for range 4 {
			c.step()
		}
		if k.r.IntN(6) == 0 {
			must(t, s.engine.WantFull(t.Context(), demo.TenantID, "", "test"))
		}
		k.kill()
	}
	s.equal(t, patience)
}

type killer struct {
	*site

	t *testing.T
	r *rand.Rand
}

// kill waits for a random moment, kills one side and starts it again.
func (k *killer) kill() {
	k.t.Helper()
	// A killed side needs about a second to be at sync again.
	moment := time.NewTimer(time.Duration(k.r.IntN(2000)) * time.Millisecond)
	<-moment.C
	if k.r.IntN(2) == 0 {
		must(k.t, k.Agent.Kill())
		must(k.t, k.LaunchAgent())
		return
	}
	must(k.t, k.Server.Kill())
	must(k.t, k.StartServer(k.t.Context()))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
