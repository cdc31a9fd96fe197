package registration

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"homeward/internal/event"
	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// What happened to a method.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
)

// Change is what people are told of.
type Change struct {
	What   string // Added, Changed or Removed
	Kind   verify.Kind
	Masked string // the new destination, if there is one
	At     time.Time

	Person  string
	Support string
}

// Begin starts to register a method, in place of another one of the same kind if replaces names it. For an app it draws the
// seed; to a destination it sends a code. Nothing counts before Confirm. Errors are ErrNotAllowed, ErrFull, ErrTaken,
// ErrDestination, ErrNoMethod and *reset.LimitError.
func (s *Service) Begin(ctx context.Context, t tenant.Tenant, a reset.Attempt, k verify.Kind, typed, replaces string) (verify.Method, error) {
	m, err := s.fresh(ctx, t, a, k, typed, replaces)
	if err != nil {
		return m, err
	}
	if err := s.Store.PutMethod(ctx, m); err != nil {
		return m, fmt.Errorf("begin a registration: %w", err)
	}
	if k == verify.App {
		return m, nil
	}
	return m, s.Send(ctx, t, a, m)
}

// fresh checks what may be registered and builds it.
func (s *Service) fresh(ctx context.Context, t tenant.Tenant, a reset.Attempt, k verify.Kind, typed, replaces string) (verify.Method, error) {
	none := verify.Method{}
	_, strict, err := s.person(ctx, a)
	if err != nil {
		return none, err
	}
	if !s.allows(t.Settings.Checks, k, strict) {
		return none, ErrNotAllowed
	}
	m := verify.Method{Tenant: a.Tenant, ID: rand.Text(), Person: a.Person, Kind: k, Created: s.Now()}
	switch k {
	case verify.App:
		m.Secret = verify.NewSeed()
	default:
		to, masked, err := destination(k, typed)
		if err != nil {
			return none, err
		}
		m.Secret, m.Masked = []byte(to), masked
	}
	have, err := s.confirmed(ctx, a)
	if err != nil {
		return none, err
	}
	return m, room(have, m, replaces)
}

// room refuses one method too many, one that is there already, and one in place of something else.
func room(have []verify.Method, m verify.Method, replaces string) error {
	n, found := 0, replaces == ""
	for _, h := range have {
		if h.Kind != m.Kind {
			continue
		}
		n++
		if h.ID == replaces {
			found = true
			n--
		}
		if m.Kind != verify.App && strings.EqualFold(string(h.Secret), string(m.Secret)) {
			return ErrTaken
		}
	}
	switch {
	case !found:
		return ErrNoMethod
	case n >= most(m.Kind):
		return ErrFull
	}
	return nil
}

// purpose names a method that is being registered in its code.
func purpose(m verify.Method) string { return "register:" + m.ID }

// Send sends a code to a destination that is being registered. It returns *reset.LimitError, also while the last one is
// younger than verify.ResendAfter.
func (s *Service) Send(ctx context.Context, t tenant.Tenant, a reset.Attempt, m verify.Method) error {
	if err := s.session(a); err != nil {
		return err
	}
	last, err := s.Sent(ctx, a, m)
	if err != nil {
		return err
	}
	if next := last.Sent.Add(verify.ResendAfter); !last.Sent.IsZero() && s.Now().Before(next) {
		return &reset.LimitError{Until: next}
	}
	// Counted apart from codes that anybody may ask for with the person's name.
	until, err := s.Limits.Send(ctx, a.Tenant, "register:"+a.Person, string(m.Secret))
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	if !until.IsZero() {
		s.refused(ctx, a, event.FlowLimited, verify.TooMany, m.Kind)
		return &reset.LimitError{Until: until}
	}
	code, sent, err := s.Codes.Issue(ctx, a.Tenant, a.ID, purpose(m))
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	if err := s.Notices.Code(ctx, t.In(a.Zone), m.Kind, string(m.Secret), a.Locale, code, sent.Expires); err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	s.record(ctx, a, audit.Record{Activity: activity(Added), Event: int(event.CodeSent), Result: "ok", Detail: string(m.Kind)})
	return nil
}

// Sent returns the code that was last sent to a destination being registered; the zero Code when none was.
func (s *Service) Sent(ctx context.Context, a reset.Attempt, m verify.Method) (verify.Code, error) {
	c, err := s.Codes.Sent(ctx, a.Tenant, a.ID)
	if errors.Is(err, verify.ErrNoCode) || err == nil && c.Purpose != purpose(m) {
		return verify.Code{}, nil
	}
	if err != nil {
		return c, fmt.Errorf("sent code: %w", err)
	}
	return c, nil
}

// Confirm ends a registration when the code is right, and tells whoever could be reached before. It returns verify.ErrNotSix
// and *reset.LimitError.
func (s *Service) Confirm(ctx context.Context, t tenant.Tenant, a reset.Attempt, id, typed, replaces string) (verify.Answer, error) {
	m, err := s.Method(ctx, a, id)
	if err != nil {
		return verify.Answer{}, err
	}
	if !m.Confirmed.IsZero() { // a double click
		return verify.Answer{Result: verify.OK}, nil
	}
	have, err := s.confirmed(ctx, a)
	if err == nil {
		err = room(have, m, replaces)
	}
	if err != nil {
		return verify.Answer{}, err
	}
	answer, step, err := s.try(ctx, a, m, typed)
	if err != nil || answer.Result != verify.OK {
		return answer, err
	}
	known, err := s.reachable(ctx, t, a)
	if err != nil {
		return verify.Answer{}, err
	}
	m.Confirmed, m.Step = s.Now(), step
	if err := s.Store.ConfirmMethod(ctx, m, replaces); err != nil {
		return verify.Answer{}, fmt.Errorf("confirm a registration: %w", err)
	}
	c := Change{What: Added, Kind: m.Kind, Masked: m.Masked, At: m.Confirmed}
	if replaces != "" {
		c.What = Changed
	}
	s.told(ctx, t, a, c, known)
	return answer, nil
}

// try compares a code with what the method would show or was sent.
func (s *Service) try(ctx context.Context, a reset.Attempt, m verify.Method, typed string) (verify.Answer, int64, error) {
	const kind = "register"
	until, err := s.Limits.Answer(ctx, a.Tenant, a.Person, kind)
	if err != nil {
		return verify.Answer{}, 0, fmt.Errorf("try a code: %w", err)
	}
	if !until.IsZero() {
		s.refused(ctx, a, event.FlowLimited, verify.TooMany, m.Kind)
		return verify.Answer{}, 0, &reset.LimitError{Until: until}
	}
	answer, step := verify.Answer{Result: verify.Wrong}, int64(0)
	if m.Kind == verify.App {
		var ok bool
		if step, ok, err = verify.MatchApp(m.Secret, typed, 0, s.Now()); ok {
			answer.Result = verify.OK
		}
	} else {
		answer, err = s.Codes.Check(ctx, a.Tenant, a.ID, purpose(m), typed)
	}
	if err != nil {
		return verify.Answer{}, 0, err
	}
	if answer.Result != verify.OK {
		s.refused(ctx, a, event.CodeWrong, answer.Result, m.Kind)
		return answer, step, nil
	}
	err = s.Limits.Right(ctx, a.Tenant, a.Person, kind)
	return answer, step, err
}

// Remove takes a method away and tells whoever could be reached before, at its own destination too.
func (s *Service) Remove(ctx context.Context, t tenant.Tenant, a reset.Attempt, id string) error {
	m, err := s.Method(ctx, a, id)
	if err != nil {
		return err
	}
	known, err := s.reachable(ctx, t, a)
	if err != nil {
		return err
	}
	if err := s.Store.DeleteMethod(ctx, a.Tenant, a.Person, id); err != nil {
		return fmt.Errorf("remove a method: %w", err)
	}
	if !m.Confirmed.IsZero() {
		s.told(ctx, t, a, Change{What: Removed, Kind: m.Kind, Masked: m.Masked, At: s.Now()}, known)
	}
	return nil
}

// place is where somebody can be told something.
type place struct {
	kind verify.Kind
	to   string
}

// reachable lists where the person can be told something now, each place once.
func (s *Service) reachable(ctx context.Context, _ tenant.Tenant, a reset.Attempt) ([]place, error) {
	p, err := s.People.Person(ctx, a.Tenant, a.Person)
	if err != nil {
		return nil, fmt.Errorf("person: %w", err)
	}
	methods, err := s.confirmed(ctx, a)
	if err != nil {
		return nil, err
	}
	var out []place
	seen := map[string]bool{"": true}
	add := func(k verify.Kind, to string) {
		if key := strings.ToLower(to); !seen[key] {
			seen[key] = true
			out = append(out, place{k, to})
		}
	}
	add(verify.Mail, p.Mail)
	for _, m := range methods {
		if m.Kind == verify.Mail || m.Kind == verify.Text && s.Works(verify.Text) {
			add(m.Kind, string(m.Secret))
		}
	}
	return out, nil
}

// told records a change and tells the places that were known before it.
func (s *Service) told(ctx context.Context, t tenant.Tenant, a reset.Attempt, c Change, known []place) {
	c.Person, c.Support = a.Person, a.Support
	ctx = context.WithoutCancel(ctx) // the change is made, whether or not the browser waits
	if err := s.Reviews.NoteReview(ctx, a.Tenant, a.Person, c.At); err != nil {
		s.Log.Error("review couldn't be noted", "support", a.Support, "error", err)
	}
	code := event.InfoSaved
	if c.What == Removed {
		code = event.InfoRemoved
	}
	s.record(ctx, a, audit.Record{Activity: activity(c.What), Event: int(code), Result: "ok", Detail: strings.TrimSpace(string(c.Kind) + " " + c.Masked)})
	for _, p := range known {
		if err := s.Notices.Info(ctx, t, p.kind, p.to, a.Locale, c); err != nil {
			s.Log.Error("person couldn't be told of a change of their security info", "support", a.Support, "error", err)
			continue
		}
		s.record(ctx, a, audit.Record{Activity: activity(c.What), Hop: "notify", Event: int(event.FlowNotified), Result: "ok", Detail: string(p.kind)})
	}
}

// activity is the name administrators know.
func activity(what string) string {
	switch what {
	case Changed:
		return "User updated security info"
	case Removed:
		return "User deleted security info"
	}
	return "User registered security info"
}

func reviewed() audit.Record {
	return audit.Record{Activity: "User reviewed security info", Event: int(event.InfoReviewed), Result: "ok"}
}

// refused records why something wasn't registered, once for each visit.
func (s *Service) refused(ctx context.Context, a reset.Attempt, code event.Code, why verify.Result, k verify.Kind) {
	records, err := s.Audit.Records(ctx, a.Tenant, a.Support)
	same := func(r audit.Record) bool {
		return r.Event == int(code) && r.Reason == string(why) && r.Activity == activity(Added)
	}
	if err == nil && slices.ContainsFunc(records, same) {
		return
	}
	s.record(ctx, a, audit.Record{
		Activity: activity(Added), Hop: "verify", Event: int(code), Result: string(protocol.Refused), Reason: string(why), Detail: string(k),
	})
}

func (s *Service) record(ctx context.Context, a reset.Attempt, r audit.Record) {
	r.Tenant, r.Support, r.Actor, r.Target, r.At = a.Tenant, a.Support, a.Person, a.Person, s.Now()
	if r.Hop == "" {
		r.Hop = "portal"
	}
	if err := s.Audit.Append(context.WithoutCancel(ctx), a.Tenant, r); err != nil {
		s.Log.Error("audit record couldn't be written", "support", a.Support, "error", err)
	}
}
