package reset

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Method is one way to prove who you are, as the page shows it.
type Method struct {
	Kind   string // a verify.Kind
	Value  string // names it in a form: the kind, or kind-2 for a second one
	Masked string
	Count  int // Questions: how many are asked
}

// way is a method with what stands behind it. invented: nothing does, and it never lets anybody in.
type way struct {
	Method

	kind     verify.Kind
	method   verify.Method // zero for the directory's mail address and what is invented
	to       string        // where a code is sent
	from     int           // Questions: how many they are drawn from
	invented bool
}

// purpose names the way in a stored code. Invented ways have one too, which fits no other.
func (w way) purpose() string {
	switch {
	case w.invented && w.Value != string(verify.Mail):
		return "invented:" + w.Value
	case w.method.ID != "":
		return w.method.ID
	}
	return ""
}

// registered reports whether the way is the person's own, and not the directory's or invented.
func (w way) registered() bool { return w.method.ID != "" }

// sends reports whether the way begins with a code that is sent.
func (w way) sends() bool { return w.kind == verify.Mail || w.kind == verify.Text }

// Checks is what an attempt has passed so far, and the way that is being tried.
type Checks struct {
	Passed []verify.Kind `json:"passed,omitempty"`
	Choice string        `json:"choice,omitempty"` // Method.Value; empty is the first mail address
	Round  int           `json:"round,omitempty"`  // grows with each set of wrong answers: then others are asked
}

// Methods lists the ways open to whoever typed this name: the last used first, then the strongest. For a name that
// belongs to nobody, or to somebody who has registered too little, some or all of them are invented, as the other
// people of the tenant have them and the same each time.
func (s *Service) Methods(ctx context.Context, a Attempt) ([]Method, error) {
	ways, err := s.ways(ctx, a)
	if err != nil {
		return nil, err
	}
	out := make([]Method, len(ways))
	for i, w := range ways {
		out[i] = w.Method
	}
	return out, nil
}

func (s *Service) ways(ctx context.Context, a Attempt) ([]way, error) {
	t, err := s.Tenants(ctx, a.Tenant)
	if err != nil {
		return nil, fmt.Errorf("ways: %w", err)
	}
	own, err := s.own(ctx, t, a.Kind, a.Person)
	if err != nil {
		return nil, err
	}
	if len(a.Checks.Passed) > 0 { // they are known by now, so nothing is invented any more
		return slices.DeleteFunc(own, func(w way) bool { return slices.Contains(a.Checks.Passed, w.kind) }), nil
	}
	need := t.Settings.Checks.Need(false)
	if len(kinds(own)) >= need || firstProof(t, a.Kind) && len(own) > 0 && !slices.ContainsFunc(own, way.registered) {
		return own, nil
	}
	invented, err := s.invented(ctx, t, a, kinds(own), need)
	if err != nil {
		return nil, err
	}
	return numbered(append(own, invented...)), nil
}

// own are the ways that a person has and may use. For nobody the same is read, and nothing found.
func (s *Service) own(ctx context.Context, t tenant.Tenant, kind protocol.Operation, person string) ([]way, error) {
	p, err := s.People.Person(ctx, t.ID, person)
	if err != nil && person != "" {
		return nil, fmt.Errorf("person: %w", err)
	}
	strict, err := s.strict(ctx, p)
	if err != nil {
		return nil, err
	}
	methods, err := s.Ways.Methods(ctx, t.ID, person)
	if err != nil {
		return nil, fmt.Errorf("methods: %w", err)
	}
	ways := s.ownOf(t, kind, p, strict, methods)
	r, err := s.Ways.Registration(ctx, t.ID, person)
	if err != nil {
		return nil, fmt.Errorf("registration: %w", err)
	}
	return numbered(ordered(ways, r.Last)), nil
}

// ownOf are the ways of somebody who has these methods, in no order.
func (s *Service) ownOf(t tenant.Tenant, kind protocol.Operation, p provision.Person, strict bool, methods []verify.Method) []way {
	rules := t.Settings.Checks
	first := firstProof(t, kind) && !slices.ContainsFunc(methods, func(m verify.Method) bool { return !m.Confirmed.IsZero() })
	ways := s.fromDirectory(rules, p, strict, first)
	for _, m := range methods {
		if m.Confirmed.IsZero() || !rules.Allows(string(m.Kind), strict) || !s.Works(m.Kind) {
			continue
		}
		if m.Kind == verify.Passkey && slices.ContainsFunc(ways, func(o way) bool { return o.kind == m.Kind }) {
			continue // one row for all of them: the browser knows which it has
		}
		w := way{kind: m.Kind, method: m, Method: Method{Masked: m.Masked}}
		switch {
		case m.Kind == verify.Questions && rules.Need(false) < 2:
			continue // never the only check, so not where there is one
		case m.Kind == verify.Questions && verify.CountAnswers(m.Secret) < rules.Asked():
			continue // fewer than are asked now: their number would tell that the name is somebody's
		case m.Kind == verify.Questions:
			w.Count, w.from = rules.Asked(), rules.SetUp()
		case w.sends():
			w.to = string(m.Secret)
		}
		if w.to != "" && slices.ContainsFunc(ways, func(o way) bool { return fold(o.to) == fold(w.to) }) {
			continue
		}
		ways = append(ways, w)
	}
	return ways
}

// firstProof reports whether what the directory holds may open the security info of somebody who has registered nothing.
func firstProof(t tenant.Tenant, kind protocol.Operation) bool {
	return t.Settings.FirstProof && kind == Register
}

// fromDirectory are the ways that the directory knows. The mobile number is one for the first registration only.
func (s *Service) fromDirectory(rules tenant.Checks, p provision.Person, strict, first bool) []way {
	var ways []way
	if p.Mail != "" && (first || !rules.RegisteredOnly) && rules.Allows(string(verify.Mail), strict) {
		ways = append(ways, way{kind: verify.Mail, to: p.Mail, Method: Method{Masked: verify.MaskMail(p.Mail)}})
	}
	if to, err := verify.Phone(p.Mobile); err == nil && first && rules.Allows(string(verify.Text), strict) && s.Works(verify.Text) {
		ways = append(ways, way{kind: verify.Text, to: to, Method: Method{Masked: verify.MaskPhone(to)}})
	}
	return ways
}

// kinds lists the different kinds of some ways.
func kinds(ways []way) []verify.Kind {
	var out []verify.Kind
	for _, w := range ways {
		if !slices.Contains(out, w.kind) {
			out = append(out, w.kind)
		}
	}
	return out
}

// ordered puts the last used kind first and then the strongest.
func ordered(ways []way, last verify.Kind) []way {
	rank := func(w way) int {
		if w.kind == last {
			return -1
		}
		return -w.kind.Strength() + len(verify.Kinds())
	}
	slices.SortStableFunc(ways, func(a, b way) int { return rank(a) - rank(b) })
	return ways
}

// numbered gives each way the name that forms carry. It tells nothing of what stands behind the way.
func numbered(ways []way) []way {
	seen := map[verify.Kind]int{}
	for i := range ways {
		w := &ways[i]
		seen[w.kind]++
		w.Kind, w.Value = string(w.kind), string(w.kind)
		if n := seen[w.kind]; n > 1 {
			w.Value += "-" + strconv.Itoa(n)
		}
	}
	return ways
}

// Works reports whether this server can carry out a kind of check, whatever is allowed.
func (s *Service) Works(k verify.Kind) bool {
	switch k {
	case verify.Text:
		return s.Texts
	case verify.Passkey:
		return s.Passkeys != nil
	default:
		return true
	}
}

// Strict reports whether somebody always needs two checks, and never questions.
func (s *Service) Strict(ctx context.Context, p provision.Person) (bool, error) {
	return s.strict(ctx, p)
}

func (s *Service) strict(ctx context.Context, p provision.Person) (bool, error) {
	administers, err := s.administers(ctx, p)
	return administers || p.Protected, err
}

// invented are ways for a name that has fewer than need of its own. Each kind is shown to as large a part of such names
// as of the people who are there; which names those are is fixed by a keyed hash, so a name's ways stay the same.
func (s *Service) invented(ctx context.Context, t tenant.Tenant, a Attempt, have []verify.Kind, need int) ([]way, error) {
	census, err := s.Census(ctx, t.ID)
	if err != nil {
		return nil, fmt.Errorf("census: %w", err)
	}
	rules := t.Settings.Checks
	// Whether this name looks like one that has registered something, as often as people have.
	most := 0
	for _, n := range census.With {
		most = max(most, n)
	}
	first := firstProof(t, a.Kind) && s.fraction(a, "registered") >= part(most, census.People)
	var ways, rest []way
	for _, k := range []verify.Kind{verify.App, verify.Text, verify.Mail, verify.Questions, verify.Passkey} {
		if slices.Contains(have, k) || !rules.Allows(string(k), false) || !s.Works(k) {
			continue
		}
		if k == verify.Questions && need < 2 {
			continue
		}
		w := way{kind: k, invented: true, Method: Method{Masked: s.inventedMask(a, k, census)}}
		if k == verify.Questions {
			w.Count, w.from = rules.Asked(), rules.SetUp()
		}
		common := part(census.With[k], census.People)
		switch {
		case k == verify.Mail && (first || !rules.RegisteredOnly):
			common = 1
		case k == verify.Text && first:
			common = part(census.Mobiles, census.People)
		case first:
			common = 0
		}
		if len(have) == 0 && s.fraction(a, "has "+string(k)) < common {
			ways = append(ways, w)
		} else {
			rest = append(rest, w)
		}
	}
	// Enough to look able, the commonest first: that is what most people have.
	slices.SortStableFunc(rest, func(x, y way) int { return census.With[y.kind] - census.With[x.kind] })
	for len(ways)+len(have) < need && len(rest) > 0 && (!first || len(ways) == 0) {
		ways, rest = append(ways, rest[0]), rest[1:]
	}
	if len(have) > 0 {
		return ways, nil
	}
	if second := part(census.With[verify.Mail], census.People); !first && !rules.RegisteredOnly && s.fraction(a, "second mail") < second {
		ways = append(ways, way{kind: verify.Mail, invented: true, Method: Method{Masked: s.inventedMask(a, "second", census)}})
	}
	last := verify.Kind("")
	if len(ways) > 0 && !first && s.fraction(a, "used") < part(census.Used, census.People) {
		last = ways[int(s.fraction(a, "last")*float64(len(ways)))%len(ways)].kind
	}
	return ordered(ways, last), nil
}

func part(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// fraction is a number from 0 up to 1 that belongs to a name and a question, and looks random.
func (s *Service) fraction(a Attempt, what string) float64 {
	h := hmac.New(sha256.New, s.DecoyKey)
	h.Write([]byte("way\x00" + a.Tenant + "\x00" + a.Decoy + "\x00" + a.Shown + "\x00" + what))
	return float64(binary.BigEndian.Uint32(h.Sum(nil))) / (1 << 32)
}

// inventedMask is what a page shows of a way that isn't there.
func (s *Service) inventedMask(a Attempt, k verify.Kind, c verify.Census) string {
	switch k {
	case verify.Mail:
		return a.Decoy
	case "second":
		first, _, _ := strings.Cut(a.Decoy, "@")
		if len(c.Domains) == 0 {
			return first + "@mail.example"
		}
		return first + "@" + c.Domains[int(s.fraction(a, "domain")*float64(len(c.Domains)))%len(c.Domains)]
	case verify.Text:
		return fmt.Sprintf("•••• %02d", int(s.fraction(a, "phone")*100)%100)
	default:
		return ""
	}
}
