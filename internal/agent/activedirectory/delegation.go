package activedirectory

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"homeward/internal/directory"
	"homeward/internal/directory/security"
)

// Delegation is what the service account may do in one domain, as the directory's own access control lists say.
type Delegation struct {
	DC      string
	Domain  string // DNS name
	BaseDN  string
	Account string // the service account as DOMAIN\name
	SID     string
	Units   []string // the OUs that were looked at

	People       int // everybody below the units
	Protected    int // adminCount is 1: never written, whatever the rights
	CannotChange int // "user cannot change password" is set: they can be reset, but not change it themselves
	Lists        int // how many different access control lists they have

	Faults   []Fault // what is missing, most people first
	Excess   []Excess
	Unexpire security.Outcome // Unexpire Password at the domain head
	Policies bool             // fine-grained policies can be read
	Deleted  bool             // CN=Deleted Objects can be read
	// Replicate is Replicating Directory Changes at the domain head.
	Replicate security.Outcome
	Uses      Uses     // what was looked for
	Rights    []Right  // those needed on everybody
	Fix       []Remedy // for what is missing outside the units
	Took      time.Duration
}

// maxNamed bounds how many people a fault names; all are counted.
const maxNamed = 1000

const (
	delegationPage = 1000
	// delegationTimeout bounds one page: a busy controller takes seconds for a thousand lists.
	delegationTimeout = 30 * time.Second
)

// ownerAndDACL asks for both with the SD-flags control ([MS-ADTS] 3.1.1.3.4.1.11).
const ownerAndDACL = "\x30\x03\x02\x01\x05"

// Delegation judges every right of the service account over everybody below the units. It uses a connection of its
// own, so resets don't wait. A unit that doesn't exist is an *Error that names it.
func (d *Directory) Delegation(ctx context.Context, units []string) (Delegation, error) {
	c, err := d.dialAny(ctx)
	if err != nil {
		return Delegation{}, err
	}
	defer c.kill()
	var out Delegation
	err = c.use(ctx, delegationTimeout, func(c *conn) error {
		s := newSurvey(d, c, units)
		if err := s.run(); err != nil {
			return err
		}
		out = s.out
		return nil
	})
	return out, wrap("check the service account's rights", err)
}

// survey is one look at everybody.
type survey struct {
	dir    *Directory
	c      *conn
	out    Delegation
	begin  time.Time
	judged map[listKey]*judgement
	groups map[groupKey]*group
	excess map[string]int // what the service account may do too much, to how many people
	lists  map[string]*listed
	names  map[string]string // SID to name
}

// listKey is everything a verdict depends on. The service account's own entry for SELF and for its objects' owner
// don't show in it: those people are judged on their own.
type listKey struct {
	list  [sha256.Size]byte
	class string
}

// judgement is what one access control list means.
type judgement struct {
	lacks     []lack
	excess    []string
	cutOff    bool
	maychange bool
}

// lack is a right that isn't there.
type lack struct {
	right     Right
	outcome   security.Outcome
	by        string // SDDL of the entry that decides
	inherited bool
}

// groupKey is what people have in common who lack the same for the same reason, as far as their own list tells.
type groupKey struct {
	parent, class, rights, by string
	outcome                   security.Outcome
	inherited, cutOff         bool
}

type group struct {
	rights []Right
	count  int
	people []string
}

func newSurvey(d *Directory, c *conn, units []string) *survey {
	return &survey{
		dir: d, c: c, begin: d.config.Clock(), judged: map[listKey]*judgement{}, groups: map[groupKey]*group{}, excess: map[string]int{},
		lists: map[string]*listed{}, names: map[string]string{},
		out: Delegation{
			DC: c.dc.Host, BaseDN: d.base(c), SID: c.self, Units: slices.Clone(units),
			Uses: d.config.Uses, Rights: d.config.Uses.peopleRights(),
		},
	}
}

func (s *survey) run() error {
	if err := s.dir.schema.load(s.c); err != nil {
		return err
	}
	if err := s.identify(); err != nil {
		return err
	}
	for _, unit := range s.out.Units {
		if err := s.c.exists(unit); err != nil {
			return err
		}
	}
	for _, unit := range outermost(s.out.Units) {
		if err := s.sweep(unit); err != nil {
			return err
		}
	}
	s.out.Lists = len(s.judged)
	if err := s.elsewhere(); err != nil {
		return err
	}
	if err := s.explain(); err != nil {
		return err
	}
	if err := s.overgranted(); err != nil {
		return err
	}
	s.out.Took = s.dir.config.Clock().Sub(s.begin)
	return nil
}

// outermost leaves out units below others, so that nobody is counted twice.
func outermost(units []string) []string {
	var out []string
	for i, u := range units {
		dn, err := directory.ParseDN(u)
		inner := err == nil && slices.ContainsFunc(units, func(other string) bool {
			o, err := directory.ParseDN(other)
			return err == nil && dn.Under(o) && (len(o) < len(dn) || slices.Index(units, other) < i)
		})
		if !inner {
			out = append(out, u)
		}
	}
	return out
}

// sweep judges everybody below one unit, page by page.
func (s *survey) sweep(unit string) error {
	paging := ldap.NewControlPaging(delegationPage)
	for {
		r, err := s.c.ldap.Search(ldap.NewSearchRequest(unit, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, peopleFilter,
			[]string{"nTSecurityDescriptor", "adminCount", "objectSid", "objectClass"},
			[]ldap.Control{paging, control{oidSDFlags, ownerAndDACL}}))
		if err != nil {
			return err
		}
		for _, e := range r.Entries {
			if err := s.person(e); err != nil {
				return err
			}
		}
		answer, ok := ldap.FindControl(r.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(answer.Cookie) == 0 {
			return nil
		}
		paging = ldap.NewControlPaging(delegationPage)
		paging.SetCookie(answer.Cookie)
	}
}

func (s *survey) person(e *ldap.Entry) error {
	s.out.People++
	j, err := s.judgement(e)
	if err != nil {
		return err
	}
	protected := string(attribute(e, "adminCount")) == "1"
	for _, what := range j.excess {
		s.excess[what]++
		if protected && what == string(ResetPassword) {
			s.excess[excessProtected]++
		}
	}
	if !j.maychange {
		s.out.CannotChange++
	}
	if protected {
		s.out.Protected++
		return nil
	}
	s.collect(e, j)
	return nil
}

// judgement judges a person's list, or remembers that an equal one was judged before.
func (s *survey) judgement(e *ldap.Entry) (*judgement, error) {
	raw := attribute(e, "nTSecurityDescriptor")
	class := classOf(e)
	list, ok := security.Fingerprint(raw)
	key := listKey{list, class}
	if known := s.judged[key]; ok && known != nil {
		// Equal lists mean the same for everybody but two: SELF is the service account only on its own account,
		// and OWNER RIGHTS speak of it only where it is the owner.
		if s.own(e, raw) == nil {
			return known, nil
		}
	}
	return s.judgeNew(e, raw, key)
}

// own returns the SIDs that the service account has only on this object; nil when there are none.
func (s *survey) own(e *ldap.Entry, raw []byte) []string {
	var more []string
	if sid, err := directory.SIDFromBytes(attribute(e, "objectSid")); err == nil && sid.String() == s.c.self {
		more = append(more, security.Self)
	}
	owner, err := security.Owner(raw)
	if err == nil && s.c.token[owner] {
		more = append(more, security.OwnerRights)
	}
	return more
}

func (s *survey) judgeNew(e *ldap.Entry, raw []byte, key listKey) (*judgement, error) {
	desc, err := security.Parse(raw)
	if err != nil {
		return &judgement{maychange: true, lacks: []lack{{right: ResetPassword, outcome: security.Unclear}}}, nil //nolint:nilerr // told as unclear
	}
	class, err := s.dir.schema.class(s.c, key.class)
	if err != nil {
		return nil, err
	}
	more := s.own(e, raw)
	token := security.Token(s.c.token)
	if more != nil {
		token = token.And(more...)
	}
	j := &judgement{cutOff: desc.Protected}
	for _, r := range s.out.Rights {
		v := s.dir.schema.judge(desc, token, r, class)
		switch {
		case v.Outcome != security.Granted:
			j.lacks = append(j.lacks, newLack(r, v))
		case r == ResetPassword:
			j.excess = append(j.excess, string(ResetPassword))
		}
	}
	j.excess = append(j.excess, excessive(desc, token)...)
	if slices.Contains(more, security.OwnerRights) {
		j.excess = append(j.excess, excessOwner)
	}
	j.maychange = mayChange(desc)
	if more == nil {
		s.judged[key] = j
	}
	return j, nil
}

func newLack(r Right, v security.Verdict) lack {
	l := lack{right: r, outcome: v.Outcome}
	if v.By != nil {
		l.by, l.inherited = v.By.SDDL(), v.By.Has(security.Inherited)
	}
	return l
}

// mayChange reports whether somebody may change their own password, knowing the old one.
func mayChange(d security.Descriptor) bool {
	t := security.Token{security.Self: true, security.Everyone: true, security.AuthenticatedUsers: true}
	return d.Check(t, extended(changePasswordRight)).Outcome == security.Granted
}

// classOf is the most specific class: the last value ([MS-ADTS] 3.1.1.1.4).
func classOf(e *ldap.Entry) string {
	classes := e.GetAttributeValues("objectClass")
	if len(classes) == 0 {
		return "user"
	}
	return classes[len(classes)-1]
}

// collect counts a person in the groups of those who lack the same.
func (s *survey) collect(e *ldap.Entry, j *judgement) {
	if len(j.lacks) == 0 {
		return
	}
	parent := parentOf(e.DN)
	rights := map[lack][]Right{}
	var order []lack
	for _, l := range j.lacks {
		cause := lack{outcome: l.outcome, by: l.by, inherited: l.inherited}
		if rights[cause] == nil {
			order = append(order, cause)
		}
		rights[cause] = append(rights[cause], l.right)
	}
	for _, cause := range order {
		key := groupKey{
			parent: parent, class: classOf(e), rights: joined(rights[cause]), by: cause.by, outcome: cause.outcome,
			inherited: cause.inherited, cutOff: j.cutOff,
		}
		g := s.groups[key]
		if g == nil {
			g = &group{rights: rights[cause]}
			s.groups[key] = g
		}
		g.count++
		if len(g.people) < maxNamed {
			g.people = append(g.people, e.DN)
		}
	}
}

func joined(rights []Right) string {
	names := make([]string, len(rights))
	for i, r := range rights {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// parentOf is the DN after the first component.
func parentOf(dn string) string {
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',':
			return dn[i+1:]
		}
	}
	return ""
}

// identify reads who the service account is.
func (s *survey) identify() error {
	var state State
	state.BaseDN = s.out.BaseDN
	if err := s.c.names(&state); err != nil {
		return err
	}
	s.out.Domain = state.Domain
	e, err := s.c.one("<SID="+s.c.self+">", "sAMAccountName")
	if err != nil {
		return fmt.Errorf("the service account itself: %w", err)
	}
	s.out.Account = state.NetBIOS + `\` + string(attribute(e, "sAMAccountName"))
	return nil
}

// elsewhere judges what the service account needs outside the units.
func (s *survey) elsewhere() error {
	head, err := s.place(s.out.BaseDN)
	if err != nil {
		return err
	}
	s.out.Unexpire = head.desc.Check(s.c.token, extended(unexpirePasswordRight)).Outcome
	s.out.Replicate = head.desc.Check(s.c.token, extended(replicateRight)).Outcome
	policies, err := s.place(policyContainer(s.out.BaseDN))
	if err != nil {
		return err
	}
	s.out.Policies = policies.readable && canList(policies.desc, s.c.token)
	if s.out.Deleted, err = s.deletedObjects(); err != nil {
		return err
	}
	s.out.Fix = s.fixElsewhere()
	return nil
}

func policyContainer(base string) string { return "CN=Password Settings Container,CN=System," + base }

func canList(d security.Descriptor, t security.Token) bool {
	for _, bit := range []uint32{security.ListContents, security.ReadProperty} {
		if d.Check(t, security.Right{Bit: bit}).Outcome != security.Granted {
			return false
		}
	}
	return true
}

// deletedObjects reports whether what was deleted can be seen. The container's list may not be readable where its
// contents are: then whether it lists anything tells.
func (s *survey) deletedObjects() (bool, error) {
	dn := deletedContainer(s.out.BaseDN)
	p, err := s.c.place(dn)
	if err != nil {
		return false, err
	}
	if p.readable {
		return canList(p.desc, s.c.token), nil
	}
	return s.c.seesDeleted(dn)
}

// listed is a container or another object whose list matters.
type listed struct {
	dn       string
	readable bool
	desc     security.Descriptor
}

// place reads an object's list once. One that may not be read is not an error.
func (s *survey) place(dn string) (*listed, error) {
	if p := s.lists[dn]; p != nil {
		return p, nil
	}
	p, err := s.c.place(dn)
	if err == nil {
		s.lists[dn] = p
	}
	return p, err
}

func (c *conn) place(dn string) (*listed, error) {
	p := &listed{dn: dn}
	e, err := c.oneWith(append(seeing(dn), control{oidSDFlags, ownerAndDACL}), dn, []string{"nTSecurityDescriptor"})
	if err != nil && lost(err) {
		return nil, err
	}
	if err == nil {
		if p.desc, err = security.Parse(attribute(e, "nTSecurityDescriptor")); err == nil {
			p.readable = true
		}
	}
	return p, nil
}
