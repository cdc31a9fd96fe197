package broker_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/relay"
	"homeward/internal/server/broker"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
)

// Trap T1: a revocation must survive everything that makes the server apply an account again.
func TestRevocationSurvives(t *testing.T) {
	r := newRig(t)
	bad, good := r.enrol(t, r.tenant), r.enrol(t, r.tenant)
	link, other := r.mustRaw(t, bad, nats.NoReconnect()), r.mustRaw(t, good)
	list, err := r.broker.RevokeAgent(t.Context(), r.tenant.Account(), bad.key)
	must(t, err)
	if _, ok := list[bad.key]; !ok || len(list) != 1 {
		t.Errorf("revocations to store: %v", list)
	}
	eventually(t, "revoked agent is disconnected", link.IsClosed)
	if !other.IsConnected() {
		t.Error("the other agent was disconnected too")
	}
	stillRevoked := func(t *testing.T, r *rig, when string) {
		t.Helper()
		if _, err := r.raw(t, bad); err == nil { // which error depends on who closes first
			t.Errorf("%s: revoked agent connected", when)
		}
		if _, err := r.raw(t, good); err != nil {
			t.Errorf("%s: good agent got %v", when, err)
		}
	}
	stillRevoked(t, r, "at once")

	must(t, r.broker.PushCloudAgain(t.Context()))
	stillRevoked(t, r, "after the imported account came again")

	// The store lost the list: the directory still has it.
	must(t, r.broker.AddTenant(t.Context(), broker.TenantAccount{Keys: r.tenant, MaxAgents: 7}))
	stillRevoked(t, r, "after a change of the tenant")
	r.addTenant(t)
	stillRevoked(t, r, "after another tenant's import")

	r.close(t)
	again := openRig(t, r.cfg)
	stillRevoked(t, again, "after a restart, before the tenant was added")
	must(t, again.broker.AddTenant(t.Context(), broker.TenantAccount{Keys: r.tenant}))
	stillRevoked(t, again, "after a restart")
	must(t, again.broker.PushCloudAgain(t.Context()))
	stillRevoked(t, again, "after a restart and the imported account again")
}

// Trap T1: with an empty directory the list comes from the store.
func TestRevocationFromStore(t *testing.T) {
	r := newRig(t)
	bad := r.enrol(t, r.tenant)
	list, err := r.broker.RevokeAgent(t.Context(), r.tenant.Account(), bad.key)
	must(t, err)
	r.close(t)
	cfg := r.cfg
	cfg.Dir = t.TempDir()
	again := openRig(t, cfg)
	must(t, again.broker.AddTenant(t.Context(), broker.TenantAccount{Keys: r.tenant, Revocations: list}))
	if _, err := again.raw(t, bad); err == nil {
		t.Error("revoked agent connected")
	}
	// Re-enrolled: a JWT of a later second is good again.
	eventually(t, "a fresh JWT is accepted", func() bool {
		bad.jwt, _, err = again.broker.AgentJWT(r.tenant, bad.key, "DC1", time.Hour)
		must(t, err)
		_, err := again.raw(t, bad)
		return err == nil
	})
}

func TestRevocationsArePruned(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(c *broker.Config) { c.Clock = func() time.Time { return now } })
	old, fresh := r.enrol(t, r.tenant), r.enrol(t, r.tenant)
	_, err := r.broker.RevokeAgent(t.Context(), r.tenant.Account(), old.key)
	must(t, err)
	now = now.Add(broker.MaxAgentTTL + 48*time.Hour)
	list, err := r.broker.RevokeAgent(t.Context(), r.tenant.Account(), fresh.key)
	must(t, err)
	if d := cmp.Diff(broker.Revocations{fresh.key: now.UTC().Truncate(time.Second)}, list); d != "" {
		t.Error(d)
	}
}

// Trap T1b: the server answers 200 to an account JWT it will not go by.
func TestForeignAccountIsNotPushed(t *testing.T) {
	r := newRig(t)
	keys, err := broker.NewTenantKeys()
	must(t, err)
	tenant := broker.TenantAccount{Keys: keys}
	token, err := r.broker.ForeignAccount(tenant)
	must(t, err)
	if err := r.broker.PushChecked(t.Context(), keys.Account(), token); !errors.Is(err, broker.ErrClaims) {
		t.Errorf("our verification says %v", err)
	}
	if err := r.broker.PushUnchecked(t.Context(), token); err != nil {
		t.Errorf("the server has become stricter (%v): the trap may be gone", err)
	}
	if err := r.broker.Probe(tenant, token); !errors.Is(err, broker.ErrNotApplied) {
		t.Errorf("the probe says %v", err)
	}
	// What it stored is not taken for ours, and is repaired by adding the tenant.
	must(t, r.broker.AddTenant(t.Context(), tenant))
	if _, err := r.raw(t, r.enrol(t, keys)); err != nil {
		t.Error(err)
	}
}

// Trap T2: after a reconnect an answer to the reply inbox is refused, one on the result subject arrives.
func TestResultAfterReconnect(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	results := make(chan protocol.Uplink, 1)
	_, err := relay.Listen(t.Context(), r.broker.CloudConn(), relay.ListenConfig{},
		func(_ context.Context, up protocol.Uplink, _ []byte) any {
			results <- up
			return protocol.Ack{OK: true}
		})
	must(t, err)
	refused := make(chan error, 8)
	nc := r.mustRaw(t, a, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	commands, err := nc.SubscribeSync(protocol.DownAll(a.key))
	must(t, err)
	must(t, nc.Flush())

	server := r.conn(t, r.tenant)
	inbox, err := server.SubscribeSync(server.NewInbox())
	must(t, err)
	must(t, server.PublishRequest(protocol.Down(a.key, protocol.Reset), inbox.Subject, []byte("x")))
	m, err := commands.NextMsg(patience)
	must(t, err)

	before := nc.Stats().Reconnects
	r.broker.KickAgent(r.tenant.Account(), a.key)
	eventually(t, "agent reconnects", func() bool { return nc.Stats().Reconnects > before && nc.IsConnected() })

	must(t, m.Respond([]byte("late")))
	for err := range refused {
		if errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), "_INBOX") {
			break
		}
	}
	if _, err := inbox.NextMsg(50 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("late answer on the reply inbox: %v", err)
	}
	ack, err := nc.Request(protocol.UpResultFor(a.key, "r1"), []byte("{}"), patience)
	must(t, err)
	if got := string(ack.Data); got != `{"ok":true}` {
		t.Errorf("acknowledgement %s", got)
	}
	want := protocol.Uplink{Account: r.tenant.Account(), Agent: a.key, Kind: protocol.UpResult, Request: "r1"}
	if d := cmp.Diff(want, <-results); d != "" {
		t.Error(d)
	}
}

// Trap T3: nothing but the disconnect advisory tells that a responder died.
func TestAgentDiesMidRequest(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	l := r.link(t, a)
	got := make(chan struct{})
	forget := make(chan struct{})
	go func() {
		_ = l.Serve(t.Context(), func(context.Context, relay.Command) {
			close(got)
			<-forget
		})
	}()
	defer close(forget)
	r.waitServing(t, r.tenant, a.key)
	lost := r.broker.Presence().Lost(r.tenant.Account(), a.key)
	answer := make(chan error, 1)
	go func() {
		_, err := relay.Caller{Wait: time.Minute}.Call(t.Context(), r.conn(t, r.tenant), a.key, protocol.Reset, nil, lost)
		answer <- err
	}()
	<-got
	start := time.Now()
	must(t, l.Close())
	err := <-answer
	if took := time.Since(start); !errors.Is(err, relay.ErrLost) || took > 2*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
	if r.broker.Presence().Online(r.tenant.Account(), a.key) {
		t.Error("dead agent is online")
	}
}

// Trap T4: LameDuckShutdown does nothing without a listener, and http.Server ignores hijacked
// connections: Close must end everything itself.
func TestCloseEndsEverything(t *testing.T) {
	eventually(t, "goroutines of earlier tests end", func() bool { return strings.Count(stacks(), "nats-server/v2/server.") == 0 })
	before := runtime.NumGoroutine()
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	nc := r.mustRaw(t, a, nats.NoReconnect())
	_, err := nc.Subscribe(protocol.DownAll(a.key), func(m *nats.Msg) {
		_ = m.Respond(mustEncode(t, protocol.Accepted{Agent: a.key, Accepted: true}))
	})
	must(t, err)
	must(t, nc.Flush())
	idle := r.upgrade(t, r.enrol(t, r.tenant)) // never says CONNECT
	if n := r.broker.Connections(); n != 2 {
		t.Fatalf("%d connections, want 2", n)
	}
	end, err := r.broker.Begin()
	must(t, err)
	closed := make(chan error, 1)
	go func() { closed <- r.broker.Close(context.WithoutCancel(t.Context())) }()
	eventually(t, "new calls are refused", func() bool {
		end, err := r.broker.Begin()
		if err == nil {
			end()
		}
		return errors.Is(err, broker.ErrClosing)
	})
	if _, err := r.raw(t, r.enrol(t, r.tenant)); err == nil {
		t.Error("an agent connected while closing")
	}
	// A call that is in flight still gets its answer.
	if !nc.IsConnected() {
		t.Error("agent was cut off before the call in flight had ended")
	}
	end()
	must(t, <-closed)
	eventually(t, "agent's connection ends", nc.IsClosed)
	must(t, idle.SetReadDeadline(time.Now().Add(patience)))
	for {
		if _, err := idle.Read(make([]byte, 512)); err != nil {
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				t.Error("an idle connection outlived Close")
			}
			break
		}
	}
	_ = idle.Close()
	if n := r.broker.Connections(); n != 0 {
		t.Errorf("%d connections left", n)
	}
	if c, err := net.Dial("tcp", r.broker.WS()); err == nil {
		_ = c.Close()
		t.Error("the loopback listener is still there")
	}
	r.web.Close()
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestCloseGivesUpOnTime(t *testing.T) {
	r := newRig(t)
	_, err := r.broker.Begin() // never ends
	must(t, err)
	nc := r.mustRaw(t, r.enrol(t, r.tenant), nats.NoReconnect())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.broker.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	eventually(t, "agent's connection ends all the same", nc.IsClosed)
}

// Trap T5: a compressing WebSocket costs ten times the memory.
func TestNoCompression(t *testing.T) {
	r := newRig(t)
	if o := r.broker.Options(); o.Websocket.Compression || !o.DontListen || o.Websocket.Host != "127.0.0.1" {
		t.Error("options compress, or listen where they should not")
	}
	a := r.enrol(t, r.tenant)
	v, err := relay.SignUpgrade(a.key, time.Now(), a.pair.Sign)
	must(t, err)
	_, resp := r.handshake(t, v, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover")
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-Websocket-Extensions") != "" {
		t.Errorf("status %d, extensions %q", resp.StatusCode, resp.Header.Get("Sec-Websocket-Extensions"))
	}
	// Offered straight to the listener it is not accepted either.
	c, err := net.Dial("tcp", r.broker.WS())
	must(t, err)
	resp = sendHandshake(t, c, "/", "", "Sec-WebSocket-Extensions: permessage-deflate")
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-Websocket-Extensions") != "" {
		t.Errorf("listener: status %d, extensions %q", resp.StatusCode, resp.Header.Get("Sec-Websocket-Extensions"))
	}
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// upgrade opens a WebSocket and says nothing on it.
func (r *rig) upgrade(t testing.TB, a agent) net.Conn {
	t.Helper()
	v, err := relay.SignUpgrade(a.key, time.Now(), a.pair.Sign)
	must(t, err)
	c, resp := r.handshake(t, v)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", resp.StatusCode)
	}
	return c
}

// handshake sends a WebSocket handshake with the given signed header and more lines.
func (r *rig) handshake(t testing.TB, signed string, more ...string) (net.Conn, *http.Response) {
	t.Helper()
	c, err := tls.Dial("tcp", r.web.Listener.Addr().String(), r.roots())
	must(t, err)
	return c, sendHandshake(t, c, "/relay", signed, more...)
}

func sendHandshake(t testing.TB, c net.Conn, path, signed string, more ...string) *http.Response {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(patience)))
	lines := append([]string{
		"GET " + path + " HTTP/1.1", "Host: portal", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
	}, more...)
	if signed != "" {
		lines = append(lines, relay.UpgradeHeader+": "+signed)
	}
	_, err := fmt.Fprint(c, strings.Join(lines, "\r\n")+"\r\n\r\n")
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}
