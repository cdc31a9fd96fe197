package dirsync

import (
	"context"
	"crypto/x509"
	"os"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// TestAnotherController: when the controller ends, changes go on at another one; where they are numbered by each
// controller for itself, everything is read again there.
func TestAnotherController(t *testing.T) {
	one, two := dctest.Pair(t, lab.Options{Sample: true})
	pool := x509.NewCertPool()
	for _, dc := range []*dctest.DC{one, two} {
		pem, err := os.ReadFile(dc.CAFile())
		if err != nil {
			t.Fatal(err)
		}
		pool.AppendCertsFromPEM(pem)
	}
	svc := one.ServiceAccount()
	dir, err := activedirectory.Open(activedirectory.Config{
		URLs: []string{one.LDAPSURL(), two.LDAPSURL()}, User: svc.UPN, RootCAs: pool,
		Password: func(context.Context) ([]byte, error) { return []byte(svc.Password), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	w := newWorld(t, one)
	dn := w.person("One", w.ou)
	if err := two.Replicate(t.Context(), one.DC); err != nil {
		t.Fatal(err)
	}
	engines := map[*cloud]int{}
	for _, usn := range []bool{false, true} {
		c := newCloud(t)
		engines[c] = 1
		e := w.engineOn(dir, c, func(d *Deps) { d.Anchors = false })
		if usn {
			engines[c] = 2
			e.Source = byUSNOnly{e.Source}
		}
		w.start(e)
		w.full(e)
		w.seen(c)
	}
	if err := one.Kill(); err != nil {
		t.Fatal(err)
	}
	w.dc = two
	dctest.Eventually(t, 30*time.Second, func() error { two.Admin(t); return nil })
	two.Set(t, dn, "displayName", "On the other one")
	for c, want := range engines {
		dctest.Eventually(t, 30*time.Second, func() error { return w.differs(c) })
		if _, _, _, runs := c.count(); runs != want {
			t.Errorf("%d full runs, want %d", runs, want)
		}
	}
}

// byUSNOnly reads as if the right to use DirSync were missing.
type byUSNOnly struct{ Source }

func (s byUSNOnly) Look(ctx context.Context) (activedirectory.Reading, error) {
	r, err := s.Source.Look(ctx)
	r.Mode = protocol.SyncByUSN
	return r, err
}
