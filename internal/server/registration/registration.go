// Package registration keeps people's ways to prove who they are: it lists, adds, changes and removes them.
//
// It works only for somebody who has just proven who they are, as a reset.Attempt of kind Register says. A new address, number
// or app counts only after a code from it came back. Whoever could be reached before a change is told of it, at the address it
// replaces too. It never decides whether a check is passed; reset does.
package registration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"strings"
	"time"

	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// Errors a page turns into a sentence.
var (
	// ErrDestination reports what is no mail address or no telephone number.
	ErrDestination = errors.New("not an address or a number")
	// ErrTaken reports a destination that the person has registered already.
	ErrTaken = errors.New("registered already")
	// ErrFull reports that somebody has as many methods of a kind as one may have.
	ErrFull = errors.New("as many of this kind as one may have")
	// ErrNotAllowed reports a kind that the organisation doesn't allow.
	ErrNotAllowed = errors.New("kind is not allowed")
	// ErrNoMethod reports a method that the person doesn't have.
	ErrNoMethod = errors.New("no such method")
)

// Store keeps methods. What is missing is ErrNoMethod.
type Store interface {
	Methods(ctx context.Context, tenant, person string) ([]verify.Method, error)
	PutMethod(ctx context.Context, m verify.Method) error
	ConfirmMethod(ctx context.Context, m verify.Method, replaces string) error
	DeleteMethod(ctx context.Context, tenant, person, id string) error
}

// Reviews keeps when somebody said that everything is right.
type Reviews interface {
	Registration(ctx context.Context, tenant, person string) (verify.Registration, error)
	NoteReview(ctx context.Context, tenant, person string, at time.Time) error
}

// People finds somebody.
type People interface {
	Person(ctx context.Context, tenant, id string) (provision.Person, error)
}

// Notices tells people. An empty address costs the same and sends nothing.
type Notices interface {
	Code(ctx context.Context, t tenant.Tenant, kind verify.Kind, to, lang, code string, until time.Time) error
	Info(ctx context.Context, t tenant.Tenant, kind verify.Kind, to, lang string, c Change) error
}

// Limits refuses more than a fair number of tries. A zero time means go on.
type Limits interface {
	Send(ctx context.Context, tenant, person, destination string) (until time.Time, err error)
	Answer(ctx context.Context, tenant, person, kind string) (until time.Time, err error)
	Right(ctx context.Context, tenant, person, kind string) error
}

// Audit appends records, and finds those of one visit.
type Audit interface {
	Append(ctx context.Context, tenant string, records ...audit.Record) error
	Records(ctx context.Context, tenant, support string) ([]audit.Record, error)
}

// Deps is what a Service stands on.
type Deps struct {
	Store   Store
	Reviews Reviews
	People  People
	Codes   *verify.Codes
	Notices Notices
	Limits  Limits
	Audit   Audit
	// Strict reports whether somebody may never use questions and always needs two checks.
	Strict func(ctx context.Context, p provision.Person) (bool, error)
	// Works reports whether the server can carry out a kind of check.
	Works    func(k verify.Kind) bool
	Passkeys *verify.Passkeys // nil: they can't work at this portal's address
	Now      func() time.Time
	Log      *slog.Logger
}

// Service changes registrations.
type Service struct{ Deps }

// New returns a Service.
func New(d Deps) *Service { return &Service{d} }

// Item is one method, as its owner sees it.
type Item struct {
	ID        string
	Kind      verify.Kind
	Masked    string
	Added     time.Time
	Directory bool // what the directory holds: not theirs to change here
}

// Overview is what somebody has registered and what the organisation asks for.
type Overview struct {
	Items    []Item
	Need     int // checks
	Usable   int // different kinds that can pass one
	Reviewed time.Time
	Due      bool          // a review is asked for
	Addable  []verify.Kind // strongest first
	Fresh    bool          // one of Addable is of a kind that they don't have
	Required bool          // the organisation wants everybody to have enough
}

// most is how many methods of each kind one may have.
func most(k verify.Kind) int {
	switch k {
	case verify.App:
		return 5
	case verify.Passkey:
		return 10
	case verify.Text, verify.Mail:
		return 2
	default:
		return 1
	}
}

// session refuses an attempt that may not change anything.
func (s *Service) session(a reset.Attempt) error {
	switch {
	case a.Kind != reset.Register || a.State != reset.Verified || a.Person == "":
		return reset.ErrState
	case !s.Now().Before(a.Expires):
		return reset.ErrExpired
	}
	return nil
}

// person returns whom the session is about, and how strict the rules are for them.
func (s *Service) person(ctx context.Context, a reset.Attempt) (p provision.Person, strict bool, err error) {
	if err := s.session(a); err != nil {
		return p, false, err
	}
	if p, err = s.People.Person(ctx, a.Tenant, a.Person); err == nil {
		strict, err = s.Strict(ctx, p)
	}
	if err != nil {
		return p, true, fmt.Errorf("person: %w", err)
	}
	return p, strict, nil
}

// Overview lists what the session's person has.
func (s *Service) Overview(ctx context.Context, t tenant.Tenant, a reset.Attempt) (Overview, error) {
	p, strict, err := s.person(ctx, a)
	if err != nil {
		return Overview{}, err
	}
	methods, err := s.confirmed(ctx, a)
	if err != nil {
		return Overview{}, err
	}
	return s.overview(ctx, t, p, strict, methods)
}

// Standing is Overview for somebody who isn't at their security info, but has just proven who they are elsewhere.
func (s *Service) Standing(ctx context.Context, t tenant.Tenant, person string) (Overview, error) {
	p, err := s.People.Person(ctx, t.ID, person)
	if err != nil {
		return Overview{}, fmt.Errorf("person: %w", err)
	}
	strict, err := s.Strict(ctx, p)
	if err != nil {
		return Overview{}, fmt.Errorf("person: %w", err)
	}
	methods, err := s.confirmed(ctx, reset.Attempt{Tenant: t.ID, Person: person})
	if err != nil {
		return Overview{}, err
	}
	return s.overview(ctx, t, p, strict, methods)
}

func (s *Service) overview(ctx context.Context, t tenant.Tenant, p provision.Person, strict bool, methods []verify.Method) (Overview, error) {
	rules := t.Settings.Checks
	o := Overview{Need: rules.Need(strict)}
	usable, have := map[verify.Kind]bool{}, map[verify.Kind]int{}
	if p.Mail != "" && !rules.RegisteredOnly && rules.Allows(string(verify.Mail), strict) {
		o.Items = append(o.Items, Item{Kind: verify.Mail, Masked: verify.MaskMail(p.Mail), Directory: true})
		usable[verify.Mail] = true
	}
	for _, m := range methods {
		o.Items = append(o.Items, Item{ID: m.ID, Kind: m.Kind, Masked: m.Masked, Added: m.Confirmed})
		have[m.Kind]++
		if s.allows(rules, m.Kind, strict) {
			usable[m.Kind] = true
		}
	}
	o.Usable = len(usable)
	for _, k := range offered() {
		if s.allows(rules, k, strict) && have[k] < most(k) {
			o.Addable = append(o.Addable, k)
			o.Fresh = o.Fresh || !usable[k]
		}
	}
	r, err := s.Reviews.Registration(ctx, t.ID, p.ID)
	if err != nil {
		return Overview{}, fmt.Errorf("registration: %w", err)
	}
	o.Reviewed = r.Reviewed
	every := time.Duration(rules.Reconfirm) * 24 * time.Hour
	o.Due = every > 0 && len(methods) > 0 && !s.Now().Before(r.Reviewed.Add(every))
	o.Required = t.Settings.RegisterRequired
	return o, nil
}

// Missing is how many kinds the person is asked to register now: none where registering isn't required, or where nothing
// that would count can be added.
func (o Overview) Missing() int {
	if !o.Required || !o.Fresh {
		return 0
	}
	return max(o.Need-o.Usable, 0)
}

// offered are the kinds that can be registered, strongest first.
func offered() []verify.Kind {
	return verify.Kinds()
}

// allows reports whether a kind may be used here.
func (s *Service) allows(rules tenant.Checks, k verify.Kind, strict bool) bool {
	return rules.Allows(string(k), strict) && s.Works(k)
}

func (s *Service) confirmed(ctx context.Context, a reset.Attempt) ([]verify.Method, error) {
	all, err := s.Store.Methods(ctx, a.Tenant, a.Person)
	if err != nil {
		return nil, fmt.Errorf("methods: %w", err)
	}
	var out []verify.Method
	for _, m := range all {
		if !m.Confirmed.IsZero() {
			out = append(out, m)
		}
	}
	return out, nil
}

// Method returns one method of the session's person, also while it is being registered.
func (s *Service) Method(ctx context.Context, a reset.Attempt, id string) (verify.Method, error) {
	if err := s.session(a); err != nil {
		return verify.Method{}, err
	}
	all, err := s.Store.Methods(ctx, a.Tenant, a.Person)
	if err != nil {
		return verify.Method{}, fmt.Errorf("methods: %w", err)
	}
	for _, m := range all {
		if m.ID == id {
			return m, nil
		}
	}
	return verify.Method{}, ErrNoMethod
}

// Review notes that the person says everything is right.
func (s *Service) Review(ctx context.Context, a reset.Attempt) error {
	if err := s.session(a); err != nil {
		return err
	}
	if err := s.Reviews.NoteReview(ctx, a.Tenant, a.Person, s.Now()); err != nil {
		return fmt.Errorf("review: %w", err)
	}
	s.record(ctx, a, reviewed())
	return nil
}

// destination brings what was typed into the form that is stored, and the form that is shown.
func destination(k verify.Kind, typed string) (to, masked string, err error) {
	typed = strings.TrimSpace(typed)
	switch k {
	case verify.Mail:
		at, err := mail.ParseAddress(typed)
		if err != nil || at.Address != typed || len(typed) > 254 || strings.ContainsAny(typed, "\r\n\"") {
			return "", "", ErrDestination
		}
		return typed, verify.MaskMail(typed), nil
	case verify.Text:
		to, err = verify.Phone(typed)
		if err != nil {
			return "", "", ErrDestination
		}
		return to, verify.MaskPhone(to), nil
	default:
		return "", "", ErrNotAllowed
	}
}
