package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"homeward/internal/server/limit"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/openid"
	"homeward/internal/server/operator"
	"homeward/internal/server/verify"
)

// openOperators composes what signs administrators in.
func (s *Server) openOperators(key masterkey.Key) error {
	sub := map[string][]byte{}
	for _, name := range []string{"operator seeds", "operator passkeys", "operator devices"} {
		var err error
		if sub[name], err = key.Derive(name); err != nil {
			return err
		}
	}
	s.operators = operator.New(operator.Deps{
		Store: s.store, Limits: operatorLimits(s.limits), Gate: operatorLimits(s.limits), Devices: verify.NewDevices(sub["operator devices"], s.now), Key: key,
		Passkeys: s.passkeys(sub["operator passkeys"]), Record: s.record, SeedKey: sub["operator seeds"], Now: s.now, Log: s.log,
	})
	roots, err := trust(s.config.Operators.CAFile)
	if err != nil {
		return fmt.Errorf("operators: %w", err)
	}
	s.provider = &provider{
		client: openid.New(roots, s.now), store: s.store, settings: s.changeSettings, key: key, gate: operatorLimits(s.limits),
		base: strings.TrimSuffix(s.config.BaseURL, "/"), now: s.now,
	}
	return nil
}

// operatorLimits is how often somebody may try to sign in as an operator.
//
// A password's tries are counted by name and address. A browser in which the operator has signed in before has tries of its
// own, so strangers who use up a name's don't keep its owner out. Whoever has the password may guess an app's code ten times in
// ten days in strange browsers and five times in each known one; three codes fit at a time, so the chance to hit one of a
// million stays below 1 in 20,000. A right sign-in gives its kind back. Passkeys, providers and recovery codes can't be guessed:
// they are counted by address alone.
type operatorLimits limits

func (operatorLimits) name() limit.Rule {
	return limit.Rule{Name: "operator/name", Burst: 20, Period: 15 * time.Minute}
}

func (operatorLimits) address() limit.Rule {
	return limit.Rule{Name: "operator/address", Burst: 20, Period: 10 * time.Minute}
}

func (operatorLimits) known() limit.Rule {
	return limit.Rule{Name: "operator-known/name", Burst: 10, Period: 15 * time.Minute}
}

func (operatorLimits) codes() limit.Rule {
	return limit.Rule{Name: "operator/code", Burst: 10, Period: 10 * 24 * time.Hour}
}

func (operatorLimits) knownCodes() limit.Rule {
	return limit.Rule{Name: "operator-known/code", Burst: 5, Period: 10 * 24 * time.Hour}
}

func (operatorLimits) open() limit.Rule {
	return limit.Rule{Name: "operator/open", Burst: 60, Period: 10 * time.Minute}
}

func (operatorLimits) told() limit.Rule {
	return limit.Rule{Name: "operator/told", Burst: 1, Period: 10 * time.Minute}
}

// marks forgets a mark only when what bears it is too old anyway.
func (operatorLimits) marks() limit.Rule {
	return limit.Rule{Name: "operator/mark", Burst: 1, Period: 2 * time.Hour}
}

// SignIn implements operator.Limits.
func (l operatorLimits) SignIn(ctx context.Context, name, address, device string) (time.Time, error) {
	if device != "" {
		return limits(l).take(ctx, limit.Claim{Rule: l.known(), Key: name + "\x00" + device})
	}
	return limits(l).take(ctx, limit.Claim{Rule: l.name(), Key: name}, limit.Claim{Rule: l.address(), Key: neighbourhood(address)})
}

// Guess implements operator.Limits.
func (l operatorLimits) Guess(ctx context.Context, operator, device string) (time.Time, error) {
	if device != "" {
		return limits(l).take(ctx, limit.Claim{Rule: l.knownCodes(), Key: operator + "\x00" + device})
	}
	return limits(l).take(ctx, limit.Claim{Rule: l.codes(), Key: operator})
}

// Passed implements operator.Limits. Who signs in where they are known gives strangers nothing.
func (l operatorLimits) Passed(ctx context.Context, name, operator, device string) error {
	rules := map[string]limit.Rule{name: l.name(), operator: l.codes()}
	if device != "" {
		rules = map[string]limit.Rule{name + "\x00" + device: l.known(), operator + "\x00" + device: l.knownCodes()}
	}
	for key, rule := range rules {
		if err := l.limiter.Reset(ctx, rule, key); err != nil {
			return err
		}
	}
	return nil
}

// Tell implements operator.Limits.
func (l operatorLimits) Tell(ctx context.Context, address string) (bool, error) {
	ok, _, err := l.limiter.Take(ctx, l.told(), neighbourhood(address))
	return ok, err
}

// Open implements operator.Gate.
func (l operatorLimits) Open(ctx context.Context, address string) (time.Time, error) {
	return limits(l).take(ctx, limit.Claim{Rule: l.open(), Key: neighbourhood(address)})
}

// Once implements operator.Gate.
func (l operatorLimits) Once(ctx context.Context, mark string) (bool, error) {
	ok, _, err := l.limiter.Take(ctx, l.marks(), mark)
	return ok, err
}
