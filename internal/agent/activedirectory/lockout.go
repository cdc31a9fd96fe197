package activedirectory

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// TriesLeft returns how many wrong current passwords a Change may still try before it refuses to try another:
// one fewer than would lock the account. limited is false where nothing ever locks it.
func (a Account) TriesLeft(p directory.PasswordPolicy) (n int, limited bool) {
	if p.LockoutThreshold <= 0 {
		return 0, false
	}
	return max(0, p.LockoutThreshold-1-a.badPasswords(p)), true
}

// badPasswords counts as the controller does: nothing once the observation window has passed since the last
// wrong password ([MS-SAMR] 3.1.5.14.6). Without a window they count for good.
func (a Account) badPasswords(p directory.PasswordPolicy) int {
	if p.LockoutWindow > 0 && a.now().After(a.BadPasswordAt.Add(p.LockoutWindow+clockSlack)) {
		return 0
	}
	return a.BadPasswords
}

// spare returns an error unless a wrong password could be tried now without locking the account, on the
// controller in use and on the PDC emulator, which hears of every wrong password in the domain ([MS-ADTS]
// 3.1.1.8.1).
func (d *Directory) spare(ctx context.Context, a Account, p directory.PasswordPolicy) error {
	if p.LockoutThreshold <= 0 {
		return nil
	}
	seen, err := d.Witnesses(ctx, a.GUID, a.DC.Invocation.Hex())
	if err != nil {
		return err
	}
	if err := tryable(seen, p); err != nil {
		return err
	}
	if !slices.ContainsFunc(seen, func(w Account) bool { return w.DC.Invocation == a.DC.Invocation }) {
		// The PDC emulator doesn't hear of everything at once: the controller in use has to say so itself.
		here := d.sight(ctx, target{host: a.DC.name, address: a.DC.address}, a.GUID)
		if here.err == nil && here.account.DC.Invocation != a.DC.Invocation {
			here.err = down("count the wrong passwords on "+a.DC.Host, errors.New("another controller answers there now; nothing was sent"))
		}
		if here.err != nil {
			return here.err
		}
		if err := tryable([]Account{here.account}, p); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(seen, func(w Account) bool { return w.DC.PDC }) {
		return nil
	}
	// The controller in use may well reach the PDC emulator that this agent can't.
	if d.tried.count(a.GUID, d.config.Clock())+1 >= p.LockoutThreshold {
		return &Error{
			Reason: protocol.ReasonLastTry,
			doing:  "count the wrong passwords: the PDC emulator doesn't answer, and by what was tried here one more could lock the account",
		}
	}
	return nil
}

// tries remembers how many wrong passwords for each person were sent from here, for as long as they count. It stands in
// for the PDC emulator's count while that can't be read: another controller knows only of those it saw itself, and hands
// each on to the PDC emulator, whose count locks ([MS-ADTS] 3.1.1.8.1). The zero value is ready.
type tries struct {
	mu    sync.Mutex
	wrong map[directory.GUID]triedWrong
}

type triedWrong struct {
	n     int
	until time.Time
}

// longestTry is how long a try is remembered under a policy without a window.
const longestTry = 24 * time.Hour

// add notes a try that was wrong, or may have been.
func (t *tries) add(guid directory.GUID, window time.Duration, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if window <= 0 || window > longestTry {
		window = longestTry
	}
	n := 0
	for g, w := range t.wrong {
		switch {
		case !now.Before(w.until):
			delete(t.wrong, g)
		case g == guid:
			n = w.n
		}
	}
	if t.wrong == nil {
		t.wrong = map[directory.GUID]triedWrong{}
	}
	t.wrong[guid] = triedWrong{n + 1, now.Add(window + clockSlack)}
}

func (t *tries) count(guid directory.GUID, now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.wrong[guid]; now.Before(w.until) {
		return w.n
	}
	return 0
}

func tryable(seen []Account, p directory.PasswordPolicy) error {
	for _, w := range seen {
		if err := w.Refusal(protocol.Change); err != nil {
			return err
		}
		// Where nobody has typed a wrong one yet the attribute is absent, just as where it may not be read.
		if err := w.lacks(ReadBadPwdCount); err != nil && p.LockoutThreshold > 0 {
			return err
		}
		if n, limited := w.TriesLeft(p); limited && n < 1 {
			return &Error{
				Reason: protocol.ReasonLastTry, doing: "count the wrong passwords on " + w.DC.Host + ": one more could lock the account",
			}
		}
	}
	return nil
}

// oneAtATime lets one caller per person in. The zero value is ready.
type oneAtATime struct {
	mu   sync.Mutex
	busy map[directory.GUID]chan struct{} // closed when the one inside leaves
}

func (o *oneAtATime) enter(ctx context.Context, guid directory.GUID) (leave func(), err error) {
	for {
		o.mu.Lock()
		inside, busy := o.busy[guid]
		if !busy {
			if o.busy == nil {
				o.busy = map[directory.GUID]chan struct{}{}
			}
			mine := make(chan struct{})
			o.busy[guid] = mine
			o.mu.Unlock()
			return func() {
				o.mu.Lock()
				defer o.mu.Unlock()
				delete(o.busy, guid)
				close(mine)
			}, nil
		}
		o.mu.Unlock()
		select {
		case <-inside:
		case <-ctx.Done():
			return nil, aborted("wait for another change of the same password", context.Cause(ctx))
		}
	}
}
