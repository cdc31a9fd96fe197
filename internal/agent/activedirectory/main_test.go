package activedirectory

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

func TestMain(m *testing.M) { os.Exit(dctest.Main(m)) }

func configFor(t testing.TB, dc *dctest.DC) Config {
	t.Helper()
	svc := dc.ServiceAccount()
	return Config{
		URLs: []string{dc.LDAPSURL()}, User: svc.UPN, Password: fixed(svc.Password), RootCAs: roots(t, dc.CAFile()),
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func fixed(password string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(password), nil }
}

func roots(t testing.TB, file string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in " + file)
	}
	return pool
}

func open(t testing.TB, config Config) *Directory {
	t.Helper()
	d, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func guidOf(t testing.TB, p lab.Person) directory.GUID {
	t.Helper()
	g, err := directory.ParseGUID(p.GUID)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func account(t testing.TB, d *Directory, p lab.Person) Account {
	t.Helper()
	a, err := d.Account(t.Context(), guidOf(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantReason(t testing.TB, err error, want protocol.Reason) *Error {
	t.Helper()
	if got := ReasonOf(err); got != want {
		t.Fatalf("reason %q (%v), want %q", got, err, want)
	}
	var e *Error
	if want != protocol.ReasonNone && !errors.As(err, &e) {
		t.Fatalf("%v is not an *Error", err)
	}
	return e
}

// wantUntouched fails unless the directory holds exactly what it held before.
func wantUntouched(t testing.TB, d *Directory, p lab.Person, before Account) {
	t.Helper()
	after := account(t, d, p)
	if after.Password != before.Password || after.Lockout != before.Lockout || !after.PasswordSet.Equal(before.PasswordSet) {
		t.Errorf("the account was written: before %+v, after %+v", before.Password, after.Password)
	}
}

func wantBind(t testing.TB, dc *dctest.DC, p lab.Person, password, code string) {
	t.Helper()
	if err := dc.Bind(p.UPN, password); dctest.BindCode(err) != code || (code == "" && err != nil) {
		t.Errorf("bind: %v, want code %q", err, code)
	}
}

const soon = 20 * time.Second

// wantNoSecret fails if a password, in the form it was typed or the one it is sent in, shows in anything an error gives.
func wantNoSecret(t testing.TB, err error, secrets ...string) {
	t.Helper()
	var texts []string
	if e, ok := errors.AsType[*Error](err); ok {
		texts = append(texts, e.Detail, fmt.Sprintf("%+v", *e), fmt.Sprintf("%+v", e.Rule))
	}
	for at := err; at != nil; at = errors.Unwrap(at) {
		texts = append(texts, at.Error(), fmt.Sprintf("%+v", at), fmt.Sprintf("%#v", at))
	}
	for _, secret := range secrets {
		wire := string(quotedUTF16([]byte(secret)))
		for _, form := range []string{secret, wire, wire[2 : len(wire)-2], strings.Trim(fmt.Sprintf("%q", secret), `"`), hex.EncodeToString([]byte(secret))} {
			for _, text := range texts {
				if len(secret) > 3 && strings.Contains(text, form) {
					t.Errorf("%q holds a password", text)
				}
			}
		}
	}
}
