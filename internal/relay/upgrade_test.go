package relay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"homeward/internal/protocol"
)

func signed(t testing.TB, at time.Time) (value, agent string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	agent, err = pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	value, err = SignUpgrade(agent, at, pair.Sign)
	if err != nil {
		t.Fatal(err)
	}
	return value, agent
}

func TestUpgrade(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	value, agent := signed(t, now)
	u, err := ParseUpgrade(value)
	if err != nil || u.Agent != agent || !u.At.Equal(now) {
		t.Fatalf("%+v %v", u, err)
	}
	for skew, want := range map[time.Duration]error{
		0: nil, MaxSkew: nil, -MaxSkew: nil,
		MaxSkew + time.Second: ErrUpgradeSkew, -MaxSkew - time.Second: ErrUpgradeSkew,
	} {
		if err := u.Verify(now.Add(skew)); !errors.Is(err, want) {
			t.Errorf("skew %s: %v", skew, err)
		}
	}
	_, other := signed(t, now)
	for name, forged := range map[string]Upgrade{
		"other agent": {other, u.At, u.Signature},
		"other time":  {u.Agent, u.At.Add(time.Second), u.Signature},
		"no key":      {"x", u.At, u.Signature},
	} {
		if err := forged.Verify(now); !errors.Is(err, ErrUpgradeSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUpgradeIsStrict(t *testing.T) {
	value, agent := signed(t, time.Unix(1_800_000_000, 0))
	for _, bad := range []string{
		"", " ", value + " ", " " + value, value + "=", strings.Replace(value, " ", "  ", 1),
		"2" + value[1:], "1 " + agent, strings.Replace(value, " 18", " +18", 1), strings.Replace(value, " 18", " 018", 1),
		strings.Replace(value, " 18", " -18", 1), strings.Replace(value, agent, strings.ToLower(agent), 1),
		value[:len(value)-1], value + "AAAA", value[:60] + "\n" + value[60:], strings.Repeat("1 ", 4096),
	} {
		if _, err := ParseUpgrade(bad); !errors.Is(err, ErrUpgradeMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	failing := func([]byte) ([]byte, error) { return nil, errors.New("no key") }
	if _, err := SignUpgrade(agent, time.Unix(0, 0), failing); err == nil {
		t.Error("signed without a key")
	}
}

// There is exactly one spelling of each upgrade: what parses, prints as it was.
func FuzzParseUpgrade(f *testing.F) {
	value, _ := signed(f, time.Unix(1_800_000_000, 0))
	f.Add(value)
	f.Add("1 U 0 ")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseUpgrade(s)
		if err != nil {
			if !errors.Is(err, ErrUpgradeMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := SignUpgrade(u.Agent, u.At, func([]byte) ([]byte, error) { return u.Signature, nil })
		if err != nil || again != s {
			t.Fatalf("%q printed as %q", s, again)
		}
		_ = u.Verify(u.At)
	})
}

func TestBackoff(t *testing.T) {
	b := Backoff{}.withDefaults()
	for _, c := range []struct {
		attempt int
		last    verdict
		random  float64
		want    time.Duration
	}{
		{1, unanswered, 0, 500 * time.Millisecond},
		{1, unanswered, 1, time.Second},
		{2, unanswered, 1, 2 * time.Second},
		{5, unanswered, 1, 16 * time.Second},
		{6, unanswered, 1, 30 * time.Second},
		{1 << 30, unanswered, 0, 15 * time.Second},
		{1, turnedAway, 1, 5 * time.Minute},
		{9, turnedAway, 0, 150 * time.Second},
		{2, waitsForApproval, 1, 2 * time.Second},
		{9, waitsForApproval, 1, 5 * time.Second},
	} {
		if got := b.wait(c.attempt, c.last, c.random); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// A link that breaks soon after it came up (a cloned machine, say) goes on backing off.
func TestBackoffForgetsOnlyAfterStableLinks(t *testing.T) {
	now := time.Unix(0, 0)
	l := &AgentLink{cfg: AgentConfig{
		Backoff: Backoff{}.withDefaults(), Clock: func() time.Time { return now }, Rand: func() float64 { return 1 },
	}}
	up := func(lasted time.Duration) time.Duration {
		l.since = now
		now = now.Add(lasted)
		return l.nextWait()
	}
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if got := up(time.Second); got != want {
			t.Errorf("break %d: %s, want %s", i, got, want)
		}
	}
	if got := up(time.Minute); got != time.Second {
		t.Errorf("after a stable link: %s", got)
	}
	if got := l.nextWait(); got != 2*time.Second {
		t.Errorf("second attempt: %s", got)
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		err  error
		want verdict
	}{
		{nil, unanswered},
		{errors.New("broken"), unanswered},
		{&Fault{Step: StepConnect}, unanswered},
		{fmt.Errorf("dial: %w", &Fault{Step: StepRefused, Status: 409, Reason: protocol.ReasonAgentMoved}), waitsForApproval},
		{&Fault{Step: StepRefused, Status: 409, Reason: protocol.ReasonAgentCloned}, unanswered},
		{&Fault{Step: StepRefused, Status: 403, err: ErrRefused}, turnedAway},
	} {
		if got := judge(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}
