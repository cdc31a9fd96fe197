package connect

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/config"
	"homeward/internal/doctor"
)

// Ways through the pages.
const (
	toCloud     = "<enter><enter>"
	portalKeys  = "https://password.contoso.com<tab><tab><tab><tab>"
	cloudKeys   = portalKeys + oneTimeCode
	domainKeys  = "corp.contoso.test<tab>dc01, dc02<tab><tab><tab><tab><tab><tab><tab><tab><tab>"
	adminKeys   = `<tab>CORP\admin<tab>` + adminPassword
	chooseUnits = "<tab><tab> <tab> " // Design and Sales
)

// to is the wizard at a page of the happy path.
func to(t *testing.T, f *fake, title string) *desk {
	t.Helper()
	d := newDesk(t, f, "")
	for _, leg := range []struct{ title, keys string }{
		{"Welcome", "<enter>"},
		{titleTasks, "<enter>"},
		{titleCloud, cloudKeys + "<enter><enter>"},
		{"Connect directories", domainKeys + adminKeys + "<enter><enter>"},
		{"Domain/OU filtering", chooseUnits + "<enter>"},
		{"Optional features", "<enter>"},
	} {
		if d.w.page().title == title {
			return d
		}
		if d.w.page().title != leg.title {
			t.Fatalf("on page %q, not %q:\n%s", d.w.page().title, leg.title, strings.Join(d.w.view(), "\n"))
		}
		d.press(leg.keys)
	}
	if d.w.page().title != title {
		t.Fatalf("on page %q, not %q:\n%s", d.w.page().title, title, strings.Join(d.w.view(), "\n"))
	}
	return d
}

// Every page as it is on the way that goes well, and what is written in the end.
func TestHappyPath(t *testing.T) {
	t.Parallel()
	f := newFake()
	d := newDesk(t, f, "").want("1-welcome.txt").press("<enter>").want("2-tasks.txt").press("<enter>").want("3-cloud.txt")
	d.press(cloudKeys).want("3-cloud-filled.txt").press("<enter>").want("3-cloud-checked.txt").press("<enter>").want("4-directories.txt")
	d.press(domainKeys + adminKeys).want("4-directories-filled.txt").press("<enter>").want("4-directories-checked.txt")
	d.press("<enter>").want("5-filtering.txt").press(chooseUnits).want("5-filtering-chosen.txt")
	d.press("<enter>").want("6-features.txt").press("<enter>").want("7-ready.txt").press("<tab>").want("7-ready-end.txt")
	if len(f.did) != 0 {
		t.Fatalf("changed before Configure: %v", f.did)
	}
	if files, err := os.ReadDir(d.dir); err != nil || len(files) != 0 {
		t.Fatalf("files before Configure: %v, %v", files, err)
	}
	code, admin := d.w.s.code, d.w.s.here().admin
	d.press("<enter>").want("8-complete.txt")
	want := []string{"create svc-homeward", `grant CORP\svc-homeward remove=false`, "enrol https://password.contoso.com corp.contoso.test anew=false", "start", "doctor"}
	if !slices.Equal(f.did, want) {
		t.Errorf("done: %q", f.did)
	}
	golden(t, "agent.yaml", d.file("agent.yaml"))
	golden(t, "answers.yaml", d.file("answers.yaml"))
	for _, name := range []string{"agent.yaml", "answers.yaml", "service-account.password"} {
		if st, err := os.Stat(filepath.Join(d.dir, name)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, st.Mode(), err)
		}
	}
	if got := strings.TrimSuffix(d.file("service-account.password"), "\n"); got != string(f.createdWith) || len(got) < 60 {
		t.Error("the account's password isn't the file's, or is short")
	}
	d.noSecrets()
	for _, b := range [][]byte{admin, code} {
		if strings.Trim(string(b[:cap(b)]), "\x00") != "" {
			t.Error("a secret is still in memory")
		}
	}
	if _, err := config.LoadAgent(filepath.Join(d.dir, "agent.yaml"), nil); err != nil {
		t.Error(err)
	}
	d.press("<enter>")
	if !d.w.over || d.w.quit {
		t.Error("it isn't over")
	}
}

// Each stop, on its page, with its reason and what to do. Nothing is changed.
func TestStops(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, page, keys string
		prepare          func(*fake)
		want             []string
	}{
		{"portal-down", titleCloud, cloudKeys, func(f *fake) { f.portalErr = errors.New("connection refused") }, []string{"[FAIL]", "connection refused", "outbound TCP 443"}},
		{"portal-address", titleCloud, "password<tab><tab><tab><tab>x", nil, []string{"https://NAME"}},
		{"clock", titleCloud, cloudKeys, func(f *fake) { f.portal.Offset = -95 * time.Second }, []string{"1m35s from the portal", "limit is 30 s", "timedatectl"}},
		{"code-wrong", titleCloud, portalKeys + "WRONG", nil, []string{"doesn’t take this code", "works once"}},
		{"code-missing", titleCloud, portalKeys, nil, []string{"no one-time code was given"}},
		{"licence", titleCloud, cloudKeys, func(f *fake) { f.setup.Licensed = false }, []string{"no plan that includes password writeback", "homeward licence need off"}},
		{"device-refused", titleCloud, "https://password.contoso.com<tab><tab><tab> ", func(f *fake) { f.device.State = "refused" }, []string{"refused this machine"}},
		{"wrong-password", "Connect directories", domainKeys + `<tab>CORP\admin<tab>wrong`, nil, []string{"password is wrong", "Each wrong try counts"}},
		{"dc-down", "Connect directories", domainKeys + adminKeys, func(f *fake) {
			f.connectErr = errors.New("connect to dc01:636: no answer in time")
			f.domain.Controllers = []Controller{{Host: "dc01", Problem: "directory down"}}
		}, []string{"no answer in time", "Check the names of the controllers"}},
		{"no-admin", "Connect directories", domainKeys, nil, []string{"a domain admin and the password are needed"}},
		{"dc-clock", "Connect directories", domainKeys + adminKeys, func(f *fake) { f.domain.Offset = 6 * time.Minute }, []string{"Kerberos allows 5 minutes"}},
		{"no-unit", "Domain/OU filtering", "", nil, []string{"no OU is chosen"}},
		{"protected-unit", "Domain/OU filtering", "<tab><tab><tab><tab> ", nil, []string{"no OU is chosen", "[!] Tier0"}},
		{"no-group", "Optional features", "<tab><tab><tab><tab><tab><tab>Nobody", nil, []string{`there is no group "Nobody"`}},
		{"nothing-chosen", "Optional features", " <tab> <tab><tab><tab> ", nil, []string{"nothing is chosen"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			if tt.prepare != nil {
				tt.prepare(f)
			}
			d := to(t, f, tt.page).press(tt.keys + "<enter>").want("stop-" + tt.name + ".txt")
			view := strings.Join(strings.Fields(strings.ReplaceAll(strings.Join(d.w.view(), " "), "│", " ")), " ")
			for _, want := range tt.want {
				if !strings.Contains(view, want) {
					t.Errorf("the view doesn't say %q", want)
				}
			}
			at := d.w.page().title
			if at != tt.page {
				t.Errorf("it went on to %s", at)
			}
			if d.press("<enter>"); d.w.page().title != tt.page {
				t.Error("Enter goes past it")
			}
			if len(f.did) != 0 {
				t.Errorf("changed: %v", f.did)
			}
			d.noSecrets()
		})
	}
}

// A suffix that isn't verified is named, and can be passed by somebody who knows.
func TestUnverifiedSuffixIsPassedKnowingly(t *testing.T) {
	t.Parallel()
	d := to(t, newFake(), "Domain/OU filtering").press("<tab> <tab> <enter>").want("stop-suffix.txt")
	if d.w.page().title != "Domain/OU filtering" {
		t.Fatal("it went on by itself")
	}
	if d.press("<enter>"); d.w.page().title != "Optional features" || !slices.Contains(d.w.s.answers.Accepted, "suffix old.example") {
		t.Errorf("on %s, accepted %v", d.w.page().title, d.w.s.answers.Accepted)
	}
}

// An administrator as the service account is refused, with the reason; an ordinary one without rights stops where the
// rights are known, and somebody else may give them.
func TestExistingAccount(t *testing.T) {
	t.Parallel()
	existing := "corp.contoso.test<tab>dc01<tab><tab><tab><tab><tab><tab> <tab><tab><tab>" + `CORP\svc-homeward<tab>` + accountPassword
	f := newFake()
	f.privileged = []string{"Domain Admins", "Enterprise Admins"}
	d := to(t, f, "Connect directories").press(existing + "<enter>").want("stop-privileged.txt")
	if d.press("<enter>"); d.w.page().title != "Connect directories" {
		t.Error("an administrator was taken")
	}
	f = newFake()
	d = to(t, f, "Connect directories").press(existing + "<enter><enter>" + chooseUnits + "<enter><enter>").want("stop-rights.txt")
	if d.w.page().title != "Optional features" || len(f.did) != 0 {
		t.Fatalf("on %s: %v", d.w.page().title, f.did)
	}
	f.needed = Rights{List: []Right{{Words: "Reset Password", Present: true}}}
	d.press("<enter><enter>")
	if !strings.Contains(strings.Join(f.did, ";"), "enrol") || strings.Contains(strings.Join(f.did, ";"), "grant") {
		t.Errorf("%v", f.did)
	}
	if d.file("service-account.password") != accountPassword+"\n" {
		t.Error("the account's password isn't where the agent finds it")
	}
	d.noSecrets()
}

// A failure in the middle says what was done and what not, and running again goes on.
func TestBreaksOffAndGoesOn(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.enrolErr = errors.New("https://password.contoso.com/enrol: connection reset")
	d := to(t, f, titleReady).configure().want("broken-off.txt")
	d.noSecrets()
	if !d.w.s.facts.failed || slices.Contains(f.did, "start") {
		t.Errorf("%v", f.did)
	}
	f.enrolErr, f.did = nil, nil
	again := newDesk(t, f, d.dir)
	again.press("<enter><enter>")
	if again.w.s.answers.Cloud.Portal != "https://password.contoso.com" || again.w.s.answers.Directories[0].Account != ExistingAccount {
		t.Fatalf("the answers are gone: %+v", again.w.s.answers)
	}
	again.press("<tab><tab><tab><tab>" + oneTimeCode + "<enter><enter>") // cloud
	again.press(strings.Repeat("<tab>", 12) + adminKeys + "<enter><enter>")
	again.press("<enter><enter>").configure()
	want := []string{`grant svc-homeward@corp.contoso.test remove=false`, "enrol https://password.contoso.com corp.contoso.test anew=false", "start", "doctor"}
	if !slices.Equal(f.did, want) {
		t.Errorf("%q on %s\n%s", f.did, again.w.page().title, strings.Join(again.w.view(), "\n"))
	}
	again.noSecrets()
}

// The tasks that come after the first set-up.
func TestAdditionalTasks(t *testing.T) {
	t.Parallel()
	f := newFake()
	first := to(t, f, titleReady).configure()
	pick := func(task int) *desk {
		f.did = nil
		return newDesk(t, f, first.dir).press("<enter>" + strings.Repeat("<tab>", task) + "<enter>")
	}
	pick(1).want("task-view.txt")
	d := pick(4).press("<tab><tab> <enter><enter>") // staging: tick
	if d.w.page().title == "Staging mode" {
		d.press("<enter>")
	}
	if c, err := config.LoadAgent(filepath.Join(first.dir, "agent.yaml"), nil); err != nil || c.Directories[0].Sync.Mode != "staging" {
		t.Errorf("%+v, %v, on %s", c.Directories[0].Sync, err, d.w.page().title)
	}
	d = pick(5).press("<tab><tab><tab><tab>" + oneTimeCode + "<enter><enter><enter>") // rotate
	if !slices.Contains(f.did, "enrol https://password.contoso.com corp.contoso.test anew=true") || !strings.Contains(f.log.String(), "event=31040") {
		t.Errorf("%v on %s", f.did, d.w.page().title)
	}
	pick(3).press("<enter>").want("task-schema.txt")
	if !slices.Contains(f.did, "start") {
		t.Errorf("%v", f.did)
	}
	repair := strings.Repeat("<tab>", 6) + `CORP\admin<tab>` + adminPassword + "<enter><enter><enter>"
	d = pick(6).press(repair)
	if len(f.did) == 0 || f.did[0] != `grant svc-homeward@corp.contoso.test remove=false` {
		t.Errorf("%v on %s\n%s", f.did, d.w.page().title, strings.Join(d.w.view(), "\n"))
	}
	d = pick(7).press(repair)
	if !slices.Equal(f.did, []string{"stop", `grant svc-homeward@corp.contoso.test remove=true`, "delete svc-homeward"}) {
		t.Errorf("%v", f.did)
	}
	if _, err := os.Stat(filepath.Join(first.dir, "agent.yaml")); err == nil {
		t.Error("the configuration is still there")
	}
	d.noSecrets()
}

// Turning writeback off and on again renews keys and enrolment, and says so in the log.
func TestWritebackOffAndOn(t *testing.T) {
	t.Parallel()
	f := newFake()
	first := to(t, f, titleReady).configure()
	customize := func() *desk {
		f.did = nil
		return newDesk(t, f, first.dir).press("<enter><tab><tab><enter>" + strings.Repeat("<tab>", 12) + adminKeys + "<enter><enter><enter>")
	}
	d := customize()
	if d.w.page().title != "Optional features" {
		t.Fatalf("on %s\n%s", d.w.page().title, strings.Join(d.w.view(), "\n"))
	}
	d.press(" <enter>").configure()
	c, err := config.LoadAgent(filepath.Join(first.dir, "agent.yaml"), nil)
	if err != nil || c.Directories[0].Features.Writes() || !strings.Contains(f.log.String(), "event=31041") || strings.Contains(strings.Join(f.did, ";"), "enrol") {
		t.Fatalf("%v, %v, %s", err, f.did, d.w.page().title)
	}
	d = customize().press(" <enter>")
	if d.w.page().title != titleCloud {
		t.Fatalf("turning it on again asks for no code: %s", d.w.page().title)
	}
	d.press("<tab><tab><tab><tab>" + oneTimeCode + "<enter><enter>").configure()
	if !slices.Contains(f.did, "enrol https://password.contoso.com corp.contoso.test anew=true") || !strings.Contains(f.log.String(), "event=31040") ||
		!strings.Contains(f.log.String(), "event=31042") {
		t.Errorf("%v on %s", f.did, d.w.page().title)
	}
	d.noSecrets()
}

func TestDeviceCode(t *testing.T) {
	t.Parallel()
	d := to(t, newFake(), titleCloud).press("https://password.contoso.com<tab><tab><tab> <enter>")
	seen := strings.Join(d.views, "\n")
	if !strings.Contains(seen, "FJ4K-82QP") || !strings.Contains(seen, "by karin.holm@contoso.com") {
		t.Error(strings.Join(d.w.view(), "\n"))
	}
	d.noSecrets()
}

func TestHelpAndBack(t *testing.T) {
	t.Parallel()
	d := to(t, newFake(), "Domain/OU filtering").press("<f1>").want("help.txt").press("<enter>")
	if d.w.page().title != "Domain/OU filtering" {
		t.Error("help went on")
	}
	d.press("<esc><esc>")
	if d.w.page().title != titleCloud || d.w.s.answers.Cloud.Portal != "https://password.contoso.com" {
		t.Errorf("on %s", d.w.page().title)
	}
	if d.press("<ctrl+c>"); !d.w.quit {
		t.Error("Ctrl+C doesn't end it")
	}
}

// What the plan could not find out must not be passed.
func TestReadyThatFailsDoesNotConfigure(t *testing.T) {
	t.Parallel()
	f := newFake()
	d := to(t, f, titleReady)
	d.w.entering = true
	d.w.done(outcome{findings: []doctor.Finding{{Name: "rights", Status: doctor.Fail, Text: "no answer"}}})
	if d.press("<enter>"); len(f.did) != 0 || d.w.page().title != titleReady {
		t.Errorf("%v on %s", f.did, d.w.page().title)
	}
}

func TestScript(t *testing.T) {
	t.Parallel()
	d := to(t, newFake(), titleReady).press("<tab><backtab><enter>").want("7-ready-script.txt")
	golden(t, "rights.txt", d.file("homeward-rights.txt"))
	if len(d.f.did) != 0 {
		t.Errorf("%v", d.f.did)
	}
}
