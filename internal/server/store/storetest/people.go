package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/server/provision"
	"homeward/internal/server/store"
)

func person(tenant string, n int) provision.Person {
	return provision.Person{
		Tenant: tenant, ID: fmt.Sprintf("person%03d", n), Object: fmt.Sprintf("%032x", n), Anchor: fmt.Sprintf("%032x", n+1000),
		Domain: "corp.example", NetBIOS: "CORP", UPN: fmt.Sprintf("user%d@corp.example", n),
		SAM: fmt.Sprintf("user%d", n), Mail: fmt.Sprintf("User.%d@mail.example", n),
		DisplayName: fmt.Sprintf("User %d", n), DN: fmt.Sprintf("CN=User %d,DC=corp,DC=example", n),
		Run: "first", Updated: noon(),
	}
}

func peopleTests() []test {
	type people = []provision.Person
	find := func(t *testing.T, e *env, tenant, typed string) people {
		t.Helper()
		return at[people](t)(e.FindPeople(e.ctx, tenant, typed))
	}
	return []test{
		{"found by every name in any case", func(t *testing.T, e *env) {
			want := person(TenantA, 1)
			want.Disabled, want.Protected = true, true
			ok(t, e.InsertPeople(e.ctx, people{person(TenantA, 0), want, person(TenantA, 2)}))
			for _, typed := range []string{
				"user1@corp.example", "USER1@Corp.Example", "user.1@MAIL.example", `corp\user1`, `CORP\USER1`, "User1", "  user1\t",
			} {
				if diff := cmp.Diff(people{want}, find(t, e, TenantA, typed)); diff != "" {
					t.Errorf("%q: %s", typed, diff)
				}
			}
			for _, typed := range []string{"", " ", "user", "user1@", `\user1`, `other\user1`, "user_", "user%", "x\x00y", "\xff"} {
				if got := find(t, e, TenantA, typed); len(got) != 0 {
					t.Errorf("%q finds %d people", typed, len(got))
				}
			}
			if diff := cmp.Diff(want, at[provision.Person](t)(e.Person(e.ctx, TenantA, want.ID))); diff != "" {
				t.Error(diff)
			}
		}},
		{"found by names beyond ASCII", func(t *testing.T, e *env) {
			page := people{person(TenantA, 0), person(TenantA, 1), person(TenantA, 2)}
			page[0].SAM, page[0].UPN = "Åsa", "Åsa.Öberg@corp.example"
			page[1].SAM, page[1].UPN = "Jürgen.Groß", "jürgen.groß@corp.example"
			page[2].SAM, page[2].NetBIOS = "ΣΟΦΊΑ", "ΑΘΗΝΑ"
			ok(t, e.InsertPeople(e.ctx, page))
			for typed, want := range map[string]int{
				"åsa": 0, "ÅSA": 0, "A\u030asa": 0, "ÅSA.ÖBERG@CORP.EXAMPLE": 0,
				"JÜRGEN.GROẞ": 1, "Jürgen.Groß@Corp.Example": 1,
				`αθηνα\σοφία`: 2,
			} {
				if diff := cmp.Diff(people{page[want]}, find(t, e, TenantA, typed)); diff != "" {
					t.Errorf("%q: %s", typed, diff)
				}
			}
		}},
		{"without a mail address matches nothing by it", func(t *testing.T, e *env) {
			p := person(TenantA, 1)
			p.Mail, p.UPN = "", ""
			ok(t, e.InsertPeople(e.ctx, people{p}))
			if got := find(t, e, TenantA, ""); got != nil {
				t.Errorf("an empty name finds %v", got)
			}
		}},
		{"several people of one bare name", func(t *testing.T, e *env) {
			page := people{person(TenantA, 0), person(TenantA, 1)}
			page[0].SAM, page[1].SAM, page[1].NetBIOS = "anna", "Anna", "LAB"
			ok(t, e.InsertPeople(e.ctx, page))
			if got := find(t, e, TenantA, "anna"); len(got) != 2 {
				t.Errorf("found %d, want 2", len(got))
			}
			if got := find(t, e, TenantA, `lab\anna`); len(got) != 1 {
				t.Errorf("found %d, want 1", len(got))
			}
		}},
		{"updated is found by the new names only", func(t *testing.T, e *env) {
			old, renamed := person(TenantA, 1), person(TenantA, 7)
			ok(t, e.InsertPeople(e.ctx, people{old}))
			renamed.ID, renamed.Object, renamed.Run, renamed.Updated = old.ID, old.Object, "second", noon().Add(time.Hour)
			ok(t, e.UpdatePeople(e.ctx, people{renamed}))
			if diff := cmp.Diff(people{renamed}, find(t, e, TenantA, "user7")); diff != "" {
				t.Error(diff)
			}
			if got := find(t, e, TenantA, "user1"); len(got) != 0 {
				t.Error("the old name is still found")
			}
			if err := e.UpdatePeople(e.ctx, people{person(TenantA, 9)}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("somebody unknown: %v", err)
			}
		}},
		{"page is all or nothing", func(t *testing.T, e *env) {
			nameless := person(TenantA, 2)
			nameless.ID = ""
			if err := e.InsertPeople(e.ctx, people{person(TenantA, 1), nameless}); err == nil {
				t.Error("stored somebody without an id")
			}
			if err := e.InsertPeople(e.ctx, people{person("nobody", 1)}); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("unknown tenant: %v", err)
			}
			if n := at[int](t)(e.CountPeople(e.ctx, TenantA)); n != 0 {
				t.Errorf("%d people stored", n)
			}
		}},
		{"sample of mail addresses", func(t *testing.T, e *env) {
			page := people{person(TenantA, 2), person(TenantA, 1), person(TenantA, 0)}
			page[1].Mail = ""
			ok(t, e.InsertPeople(e.ctx, page))
			ok(t, e.InsertPeople(e.ctx, people{person(TenantB, 9)}))
			want := []string{"User.0@mail.example", "User.2@mail.example"}
			if diff := cmp.Diff(want, at[[]string](t)(e.SampleMail(e.ctx, TenantA))); diff != "" {
				t.Error(diff)
			}
		}},
		{"invisible to another tenant", func(t *testing.T, e *env) {
			ok(t, e.InsertPeople(e.ctx, people{person(TenantA, 1), person(TenantB, 1)})) // same id, object and anchor
			ok(t, e.InsertPeople(e.ctx, people{person(TenantA, 2)}))
			if got := find(t, e, TenantB, "user2"); len(got) != 0 {
				t.Error("found by another tenant")
			}
			if _, err := e.Person(e.ctx, TenantB, "person002"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("read by another tenant: %v", err)
			}
			if n := at[int](t)(e.CountPeople(e.ctx, TenantB)); n != 1 {
				t.Errorf("counts %d", n)
			}
		}},
	}
}
