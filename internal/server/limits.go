package server

import (
	"context"
	"net/netip"
	"time"

	"homeward/internal/server/limit"
	"homeward/internal/server/verify"
)

// limits is how often what may be tried. Addresses get room for a whole company behind one; names and
// people get what a person in trouble needs.
type limits struct{ limiter *limit.Limiter }

func (limits) address() limit.Rule {
	return limit.Rule{Name: "start/address", Burst: 100, Period: 10 * time.Minute}
}

func (limits) typed() limit.Rule { return limit.Rule{Name: "start/name", Burst: 10, Period: time.Hour} }

func (limits) sends() limit.Rule {
	return limit.Rule{Name: "send/person", Burst: 10, Period: time.Hour}
}

func (limits) reach() limit.Rule {
	return limit.Rule{Name: "send/address", Burst: 10, Period: time.Hour}
}

// guesses bounds wrong answers per kind of check: ten days of guessing, however fast and from however many addresses, see
// at most twenty right or wrong codes of an app, of which three fit at a time, and sixty of a code that was sent. So the
// chance to pass stays below 1 in 10,000, and using up one kind leaves the others open. A right answer gives all of its kind back.
func (limits) guesses(kind string) limit.Rule {
	r := limit.Rule{Name: "guess/" + kind, Burst: 20, Period: 5 * 24 * time.Hour}
	switch kind {
	case string(verify.App):
		r.Burst, r.Period = 10, 10*24*time.Hour
	case string(verify.Questions):
		r.Burst, r.Period = 5, 24*time.Hour
	case string(verify.Pass), string(verify.Passkey): // guessing is hopeless, and nobody shall use up the last way in
		r.Burst, r.Period = 100, time.Hour
	}
	return r
}

// familiar is guesses for one browser that is known to be the person's: half of what everybody has together. Whoever has
// stolen such a browser's cookie and guesses with it and without stays below 1 in 10,000 all the same.
func (l limits) familiar(kind string) limit.Rule {
	r := l.guesses(kind)
	r.Name, r.Burst = "guess-known/"+kind, max(r.Burst/2, 1)
	return r
}

func (limits) familiarSends() limit.Rule {
	return limit.Rule{Name: "send-known/person", Burst: 5, Period: time.Hour}
}

// tells bounds text messages that tell of a change, which cost money and can't be answered. Somebody has to have changed the account
// for each.
func (limits) tells(of string) limit.Rule {
	return limit.Rule{Name: "tell/" + of, Burst: 6, Period: time.Hour}
}

func (limits) writes() limit.Rule {
	return limit.Rule{Name: "submit/person", Burst: 10, Period: time.Hour}
}

func (limits) operators() limit.Rule {
	return limit.Rule{Name: "write/operator", Burst: 60, Period: time.Hour}
}

func (limits) probes() limit.Rule {
	return limit.Rule{Name: "probe/operator", Burst: 300, Period: time.Hour}
}

func (limits) enrols() limit.Rule {
	return limit.Rule{Name: "enrol/address", Burst: 20, Period: 10 * time.Minute}
}

// polls is for machines that wait for an operator: one every two seconds, and several behind one address.
func (limits) polls() limit.Rule {
	return limit.Rule{Name: "device/address", Burst: 1200, Period: 10 * time.Minute}
}

func (limits) relays() limit.Rule {
	return limit.Rule{Name: "relay/agent", Burst: 30, Period: time.Minute}
}

// take returns the zero time when every claim passed, else when to come back.
func (l limits) take(ctx context.Context, claims ...limit.Claim) (time.Time, error) {
	ok, until, err := l.limiter.TakeAll(ctx, claims...)
	if err != nil || ok {
		return time.Time{}, err
	}
	return until, nil
}

// Start implements reset.Limits. What was typed and the account it names are counted apart: the one here,
// the other when a code is sent, so nobody can use up somebody's tries by typing their name.
func (l limits) Start(ctx context.Context, tenant, typed, address string) (time.Time, error) {
	address = neighbourhood(address)
	return l.take(ctx, limit.Claim{Rule: l.address(), Key: tenant + "\x00" + address},
		limit.Claim{Rule: l.typed(), Key: tenant + "\x00" + typed + "\x00" + address})
}

// neighbourhood is what an address is counted as. Whoever has one address of version 6 has a network of 64 bits full of them.
func neighbourhood(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}

// Send implements reset.Limits.
func (l limits) Send(ctx context.Context, tenant, person, destination string) (time.Time, error) {
	claims := []limit.Claim{{Rule: l.reach(), Key: tenant + "\x00" + destination}}
	if destination == "" { // nobody: counted under the person's stand-in, so it costs and limits the same
		claims[0].Key = tenant + "\x00" + person
	}
	if person != "" {
		claims = append(claims, limit.Claim{Rule: l.sends(), Key: tenant + "\x00" + person})
	}
	return l.take(ctx, claims...)
}

// Answer implements reset.Limits.
func (l limits) Answer(ctx context.Context, tenant, person, kind string) (time.Time, error) {
	return l.take(ctx, limit.Claim{Rule: l.guesses(kind), Key: tenant + "\x00" + person})
}

// Right implements reset.Limits.
func (l limits) Right(ctx context.Context, tenant, person, kind string) error {
	return l.limiter.Reset(ctx, l.guesses(kind), tenant+"\x00"+person)
}

// SendTo implements reset.Familiar.
func (l limits) SendTo(ctx context.Context, tenant, person, device string) (time.Time, error) {
	return l.take(ctx, limit.Claim{Rule: l.familiarSends(), Key: tenant + "\x00" + person + "\x00" + device})
}

// AnswerFrom implements reset.Familiar.
func (l limits) AnswerFrom(ctx context.Context, tenant, person, device, kind string) (time.Time, error) {
	return l.take(ctx, limit.Claim{Rule: l.familiar(kind), Key: tenant + "\x00" + person + "\x00" + device})
}

// RightFrom implements reset.Familiar.
func (l limits) RightFrom(ctx context.Context, tenant, person, device, kind string) error {
	return l.limiter.Reset(ctx, l.familiar(kind), tenant+"\x00"+person+"\x00"+device)
}

// Tell fits reset.Deps.MayTell.
func (l limits) Tell(ctx context.Context, tenant, person, number string) (time.Time, error) {
	return l.take(ctx, limit.Claim{Rule: l.tells("number"), Key: tenant + "\x00" + number}, limit.Claim{Rule: l.tells("person"), Key: tenant + "\x00" + person})
}

// Submit implements reset.Limits.
func (l limits) Submit(ctx context.Context, tenant, person string) (time.Time, error) {
	return l.take(ctx, limit.Claim{Rule: l.writes(), Key: tenant + "\x00" + person})
}

// Operate implements reset.Limits: an operator writes for many people, but not for everybody at once.
func (l limits) Operate(ctx context.Context, tenant, operator string) (time.Time, error) {
	return l.take(ctx, limit.Claim{Rule: l.operators(), Key: tenant + "\x00" + operator})
}

// Probe implements reset.Limits: an operator looks somebody up before helping them, but doesn't read out everybody.
func (l limits) Probe(ctx context.Context, tenant, operator string) (time.Time, error) {
	return l.take(ctx, limit.Claim{Rule: l.probes(), Key: tenant + "\x00" + operator})
}

// forms lets the mark of a form pass once. It is forgotten only when the mark is too old anyway.
func (limits) forms() limit.Rule {
	return limit.Rule{Name: "helpdesk/form", Burst: 1, Period: 2 * time.Hour}
}

// Once implements helpdesk.Limits.
func (l limits) Once(ctx context.Context, mark string) (bool, error) {
	ok, _, err := l.limiter.Take(ctx, l.forms(), mark)
	return ok, err
}
