package writeback

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/banned"
	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// oneList takes any list at once.
type oneList struct{ banned.List }

func (o *oneList) Take(p protocol.BannedPart) (string, error) {
	l, err := banned.New(p.Words)
	if err != nil {
		return "", err
	}
	o.List = l
	return l.Digest(), nil
}

func (o *oneList) Bans(password []byte) bool {
	_, bad := o.List.Bans(string(password))
	return bad
}

// calendar has one answer.
type calendar struct {
	domain string
	people []directory.GUID
}

func (c *calendar) Expiries(_ context.Context, domain string, people []directory.GUID) (map[directory.GUID]time.Time, error) {
	c.domain, c.people = domain, people
	return map[directory.GUID]time.Time{people[0]: time.UnixMilli(1_790_000_000_000)}, nil
}

func (c *calendar) States(_ context.Context, domain string, people []directory.GUID) (map[directory.GUID]activedirectory.AccountState, error) {
	c.domain, c.people = domain, people
	at := time.UnixMilli(1_790_000_000_000)
	return map[directory.GUID]activedirectory.AccountState{people[0]: {Locked: true, Since: at, Expires: at, PasswordExpires: at}}, nil
}

func (c *calendar) Which(_ context.Context, domain string, standing protocol.Standing) ([]directory.GUID, bool, error) {
	c.domain = domain
	if standing != protocol.StandingLocked {
		return nil, false, &activedirectory.Error{Reason: protocol.ReasonRights}
	}
	return []directory.GUID{{1}, {2}}, true, nil
}

// TestBannedPasswordsAreNotWritten: the new password is judged before anything is sent, whatever the browser let pass; the current
// one isn't, and what is signed but no list changes nothing.
func TestBannedPasswordsAreNotWritten(t *testing.T) {
	dc := dctest.Start(t)
	list := &oneList{}
	b := newBench(t, dc, func(_ *bench, _ *activedirectory.Config, d *Deps) { d.Banned = list })
	tell := func(body any, anchor []byte) (r protocol.BannedAnswer) {
		t.Helper()
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		c := b.newCommand(t, protocol.Banned, anchor)
		c.body = raw
		b.handle(t, protocol.Banned, c.envelope(t), &r)
		return r
	}
	want, err := banned.New([]string{"lantern", "harbour"})
	if err != nil {
		t.Fatal(err)
	}
	part := protocol.BannedPart{Version: 3, Digest: want.Digest(), Parts: 1, Words: want.Words()}
	if r := tell(part, []byte("0123456789abcdef")); r.Reason != protocol.ReasonMalformed {
		t.Errorf("about one person: %+v", r)
	}
	if r := tell(map[string]any{"v": 3, "more": true}, nil); r.Reason != protocol.ReasonMalformed {
		t.Errorf("another shape: %+v", r)
	}
	if r := tell(part, nil); r.Reason != "" || r.Digest != want.Digest() {
		t.Fatalf("%+v", r)
	}
	p := dc.NewPerson(t)
	before := b.account(t, p)
	_, id := b.reset(t, p, "L4nternH4rbour1")
	result := b.result(t, id)
	wantOutcome(t, result, protocol.Refused, protocol.ReasonBanned)
	if result.Event != int(event.BannedPassword) || strings.Contains(strings.ToLower(result.Detail+result.Rule.Name), "lantern") {
		t.Errorf("%+v", result)
	}
	b.wantUntouched(t, p, before)
	_, id = b.reset(t, p, lab.RandomPassword())
	wantOutcome(t, b.result(t, id), protocol.Changed, protocol.ReasonNone)
}

// TestExpiryQuestions: a signed question about several people is answered for those who have an expiry.
func TestExpiryQuestions(t *testing.T) {
	dc := dctest.Start(t)
	days := &calendar{}
	b := newBench(t, dc, func(_ *bench, _ *activedirectory.Config, d *Deps) {
		d.Expiries, d.States, d.Rules = days, days, &crowded{}
	})
	ask := func(body string) (r protocol.ExpiryAnswer) {
		t.Helper()
		c := b.newCommand(t, protocol.Expiry, nil)
		c.body = []byte(body)
		b.handle(t, protocol.Expiry, c.envelope(t), &r)
		return r
	}
	one, two := strings.Repeat("01", 16), strings.Repeat("02", 16)
	r := ask(`{"v":3,"domain":"corp.contoso.test","people":["` + one + `","` + two + `"]}`)
	if len(r.People) != 1 || r.People[0] != (protocol.Expires{Object: one, At: 1_790_000_000_000}) || days.domain != "corp.contoso.test" || len(days.people) != 2 {
		t.Errorf("%+v, asked for %+v", r, days)
	}
	c := b.newCommand(t, protocol.States, nil)
	c.body = []byte(`{"v":3,"domain":"corp.contoso.test","people":["` + two + `","` + one + `"]}`)
	var states protocol.StatesAnswer
	b.handle(t, protocol.States, c.envelope(t), &states)
	if len(states.People) != 1 || states.People[0] != (protocol.AccountState{Object: two, Locked: true, LockedSince: 1_790_000_000_000, EndsAt: 1_790_000_000_000, ExpiresAt: 1_790_000_000_000}) {
		t.Errorf("%+v", states)
	}
	askDomainQuestions(t, b, days)
	many, err := json.Marshal(slices.Repeat([]string{one}, protocol.MaxExpiry+1))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{`{}`, `{"v":3,"domain":"","people":[]}`, `{"v":3,"domain":"d","people":["xyz"]}`, `{"v":3,"domain":"d","people":` + string(many) + `}`} {
		if r := ask(bad); r.Reason != protocol.ReasonMalformed || len(r.People) != 0 {
			t.Errorf("%.60s: %+v", bad, r)
		}
		c := b.newCommand(t, protocol.States, nil)
		c.body = []byte(bad)
		var r protocol.StatesAnswer
		if b.handle(t, protocol.States, c.envelope(t), &r); r.Reason != protocol.ReasonMalformed || len(r.People) != 0 {
			t.Errorf("%.60s: %+v", bad, r)
		}
	}
}
