package fleet

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"homeward/internal/banned"
	"homeward/internal/protocol"
	"homeward/internal/server/tenant"
)

// TestBannedParts: the longest list there can be fits its envelopes, and is whole.
func TestBannedParts(t *testing.T) {
	for name, letter := range map[string]string{"plain": "x", "escaped in JSON": "<", "four bytes": "😀"} {
		var words []string
		for i := range banned.MaxWords {
			words = append(words, strings.Repeat(letter, banned.Longest-3)+string([]rune{rune('a' + i%26), rune('a' + i/26%26), rune('a' + i/676)}))
		}
		list, err := banned.New(words)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		parts := bannedParts(list)
		for i, p := range parts {
			raw, err := protocol.Encode(p)
			if err != nil || len(raw) > 4000 || p.Part != i || p.Parts != len(parts) || p.Digest != list.Digest() {
				t.Errorf("%s: part %d of %d has %d bytes: %v", name, p.Part, p.Parts, len(raw), err)
			}
			got = append(got, p.Words...)
		}
		if !slices.Equal(got, list.Words()) {
			t.Errorf("%s: %d words arrive of %d", name, len(got), len(list.Words()))
		}
	}
	if parts := bannedParts(banned.List{}); len(parts) != 1 || parts[0].Parts != 1 || len(parts[0].Words) != 0 {
		t.Errorf("an empty list: %+v", parts)
	}
}

// TestQuestionsFit: the most people that are asked about at once fit an envelope.
func TestQuestionsFit(t *testing.T) {
	domain, people := strings.Repeat("d", 255), slices.Repeat([]string{strings.Repeat("0f", 16)}, protocol.MaxExpiry)
	for _, q := range []any{
		protocol.ExpiryRequest{Version: protocol.Version, Domain: domain, People: people},
		protocol.WhichRequest{Version: protocol.Version, Domain: domain, Standing: protocol.StandingMust},
		protocol.RulesRequest{Version: protocol.Version, Domain: domain},
		protocol.StatesRequest{Version: protocol.Version, Domain: domain, People: people[:min(len(people), protocol.MaxStates)]},
	} {
		raw, err := protocol.Encode(q)
		if err != nil || len(raw) > 4000 {
			t.Errorf("%T has %d bytes: %v", q, len(raw), err)
		}
	}
	at := protocol.Milli(1_790_000_000_000)
	one := protocol.AccountState{Object: people[0], Disabled: true, Locked: true, LockedSince: at, EndsAt: at, MustChange: true, Expired: true, ExpiresAt: at}
	full := protocol.StatesAnswer{Version: protocol.Version, Request: people[0], People: slices.Repeat([]protocol.AccountState{one}, protocol.MaxStates)}
	for _, full := range []any{
		full, protocol.WhichAnswer{Version: protocol.Version, Request: people[0], People: slices.Repeat(people[:1], protocol.MaxWhich), More: true},
	} {
		if _, err := protocol.Encode(full); err != nil {
			t.Error(err)
		}
	}
}

// TestBannedWordsAreToldAtOnce: at the start, when a list was changed, and at each look.
func TestBannedWordsAreToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changed := make(chan struct{}, 1)
		e := &Envoy{Fleet: &Fleet{Deps: Deps{Log: slog.New(slog.DiscardHandler)}}, Changed: changed}
		ctx, cancel := context.WithCancel(t.Context())
		looks, done := 0, make(chan error, 1)
		go func() {
			done <- e.Run(ctx, func(context.Context) ([]tenant.Tenant, error) { looks++; return nil, nil })
		}()
		began := time.Now()
		for want := 1; want <= 3; want++ {
			synctest.Wait()
			if looks != want || time.Since(began) != 0 {
				t.Fatalf("%d looks after %s, want %d at once", looks, time.Since(began), want)
			}
			if want < 3 {
				changed <- struct{}{}
			}
		}
		<-time.After(bannedLook)
		synctest.Wait()
		if looks != 4 {
			t.Errorf("%d looks after a whole period without a change", looks)
		}
		cancel()
		<-done
	})
}
