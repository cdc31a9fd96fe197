package broker_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/relay"
	"homeward/internal/server/broker"
)

func TestHandlerRefusesReadably(t *testing.T) {
	admit := &broker.Refusal{Status: http.StatusForbidden, Reason: protocol.ReasonUnknownKey, Message: "This agent is not approved. Approve it under Agents."}
	var blocked string
	r := newRig(t, func(c *broker.Config) {
		c.Admit = func(v broker.Visit) error {
			if !v.IP.IsLoopback() {
				t.Errorf("agent's address %s", v.IP)
			}
			if v.Agent == blocked {
				return admit
			}
			return nil
		}
	})
	a, b := r.enrol(t, r.tenant), r.enrol(t, r.tenant)
	blocked = b.key
	sign := func(who agent, at time.Time) string {
		v, err := relay.SignUpgrade(who.key, at, who.pair.Sign)
		must(t, err)
		return v
	}
	good := sign(a, time.Now())
	for _, c := range []struct {
		name, header string
		more         []string
		status       int
		reason       protocol.Reason
		says         string
	}{
		{"no header", "", nil, 401, protocol.ReasonMalformed, "enrolled"},
		{"rubbish", "x y z", nil, 401, protocol.ReasonMalformed, "Update the agent"},
		{"two headers", good, []string{relay.UpgradeHeader + ": " + good}, 401, protocol.ReasonMalformed, "Update the agent"},
		{"too old", sign(a, time.Now().Add(-3*time.Minute)), nil, 401, protocol.ReasonExpired, "Set the clock"},
		{"too new", sign(a, time.Now().Add(3*time.Minute)), nil, 401, protocol.ReasonExpired, "Set the clock"},
		{"other's signature", strings.Replace(good, a.key, b.key, 1), nil, 401, protocol.ReasonBadSignature, "Enrol"},
		{"not admitted", sign(b, time.Now()), nil, 403, protocol.ReasonUnknownKey, "not approved"},
		{"body", good, []string{"Content-Length: 5"}, 400, protocol.ReasonMalformed, "body"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, resp := r.handshake(t, c.header, c.more...)
			b, err := io.ReadAll(resp.Body)
			must(t, err)
			var p protocol.Problem
			must(t, protocol.Decode(b, &p))
			if resp.StatusCode != c.status || p.Reason != c.reason || !strings.Contains(p.Message, c.says) {
				t.Errorf("status %d, %+v", resp.StatusCode, p)
			}
		})
	}
	t.Run("POST", func(t *testing.T) {
		resp, err := r.web.Client().Post(r.relayURL(), "text/plain", nil)
		must(t, err)
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodGet {
			t.Errorf("status %d", resp.StatusCode)
		}
	})
	t.Run("HTTP/2", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.relayURL(), nil)
		must(t, err)
		req.Header.Set(relay.UpgradeHeader, good)
		resp, err := r.web.Client().Do(req)
		must(t, err)
		defer func() { _ = resp.Body.Close() }()
		var p protocol.Problem
		if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusUpgradeRequired || json.NewDecoder(resp.Body).Decode(&p) != nil {
			t.Errorf("%s status %d", resp.Proto, resp.StatusCode)
		}
	})
}

func TestTooManyAgents(t *testing.T) {
	r := newRig(t, func(c *broker.Config) { c.MaxAgents = 1 })
	a := r.enrol(t, r.tenant)
	r.upgrade(t, a)
	v, err := relay.SignUpgrade(a.key, time.Now(), a.pair.Sign)
	must(t, err)
	if _, resp := r.handshake(t, v); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// Whatever comes after the upgrade, the server lives and everybody else is served.
func TestGarbageOnTheWebSocket(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	noise := make([]byte, 64<<10)
	_, _ = rand.Read(noise)
	for name, bytes := range map[string][]byte{
		"noise": noise, "zeros": make([]byte, 4096), "text": []byte("GET / HTTP/1.1\r\n\r\n"), "nothing": nil,
		"huge frame":     {0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
		"unmasked":       append([]byte{0x82, 7}, "PING\r\n."...),
		"pretends to":    append([]byte{0x82, 0x80 | 6, 0, 0, 0, 0}, "PING\r\n"...),
		"CONNECT broken": append([]byte{0x82, 0x80 | 12, 0, 0, 0, 0}, "CONNECT {\"\r\n"...),
	} {
		c := r.upgrade(t, a)
		_, _ = c.Write(bytes)
		_ = c.Close()
		_ = name
	}
	r.mustRaw(t, a)
	eventually(t, "the broken connections end", func() bool { return r.broker.Connections() == 1 })
}

// Bytes that follow the handshake in the same packet reach the relay, which refuses a PING before CONNECT.
func TestBufferedBytesArrive(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	v, err := relay.SignUpgrade(a.key, time.Now(), a.pair.Sign)
	must(t, err)
	c, err := tls.Dial("tcp", r.web.Listener.Addr().String(), r.roots())
	must(t, err)
	defer func() { _ = c.Close() }()
	must(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, "GET /relay HTTP/1.1\r\nHost: portal\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"+relay.UpgradeHeader+": "+v+"\r\n\r\n"+
		"\x82\x86\x00\x00\x00\x00PING\r\n")
	must(t, err)
	b, _ := io.ReadAll(c)
	if !bytes.Contains(b, []byte("101 Switching")) || !bytes.Contains(b, []byte("Authorization Violation")) {
		t.Errorf("answer %q", b)
	}
}
