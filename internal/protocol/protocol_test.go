package protocol

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite golden files")
	os.Exit(m.Run())
}

func update() bool { return flag.Lookup("update").Value.String() == "true" }

// samples holds one of each message, every field set.
func samples() []any {
	at := MilliOf(time.UnixMilli(1_790_000_000_000))
	dir := Directory{OK: true, Reason: ReasonRights, Detail: "detail", DC: "dc1.corp.contoso.test", Since: at}
	result := Result{
		Version: 1, Request: "00ff", Agent: "UAGENT", Operation: Reset, Outcome: Refused, Reason: ReasonUsedBefore,
		Rule:   Rule{MinLength: 12, History: 24, Changed: at, NotBefore: at, MinAge: 60000, Name: "okafor"},
		Detail: "0000052D", Event: 31003, Hops: []Hop{{Name: "written", At: at, Micros: 26000, Detail: "dc1"}}, At: at,
	}
	return []any{
		Accepted{Version: 1, Request: "00ff", Agent: "UAGENT", Accepted: true, Reason: ReasonReplayed, At: at, Result: &result},
		result,
		PersonPolicy{
			Version: 1, Request: "00ff", Agent: "UAGENT", Found: true, Reason: ReasonDisabled, Detail: "detail", MinLength: 12, Complexity: true,
			History: 24, MinAge: 60000, MaxAge: 90, Source: "domain", PasswordSet: at, ChangeableAt: at, Locked: true, DisplayName: "Amara Okafor", SAM: "aokafor",
		},
		Hello{Version: 1, MinVersion: 1, Agent: "UAGENT", Build: "devel", Machine: "srv", KeyID: "0102", Domain: "corp.contoso.test", Directory: dir, At: at},
		HelloAnswer{Version: 1, OK: true, Reason: ReasonVersion, Message: "update", At: at, Import: true},
		Beat{Version: 1, Agent: "UAGENT", Directory: dir, Pending: 2, At: at},
		People{Version: 1, Agent: "UAGENT", Import: "i", Page: 3, Last: true, Domain: "corp.contoso.test", NetBIOS: "CONTOSO", People: []Person{{
			Anchor: "00", UPN: "a@contoso.com",
			SAM: "a", Mail: "a@mail.example", DisplayName: "A", DN: "CN=A", Disabled: true, Protected: true,
		}}},
		Ack{OK: true, Reason: ReasonInternal},
		Renewal{OK: true, JWT: "jwt", Expires: at, Reason: ReasonNotFound},
		EnrolRequest{Version: 1, Code: "code", Agent: "UAGENT", SealKey: []byte{1}, Machine: "srv", Build: "devel", Domain: "corp.contoso.test", Signature: []byte{2}},
		EnrolAnswer{Version: 1, Tenant: "contoso", TenantName: "Contoso", CommandKey: []byte{3}, JWT: "jwt", Expires: at, RelayPath: "/relay"},
		RenewRequest{Version: 1, Agent: "UAGENT", At: at, Signature: []byte{4}},
		Problem{Reason: ReasonExpired, Message: "what to do"},
	}
}

// TestGoldenMessages pins the wire form of every message, and that it is read back. What version 1 said still is said
// and read in the same way.
func TestGoldenMessages(t *testing.T) {
	for version, messages := range map[string][]any{"v1": samples(), "v2": samplesOfTwo(), "v3": samplesOfThree()} {
		for _, message := range messages {
			name := reflect.TypeOf(message).Name()
			t.Run(version+"/"+name, func(t *testing.T) {
				golden(t, filepath.Join("testdata", version, strings.ToLower(name)+".json"), message)
			})
		}
	}
}

func golden(t *testing.T, path string, message any) {
	t.Helper()
	got, err := json.MarshalIndent(message, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if update() && strings.Contains(path, "v3") {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.TrimSpace(string(want)), string(got)); d != "" {
		t.Errorf("the wire form changed:\n%s", d)
	}
	back := reflect.New(reflect.TypeOf(message))
	if err := Decode(want, back.Interface()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(message, back.Elem().Interface()); d != "" {
		t.Error(d)
	}
}

func TestDecodeIsStrict(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "unknown field": `{"ok":true,"more":1}`, "two values": `{"ok":true}{}`, "wrong type": `{"ok":"yes"}`, "cut short": `{"ok":tr`,
		"oversized": `{"reason":"` + strings.Repeat("x", MaxMessage) + `"}`,
	} {
		var a Ack
		err := Decode([]byte(text), &a)
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "more") && name == "unknown field" {
			t.Errorf("the error quotes the input: %v", err)
		}
	}
	if _, err := Encode(Problem{Message: strings.Repeat("x", MaxMessage)}); !errors.Is(err, ErrMalformed) {
		t.Errorf("oversized message was encoded: %v", err)
	}
}

func TestSubjects(t *testing.T) {
	for subject, want := range map[string]Uplink{
		"up.AACC.UAGENT.hello":    {Account: "AACC", Agent: "UAGENT", Kind: UpHello},
		"up.AACC.UAGENT.preview":  {Account: "AACC", Agent: "UAGENT", Kind: UpPreview},
		"up.AACC.UAGENT.res.00ff": {Account: "AACC", Agent: "UAGENT", Kind: UpResult, Request: "00ff"},
	} {
		got, ok := ParseUp(subject)
		if !ok || got != want {
			t.Errorf("%s: %+v, %v", subject, got, ok)
		}
	}
	for _, subject := range []string{"", "up", "up.A.B", "up.A.B.nonsense", "up.A.B.res", "up.A.B.hello.x", "up..B.hello", "down.A.B.hello", "up.A.B.res.x.y"} {
		if _, ok := ParseUp(subject); ok {
			t.Errorf("%q was taken", subject)
		}
	}
	for _, op := range Operations() {
		agent, got, ok := ParseDown(Down("UAGENT", op))
		if !ok || agent != "UAGENT" || got != op {
			t.Errorf("%s: %s %s %v", op, agent, got, ok)
		}
	}
	for _, subject := range []string{"", "wb.to.A", "wb.to..reset", "wb.any.A.reset", "wb.to.A.reset.x"} {
		if _, _, ok := ParseDown(subject); ok {
			t.Errorf("%q was taken", subject)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range samples() {
			v := reflect.New(reflect.TypeOf(m)).Interface()
			if Decode(b, v) != nil {
				continue
			}
			if _, err := json.Marshal(v); err != nil {
				t.Errorf("%T was read and can't be written: %v", v, err)
			}
		}
	})
}

func FuzzParseUp(f *testing.F) {
	f.Add("up.AACC.UAGENT.res.00ff")
	f.Fuzz(func(t *testing.T, s string) {
		u, ok := ParseUp(s)
		if ok && (u.Account == "" || u.Agent == "" || u.Kind == "" || strings.ContainsAny(u.Agent+u.Account+u.Request, ".")) {
			t.Errorf("%q: %+v", s, u)
		}
	})
}
