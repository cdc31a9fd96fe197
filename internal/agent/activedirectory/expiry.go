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
	var filter strings.Builder
	filter.WriteString("(&(objectClass=user)(|")
	for _, guid := range people {
		filter.WriteString("(objectGUID=" + escapeBytes(guid[:]) + ")")
	}
	filter.WriteString("))")
	var out map[directory.GUID]time.Time
	err := d.read(ctx, func(c *conn) error {
		dn, err := directory.ParseDN(d.base(c))
		if err != nil || !strings.EqualFold(dn.DNSDomain(), domain) {
			return &Error{Reason: protocol.ReasonNotFound, doing: "this isn't the domain " + domain, err: err}
		}
		out = make(map[directory.GUID]time.Time, len(people))
		r, err := c.ldap.Search(ldap.NewSearchRequest(d.base(c), ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			filter.String(), []string{"objectGUID", "userAccountControl", "msDS-UserPasswordExpiryTimeComputed"}, nil))
		if err != nil {
			return err
		}
		for _, e := range r.Entries {
			f := fields{entry: e}
			guid, err := directory.GUIDFromBytes(attribute(e, "objectGUID"))
			if err != nil {
				return malformed("attribute objectGUID", err)
			}
			control := directory.AccountControl(f.integer("userAccountControl")) //nolint:gosec // a bit field
			at := directory.FromFiletime(f.integer("msDS-UserPasswordExpiryTimeComputed"))
			if f.err != nil {
				return f.err
			}
			if f.has("userAccountControl") && !control.Has(directory.Disabled) && !at.IsZero() {
				out[guid] = at
			}
		}
		return nil
	})
	return out, wrap("read when passwords expire", err)
}

// Expiries asks the domain of that DNS name; see Directory.Expiries. ReasonNotFound: none of the agent's domains is it.
func (d *Domains) Expiries(ctx context.Context, domain string, people []directory.GUID) (map[directory.GUID]time.Time, error) {
	var down error
	for _, dir := range d.list {
		found, err := dir.Expiries(ctx, domain, people)
		switch {
		case err == nil:
			return found, nil
		case ReasonOf(err) != protocol.ReasonNotFound:
			down = err
		}
	}
	if down != nil {
		return nil, down
	}
	return nil, &Error{Reason: protocol.ReasonNotFound, doing: "this agent doesn't serve the domain " + domain}
}
