package activedirectory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/agent/activedirectory/kerberos"
	"homeward/internal/protocol"
)

// identity is who signs in, and with what.
type identity struct {
	user     string
	password []byte
	keytab   *kerberos.Keytab // instead of a password
	cache    *kerberos.Cache  // instead of both
	person   bool             // not the service account
	managed  bool             // a gMSA, whose password only Kerberos takes
	sum      [sha256.Size]byte
}

func (i *identity) wipe() {
	clear(i.password)
	if i.keytab != nil {
		i.keytab.Wipe()
	}
	if i.cache != nil {
		i.cache.Wipe()
	}
}

// serviceAccount reads the service account's secret anew, so that a changed file is picked up.
func (d *Directory) serviceAccount(ctx context.Context) (identity, error) {
	if d.config.Tickets != "" {
		return d.tickets()
	}
	if d.config.Keytab != "" {
		return d.keytab()
	}
	password, err := d.config.Password(ctx)
	if err == nil && len(password) == 0 {
		err = errors.New("it is empty")
	}
	if err != nil {
		clear(password)
		return identity{}, &Error{Reason: protocol.ReasonServiceAccount, doing: "read the service account's password", err: err}
	}
	return identity{user: d.signsIn(), password: password, sum: sha256.Sum256(password)}, nil
}

// signsIn is whose secret is on this machine: the service account's, or the one who may read its password.
func (d *Directory) signsIn() string {
	if d.config.Reader != "" {
		return d.config.Reader
	}
	return d.config.User
}

// maxKeytab bounds the keytab file; an account's has less than a kilobyte.
const maxKeytab = 1 << 20

func (d *Directory) keytab() (identity, error) {
	data, err := readLimited(d.config.Keytab)
	defer clear(data)
	if err != nil {
		return identity{}, &Error{Reason: protocol.ReasonServiceAccount, doing: "read the service account's keytab", err: err}
	}
	keytab, err := kerberos.ParseKeytab(data)
	if err != nil {
		return identity{}, &Error{Reason: protocol.ReasonServiceAccount, doing: "read the keytab " + d.config.Keytab, err: err}
	}
	return identity{user: d.signsIn(), keytab: keytab, sum: sha256.Sum256(data)}, nil
}

// tickets are those of somebody's kinit.
func (d *Directory) tickets() (identity, error) {
	cache, sum, err := readTickets(d.config.Tickets)
	if err != nil {
		return identity{}, &Error{Reason: protocol.ReasonServiceAccount, doing: "read the tickets in " + d.config.Tickets, err: err}
	}
	return identity{user: d.config.User, cache: cache, sum: sum}, nil
}

func readTickets(path string) (*kerberos.Cache, [sha256.Size]byte, error) {
	if kind, rest, ok := strings.Cut(path, ":"); ok && len(kind) > 1 && !strings.ContainsAny(kind, `/\`) { // not a drive's letter
		if kind != "FILE" {
			return nil, [sha256.Size]byte{}, errors.New("tickets kept by " + kind + " can't be read: get some in a file, kinit -c FILE:PATH")
		}
		path = rest
	}
	data, err := readLimited(path)
	defer clear(data)
	if err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	cache, err := kerberos.ParseCache(data)
	return cache, sha256.Sum256(data), err
}

// TicketHolder is whose tickets are in a file.
func TicketHolder(path string) (string, error) {
	cache, _, err := readTickets(path)
	if err != nil {
		return "", fmt.Errorf("the tickets in %s: %w", path, err)
	}
	cache.Wipe()
	return cache.Holder, nil
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	return io.ReadAll(io.LimitReader(f, maxKeytab))
}

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

// refused returns the last refusal of this very secret, while it is too early to try again.
func (d *Directory) refused(who identity) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refusal.err != nil && d.refusal.password == who.sum && d.config.Clock().Before(d.refusal.until) {
		return d.refusal.err
	}
	return nil
}

// remember keeps a refusal of the service account. Errors that say nothing about it, such as a controller that
// is away, change nothing, and neither does the success of another secret.
func (d *Directory) remember(who identity, err error) {
	var e *Error
	var next bindRefusal
	switch {
	case err == nil:
	case !errors.As(err, &e) || e.Bind == "":
		return
	default:
		pause := refusedPause
		if e.Bind == bindWrong {
			pause = wrongPasswordPause
		}
		next = bindRefusal{password: who.sum, until: d.config.Clock().Add(pause), err: err}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || d.refusal.password == who.sum {
		d.refusal = next
	}
}

// bindTurn is how long a sign-in waits for the one before it.
const bindTurn = time.Second

// inTurn lets the service account sign in to one controller after the other: several are connected to side by side,
// and each would count a wrong password. Whoever comes second finds the refusal remembered.
func (d *Directory) inTurn(ctx context.Context, who identity, bind func() error) error {
	if who.person {
		return bind()
	}
	patient := time.NewTimer(bindTurn)
	defer patient.Stop()
	select {
	case d.binding <- struct{}{}:
		defer func() { <-d.binding }()
	case <-patient.C: // the one before hangs; it must not keep everybody from a controller that works
	case <-ctx.Done():
		return down("wait for another sign-in", context.Cause(ctx))
	}
	if err := d.refused(who); err != nil {
		return err
	}
	err := bind()
	d.remember(who, err)
	return err
}

// simpleBind proves the identity by sending its password over TLS (RFC 4511 4.2).
func (d *Directory) simpleBind(secure io.ReadWriter, host string, who identity) error {
	a, err := (&handshake{conn: secure}).ask(simpleBindRequest(who.user, who.password), ldap.ApplicationBindResponse)
	if err != nil {
		return down("bind to "+host, err)
	}
	if a.inProgress {
		return down("bind to "+host, errFraming)
	}
	return bindError(host, who, a.err)
}

// bindError explains the controller's refusal of a bind.
func bindError(host string, who identity, err error) error {
	if err == nil {
		return nil
	}
	diag := diagnose(err)
	e := &Error{Reason: diag.reason(), Detail: diag.text, err: err}
	switch e.Reason {
	case protocol.ReasonNotEncrypted, protocol.ReasonDirectoryDown, protocol.ReasonDirectoryBusy:
		e.doing = "bind to " + host
		if e.Reason == protocol.ReasonNotEncrypted {
			e.doing += ": it demands a stronger channel than this one; set security to ldaps, starttls or kerberos"
		}
		return e
	}
	e.Bind = diag.bindData
	if e.Bind == "" {
		e.Bind = bindUnknown
	}
	return e.signIn(host, who, diag.bindMeaning())
}

// signIn puts a refused sign-in into words.
func (e *Error) signIn(host string, who identity, meaning string) *Error {
	e.Reason, e.doing = protocol.ReasonServiceAccount, "sign in to "+host+" as "+who.user+": "+meaning
	if who.person {
		e.Reason, e.doing = protocol.ReasonDirectoryError, "sign in to "+host+" as the person: "+meaning
		if e.Bind == bindWrong {
			e.Reason = protocol.ReasonWrongPassword
		}
	}
	return e
}
