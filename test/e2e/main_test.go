// Package e2e proves what Homeward promises on the whole path: visitors at the real pages, the server and
// the agent as processes of their own that are killed and restarted, and a real domain controller that is
// asked for the truth afterwards.
//
// Harmless tests share one stack and take people of their own from it. A test that kills something, or
// counts what the whole server did, runs a stack of its own.
package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

const (
	// patience is how long anything may take that should take moments; the machine may be busy.
	patience   = 60 * time.Second
	startTime  = 9 * time.Minute // the first start on a machine builds the lab's cache
	pollPeriod = 20 * time.Millisecond
)

// program is the path of the program under test.
var program string

// common is the stack that harmless tests share, started by the first that asks.
var common struct {
	sync.Mutex
	site *site
	err  error
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "homeward-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "homeward")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "homeward/cmd/homeward")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	flag.Parse()
	if flag.Lookup("test.parallel").DefValue == flag.Lookup("test.parallel").Value.String() {
		// Most of the time a test here waits for somebody else.
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	code := m.Run()
	if common.site != nil {
		if err := common.site.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the shared stack:", err)
			code = max(code, 1)
		}
	}
	return code
}

// site is a running stack with a supply of people nobody has used yet.
type site struct {
	*demo.Stack

	mu     sync.Mutex
	people map[lab.Kind][]lab.Person
	mail   map[string]bool // every address of the directory
	hands  *dctest.DC      // one connection for a test that looks at the directory all the time
}

// shared gives the stack that harmless tests share.
func shared(t *testing.T) *site {
	t.Helper()
	common.Lock()
	defer common.Unlock()
	if common.site == nil && common.err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), startTime) // not t.Context: it outlives t
		defer cancel()
		common.site, common.err = start(ctx, demo.Options{}, supply{lab.KindOrdinary: 74, lab.KindDisabled: 26, lab.KindNoMail: 26, lab.KindSharedMail: 26})
	}
	if common.err != nil {
		t.Fatalf("starting the shared stack: %v", common.err)
	}
	t.Cleanup(func() { common.site.explain(t) })
	return common.site
}

// own gives a stack to one test alone.
func own(t *testing.T, o demo.Options, people supply) *site {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	if people == nil {
		people = supply{lab.KindOrdinary: 8}
	}
	s, err := start(ctx, o, people)
	if err != nil {
		t.Fatalf("starting a stack: %v", err)
	}
	t.Cleanup(func() {
		s.explain(t)
		_ = s.DC.Resume() // a failed test may have left it frozen
		if err := s.Close(); err != nil {
			t.Errorf("stopping the stack: %v", err)
		}
	})
	return s
}

// explain shows what server and agent said when a test has failed.
func (s *site) explain(t *testing.T) {
	if t.Failed() {
		t.Logf("server's log:\n%s\nagent's log:\n%s", end(s.Path("server.log")), end(s.Path("agent.log")))
	}
}

func start(ctx context.Context, o demo.Options, people supply) (*site, error) {
	s := &site{}
	o.Homeward, o.Lab.Sample = program, true
	prepare := o.Prepare
	o.Prepare = func(ctx context.Context, dc *lab.DC) (err error) {
		if s.people, err = people.create(ctx, dc); err == nil && prepare != nil {
			err = prepare(ctx, dc)
		}
		s.mail = map[string]bool{}
		for _, some := range append(slices.Collect(maps.Values(s.people)), dc.People()) {
			for _, p := range some {
				s.mail[p.Mail] = p.Mail != ""
			}
		}
		return err
	}
	var err error
	s.Stack, err = demo.Start(ctx, o)
	return s, err
}

// person takes somebody whom no other test knows.
func (s *site) person(t *testing.T, kind lab.Kind) lab.Person {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.people[kind]
	if len(rest) == 0 {
		t.Fatalf("this stack's supply of people who are %s is used up; let start make more", kind)
	}
	s.people[kind] = rest[1:]
	return rest[0]
}

// addresses counts the visitors: each comes from its own address, so that the limits by address, which are
// tested by themselves, don't mix up the tests.
var addresses atomic.Uint32

func (s *site) visitor(t *testing.T) *demo.Visitor {
	t.Helper()
	n := addresses.Add(1)
	v, err := s.ClientFrom(net.IPv4(127, 77, byte(n>>8), byte(n)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.HTTP.CloseIdleConnections)
	return v
}

// admin gives an administrator's hands on the stack's DC.
func (s *site) admin(t *testing.T) *dctest.DC {
	t.Helper()
	if s.hands != nil {
		return s.hands
	}
	return dctest.Wrap(t, s.DC)
}

// restartServer starts the server again after it was killed, and waits until the agent is back.
func (s *site) restartServer(t *testing.T) {
	t.Helper()
	began := time.Now()
	if err := s.StartServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.WaitAgent(t.Context(), began); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	dctest.Eventually(t, patience, check)
}

// end returns the last lines of a log.
func end(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-6000):])
}
