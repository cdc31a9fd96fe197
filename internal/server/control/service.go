package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode"

	"homeward/internal/protocol"
	"homeward/internal/server/cloudpassword"
	"homeward/internal/server/commandkey"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/status"
	"homeward/internal/server/tenant"
)

// People is what operators do for people.
type People interface {
	AdminReset(ctx context.Context, t tenant.Tenant, operator, name string, password []byte) (reset.Attempt, error)
	AdminUnlock(ctx context.Context, t tenant.Tenant, operator, name string) (reset.Attempt, error)
	Probe(ctx context.Context, t tenant.Tenant, operator, name string) (protocol.PersonPolicy, error)
	CanReset(ctx context.Context, t tenant.Tenant, operator string, find func(context.Context) (provision.Person, error)) (provision.Person, reset.Standing, error)
	IssuePass(ctx context.Context, t tenant.Tenant, operator, name, reason string, life time.Duration) (code string, expires time.Time, err error)
}

// Service answers operators.
type Service struct {
	Fleet  *fleet.Fleet
	Tests  *fleet.Tester
	Keys   *commandkey.Ring
	People People
	// Callers verifies who is on the telephone, by the rules of the admin portal.
	Callers Callers
	Reports Reports
	Tenant  func(ctx context.Context, id string) (tenant.Tenant, error)
	Status  func(ctx context.Context, t tenant.Tenant) (status.Report, error)
	// SignIn checks a cloud password as a sign-in does.
	SignIn func(ctx context.Context, t tenant.Tenant, operator, name string, password []byte) (cloudpassword.Result, error)
	// Preview has an agent of the domain read it, and returns once that has begun.
	Preview func(ctx context.Context, tenantID, operator, domain string) error
	// Rolled is told of a new command key.
	Rolled func(ctx context.Context, operator, key string)
	Log    *slog.Logger
}

func (s *Service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PathStatus, answer(s.status))
	mux.HandleFunc("POST "+PathDrain, answer(s.drain))
	mux.HandleFunc("POST "+PathResume, answer(s.resume))
	mux.HandleFunc("POST "+PathRevoke, answer(s.revoke))
	mux.HandleFunc("POST "+PathMove, answer(s.move))
	mux.HandleFunc("POST "+PathReset, answer(s.reset))
	mux.HandleFunc("POST "+PathUnlock, answer(s.unlock))
	mux.HandleFunc("POST "+PathProbe, answer(s.probe))
	mux.HandleFunc("POST "+PathCan, answer(s.can))
	mux.HandleFunc("POST "+PathSignIn, answer(s.signIn))
	mux.HandleFunc("POST "+PathPass, answer(s.pass))
	mux.HandleFunc("POST "+PathWays, answer(s.ways))
	mux.HandleFunc("POST "+PathAsk, answer(s.ask))
	mux.HandleFunc("POST "+PathHear, answer(s.hear))
	mux.HandleFunc("POST "+PathReady, answer(s.ready))
	mux.HandleFunc("POST "+PathSum, answer(s.summary))
	mux.HandleFunc("POST "+PathTest, answer(s.test))
	mux.HandleFunc("POST "+PathStage, answer(s.preview))
	mux.HandleFunc("POST "+PathKeys, answer(s.keys))
	mux.HandleFunc("POST "+PathRoll, answer(s.roll))
	return mux
}

// answer decodes one strict JSON object, does what it asks and encodes what came of it.
func answer[Q, A any](do func(ctx context.Context, q Q) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := read(r)
		defer clear(body)
		var q Q
		if err != nil || protocol.Decode(body, &q) != nil {
			reply(w, http.StatusBadRequest, problem{"the server can't read this: use the homeward of the server's own version"})
			return
		}
		if by, ok := any(q).(interface{ by() string }); ok && !isName(by.by()) {
			reply(w, http.StatusBadRequest, problem{"the server must be told who asks, for the audit log"})
			return
		}
		a, err := do(r.Context(), q)
		if err != nil {
			reply(w, http.StatusConflict, problem{explain(err)})
			return
		}
		reply(w, http.StatusOK, a)
	}
}

// read takes the body into one buffer of its size: it can hold a password, and a buffer that grows leaves copies behind.
func read(r *http.Request) ([]byte, error) {
	if r.ContentLength < 0 || r.ContentLength > protocol.MaxMessage {
		return nil, fmt.Errorf("%d bytes: %w", r.ContentLength, protocol.ErrMalformed)
	}
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return body, fmt.Errorf("read a question: %w", err)
	}
	return body, nil
}

// isName reports whether an operator's name can stand in the audit log.
func isName(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

func reply(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the operator has gone: nobody is left to tell
}

// explain puts what went wrong into an operator's words.
func explain(err error) string {
	var limited *reset.LimitError
	lone, alone := errors.AsType[*fleet.Lone](err)
	barred, stopped := errors.AsType[*helpdesk.BarredError](err)
	switch {
	case alone:
		return lone.Error() + ": resets would stop. To do it all the same, add --force"
	case stopped:
		return "nobody may act on this person here: " + bars()[barred.Bar]
	case errors.Is(err, helpdesk.ErrNoPerson):
		return reset.ErrNoPerson.Error()
	case errors.As(err, &limited):
		return "too many tries: wait " + max(time.Until(limited.Until), time.Second).Round(time.Second).String()
	case errors.Is(err, reset.ErrNoAgent):
		return "no agent can write this person's domain now: homeward status says why"
	}
	return err.Error()
}

func (s *Service) status(ctx context.Context, q Query) (status.Report, error) {
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return status.Report{}, err
	}
	return s.Status(ctx, t)
}

// on finds the agent that is meant and changes it.
func (s *Service) on(ctx context.Context, q Target, change func(a enrol.Agent) error) (Done, error) {
	a, err := s.Fleet.Find(ctx, q.Tenant, q.Agent)
	if err != nil {
		return Done{}, err
	}
	return Done{Agent: a.ID, Machine: a.Machine}, change(a)
}

func (s *Service) drain(ctx context.Context, q Target) (Done, error) {
	return s.on(ctx, q, func(a enrol.Agent) error { return s.Fleet.Drain(ctx, q.Tenant, a.ID, q.Operator, q.Force) })
}

func (s *Service) resume(ctx context.Context, q Target) (Done, error) {
	return s.on(ctx, q, func(a enrol.Agent) error { return s.Fleet.Resume(ctx, q.Tenant, a.ID, q.Operator) })
}

func (s *Service) revoke(ctx context.Context, q Target) (Done, error) {
	return s.on(ctx, q, func(a enrol.Agent) error {
		return s.Fleet.Revoke(context.WithoutCancel(ctx), q.Tenant, a.ID, q.Operator, "")
	})
}

func (s *Service) move(ctx context.Context, q Target) (Done, error) {
	var to protocol.Machine
	done, err := s.on(ctx, q, func(a enrol.Agent) (err error) {
		to, err = s.Fleet.AcceptMove(ctx, q.Tenant, a.ID, q.Operator)
		return err
	})
	done.From, done.Machine = done.Machine, to.Name
	return done, err
}

func (s *Service) reset(ctx context.Context, q Person) (Outcome, error) {
	defer clear(q.Password)
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return Outcome{}, err
	}
	a, err := s.People.AdminReset(ctx, t, q.Operator, q.Name, q.Password)
	return outcome(a), err
}

func (s *Service) unlock(ctx context.Context, q Person) (Outcome, error) {
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return Outcome{}, err
	}
	a, err := s.People.AdminUnlock(ctx, t, q.Operator, q.Name)
	return outcome(a), err
}

// outcome is for the operator. What was sent and not answered is unsure, however long the server has waited.
func outcome(a reset.Attempt) Outcome {
	if a.State == reset.Submitted {
		a.State = reset.NotSure
	}
	return Outcome{
		Support: a.Support, State: string(a.State), Reason: string(a.Reason), Event: a.Event, MustChange: string(a.MustChange),
	}
}

func (s *Service) probe(ctx context.Context, q Person) (protocol.PersonPolicy, error) {
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return protocol.PersonPolicy{}, err
	}
	return s.People.Probe(ctx, t, q.Operator, q.Name)
}

func (s *Service) can(ctx context.Context, q Person) (Standing, error) {
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return Standing{}, err
	}
	p, standing, err := s.People.CanReset(ctx, t, q.Operator, func(ctx context.Context) (provision.Person, error) {
		return s.Callers.Named(ctx, t, helpdesk.Console(t, q.Operator), q.Name) // those too who live in the cloud only
	})
	if standing.Live != nil {
		standing.Live.Detail = "" // the directory's own words belong to the audit log
	}
	return Standing{Name: p.DisplayName, Can: standing.Can(), Standing: standing}, err
}

func (s *Service) signIn(ctx context.Context, q Person) (SignedIn, error) {
	defer clear(q.Password)
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return SignedIn{}, err
	}
	r, err := s.SignIn(ctx, t, q.Operator, q.Name, q.Password)
	if errors.Is(err, cloudpassword.ErrWrong) {
		return SignedIn{}, nil
	}
	return SignedIn{Right: err == nil, State: string(r.State), Reason: string(r.Reason)}, err
}

func (s *Service) pass(ctx context.Context, q PassFor) (Pass, error) {
	t, err := s.Tenant(ctx, q.Tenant)
	if err != nil {
		return Pass{}, err
	}
	code, expires, err := s.People.IssuePass(ctx, t, q.Operator, q.Name, q.Reason, time.Duration(q.Millis)*time.Millisecond)
	return Pass{Code: code, Expires: expires.Truncate(time.Second)}, err
}

func (s *Service) test(ctx context.Context, q Trial) (Trials, error) {
	domains := []string{q.Domain}
	if q.Domain == "" {
		var err error
		if domains, err = s.Tests.Domains(ctx, q.Tenant); err != nil {
			return Trials{}, err
		}
		if len(domains) == 0 {
			return Trials{}, fmt.Errorf("%w: name one in an agent's configuration, as directories[].test_account", fleet.ErrUntestable)
		}
	}
	var out Trials
	for _, domain := range domains {
		r, err := s.Tests.Write(ctx, q.Tenant, q.Operator, domain)
		one := TrialResult{Domain: domain, Passed: err == nil && fleet.Passed(r), Outcome: string(r.Outcome), Reason: string(r.Reason), Micros: r.Micros}
		if err != nil {
			one.Error = explain(err)
			if errors.Is(err, fleet.ErrUntestable) {
				one.Error = fleet.ErrUntestable.Error() + " for this domain"
			}
		}
		out.Results = append(out.Results, one)
	}
	return out, nil
}

func (s *Service) preview(ctx context.Context, q Preview) (Done, error) {
	return Done{}, s.Preview(ctx, q.Tenant, q.Operator, q.Domain)
}

func (s *Service) keys(ctx context.Context, _ Operator) (Keys, error) {
	keys, due, err := s.Keys.Status(ctx)
	return Keys{Keys: keys, Due: due.Truncate(time.Second)}, err
}

func (s *Service) roll(ctx context.Context, q Operator) (Keys, error) {
	id, err := s.Keys.Roll(ctx)
	if err != nil {
		return Keys{}, err
	}
	s.Rolled(ctx, q.Operator, id)
	return s.keys(ctx, q)
}
