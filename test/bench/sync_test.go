package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server"
	"homeward/internal/server/provision"
)

// BenchmarkSync measures the first sync of a big domain, cloud side included, against ldapsearch for the same attributes
// of the same controller in the same run; then what one change costs, and the agent's memory. The full domain is kept in
// the lab's cache, because loading it takes minutes; each round has a copy, and everything else is new.
//
// The controller keeps its directory in the database that Samba recommends for a domain of this size, with ordered indexes as a
// Microsoft DC has. On Samba's usual one a search for what has changed walks through everybody, whoever asks.
func BenchmarkSync(b *testing.B) {
	for _, size := range []int{20_000, 100_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			crowded := crowdedDomain(b, size)
			sum := map[string]float64{}
			for b.Loop() {
				syncOnce(b, crowded, size, sum)
			}
			b.ReportMetric(sum["first-sync-ms"]/sum["ldapsearch-ms"], "ratio")
			for unit, total := range sum {
				b.ReportMetric(total/float64(b.N), unit)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// crowdedDomain is the folder of a controller, stopped, that holds so many people and 500 groups of them.
func crowdedDomain(b *testing.B, size int) string {
	b.Helper()
	return keptDomain(b, "crowd-mdb-"+strconv.Itoa(size), func(ctx context.Context, dc *lab.DC) error {
		return errors.Join(dc.Crowd(ctx, size), dc.CrowdGroups(ctx, 500, 40, size))
	})
}

// keptDomain is a folder of the lab's cache with a controller, stopped, whose domain was loaded once.
func keptDomain(b *testing.B, name string, load func(context.Context, *lab.DC) error) string {
	b.Helper()
	cache, err := lab.CacheDir()
	ok(b, err)
	dir := filepath.Join(cache, name)
	loaded := filepath.Join(dir, "loaded")
	if _, err := os.Stat(loaded); err == nil {
		return dir
	}
	ok(b, os.RemoveAll(dir)) // a load that was broken off
	dc, err := lab.Start(b.Context(), lab.Options{Dir: dir, Backend: lab.LargeBackend, Sample: true})
	ok(b, err)
	began := time.Now()
	err = load(b.Context(), dc)
	ok(b, errors.Join(err, dc.Stop()))
	b.Logf("loaded %s in %v", name, time.Since(began).Round(time.Second))
	ok(b, os.WriteFile(loaded, nil, 0o600))
	return dir
}

func ok(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

type syncRig struct {
	*demo.Stack

	b      *testing.B
	engine *provision.Engine
	sum    map[string]float64
	end    func()
}

// syncOnce starts everything on a copy of the domain, and adds what was measured.
func syncOnce(b *testing.B, crowded string, size int, sum map[string]float64) {
	b.Helper()
	var paged time.Duration
	if _, err := exec.LookPath("ldapsearch"); err != nil {
		b.Fatal("ldapsearch is missing: apt-get install ldap-utils")
	}
	s := newSyncRig(b, crowded, func(_ context.Context, dc *lab.DC) error {
		pagedSearch(b, dc) // warms the controller's cache, which the agent's read finds as warm
		paged = pagedSearch(b, dc)
		return nil
	}, sum)
	s.measure(size, paged)
	s.end()
}

// newSyncRig starts everything on a copy of the domain. End it.
func newSyncRig(b *testing.B, kept string, prepare func(context.Context, *lab.DC) error, sum map[string]float64) *syncRig {
	b.Helper()
	program := filepath.Join(b.TempDir(), "homeward")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "homeward/cmd/homeward")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	domain := filepath.Join(b.TempDir(), "domain")
	if out, err := exec.Command("cp", "-a", "--reflink=auto", kept, domain).CombinedOutput(); err != nil {
		b.Fatalf("copying %s: %v\n%s", kept, err, out)
	}
	stack, err := demo.Start(b.Context(), demo.Options{
		Homeward: program, Lab: lab.Options{Dir: domain}, Patience: 10 * time.Minute, Prepare: prepare,
	})
	ok(b, err)
	var once sync.Once
	s := &syncRig{b: b, Stack: stack, sum: sum, engine: server.Accounts(stack.Store, time.Now)}
	s.end = func() { once.Do(func() { ok(b, errors.Join(stack.Close(), os.RemoveAll(domain))) }) }
	b.Cleanup(s.end) // also after a failure
	return s
}

func (s *syncRig) add(value float64, unit string) { s.sum[unit] += value }

func (s *syncRig) check(err error) {
	s.b.Helper()
	ok(s.b, err)
}

func (s *syncRig) measure(size int, paged time.Duration) {
	s.b.Helper()
	run := s.run(func(r provision.Run) bool { return r.Full && r.Added >= size && !r.Ended.IsZero() })
	first := run.Ended.Sub(run.Started)
	s.add(s.cpu(s.Agent.PID()), "agent-cpu-s")
	s.add(s.cpu(s.Server.PID()), "server-cpu-s")
	s.add(float64(first.Milliseconds()), "first-sync-ms")
	s.add(float64(paged.Milliseconds()), "ldapsearch-ms")
	s.add(s.peak(), "agent-peak-MB")
	s.b.Logf("first sync %v, ldapsearch %v, ratio %.2f", first, paged, float64(first)/float64(paged))
	s.one()
}

// run waits for a line of the history.
func (s *syncRig) run(want func(provision.Run) bool) provision.Run {
	s.b.Helper()
	ctx, cancel := context.WithTimeout(s.b.Context(), 10*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		runs, err := s.engine.Runs(ctx, demo.TenantID, "", 20)
		s.check(err)
		for _, r := range runs {
			if want(r) {
				return r
			}
		}
		select {
		case <-ctx.Done():
			s.b.Fatalf("no such run among %+v", runs)
		case <-tick.C:
		}
	}
}

// bound is a connection of the domain's administrator.
func (s *syncRig) bound() *ldap.Conn {
	s.b.Helper()
	conn, err := s.DC.Dial(s.b.Context())
	s.check(err)
	s.check(conn.Bind(s.DC.Administrator().UPN, s.DC.Administrator().Password))
	return conn
}

func (s *syncRig) entry(conn *ldap.Conn, sam string) *ldap.Entry {
	s.b.Helper()
	found, err := conn.Search(ldap.NewSearchRequest(s.DC.BaseDN(), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 1, 0, false,
		"(sAMAccountName="+sam+")", []string{"objectGUID"}, nil))
	s.check(err)
	return found.Entries[0]
}

// one changes one person among all, and waits until the cloud has it.
func (s *syncRig) one() {
	conn := s.bound()
	defer conn.Close()
	who := s.entry(conn, "crowd-00777")
	const times = 5
	var took time.Duration
	var bytes int64
	for i := range times {
		name := fmt.Sprintf("Changed Just Now %d", i)
		m := ldap.NewModifyRequest(who.DN, nil)
		m.Replace("displayName", []string{name})
		began := time.Now()
		s.check(conn.Modify(m))
		s.check(s.named(name))
		took += time.Since(began)
		r := s.run(func(r provision.Run) bool {
			return !r.Full && r.Updated > 0 && r.Started.After(began.Add(-time.Second))
		})
		bytes += r.Bytes
	}
	s.add(float64(took.Milliseconds())/times, "one-change-ms")
	s.add(float64(bytes)/times, "one-change-bytes")
}

func (s *syncRig) named(name string) error {
	ctx, cancel := context.WithTimeout(s.b.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := s.engine.Accounts(ctx, demo.TenantID, provision.Filter{Find: name})
		if err != nil || len(found) > 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("the change doesn't arrive")
		case <-tick.C:
		}
	}
}

// pagedSearch is how long ldapsearch takes for what the agent reads.
func pagedSearch(b *testing.B, dc *lab.DC) time.Duration {
	b.Helper()
	svc := dc.ServiceAccount()
	secret := filepath.Join(b.TempDir(), "secret")
	ok(b, os.WriteFile(secret, []byte(svc.Password), 0o600))
	out, err := os.Create(filepath.Join(b.TempDir(), "ldif"))
	ok(b, err)
	defer out.Close()
	cmd := exec.CommandContext(b.Context(), "ldapsearch", "-LLL", "-x", "-o", "ldif-wrap=no", "-H", dc.LDAPSURL(), "-D", svc.UPN, "-y", secret,
		"-b", dc.BaseDN(), "-E", "pr=1000/noprompt", "(|(&(objectCategory=person)(objectClass=user))(objectClass=group))",
		"objectClass", "objectGUID", "sAMAccountName", "userPrincipalName", "userAccountControl", "adminCount", "pwdLastSet", "whenCreated",
		"mS-DS-ConsistencyGuid", "proxyAddresses", "mail", "groupType", "name", "displayName", "givenName", "sn", "preferredLanguage",
		"department", "title", "company", "physicalDeliveryOfficeName", "employeeID", "telephoneNumber", "member")
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+dc.CAFile())
	cmd.Stdout = out
	began := time.Now()
	ok(b, cmd.Run())
	return time.Since(began)
}

// peak is the most memory the agent's process ever had, in MB.
func (s *syncRig) peak() float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Agent.PID()))
	s.check(err)
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			s.check(err)
			return kb / 1024
		}
	}
	s.b.Fatal("the agent's memory isn't known")
	return 0
}

// cpu is what a process has used so far, in seconds.
func (s *syncRig) cpu(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	s.check(err)
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	const user, system, ticks = 11, 12, 100 // proc(5): utime and stime, counted from the state; USER_HZ
	sum := 0.0
	for _, i := range []int{user, system} {
		n, err := strconv.ParseFloat(fields[i], 64)
		s.check(err)
		sum += n
	}
	return sum / ticks
}
