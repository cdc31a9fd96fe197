package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli"
	"homeward/internal/server/control"
	administrator "homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/report"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// desk stands for the helpdesk and the report, whose rules are tested where they are: these tests are about what is typed and printed.
type desk struct {
	asked []string
	file  string // configuration
}

func (d *desk) Named(_ context.Context, _ tenant.Tenant, by administrator.Operator, typed string) (provision.Person, error) {
	d.asked = append(d.asked, by.Name+" names "+typed)
	return provision.Person{ID: "1", DisplayName: "Amara Okafor"}, nil
}

func (d *desk) CallerMethods(context.Context, tenant.Tenant, administrator.Operator, string) ([]reset.Method, error) {
	return []reset.Method{{Kind: "app", Value: "app"}, {Kind: "text", Value: "text-2", Masked: "•••• 42"}}, nil
}

func (d *desk) Ask(_ context.Context, _ tenant.Tenant, _ administrator.Operator, _, way string) (reset.Attempt, error) {
	d.asked = append(d.asked, "ask "+way)
	return reset.Attempt{ID: "attempt-7", Support: "HW-0000-0007", Expires: time.Now().Add(time.Minute)}, nil
}

func (d *desk) Hear(_ context.Context, _ tenant.Tenant, _ administrator.Operator, _, attempt, code string) (verify.Answer, error) {
	d.asked = append(d.asked, attempt+" hears")
	switch code {
	case "123456":
		return verify.Answer{Result: verify.OK}, nil
	case "999999":
		return verify.Answer{Result: verify.TooMany}, nil
	}
	return verify.Answer{Result: verify.Wrong, Remaining: 2}, nil
}

func (d *desk) Summary(context.Context, tenant.Tenant) (report.Summary, error) {
	return report.Summary{People: 3, Able: 1, With: map[verify.Kind]int{verify.App: 1}, Why: map[report.Why]int{report.TooFew: 2}, None: 2, At: time.Now()}, nil
}

// Part has three people in parts of one.
func (d *desk) Part(_ context.Context, _ tenant.Tenant, after string) (people []report.Person, next string, err error) {
	n, _ := strconv.Atoi(after)
	p := report.Person{Person: provision.Person{UPN: "p" + strconv.Itoa(n) + "@contoso.com", DisplayName: "=Sum", Domain: "corp.contoso.test"}, Why: report.TooFew}
	if n == 1 {
		p.Why, p.Kinds, p.Last = "", []verify.Kind{verify.Text, verify.App}, verify.App
	}
	if n < 2 {
		next = strconv.Itoa(n + 1)
	}
	return []report.Person{p}, next, nil
}

// served makes a tenant and serves a desk where its verbs look for the server. The result runs a verb.
func served(t *testing.T) (*desk, func(in string, args ...string) (code int, out, errs string)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hw") //nolint:usetesting // short: a socket's path is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "server.yaml")
	text := "base_url: https://localhost:8443\nlisten: 127.0.0.1:8443\nstate: " + dir + "\nmail: {host: localhost, tls: none, from: a@contoso.example}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(in string, args ...string) (code int, out, errs string) {
		var o, e bytes.Buffer
		code = cli.Main(t.Context(), "homeward", "", &verbs{}, append(args, "--config", file), command.Streams{In: strings.NewReader(in), Out: &o, Err: &e}, "test")
		return code, o.String(), e.String()
	}
	if code, _, errs := run("", "tenant", "create", "contoso", "Contoso", "--zone", "Europe/Stockholm"); code != cli.OK {
		t.Fatal(errs)
	}
	d := &desk{file: file}
	l, err := control.Listen(t.Context(), control.Path(dir))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &control.Service{
		Callers: d, Reports: d, Log: slog.New(slog.DiscardHandler),
		Tenant: func(_ context.Context, id string) (tenant.Tenant, error) { return tenant.Tenant{ID: id}, nil },
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, control.Path(dir)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d, run
}

// TestCallerVerbs types what an operator types, at a terminal's questions and in a script.
func TestCallerVerbs(t *testing.T) {
	t.Parallel()
	d, run := served(t)
	for _, c := range []struct {
		in, line string
		code     int
		out, err string // of what is printed
	}{
		{"", "ways amara", cli.OK, "text-2  text  •••• 42", ""},
		{"", "ways amara --json", cli.OK, `"way": "text-2"`, ""},
		{"", "ask amara text-2", cli.OK, "attempt-7\n", "HW-0000-0007"},
		{"", "ask amara app --json", cli.OK, `"support": "HW-0000-0007"`, ""},
		{"123456\n", "check amara attempt-7", cli.OK, "Right: the caller is who they say.\n", ""},
		{"123456", "check amara attempt-7 --json", cli.OK, `"right": true`, ""},
		{"000000\n", "check amara attempt-7", cli.Failed, "That isn't the code. Tries left: 2\n", ""},
		{"999999\n", "check amara attempt-7", cli.Failed, "only a new code helps", ""},
		{"", "check amara attempt-7", cli.Usage, "", "no code was given"},
		{strings.Repeat("1", 5000), "check amara attempt-7", cli.Usage, "", "too long"},
		{"2\n000000\n123456\n", "verify amara", cli.OK, "", "Right: the caller is who they say."},
		{"1\n999999\n", "verify amara", cli.Failed, "", "app shows now"},
		{"000000\n", "verify amara --way text-2", cli.Failed, "", "no code was read out"},
		{"3\n", "verify amara", cli.Usage, "", "use 1 to 2"},
		{"123456\n", "verify amara --way text-2 --json", cli.OK, `"support": "HW-0000-0007"`, ""},
	} {
		code, out, errs := run(c.in, append([]string{"people", "caller"}, strings.Fields(c.line)...)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) || c.out == "" && out != "" {
			t.Errorf("%s with %.20q: %d\n%s\n%s", c.line, c.in, code, out, errs)
		}
	}
	if all := strings.Join(d.asked, "\n"); !strings.Contains(all, operator()+" names amara") || !strings.Contains(all, "ask text-2") || !strings.Contains(all, "attempt-7 hears") {
		t.Error(all)
	}
}

// TestReportOfWhoCanReset: every part is fetched, filters choose, and a file's cells can't run in a spreadsheet.
func TestReportOfWhoCanReset(t *testing.T) {
	t.Parallel()
	_, run := served(t)
	for _, c := range []struct {
		line string
		code int
		want string
	}{
		{"registration", cli.OK, "can't: too few methods        2"},
		{"registration --json", cli.OK, `"too_few_methods": 2`},
		{"people", cli.OK, "p1@contoso.com  =Sum  yes                         app text  app\n"},
		{"people --csv", cli.OK, "p1@contoso.com,'=Sum,corp.contoso.test,yes,,app text,no,app,\r\n"},
		{"people --json --csv", cli.Usage, ""},
		{"people --can maybe", cli.Usage, ""},
		{"people --reason held", cli.OK, "Nobody is found.\n"},
		{"usage --days 2 --csv", cli.OK, "date,done: Reset password (self-service),"},
	} {
		code, out, errs := run("", append([]string{"report"}, strings.Fields(c.line)...)...)
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: %d\n%s\n%s", c.line, code, out, errs)
		}
	}
	for line, want := range map[string]int{"people --json": 3, "people --json --can no": 2, "people --json --can yes": 1, "people --json --reason too_few_methods": 2} {
		var lines []report.Line
		_, out, errs := run("", append([]string{"report"}, strings.Fields(line)...)...)
		if err := json.Unmarshal([]byte(out), &lines); err != nil || len(lines) != want {
			t.Errorf("%s: %d people, %v; %s", line, len(lines), err, errs)
		}
	}
}
