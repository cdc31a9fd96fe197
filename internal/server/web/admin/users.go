package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/licence"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
)

const usersPath = "/admin/users"

// userRoutes are the pages about people.
func userRoutes() []route {
	const one = usersPath + "/{id}"
	return []route{
		{"GET " + usersPath, operator.ReadUsers, (*visit).getUsers},
		{"GET " + one, operator.ReadUsers, (*visit).getUser},
		{"GET " + one + "/unlock", operator.ResetUsers, (*visit).getUnlock},
		{"POST " + one + "/unlock", operator.ResetUsers, (*visit).postUnlock},
		{"GET " + one + "/reset", operator.ResetUsers, (*visit).getReset},
		{"POST " + one + "/reset", operator.ResetUsers, (*visit).postReset},
		{"GET " + one + "/pass", operator.HelpUsers, (*visit).getPass},
		{"POST " + one + "/pass", operator.HelpUsers, (*visit).postPass},
		{"GET " + one + "/register", operator.ResetUsers, (*visit).getAgain},
		{"POST " + one + "/register", operator.ResetUsers, (*visit).postAgain},
		{"GET " + one + "/verify", operator.HelpUsers, (*visit).getVerify},
		{"POST " + one + "/verify", operator.HelpUsers, (*visit).postVerify},
		{"GET " + one + "/verify/{attempt}", operator.HelpUsers, (*visit).getCaller},
		{"POST " + one + "/verify/{attempt}", operator.HelpUsers, (*visit).postCaller},
	}
}

// CanSeeUsers reports whether the operator may find people.
func (f Frame) CanSeeUsers() bool { return f.Operator.Role.May(operator.ReadUsers) }

// UsersPage lists people: GET /admin/users. Its form is a plain GET, so an address is a search.
type UsersPage struct {
	Frame

	Find, Can, Account, Source string
	Scoped                     bool // the operator finds some people only
	Licensed                   bool // licences matter here
	Total, Looked              int
	Rows                       []UserRow
	Next, Previous             string   // addresses; empty: there is no such page
	Found, Passed              int      // how many the search finds, and how many of them stand on pages before; Found is zero where that isn't counted
	Silent                     []string // domains whose directory didn't say how its accounts stand
	Unasked, Partial           []string // domains that didn't say, or didn't say all, whose accounts stand in the way that is asked for
}

// UserRow is one person of the list.
type UserRow struct {
	ID, Path, Name, UPN string
	Source, Unit        string
	Account, Can        Look
	Stored              bool // Account is what the last sync said, because the directory didn't
	Methods             int
	Licence             string
	Last, LastHow       string
}

// Look is a state in words with its picture.
type Look struct{ Look, Icon, Word string }

// Template names the page's file.
func (UsersPage) Template() string { return "users" }

// Title is the page's one h1.
func (p UsersPage) Title() string { return p.T("admin.nav.users") }

// Crumbs lead to the page.
func (p UsersPage) Crumbs() []Crumb { return []Crumb{{p.Title(), ""}} }

// Filtered reports whether anything is filtered.
func (p UsersPage) Filtered() bool {
	return p.Find != "" || p.Can != "" || p.Account != "" || p.Source != ""
}

// Place says which people of all that were found are shown; empty: they weren't counted.
func (p UsersPage) Place() string {
	return p.place(p.Passed, len(p.Rows), p.Number(p.Found), p.Found > 0)
}

// Beside are the pages on both sides.
func (p UsersPage) Beside() Beside {
	return Beside{p.Previous, p.Next, p.T("admin.users.previous"), p.T("admin.users.next")}
}

// Cans choose by whether somebody can reset.
func (p UsersPage) Cans() []Choice {
	return []Choice{
		{"", p.T("admin.users.anyone"), p.Can == ""}, {"yes", p.T("admin.can.yes"), p.Can == "yes"}, {"no", p.T("admin.can.no"), p.Can == "no"},
	}
}

// Accounts choose by the state of the account.
func (p UsersPage) Accounts() []Choice {
	active, disabled := string(provision.Active), string(provision.Disabled)
	return []Choice{
		{"", p.T("admin.users.any"), p.Account == ""},
		{active, p.T("admin.users.active"), p.Account == active},
		{disabled, p.T("admin.users.disabled"), p.Account == disabled},
		p.standing(protocol.StandingLocked, "admin.users.locked"),
		p.standing(protocol.StandingMust, "admin.users.state.must"),
		p.standing(protocol.StandingEnded, "admin.users.state.ended"),
	}
}

func (p UsersPage) standing(s protocol.Standing, word string) Choice {
	return Choice{string(s), p.T(word), p.Account == string(s)}
}

// Sources choose by where the account lives.
func (p UsersPage) Sources() []Choice {
	onprem, cloud := string(provision.FromDirectories), string(provision.InCloud)
	return []Choice{
		{"", p.T("admin.users.any"), p.Source == ""},
		{onprem, p.T("admin.users.onprem"), p.Source == onprem},
		{cloud, p.T("admin.users.cloud"), p.Source == cloud},
	}
}

func (v *visit) getUsers() error {
	q := v.r.URL.Query()
	p, search, err := v.askedUsers()
	if err != nil {
		return err
	}
	if code := strings.ToUpper(p.Find); audit.IsSupport(code) {
		one, err := v.Helpdesk.BySupport(v.ctx(), v.tenant, v.by, code)
		if err == nil {
			return v.seeOther(userPath(one.ID))
		}
		if !errors.Is(err, helpdesk.ErrNoPerson) {
			return err
		}
	}
	search.After, search.Before = q.Get("after"), q.Get("before")
	found, err := v.Helpdesk.List(v.ctx(), v.tenant, v.by, search)
	if err != nil {
		return err
	}
	p.Found, p.Passed = found.Found, found.Passed
	p.Total, p.Looked, p.Scoped = found.Total, found.Looked, found.Scoped
	people := make([]provision.Person, len(found.Rows))
	for i, r := range found.Rows {
		people[i] = r.Person
	}
	states := v.states(people)
	p.Silent = states.silent
	for _, r := range found.Rows {
		row := v.frame.userRow(r, licence.Judge(v.tenant.Settings))
		row.Account, row.Stored = states.now(v.frame, r.Person)
		p.Rows = append(p.Rows, row)
	}
	p.Next, p.Previous = p.beside("after", found.Next), p.beside("before", found.Previous)
	return v.render(http.StatusOK, p)
}

// askedUsers is the filter of an address, and the query it comes to.
func (v *visit) askedUsers() (UsersPage, helpdesk.Query, error) {
	q := v.r.URL.Query()
	p := UsersPage{
		Frame: v.frame, Find: strings.TrimSpace(q.Get("find")), Can: q.Get("can"), Account: q.Get("account"), Source: q.Get("source"),
		Licensed: v.tenant.Settings.LicencesNeeded,
	}
	const most = 256
	if len(p.Find) > most {
		return p, helpdesk.Query{}, errForm
	}
	can := map[string]reset.GateState{"yes": reset.Open, "no": reset.Shut}[p.Can]
	search := helpdesk.Query{Find: p.Find, Account: provision.AccountState(p.Account), Source: provision.Source(p.Source), Can: can}
	if standing := protocol.Standing(p.Account); slices.Contains(protocol.Standings(), standing) {
		search.Account = ""
		search.Objects, p.Unasked, p.Partial = v.standingNow(standing)
	}
	return p, search, nil
}

// beside is the address of a page next to this one.
func (p UsersPage) beside(which, id string) string {
	if id == "" {
		return ""
	}
	q := p.filter()
	q.Set(which, id)
	return usersPath + "?" + q.Encode()
}

// filter is the search as a part of an address.
func (p UsersPage) filter() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"find": p.Find, "can": p.Can, "account": p.Account, "source": p.Source} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func userPath(id string) string { return usersPath + "/" + url.PathEscape(id) }

// personName is how a person is called on pages.
func personName(p provision.Person) string {
	for _, n := range []string{p.DisplayName, p.UPN, p.Name()} {
		if n != "" {
			return n
		}
	}
	return p.ID
}

func (f Frame) userRow(r helpdesk.Row, l licence.Verdict) UserRow {
	p := r.Person
	row := UserRow{
		ID: p.ID, Path: userPath(p.ID), Name: personName(p), UPN: p.UPN, Source: f.source(p), Unit: provision.Unit(p.DN), Methods: r.Methods,
		Account: f.account(p), Can: f.can(r.Standing), Licence: f.T("admin.users.licence.no"),
	}
	if row.UPN == "" {
		row.UPN = p.Name()
	}
	if l.Allowed {
		row.Licence = f.T("admin.users.licence.yes")
	}
	row.Last, row.LastHow = f.lastWrite(r.Last)
	return row
}

func (f Frame) source(p provision.Person) string {
	if p.Cloud() {
		return f.T("admin.users.cloud")
	}
	return f.T("admin.users.onprem")
}

// account is what the last sync said of an account.
func (f Frame) account(p provision.Person) Look {
	switch {
	case p.Missing:
		return Look{"warn", "warning", f.T("admin.users.missing")}
	case p.Held != "":
		return Look{"warn", "warning", f.T("admin.users.held")}
	case p.Disabled:
		return Look{"unknown", "minus", f.T("admin.users.disabled")}
	}
	return Look{"ok", "check", f.T("admin.users.active")}
}

// can is the answer to whether somebody can reset, in a few words.
func (f Frame) can(s reset.Standing) Look {
	g := s.First()
	switch {
	case s.Can() == reset.Open:
		return Look{"ok", "check", f.T("admin.can.yes")}
	case s.Can() == reset.Unknown:
		return Look{"unknown", "question", f.T("admin.can.unknown")}
	case g.ID == reset.GateMethods:
		return Look{"warn", "warning", f.T("admin.can.methods", "N", g.Need-g.Have)}
	case g.ID == reset.GateProtected:
		return Look{"unknown", "lock", f.T("admin.can.protected")}
	case g.ID == reset.GateEnabled, g.ID == reset.GateScope, g.ID == reset.GateDirectory:
		return Look{"unknown", "minus", f.T(canWord(g.ID))}
	case canWord(g.ID) != "":
		return Look{"bad", "cross", f.T(canWord(g.ID))}
	}
	return Look{"bad", "cross", f.T("admin.can.no")}
}

// lastWrite says when a password was last written, and what became of it.
func (f Frame) lastWrite(r audit.Record) (when, how string) {
	if r.Seq == 0 {
		return f.T("admin.never"), ""
	}
	when = f.day(r.At)
	switch {
	case r.Result != "changed":
		when = f.result(r.Result) + ", " + when
		if how = f.reason(r.Reason); how == "" {
			how = r.Support
		}
	case strings.HasSuffix(r.Activity, "(by admin)"):
		how = f.T("admin.users.helpdesk")
	default:
		how = f.T("admin.users.self")
	}
	return when, how
}

// day is a moment to the minute.
func (f Frame) day(t time.Time) string {
	if t.IsZero() {
		return f.T("admin.never")
	}
	if f.today(t) {
		return f.Clock(t, f.Location)
	}
	return f.T("time.moment", "Day", f.Day(t, f.Location), "Time", f.Clock(t, f.Location))
}
