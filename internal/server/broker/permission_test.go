package broker_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/broker"

	"github.com/nats-io/nats.go"
)

// refusals runs act on an agent's own connection and reports whether the server refused it.
func refusals(t *testing.T, r *rig, a agent, act func(*nats.Conn) error) bool {
	t.Helper()
	refused := make(chan struct{}, 8)
	nc := r.mustRaw(t, a, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			refused <- struct{}{}
		}
	}))
	defer nc.Close() // the next one with the same key would kick it
	must(t, act(nc))
	// The refusal comes before the answer to the ping, but its callback runs elsewhere.
	must(t, nc.Flush())
	if nc.LastError() == nil {
		return false
	}
	<-refused
	return true
}

func TestAgentMayNotSubscribe(t *testing.T) {
	r := newRig(t)
	a, other := r.enrol(t, r.tenant), r.enrol(t, r.tenant)
	for _, subject := range []string{
		">", "*", "wb.>", "wb.to.>", "wb.to.*.>", protocol.DownAll(other.key), "_INBOX.>", "_IA.>",
		protocol.InboxPrefix(other.key) + ".>", "$SYS.>", "up.>", protocol.Up(a.key, protocol.UpResult), "_R_.>",
	} {
		if !refusals(t, r, a, func(nc *nats.Conn) error { _, err := nc.SubscribeSync(subject); return err }) {
			t.Errorf("subscribed to %s", subject)
		}
	}
	for _, subject := range []string{protocol.DownAll(a.key), protocol.InboxPrefix(a.key) + ".x"} {
		if refusals(t, r, a, func(nc *nats.Conn) error { _, err := nc.SubscribeSync(subject); return err }) {
			t.Errorf("may not subscribe to its own %s", subject)
		}
	}
}

func TestAgentMayNotPublish(t *testing.T) {
	r := newRig(t)
	a, other := r.enrol(t, r.tenant), r.enrol(t, r.tenant)
	for _, subject := range []string{
		"wb.x", protocol.Down(other.key, protocol.Reset), protocol.Down(a.key, protocol.Reset),
		protocol.Up(other.key, protocol.UpHello), protocol.UpResultFor(other.key, "r"), "up.x",
		"up." + r.tenant.Account() + "." + a.key + ".hello", "_INBOX.abc", "_IA." + other.key + ".x", "_R_.x",
		"$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.INFO",
	} {
		if !refusals(t, r, a, func(nc *nats.Conn) error { return nc.Publish(subject, nil) }) {
			t.Errorf("published to %s", subject)
		}
	}
	if refusals(t, r, a, func(nc *nats.Conn) error { return nc.Publish(protocol.Up(a.key, protocol.UpHello), nil) }) {
		t.Error("may not say hello")
	}
}

// An agent answers a request twice at most, and not after a minute.
func TestAnswersAreLimited(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	refused := make(chan error, 8)
	nc := r.mustRaw(t, a, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	commands, err := nc.SubscribeSync(protocol.DownAll(a.key))
	must(t, err)
	must(t, nc.Flush())
	server := r.conn(t, r.tenant)
	inbox, err := server.SubscribeSync(server.NewInbox())
	must(t, err)
	must(t, server.PublishRequest(protocol.Down(a.key, protocol.Probe), inbox.Subject, nil))
	m, err := commands.NextMsg(patience)
	must(t, err)
	for range 3 {
		must(t, m.Respond(nil))
	}
	if err := <-refused; !errors.Is(err, nats.ErrPermissionViolation) {
		t.Error(err)
	}
	for range 2 {
		_, err := inbox.NextMsg(patience)
		must(t, err)
	}
	if _, err := inbox.NextMsg(20 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("third answer: %v", err)
	}
}

func TestTenantsAreApart(t *testing.T) {
	r := newRig(t)
	tenantB := r.addTenant(t)
	a, b := r.enrol(t, r.tenant), r.enrol(t, tenantB)
	up, err := r.broker.CloudConn().SubscribeSync(protocol.CloudUp)
	must(t, err)
	must(t, r.broker.CloudConn().Flush())
	ncA, ncB := r.mustRaw(t, a), r.mustRaw(t, b)
	heard, err := ncB.SubscribeSync(protocol.DownAll(b.key))
	must(t, err)
	must(t, ncB.Flush())

	// The server's connection into A reaches nobody in B.
	if _, err := r.conn(t, r.tenant).Request(protocol.Down(b.key, protocol.Reset), nil, patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("from tenant A to an agent of B: %v", err)
	}
	// What A's agent says arrives under A's account, whatever it tries.
	must(t, ncA.Publish(protocol.Up(a.key, protocol.UpHello), nil))
	must(t, ncA.Publish("up."+tenantB.Account()+"."+b.key+".hello", nil))
	must(t, ncA.Flush())
	must(t, ncB.Publish(protocol.Up(b.key, protocol.UpHello), nil))
	must(t, ncB.Flush())
	for _, want := range []string{"up." + r.tenant.Account() + "." + a.key + ".hello", "up." + tenantB.Account() + "." + b.key + ".hello"} {
		m, err := up.NextMsg(patience)
		must(t, err)
		if m.Subject != want {
			t.Errorf("arrived as %s, want %s", m.Subject, want)
		}
	}
	if _, err := heard.NextMsg(20 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("agent of B heard something: %v", err)
	}
	// The same subject in another tenant's account is the other tenant's own.
	must(t, r.conn(t, tenantB).Publish(protocol.Down(b.key, protocol.Reset), []byte("for B")))
	m, err := heard.NextMsg(patience)
	must(t, err)
	if string(m.Data) != "for B" {
		t.Errorf("got %q", m.Data)
	}
}

// An account whose import names another tenant is refused by the account token.
func TestImportOfAnotherTenantIsRefused(t *testing.T) {
	r := newRig(t)
	evil, err := broker.NewTenantKeys()
	must(t, err)
	token, err := r.broker.AccountImporting(broker.TenantAccount{Keys: evil}, r.tenant.Account())
	must(t, err)
	must(t, r.broker.PushUnchecked(t.Context(), token))
	up, err := r.broker.CloudConn().SubscribeSync(protocol.CloudUp)
	must(t, err)
	must(t, r.broker.CloudConn().Flush())
	a := r.enrol(t, evil)
	nc := r.mustRaw(t, a)
	if _, err := nc.Request(protocol.Up(a.key, protocol.UpHello), nil, patience); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("request: %v", err)
	}
	if m, err := up.NextMsg(20 * time.Millisecond); !errors.Is(err, nats.ErrTimeout) {
		t.Errorf("arrived: %v %v", m, err)
	}
}

func TestCredentials(t *testing.T) {
	r := newRig(t)
	a, thief := r.enrol(t, r.tenant), r.enrol(t, r.tenant)
	other := r.addTenant(t)
	unknown, err := broker.NewTenantKeys()
	must(t, err)

	t.Run("over an in-process connection", func(t *testing.T) {
		nc, err := nats.Connect("", nats.InProcessServer(r.broker.Server()), nats.Timeout(time.Second),
			nats.UserJWT(func() (string, error) { return a.jwt, nil }, a.pair.Sign))
		if err == nil {
			nc.Close()
			t.Error("connected")
		}
	})
	t.Run("stolen JWT without the seed", func(t *testing.T) {
		stolen := agent{thief.pair, thief.key, a.jwt}
		if _, err := r.raw(t, stolen); err == nil {
			t.Error("connected")
		}
	})
	t.Run("unknown tenant", func(t *testing.T) {
		if _, err := r.raw(t, r.enrol(t, unknown)); err == nil {
			t.Error("connected")
		}
	})
	t.Run("expired", func(t *testing.T) {
		short := a
		short.jwt, _, err = r.broker.AgentJWT(r.tenant, a.key, "DC1", time.Second)
		must(t, err)
		eventually(t, "expired JWT is refused", func() bool {
			_, err := r.raw(t, short)
			return err != nil
		})
	})
	t.Run("removed tenant", func(t *testing.T) {
		b := r.enrol(t, other)
		nc := r.mustRaw(t, b, nats.NoReconnect())
		must(t, r.broker.RemoveTenant(t.Context(), other.Account()))
		eventually(t, "agent is disconnected", nc.IsClosed)
		if _, err := r.raw(t, b); err == nil {
			t.Error("connected into a removed tenant")
		}
		if _, err := r.broker.Conn(t.Context(), other.Account()); !errors.Is(err, broker.ErrNoTenant) {
			t.Errorf("Conn: %v", err)
		}
	})
	t.Run("suspended tenant", func(t *testing.T) {
		nc := r.mustRaw(t, a, nats.NoReconnect())
		must(t, r.broker.SuspendTenant(t.Context(), r.tenant.Account()))
		eventually(t, "agent is disconnected", nc.IsClosed)
		if _, err := r.raw(t, a); err == nil {
			t.Error("connected into a suspended tenant")
		}
		if _, err := r.broker.Conn(t.Context(), r.tenant.Account()); !errors.Is(err, broker.ErrSuspended) {
			t.Errorf("Conn: %v", err)
		}
		must(t, r.broker.AddTenant(t.Context(), broker.TenantAccount{Keys: r.tenant}))
		r.mustRaw(t, a)
	})
	t.Run("no such life", func(t *testing.T) {
		for _, ttl := range []time.Duration{0, -1, broker.MaxAgentTTL + 1} {
			if _, _, err := r.broker.AgentJWT(r.tenant, a.key, "", ttl); err == nil {
				t.Errorf("made a JWT for %s", ttl)
			}
		}
		if _, _, err := r.broker.AgentJWT(r.tenant, r.tenant.Account(), "", time.Hour); !errors.Is(err, broker.ErrAgentKey) {
			t.Errorf("for an account key: %v", err)
		}
	})
}

// A client can write any name into its CONNECT; presence must not believe it.
func TestPresenceIsNotSpoofed(t *testing.T) {
	r := newRig(t)
	victim, evil := r.enrol(t, r.tenant), r.enrol(t, r.tenant)
	nc := r.mustRaw(t, victim, nats.NoReconnect())
	as := strings.Replace(r.relayURL(), "https://", "", 1)
	u := url.URL{Scheme: "wss", User: url.UserPassword(victim.key, "x")}
	r.mustRaw(t, evil, func(o *nats.Options) error {
		o.Url = u.Scheme + "://" + u.User.String() + "@" + as
		return nil
	})
	eventually(t, "the true name is online", func() bool { return r.broker.Presence().Online(r.tenant.Account(), evil.key) })
	if !nc.IsConnected() {
		t.Error("the victim was kicked as a duplicate of somebody else")
	}
}
