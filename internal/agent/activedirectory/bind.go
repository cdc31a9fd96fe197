package activedirectory

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/protocol"
)

// bindRefusal remembers that a password was refused. Binding again and again with a wrong password would
// lock the service account, so that a mistake in a file becomes an outage.
type bindRefusal struct {
	password [sha256.Size]byte
	until    time.Time
	err      error
}

// How long the same password is not tried again: a wrong one counts towards the lockout, so longer than the
// usual observation window divided by the usual threshold; other refusals do not count.
const (
	wrongPasswordPause = 15 * time.Minute
	refusedPause       = 30 * time.Second
)

func (d *Directory) bind(ctx context.Context, l *ldap.Conn, host string) error {
	password, err := d.config.Password(ctx)
	defer clear(password)
	if err == nil && len(password) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		return &Error{Reason: protocol.ReasonServiceAccount, doing: "read the service account's password", err: err}
	}
	sum := sha256.Sum256(password)
	d.mu.Lock()
	refusal := d.refusal
	d.mu.Unlock()
	if refusal.err != nil && refusal.password == sum && d.config.Clock().Before(refusal.until) {
		return refusal.err
	}
	err = l.Bind(d.config.User, string(password))
	refusal = bindRefusal{}
	defer func() {
		d.mu.Lock()
		d.refusal = refusal
		d.mu.Unlock()
	}()
	if err == nil {
		return nil
	}
	diag := diagnose(err)
	if !diag.answered {
		return &Error{Reason: protocol.ReasonDirectoryDown, doing: "bind to " + host, err: err}
	}
	pause := refusedPause
	if diag.bindData == bindWrong {
		pause = wrongPasswordPause
	}
	refusal = bindRefusal{password: sum, until: d.config.Clock().Add(pause), err: &Error{
		Reason: protocol.ReasonServiceAccount,
		Detail: diag.text, doing: "sign in to " + host + " as the service account: " + diag.bindMeaning(), err: err,
	}}
	return refusal.err
}
