package writeback

import (
	"context"
	"strings"
	"testing"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// crowded is a domain with more policies than a message holds: their names are as long as they get.
type crowded struct{ domain string }

func (c *crowded) Rules(_ context.Context, domain string) (activedirectory.Rules, error) {
	c.domain = domain
	if domain == "down.test" {
		return activedirectory.Rules{}, &activedirectory.Error{Reason: protocol.ReasonDirectoryDown}
	}
	long := strings.Repeat("<", 64)
	out := activedirectory.Rules{DC: "dc1", Unseen: true, More: 2, Policies: []activedirectory.Rule{{PasswordPolicy: directory.PasswordPolicy{Source: "domain", MinLength: 9}}}}
	for n := range protocol.MaxRules - 1 {
		out.Policies = append(out.Policies, activedirectory.Rule{
			PasswordPolicy: directory.PasswordPolicy{Source: long, MinLength: 12}, Precedence: n + 1, AppliesTo: []string{long, long, long}, Linked: 4,
		})
	}
	return out, nil
}

// askDomainQuestions: questions about a domain are answered, with what fits a message and the truth about the rest; one that makes no
// sense is refused.
func askDomainQuestions(t *testing.T, b *bench, days *calendar) {
	t.Helper()
	ask := func(op protocol.Operation, body string, anchor []byte, answer any) {
		t.Helper()
		c := b.newCommand(t, op, anchor)
		c.body = []byte(body)
		b.handle(t, op, c.envelope(t), answer)
	}
	var which protocol.WhichAnswer
	ask(protocol.Which, `{"v":3,"domain":"corp.contoso.test","standing":"locked"}`, nil, &which)
	if len(which.People) != 2 || which.People[0] != "01"+strings.Repeat("00", 15) || !which.More || which.Reason != protocol.ReasonNone || days.domain != "corp.contoso.test" {
		t.Errorf("%+v", which)
	}
	which = protocol.WhichAnswer{}
	if ask(protocol.Which, `{"v":3,"domain":"corp.contoso.test","standing":"ended"}`, nil, &which); which.Reason != protocol.ReasonRights {
		t.Errorf("%+v", which)
	}
	var rules protocol.RulesAnswer
	ask(protocol.Rules, `{"v":3,"domain":"corp.contoso.test"}`, nil, &rules)
	if n := len(rules.Policies); n < 2 || n+rules.More != protocol.MaxRules+2 || !rules.Unseen || rules.DC != "dc1" {
		t.Fatalf("%d policies, and %d more: %+v", n, rules.More, rules.Reason)
	}
	if own, next := rules.Policies[0], rules.Policies[1]; own.Name != "" || own.MinLength != 9 || next.Precedence != 1 || len(next.Name) != 64 || next.Linked != 4 {
		t.Errorf("%+v, %+v", own, next)
	}
	rules = protocol.RulesAnswer{}
	if ask(protocol.Rules, `{"v":3,"domain":"down.test"}`, nil, &rules); rules.Reason != protocol.ReasonDirectoryDown || len(rules.Policies) != 0 {
		t.Errorf("%+v", rules)
	}
	for _, bad := range []string{`{}`, `{"v":3,"domain":""}`, `{"v":3,"domain":"d","standing":"made up"}`} {
		which, rules = protocol.WhichAnswer{}, protocol.RulesAnswer{}
		if ask(protocol.Which, bad, nil, &which); which.Reason != protocol.ReasonMalformed {
			t.Errorf("which %s: %+v", bad, which)
		}
		if ask(protocol.Rules, bad, nil, &rules); rules.Reason != protocol.ReasonMalformed {
			t.Errorf("rules %s: %+v", bad, rules)
		}
	}
	rules = protocol.RulesAnswer{}
	if ask(protocol.Rules, `{"v":3,"domain":"d"}`, []byte("0123456789abcdef"), &rules); rules.Reason != protocol.ReasonMalformed {
		t.Errorf("about one person: %+v", rules)
	}
}
