package connect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"homeward/internal/config"
)

// Keys on the page of a directory, for an account that is made, and for one that is there.
const (
	toAccount    = "<tab><tab><tab><tab><tab>" // from Controllers to the first kind of account
	fabrikamKeys = "eu.fabrikam.test<tab>dc1" + toAccount + "<tab> <tab><tab><tab>" + `FABRIKAM\svc-there<tab>` + accountPassword
	another      = "<tab><tab><enter>" // the button below the last field
)

// two is the wizard behind two directories: one whose account is made, and one whose account is there.
func two(t *testing.T, f *fake) *desk {
	t.Helper()
	d := to(t, f, titleDirectories)
	d.press(domainKeys + adminKeys + another).want("several-1-checked.txt").press("<enter>").want("several-2.txt")
	if d.w.page().title != titleDirectories || d.w.s.at != 1 {
		t.Fatalf("on %s of directory %d", d.w.page().title, d.w.s.at)
	}
	return d.press(fabrikamKeys + "<enter><enter>")
}

// Two forests in one run: each has its own account, OUs, features and rights, and one plan lists it all.
func TestSeveralDirectories(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.needed.List = f.needed.List[1:] // nobody signs in as an administrator there: what is needed is there
	f.needed.Missing = 0
	d := two(t, f).want("several-filtering-1.txt").press(chooseUnits + "<enter>").want("several-filtering-2.txt").press("<tab> <enter>")
	d.want("several-features-1.txt").press("<enter>").want("several-features-2.txt").press("<tab> <enter>").want("several-ready.txt")
	if len(f.did) != 0 {
		t.Fatalf("changed before Configure: %v", f.did)
	}
	d.configure().want("several-complete.txt")
	want := []string{"create svc-homeward", `grant CORP\svc-homeward remove=false`, "enrol https://password.contoso.com corp.contoso.test anew=false", "start", "doctor"}
	if !slices.Equal(f.did, want) {
		t.Errorf("done: %q", f.did)
	}
	golden(t, "several-agent.yaml", d.file("agent.yaml"))
	golden(t, "several-answers.yaml", d.file("answers.yaml"))
	if got := d.file("service-account-eu.fabrikam.test.password"); got != accountPassword+"\n" {
		t.Error("the second account's password isn't in its own file")
	}
	must(t, os.Remove(filepath.Join(d.dir, "service-account-eu.fabrikam.test.password"))) // what follows looks for secrets elsewhere
	d.noSecrets()
	c, err := config.LoadAgent(filepath.Join(d.dir, "agent.yaml"), nil)
	if err != nil || len(c.Directories) != 2 || c.Directories[1].Features.Unlocks() || !c.Directories[0].Features.Unlocks() {
		t.Errorf("%+v, %v", c.Directories, err)
	}
}

// What was written is repeated on another machine without a question, with the secrets of both in the order that is told.
func TestSeveralDirectoriesRepeat(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.needed.Missing = 0
	first := two(t, f).press(chooseUnits + "<enter><tab> <enter><enter><enter>").configure()
	dir := t.TempDir()
	o := options(dir)
	b, err := os.ReadFile(filepath.Join(first.dir, "answers.yaml"))
	must(t, err)
	must(t, os.WriteFile(o.Answers, []byte(strings.ReplaceAll(string(b), first.dir, dir)), 0o600))
	again := newFake()
	again.needed.Missing = 0
	out, err := spoken(t, again, o, "", oneTimeCode, adminPassword, accountPassword)
	if err != nil || !slices.Equal(again.did, f.did) {
		t.Fatalf("%v, %v\n%s", err, again.did, out)
	}
	got, err := os.ReadFile(o.Config)
	if err != nil || strings.ReplaceAll(string(got), dir, "/etc/homeward") != first.file("agent.yaml") {
		t.Errorf("%v: %s", err, got)
	}
	exported, err := Export(o.Config)
	must(t, err)
	taken, err := ParseAnswers(exported, o.Config)
	if err != nil || len(taken.Directories) != 2 || taken.Directories[1].User != `FABRIKAM\svc-there` || taken.Directories[1].Units[0] != "OU=People,DC=eu,DC=fabrikam,DC=test" {
		t.Errorf("%v: %s", err, exported)
	}
}

// Where there are several, one is chosen, and the others stay as they are.
func TestCustomizeOneOfSeveral(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.needed.Missing = 0
	first := two(t, f).press(chooseUnits + "<enter><tab> <enter><enter><enter>").configure()
	before := first.file("agent.yaml")
	at := func(choice string) *desk {
		d := newDesk(t, f, first.dir).press("<enter><tab><tab><enter>")
		f.did = nil
		return d.press(choice)
	}
	d := at("").want("several-choose.txt").press("<backtab><enter>") // the second
	if d.w.s.dir().Domain != "eu.fabrikam.test" {
		t.Fatalf("on %s of %s", d.w.page().title, d.w.s.dir().Domain)
	}
	d.press("<enter><enter><enter><tab><tab><tab><tab><tab> <enter>") // staging mode
	if d.w.page().title != titleReady {
		t.Fatalf("on %s\n%s", d.w.page().title, strings.Join(d.w.view(), "\n"))
	}
	d.configure()
	after := first.file("agent.yaml")
	half := strings.Index(before, "eu.fabrikam.test")
	if !strings.HasPrefix(after, before[:half]) || !strings.Contains(after[half:], "staging") {
		t.Errorf("the other directory was changed:\n%s", after)
	}

	d = at("<backtab><enter>").press("<backtab><backtab><enter>").want("several-take-out.txt")
	if !d.w.s.dir().Remove {
		t.Fatalf("nothing is taken out:\n%s", strings.Join(d.w.view(), "\n"))
	}
	d.press("<tab>" + `FABRIKAM\admin<tab>` + adminPassword + "<enter>")
	for d.w.page().title == titleDirectories {
		d.press("<enter>")
	}
	d.want("several-take-out-ready.txt").configure()
	if want := []string{"start", `grant FABRIKAM\svc-there remove=true`, "delete svc-there", "doctor"}; !slices.Equal(f.did, want) {
		t.Errorf("%q on %s", f.did, d.w.page().title)
	}
	c, err := config.LoadAgent(filepath.Join(first.dir, "agent.yaml"), nil)
	if err != nil || len(c.Directories) != 1 || c.Directories[0].Domain != "corp.contoso.test" {
		t.Errorf("%+v, %v", c.Directories, err)
	}
	if _, err := os.Stat(filepath.Join(first.dir, "service-account-eu.fabrikam.test.password")); err == nil {
		t.Error("the password of what was taken out is still there")
	}
}

// A directory that was added and is not wanted after all, one that is named twice, and one that can be kept after all.
func TestAddedDirectoryIsGivenUp(t *testing.T) {
	t.Parallel()
	d := to(t, newFake(), titleDirectories).press(domainKeys + adminKeys + another + "<enter>")
	d.press("corp.contoso.test<tab>dc01<enter>").want("stop-twice.txt")
	if d.press("<enter>"); d.w.s.at != 1 || d.w.page().title != titleDirectories {
		t.Fatalf("on %s of directory %d", d.w.page().title, d.w.s.at)
	}
	d.press("<backtab><enter>") // Remove this directory
	if len(d.w.s.places) != 1 || d.w.page().title != "Domain/OU filtering" {
		t.Errorf("%d directories, on %s\n%s", len(d.w.s.places), d.w.page().title, strings.Join(d.w.view(), "\n"))
	}
	if d.press("<esc>"); d.w.s.dir().Domain != "corp.contoso.test" || d.w.page().title != titleDirectories {
		t.Errorf("back on %s of %s", d.w.page().title, d.w.s.dir().Domain)
	}
}

// The same, asked line by line.
func TestSeveralPlain(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.needed.Missing = 0
	dir := t.TempDir()
	out, err := spoken(t, f, options(dir), "1\nhttps://password.contoso.com\n\n1\n"+
		"corp.contoso.test\ndc01, dc02\n\n1\n1\n\nCORP\\admin\n\ny\n"+ // and another
		"eu.fabrikam.test\ndc1\n\n1\n2\nFABRIKAM\\svc-there\n\n\n\nn\nn\n"+ // an account that is there, no admin, no other, keep it
		"3 4\n\n2\n\n"+ // OUs of each
		strings.Repeat("\n", 16)+ // features of each
		"\ny\n", oneTimeCode, adminPassword, accountPassword, "")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	golden(t, "several-plain.txt", strings.ReplaceAll(out, dir, "/etc/homeward"))
	c, err := config.LoadAgent(filepath.Join(dir, "agent.yaml"), nil)
	if err != nil || len(c.Directories) != 2 || c.Directories[1].User != `FABRIKAM\svc-there` {
		t.Errorf("%+v, %v", c.Directories, err)
	}
}

// A managed account is made, its reader proves itself first, and the configuration says who reads its password.
func TestManagedAccounts(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.needed.Missing = 0
	d := to(t, f, titleDirectories)
	keytab := filepath.Join(d.dir, "krb5.keytab")
	account := "corp.contoso.test<tab>dc01" + toAccount + "<tab><tab> <tab><tab>"
	d.press(account + "<ctrl+u>gmsa-homeward<tab>HOST$@corp.contoso.test<tab>" + keytab + "<enter>")
	if view := strings.Join(d.w.view(), "\n"); !strings.Contains(view, "needed") {
		t.Errorf("made without an administrator:\n%s", view)
	}
	d.press("<backtab><backtab><backtab><backtab>" + `CORP\admin<tab>` + adminPassword + "<enter>")
	if view := strings.Join(d.w.view(), "\n"); !strings.Contains(view, "there is no keytab at") {
		t.Errorf("a keytab that isn't there:\n%s", view)
	}
	must(t, os.WriteFile(keytab, []byte("x"), 0o600))
	d.press("<enter>")
	if view := strings.Join(d.w.view(), "\n"); !strings.Contains(view, `password read by CORP\HOST$`) {
		t.Errorf("the reader isn't asked:\n%s", view)
	}
	d.press("<enter>" + chooseUnits + "<enter><enter>").configure()
	if want := []string{"create gmsa-homeward", "read by HOST$@corp.contoso.test", `grant CORP\gmsa-homeward$ remove=false`}; len(f.did) < 3 || !slices.Equal(f.did[:3], want) {
		t.Errorf("%q on %s", f.did, d.w.page().title)
	}
	c, err := config.LoadAgent(filepath.Join(d.dir, "agent.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Directories[0]; got.User != "gmsa-homeward$@corp.contoso.test" || got.Reader != "HOST$@corp.contoso.test" || got.Keytab != keytab || got.PasswordFile != "" {
		t.Errorf("%+v", got)
	}
	again := newDesk(t, f, d.dir)
	if a := again.w.s.dir(); a.Account != ManagedAccount || a.Reader != "HOST$@corp.contoso.test" {
		t.Errorf("taken up again as %+v", a)
	}
	d.noSecrets()
}

// An administrator with tickets types no name and no password.
func TestAdministratorByTickets(t *testing.T) {
	t.Parallel()
	f := newFake()
	d := to(t, f, titleDirectories).press(domainKeys + "<tab><tab><tab>FILE:/tmp/krb5cc_0<enter>").want("4-directories-tickets.txt")
	d.press("<enter>" + chooseUnits + "<enter><enter>").configure()
	if len(f.did) == 0 || f.did[0] != "create svc-homeward" || len(f.tickets) == 0 || f.tickets[0] != "FILE:/tmp/krb5cc_0" {
		t.Errorf("%q by %q on %s", f.did, f.tickets, d.w.page().title)
	}
	if !strings.Contains(d.file("answers.yaml"), "admin_tickets: FILE:/tmp/krb5cc_0") {
		t.Errorf("the answers don't say it:\n%s", d.file("answers.yaml"))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
