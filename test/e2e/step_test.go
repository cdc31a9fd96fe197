package e2e_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
)

// gate stops the DC in the middle of setting a password, through a password filter: the modify has arrived
// and is being carried out, and goes on when the gate opens. A filter may take ten seconds.
type gate struct{ dir string }

const gateScript = `#!/bin/sh
cat >/dev/null
[ -e /lab/gate/closed ] || exit 0
: >/lab/gate/reached
while [ -e /lab/gate/closed ]; do sleep 0.05; done
exit 0
`

// gated gives a stack with a gate.
func gated(t *testing.T) (*site, gate) {
	t.Helper()
	return gatedOn(t, "")
}

func gatedOn(t *testing.T, database string) (*site, gate) {
	t.Helper()
	script := filepath.Join(t.TempDir(), "filter")
	must(t, os.WriteFile(script, []byte(gateScript), 0o700))
	s := own(t, demo.Options{Database: database, Lab: lab.Options{PasswordFilter: script}}, supply{lab.KindOrdinary: 4})
	g := gate{filepath.Join(s.DC.Dir(), "gate")}
	must(t, os.MkdirAll(g.dir, 0o777))
	must(t, os.Chmod(g.dir, 0o777)) // the umask must not keep the filter out
	t.Cleanup(func() { g.open(t) })
	return s, g
}

func (g gate) close(t *testing.T) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(g.dir, "closed"), nil, 0o666))
}

func (g gate) open(t *testing.T) {
	t.Helper()
	if err := os.Remove(filepath.Join(g.dir, "closed")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// reached waits until a modify stands at the gate.
func (g gate) reached(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		_, err := os.Stat(filepath.Join(g.dir, "reached"))
		return err
	})
}

// freeze stops a process where it is; the function it returns lets it go on. On a busy machine some threads
// run on for a moment after the signal, so it waits until the last one stands.
func freeze(t *testing.T, p *demo.Process) (thaw func()) {
	t.Helper()
	must(t, syscall.Kill(p.PID(), syscall.SIGSTOP))
	eventually(t, func() error {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID()))
		if err != nil {
			return err
		}
		for _, path := range threads {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if _, state, _ := strings.Cut(string(b), ") "); !strings.HasPrefix(state, "T") {
				return errors.New("a thread still runs")
			}
		}
		return nil
	})
	return func() {
		select {
		case <-p.Done():
		default:
			must(t, syscall.Kill(p.PID(), syscall.SIGCONT))
		}
	}
}

// ready is a visitor at the password page with everything sealed: one Send away from the write.
type ready struct {
	*demo.Visitor
	person lab.Person
	fresh  string
	ticket demo.Ticket
	sealed []byte
	before uint32
	status string
}

func (s *site) ready(t *testing.T) *ready {
	t.Helper()
	r := &ready{Visitor: s.visitor(t), person: s.person(t, lab.KindOrdinary), fresh: lab.RandomPassword()}
	r.before = s.writes(t, r.person)
	if page := verified(t, r.Visitor, r.person, "forgot"); page.Path != "/password" {
		t.Fatalf("%s: %q at %s instead of the password page", r.person.UPN, page.Title(), page.Path)
	}
	r.seal(t)
	return r
}

// seal takes a ticket and seals the new password to it.
func (r *ready) seal(t *testing.T) {
	t.Helper()
	var err error
	r.ticket, err = r.Ticket(t.Context())
	must(t, err)
	if r.ticket.Redirect != "" {
		t.Fatalf("no ticket; the portal sends the visitor to %s", r.ticket.Redirect)
	}
	r.sealed, err = r.ticket.Seal([]byte(r.fresh))
	must(t, err)
}

// submit sends in the background, because the answer may not come while something is frozen or dead, and
// returns when the database says that the request is on its way. The answer would name the status page; here
// the database does.
func (s *site) submit(t *testing.T, r *ready) (answered <-chan struct{}) {
	t.Helper()
	c := make(chan struct{})
	go func() {
		defer close(c)
		_, _ = r.Send(t.Context(), r.ticket, r.sealed) // the outcome is looked up afterwards
	}()
	t.Cleanup(func() { <-c })
	eventually(t, func() error {
		a, err := s.Store.AttemptByRequest(t.Context(), demo.TenantID, r.ticket.Request)
		if err == nil && a.State == "verified" {
			err = errors.New("not submitted yet")
		}
		r.status = "/status/" + a.ID
		return err
	})
	return c
}

// page is the attempt's status page.
func (r *ready) page(t *testing.T) demo.Page {
	t.Helper()
	p, err := r.Get(t.Context(), r.status)
	must(t, err)
	return p
}

// until waits for the status page to show a mark.
func (r *ready) until(t *testing.T, want string) {
	t.Helper()
	eventually(t, func() error {
		page, err := r.Get(t.Context(), r.status)
		if err == nil && mark(page) != want {
			err = fmt.Errorf("the page shows %q (%s), not %s", mark(page), page.Title(), want)
		}
		return err
	})
}

// truth asserts that the page tells what the directory knows, and that there was one write at most.
func (s *site) truth(t *testing.T, r *ready) {
	t.Helper()
	switch m := mark(r.page(t)); m {
	case "changed":
		s.changed(t, r.person, r.before, r.fresh)
	case "failed":
		s.unchanged(t, r.person, r.before, r.fresh)
	default:
		t.Errorf("the page shows %q, which is no final outcome", m)
	}
}

// outcome waits for the final outcome and returns it.
func (r *ready) outcome(t *testing.T) (final string) {
	t.Helper()
	eventually(t, func() error {
		switch final = mark(r.page(t)); final {
		case "changed", "failed", "offline":
			return nil
		}
		return errors.New("the page shows " + final)
	})
	return final
}

// pass waits until a moment is over: something that must not happen any more after it is then tried.
func pass(t *testing.T, moment time.Time) {
	t.Helper()
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// sessionHash is what the database knows a browser's session by.
func sessionHash(t *testing.T, s *site, v *demo.Visitor) []byte {
	t.Helper()
	portal, err := url.Parse(s.Portal())
	must(t, err)
	for _, c := range v.HTTP.Jar.Cookies(portal) {
		if c.Name == "__Host-homeward" {
			h := sha256.Sum256([]byte(c.Value))
			return h[:]
		}
	}
	t.Fatal("the browser has no session")
	return nil
}
