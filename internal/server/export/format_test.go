package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"homeward/internal/server/audit"
)

func sample() audit.Record {
	return audit.Record{
		Tenant: "contoso", Seq: 7, At: time.UnixMilli(1_795_000_000_123), Support: "HW-7K3Q-92MD", Activity: "Reset password (self-service)",
		Hop: "directory", Event: 33008, Result: "refused", Reason: "in_history", Actor: "U1", Target: "p1", Detail: `LDAP 19 "x" ]\`, Micros: 1500, Hash: []byte{0xab},
	}
}

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	w := CSV.NewWriter(&out)
	names := func(id string) string { return map[string]string{"p1": "=cmd|' /C calc'!A0", "U1": "SRV-HW01"}[id] }
	r := sample()
	r.Detail = "two\r\nlines, \"quoted\""
	if err := w.Write(Of(r, names)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\r\n"); n != 3 || strings.Contains(strings.ReplaceAll(out.String(), "\r\n", ""), "\n") {
		t.Errorf("lines don't end with CRLF: %q", out.String())
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	got := map[string]string{}
	for i, name := range rows[0] {
		got[name] = rows[1][i]
	}
	for name, want := range map[string]string{
		"time": "2026-11-18T11:06:40.123Z", "seq": "7", "target_name": "'=cmd|' /C calc'!A0", "actor_name": "SRV-HW01", "event_name": "ADPasswordPolicyError",
		"took_ms": "1.5", "hash": "ab", "detail": "two\nlines, \"quoted\"",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestCSVWithoutRowsHasItsHead(t *testing.T) {
	var out bytes.Buffer
	if err := CSV.NewWriter(&out).Flush(); err != nil || !strings.HasPrefix(out.String(), "time,seq,") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestNothingIsComputed(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "-5": "-5", "1.5": "1.5", "=1+1": "'=1+1", "+1": "'+1", "-cmd": "'-cmd", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1",
		"\r=1": "' =1", "＝1": "'＝1", "-0x10": "'-0x10", "a=1": "a=1", "-1e5": "-1e5", "|x": "'|x", "+Inf": "'+Inf",
		strings.Repeat(" ", 2) + "=1": "'  =1",
	} {
		if got := harmless(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	w := JSONL.NewWriter(&out)
	for range 2 {
		if err := w.Write(Of(sample(), nil)); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	var row Row
	if err := json.Unmarshal([]byte(lines[1]), &row); err != nil || row.Seq != 7 || row.Reason != "in_history" || !row.Time.Equal(sample().At) {
		t.Errorf("%+v, %v", row, err)
	}
}

func TestSyslogMessage(t *testing.T) {
	s := Syslog{Host: "password.contoso.example"}
	const want = `<109>1 2026-11-18T11:06:40.123Z password.contoso.example homeward - ADPasswordPolicyError ` +
		`[homeward@32473 tenant="contoso" seq="7" supportCode="HW-7K3Q-92MD" activity="Reset password (self-service)" hop="directory" event="33008" ` +
		`result="refused" reason="in_history" actor="U1" target="p1" tookMs="1.5" hash="ab" detail="LDAP 19 \"x\" \]\\"] ` +
		"\ufeffReset password (self-service): refused (in_history)"
	if got := s.Message(Of(sample(), nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzSyslogMessage(f *testing.F) {
	f.Add("ok", "detail", "actor", "host")
	f.Add("failed", strings.Repeat("ö]\"\\\n", 5000), "\x00", "")
	f.Fuzz(func(t *testing.T, result, detail, actor, host string) {
		r := Of(audit.Record{Tenant: "a", Seq: 1, Activity: detail, Hop: actor, Result: result, Detail: detail, Actor: actor, Target: detail, Reason: detail, Support: detail}, nil)
		m := (&Syslog{Host: host}).Message(r)
		if len(m) > mostSyslog || strings.ContainsAny(m, "\n\r\x00") || strings.Count(strings.SplitN(m, "[", 2)[0], " ") != 6 {
			t.Errorf("%q", m)
		}
		if utf8.ValidString(result+detail+actor) && !utf8.ValidString(m) {
			t.Errorf("splits a character: %q", m)
		}
	})
}

func FuzzHarmless(f *testing.F) {
	f.Add("=1")
	f.Fuzz(func(t *testing.T, s string) {
		if got := harmless(s); strings.ContainsAny(got[:min(1, len(got))], "=@+\t\n\r") {
			t.Errorf("%q", got)
		}
	})
}
