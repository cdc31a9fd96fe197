package broker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/relay"

	"github.com/google/go-cmp/cmp"
)

func TestWholePath(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	l := r.link(t, a)
	serve(t, l, func(_ context.Context, c relay.Command) {
		_ = c.Reply(mustEncode(t, protocol.Accepted{Version: 1, Request: string(c.Data), Agent: a.key, Accepted: true}))
	})
	r.waitServing(t, r.tenant, a.key)

	got, err := relay.Caller{Begin: r.broker.Begin}.Call(t.Context(), r.conn(t, r.tenant), a.key, protocol.Reset,
		[]byte("r1"), r.broker.Presence().Lost(r.tenant.Account(), a.key))
	must(t, err)
	want := protocol.Accepted{Version: 1, Request: "r1", Agent: a.key, Accepted: true}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestUpward(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	l := r.link(t, a)
	seen := make(chan protocol.Uplink, 1)
	listener, err := relay.Listen(t.Context(), r.broker.CloudConn(), relay.ListenConfig{},
		func(_ context.Context, up protocol.Uplink, data []byte) any {
			var hello protocol.Hello
			if err := protocol.Decode(data, &hello); err != nil {
				t.Error(err)
			}
			seen <- up
			return protocol.HelloAnswer{Version: 1, OK: true, Message: hello.Machine}
		})
	must(t, err)
	var answer protocol.HelloAnswer
	must(t, l.Request(t.Context(), protocol.UpHello, protocol.Hello{Version: 1, Agent: a.key, Machine: "DC1"}, &answer))
	if d := cmp.Diff(protocol.HelloAnswer{Version: 1, OK: true, Message: "DC1"}, answer); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(protocol.Uplink{Account: r.tenant.Account(), Agent: a.key, Kind: protocol.UpHello}, <-seen); d != "" {
		t.Error(d)
	}
	must(t, listener.Drain(t.Context()))
	if err := l.Request(t.Context(), protocol.UpHello, protocol.Hello{}, &answer); !errors.Is(err, relay.ErrNoAgent) {
		t.Errorf("after Drain: %v", err)
	}
}

func TestNoAgentIsKnownAtOnce(t *testing.T) {
	r := newRig(t)
	a := r.enrol(t, r.tenant)
	start := time.Now()
	_, err := relay.Caller{}.Call(t.Context(), r.conn(t, r.tenant), a.key, protocol.Reset, nil, nil)
	if !errors.Is(err, relay.ErrNoAgent) || time.Since(start) > time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}
