package lab_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"homeward/internal/lab"
	"homeward/test/dctest"
)

// childVariable makes the test binary start a DC, say where, and wait to be killed.
const childVariable = "HOMEWARD_LAB_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	if os.Getenv(networkVariable) != "" {
		os.Exit(networkChild())
	}
	os.Exit(dctest.Main(m))
}

func child() int {
	dc, err := lab.Start(context.Background(), lab.Options{})
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		return 1
	}
	fmt.Fprintln(os.Stdout, dc.Addr(), dc.Dir())
	select {}
}

func TestSampleStates(t *testing.T) {
	dc := dctest.Start(t)
	want := map[lab.Kind]string{lab.KindLocked: "775", lab.KindMustChange: "773", lab.KindExpired: "532", lab.KindDisabled: "533"}
	if n := len(dc.People()); n < 12 {
		t.Errorf("%d sample people, want at least 12", n)
	}
	for _, p := range dc.People() {
		t.Run(p.SAM, func(t *testing.T) {
			err := dc.Bind(p.UPN, p.Password)
			if got := dctest.BindCode(err); got != want[p.Kind] || got == "" && err != nil {
				t.Errorf("%s person: bind code %q (%v), want %q", p.Kind, got, err, want[p.Kind])
			}
			var mail []string
			if p.Mail != "" {
				mail = []string{p.Mail}
			}
			guid := "<GUID=" + p.GUID + ">"
			got := map[string][]string{
				"mail": dc.Attr(t, guid, "mail"), "displayName": dc.Attr(t, guid, "displayName"),
				"userPrincipalName": dc.Attr(t, guid, "userPrincipalName"),
			}
			expected := map[string][]string{"mail": mail, "displayName": {p.DisplayName}, "userPrincipalName": {p.UPN}}
			if diff := cmp.Diff(expected, got); diff != "" {
				t.Errorf("directory (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSampleAttributes(t *testing.T) {
	dc := dctest.Start(t)
	protected := dc.SamplePerson(t, lab.KindProtected)
	tests := []struct {
		kind lab.Kind
		attr string
		want []string
	}{
		{lab.KindProtected, "adminCount", []string{"1"}},
		{lab.KindOrdinary, "adminCount", nil},
		{lab.KindOrdinary, "msDS-ResultantPSO", nil},
		{lab.KindNeverExpires, "msDS-UserPasswordExpiryTimeComputed", []string{"9223372036854775807"}},
		{lab.KindNeverExpires, "userAccountControl", []string{"66048"}},
		{lab.KindMustChange, "pwdLastSet", []string{"0"}},
		{lab.KindLocked, "msDS-User-Account-Control-Computed", []string{"16"}},
		{
			lab.KindFineGrained, "msDS-ResultantPSO",
			[]string{"CN=Finance and legal,CN=Password Settings Container,CN=System," + dc.BaseDN()},
		},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind)+" "+tt.attr, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, dc.Attr(t, dc.SamplePerson(t, tt.kind).DN, tt.attr)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if !strings.HasSuffix(protected.DN, `,OU=Research\, Legal & Tax,`+dc.BaseDN()) {
		t.Errorf("protected person at %s", protected.DN)
	}
}

func TestServiceAccountHasOnlyItsRights(t *testing.T) {
	dc := dctest.Start(t)
	svc := dc.ServiceAccount()
	for _, ou := range dc.OUs() {
		p := dc.NewPerson(t, dctest.In(ou))
		if err := dc.ResetAs(svc, p.DN, lab.RandomPassword()); err != nil {
			t.Errorf("reset in %s: %v", ou, err)
		}
	}
	refused := map[string]string{
		"protected":       dc.SamplePerson(t, lab.KindProtected).DN,
		"inheritance cut": dc.SamplePerson(t, lab.KindInheritanceCut).DN,
		"outside the OUs": dc.NewPerson(t, dctest.In("CN=Users,"+dc.BaseDN())).DN,
	}
	for name, dn := range refused {
		if err := dc.ResetAs(svc, dn, lab.RandomPassword()); !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
			t.Errorf("%s: reset: %v, want insufficient access rights", name, err)
		}
	}
	recent := dc.SamplePerson(t, lab.KindRecentlyChanged)
	if err := dc.ResetAs(svc, recent.DN, lab.RandomPassword()); !ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform) {
		t.Errorf("recently changed: reset: %v, want unwilling to perform", err)
	}
	if groups := dc.Attr(t, svc.DN, "memberOf"); groups != nil {
		t.Errorf("the service account is in %v", groups)
	}
}

func TestServiceAccountReadsPSOs(t *testing.T) {
	dc := dctest.Start(t)
	svc := dc.ServiceAccount()
	conn, err := dc.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(svc.UPN, svc.Password); err != nil {
		t.Fatal(err)
	}
	found, err := conn.Search(ldap.NewSearchRequest("CN=Password Settings Container,CN=System,"+dc.BaseDN(),
		ldap.ScopeSingleLevel, ldap.NeverDerefAliases, 0, 0, false, "(cn=Finance and legal)", []string{"msDS-MinimumPasswordLength"}, nil))
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("PSOs as the service account: %v, %v", found, err)
	}
	if got := found.Entries[0].GetAttributeValue("msDS-MinimumPasswordLength"); got != "16" {
		t.Errorf("minimum length of the PSO = %q, want 16", got)
	}
}

func TestPolicyHintsAdvertised(t *testing.T) {
	dc := dctest.Start(t)
	if !slices.Contains(dc.Attr(t, "", "supportedControl"), dctest.OIDPolicyHints) {
		t.Error("supportedControl lacks the policy-hints control")
	}
}

func TestKerberosAndDNS(t *testing.T) {
	dc := dctest.Start(t)
	p := dc.SamplePerson(t, lab.KindOrdinary)
	if err := dc.Kinit(p.UPN, p.Password); err != nil {
		t.Errorf("kinit: %v", err)
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, dc.DNS())
	}}
	addrs, err := resolver.LookupHost(t.Context(), dc.Host())
	if diff := cmp.Diff([]string{dc.Addr()}, addrs); err != nil || diff != "" {
		t.Errorf("%s: %v (-want +got):\n%s", dc.Host(), err, diff)
	}
	_, srv, err := resolver.LookupSRV(t.Context(), "ldap", "tcp", "dc._msdcs."+dc.Domain())
	if err != nil || len(srv) != 1 || srv[0].Target != dc.Host()+"." {
		t.Errorf("SRV records of the DC: %v, %v", srv, err)
	}
}

func TestAuditLog(t *testing.T) {
	dc := dctest.Start(t)
	p := dc.NewPerson(t)
	if err := dc.ResetAs(dc.ServiceAccount(), p.DN, lab.RandomPassword()); err != nil {
		t.Fatal(err)
	}
	dctest.Eventually(t, 5*time.Second, func() error {
		b, err := os.ReadFile(dc.LogFile())
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, p.DN) && strings.Contains(line, `"eventId": 4724`) {
				return nil
			}
		}
		return errors.New("no event 4724 for the person in the log")
	})
}

func TestTool(t *testing.T) {
	dc := dctest.Start(t)
	out, err := dc.Tool(t.Context(), "domain", "passwordsettings", "show")
	if err != nil || !strings.Contains(string(out), "Minimum password length: 12") {
		t.Errorf("samba-tool: %v: %s", err, out)
	}
}

func TestPauseAndResume(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	if err := dc.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	who := dc.Administrator()
	if err := dc.DC.Bind(ctx, who.UPN, who.Password); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("bind to a paused DC: %v, want no answer", err)
	}
	if err := dc.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := dc.Bind(who.UPN, who.Password); err != nil {
		t.Errorf("bind after Resume: %v", err)
	}
}

func TestRestartAfterKillKeepsTheData(t *testing.T) {
	dc := dctest.Private(t, lab.Options{})
	p := dc.NewPerson(t)
	addr := dc.Addr()
	if err := dc.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := dc.Pause(); !errors.Is(err, lab.ErrNotRunning) {
		t.Errorf("Pause after Kill: %v, want ErrNotRunning", err)
	}
	if err := dc.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := dc.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if dc.Addr() != addr {
		t.Errorf("address after Restart = %s, want %s", dc.Addr(), addr)
	}
	if err := dc.Bind(p.UPN, p.Password); err != nil {
		t.Errorf("bind after Restart: %v", err)
	}
}

func TestGivenFolderIsStartedAgain(t *testing.T) {
	dir := t.TempDir()
	dc, err := lab.Start(t.Context(), lab.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Start(t.Context(), lab.Options{Dir: dir}); err == nil {
		t.Error("a second DC in the folder of a running one")
	}
	before := dc.Administrator()
	if err := errors.Join(dc.Stop(), dc.Stop()); err != nil {
		t.Fatal(err)
	}
	again, err := lab.Start(t.Context(), lab.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop()
	if again.Administrator() != before {
		t.Error("another administrator after starting the same folder again")
	}
}

func TestPasswordFilter(t *testing.T) {
	filter := filepath.Join(t.TempDir(), "filter")
	script := "#!/bin/sh\nread -r password\ncase $password in *Contoso*) exit 1;; esac\n"
	if err := os.WriteFile(filter, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	dc := dctest.Private(t, lab.Options{PasswordFilter: filter})
	p := dc.NewPerson(t)
	if err := dc.ResetAs(dc.ServiceAccount(), p.DN, "Contoso-2026-spring"); !ldap.IsErrorWithCode(err, ldap.LDAPResultUnwillingToPerform) {
		t.Errorf("a password the filter rejects: %v", err)
	}
	if err := dc.ResetAs(dc.ServiceAccount(), p.DN, lab.RandomPassword()); err != nil {
		t.Errorf("a password the filter accepts: %v", err)
	}
}

func TestKilledProcessLeavesNothing(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || !ok || !strings.HasPrefix(addr, "127.") {
		t.Fatalf("child said %q, %v", line, err)
	}
	if got := usersOf(t, dir); len(got) == 0 {
		t.Fatal("the DC's processes are not seen while it runs: this test would prove nothing")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // says that it was killed
	dctest.Eventually(t, 5*time.Second, func() error {
		if got := usersOf(t, dir); len(got) > 0 {
			return fmt.Errorf("processes with the DC's mounts: %v", got)
		}
		return nil
	})
	if conn, err := net.Dial("tcp", net.JoinHostPort(addr, "636")); err == nil {
		t.Errorf("LDAPS on %s still answers (%v)", addr, conn.Close())
	}
	dctest.Private(t, lab.Options{})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the next start left the folder of the killed DC: %v", err)
	}
}

// usersOf lists the processes that see a mount of dir, this one included if it has leaked.
func usersOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && strings.Contains(string(b), dir) {
			users = append(users, file)
		}
	}
	return users
}
