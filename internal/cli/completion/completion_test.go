package completion_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"homeward/internal/cli/completion"
)

var update = flag.Bool("update", false, "write the golden files") //nolint:gochecknoglobals // a flag of the test

// grammar has everything a verb can have.
type grammar struct {
	Verbose bool `help:"Say more. And more." short:"v"`
	Secret  bool `hidden:""`

	Audit struct {
		Export struct {
			Format string   `help:"csv or jsonl." enum:"csv,jsonl,"  default:""`
			Out    string   `help:"Where to." type:"path"`
			Gzip   *bool    `help:"Packed." negatable:""`
			Only   []string `help:"Those." complete:"reset,change"`
		} `cmd:"" help:"Write it out. Oldest first."`
		Verify struct{} `cmd:"" aliases:"check" help:"Verify."`
	} `cmd:"" help:"The log."`
	Set struct {
		State string   `arg:"" enum:"on,off"`
		Files []string `arg:"" type:"existingfile"`
	} `cmd:"" help:"Set."`
	Hidden struct{} `cmd:"" hidden:""`
}

func model(tb testing.TB) *kong.Application {
	tb.Helper()
	k, err := kong.New(&grammar{}, kong.Name("try"))
	if err != nil {
		tb.Fatal(err)
	}
	return k.Model
}

// TestCandidates types lines; the bar stands where the cursor is.
func TestCandidates(t *testing.T) {
	t.Parallel()
	m := model(t)
	for typed, want := range map[string]string{
		"|":                                  "audit set",
		"a|":                                 "audit",
		"x|":                                 "",
		"hid|":                               "",
		"audit |":                            "export verify",
		"audit ch|":                          "check",
		"audit check |":                      "--verbose --help",
		"audit export |":                     "--format --out --gzip --no-gzip --only --verbose --help",
		"audit export --f|":                  "--format",
		"audit export --format |":            "csv jsonl",
		"audit export --format j|":           "jsonl",
		"audit export --format =|":           "csv jsonl",
		"audit export --format = c|":         "csv",
		"audit export --format=c|":           "--format=csv",
		"audit export --format csv --f|":     "",
		"audit export --format=csv --f|":     "",
		"audit export --format = csv --f|":   "",
		"audit export --only reset --on|":    "--only",
		"audit export --only c|":             "change",
		"audit export --out |":               ":files",
		"audit export --out=x|":              ":files",
		"audit export --no-gzip --gz|":       "",
		"audit export --none=|":              "",
		"audit export --none x --format |":   "csv jsonl",
		"-v audit export --fo|":              "--format",
		"audit export word |":                "--format --out --gzip --no-gzip --only --verbose --help",
		"set |":                              "on off",
		"set on |":                           ":files",
		"set on a b |":                       ":files",
		"set -- o|":                          "on off",
		"set -- --|":                         "",
		"set on -- a --|":                    ":files",
		"set --verb|":                        "--verbose",
		"set --secr|":                        "",
		"audit export --format csv -- --f|":  "",
		"audit export --format csv --only |": "reset change",
	} {
		words := strings.Split(strings.TrimSuffix(typed, "|"), " ")
		words[len(words)-1] = "." + words[len(words)-1]
		list, files := completion.Candidates(m, words)
		var got []string
		for _, c := range list {
			got = append(got, c.Value)
		}
		if files {
			got = append(got, ":files")
		}
		// kong's own help flag stands where its parser puts it
		if diff := cmp.Diff(sorted(want), sorted(strings.Join(got, " "))); diff != "" {
			t.Errorf("%s\n%s", typed, diff)
		}
	}
}

func sorted(text string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		out[w] = true
	}
	return out
}

func TestAnswerIsOneLineEach(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := completion.Answer(&b, model(t), []string{"audit", ".e"}); err != nil || b.String() != "export\tWrite it out\n" {
		t.Errorf("%q %v", b.String(), err)
	}
	for _, words := range [][]string{nil, {"audit"}, {""}} { // not as a script asks
		b.Reset()
		if err := completion.Answer(&b, model(t), words); err != nil || b.Len() > 0 {
			t.Errorf("%q: %q %v", words, b.String(), err)
		}
	}
}

func TestScriptsGolden(t *testing.T) {
	t.Parallel()
	for _, shell := range completion.Shells() {
		for _, program := range []string{"homeward", "homeward-agent"} {
			got, err := completion.Script(shell, program)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", program+"."+shell)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s: %s", path, diff)
			}
		}
	}
	if _, err := completion.Script("tcsh", "homeward"); !errors.Is(err, completion.ErrShell) {
		t.Errorf("got %v", err)
	}
}

func FuzzCandidates(f *testing.F) {
	for _, seed := range []string{"", ".", "audit\n.ex", "audit\nexport\n--format\n=\n.", "--\n.-", "set\n.", "-\n.-=", "audit\nexport\n--format=\n.--format="} {
		f.Add(seed)
	}
	m := model(f)
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := completion.Candidates(m, strings.Split(text, "\n"))
		for _, c := range list {
			if c.Value == "" || strings.ContainsAny(c.Value+c.Help, "\t\n") {
				t.Errorf("%q gives %+v", text, c)
			}
		}
	})
}
