package connect

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/config"
	"homeward/internal/doctor"
	"homeward/internal/protocol"
)

var update = flag.Bool("update", false, "rewrite the golden views")

// Secrets that must show up nowhere.
const (
	adminPassword   = "Adm1n-Secret-Kettle"
	accountPassword = "Svc-Secret-Teapot-7"
	oneTimeCode     = "FJ4K-82QP-CCCC"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// fake is a world in memory. It claims nothing about Active Directory: the real one is behind package setup's tests.
type fake struct {
	portal      Portal
	portalErr   error
	codeErr     error
	device      protocol.DeviceResult
	setup       protocol.SetupAnswer
	domain      Domain
	connectErr  error
	privileged  []string
	census      Census
	needed      Rights
	createErr   error
	grantErr    error
	enrolErr    error
	startErr    error
	report      doctor.Report
	did         []string // what was changed
	log         bytes.Buffer
	createdWith []byte
	tickets     []string // that somebody came with
}

func newFake() *fake {
	suffix := func(n int, more ...any) map[string]int { return map[string]int{"contoso.com": n} }
	return &fake{
		portal: Portal{TLS: "TLS 1.3", NotAfter: noon.Add(74 * 24 * time.Hour), Offset: 200 * time.Millisecond, Trip: 18 * time.Millisecond, Key: "7f3a-91c4-d20b-5e81"},
		device: protocol.DeviceResult{Version: 3, State: "approved", Code: oneTimeCode, By: "karin.holm@contoso.com", At: protocol.MilliOf(noon)},
		setup: protocol.SetupAnswer{
			Version: 3, Tenant: "t1", TenantName: "Contoso", Expires: protocol.MilliOf(noon.Add(time.Hour)), Domains: []string{"contoso.com"}, Licensed: true, Plans: []string{"Microsoft Entra ID P1"},
		},
		domain: Domain{
			Name: "corp.contoso.test", NetBIOS: "CORP", BaseDN: "DC=corp,DC=contoso,DC=test", DC: "dc01.corp.contoso.test",
			Controllers: []Controller{{Host: "dc01.corp.contoso.test", OK: true, Latency: 4 * time.Millisecond}, {Host: "dc02.corp.contoso.test", OK: true, Latency: 5 * time.Millisecond}},
		},
		census: Census{Units: []Unit{
			{DN: "DC=corp,DC=contoso,DC=test", Name: "corp.contoso.test"},
			{DN: "OU=Archive,DC=corp,DC=contoso,DC=test", Name: "Archive", Depth: 1, People: 60, Suffixes: map[string]int{"old.example": 60}},
			{DN: "OU=Design,DC=corp,DC=contoso,DC=test", Name: "Design", Depth: 1, People: 96, Suffixes: suffix(96)},
			{DN: "OU=Sales,DC=corp,DC=contoso,DC=test", Name: "Sales", Depth: 1, People: 14, Suffixes: suffix(14)},
			{DN: "OU=North,OU=Sales,DC=corp,DC=contoso,DC=test", Name: "North", Depth: 2, People: 200, Suffixes: suffix(200)},
			{DN: "OU=South,OU=Sales,DC=corp,DC=contoso,DC=test", Name: "South", Depth: 2, People: 1000, Suffixes: suffix(1000)},
			{DN: "OU=Tier0,DC=corp,DC=contoso,DC=test", Name: "Tier0", Depth: 1, People: 3, Protected: 3, Suffixes: suffix(3)},
		}},
		needed: Rights{
			List:    []Right{{DN: "OU=Sales", Words: "Reset Password, on users below"}, {DN: "OU=Sales", Words: "Write lockoutTime, on users below", Present: true}},
			Missing: 1,
			Script: []doctor.Remedy{{What: "Reset Password on OU=Sales", Commands: []doctor.Command{
				{Where: "Windows, Command Prompt on a domain controller", Line: `dsacls "OU=Sales,DC=corp" /I:S /G "CORP\svc-homeward:CA;Reset Password;user"`},
				{Where: "Samba, on a domain controller", Line: `samba-tool dsacl set --objectdn="OU=Sales,DC=corp" --sddl="(OA)"`},
			}}},
		},
		report: doctor.Report{Warnings: 1, Sections: []doctor.Section{{Name: "Server", Findings: []doctor.Finding{{Name: "clock", Status: doctor.OK, Text: "less than 2 s"}}}}},
	}
}

func (f *fake) Look(_ context.Context, c config.Agent) (Portal, error) { return f.portal, f.portalErr }

func (f *fake) Check(_ context.Context, _ config.Agent, code string) (protocol.SetupAnswer, error) {
	if f.codeErr == nil && code != oneTimeCode {
		return protocol.SetupAnswer{}, errors.New("unknown code")
	}
	return f.setup, f.codeErr
}

func (f *fake) Device(_ context.Context, _ config.Agent, shown func(protocol.DeviceAnswer)) (protocol.DeviceResult, error) {
	shown(protocol.DeviceAnswer{UserCode: "FJ4K-82QP"})
	return f.device, nil
}

func (f *fake) Enrol(_ context.Context, c config.Agent, code, domain string, anew bool) (Enrolment, error) {
	if f.enrolErr != nil {
		return Enrolment{}, f.enrolErr
	}
	if code != oneTimeCode {
		return Enrolment{}, errors.New("a wrong code")
	}
	f.did = append(f.did, fmt.Sprintf("enrol %s %s anew=%v", c.Server, domain, anew))
	f.portal.Enrolled = true
	return Enrolment{Agent: "UAGENT", Key: f.portal.Key, Tenant: "Contoso"}, nil
}

func (f *fake) Connect(_ context.Context, a Access) (Domain, error) {
	d := f.domain
	if a.Directory.Domain == "eu.fabrikam.test" {
		d = Domain{
			Name: "eu.fabrikam.test", NetBIOS: "FABRIKAM", BaseDN: "DC=eu,DC=fabrikam,DC=test", DC: "dc1.eu.fabrikam.test",
			Controllers: []Controller{{Host: "dc1.eu.fabrikam.test", OK: true, Latency: 9 * time.Millisecond}},
		}
	}
	if f.connectErr != nil {
		return Domain{Controllers: d.Controllers}, f.connectErr
	}
	d.Account = d.NetBIOS + `\svc-homeward`
	if a.Password != nil && strings.HasSuffix(a.User, `\admin`) {
		if string(a.Password) != adminPassword {
			return Domain{}, errors.New("sign in to dc01 as CORP\\admin: the password is wrong")
		}
		d.Account = a.User
		return d, nil
	}
	if a.Tickets != "" {
		f.tickets = append(f.tickets, a.Tickets)
		d.Account = d.NetBIOS + `\Administrator`
		return d, nil
	}
	if a.Directory.Reader == "" && strings.Contains(a.Directory.User, "HOST$") {
		d.Account = d.NetBIOS + `\HOST$`
	}
	d.Privileged = f.privileged
	return d, nil
}

func (f *fake) Census(_ context.Context, a Access, counted func(int)) (Census, error) {
	counted(1000)
	if a.Directory.Domain == "eu.fabrikam.test" {
		return Census{Units: []Unit{
			{DN: "DC=eu,DC=fabrikam,DC=test", Name: "eu.fabrikam.test"},
			{DN: "OU=People,DC=eu,DC=fabrikam,DC=test", Name: "People", Depth: 1, People: 40, Suffixes: map[string]int{"contoso.com": 40}},
		}}, nil
	}
	return f.census, nil
}

func (f *fake) GroupExists(_ context.Context, _ Access, group string) (string, error) {
	if group != "Pilots" {
		return "", fmt.Errorf("there is no group %q", group)
	}
	return "CN=Pilots,DC=corp,DC=contoso,DC=test", nil
}

func (f *fake) Create(_ context.Context, admin Access, a Account) (string, string, error) {
	if f.createErr != nil {
		return "", "", f.createErr
	}
	f.did = append(f.did, "create "+a.Name)
	d, err := f.Connect(context.Background(), admin)
	if a.Reader != "" {
		f.did = append(f.did, "read by "+a.Reader)
		return d.NetBIOS + `\` + a.Name + "$", a.Name + "$@" + d.Name, err
	}
	f.createdWith = bytes.Clone(a.Password)
	return d.NetBIOS + `\` + a.Name, a.Name + "@" + d.Name, err
}

func (f *fake) Needed(context.Context, Access, string) (Rights, error) { return f.needed, nil }

func (f *fake) Grant(_ context.Context, _ Access, account string, remove bool, done func(Right)) error {
	if f.grantErr != nil {
		return f.grantErr
	}
	done(f.needed.List[0])
	f.did = append(f.did, fmt.Sprintf("grant %s remove=%v", account, remove))
	return nil
}

func (f *fake) Delete(_ context.Context, _ Access, a Account) error {
	f.did = append(f.did, "delete "+a.Name)
	return nil
}

func (f *fake) Findings(context.Context) []doctor.Finding {
	return []doctor.Finding{{Name: "machine", Status: doctor.OK, Text: "Debian GNU/Linux 13, srv-hw01.corp.contoso.test"}}
}

func (f *fake) Start(context.Context, string) ([]doctor.Finding, error) {
	if f.startErr != nil {
		return nil, f.startErr
	}
	f.did = append(f.did, "start")
	return ok("service", "service homeward-agent.service runs"), nil
}

func (f *fake) Stop(context.Context, string) ([]doctor.Finding, error) {
	f.did = append(f.did, "stop")
	return ok("service", "service stopped"), nil
}

func (f *fake) Doctor(context.Context, string) (doctor.Report, error) {
	f.did = append(f.did, "doctor")
	return f.report, nil
}

// desk is somebody at the wizard.
type desk struct {
	t     *testing.T
	f     *fake
	w     *wizard
	dir   string
	views []string
}

func (f *fake) world() World {
	return World{Cloud: f, Directory: f, Administration: f, Host: f, Now: func() time.Time { return noon }, Log: slog.New(slog.NewTextHandler(&f.log, nil))}
}

func options(dir string) Options {
	return Options{Config: filepath.Join(dir, "agent.yaml"), Answers: filepath.Join(dir, "answers.yaml"), Build: "1.4.2", Machine: "srv-hw01.corp.contoso.test"}
}

func newDesk(t *testing.T, f *fake, dir string) *desk {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	o := options(dir)
	if o.HasAnswers() { // a file that exists speaks for itself
		o.Answers = ""
	}
	s, _, err := begin(o)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, f: f, dir: dir, w: newWizard(s)}
	if s.was == nil { // the default is this machine's
		d.w.s.answers.Cloud.State = filepath.Join(dir, "state")
	}
	d.do(d.w.look())
	return d
}

// do carries work out at once, and what follows from it.
func (d *desk) do(w work) {
	for w != nil {
		o := w(d.t.Context(), d.f.world(), d.w.s, func(p progress) { d.w.tell(p); d.look() })
		w = d.w.done(o)
		d.look()
	}
}

// press types keys: names in angle brackets, everything else as text.
func (d *desk) press(typed string) *desk {
	d.t.Helper()
	for typed != "" {
		k := key{}
		if name, rest, ok := strings.Cut(typed, ">"); ok && typed[0] == '<' {
			k.name, typed = name[1:], rest
		} else {
			_, n := utf8.DecodeRuneInString(typed)
			k.text, typed = typed[:n], typed[n:]
		}
		d.do(d.w.press(k))
		d.look()
	}
	return d
}

// configure reads the plan to its end and chooses Configure.
func (d *desk) configure() *desk {
	d.t.Helper()
	if d.w.page().title != titleReady {
		d.t.Fatalf("on page %q", d.w.page().title)
	}
	if d.w.unread {
		d.press("<tab>")
	}
	return d.press("<enter>")
}

// look keeps every view there ever was, and checks what holds for all of them.
func (d *desk) look() {
	rows := d.w.view()
	if len(rows) != height {
		d.t.Errorf("%d rows", len(rows))
	}
	for i, r := range rows {
		if n := utf8.RuneCountInString(r); n > width {
			d.t.Errorf("row %d has %d columns: %s", i+1, n, r)
		}
	}
	d.views = append(d.views, strings.Join(rows, "\n"))
}

// want compares the view with the golden file.
func (d *desk) want(name string) *desk {
	d.t.Helper()
	golden(d.t, name, strings.Join(d.tidy().view(), "\n")+"\n")
	return d
}

// tidy is the wizard with another folder's name, which breaks lines in the same places on every machine.
func (d *desk) tidy() *wizard {
	w := *d.w
	name := func(s string) string { return strings.ReplaceAll(s, d.dir, "/etc/homeward") }
	findings := func(all []doctor.Finding) []doctor.Finding {
		out := slices.Clone(all)
		for i := range out {
			out[i].Text = name(out[i].Text)
		}
		return out
	}
	w.findings, w.s.facts.results = findings(w.findings), findings(w.s.facts.results)
	w.s.facts.plan = slices.Clone(w.s.facts.plan)
	for i := range w.s.facts.plan {
		w.s.facts.plan[i].Words = name(w.s.facts.plan[i].Words)
	}
	w.s.before.State = name(w.s.before.State)
	return &w
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// noSecrets looks for passwords and codes wherever they must not be: every view, every file, the log.
func (d *desk) noSecrets() {
	d.t.Helper()
	texts := map[string]string{"log": d.f.log.String(), "views": strings.Join(d.views, "\n")}
	err := filepath.WalkDir(d.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if filepath.Base(path) != "service-account.password" {
			texts[path] = string(b)
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	hunt(d.t, texts, string(d.f.createdWith))
}

func hunt(t *testing.T, texts map[string]string, more ...string) {
	t.Helper()
	for where, text := range texts {
		for _, secret := range append(more, adminPassword, accountPassword, oneTimeCode) {
			if secret != "" && strings.Contains(text, secret) {
				t.Errorf("%s holds a secret", where)
			}
		}
	}
}

func (d *desk) file(name string) string {
	d.t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), d.dir, "/etc/homeward")
}
