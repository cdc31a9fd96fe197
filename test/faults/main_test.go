// Package faults breaks things for real while resets are under way, and holds what people were told against what the
// directory did: no wrong statement to anybody, no write twice, and every outcome known within a minute after the
// repair.
//
// Each fault comes in the middle of as many resets as [count] says: a few dozen by default, more than two hundred with
// HOMEWARD_SOAK set (make soak).
package faults_test

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/reset"
	"homeward/test/dctest"
)

const (
	startTime = 9 * time.Minute // the first start on a machine builds the lab's cache
	patience  = 90 * time.Second
	visit     = 45 * time.Second // how long somebody stays on the status page
)

// count is how many resets a storm has. Faults begin early in it.
func count() int {
	if os.Getenv("HOMEWARD_SOAK") != "" {
		return 240
	}
	return 40
}

// programs are what the tests run.
var programs struct{ homeward, clock string }

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "homeward-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programs.homeward, programs.clock = filepath.Join(dir, "homeward"), filepath.Join(dir, "clock")
	for program, pkg := range map[string]string{programs.homeward: "homeward/cmd/homeward", programs.clock: "homeward/test/clock"} {
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
	}
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.DefValue == parallel.Value.String() {
		// Most of the time a test here waits for somebody else.
		if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// site is a stack with people in it.
type site struct {
	*demo.Stack

	mu     sync.Mutex
	people []*person
	flow   *reset.Service
	admin  *dctest.DC
}

// brew starts a stack for one storm.
func brew(t *testing.T, o demo.Options) *storm {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTime)
	defer cancel()
	s := &site{}
	prepare := o.Prepare
	o.Homeward = programs.homeward
	o.Prepare = func(ctx context.Context, dc *lab.DC) error {
		if prepare != nil {
			if err := prepare(ctx, dc); err != nil {
				return err
			}
		}
		return s.populate(ctx, dc)
	}
	var err error
	if s.Stack, err = demo.Start(ctx, o); err != nil {
		if s.Stack != nil {
			err = errors.Join(err, s.Close())
		}
		t.Fatalf("starting a stack: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("server's log:\n%s\nagent's log:\n%s", end(s.Path("server.log")), end(s.Path("agent.log")))
		}
		_ = s.DC.Resume() // a failed test may have left it frozen
		if err := s.Close(); err != nil {
			t.Errorf("stopping the stack: %v", err)
		}
	})
	s.admin = dctest.Wrap(t, s.DC)
	s.identify(t)
	return &storm{site: s, t: t}
}

// populate makes people, and takes the minimum age out of the domain's policy: their passwords are new.
func (s *site) populate(ctx context.Context, dc *lab.DC) (err error) {
	conn, err := dc.Dial(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Bind(dc.Administrator().UPN, dc.Administrator().Password); err != nil {
		return err
	}
	young := ldap.NewModifyRequest(dc.BaseDN(), nil)
	young.Replace("minPwdAge", []string{"0"})
	if err := conn.Modify(young); err != nil {
		return err
	}
	for i := range count() / 2 {
		name := fmt.Sprintf("storm%03d", i)
		p := &person{password: lab.RandomPassword()}
		p.Person = lab.Person{DN: "CN=" + name + "," + dc.OUs()[0], SAM: name, UPN: name + "@contoso.com", Mail: name + "@mail.example", Password: p.password}
		add := ldap.NewAddRequest(p.DN, nil)
		for attribute, value := range map[string]string{
			"objectClass": "user", "sAMAccountName": p.SAM, "userPrincipalName": p.UPN, "mail": p.Mail, "userAccountControl": "512",
			"unicodePwd": quoted(p.password),
		} {
			add.Attribute(attribute, []string{value})
		}
		if err := conn.Add(add); err != nil {
			return fmt.Errorf("add %s: %w", p.DN, err)
		}
		s.people = append(s.people, p)
	}
	return nil
}

func quoted(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(`"` + s + `"`)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// identify looks up the imported people's ids in the portal.
func (s *site) identify(t *testing.T) {
	t.Helper()
	key, err := masterkey.Load(s.Path("server/master.key"))
	if err != nil {
		t.Fatal(err)
	}
	decoys, err := key.Derive("decoys")
	if err != nil {
		t.Fatal(err)
	}
	s.flow = &reset.Service{Deps: reset.Deps{DecoyKey: decoys}}
	for _, p := range s.people {
		found, err := s.Store.FindPeople(t.Context(), demo.TenantID, p.UPN)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s was not imported: %v", p.UPN, err)
		}
		p.id = found[0].ID
	}
}

// version is how often the password has been written, by the directory's own replication metadata ([MS-DRSR] 5.162).
// It waits for a directory that is away.
func (s *storm) version(p *person) (version uint32) {
	const unicodePwd, head, entry = 0x9005A, 16, 48
	dctest.Eventually(s.t, patience, func() error {
		conn, err := s.DC.Dial(s.t.Context())
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if err := conn.Bind(s.DC.Administrator().UPN, s.DC.Administrator().Password); err != nil {
			return err
		}
		found, err := conn.Search(ldap.NewSearchRequest(p.DN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)",
			[]string{"replPropertyMetaData"}, nil))
		if err != nil {
			return err
		}
		b := found.Entries[0].GetRawAttributeValue("replPropertyMetaData")
		for at := head; at+entry <= len(b); at += entry {
			if binary.LittleEndian.Uint32(b[at:]) == unicodePwd {
				version = binary.LittleEndian.Uint32(b[at+4:])
			}
		}
		return nil
	})
	return version
}

// end returns the last lines of a log.
func end(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	text := string(b[max(0, len(b)-4000):])
	return text[strings.IndexByte(text, '\n')+1:]
}
