package control_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/control"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
)

// people stands for package reset, which is tested by itself: these tests are about the way to it.
type people struct {
	ends     reset.Attempt
	asked    chan struct{} // told when a reset has begun; nil: nobody wants to know
	password string
	buffer   []byte
}

func (p *people) AdminReset(ctx context.Context, _ tenant.Tenant, _, _ string, password []byte) (reset.Attempt, error) {
	p.password, p.buffer = string(password), password
	if p.asked != nil {
		close(p.asked)
		<-ctx.Done()
	}
	return p.ends, nil
}

func (p *people) AdminUnlock(context.Context, tenant.Tenant, string, string) (reset.Attempt, error) {
	return p.ends, nil
}

func (p *people) Probe(context.Context, tenant.Tenant, string, string) (protocol.PersonPolicy, error) {
	return protocol.PersonPolicy{Found: true}, nil
}

func (p *people) CanReset(context.Context, tenant.Tenant, string, func(context.Context) (provision.Person, error)) (provision.Person, reset.Standing, error) {
	return provision.Person{}, reset.Standing{}, nil
}

func (p *people) IssuePass(context.Context, tenant.Tenant, string, string, string, time.Duration) (string, time.Time, error) {
	return "ABCD-EFGH", time.Time{}, nil
}

// serve answers on a socket until the test ends or stop is called.
func serve(t *testing.T, p *people) (path string, stop func()) {
	t.Helper()
	path = control.Path(t.TempDir())
	l, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &control.Service{
		People: p, Log: slog.New(slog.DiscardHandler),
		Tenant: func(_ context.Context, id string) (tenant.Tenant, error) { return tenant.Tenant{ID: id}, nil },
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, path) }()
	ended := false
	stop = func() {
		cancel()
		if !ended {
			ended = true
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return path, stop
}

func person(operator string) control.Person {
	return control.Person{Tenant: "contoso", Operator: operator, Name: "amara", Password: []byte("Correct-Horse-7")}
}

func TestSocketIsItsOwnersOnly(t *testing.T) {
	path, stop := serve(t, &people{})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if _, err := control.Listen(t.Context(), path); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%d files beside the socket, %v", len(left)-1, err)
	}
	stop()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if err := control.NewClient(path).Call(t.Context(), control.PathReset, person("root"), &control.Outcome{}); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestSocketOfADeadServerIsReplaced: kill -9 leaves the file.
func TestSocketOfADeadServerIsReplaced(t *testing.T) {
	path := control.Path(t.TempDir())
	dead, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if u, ok := dead.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false)
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	if err := control.NewClient(path).Call(t.Context(), control.PathProbe, person("root"), nil); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("a dead server's socket: %v", err)
	}
	l, err := control.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestPasswordArrivesAndIsWiped(t *testing.T) {
	p := &people{ends: reset.Attempt{Support: "HW-0000-0000", State: reset.Changed}}
	path, stop := serve(t, p)
	var o control.Outcome
	if err := control.NewClient(path).Call(t.Context(), control.PathReset, person("root"), &o); err != nil || o.State != "changed" {
		t.Fatalf("%+v %v", o, err)
	}
	stop()
	if p.password != "Correct-Horse-7" || strings.Trim(string(p.buffer), "\x00") != "" {
		t.Errorf("the password arrived as %q, and %q is left", p.password, p.buffer)
	}
}

// TestSentAndUnansweredIsUnsure: never "nothing has changed".
func TestSentAndUnansweredIsUnsure(t *testing.T) {
	p := &people{ends: reset.Attempt{State: reset.Submitted}}
	path, stop := serve(t, p)
	var o control.Outcome
	if err := control.NewClient(path).Call(t.Context(), control.PathUnlock, person("root"), &o); err != nil || o.State != "not_sure" {
		t.Errorf("%+v %v", o, err)
	}
	// The server stops in the middle: the operator still gets the support code.
	p.asked, p.ends.Support = make(chan struct{}), "HW-1111-1111"
	go func() {
		<-p.asked
		stop()
	}()
	if err := control.NewClient(path).Call(t.Context(), control.PathReset, person("root"), &o); err != nil || o.State != "not_sure" || o.Support == "" {
		t.Errorf("%+v %v", o, err)
	}
}

// TestAServerThatDiesIsNoRefusal: what was asked may have been done.
func TestAServerThatDiesIsNoRefusal(t *testing.T) {
	path := control.Path(t.TempDir())
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 1))
		_ = c.Close()
	}()
	if err := control.NewClient(path).Call(t.Context(), control.PathReset, person("root"), nil); !errors.Is(err, control.ErrLost) {
		t.Errorf("got %v", err)
	}
}

func TestQuestionsAreStrict(t *testing.T) {
	path, _ := serve(t, &people{ends: reset.Attempt{State: reset.Changed}})
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	for name, body := range map[string]string{
		"nothing":          ``,
		"no JSON":          `operator`,
		"an unknown field": `{"tenant":"contoso","operator":"root","name":"amara","tenat":"x"}`,
		"two values":       `{"tenant":"contoso","operator":"root","name":"amara"}{}`,
		"no operator":      `{"tenant":"contoso","name":"amara"}`,
		"a terminal's":     `{"tenant":"contoso","operator":"root\u001b[2J","name":"amara"}`,
		"too long":         `{"tenant":"contoso","operator":"root","name":"` + strings.Repeat("a", protocol.MaxMessage) + `"}`,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://homeward"+control.PathUnlock, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, answer.StatusCode)
		}
	}
}

func TestPassComesBackOnce(t *testing.T) {
	path, _ := serve(t, &people{})
	var p control.Pass
	q := control.PassFor{Tenant: "contoso", Operator: "root", Name: "amara", Reason: "ticket 7", Millis: 60_000}
	if err := control.NewClient(path).Call(t.Context(), control.PathPass, q, &p); err != nil || p.Code != "ABCD-EFGH" {
		t.Errorf("%+v %v", p, err)
	}
	q.Operator = ""
	if err := control.NewClient(path).Call(t.Context(), control.PathPass, q, &p); err == nil {
		t.Error("nobody asked, and got a pass")
	}
}
