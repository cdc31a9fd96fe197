package server

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"homeward/internal/config"
	"homeward/internal/server/alert"
	"homeward/internal/server/audit"
	"homeward/internal/server/fleet"
	"homeward/internal/server/masterkey"
	"homeward/internal/server/notify"
	"homeward/internal/server/provision"
	"homeward/internal/server/status"
	"homeward/internal/server/store"
	"homeward/internal/server/tenant"
	"homeward/internal/server/webhook"
	"homeward/internal/webaddress"
)

const (
	// certificateEnds is how long before its end a certificate is told of.
	certificateEnds = 14 * 24 * time.Hour
	// keyLate is the age at which an agent should have replaced its key long ago: it does after half a year.
	keyLate = 200 * 24 * time.Hour
	// sendsWithin is how soon a message has been tried once.
	sendsWithin = 30 * time.Second
)

// openAlerts makes the watch over what administrators must hear.
func (s *Server) openAlerts(letters *notify.Letters) {
	s.alerts = &alert.Watcher{
		Store: s.store, Tenants: s.store.Tenants, Facts: s.alertFacts, Person: s.named, Holder: rand.Text(), Now: s.now, Log: s.log,
		Atomic: func(ctx context.Context, do func(alert.Tx) error) error {
			err := s.store.WithTx(ctx, func(tx *store.Store) error {
				return do(alert.Tx{Store: tx, Teller: letters.In(tx), Record: func(ctx context.Context, tenantID string, r audit.Record) error {
					return tx.Append(ctx, tenantID, r)
				}})
			})
			if err == nil {
				s.mails.Wake()
			}
			return err
		},
	}
}

// alertFacts is what is wrong with a tenant now. open says whether a kind is told already.
func (s *Server) alertFacts(ctx context.Context, t tenant.Tenant, open func(alert.Kind) bool) (alert.Facts, error) {
	var f alert.Facts
	report, err := s.status(ctx, t)
	if err != nil {
		return f, err
	}
	people, err := s.store.CountPeople(ctx, t.ID)
	if err != nil {
		return f, err
	}
	switch report.State {
	case status.Off, status.Unset: // an administrator's choice is no news; whether it would work isn't known
		f.Frozen = []alert.Kind{alert.Writeback, alert.Away, alert.Outdated}
	case status.Down, status.Unknown:
		f.Problems = append(f.Problems, stopped(report, people))
		f.Frozen = []alert.Kind{alert.Away, alert.Outdated} // the one alert says it all
	case status.Working, status.Degraded:
		f.Problems = append(f.Problems, agentsAway(report)...)
	}
	more, err := s.slowFacts(ctx, t, open, people)
	f.Problems = append(f.Problems, more...)
	return f, err
}

// stopped is writeback that doesn't work, with the first reason of the status.
func stopped(r status.Report, people int) alert.Problem {
	v := alert.Values{Affected: people}
	if len(r.Off) > 0 {
		v.Cause, v.CauseValues, v.CauseMoment = r.Off[0].ID, r.Off[0].Values, r.Off[0].Moment
	}
	return alert.Problem{Kind: alert.Writeback, Values: v}
}

// agentsAway are agents that don't help while others do. One that was drained is away on purpose.
func agentsAway(r status.Report) []alert.Problem {
	var out []alert.Problem
	for _, a := range r.Agents {
		p := alert.Problem{About: a.ID, Values: alert.Values{Agent: a.Machine, Version: a.Build}}
		switch {
		case a.State == string(fleet.Outdated):
			p.Kind = alert.Outdated
		case (a.State == "offline" || a.State == string(fleet.Silent)) && a.Draining.IsZero():
			p.Kind = alert.Away
		default:
			continue
		}
		out = append(out, p)
	}
	return out
}

func (s *Server) slowFacts(ctx context.Context, t tenant.Tenant, open func(alert.Kind) bool, people int) ([]alert.Problem, error) {
	var out []alert.Problem
	need := alert.FailuresPerHour
	if open(alert.Failures) {
		need /= 2
	}
	failed, err := s.store.SearchAudit(ctx, t.ID, audit.Query{From: s.now().Add(-time.Hour), Results: []string{"failed"}, Limit: alert.FailuresPerHour})
	if err != nil {
		return nil, err
	}
	if len(failed) >= need {
		out = append(out, alert.Problem{Kind: alert.Failures, Values: alert.Values{Count: len(failed)}})
	}
	leases, err := s.store.Leases(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	for _, l := range leases {
		if l.Status == provision.RunStopped && !l.Staging {
			out = append(out, alert.Problem{Kind: alert.Sync, About: l.Domain, Values: alert.Values{Domain: l.Domain, Affected: people}})
		}
	}
	agents, err := s.store.Agents(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	for _, a := range agents {
		since := a.KeySince
		if since.IsZero() {
			since = a.Created
		}
		if a.Status == "approved" && s.now().Sub(since) > keyLate {
			out = append(out, alert.Problem{Kind: alert.Key, About: a.ID, Values: alert.Values{Agent: a.Machine}})
		}
	}
	if ends, ok := s.tls.ends(); ok && ends.Sub(s.now()) < certificateEnds {
		out = append(out, alert.Problem{Kind: alert.Certificate, Values: alert.Values{Until: ends, Affected: people}})
	}
	return out, nil
}

// ends is when the certificate that is in use does; false: there is none.
func (c *certificate) ends() (time.Time, bool) {
	if c == nil {
		return time.Time{}, false
	}
	pair, err := c.get()
	if err != nil {
		return time.Time{}, false
	}
	leaf := pair.Leaf
	if leaf == nil {
		if leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return time.Time{}, false
		}
	}
	return leaf.NotAfter, true
}

// named is what an operator calls an agent or a person.
func (s *Server) named(ctx context.Context, tenantID, id string) string {
	agents, err := s.store.Agents(ctx, tenantID)
	if err != nil {
		return id
	}
	for _, a := range agents {
		if a.ID == id {
			return a.Machine
		}
	}
	p, err := s.store.Person(ctx, tenantID, id)
	switch {
	case err != nil:
		return id
	case p.DisplayName != "":
		return p.DisplayName
	}
	return p.UPN
}

// told reports whether a tenant's administrators know that writeback stopped: the alert was sent a moment ago at least, and
// nothing that was tried waits to be tried again.
func (s *Server) told(ctx context.Context, tenantID string) (bool, error) {
	rows, err := s.store.Alerts(ctx, tenantID)
	if err != nil {
		return false, err
	}
	if !slices.ContainsFunc(rows, func(r alert.Row) bool {
		return r.Kind == alert.Writeback && !r.Told.IsZero() && s.now().Sub(r.Told) > sendsWithin
	}) {
		return false, nil
	}
	waiting, err := s.store.UndeliveredMail(ctx, tenantID)
	return waiting == 0, err
}

// HookSecret is what signs a tenant's alerts. It comes from the master key, so nothing of it is stored.
func HookSecret(key masterkey.Key, tenantID string) (string, error) {
	raw, err := key.Derive("alert webhook/" + tenantID)
	return hex.EncodeToString(raw), err
}

// hook posts alerts. The address is an administrator's of one tenant, so it stays outside private networks unless the
// server's own configuration allows them.
func (s *Server) hook(key masterkey.Key, c config.Alerts) func(context.Context, string, string, []byte) error {
	client := webhook.Outward()
	if c.PrivateWebhooks {
		client = webhook.Trusting(nil)
	}
	return postAlert(key, client, s.now)
}

func postAlert(key masterkey.Key, client *http.Client, now func() time.Time) func(context.Context, string, string, []byte) error {
	return func(ctx context.Context, tenantID, address string, body []byte) error {
		if err := webaddress.Check(address, true); err != nil { // one that was stored before there was this rule
			return err
		}
		secret, err := HookSecret(key, tenantID)
		if err != nil {
			return errors.New("alert: no secret to sign with")
		}
		return webhook.Post(ctx, client, address, []byte(secret), now(), body)
	}
}
