package activedirectory

import (
	"context"
	"sync"

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
// wrong password ([MS-SAMR] 3.1.1.7.1). Without a window they count for good.
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
	return tryable(seen, p)
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
