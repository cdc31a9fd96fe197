package e2e_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/internal/relay"
	"homeward/internal/seal"
	"homeward/internal/server/broker"
	"homeward/internal/server/commandkey"
)

// hostile is a relay in the hands of somebody who may send anything: it stands where the killed server stood,
// with the server's own relay keys, and the real agent has come to it.
type hostile struct {
	site    *site
	conn    *nats.Conn
	agent   string
	key     seal.PublicKey
	keyID   seal.KeyID
	command ed25519.PrivateKey // the real one, to tell a wrong signature from everything else
	person  lab.Person
}

func hostileRelay(t *testing.T) *hostile {
	t.Helper()
	s := own(t, demo.Options{}, nil)
	ctx := t.Context()
	agents, err := s.Store.Agents(ctx, demo.TenantID)
	must(t, err)
	h := &hostile{site: s, agent: agents[0].ID, person: s.person(t, lab.KindOrdinary)}
	h.key, err = seal.NewPublicKey(agents[0].SealKey)
	must(t, err)
	id, err := hex.DecodeString(agents[0].KeyID)
	must(t, err)
	copy(h.keyID[:], id)
	ring, err := commandkey.Open(ctx, s.Store, 24*time.Hour, time.Now)
	must(t, err)
	h.command, err = ring.For(ctx, h.agent)
	must(t, err)

	raw, err := s.Store.Secret(ctx, "", "relay")
	must(t, err)
	keys, err := broker.UnmarshalKeys(raw)
	must(t, err)
	raw, err = s.Store.Secret(ctx, demo.TenantID, "relay")
	must(t, err)
	tenant, err := broker.UnmarshalTenantKeys(raw)
	must(t, err)

	must(t, s.Server.Kill())
	b, err := broker.Open(ctx, broker.Config{Dir: t.TempDir(), Keys: keys, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() {
		if err := b.Close(context.WithoutCancel(ctx)); err != nil {
			t.Errorf("closing the hostile relay: %v", err)
		}
	})
	must(t, b.AddTenant(ctx, broker.TenantAccount{Keys: tenant, Name: demo.TenantID}))
	listen(t, s, b.Handler())
	h.conn, err = b.Conn(ctx, tenant.Account())
	must(t, err)
	eventually(t, func() error {
		if !b.Presence().Online(tenant.Account(), h.agent) {
			return errors.New("the agent hasn't come")
		}
		return nil
	})
	return h
}

// listen serves in the place of the portal, with its certificate.
func listen(t *testing.T, s *site, handler http.Handler) {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(s.Path("tls/cert.pem"), s.Path("tls/key.pem"))
	must(t, err)
	portal, err := url.Parse(s.Portal())
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:"+portal.Port())
	must(t, err)
	srv := &http.Server{Handler: handler, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.ServeTLS(l, "", "") // ends with Close
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
}

// header is one for the person that is right in every way.
func (h *hostile) header(t *testing.T) seal.Header {
	t.Helper()
	now := time.Now()
	head := seal.Header{
		Tenant: demo.TenantID, Key: h.keyID, Anchor: anchor(t, h.site, h.person), Operation: string(protocol.Reset),
		Issued: now, AcceptBy: now.Add(8 * time.Second), Expires: now.Add(time.Minute),
	}
	_, _ = rand.Read(head.Request[:])
	return head
}

// anchor is the objectGUID as Active Directory stores it.
func anchor(t *testing.T, s *site, p lab.Person) []byte {
	t.Helper()
	return []byte(s.admin(t).Attr(t, p.DN, "objectGUID")[0])
}

func (h *hostile) envelope(t *testing.T, head seal.Header, key ed25519.PrivateKey, password string) []byte {
	t.Helper()
	b, err := head.Marshal()
	must(t, err)
	sealed, err := seal.Seal(h.key, b, []byte(password))
	must(t, err)
	e, err := seal.Sign(key, b, sealed)
	must(t, err)
	return e.Marshal()
}

// send sends bytes to the agent as a reset and returns its answer.
func (h *hostile) send(t *testing.T, envelope []byte) protocol.Accepted {
	t.Helper()
	a, err := relay.Caller{}.Call(t.Context(), h.conn, h.agent, protocol.Reset, envelope, nil)
	must(t, err)
	return a
}

func TestHostileRelayGetsNothingDone(t *testing.T) {
	t.Parallel()
	h := hostileRelay(t)
	s, p := h.site, h.person
	before, evil := s.writes(t, p), lab.RandomPassword()
	_, stranger, err := ed25519.GenerateKey(nil)
	must(t, err)
	for name, c := range map[string]struct {
		change func(*seal.Header)
		key    ed25519.PrivateKey
		damage func(b []byte, head seal.Header) []byte
		reason protocol.Reason
	}{
		"signed by another key":   {key: stranger, reason: protocol.ReasonBadSignature},
		"another tenant":          {change: func(h *seal.Header) { h.Tenant = "fabrikam" }, reason: protocol.ReasonWrongTenant},
		"past its time":           {change: func(h *seal.Header) { shift(h, -time.Hour) }, reason: protocol.ReasonExpired},
		"from the future":         {change: func(h *seal.Header) { shift(h, time.Hour) }, reason: protocol.ReasonExpired},
		"another operation":       {change: func(h *seal.Header) { h.Operation = string(protocol.Unlock) }, reason: protocol.ReasonMalformed},
		"another agent's key":     {change: func(h *seal.Header) { h.Key[0] ^= 1 }, reason: protocol.ReasonUnknownKey},
		"header altered":          {damage: func(b []byte, h seal.Header) []byte { b[bytes.Index(b, h.Anchor)] ^= 1; return b }, reason: protocol.ReasonBadSignature},
		"sealed part altered":     {damage: func(b []byte, _ seal.Header) []byte { b[len(b)-100] ^= 1; return b }, reason: protocol.ReasonBadSignature},
		"truncated":               {damage: func(b []byte, _ seal.Header) []byte { return b[:len(b)-1] }, reason: protocol.ReasonMalformed},
		"bytes after the end":     {damage: func(b []byte, _ seal.Header) []byte { return append(b, 0) }, reason: protocol.ReasonMalformed},
		"far too long":            {damage: func(b []byte, _ seal.Header) []byte { return append(b, make([]byte, 40<<10)...) }, reason: protocol.ReasonMalformed},
		"no envelope but garbage": {damage: func([]byte, seal.Header) []byte { return []byte("{\"op\":\"reset\"}") }, reason: protocol.ReasonMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			head, key := h.header(t), h.command
			if c.change != nil {
				c.change(&head)
			}
			if c.key != nil {
				key = c.key
			}
			b := h.envelope(t, head, key, evil)
			if c.damage != nil {
				b = c.damage(b, head)
			}
			from := logSize(t, s.Path("agent.log"))
			if a := h.send(t, b); a.Accepted || a.Reason != c.reason {
				t.Errorf("the agent answers accepted=%v, %q; not refused as %q", a.Accepted, a.Reason, c.reason)
			}
			if log := logSince(t, s.Path("agent.log"), from); !strings.Contains(log, "reason="+string(c.reason)) {
				t.Errorf("the refusal isn't in the agent's log:\n%s", log)
			}
		})
	}
	s.unchanged(t, p, before, evil)
}

// A request that is right is carried out once, however often it arrives.
func TestReplayedEnvelopeWritesOnce(t *testing.T) {
	t.Parallel()
	h := hostileRelay(t)
	s, p, fresh, evil := h.site, h.person, lab.RandomPassword(), lab.RandomPassword()
	before, head := s.writes(t, p), h.header(t)
	b := h.envelope(t, head, h.command, fresh)
	if a := h.send(t, b); !a.Accepted {
		t.Fatalf("the agent refused: %s", a.Reason)
	}
	eventually(t, func() error { // the same bytes again are told the stored result
		if a := h.send(t, b); !a.Accepted || a.Result == nil || a.Result.Outcome != protocol.Changed {
			return errors.New("no result yet")
		}
		return nil
	})
	// The same request with another password inside is a replay, and refused.
	from := logSize(t, s.Path("agent.log"))
	if a := h.send(t, h.envelope(t, head, h.command, evil)); a.Accepted || a.Reason != protocol.ReasonReplayed {
		t.Errorf("another password under the same request: accepted=%v, %q", a.Accepted, a.Reason)
	}
	if log := logSince(t, s.Path("agent.log"), from); !strings.Contains(log, "reason=replayed") {
		t.Errorf("the replay isn't in the agent's log:\n%s", log)
	}
	// The agent's memory outlives its death.
	must(t, s.Agent.Kill())
	must(t, s.LaunchAgent())
	eventually(t, func() error {
		a, err := relay.Caller{}.Call(t.Context(), h.conn, h.agent, protocol.Reset, b, nil)
		if err == nil && a.Accepted && a.Result == nil {
			err = errors.New("accepted again")
		}
		return err
	})
	s.changed(t, p, before, fresh)
}

func shift(h *seal.Header, d time.Duration) {
	h.Issued, h.AcceptBy, h.Expires = h.Issued.Add(d), h.AcceptBy.Add(d), h.Expires.Add(d)
}

func logSize(t *testing.T, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	must(t, err)
	return st.Size()
}

func logSince(t *testing.T, path string, from int64) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b[min(int(from), len(b)):])
}
