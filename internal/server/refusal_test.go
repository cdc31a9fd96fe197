package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

// noted asserts that the attempt's records hold a reason once, with an event that the catalogue explains.
func (v *visitor) noted(a reset.Attempt, reason protocol.Reason, code event.Code) {
	v.t.Helper()
	n := 0
	for _, r := range v.b.records(v.t, a) {
		if r.Reason != string(reason) {
			continue
		}
		n++
		if e, ok := event.Lookup(event.Code(r.Event)); r.Event != int(code) || !ok || e.Meaning == "" || r.Result != string(protocol.Refused) || r.Target != a.Person {
			v.t.Errorf("the record of %s is %+v", reason, r)
		}
	}
	if n != 1 {
		v.t.Errorf("%d records have the reason %s: %+v", n, reason, v.b.records(v.t, a))
	}
}

// proven goes to the page of the password.
func (v *visitor) proven() reset.Attempt {
	v.t.Helper()
	v.atCode("amara@contoso.com")
	if _, at := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}}); at != "/password" {
		v.t.Fatalf("at %s", at)
	}
	return v.standing()
}

// TestRefusalsLeaveTheirReason: whoever is refused by a page before anything is sent can be told why by their support code, and
// opening the page again says it no second time.
func TestRefusalsLeaveTheirReason(t *testing.T) {
	t.Run("open too long at the check", func(t *testing.T) {
		v := newVisitor(t)
		v.atCode("amara@contoso.com")
		a := v.standing()
		v.b.advance(16 * time.Minute)
		for range 2 {
			if page, _ := v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {"123456"}}); !strings.Contains(page, tooLong) {
				t.Fatalf("%.600s", page)
			}
		}
		v.noted(a, reset.ReasonTimedOut, event.FlowTimedOut)
	})
	t.Run("open too long at the password", func(t *testing.T) {
		v := newVisitor(t)
		a := v.proven()
		v.b.advance(11 * time.Minute)
		for range 2 {
			if page, _ := v.do(http.MethodGet, "/password", nil); !strings.Contains(page, tooLong) {
				t.Fatalf("%.600s", page)
			}
		}
		v.noted(a, reset.ReasonTimedOut, event.FlowTimedOut)
	})
	t.Run("too young, told in advance", func(t *testing.T) {
		v := newVisitor(t)
		v.b.fleet.policy.ChangeableAt = protocol.MilliOf(v.b.clock().Add(24 * time.Hour))
		a := v.proven()
		if page, _ := v.do(http.MethodGet, "/password", nil); strings.Contains(page, `id="password"`) {
			t.Fatalf("a password can be typed: %.600s", page)
		}
		v.noted(a, protocol.ReasonTooYoung, event.PolicyRefused)
	})
	t.Run("agent away at the password", func(t *testing.T) {
		v := newVisitor(t)
		v.b.fleet.mute = true
		a := v.proven()
		v.do(http.MethodGet, "/password", nil)
		v.noted(a, protocol.ReasonNoAgent, event.FlowNoAgent)
	})
	t.Run("directory away at the password", func(t *testing.T) {
		v := newVisitor(t)
		v.b.fleet.policy.Reason = protocol.ReasonDirectoryDown
		a := v.proven()
		v.noted(a, protocol.ReasonDirectoryDown, event.DirectoryDown)
	})
	t.Run("too many answers", func(t *testing.T) {
		v := newVisitor(t)
		v.b.useUp("amara@contoso.com")
		v.b.advance(time.Minute)
		a := v.b.begin("amara@contoso.com")
		for range 2 {
			if _, _, err := v.b.CheckCode(t.Context(), a, "123456"); err == nil {
				t.Fatal("no limit")
			}
		}
		v.noted(a, protocol.Reason(verify.TooMany), event.FlowLimited)
	})
	t.Run("too many submissions", func(t *testing.T) {
		v := newVisitor(t)
		a := v.proven()
		for range 12 {
			_, _ = v.b.Ticket(t.Context(), v.b.reload(a))
		}
		v.noted(a, protocol.Reason(verify.TooMany), event.FlowLimited)
	})
	t.Run("security info", func(t *testing.T) {
		v := newVisitor(t)
		a := v.b.signedIn()
		m, err := v.b.infos.Begin(t.Context(), v.b.tenant, a, verify.Mail, "amara@home.example", "")
		if err != nil {
			t.Fatal(err)
		}
		wrong := "000000"
		if v.b.mailed() == wrong {
			wrong = "000001"
		}
		for range 2 {
			if answer, err := v.b.infos.Confirm(t.Context(), v.b.tenant, a, m.ID, wrong, ""); err != nil || answer.Result != verify.Wrong {
				t.Fatalf("%+v %v", answer, err)
			}
		}
		v.noted(a, protocol.Reason(verify.Wrong), event.CodeWrong)
		for range 12 {
			v.b.advance(verify.ResendAfter + time.Second)
			_ = v.b.infos.Send(t.Context(), v.b.tenant, a, m)
		}
		v.noted(a, protocol.Reason(verify.TooMany), event.FlowLimited)
	})
	t.Run("another change under way", func(t *testing.T) {
		v := newVisitor(t)
		first, second := v.b.verifiedFor(protocol.Change), v.b.verifiedFor(protocol.Change)
		ticket, err := v.b.Ticket(t.Context(), second)
		if err != nil {
			t.Fatal(err)
		}
		v.b.submit(first)
		for range 2 {
			if _, _, err = v.b.Submit(t.Context(), v.b.reload(second), ticket.Request, sealedBlank); err == nil {
				t.Fatal("two changes at once")
			}
		}
		v.noted(second, reset.ReasonUnderWay, event.FlowUnderWay)
	})
}
