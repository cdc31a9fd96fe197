package activedirectory

import (
	"context"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/protocol"
)

// Expiries returns when people's passwords expire, as the controller computes it (msDS-UserPasswordExpiryTimeComputed,
// [MS-ADTS] 3.1.1.4.5.39): the fine-grained policy that wins is considered, and so are "password never expires", smart cards
// and "must change at next sign-in". Who has no such moment, is turned off or isn't there is left out. ReasonNotFound: the
// directory is another domain's.
func (d *Directory) Expiries(ctx context.Context, domain string, people []directory.GUID) (map[directory.GUID]time.Time, error) {
	var out map[directory.GUID]time.Time
	begin := func() { out = make(map[directory.GUID]time.Time, len(people)) }
	err := d.several(ctx, domain, people, begin, []string{"userAccountControl", expiryComputed}, func(guid directory.GUID, f *fields) {
		control := directory.AccountControl(f.integer("userAccountControl")) //nolint:gosec // a bit field
		at := directory.FromFiletime(f.integer(expiryComputed))
		if f.has("userAccountControl") && !control.Has(directory.Disabled) && !at.IsZero() {
			out[guid] = at
		}
	})
	return out, wrap("read when passwords expire", err)
}

// expiryComputed is when the controller computes that a password expires ([MS-ADTS] 3.1.1.4.5.39).
const expiryComputed = "msDS-UserPasswordExpiryTimeComputed"

// several reads attributes of several people of the domain with one search. begin is called before anybody is told, again when
// the search begins anew on another controller. ReasonNotFound: the directory is another domain's.
func (d *Directory) several(
	ctx context.Context, domain string, people []directory.GUID, begin func(), attributes []string, each func(directory.GUID, *fields),
) error {
	var filter strings.Builder
	filter.WriteString("(&(objectClass=user)(|")
	for _, guid := range people {
		filter.WriteString("(objectGUID=" + escapeBytes(guid[:]) + ")")
	}
	filter.WriteString("))")
	return d.within(ctx, domain, func(c *conn) error {
		begin()
		r, err := c.ldap.Search(ldap.NewSearchRequest(d.base(c), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			filter.String(), append([]string{"objectGUID"}, attributes...), nil))
		if err != nil {
			return err
		}
		for _, e := range r.Entries {
			f := fields{entry: e}
			guid, err := directory.GUIDFromBytes(attribute(e, "objectGUID"))
			if err != nil {
				return malformed("attribute objectGUID", err)
			}
			if each(guid, &f); f.err != nil {
				return f.err
			}
		}
		return nil
	})
}

// within reads from a controller of that domain. ReasonNotFound: the directory is another domain's.
func (d *Directory) within(ctx context.Context, domain string, read func(c *conn) error) error {
	return d.read(ctx, func(c *conn) error {
		dn, err := directory.ParseDN(d.base(c))
		if err != nil || !strings.EqualFold(dn.DNSDomain(), domain) {
			return &Error{Reason: protocol.ReasonNotFound, doing: "this isn't the domain " + domain, err: err}
		}
		return read(c)
	})
}

// Expiries asks the domain of that DNS name; see Directory.Expiries. ReasonNotFound: none of the agent's domains is it.
func (d *Domains) Expiries(ctx context.Context, domain string, people []directory.GUID) (map[directory.GUID]time.Time, error) {
	return ofDomain(d, domain, func(dir *Directory) (map[directory.GUID]time.Time, error) { return dir.Expiries(ctx, domain, people) })
}

// ofDomain asks that directory which is the domain. ReasonNotFound: none is.
func ofDomain[T any](d *Domains, domain string, ask func(*Directory) (T, error)) (T, error) {
	var none T
	var down error
	for _, dir := range d.list {
		found, err := ask(dir)
		switch {
		case err == nil:
			return found, nil
		case ReasonOf(err) != protocol.ReasonNotFound:
			down = err
		}
	}
	if down != nil {
		return none, down
	}
	return none, &Error{Reason: protocol.ReasonNotFound, doing: "this agent doesn't serve the domain " + domain}
}
