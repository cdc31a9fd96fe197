package broker_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/relay"
	"homeward/internal/seal"
)

// BenchmarkSealedRoundTrip is one writing command without the directory: the server seals and signs, it
// goes down a real HTTPS front, the splice and the WebSocket to an agent, which verifies, opens and
// answers. Both ends share the machine.
func BenchmarkSealedRoundTrip(b *testing.B) {
	for _, inFlight := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("inflight=%d", inFlight), func(b *testing.B) { benchmarkSealed(b, inFlight) })
	}
}

func benchmarkSealed(b *testing.B, inFlight int) {
	r := newRig(b)
	a := r.enrol(b, r.tenant)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(b, err)
	key, err := seal.GenerateKey()
	must(b, err)
	l := r.link(b, a)
	serve(b, l, func(_ context.Context, c relay.Command) {
		answer := protocol.Accepted{Version: 1, Agent: a.key, Accepted: opens(c.Data, public, key)}
		_ = c.Reply(mustEncode(b, answer))
	})
	r.waitServing(b, r.tenant, a.key)
	nc := r.conn(b, r.tenant)
	lost := r.broker.Presence().Lost(r.tenant.Account(), a.key)
	call := relay.Caller{Begin: r.broker.Begin}

	took := make([]time.Duration, b.N)
	next := make(chan int)
	var workers sync.WaitGroup
	b.ResetTimer()
	for range inFlight {
		workers.Go(func() {
			for i := range next {
				start := time.Now()
				got, err := call.Call(b.Context(), nc, a.key, protocol.Reset, sealed(b, private, key.Public()), lost)
				if err != nil || !got.Accepted {
					b.Errorf("%+v %v", got, err)
				}
				took[i] = time.Since(start)
			}
		})
	}
	for i := range b.N {
		next <- i
	}
	close(next)
	workers.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}

func sealed(b *testing.B, private ed25519.PrivateKey, to seal.PublicKey) []byte {
	now := time.Now()
	h := seal.Header{
		Tenant: "tenant", Key: to.ID(), Anchor: make([]byte, 16), Operation: string(protocol.Reset),
		Issued: now, AcceptBy: now.Add(3 * time.Second), Expires: now.Add(time.Minute),
	}
	_, _ = rand.Read(h.Request[:])
	header, err := h.Marshal()
	if err != nil {
		b.Error(err)
		return nil
	}
	secret, err := seal.Seal(to, header, []byte("correct horse battery staple"))
	if err != nil {
		b.Error(err)
		return nil
	}
	e, err := seal.Sign(private, header, secret)
	if err != nil {
		b.Error(err)
		return nil
	}
	return e.Marshal()
}

func opens(data []byte, server ed25519.PublicKey, key seal.PrivateKey) bool {
	e, err := seal.UnmarshalEnvelope(data)
	if err != nil || !e.Verify(server) {
		return false
	}
	secrets, err := seal.Open(key, e.Header, e.Sealed)
	return err == nil && len(secrets) == 1
}
