package activedirectory

import (
	"errors"
	"testing"

	"homeward/internal/directory"
	"homeward/internal/lab"
	"homeward/internal/protocol"
	"homeward/test/dctest"
)

// One pair of forests that know nothing of each other, for everything.
func TestTwoForests(t *testing.T) {
	f := forests{contoso: dctest.Start(t), fabrikam: dctest.Private(t, lab.Options{Domain: lab.Fabrikam()})}
	t.Run("people of both", f.peopleOfBoth)
	t.Run("two accounts of one person", f.twoAccounts)
	t.Run("one down", f.oneDown) // last: it takes the other a moment to come back
}

type forests struct{ contoso, fabrikam *dctest.DC }

// domains serves both, and remembers nothing.
func (f forests) domains(t *testing.T) *Domains {
	t.Helper()
	d, err := NewDomains(open(t, configFor(t, f.contoso)), open(t, configFor(t, f.fabrikam)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (f forests) peopleOfBoth(t *testing.T) {
	d := f.domains(t)
	for _, dc := range []*dctest.DC{f.contoso, f.fabrikam} {
		p := dc.NewPerson(t)
		a, err := d.Account(t.Context(), guidOf(t, p))
		if err != nil || a.DC.Host != dc.Host() || a.SAM != p.SAM {
			t.Fatalf("%+v, %v", a, err)
		}
		next := lab.RandomPassword()
		if err := d.Reset(t.Context(), a, []byte(next)); err != nil {
			t.Fatal(err)
		}
		wantBind(t, dc, p, next, "")
		if policy, err := d.Policy(t.Context(), a); err != nil || policy.Source == "" {
			t.Errorf("%+v, %v", policy, err)
		}
		seen, err := d.Witnesses(t.Context(), a.GUID, a.DC.Invocation.Hex())
		if err != nil || len(seen) != 1 || seen[0].DC.Host != dc.Host() || seen[0].Password.Number != a.Password.Number+1 {
			t.Errorf("%+v, %v", seen, err)
		}
	}
	_, err := d.Account(t.Context(), directory.GUID{1, 2, 3})
	wantReason(t, err, protocol.ReasonNotFound)
}

func (f forests) twoAccounts(t *testing.T) {
	contoso, fabrikam := f.contoso, f.fabrikam
	fresh := func() *Domains { return f.domains(t) }
	first, second := contoso.NewPerson(t), fabrikam.NewPerson(t)
	anchor := guidOf(t, first)
	fabrikam.Set(t, second.DN, "mS-DS-ConsistencyGuid", string(anchor[:]))

	_, err := fresh().Account(t.Context(), anchor)
	wantReason(t, err, protocol.ReasonAmbiguous)

	fabrikam.Disable(t, second)
	if a, err := fresh().Account(t.Context(), anchor); err != nil || a.SAM != first.SAM {
		t.Errorf("with the second disabled: %+v, %v", a, err)
	}

	// Somebody who has moved: the old account is disabled, the new one carries the anchor.
	fabrikam.Enable(t, second)
	contoso.Disable(t, first)
	d := fresh()
	a, err := d.Account(t.Context(), anchor)
	if err != nil || a.SAM != second.SAM {
		t.Fatalf("with the first disabled: %+v, %v", a, err)
	}
	if err := d.Reset(t.Context(), a, []byte(lab.RandomPassword())); err != nil {
		t.Fatal(err)
	}
	seen, err := d.Witnesses(t.Context(), a.GUID, a.DC.Invocation.Hex())
	if err != nil || len(seen) != 1 || seen[0].GUID != a.GUID || seen[0].Password.Number != a.Password.Number+1 {
		t.Errorf("witnesses of the account that was written: %+v, %v", seen, err)
	}

	fabrikam.Disable(t, second)
	if a, err := fresh().Account(t.Context(), anchor); err != nil || ReasonOf(a.Refusal(protocol.Reset)) != protocol.ReasonDisabled {
		t.Errorf("with both disabled: %+v, %v", a, err)
	}
}

func (f forests) oneDown(t *testing.T) {
	contoso, fabrikam, d := f.contoso, f.fabrikam, f.domains(t)
	p, other := contoso.NewPerson(t), fabrikam.NewPerson(t)
	for _, person := range []lab.Person{p, other} {
		if _, err := d.Account(t.Context(), guidOf(t, person)); err != nil {
			t.Fatal(err)
		}
	}
	if err := fabrikam.Pause(); err != nil {
		t.Fatal(err)
	}
	a, err := d.Account(t.Context(), guidOf(t, p))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Reset(t.Context(), a, []byte(lab.RandomPassword())); err != nil {
		t.Fatal(err)
	}
	_, err = d.Account(t.Context(), guidOf(t, other))
	wantReason(t, err, protocol.ReasonDirectoryDown)
	if err := fabrikam.Resume(); err != nil {
		t.Fatal(err)
	}
}

func TestChoose(t *testing.T) {
	enabled := sighting{account: Account{SAM: "on", Control: directory.NormalAccount}}
	disabled := sighting{account: Account{SAM: "off", Control: directory.NormalAccount | directory.Disabled}}
	failed := func(r protocol.Reason) sighting { return sighting{err: &Error{Reason: r}} }
	down, referral := failed(protocol.ReasonDirectoryDown), failed(protocol.ReasonReferral)
	for _, tt := range []struct {
		name string
		seen []sighting
		sam  string
		want protocol.Reason
	}{
		{"nobody", nil, "", protocol.ReasonNotFound},
		{"one", []sighting{enabled}, "on", ""},
		{"two", []sighting{enabled, enabled}, "", protocol.ReasonAmbiguous},
		{"one and a disabled one", []sighting{disabled, enabled}, "on", ""},
		{"one and a domain that is down", []sighting{down, enabled}, "on", ""},
		{"only a domain that is down", []sighting{down}, "", protocol.ReasonDirectoryDown},
		{"a disabled one, and a domain that is down may have the other", []sighting{disabled, down}, "", protocol.ReasonDirectoryDown},
		{"a global catalogue refers to the domain that has it", []sighting{referral, enabled}, "on", ""},
		{"disabled, and referred to", []sighting{referral, disabled}, "off", ""},
		{"a domain nobody serves", []sighting{referral}, "", protocol.ReasonReferral},
		{"referred to one that is down", []sighting{referral, down}, "", protocol.ReasonDirectoryDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := choose(tt.seen)
			if ReasonOf(err) != tt.want || a.SAM != tt.sam {
				t.Errorf("%q, %v", a.SAM, err)
			}
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Errorf("%v is no *Error", err)
			}
		})
	}
}
