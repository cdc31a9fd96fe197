package relay

import "time"

// Backoff says how long an agent waits between attempts. The zero value stands for the defaults.
type Backoff struct {
	Min     time.Duration // first wait, 1 s
	Max     time.Duration // longest wait, 30 s
	Refused time.Duration // wait while the server refuses this agent, 5 min
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
	set(&b.Stable, 30*time.Second)
	return b
}

// wait returns the pause before an attempt, counted from 1. Half of it is jitter, so that agents that
// lost the same server do not come back in step. random is in [0,1).
func (b Backoff) wait(attempt int, refused bool, random float64) time.Duration {
	d := b.Min
	for i := 1; i < attempt && d < b.Max; i++ {
		d *= 2
	}
	d = min(d, b.Max)
	if refused {
		d = b.Refused
	}
	return d/2 + time.Duration(float64(d/2)*random)
}
