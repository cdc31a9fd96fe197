package lab_test

import (
	"testing"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/lab"
	"homeward/test/dctest"
)

func TestReadOnlyDC(t *testing.T) {
	one := dctest.Private(t, lab.Options{})
	p := one.NewPerson(t)
	ro := one.JoinReadOnly(t)
	svc := ro.ServiceAccount()
	conn, err := ro.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(svc.UPN, svc.Password); err != nil {
		t.Fatalf("service account at a read-only DC: %v", err)
	}
	found, err := conn.Search(ldap.NewSearchRequest(p.DN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"displayName"}, nil))
	if err != nil || len(found.Entries) != 1 {
		t.Errorf("reading a person: %v", err)
	}
	err = ro.ResetAs(svc, p.DN, lab.RandomPassword())
	if !ldap.IsErrorWithCode(err, ldap.LDAPResultReferral) {
		t.Errorf("reset at a read-only DC: %v, want a referral", err)
	}
	if err := one.Bind(p.UPN, p.Password); err != nil {
		t.Errorf("the old password after a refused reset: %v", err)
	}
}
