package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestAgentKnowsNothingOfTheServer lists what the agent binary is made of. The server's parts have no place
// on a machine beside Active Directory, and would triple its size.
func TestAgentKnowsNothingOfTheServer(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 100 {
		t.Fatalf("only %d dependencies listed", len(deps))
	}
	for _, dep := range deps {
		for _, forbidden := range []string{
			"homeward/internal/server", "homeward/internal/lab", "homeward/internal/demo", "modernc.org/", "github.com/jackc/",
			"github.com/nats-io/nats-server", "github.com/nats-io/jwt", "github.com/zitadel/", "github.com/go-webauthn/", "github.com/pressly/",
			"github.com/chromedp/", "github.com/emersion/", "html/template",
		} {
			if strings.HasPrefix(dep, forbidden) || dep == "database/sql" {
				t.Errorf("the agent is built with %s", dep)
			}
		}
	}
}
