package agent

import (
	"context"
	"errors"
	"testing"
	"time"

	"homeward/internal/config"
	"homeward/internal/protocol"
)

// TestPreviewIsBegunOnlyAsConfigured: a server can't have a directory read that the configuration doesn't sync, nor two at
// once, nor one that is staged all the time.
func TestPreviewIsBegunOnlyAsConfigured(t *testing.T) {
	t.Parallel()
	a := &Agent{
		config: config.Agent{Directories: []config.Directory{
			{Domain: "on.test"},
			{Domain: "off.test", Sync: config.Sync{Mode: config.SyncOff}},
			{Domain: "staged.test", Sync: config.Sync{Mode: config.SyncStaging}},
			{Domain: "down.test"},
		}},
		asked: make(chan int),
	}
	ok := sight{state: protocol.Directory{OK: true}}
	a.seen = []sight{ok, ok, ok, {state: protocol.Directory{Reason: protocol.ReasonDirectoryDown}}}
	for domain, want := range map[string]protocol.Reason{
		"other.test": protocol.ReasonDomainForeign, "": protocol.ReasonDomainForeign, "OFF.test": protocol.ReasonTurnedOff, "staged.test": protocol.ReasonSyncHeld,
		"down.test": protocol.ReasonDirectoryDown, "on.test": protocol.ReasonOverloaded, // nobody makes previews: as while one is made
	} {
		if got := a.beginPreview(domain); got != want {
			t.Errorf("%q: %q, want %q", domain, got, want)
		}
	}
	taken := make(chan int)
	go func() { taken <- <-a.asked }()
	until := time.Now().Add(10 * time.Second)
	for a.beginPreview("on.test") != protocol.ReasonNone {
		if time.Now().After(until) {
			t.Fatal("never begun")
		}
	}
	if i := <-taken; i != 0 {
		t.Errorf("directory %d is read", i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.previews(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ends with %v", err)
	}
}

// TestOldServersAreToldNothingNew: a server of version 2 would refuse a whole hello that names what is off.
func TestOldServersAreToldNothingNew(t *testing.T) {
	t.Parallel()
	no := false
	a := &Agent{
		config: config.Agent{Directories: []config.Directory{{Domain: "a.test", Sync: config.Sync{Mode: config.SyncOff}, Features: config.Features{Writeback: &no}}}},
		seen:   make([]sight, 1),
	}
	for version, want := range map[int64]bool{0: false, 2: false, 3: true} {
		a.server.Store(version)
		if d := a.domains()[0]; d.SyncOff != want || d.WritebackOff != want {
			t.Errorf("version %d: %+v", version, d)
		}
	}
	if !a.turnsOff() {
		t.Error("turns nothing off")
	}
}
