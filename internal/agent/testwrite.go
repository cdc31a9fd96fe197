package agent

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/directory"
	"homeward/internal/event"
	"homeward/internal/protocol"
)

// testWrite writes a random password, which nobody ever learns, to the test account of a domain. Only this agent's own
// configuration names that account: a server can't choose whom to overwrite.
func (a *Agent) testWrite(ctx context.Context, domain string) protocol.TestResult {
	i := a.indexOf(domain)
	out := protocol.TestResult{Version: protocol.Version, Domain: domain, At: protocol.MilliOf(a.now())}
	var err error
	start := time.Now()
	switch {
	case i < 0:
		out.Reason = protocol.ReasonNotFound
		out.Detail = "this agent serves no such domain"
	case a.config.Directories[i].TestAccount == "":
		out.Reason = protocol.ReasonNotFound
		out.Detail = "the agent's configuration names no test_account for this domain"
	default:
		err = overwrite(ctx, a.dirs.List()[i], a.config.Directories[i].TestAccount)
		out.Reason = activedirectory.ReasonOf(err)
	}
	out.Micros = time.Since(start).Microseconds()
	if failed, ok := errors.AsType[*activedirectory.Error](err); ok {
		out.Detail = cmp.Or(failed.Detail, failed.Error())
	}
	out.Outcome = testOutcome(out.Reason, err)
	a.tested(ctx, i, out)
	return out
}

func testOutcome(reason protocol.Reason, err error) protocol.Outcome {
	failed, ok := errors.AsType[*activedirectory.Error](err)
	switch {
	case ok && failed.Sent:
		return protocol.Unknown
	case reason == protocol.ReasonNone:
		return protocol.Changed
	case reason == protocol.ReasonTooYoung:
		return protocol.Refused // the directory works: it enforced its minimum age
	}
	return protocol.Failed
}

// tested remembers the result for the heartbeat and logs it.
func (a *Agent) tested(ctx context.Context, i int, r protocol.TestResult) {
	code, level := event.TestWritten, slog.LevelInfo
	if r.Outcome != protocol.Changed {
		code, level = event.TestFailed, slog.LevelWarn
	}
	a.log.Log(ctx, level, "test write", "event", int(code), "domain", r.Domain, "outcome", string(r.Outcome), "reason", string(r.Reason))
	if i < 0 {
		return
	}
	a.mu.Lock()
	a.seen[i].test = &r
	a.mu.Unlock()
	signal(a.nudge)
}

// indexOf finds a domain among those the agent has reached or is configured for.
func (a *Agent) indexOf(domain string) int {
	for i, d := range a.domains() {
		if domain != "" && strings.EqualFold(d.Name, domain) {
			return i
		}
	}
	return -1
}

func overwrite(ctx context.Context, dir *activedirectory.Directory, name string) error {
	guid, err := dir.Find(ctx, name)
	if err != nil {
		return err
	}
	account, err := dir.Account(ctx, guid)
	if err != nil {
		return err
	}
	// A slip in the configuration must not cost anybody's password who is never written, such as an administrator's.
	if err := account.Refusal(protocol.Reset); err != nil {
		return err
	}
	policy, err := dir.Policy(ctx, account)
	if err != nil {
		return err
	}
	password := randomPassword(policy, account.Names())
	defer clear(password)
	return dir.Reset(ctx, account, password)
}

// randomPassword draws a password that keeps every rule that can be read: 130 random bits at least, as small and
// capital letters around a symbol. A policy that none can keep gets one that doesn't: the directory has the last word.
func randomPassword(policy directory.PasswordPolicy, names []string) []byte {
	for left := 20; ; left-- {
		text := rand.Text()
		password := []byte(strings.ToLower(text[:len(text)/2]) + "!" + text[len(text)/2:])
		for directory.Length(password) < policy.MinLength {
			password = append(password, rand.Text()...)
		}
		password = password[:min(len(password), directory.MaxPasswordLength)]
		if _, _, ok := policy.Check(password, names); ok || left == 0 {
			return password
		}
		clear(password) // it happens to contain a short name
	}
}
