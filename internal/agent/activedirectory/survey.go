package activedirectory

import (
	"context"
	"time"

	"homeward/internal/protocol"
)

// ready makes sure that the controllers have been looked at once, so that the first call already goes to the PDC
// emulator. It waits for that one, or for a moment more once another answered.
func (d *Directory) ready(ctx context.Context) error {
	if d.fleet.surveyedOnce() {
		return nil
	}
	select {
	case d.surveying <- struct{}{}:
		defer func() { <-d.surveying }()
	case <-ctx.Done():
		return aborted("waiting for a look at the controllers", context.Cause(ctx))
	}
	if d.fleet.surveyedOnce() {
		return nil
	}
	if d.fleet.due(d.config.Clock()) {
		if err := d.refresh(ctx); err != nil {
			return err
		}
	}
	return d.survey(ctx, stagger, func() bool {
		best := d.fleet.order(d.config.Clock())
		return len(best) > 0 && best[0].dc.PDC && best[0].hints
	})
}

// survey looks at every controller side by side. Once one of them answered the others have grace more; enough ends
// it early. The error is what keeps the last hope from working.
func (d *Directory) survey(ctx context.Context, grace time.Duration, enough func() bool) error {
	targets := d.fleet.every()
	done := make(chan attempt, len(targets))
	for _, t := range targets {
		d.work.run(ctx, d.config.DialTimeout, func(ctx context.Context) {
			err := d.look(ctx, t)
			if err != nil && ctx.Err() != context.Canceled {
				d.lookFailed(t, err)
			}
			done <- attempt{target: t, err: err}
		})
	}
	var (
		errs  []error
		works bool
		late  <-chan time.Time
	)
	for range targets {
		select {
		case a := <-done:
			if a.err != nil {
				errs = append(errs, a.err)
				continue
			}
			if !works {
				works = true
				timer := time.NewTimer(grace)
				defer timer.Stop()
				late = timer.C
				d.fleet.setSurveyed()
			}
			if enough() {
				return nil
			}
		case <-late:
			return nil
		case <-ctx.Done():
			return aborted("look at the controllers", context.Cause(ctx))
		}
	}
	switch {
	case works:
		return nil
	case len(errs) == 0:
		return d.onlyReadOnly()
	}
	return worst(errs)
}

// look refreshes what is known of one controller, over an idle connection if there is one. The connection stays for
// the next call: coming back to a controller costs nobody anything.
func (d *Directory) look(ctx context.Context, t target) error {
	if c := d.reads.take(d.config.Clock(), at(t.address)); c != nil {
		err := c.use(ctx, min(patience, d.config.ReadTimeout), d.learn)
		if err == nil && !c.dc.ReadOnly {
			d.fleet.learn(c)
			d.reads.put(c, d.config.Clock())
			return nil
		}
		c.kill()
		d.reads.drop(t.address)
	}
	c, err := d.dial(ctx, t)
	if err != nil {
		return err
	}
	d.reads.put(c, d.config.Clock())
	return nil
}

// late notes those that have not answered a survey.
func (d *Directory) late(since time.Time) {
	for _, t := range d.fleet.every() {
		if t.looked.Before(since) {
			d.lookFailed(t, &Error{Reason: protocol.ReasonDirectoryDown, doing: t.host + " hasn't answered in time"})
		}
	}
}
