package server

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"homeward/internal/protocol"
	"homeward/internal/seal"
	"homeward/internal/server/enrol"
	"homeward/internal/server/tenant"
)

// applicant is an agent with keys of its own.
type applicant struct {
	pair nkeys.KeyPair
	id   string
	seal []byte
}

func newApplicant(t *testing.T) applicant {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	id, err := pair.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return applicant{pair, id, k.Public().Bytes()}
}

func (a applicant) sign(t *testing.T, b []byte) []byte {
	t.Helper()
	s, err := a.pair.Sign(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (a applicant) enrol(t *testing.T, code string) protocol.EnrolRequest {
	t.Helper()
	return protocol.EnrolRequest{
		Version: protocol.Version, Code: code, Agent: a.id, SealKey: a.seal, Machine: "srv", Build: "test", Domain: "corp.contoso.test",
		Signature: a.sign(t, protocol.EnrolProof(code, a.id, a.seal)),
	}
}

func (a applicant) renew(t *testing.T, at time.Time) protocol.RenewRequest {
	t.Helper()
	m := protocol.MilliOf(at)
	return protocol.RenewRequest{Version: protocol.Version, Agent: a.id, At: m, Signature: a.sign(t, protocol.RenewProof(a.id, m))}
}

func newEnrolment(t *testing.T, b *bench) *enrol.Service {
	t.Helper()
	return &enrol.Service{
		Store: agents{b.store}, Now: b.clock, Command: func() ed25519.PublicKey { return make(ed25519.PublicKey, ed25519.PublicKeySize) },
		Tenant: func(context.Context, string) (tenant.Tenant, error) { return b.tenant, nil },
		Mint: func(_ context.Context, _, agent, _ string, life time.Duration) (string, time.Time, error) {
			return "jwt of " + agent, b.clock().Add(life), nil
		},
	}
}

// refused expects a refusal that tells the agent's operator something.
func refused(t *testing.T, err error, reason protocol.Reason) {
	t.Helper()
	var r *enrol.Refusal
	if !errors.As(err, &r) || r.Reason != reason || len(r.Message) < 20 {
		t.Errorf("%v, not refused for %s", err, reason)
	}
}

func TestEnrolmentWorksOncePerCodeAndPerKey(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		s := newEnrolment(t, b)
		code, _, err := s.NewCode(t.Context(), "contoso", enrol.CodeLife)
		if err != nil {
			t.Fatal(err)
		}
		first, second := newApplicant(t), newApplicant(t)
		forged := first.enrol(t, code)
		forged.SealKey = second.seal
		_, err = s.Enrol(t.Context(), forged)
		refused(t, err, protocol.ReasonBadSignature)
		// Read aloud and typed: case, spaces and hyphens don't matter. The forgery has not used it up.
		answer, err := s.Enrol(t.Context(), first.enrol(t, " "+strings.ToLower(strings.ReplaceAll(code, "-", " "))))
		if err != nil || answer.Tenant != "contoso" || answer.JWT != "jwt of "+first.id {
			t.Fatalf("%+v %v", answer, err)
		}
		_, err = s.Enrol(t.Context(), second.enrol(t, code))
		refused(t, err, protocol.ReasonNotFound)
		next, _, err := s.NewCode(t.Context(), "contoso", enrol.CodeLife)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Enrol(t.Context(), first.enrol(t, next))
		refused(t, err, protocol.ReasonReplayed)
		b.advance(enrol.CodeLife + time.Second)
		_, err = s.Enrol(t.Context(), second.enrol(t, next))
		refused(t, err, protocol.ReasonNotFound)
	})
}

// TestLateRenewal is an agent that was off until its credential was over.
func TestLateRenewal(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		s := newEnrolment(t, b)
		code, _, err := s.NewCode(t.Context(), "contoso", enrol.CodeLife)
		if err != nil {
			t.Fatal(err)
		}
		a := newApplicant(t)
		if _, err := s.Enrol(t.Context(), a.enrol(t, code)); err != nil {
			t.Fatal(err)
		}
		b.advance(90 * 24 * time.Hour)
		r, err := s.RenewSigned(t.Context(), a.renew(t, b.clock()))
		if err != nil || !r.OK || !r.Expires.Time().After(b.clock()) {
			t.Errorf("%+v %v", r, err)
		}
		_, err = s.RenewSigned(t.Context(), a.renew(t, b.clock().Add(-3*time.Minute)))
		refused(t, err, protocol.ReasonExpired)
		stranger := newApplicant(t)
		_, err = s.RenewSigned(t.Context(), stranger.renew(t, b.clock()))
		refused(t, err, protocol.ReasonNotFound)
		stolen := stranger.renew(t, b.clock())
		stolen.Agent = a.id
		_, err = s.RenewSigned(t.Context(), stolen)
		refused(t, err, protocol.ReasonBadSignature)
		if err := b.store.RevokeAgent(t.Context(), "contoso", a.id, b.clock()); err != nil {
			t.Fatal(err)
		}
		_, err = s.RenewSigned(t.Context(), a.renew(t, b.clock()))
		refused(t, err, protocol.ReasonNotFound)
		code, _, err = s.NewCode(t.Context(), "contoso", enrol.CodeLife)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Enrol(t.Context(), a.enrol(t, code))
		refused(t, err, protocol.ReasonReplayed)
	})
}

// An agent that enrols anew names the identity before, which itself vouches for its end; nobody else can end an agent so.
func TestEnrolmentAnew(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		s := newEnrolment(t, b)
		code := func(replaces string) string {
			c, _, err := s.NewCodeReplacing(t.Context(), "contoso", replaces, enrol.CodeLife)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		first, second, third, stranger := newApplicant(t), newApplicant(t), newApplicant(t), newApplicant(t)
		if _, err := s.Enrol(t.Context(), first.enrol(t, code(""))); err != nil {
			t.Fatal(err)
		}
		anew := func(a, former, signer applicant, c string) protocol.EnrolRequest {
			r := a.enrol(t, c)
			r.Former, r.FormerSignature = former.id, signer.sign(t, protocol.FormerProof(c, former.id, a.id, a.seal))
			return r
		}
		c := code("")
		for name, r := range map[string]protocol.EnrolRequest{
			"by itself": anew(second, first, second, c), "by a stranger": anew(second, first, stranger, c), "of itself": anew(second, second, second, c),
			"for another": func() protocol.EnrolRequest {
				r := anew(second, first, first, c)
				r.FormerSignature = first.sign(t, protocol.FormerProof(c, first.id, third.id, third.seal))
				return r
			}(),
		} {
			_, err := s.Enrol(t.Context(), r)
			if refused(t, err, protocol.ReasonBadSignature); t.Failed() {
				t.Fatal(name)
			}
		}
		replaces := func(r protocol.EnrolRequest, told, kept string) {
			t.Helper()
			answer, err := s.Enrol(t.Context(), r)
			if err != nil || answer.Replaces != told {
				t.Errorf("told %q, %v; want %q", answer.Replaces, err, told)
			}
			if a, err := b.store.Agent(t.Context(), r.Agent); err != nil || a.Replaces != kept {
				t.Errorf("it replaces %q, %v; want %q", a.Replaces, err, kept)
			}
		}
		replaces(anew(second, first, first, c), first.id, first.id)
		// One that this server never knew is nobody's end, and what an operator has said of the code comes first.
		replaces(anew(third, stranger, stranger, code("")), "", "")
		replaces(anew(newApplicant(t), second, second, code(third.id)), "", third.id)
	})
}
