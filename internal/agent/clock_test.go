package agent

import (
	"testing"
	"time"
)

// A correction is taken, kept while it holds to a few seconds, and taken back once the machine's clock is right again:
// the relay would refuse an agent that went on correcting.
func TestClockIsCorrectedBothWays(t *testing.T) {
	var a Agent
	for i, step := range []struct {
		off, want time.Duration
		news      bool
	}{
		{time.Second, 0, false},
		{-5 * time.Minute, -5 * time.Minute, true},
		{-5*time.Minute + time.Second, -5 * time.Minute, false},
		{400 * time.Millisecond, 400 * time.Millisecond, true},
		{0, 400 * time.Millisecond, false},
	} {
		if news := a.correct(step.off); news != step.news || a.offset != step.want {
			t.Errorf("step %d: news %t, offset %v", i, news, a.offset)
		}
	}
}
