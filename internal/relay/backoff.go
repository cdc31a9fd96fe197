package relay

import "time"

// Backoff says how long an agent waits between attempts. The zero value stands for the defaults.
type Backoff struct {
	Min     time.Duration // first wait, 1 s
	Max     time.Duration // longest wait, 30 s
	Refused time.Duration // wait while the server refuses this agent, 5 min
	Moved   time.Duration // longest wait while an operator is asked whether this agent has moved, 5 s: they wait for it
	Stable  time.Duration // a link that lasted this long starts again at Min, 30 s
}

func (b Backoff) withDefaults() Backoff {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&b.Min, time.Second)
	set(&b.Max, 30*time.Second)
	set(&b.Refused, 5*time.Minute)
	set(&b.Moved, 5*time.Second)
	set(&b.Stable, 30*time.Second)
	return b
}

// verdict is what the last attempt came to.
type verdict int

const (
	unanswered       verdict = iota // broken, or nobody there
	turnedAway                      // the server refuses this agent, for good as far as it can tell
	waitsForApproval                // an operator has to say that the agent has moved to this machine
)

// wait returns the pause before an attempt, counted from 1. Half of it is jitter, so that agents that
// lost the same server do not come back in step. random is in [0,1).
func (b Backoff) wait(attempt int, last verdict, random float64) time.Duration {
	most := b.Max
	if last == waitsForApproval {
		most = min(b.Moved, b.Max)
	}
	d := b.Min
	for i := 1; i < attempt && d < most; i++ {
		d *= 2
	}
	d = min(d, most)
	if last == turnedAway {
		d = b.Refused
	}
	return d/2 + time.Duration(float64(d/2)*random)
}
