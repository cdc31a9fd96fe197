package server

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"homeward/internal/server/audit"
	"homeward/internal/server/control"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// TestACallerIsVerifiedOverTheSocket goes the way of the command line: the ways, a code, what is read back. It is counted and recorded
// as on the page, for whoever typed it, and nobody is acted on whom the page would bar.
func TestACallerIsVerifiedOverTheSocket(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, b *bench) {
		d := newDesk(b)
		shielded := d.somebody("shield5", func(p *provision.Person) { p.Protected = true })
		ask := overSocket(t, d)
		var ways control.Ways
		if err := ask(control.PathWays, control.Caller{Name: "amara@contoso.com"}, &ways); err != nil || len(ways.Ways) != 1 || ways.Ways[0].Way != "mail" || strings.Contains(ways.Ways[0].Masked, "amara@") {
			t.Fatalf("%+v %v", ways, err)
		}
		for name, want := range map[string]string{
			"nobody@contoso.com": "nobody has this name", shielded.UPN: "protected", "": "nobody has this name",
		} {
			if err := ask(control.PathAsk, control.Caller{Name: name, Way: "mail"}, nil); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if err := ask(control.PathAsk, control.Caller{Name: "amara@contoso.com", Way: "pigeon"}, nil); err == nil || !strings.Contains(err.Error(), "caller ways") {
			t.Errorf("no such way: %v", err)
		}
		var asked control.Asked
		if err := ask(control.PathAsk, control.Caller{Name: "amara@contoso.com", Way: "mail"}, &asked); err != nil {
			t.Fatal(err)
		}
		code := b.letters.codes[len(b.letters.codes)-1]
		hear := func(typed string) (h control.Heard, err error) {
			err = ask(control.PathHear, control.Caller{Name: "amara@contoso.com", Attempt: asked.Attempt, Code: typed}, &h)
			return h, err
		}
		wrong := "000000"
		if code == wrong {
			wrong = "000001"
		}
		if h, err := hear(wrong); err != nil || h.Right || h.Result != verify.Wrong {
			t.Errorf("%+v %v", h, err)
		}
		if _, err := hear("12"); err == nil || !strings.Contains(err.Error(), "six digits") {
			t.Errorf("two digits: %v", err)
		}
		if h, err := hear(code); err != nil || !h.Right {
			t.Fatalf("%+v %v", h, err)
		}
		if _, err := hear(code); err == nil || !strings.Contains(err.Error(), "put another") {
			t.Errorf("a second time: %v", err)
		}
		callerRecorded(t, b, asked.Support, code)
		for n := 0; ; n++ { // the operator's limit
			err := ask(control.PathAsk, control.Caller{Name: "amara@contoso.com", Way: "mail"}, nil)
			if err != nil && strings.Contains(err.Error(), "too many tries") {
				break
			}
			if n > 300 {
				t.Fatalf("nobody counts: %v", err)
			}
		}
	})
}

// overSocket serves a desk on a socket, and returns the way to it for one operator.
func overSocket(t *testing.T, d desk) func(path string, q control.Caller, into any) error {
	t.Helper()
	path := control.Path(t.TempDir())
	l, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &control.Service{
		Callers: d.Service, Log: slog.New(slog.DiscardHandler),
		Tenant: func(context.Context, string) (tenant.Tenant, error) { return d.tenant, nil },
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, path) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func(to string, q control.Caller, into any) error {
		q.Tenant, q.Operator = "contoso", "root"
		if into == nil {
			into = &struct{}{}
		}
		return control.NewClient(path).Call(t.Context(), to, q, into)
	}
}

// callerRecorded looks for what was asked and what came of it, in the operator's name and without the code.
func callerRecorded(t *testing.T, b *bench, support, code string) {
	t.Helper()
	rows, err := b.store.Records(t.Context(), "contoso", support)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]int{}
	for _, r := range rows {
		if results[r.Result]++; r.Actor != "root" || strings.Contains(r.Detail, code) {
			t.Errorf("%+v", r)
		}
	}
	if results["ok"] < 2 || results["refused"] != 1 {
		t.Errorf("%v", results)
	}
	barred, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{Activity: "Help somebody", Limit: 10})
	if err != nil || len(barred) != 1 || barred[0].Result != "refused" || barred[0].Actor != "root" {
		t.Errorf("%+v %v", barred, err)
	}
}
