package connect

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/config"
)

// spoken runs the wizard line by line with what is typed, and returns everything it said.
func spoken(t *testing.T, f *fake, o Options, typed string, secrets ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := RunLines(t.Context(), o, f.world(), Lines{In: strings.NewReader(typed), Out: &out, Secret: func() ([]byte, error) {
		if len(secrets) == 0 {
			return nil, errors.New("nothing more is typed")
		}
		s := secrets[0]
		secrets = secrets[1:]
		return []byte(s), nil
	}})
	texts := map[string]string{"output": out.String(), "log": f.log.String()}
	if err != nil {
		texts["error"] = err.Error()
	}
	hunt(t, texts, string(f.createdWith))
	return out.String(), err
}

// plainKeys answers every question of the set-up.
const plainKeys = "1\n" + // task
	"https://password.contoso.com\n\n1\n" + // portal, CA, with a code
	"corp.contoso.test\ndc01, dc02\n\n1\n1\n\nCORP\\admin\n\n\n" + // directory, controllers, CA, LDAPS, new, name, admin, no tickets, no other
	"3 4\n\n" + // OUs
	"\n\n\n\n\n\n\n\n" + // features, pilot group, sign-in name
	"\n\ny\n" // start, no script, Configure

func TestPlain(t *testing.T) {
	t.Parallel()
	f := newFake()
	dir := t.TempDir()
	o := options(dir)
	out, err := spoken(t, f, o, plainKeys, oneTimeCode, adminPassword)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	golden(t, "plain.txt", strings.ReplaceAll(out, dir, "/etc/homeward"))
	c, err := config.LoadAgent(o.Config, nil)
	if err != nil || !slices.Equal(c.Directories[0].Units, []string{"OU=Design,DC=corp,DC=contoso,DC=test", "OU=Sales,DC=corp,DC=contoso,DC=test"}) {
		t.Errorf("%+v, %v", c.Directories, err)
	}
	if strings.Contains(out, "\x1b") {
		t.Error("escape sequences for a screen reader")
	}
}

func TestPlainStopsAndAsksAgain(t *testing.T) {
	t.Parallel()
	f := newFake()
	out, err := spoken(t, f, options(t.TempDir()), "1\nhttps://password.contoso.com\n\n1\nn\n", "WRONG")
	if !errors.Is(err, ErrStopped) || !strings.Contains(out, "doesn’t take this code") || len(f.did) != 0 {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = spoken(t, f, options(t.TempDir()), "1\nhttps://password.contoso.com\n\n1\ny\n\n\n1\n", "WRONG", oneTimeCode)
	if !errors.Is(err, ErrStopped) || !strings.Contains(out, "code of Contoso") {
		t.Errorf("%v\n%s", err, out)
	}
}

// What the screens wrote as answers is repeated without a question.
func TestAnswersRepeat(t *testing.T) {
	t.Parallel()
	f := newFake()
	first := to(t, f, titleReady).configure()
	written := first.file("agent.yaml")
	again := newFake()
	dir := t.TempDir()
	o := options(dir)
	b, err := os.ReadFile(filepath.Join(first.dir, "answers.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Answers, []byte(strings.ReplaceAll(string(b), first.dir, dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := spoken(t, again, o, "", oneTimeCode, adminPassword)
	if err != nil || !slices.Equal(again.did, f.did) {
		t.Fatalf("%v, %v\n%s", err, again.did, out)
	}
	got, err := os.ReadFile(o.Config)
	if err != nil || strings.ReplaceAll(string(got), dir, "/etc/homeward") != written {
		t.Errorf("%v: %s", err, got)
	}
	// Once more: what is there already isn't done again.
	again.did, again.portal.Enrolled = nil, true
	if out, err = spoken(t, again, o, "", oneTimeCode, adminPassword); err != nil || slices.ContainsFunc(again.did, func(s string) bool { return strings.HasPrefix(s, "enrol") }) {
		t.Errorf("%v, %v\n%s", err, again.did, out)
	}
}

// Unattended, every stop ends it with the reason, and a warning needs to be accepted by name.
func TestAnswersStop(t *testing.T) {
	t.Parallel()
	answers := "version: 1\ntask: set-up\ncloud: {portal: https://password.contoso.com, how: code, state: STATE}\n" +
		"directory: {domain: corp.contoso.test, security: ldaps, account: new, name: svc-homeward, password_file: FILE, admin: CORP\\admin}\n" +
		"organizational_units: [\"OU=Archive,DC=corp,DC=contoso,DC=test\"]\nfeatures: {password_writeback: true, unlock: true, sync: true, staging: false}\nstart: true\n"
	for _, tt := range []struct {
		name, more string
		secrets    []string
		prepare    func(*fake)
		want       string
		fine       bool
	}{
		{name: "suffix", secrets: []string{oneTimeCode, adminPassword}, want: `accepted: ["suffix old.example"]`},
		{name: "suffix accepted", more: "accepted: [suffix old.example]\n", secrets: []string{oneTimeCode, adminPassword}, want: "old.example: 60 people", fine: true},
		{name: "wrong password", secrets: []string{oneTimeCode, "wrong"}, want: "password is wrong"},
		{name: "no secrets", want: ""},
		{name: "licence", secrets: []string{oneTimeCode, adminPassword}, prepare: func(f *fake) { f.setup.Licensed = false }, want: "no plan that includes"},
		{name: "unit gone", secrets: []string{oneTimeCode, adminPassword}, prepare: func(f *fake) { f.census.Units = f.census.Units[:1] }, want: "there is no OU=Archive"},
		{name: "grant fails", more: "accepted: [suffix old.example]\n", secrets: []string{oneTimeCode, adminPassword}, prepare: func(f *fake) { f.grantErr = errors.New("busy") }, want: "not done: enrol"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			if tt.prepare != nil {
				tt.prepare(f)
			}
			o := options(t.TempDir())
			text := strings.NewReplacer("STATE", filepath.Join(filepath.Dir(o.Config), "state"), "FILE", filepath.Join(filepath.Dir(o.Config), "pw")).Replace(answers) + tt.more
			if err := os.WriteFile(o.Answers, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := spoken(t, f, o, "", tt.secrets...)
			if (err == nil) != tt.fine || !strings.Contains(out, tt.want) {
				t.Errorf("%v\n%s", err, out)
			}
			if !tt.fine && f.grantErr == nil && len(f.did) != 0 {
				t.Errorf("changed: %v", f.did)
			}
		})
	}
}

func TestParseAnswersIsStrict(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown key": "version: 1\npassword: x\n", "version": "version: 3\n", "no directory": "version: 2\ndirectories: []\n", "unknown key of a directory": "version: 2\ndirectories: [{domain: a, password: x}]\n", "task": "version: 1\ntask: dance\n", "empty": "", "list": "[1]",
		"how": "version: 1\ncloud: {how: telepathy}\n", "account": "version: 1\ndirectory: {account: root}\n",
	} {
		if _, err := ParseAnswers([]byte(text), "/etc/homeward/agent.yaml"); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// What a directory's answers don't say keeps its default, and what version 1 said of its one domain is understood.
func TestParseAnswersFillsIn(t *testing.T) {
	t.Parallel()
	a, err := ParseAnswers([]byte("version: 2\ndirectories:\n  - {domain: a.test, features: {unlock: false}}\n  - {domain: B.test}\n"), "/etc/homeward/agent.yaml")
	if err != nil || len(a.Directories) != 2 || !a.Start || a.Task != SetUp {
		t.Fatalf("%+v, %v", a, err)
	}
	one, two := a.Directories[0], a.Directories[1]
	if one.Features.Unlock || !one.Features.Writeback || !two.Features.Unlock || one.Account != NewAccount || two.Security != "ldaps" ||
		one.PasswordFile != "/etc/homeward/service-account.password" || two.PasswordFile != "/etc/homeward/service-account-b.test.password" {
		t.Errorf("%+v", a.Directories)
	}
	old, err := ParseAnswers([]byte("version: 1\ndirectory: {domain: a.test, account: managed, user: svc@a.test, keytab: k}\norganizational_units: [OU=A]\nfeatures: {sync: false}\n"), "/etc/homeward/agent.yaml")
	if err != nil || len(old.Directories) != 1 {
		t.Fatalf("%+v, %v", old, err)
	}
	if d := old.Directories[0]; d.Account != ExistingAccount || !d.keyed() || d.Units[0] != "OU=A" || d.Features.Sync || !d.Features.Unlock {
		t.Errorf("%+v", d)
	}
}

// What else stands in the configuration stays: another domain, comments, keys the wizard doesn't ask.
func TestSettingsKeepTheRest(t *testing.T) {
	t.Parallel()
	before := "# ours\nserver: https://old\nkey_life: 100h # as agreed\ndirectories:\n  - domain: other.test\n    user: a@other.test\n    keytab: k\n    organizational_units: [OU=A]\n" +
		"  - domain: Corp.Contoso.Test\n    test_account: t@x\n    user: old@x\n    keytab: old\n    sync: {exclude: [OU=No]}\n"
	a := Defaults("/etc/homeward/agent.yaml")
	a.Cloud.Portal, a.Directories[0].Domain, a.Directories[0].Units = "https://new", "corp.contoso.test", []string{"OU=B,DC=x"}
	got, err := Settings([]byte(before), a)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# ours", "# as agreed", "other.test", "test_account: t@x", "https://new", "exclude: [OU=No]", "OU=B,DC=x", "keytab: k"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is gone:\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "keytab: old") || strings.Contains(string(got), "https://old") {
		t.Errorf("what was replaced is still there:\n%s", got)
	}
}

// An entry of before, which names its controllers and no domain, is the same domain.
func TestSettingsFindAnEntryByItsControllers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := options(dir)
	before := "server: https://password.contoso.com\nstate: " + dir + "\ndirectories:\n  - {urls: [\"ldaps://dc1\"], user: svc@corp.contoso.test, password_file: pw, organizational_units: [\"OU=Sales,DC=corp,DC=contoso,DC=test\"], test_account: t@x}\n"
	if err := os.WriteFile(o.Config, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, err := begin(o)
	if err != nil || s.answers.Directories[0].Domain != "corp.contoso.test" {
		t.Fatalf("%+v, %v", s.answers.Directories[0], err)
	}
	got, err := Settings(s.was, s.answers)
	if err != nil || strings.Count(string(got), "user:") != 1 || !strings.Contains(string(got), "test_account: t@x") {
		t.Errorf("%v: %s", err, got)
	}
}

func TestExportAndImport(t *testing.T) {
	t.Parallel()
	f := newFake()
	first := to(t, f, titleReady).configure()
	b, err := Export(filepath.Join(first.dir, "agent.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	hunt(t, map[string]string{"export": string(b)}, string(f.createdWith))
	dir := t.TempDir()
	path := filepath.Join(dir, "export.yaml")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	o := options(dir)
	o.Answers, o.Import = "", path
	s, unattended, err := begin(o)
	if err != nil || unattended || s.answers.Directories[0].User != "svc-homeward@corp.contoso.test" || len(s.answers.Directories[0].Units) != 2 || s.answers.Cloud.Portal != "https://password.contoso.com" {
		t.Errorf("%+v, %v, %v", s.answers, unattended, err)
	}
}

// What the wizard doesn't ask is handed over as well: another machine that reads the directory in another way would
// change everybody. A second run with answers that don't speak of it leaves it as it is.
func TestExportCarriesWhatIsntAsked(t *testing.T) {
	t.Parallel()
	first := to(t, newFake(), titleReady).configure()
	path := filepath.Join(first.dir, "agent.yaml")
	no := false
	conf, err := config.LoadAgent(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := conf.Directories[0].Sync
	want.Exclude, want.SourceAnchor, want.WriteAnchor = []string{"OU=Old,OU=Sales,DC=corp,DC=contoso,DC=test"}, "objectGUID", &no
	want.Attributes, want.Suffixes = map[string]string{"mobilePhone": "", "department": "departmentNumber"}, map[string]string{"corp.local": "contoso.com"}
	conf.Directories[0].Sync = want
	a := adopt(Defaults(path), conf)
	changed, err := Settings([]byte(first.file("agent.yaml")), a)
	if err != nil {
		t.Fatal(err)
	}
	changed = append(changed, `
  - domain: second.example
    urls: [ldaps://dc.second.example]
    user: svc@second.example
    password_file: /etc/homeward-agent/second.password
    organizational_units: ["OU=People,DC=second,DC=example"]
    test_account: probe@second.example
    sync: {poll: 5s, sweep: 1h}
key_life: 240h
`[1:]...)
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	exported, err := Export(path)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := ParseAnswers(exported, path)
	if err != nil {
		t.Fatal(err)
	}
	silent := taken
	silent.Directories = slices.Clone(taken.Directories)
	f := &silent.Directories[0].Features
	f.Exclude, f.SourceAnchor, f.WriteAnchor, f.Attributes, f.Suffixes = nil, "", nil, nil, nil
	for name, made := range map[string]func() ([]byte, error){
		"anew":   func() ([]byte, error) { return Settings(nil, taken) },
		"silent": func() ([]byte, error) { return Settings(changed, silent) },
	} {
		b, err := made()
		if err != nil {
			t.Fatal(err)
		}
		next := filepath.Join(t.TempDir(), "agent.yaml")
		if err := os.WriteFile(next, b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := config.LoadAgent(next, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b)
		}
		if diff := cmp.Diff(want, got.Directories[0].Sync); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if len(got.Directories) != 2 || got.Directories[1].TestAccount != "probe@second.example" || got.Directories[1].Sync.Sweep != time.Hour || got.KeyLife != 240*time.Hour {
			t.Errorf("%s: the other domain, or the key's life, stayed behind:\n%s", name, b)
		}
	}
}

func TestKeysOf(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]key{
		"aé":            {{text: "a"}, {text: "é"}},
		"\t\x1b[Z\r":    {{name: "tab"}, {name: "backtab"}, {name: "enter"}},
		"\x1b[A\x1bOB":  {{name: "up"}, {name: "down"}},
		"\x1bOP\x1b[[A": {{name: "f1"}, {name: "f1"}}, "\x1b[11~\x1bOQ": {{name: "f1"}, {name: "f2"}},
		"\x7f\x03": {{name: "backspace"}, {name: "ctrl+c"}}, "\x1b": {{name: "esc"}}, "\x1b[5~x": {{}, {text: "x"}},
	} {
		got, rest := keysOf([]byte(in), true)
		got = slices.DeleteFunc(got, func(k key) bool { return k == key{} })
		want = slices.DeleteFunc(want, func(k key) bool { return k == key{} })
		if !slices.Equal(got, want) || len(rest) != 0 {
			t.Errorf("%q: %v, rest %q", in, got, rest)
		}
	}
	if keys, rest := keysOf([]byte("\x1b["), false); len(keys) != 0 || string(rest) != "\x1b[" {
		t.Errorf("half a sequence: %v, %q", keys, rest)
	}
}

// Whatever a terminal sends, keys come out and nothing grows; in pieces it means the same.
func FuzzKeysOf(f *testing.F) {
	for _, s := range []string{"", "abc\t\r", "\x1b[A", "\x1b[[A\x1bOP", "\x1b[1;2Q", "é\xff", "\x1b\x1b[", strings.Repeat("\x1b[1", 20)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, rest := keysOf(slices.Clone(b), true)
		if len(rest) != 0 || len(keys) > len(b) {
			t.Errorf("%d keys of %d bytes, rest %q", len(keys), len(b), rest)
		}
		for _, k := range keys {
			if k.text != "" && clean(k.text) != k.text {
				t.Errorf("%q is a key's text", k.text)
			}
		}
	})
}

// In whatever pieces a terminal sends it, a paste is one key and nothing in it is pressed.
func FuzzKeyboard(f *testing.F) {
	f.Add([]byte("a"+pasteBegin+"b\rc\n"+pasteFini+"d\r"), 3)
	f.Add([]byte(pasteBegin+"x\x1b[201"+pasteFini), 1)
	f.Add([]byte(pasteBegin), 2)
	f.Add([]byte("\x1b[20"), 1)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		size = max(size%len(append(b, 0)), 1)
		var board keyboard
		var pieces []key
		for at := 0; at < len(b); at += size {
			pieces = append(pieces, board.keys(b[at:min(at+size, len(b))], false)...)
			if len(board.rest) > len(b) || len(board.paste) > 5*maxField {
				t.Fatalf("%d bytes are kept", len(board.rest)+len(board.paste))
			}
		}
		pieces = append(pieces, board.keys(nil, true)...)
		var one keyboard
		whole := append(one.keys(b, false), one.keys(nil, true)...)
		if board.pasting == one.pasting && !slices.Equal(pieces, whole) {
			t.Errorf("%q in pieces of %d: %v, whole: %v", b, size, pieces, whole)
		}
		for _, k := range whole {
			if k.name == "paste" && (clean(k.text) != k.text || len(k.text) > maxField) {
				t.Errorf("pasted %q", k.text)
			}
		}
	})
}

func TestPlainRefuses(t *testing.T) {
	t.Parallel()
	f := newFake()
	out, err := spoken(t, f, options(t.TempDir()), "1\nhttps://\xe9\n"+strings.Repeat("x", 600)+"\nhttps://password.contoso.com\n\n1\nn\n", "\xe9\xe9", "WRONG")
	if !errors.Is(err, ErrStopped) || strings.Count(out, "Not UTF-8") != 2 || !strings.Contains(out, "longer than 512") || !strings.Contains(out, "doesn’t take this code") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestASCII(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"": false, "C.UTF-8": false, "de_DE.utf8": false, "C": true, "POSIX": true, "de_DE.ISO-8859-1": true} {
		if got := ASCIIOnly(func(name string) string { return map[string]string{"LANG": value}[name] }); got != want {
			t.Errorf("LANG=%s: %v", value, got)
		}
		if !ASCIIOnly(func(name string) string { return map[string]string{"LC_ALL": "C", "LANG": value}[name] }) {
			t.Errorf("LC_ALL=C LANG=%s: UTF-8", value)
		}
	}
	d := to(t, newFake(), titleReady)
	for _, row := range d.w.view() {
		if plain := ascii(row); len(plain) != utf8.RuneCountInString(row) || strings.Contains(strings.TrimPrefix(plain, "?"), "?") {
			t.Errorf("%q became %q", row, plain)
		}
	}
	f := newFake()
	o := options(t.TempDir())
	o.ASCII = true
	if out, err := spoken(t, f, o, plainKeys, oneTimeCode, adminPassword); err != nil || strings.ContainsFunc(out, func(r rune) bool { return r >= 0x80 }) {
		t.Errorf("%v\n%s", err, out)
	}
}

func FuzzParseAnswers(f *testing.F) {
	f.Add([]byte("version: 1\ntask: set-up\n"))
	f.Add([]byte("version: 1\norganizational_units: [a, b]\nfeatures: {sync: false}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAnswers(b, "/etc/homeward/agent.yaml")
		if err != nil {
			return
		}
		out, err := a.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseAnswers(out, "/etc/homeward/agent.yaml"); err != nil || again.Task != a.Task || len(again.Directories) != len(a.Directories) {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte("server: https://x\ndirectories:\n  - {domain: a}\n"))
	f.Add([]byte("[1]"))
	f.Add([]byte("a: &x [*x]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a := Defaults("/etc/homeward/agent.yaml")
		a.Cloud.Portal, a.Directories[0].Domain, a.Directories[0].Units = "https://p", "d.test", []string{"OU=A"}
		out, err := Settings(b, a)
		if err == nil && !bytes.Contains(out, []byte("https://p")) {
			t.Errorf("the answers aren't in it: %s", out)
		}
	})
}
