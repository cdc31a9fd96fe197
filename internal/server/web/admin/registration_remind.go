package admin

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"homeward/internal/server/operator"
	"homeward/internal/server/tenant"
)

const (
	remindPath = registrationPath + "/remind"
	// remindWithin bounds how long reminders are queued for one press.
	remindWithin = 25 * time.Second
	// shortFor is how long the overview believes a count of everybody: it is asked for every few seconds, by each browser.
	shortFor = 30 * time.Second
)

// Calls has people reminded to register.
type Calls interface {
	// Due is how many people Remind would remind now, and how many more wait for the time after.
	Due(ctx context.Context, t tenant.Tenant) (now, later int, err error)
	// Reminded is how many were reminded in the last 24 hours, and so aren't again.
	Reminded(ctx context.Context, t tenant.Tenant) (int, error)
	Remind(ctx context.Context, t tenant.Tenant, operator string) (sent int, err error)
}

func remindRoutes() []route {
	return []route{{"POST " + remindPath, operator.ChangeSettings, (*visit).postRemind}}
}

// Reminders is what the page says of reminders to register.
type Reminders struct {
	Due, Later, Left, Reminded int
	Sent                       int  // by the press before; -1: there was none
	NoMail, Licensed           bool // Licensed: licences matter here
}

// reminders counts whom a press would remind, of those who are short.
func (v *visit) reminders(short int) (r Reminders, err error) {
	r = Reminders{Sent: -1, NoMail: !v.Desk.Mail, Licensed: v.tenant.Settings.LicencesNeeded}
	if r.Due, r.Later, err = v.Desk.Calls.Due(v.ctx(), v.tenant); err != nil {
		return r, err
	}
	if r.Reminded, err = v.Desk.Calls.Reminded(v.ctx(), v.tenant); err != nil {
		return r, err
	}
	r.Left = max(0, short-r.Due-r.Later)
	if n, err := strconv.Atoi(v.r.URL.Query().Get("reminded")); err == nil && n >= 0 {
		r.Sent = min(n, r.Reminded)
	}
	return r, nil
}

// postRemind reminds everybody whom the page counted. It goes on when the browser goes away.
func (v *visit) postRemind() error {
	if !v.Desk.Mail {
		p, err := v.registration(v.tenant.Settings)
		if err == nil {
			p.Calls, err = v.reminders(p.Asked() - p.Enough())
		}
		if err != nil {
			return err
		}
		p.Problems = Problems{{"remind", v.frame.T("admin.registration.remind.nomail")}}
		return v.render(http.StatusUnprocessableEntity, p)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx()), remindWithin)
	defer cancel()
	sent, err := v.Desk.Calls.Remind(ctx, v.tenant, v.by.Name)
	if err != nil {
		return err
	}
	return v.seeOther(registrationPath + "?reminded=" + strconv.Itoa(sent))
}

// shorts remembers, for a moment, how many of a tenant's people have registered too little. Its zero value is ready.
type shorts struct {
	mu    sync.Mutex
	known map[string]shortCount
}

type shortCount struct {
	at        time.Time
	short, of int
}

// short counts who has registered too little, of those who may reset; what was counted a moment ago is believed.
func (v *visit) short() (short, of int, err error) {
	s := &v.counted
	s.mu.Lock()
	was, ok := s.known[v.tenant.ID]
	s.mu.Unlock()
	if ok && v.Now().Sub(was.at).Abs() < shortFor {
		return was.short, was.of, nil
	}
	p, err := v.registration(v.tenant.Settings)
	if err != nil {
		return 0, 0, err
	}
	is := shortCount{v.Now(), p.Asked() - p.Enough(), p.Asked()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]shortCount{}
	}
	s.known[v.tenant.ID] = is
	return is.short, is.of, nil
}
