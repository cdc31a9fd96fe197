package portal

import (
	"errors"
	"net/http"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/reset"
)

func (v *visit) getStatus() error {
	polling := v.r.Header.Get("HX-Request") == "true"
	a, err := v.attempt()
	if errors.Is(err, reset.ErrNoSession) || err == nil && a.ID != v.r.PathValue("id") {
		if polling { // a page that only asks on would show for ever what it showed last
			return v.goTo(true, v.r.URL.Path)
		}
		return v.message(http.StatusGone, MessagePage{Kind: Elsewhere})
	}
	if err != nil {
		return err
	}
	if polling && strings.HasPrefix(v.r.URL.Query().Get("after"), string(Writing)) {
		if a, err = v.Resets.Status(v.ctx(), v.tenant.ID, a.ID, reset.Submitted, pollWait); err != nil {
			return err
		}
	}
	if to := at(a); !strings.HasPrefix(to, "/status/") {
		return v.goTo(polling, to)
	}
	p, err := v.status(a)
	if err != nil {
		return err
	}
	if !polling {
		return v.render(http.StatusOK, p)
	}
	after := v.r.URL.Query().Get("after")
	switch {
	case p.Mark() == after:
		v.w.WriteHeader(http.StatusNoContent)
		return nil
	case p.State != Writing:
		return v.goTo(true, p.Poll())
	}
	return v.Engine.Fragment(v.w, http.StatusOK, p)
}

// goTo redirects a page, and tells a poll where to go on.
func (v *visit) goTo(polling bool, to string) error {
	if !polling {
		return v.seeOther(to)
	}
	v.w.Header().Set("HX-Redirect", to)
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (v *visit) status(a reset.Attempt) (StatusPage, error) {
	p := StatusPage{
		Frame: v.frame, ID: a.ID, State: shown(a), Unlock: a.Kind == protocol.Unlock, At: a.Finished, Now: v.Now(),
		Location: v.location(), Support: a.Support, Reason: a.Reason,
	}
	if a.Kind == protocol.Change {
		p.RetryURL = changePath
	}
	switch p.State {
	case NotSure:
		p.Lost = a.Reason == protocol.ReasonAgentLost
	case Writing:
		if v.Resets.Accepted(a) {
			p.Progress = AtDirectory
		}
	case Changed, Unlocked:
		mailed, err := v.Resets.Reachable(v.ctx(), a)
		if err != nil {
			return p, err
		}
		p.Mailed = mailed
		if v.Now().Before(a.Expires) {
			p.Next = v.next(a.Person)
		}
	case Offline:
		since, err := v.Since(v.ctx(), v.tenant.ID)
		if err != nil {
			return p, err
		}
		p.At = since
		if v.Told != nil {
			if p.Told, err = v.Told(v.ctx(), v.tenant.ID); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

// shown maps a stored state to what the page says.
func shown(a reset.Attempt) Outcome {
	switch a.State {
	case reset.Submitted:
		return Writing
	case reset.NotSure:
		return NotSure
	case reset.Changed:
		if a.Kind == protocol.Unlock {
			return Unlocked
		}
		return Changed
	}
	switch a.Reason {
	case protocol.ReasonNoAgent, protocol.ReasonDirectoryDown:
		return Offline
	case protocol.ReasonDisabled:
		return Disabled
	case protocol.ReasonProtected:
		return Protected
	case reset.ReasonNotRegistered:
		return NotSetUp
	}
	if e := explain(a.Reason); e.text == genericLead || e.remedy == another || e.remedy == unsure {
		return Failed
	}
	return Stopped
}
