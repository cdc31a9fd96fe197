package dirsync

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// BenchmarkFull reads everybody of a big domain, against a paged search for the same attributes in the same run, then one
// change. HOMEWARD_CROWD sets how many people; each fortieth is a group of 40. Not for make test: loading takes a minute.
func BenchmarkFull(b *testing.B) {
	crowd := 20000
	if s := os.Getenv("HOMEWARD_CROWD"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			b.Fatal(err)
		}
		crowd = n
	}
	dc := dctest.Private(b, lab.Options{})
	began := time.Now()
	if err := dc.Crowd(b.Context(), crowd); err != nil {
		b.Fatal(err)
	}
	if err := dc.CrowdGroups(b.Context(), crowd/40, 40, crowd); err != nil {
		b.Fatal(err)
	}
	b.Logf("loaded %d people and %d groups in %v", crowd, crowd/40, time.Since(began))
	w := &world{t: b, dc: dc}
	for b.Loop() {
		w.measure(b, crowd)
	}
}

func (w *world) measure(b *testing.B, crowd int) {
	const rounds = 2
	var paged, full time.Duration
	var c *cloud
	var e *Engine
	for range rounds { // in turns, so that a noisy moment hits both
		began := time.Now()
		n := w.paged(b)
		paged += time.Since(began)
		if n < crowd {
			b.Fatalf("%d found", n)
		}
		c = newCloud(b)
		e = w.engine(c, func(d *Deps) { d.Scope.Units, d.Anchors = w.dc.OUs(), false })
		peak := watchHeap(b.Context())
		began = time.Now()
		if _, err := e.Once(b.Context()); err != nil {
			b.Fatal(err)
		}
		full += time.Since(began)
		b.Logf("heap at most %d MB, with the picture of the test's cloud; %d batches, %d KB compressed, %d MB read", peak()>>20, c.batches, c.bytes>>10,
			e.Source.Bytes()>>20)
	}
	peak := watchHeap(b.Context())
	began := time.Now()
	if _, err := w.engine(&discarding{}, func(d *Deps) { d.Scope.Units, d.Anchors = w.dc.OUs(), false }).Once(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "full-alone-ms")
	b.ReportMetric(float64(peak()>>20), "peak-MB")
	b.ReportMetric(float64(full.Milliseconds())/rounds, "full-ms")
	b.ReportMetric(float64(paged.Milliseconds())/rounds, "paged-ms")
	b.ReportMetric(float64(full)/float64(paged), "ratio")
	w.delta(b, c, e)
}

// paged is the yardstick: what ldapsearch -E pr=1000 does, with it where the machine has it.
func (w *world) paged(b *testing.B) int {
	attributes := []string{
		"objectClass", "objectGUID", "sAMAccountName", "userPrincipalName", "userAccountControl", "adminCount", "pwdLastSet", "whenCreated",
		"mS-DS-ConsistencyGuid", "proxyAddresses", "mail", "groupType", "name", "displayName", "givenName", "sn", "mobile", "preferredLanguage",
		"department", "title", "company", "physicalDeliveryOfficeName", "employeeID", "telephoneNumber", "member",
	}
	filter := "(|(&(objectCategory=person)(objectClass=user))(objectClass=group))"
	if path, err := exec.LookPath("ldapsearch"); err == nil {
		svc := w.dc.ServiceAccount()
		secret := b.TempDir() + "/secret"
		if err := os.WriteFile(secret, []byte(svc.Password), 0o600); err != nil {
			b.Fatal(err)
		}
		cmd := exec.CommandContext(b.Context(), path, append([]string{
			"-LLL", "-x", "-o", "ldif-wrap=no", "-H", w.dc.LDAPSURL(), "-D", svc.UPN, "-y", secret, "-b", w.dc.BaseDN(), "-E", "pr=1000/noprompt", filter,
		}, attributes...)...)
		cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+w.dc.CAFile())
		out, err := os.Create(b.TempDir() + "/out")
		if err != nil {
			b.Fatal(err)
		}
		defer out.Close()
		cmd.Stdout = out
		if err := cmd.Run(); err != nil {
			b.Fatalf("ldapsearch: %v", err)
		}
		return 1 << 30
	}
	r, err := w.dc.Admin(b).SearchWithPaging(ldap.NewSearchRequest(w.dc.BaseDN(), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter,
		attributes, nil), 1000)
	if err != nil {
		b.Fatal(err)
	}
	return len(r.Entries)
}

// watchHeap samples what the process has in use.
func watchHeap(ctx context.Context) (peak func() uint64) {
	runtime.GC()
	var most atomic.Uint64
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		for ctx.Err() == nil {
			metrics.Read(sample)
			most.Store(max(most.Load(), sample[0].Value.Uint64()-sample[1].Value.Uint64()))
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return func() uint64 { cancel(); <-done; return most.Load() }
}

// delta measures single changes.
func (w *world) delta(b *testing.B, c *cloud, _ *Engine) {
	e := w.engine(c, func(d *Deps) { d.Scope.Units, d.Anchors = w.dc.OUs(), false })
	stop := w.start(e)
	defer stop()
	dctest.Eventually(b, time.Minute, func() error {
		if e.Status().Phase != "changes" {
			return fmt.Errorf("phase %q: %s", e.Status().Phase, e.Status().Detail)
		}
		return nil
	})
	dn := "CN=crowd-00001," + w.dc.OUs()[1]
	id := w.id(dn)
	var sum time.Duration
	const changes = 10
	before := e.Source.Bytes()
	for i := range changes {
		name := fmt.Sprintf("Changed %d %d", i, time.Now().UnixNano())
		began := time.Now()
		w.dc.Set(b, dn, "displayName", name)
		dctest.Eventually(b, time.Minute, func() error {
			if p, _ := c.person(id); p.DisplayName != name {
				return fmt.Errorf("still %q", p.DisplayName)
			}
			return nil
		})
		sum += time.Since(began)
	}
	b.ReportMetric(float64(sum.Milliseconds())/changes, "change-ms")
	b.ReportMetric(float64(e.Source.Bytes()-before)/changes, "change-B")
}

// discarding is a cloud that keeps nothing, for memory.
type discarding struct{ seq int64 }

func (d *discarding) Lease(context.Context, protocol.SyncAsk) (protocol.SyncGrant, error) {
	return protocol.SyncGrant{OK: true, Epoch: 1, Run: "run", Seq: 1}, nil
}

func (d *discarding) Batch(_ context.Context, b protocol.SyncBatch) (protocol.SyncAck, error) {
	_, err := protocol.EncodeBatch(b)
	d.seq = b.Seq + 1
	return protocol.SyncAck{OK: true, Seq: d.seq}, err
}
