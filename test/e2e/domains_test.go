package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"homeward/internal/demo"
	"homeward/internal/lab"
	"homeward/test/dctest"
)

// serviceAccount writes a DC's service account's password to a file for the agent.
func serviceAccount(t *testing.T, dc *lab.DC) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "service-account")
	must(t, os.WriteFile(path, []byte(dc.ServiceAccount().Password+"\n"), 0o600))
	return path
}

// One agent serves two forests: each person is written where they are, and one forest that is away leaves the other
// alone.
func TestOneAgentServesTwoForests(t *testing.T) {
	t.Parallel()
	other := dctest.Private(t, lab.Options{Domain: lab.Fabrikam()})
	other.Set(t, other.BaseDN(), "minPwdAge", "0")
	there := other.NewPerson(t)
	s := own(t, demo.Options{Edit: func(agent map[string]any) {
		agent["directories"] = append(agent["directories"].([]any), map[string]any{
			"domain": other.Domain(), "urls": []string{other.LDAPSURL()}, "ca_file": other.CAFile(), "user": other.ServiceAccount().UPN,
			"password_file": serviceAccount(t, other.DC), "organizational_units": other.OUs(),
		})
	}}, nil)
	eventually(t, func() error {
		_, err := one(s.Store.FindPeople(t.Context(), demo.TenantID, there.UPN))
		return err
	})
	fresh := lab.RandomPassword()
	shows(t, reset(t, s.visitor(t), there, fresh), "changed")
	must(t, other.DC.Bind(t.Context(), there.UPN, fresh))

	must(t, other.Kill())
	here := s.person(t, lab.KindOrdinary)
	fresh = lab.RandomPassword()
	shows(t, reset(t, s.visitor(t), here, fresh), "changed")
	must(t, s.DC.Bind(t.Context(), here.UPN, fresh))
	v := s.visitor(t)
	eventually(t, func() error { // until the agent has noticed
		page, err := v.Verify(t.Context(), there.UPN, there.Mail, "forgot")
		if err == nil && mark(page) != "offline" {
			err = shown(page)
		}
		return err
	})
	must(t, other.Restart(t.Context()))
	eventually(t, func() error { // and that it is back
		page, err := v.Verify(t.Context(), there.UPN, there.Mail, "forgot")
		if err == nil && page.Path != "/password" {
			err = shown(page)
		}
		return err
	})
}

// The controller in use dies: the next person goes to the other one and notices nothing.
func TestSecondControllerTakesOver(t *testing.T) {
	t.Parallel()
	var second *lab.DC
	s := own(t, demo.Options{
		Prepare: func(ctx context.Context, dc *lab.DC) (err error) {
			second, err = dc.Join(ctx)
			return err
		},
		Edit: func(agent map[string]any) {
			first := agent["directories"].([]any)[0].(map[string]any)
			first["urls"] = append(first["urls"].([]string), second.LDAPSURL())
		},
	}, nil)
	t.Cleanup(func() { must(t, second.Stop()) })
	r := s.ready(t)
	eventually(t, func() error { return second.Bind(t.Context(), r.person.UPN, r.person.Password) }) // replicated
	must(t, s.DC.Kill())
	began := time.Now()
	s.submit(t, r)
	if got := r.outcome(t); got != "changed" {
		t.Errorf("the page says %s, though a second controller was there", got)
	}
	t.Logf("written on the second controller %v after the first one died", time.Since(began).Round(time.Millisecond))
	must(t, second.Bind(t.Context(), r.person.UPN, r.fresh))
}

func one[T any](found []T, err error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if len(found) != 1 {
		return none, fmt.Errorf("found %d, not one", len(found))
	}
	return found[0], nil
}

func shown(p demo.Page) error { return fmt.Errorf("the page shows %q (%s)", mark(p), p.Title()) }
