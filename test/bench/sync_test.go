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
	cache, err := lab.CacheDir()
	ok(b, err)
	dir := filepath.Join(cache, "crowd-mdb-"+strconv.Itoa(size))
	loaded := filepath.Join(dir, "loaded")
	if _, err := os.Stat(loaded); err == nil {
		return dir
	}
	ok(b, os.RemoveAll(dir)) // a load that was broken off
	dc, err := lab.Start(b.Context(), lab.Options{Dir: dir, Backend: lab.LargeBackend, Sample: true})
	ok(b, err)
	began := time.Now()
	err = errors.Join(dc.Crowd(b.Context(), size), dc.CrowdGroups(b.Context(), 500, 40, size))
	ok(b, errors.Join(err, dc.Stop()))
	b.Logf("loaded %d people and 500 groups in %v", size, time.Since(began).Round(time.Second))
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
}

// syncOnce starts everything on a copy of the domain, and adds what was measured.
func syncOnce(b *testing.B, crowded string, size int, sum map[string]float64) {
	b.Helper()
	if _, err := exec.LookPath("ldapsearch"); err != nil {
		b.Fatal("ldapsearch is missing: apt-get install ldap-utils")
	}
	program := filepath.Join(b.TempDir(), "homeward")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "homeward/cmd/homeward")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	domain := filepath.Join(b.TempDir(), "domain")
	if out, err := exec.Command("cp", "-a", "--reflink=auto", crowded, domain).CombinedOutput(); err != nil {
		b.Fatalf("copying %s: %v\n%s", crowded, err, out)
	}
	s := &syncRig{b: b, sum: sum}
	var paged time.Duration
	stack, err := demo.Start(b.Context(), demo.Options{
		Homeward: program, Lab: lab.Options{Dir: domain}, Patience: 10 * time.Minute,
		Prepare: func(_ context.Context, dc *lab.DC) error {
			s.paged(dc) // warms the controller's cache, which the agent's read finds as warm
			paged = s.paged(dc)
			return nil
		},
	})
	ok(b, err)
	defer func() { ok(b, errors.Join(stack.Close(), os.RemoveAll(domain))) }()
	s.Stack, s.engine = stack, server.Accounts(stack.Store, time.Now)
	s.measure(size, paged)
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

// one changes one person among all, and waits until the cloud has it.
func (s *syncRig) one() {
	conn, err := s.DC.Dial(s.b.Context())
	s.check(err)
	defer conn.Close()
	s.check(conn.Bind(s.DC.Administrator().UPN, s.DC.Administrator().Password))
	found, err := conn.Search(ldap.NewSearchRequest(s.DC.BaseDN(), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 1, 0, false, "(sAMAccountName=crowd-00777)", []string{"cn"}, nil))
	s.check(err)
	const times = 5
	var took time.Duration
	var bytes int64
	for i := range times {
		name := fmt.Sprintf("Changed Just Now %d", i)
		m := ldap.NewModifyRequest(found.Entries[0].DN, nil)
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

// paged is how long ldapsearch takes for what the agent reads.
func (s *syncRig) paged(dc *lab.DC) time.Duration {
	s.b.Helper()
	svc := dc.ServiceAccount()
	secret := filepath.Join(s.b.TempDir(), "secret")
	s.check(os.WriteFile(secret, []byte(svc.Password), 0o600))
	out, err := os.Create(filepath.Join(s.b.TempDir(), "ldif"))
	s.check(err)
	defer out.Close()
	cmd := exec.CommandContext(s.b.Context(), "ldapsearch", "-LLL", "-x", "-o", "ldif-wrap=no", "-H", dc.LDAPSURL(), "-D", svc.UPN, "-y", secret,
		"-b", dc.BaseDN(), "-E", "pr=1000/noprompt", "(|(&(objectCategory=person)(objectClass=user))(objectClass=group))",
		"objectClass", "objectGUID", "sAMAccountName", "userPrincipalName", "userAccountControl", "adminCount", "pwdLastSet", "whenCreated",
		"mS-DS-ConsistencyGuid", "proxyAddresses", "mail", "groupType", "name", "displayName", "givenName", "sn", "preferredLanguage",
		"department", "title", "company", "physicalDeliveryOfficeName", "employeeID", "telephoneNumber", "member")
	cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+dc.CAFile())
	cmd.Stdout = out
	began := time.Now()
	s.check(cmd.Run())
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
