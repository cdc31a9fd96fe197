package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunStopsAllWhenOneEnds(t *testing.T) {
	boom := errors.New("boom")
	stopped := false
	err := Run(t.Context(), time.Second,
		Part{"steady", func(ctx context.Context) error { <-ctx.Done(); stopped = true; return ctx.Err() }},
		Part{"broken", func(context.Context) error { return boom }})
	if !errors.Is(err, boom) || !strings.HasPrefix(err.Error(), "broken: ") || !stopped {
		t.Errorf("%v, stopped %v", err, stopped)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Run(ctx, time.Second, Part{"steady", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}); err != nil {
		t.Error(err)
	}
}

func TestRunGivesUpAfterGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := Run(ctx, time.Minute, Part{"hung", func(context.Context) error { <-hung; return nil }})
		if err == nil || !strings.Contains(err.Error(), "1m0s: hung") {
			t.Errorf("%v", err)
		}
		close(hung)
	})
}

// TestSecretPrintsAsAConstant tries every way Go prints a value.
func TestSecretPrintsAsAConstant(t *testing.T) {
	s := Secret("hunter2-marker")
	type holder struct{ S Secret }
	var log bytes.Buffer
	l := NewLog(&log, slog.LevelDebug, true)
	l.Info("x", "value", s, "holder", holder{s}, "password", "hunter2-marker", slog.Group("g", "api_token", "hunter2-marker"))
	b, err := json.Marshal(holder{s})
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(b)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, holder{s})
	}
	all += fmt.Errorf("wrapped: %v", s).Error()
	if strings.Contains(all, "hunter2") || strings.Contains(all, "68756e746572") {
		t.Errorf("the secret shows: %s", all)
	}
	if s.Reveal() != "hunter2-marker" {
		t.Error("the secret is lost")
	}
}
