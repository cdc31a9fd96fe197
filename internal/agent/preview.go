package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"homeward/internal/agent/activedirectory"
	"homeward/internal/agent/dirsync"
	"homeward/internal/protocol"
	"homeward/internal/relay"
)

const (
	// arriveWithin is how long the link of a preview may take to come up.
	arriveWithin = 30 * time.Second
	// reportTries is how often a page of a report is asked for.
	reportTries = 3
)

// ErrServing reports that an agent serves with this identity at this moment. It can't be disturbed for a preview.
var ErrServing = errors.New("an agent serves with this identity at this moment")

// Previewed is what a sync of one domain would do.
type Previewed struct {
	Domain string
	Read   dirsync.Status
	Counts map[string]int // of objects, by verdict
	Rows   []protocol.PreviewRow
	Why    map[protocol.Reason]string // what the reasons of Rows mean, and what to do
}

// Preview reads every domain of the configuration, whether sync is on for it or not, and returns what a sync would do.
// It changes nothing, neither in the directory nor in the cloud: the server keeps the verdicts and nothing else. While it
// goes on the server knows this agent as one that can't write, so no request comes this way. It closes what Open opened.
func (a *Agent) Preview(ctx context.Context) (all []Previewed, err error) {
	defer func() { err = errors.Join(err, a.dirs.Close(), a.journal.Close()) }()
	for i, d := range a.dirs.List() {
		if err := SyncScope(a.config.Directories[i]).Check(); err != nil {
			return nil, fmt.Errorf("directories[%d]: %w", i, err)
		}
		state, err := d.Check(ctx)
		if err != nil {
			return nil, fmt.Errorf("directories[%d]: %s", i, activedirectory.Words(err))
		}
		a.seen[i].domain = state
	}
	news := make(chan relay.Status, 1)
	err = a.dial(ctx, func(s relay.Status) {
		select {
		case news <- s:
		default: // the first that wasn't looked at yet says enough
		}
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.link.Close()) }()
	if err := arrive(ctx, news); err != nil {
		return nil, err
	}
	if err := a.introduce(ctx); err != nil {
		return nil, err
	}
	for i := range a.seen {
		p, err := a.previewOf(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.seen[i].domain.Domain, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// arrive waits until the link is up. Being turned away ends the wait: trying again would be the same.
func arrive(ctx context.Context, news <-chan relay.Status) error {
	ctx, cancel := context.WithTimeout(ctx, arriveWithin)
	defer cancel()
	var last error
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("no connection to the server: %w", errors.Join(ctx.Err(), last))
		case s := <-news:
			if s.Connected {
				return nil
			}
			last = s.Cause
		}
		fault, ok := errors.AsType[*relay.Fault](last)
		switch {
		case ok && fault.Reason == protocol.ReasonAgentCloned:
			return fmt.Errorf("%w: %s", ErrServing, fault.Message)
		case ok && fault.Step == relay.StepRefused:
			return errors.New(fault.Message)
		case errors.Is(last, relay.ErrRefused):
			return last
		}
	}
}

// introduce says hello, from which the server knows the domains this agent serves.
func (a *Agent) introduce(ctx context.Context) error {
	var answer protocol.HelloAnswer
	if err := a.link.Request(ctx, protocol.UpHello, a.hello(), &answer); err != nil {
		return fmt.Errorf("say hello to the server: %w", err)
	}
	if !answer.OK {
		return fmt.Errorf("the server doesn't accept this agent (%s): %s", answer.Reason, answer.Message)
	}
	if answer.Version < syncSince {
		return errors.New("the server is older than this agent and knows no sync yet: update it first")
	}
	a.server.Store(int64(answer.Version))
	a.trust(answer.CommandKeys)
	return nil
}

func (a *Agent) previewOf(ctx context.Context, i int) (Previewed, error) {
	domain := a.seen[i].domain
	p := Previewed{Domain: domain.Domain, Why: map[protocol.Reason]string{}}
	e, done, err := OpenSync(a.config.Directories[i], a.dirs.List()[i], Sync{
		Agent: a.id.Agent(), Domain: domain.Domain, NetBIOS: domain.NetBIOS, Cloud: a.link, Memory: &a.memory, Preview: true, Log: a.log,
	})
	if err != nil {
		return p, err
	}
	defer done()
	if p.Read, err = e.Once(ctx); err != nil {
		return p, err
	}
	ask := protocol.PreviewAsk{Version: protocol.Version, Agent: a.id.Agent(), Domain: domain.Domain, Limit: protocol.MaxPreviewRows}
	for {
		r, err := a.report(ctx, ask)
		if err != nil {
			return p, err
		}
		p.Counts, p.Rows = r.Counts, append(p.Rows, r.Rows...)
		maps.Copy(p.Why, r.Why)
		if r.Next == "" {
			return p, nil
		}
		if r.Next <= ask.After {
			return p, errors.New("the server's report doesn't get on")
		}
		ask.After = r.Next
	}
}

// report asks for one page. Asking again does no harm.
func (a *Agent) report(ctx context.Context, ask protocol.PreviewAsk) (r protocol.PreviewReport, err error) {
	for range reportTries {
		r = protocol.PreviewReport{}
		if err = a.link.Request(ctx, protocol.UpPreview, ask, &r); err == nil || ctx.Err() != nil {
			break
		}
	}
	switch {
	case err != nil:
		return r, fmt.Errorf("ask for the list: %w", err)
	case !r.OK:
		return r, fmt.Errorf("ask for the list: %s (%s)", r.Message, r.Reason)
	}
	return r, nil
}
