package provision

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"homeward/internal/directory"
)

// Account is a cloud account to be made.
type Account struct {
	UPN, DisplayName, Mail, GivenName, Surname, Mobile, Language string
	// Anchor is the source anchor of the object that is to become this account: 32 hex digits, or onPremisesImmutableId
	// as it is shown, base64. Empty: none.
	Anchor string
}

// clean checks an account and returns it as it is kept.
func (a Account) clean() (Account, error) {
	for _, t := range []*string{&a.UPN, &a.DisplayName, &a.Mail, &a.GivenName, &a.Surname, &a.Mobile, &a.Language, &a.Anchor} {
		*t = strings.TrimSpace(clip(*t, maxDN))
	}
	local, domain, ok := strings.Cut(a.UPN, "@")
	switch {
	case a.UPN == "":
		return a, refuse(ErrInvalid, "The account has no userPrincipalName.")
	case !ok || local == "" || domain == "" || strings.ContainsAny(domain, "@ ") || strings.ContainsAny(local, ` \`):
		return a, refuse(ErrInvalid, "%s isn't of the form name@domain.", clip(a.UPN, 80))
	case len(local) > 64 || len(a.UPN) > 113:
		return a, refuse(ErrInvalid, "%s… is too long: at most 64 characters before the @ and 113 in all.", clip(a.UPN, 40))
	case a.Mail != "" && (len(a.Mail) > maxAddress || strings.Count(a.Mail, "@") != 1 || strings.ContainsAny(a.Mail, " <>,;")):
		return a, refuse(ErrInvalid, "%s is no mail address.", clip(a.Mail, 80))
	}
	a.DisplayName, a.GivenName, a.Surname = clip(a.DisplayName, maxName), clip(a.GivenName, maxName), clip(a.Surname, maxName)
	a.Mobile, a.Language = clip(a.Mobile, maxSAM), clip(a.Language, maxSAM)
	if a.Anchor != "" {
		if a.Anchor, ok = anchor(a.Anchor); !ok {
			return a, refuse(ErrInvalid, "The source anchor is neither 32 hex digits nor base64 of 16 bytes.")
		}
	}
	return a, nil
}

// anchor reads a source anchor in either form. Base64 is case-sensitive.
func anchor(text string) (string, bool) {
	if hex, ok := guid(text); ok {
		return hex, true
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", false
	}
	g, err := directory.GUIDFromBytes(b)
	return g.Hex(), err == nil
}

// CreateAccount makes a cloud account. A name, address or source anchor that somebody has is ErrTaken. The account can be
// joined to a directory's object later; see Settings.Sync.
func (e *Engine) CreateAccount(ctx context.Context, tenantID, operator string, a Account) (p Person, err error) {
	if a, err = a.clean(); err != nil {
		return Person{}, err
	}
	err = e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		if p, err = e.create(ctx, tx, tenantID, a); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, e.record("Add user", operator, p.ID, ""))
	})
	return p, err
}

func (e *Engine) create(ctx context.Context, tx Tx, tenantID string, a Account) (Person, error) {
	holders, err := tx.PeopleByUPN(ctx, tenantID, []string{Fold(a.UPN)})
	if err != nil {
		return Person{}, err
	}
	if len(holders) > 0 {
		return Person{}, refuse(ErrTaken, "%s is the sign-in name of another account.", a.UPN)
	}
	var claims []Claim
	if a.Mail != "" {
		claims = []Claim{{Address: Fold(a.Mail), Primary: true}}
		taken, err := tx.Claims(ctx, tenantID, []string{claims[0].Address})
		if err != nil {
			return Person{}, err
		}
		if len(taken) > 0 {
			return Person{}, refuse(ErrTaken, "%s is the mail address of another account.", a.Mail)
		}
	}
	if a.Anchor != "" {
		holders, err := tx.PeopleByAnchor(ctx, tenantID, []string{a.Anchor})
		if err != nil {
			return Person{}, err
		}
		if len(holders) > 0 {
			return Person{}, refuse(ErrTaken, "The source anchor is that of %s.", holders[0].Name())
		}
	}
	p := Person{
		Tenant: tenantID, ID: rand.Text(), Anchor: a.Anchor, UPN: a.UPN, Mail: a.Mail, DisplayName: a.DisplayName, GivenName: a.GivenName,
		Surname: a.Surname, Mobile: a.Mobile, Language: a.Language, Created: e.Now(), Updated: e.Now(),
	}
	if err := tx.InsertPeople(ctx, []Person{p}); err != nil {
		return Person{}, err
	}
	for i := range claims {
		claims[i].Person = p.ID
	}
	return p, tx.PutClaims(ctx, tenantID, claims)
}

// deleteRefused is the field's number of "this object is mastered elsewhere".
const deleteRefused = 114

// DeleteAccount deletes a cloud account. One that is synced is the directory's to delete, one with a role must lose the
// role first.
func (e *Engine) DeleteAccount(ctx context.Context, tenantID, operator, id string) error {
	return e.Store.SyncTx(ctx, tenantID, func(tx Tx) error {
		w, err := e.begin(ctx, tx, tenantID)
		if err != nil {
			return err
		}
		p, err := w.person(ctx, id)
		if err != nil {
			return err
		}
		if p == nil {
			return refuse(ErrNoAccount, "There is no such account.")
		}
		if !p.Cloud() {
			return &Error{Kind: ErrRefused, Type: deleteRefused, Message: p.Name() + " is synced from " + p.Domain + ". Delete it there, or take it out of what is synced."}
		}
		if role, err := w.hasRole(ctx, id); err != nil {
			return err
		} else if role {
			return refuse(ErrRefused, "%s holds a role. Take the role away first.", p.Name())
		}
		claims, err := tx.ClaimsOf(ctx, tenantID, []string{id})
		if err != nil {
			return err
		}
		w.values, w.people = []string{Fold(p.UPN), p.Anchor}, []string{id}
		for _, c := range claims {
			w.values = append(w.values, c.Address)
		}
		p.Anchor = "" // free for an account made anew
		if err := tx.UpdatePeople(ctx, []Person{*p}); err != nil {
			return err
		}
		if err := tx.DeletePeople(ctx, tenantID, []string{id}, w.now); err != nil {
			return err
		}
		if err := w.retry(ctx); err != nil {
			return err
		}
		return tx.Append(ctx, tenantID, append(w.joins, e.record("Delete user", operator, id, ""))...)
	})
}

// Accounts lists people, by id.
func (e *Engine) Accounts(ctx context.Context, tenantID string, f Filter) ([]Person, error) {
	return e.Store.ListPeople(ctx, tenantID, f)
}
