package server

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
)

// ends answers each command with a result at once.
func (b *bench) ends(change func(r *protocol.Result)) {
	b.fleet.answer = func(request string) (protocol.Accepted, error) {
		r := protocol.Result{
			Version: 2, Request: request, Agent: "UAGENT", Operation: protocol.AdminReset, Outcome: protocol.Changed, Event: 31010,
			At: protocol.MilliOf(b.clock()), MustChange: protocol.MustChangeSet,
		}
		change(&r)
		return protocol.Accepted{Version: 2, Request: request, Agent: "UAGENT", Accepted: true, At: protocol.MilliOf(b.clock()), Result: &r}, nil
	}
}

func TestAdminReset(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		key, err := seal.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		b.fleet.key = key.Public().Bytes()
		b.ends(func(*protocol.Result) {})
		password := []byte("Set-by-an-admin-1")
		a, err := b.AdminReset(t.Context(), b.tenant, "cli:root", "AMARA@contoso.com", password)
		if err != nil || a.State != reset.Changed || a.MustChange != protocol.MustChangeSet || a.Operator != "cli:root" {
			t.Fatalf("%s, must change %q, operator %q, %v", a.State, a.MustChange, a.Operator, err)
		}
		if !bytes.Equal(password, make([]byte, len(password))) {
			t.Error("the password was not wiped")
		}
		h := b.fleet.sentHeader(t)
		secrets, err := seal.Open(key, b.fleet.sent[0].Header, b.fleet.sent[0].Sealed)
		if err != nil || len(secrets) != 1 || string(secrets[0]) != "Set-by-an-admin-1" || h.Operation != string(protocol.AdminReset) {
			t.Errorf("operation %s, %d secrets, %v", h.Operation, len(secrets), err)
		}
		if len(b.letters.told) != 1 || !b.letters.told[0].ByAdmin || !b.letters.told[0].MustChange {
			t.Errorf("told %+v", b.letters.told)
		}
		b.eventually(func() bool { return slices.Contains(events(b.records(t, a)), 31009) })
		records := b.records(t, a)
		operator, must := false, false
		for _, r := range records {
			operator = operator || r.Actor == "cli:root" && r.Event == 34007
			must = must || r.Result == string(protocol.MustChangeSet) && r.Event == 31010
			if r.Activity != "Reset password (by admin)" || r.Target != a.Person || strings.Contains(r.Detail, "Set-by") {
				t.Errorf("record %+v", r)
			}
		}
		if !operator || !must || !slices.Contains(events(records), 31010) {
			t.Errorf("records %+v", records)
		}
	})
}

func TestAdminResetSaysWhatBecameOfMustChange(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		for state, event := range map[protocol.MustChange]int{
			protocol.MustChangeNeverExpires: 31035, protocol.MustChangeCannot: 31035, protocol.MustChangeRefused: 31036, protocol.MustChangeUnknown: 31036,
		} {
			b.ends(func(r *protocol.Result) { r.MustChange, r.Detail = state, "00000005: what the directory said" })
			a, err := b.AdminReset(t.Context(), b.tenant, "cli:"+string(state), "amara@contoso.com", []byte("Set-by-an-admin-1"))
			if err != nil || a.State != reset.Changed || a.MustChange != state {
				t.Fatalf("%s: %s, must change %q, %v", state, a.State, a.MustChange, err)
			}
			if !slices.Contains(events(b.records(t, a)), event) || b.letters.told[len(b.letters.told)-1].MustChange {
				t.Errorf("%s: events %v, told %+v", state, events(b.records(t, a)), b.letters.told)
			}
		}
	})
}

func TestAdminUnlock(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.ends(func(r *protocol.Result) { r.Operation, r.Event, r.MustChange = protocol.Unlock, 31021, "" })
		a, err := b.AdminUnlock(t.Context(), b.tenant, "cli:root", "amara")
		if err != nil || a.State != reset.Changed || len(b.fleet.sent[0].Sealed) != 0 || b.fleet.sentHeader(t).Operation != string(protocol.Unlock) {
			t.Fatalf("%s %v", a.State, err)
		}
		for _, r := range b.records(t, a) {
			if r.Activity != "Unlock user account (by admin)" {
				t.Errorf("activity %q", r.Activity)
			}
		}
	})
}

// TestAdminResetRefused: each refusal is an error of its own or an outcome, and is recorded with the operator.
func TestAdminResetRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		admin := func(name string) (reset.Attempt, error) {
			return b.AdminReset(t.Context(), b.tenant, "cli:root", name, []byte("Set-by-an-admin-1"))
		}
		twins(t, b)
		for name, want := range map[string]error{"nobody": reset.ErrNoPerson, "": reset.ErrNoPerson, "both@mail.example": reset.ErrAmbiguous} {
			if _, err := admin(name); !errors.Is(err, want) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if _, err := b.AdminReset(t.Context(), b.tenant, "", "amara", []byte("x")); !errors.Is(err, reset.ErrNoOperator) {
			t.Errorf("nobody: %v", err)
		}
		if _, err := b.AdminReset(t.Context(), b.tenant, "cli:root", "amara", nil); !errors.Is(err, reset.ErrNoPassword) {
			t.Errorf("no password: %v", err)
		}
		b.ends(func(r *protocol.Result) {
			r.Outcome, r.Reason, r.Event, r.MustChange = protocol.Refused, protocol.ReasonTooShort, 33008, ""
		})
		if a, err := admin("amara"); err != nil || a.State != reset.Failed || a.Reason != protocol.ReasonTooShort {
			t.Errorf("refused: %s %s %v", a.State, a.Reason, err)
		}
		b.fleet.version = 1
		if a, err := admin("amara"); err != nil || a.State != reset.Failed || a.Reason != protocol.ReasonAgentOutdated {
			t.Errorf("old agents: %s %s %v", a.State, a.Reason, err)
		}
		b.fleet.writers = 0
		if a, err := admin("amara"); err != nil || a.State != reset.Failed || a.Reason != protocol.ReasonNoAgent {
			t.Errorf("no agent: %s %s %v", a.State, a.Reason, err)
		}
		records, err := b.store.LastRecords(t.Context(), "contoso", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, reason := range []protocol.Reason{protocol.ReasonNotFound, protocol.ReasonAmbiguous, protocol.ReasonNoAgent, protocol.ReasonAgentOutdated} {
			found := false
			for _, r := range records {
				found = found || r.Reason == string(reason) && r.Actor == "cli:root"
			}
			if !found {
				t.Errorf("no record of %s by the operator", reason)
			}
		}
	})
}

// twins adds two people with one mail address.
func twins(t *testing.T, b *bench) {
	t.Helper()
	page := protocol.People{Version: 1, Agent: "UAGENT", Import: "second", Last: true, Domain: "corp.contoso.test", NetBIOS: "CONTOSO", People: []protocol.Person{
		{Anchor: strings.Repeat("01", 16), UPN: "amara@contoso.com", SAM: "amara", Mail: "amara@mail.example", DN: "CN=A"},
		{Anchor: strings.Repeat("03", 16), UPN: "one@contoso.com", SAM: "one", Mail: "both@mail.example", DN: "CN=1"},
		{Anchor: strings.Repeat("04", 16), UPN: "two@contoso.com", SAM: "two", Mail: "both@mail.example", DN: "CN=2"},
	}}
	if _, err := provision.NewImporter(b.engine()).Page(t.Context(), "contoso", "UAGENT", page); err != nil {
		t.Fatal(err)
	}
}

// TestOperatorsAreLimited: one operator writes for sixty people an hour; one person is written ten times.
func TestOperatorsAreLimited(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.ends(func(*protocol.Result) {})
		var limited *reset.LimitError
		n := 0
		for ; n < 20; n++ {
			if _, err := b.AdminReset(t.Context(), b.tenant, "cli:root", "amara", []byte("Set-by-an-admin-1")); errors.As(err, &limited) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if n != 10 {
			t.Errorf("one person was written %d times", n)
		}
		n = 0
		for range 100 {
			if _, err := b.AdminReset(t.Context(), b.tenant, "cli:busy", "nobody", []byte("Set-by-an-admin-1")); errors.As(err, &limited) {
				break
			}
			n++
		}
		if n != 60 {
			t.Errorf("an operator tried %d names", n)
		}
	})
}

// TestOperatorGoesAway: the attempt is found out all the same.
func TestOperatorGoesAway(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	ctx, cancel := context.WithCancel(t.Context())
	type ended struct {
		a   reset.Attempt
		err error
	}
	done := make(chan ended, 1)
	go func() {
		a, err := b.AdminReset(ctx, b.tenant, "cli:root", "amara", []byte("Set-by-an-admin-1"))
		done <- ended{a, err}
	}()
	b.eventually(func() bool { return len(b.fleet.called()) == 1 })
	cancel()
	e := <-done
	if e.err != nil || e.a.State != reset.Submitted {
		t.Errorf("%s %v", e.a.State, e.err)
	}
	if err := b.Result(t.Context(), "contoso", "UAGENT", b.result(e.a, protocol.Changed, "")); err != nil || b.reload(e.a).State != reset.Changed {
		t.Errorf("%s %v", b.reload(e.a).State, err)
	}
}

func TestProbe(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.fleet.policy = protocol.PersonPolicy{Version: 2, Found: true, Reason: protocol.ReasonRights}
	p, err := b.Probe(t.Context(), b.tenant, "cli:root", "amara")
	if err != nil || p.Reason != protocol.ReasonRights {
		t.Errorf("%+v %v", p, err)
	}
	if _, err := b.Probe(t.Context(), b.tenant, "cli:root", "nobody"); !errors.Is(err, reset.ErrNoPerson) {
		t.Error(err)
	}
	records, err := b.store.Records(t.Context(), "contoso", "")
	if err != nil || !slices.ContainsFunc(records, func(r audit.Record) bool { return r.Hop == "operator" && r.Actor == "cli:root" && r.Target != "" }) {
		t.Errorf("nobody knows who looked whom up: %+v %v", records, err)
	}
	var limited *reset.LimitError
	for n := 0; !errors.As(err, &limited) && n < 1000; n++ {
		_, err = b.Probe(t.Context(), b.tenant, "cli:curious", "amara")
	}
	if limited == nil {
		t.Error("an operator may read out everybody")
	}
	if _, err := b.Probe(t.Context(), b.tenant, "", "amara"); !errors.Is(err, reset.ErrNoOperator) {
		t.Error(err)
	}
	b.fleet.writers = 0
	if _, err := b.Probe(t.Context(), b.tenant, "cli:root", "amara"); !errors.Is(err, reset.ErrNoAgent) {
		t.Error(err)
	}
}
