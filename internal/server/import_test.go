package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"homeward/internal/event"
	"homeward/internal/server/audit"
	"homeward/internal/server/provision"
	"homeward/internal/server/registration"
	"homeward/internal/server/store"
)

// TestImportOfMethods: all of a file or nothing of it, with a record and a message for everybody it is about.
func TestImportOfMethods(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.tenant.Settings.Checks.Methods = []string{"mail", "text"}
		i := registration.Import{Tenant: b.tenant, Operator: "karin", Texts: true, Now: b.clock()}
		apply := func(file string) (registration.Imported, error) {
			rows, wrong, err := registration.ParseRows(strings.NewReader("userPrincipalName,method,value\n" + file))
			if err != nil || len(wrong) > 0 {
				t.Fatalf("%v %v", wrong, err)
			}
			checked, err := i.Check(t.Context(), b.store, rows)
			if err != nil {
				t.Fatal(err)
			}
			var done registration.Imported
			err = b.store.WithTx(t.Context(), func(tx *store.Store) error {
				done, err = i.Apply(t.Context(), tx, b.letters, rows)
				return err
			})
			if diff := cmp.Diff(checked, done); diff != "" {
				t.Errorf("it does other than it said: %s", diff)
			}
			return done, err
		}
		done, err := apply("amara@contoso.com,mail,amara@home.example\nnobody@contoso.com,mail,n@home.example\nCONTOSO\\amara@x,mail,a@home.example\n")
		want := []provision.LineError{{Line: 3, Message: "Nobody has this sign-in name."}, {Line: 4, Message: "Nobody has this sign-in name."}}
		if !errors.Is(err, registration.ErrWrongLines) || !cmp.Equal(want, done.Wrong) {
			t.Errorf("%+v %v", done, err)
		}
		if have, _ := b.store.Methods(t.Context(), "contoso", b.amara().ID); len(have) != 0 || len(b.letters.infos) != 0 {
			t.Errorf("half of a file: %v, %v", have, b.letters.infos)
		}
		const good = "amara@contoso.com,mail,amara@home.example\nAmara@contoso.com,text,+46 70 123 45 42\nnomail@contoso.com,mail,n@home.example\n"
		if done, err = apply(good); err != nil || done.Added != 3 || done.People != 2 {
			t.Errorf("%+v %v", done, err)
		}
		told := map[string]bool{}
		for _, info := range b.letters.infos {
			told[info] = true
		}
		for _, want := range []string{
			"mail amara@mail.example: added mail a•••@home.example", "mail amara@mail.example: added text •••• 42", "mail n@home.example: added mail n•••@home.example",
		} {
			if !told[want] || len(told) != 3 {
				t.Errorf("%q isn't among %v", want, b.letters.infos)
			}
		}
		if a := b.choose(b.begin("nomail@contoso.com"), "mail"); b.letters.to[len(b.letters.to)-1] != "n@home.example" || a.Person == "" {
			t.Error("what was imported proves nothing")
		}
		records, err := b.store.SearchAudit(t.Context(), "contoso", audit.Query{People: []string{"karin"}, Limit: 10})
		if err != nil || len(records) != 4 {
			t.Errorf("%d records, %v", len(records), err)
		}
		for _, r := range records {
			if r.Event != int(event.InfoSaved) || strings.Contains(r.Detail, "home.example,") || strings.Contains(r.Detail, "+46701234542") {
				t.Errorf("%+v", r)
			}
		}
		if done, err = apply(good); err != nil || done.Added != 0 || done.There != 3 {
			t.Errorf("once more: %+v %v", done, err)
		}
		done, err = apply("amara@contoso.com,mail,a2@home.example\namara@contoso.com,mail,a3@home.example\n")
		if !errors.Is(err, registration.ErrWrongLines) || len(done.Wrong) != 1 || done.Wrong[0].Line != 3 {
			t.Errorf("a third address: %+v %v", done, err)
		}
		i.Texts = false
		if done, err = apply("nomail@contoso.com,text,+46 70 123 45 43\n"); !errors.Is(err, registration.ErrWrongLines) || !strings.Contains(done.Wrong[0].Message, "isn't allowed") {
			t.Errorf("%+v %v", done, err)
		}
	})
}
