package admin

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/licence"
	"homeward/internal/server/operator"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// UserPage is one person: GET /admin/users/….
type UserPage struct {
	Frame

	View    helpdesk.View
	Gates   []GateLine
	Answer  Look
	Methods []MethodLine
	Recent  []Entry
	Since   string // when the lockout began, where it is known
	Barred  string // why the operator can't do anything for the person
	Plans   []string
	Portal  string
}

// GateLine is one gate in words.
type GateLine struct {
	ID, Look, Icon, Text, Next, Command, Path, Place string
}

// MethodLine is one method.
type MethodLine struct{ Icon, Name, Masked, When string }

// Template names the page's file.
func (UserPage) Template() string { return "user" }

// Title is the page's one h1.
func (p UserPage) Title() string { return personName(p.View.Person) }

// Crumbs lead to the page.
func (p UserPage) Crumbs() []Crumb {
	return []Crumb{{p.T("admin.nav.users"), usersPath}, {p.Title(), ""}}
}

// Here is the page's address.
func (p UserPage) Here() string { return userPath(p.View.Person.ID) }

// Account is what the last sync said of the account.
func (p UserPage) Account() Look { return p.account(p.View.Person) }

// Locked reports whether the account is locked out now, as an agent has just seen.
func (p UserPage) Locked() bool { return p.View.Standing.Live != nil && p.View.Standing.Live.Locked }

// LockedOut says so, and since when.
func (p UserPage) LockedOut() string {
	if p.Since == "" {
		return p.T("admin.users.locked")
	}
	return p.T("admin.user.locked", "Time", p.Since)
}

// MayHelp and MayReset report whether the operator can act on the person.
func (p UserPage) MayHelp() bool { return p.View.Help == "" }

// MayReset is MayHelp for unlocking and resetting.
func (p UserPage) MayReset() bool { return p.View.Reset == "" }

// MayRequire reports whether the operator can have the person register again, who has registered something.
func (p UserPage) MayRequire() bool { return p.MayReset() && len(p.View.Methods) > 0 }

// Checked says when, and by whom, the gates were looked at.
func (p UserPage) Checked() string {
	at := p.Second(p.View.Standing.At)
	if p.View.Standing.Live != nil {
		return p.T("admin.user.live", "Time", at)
	}
	return p.T("admin.user.stored", "Time", at)
}

// How says how the account was matched.
func (p UserPage) How() string {
	id := map[provision.How]string{
		provision.HardMatch: "admin.user.how.hard", provision.SoftSMTP: "admin.user.how.smtp", provision.SoftUPN: "admin.user.how.upn",
		provision.Linked: "admin.user.how.linked", "": "admin.user.how.made",
	}[p.View.Person.How]
	if id == "" {
		return string(p.View.Person.How)
	}
	return p.T(id)
}

// Source says where the account lives.
func (p UserPage) Source() string {
	if p.View.Person.Cloud() {
		return p.T("admin.users.cloud")
	}
	return p.T("admin.users.onprem") + ", " + p.View.Person.Domain
}

// Anchor is the source anchor as other tools write it (onPremisesImmutableId).
func (p UserPage) Anchor() string {
	b, err := hex.DecodeString(p.View.Person.Anchor)
	if err != nil || len(b) == 0 {
		return ""
	}
	return base64.StdEncoding.EncodeToString(b)
}

// Set is when the password was last set: as an agent has just seen, or as the last sync said.
func (p UserPage) Set() string {
	if l := p.View.Standing.Live; l != nil && !l.PasswordSet.Time().IsZero() {
		return p.When(l.PasswordSet.Time())
	}
	return p.When(p.View.Person.PasswordSet)
}

// Expires is when the password expires; empty: it isn't known.
func (p UserPage) Expires() string {
	l := p.View.Standing.Live
	switch {
	case l == nil || !l.Found:
		return ""
	case l.MustChange:
		return p.T("admin.user.must")
	case l.NeverExpires || l.ExpiresAt.Time().IsZero():
		return p.T("admin.user.expires.never")
	}
	return p.When(l.ExpiresAt.Time())
}

// Expired reports whether the password has expired.
func (p UserPage) Expired() bool {
	l := p.View.Standing.Live
	if l == nil || !l.Found || l.NeverExpires || l.MustChange {
		return false
	}
	at := l.ExpiresAt.Time()
	return !at.IsZero() && !at.After(p.Now)
}

// Place is where the account lies, part by part: a line may end after each.
func (p UserPage) Place() []string { return strings.SplitAfter(p.View.Person.DN, ",") }

// Rules names the policy that holds; empty: it isn't known.
func (p UserPage) Rules() string {
	l := p.View.Standing.Live
	if l == nil || !l.Found {
		return ""
	}
	name := l.Source
	if name == "domain" || name == "" {
		name = p.T("admin.user.rules.domain")
	}
	return name + ", " + p.T("admin.user.least", "N", l.MinLength)
}

// LastWrite says what became of the last write.
func (p UserPage) LastWrite() string {
	when, how := p.lastWrite(p.View.Last)
	if how == "" {
		return when
	}
	return when + ", " + how
}

// Faces are the letters in the round picture.
func (p UserPage) Faces() string {
	var out strings.Builder
	for _, word := range strings.Fields(p.Title())[:min(2, len(strings.Fields(p.Title())))] {
		out.WriteString(strings.ToUpper(string([]rune(word)[:1])))
	}
	return out.String()
}

func (v *visit) getUser() error {
	refresh := v.r.Header.Get(pollHeader) != "" // by the page itself: no agent is asked each time
	view, err := v.Helpdesk.Look(v.ctx(), v.tenant, v.by, v.r.PathValue("id"), !refresh)
	if errors.Is(err, helpdesk.ErrNoPerson) {
		return errNoPage
	}
	if err != nil {
		return err
	}
	p, err := v.userPage(view)
	if err != nil {
		return err
	}
	if p.Locked() {
		p.Since = v.lockedSince(view.Person)
	}
	return v.render(http.StatusOK, p)
}

func (v *visit) userPage(view helpdesk.View) (UserPage, error) {
	p := UserPage{Frame: v.frame, View: view, Plans: licence.Judge(v.tenant.Settings).Plans, Portal: strings.TrimSuffix(v.BaseURL, "/")}
	p.Answer = p.can(view.Standing)
	for _, g := range view.Standing.Gates {
		p.Gates = append(p.Gates, p.gate(g, v.tenant))
	}
	switch {
	case view.Help != "" && v.by.Role.May(operator.HelpUsers):
		p.Barred = p.T(barWord(view.Help))
	case view.Reset != "" && v.by.Role.May(operator.ResetUsers):
		p.Barred = p.T(barWord(view.Reset))
	}
	if m := view.Person.Mail; m != "" && !v.tenant.Settings.Checks.RegisteredOnly {
		p.Methods = append(p.Methods, MethodLine{Icon: "mail", Name: p.T("admin.user.mail"), Masked: verify.MaskMail(m)})
	}
	for _, m := range view.Methods {
		p.Methods = append(p.Methods, MethodLine{Icon: methodIcon(m.Kind), Name: p.kind(m.Kind), Masked: m.Masked, When: p.Day(m.Confirmed, p.Location)})
	}
	var err error
	p.Recent, err = v.entries(view.Recent)
	return p, err
}

// served reports whether a page is there to lead to.
func served(path string) bool {
	return slices.ContainsFunc(routes(), func(r route) bool { return r.pattern == "GET "+path })
}

// gate puts a gate into words: what it is, why, and where it is mended.
func (p UserPage) gate(g reset.Gate, t tenant.Tenant) GateLine {
	l := GateLine{ID: string(g.ID)}
	switch g.State {
	case reset.Open:
		l.Look, l.Icon = "ok", "check"
	case reset.Shut:
		l.Look, l.Icon = "bad", "cross"
	case reset.Noted:
		l.Look, l.Icon = "warn", "warning"
	case reset.Unknown:
		l.Look, l.Icon = "unknown", "question"
	}
	l.Text = p.gateText(g, t)
	if g.State == reset.Shut {
		l = p.mend(l, g)
	}
	if l.Path != "" && !served(l.Path) {
		l.Path, l.Place = "", ""
	}
	return l
}

func (p UserPage) gateText(g reset.Gate, t tenant.Tenant) string {
	group := cmp.Or(p.View.Chosen, g.Group)
	switch words := gateWords(g.ID); {
	case g.ID == reset.GateMethods:
		return p.T("admin.gate.methods", "Have", g.Have, "Need", g.Need)
	case g.ID == reset.GateScope && g.State == reset.Shut && (t.Settings.ResetScope == tenant.ScopeNone || group == ""):
		return p.T("admin.gate.scope.nobody")
	case g.ID == reset.GateScope && g.State == reset.Open && group != "":
		return p.T("admin.gate.scope.member", "Group", group)
	case g.ID == reset.GateAgent && g.Reason == protocol.ReasonAgentOutdated:
		return p.T("admin.gate.agent.old", "Domain", g.Name)
	case g.State == reset.Shut:
		return p.T(words.shut, "Group", group, "Domain", g.Name, "Reason", p.reason(string(g.Reason)), "Time", p.Second(g.Until))
	case g.State == reset.Unknown || g.State == reset.Noted:
		return p.T(words.other)
	default:
		return p.T(words.open, "Domain", g.Name, "Plan", strings.Join(p.Plans, ", "))
	}
}

// mend says what to do about a gate that is shut, and where.
func (p UserPage) mend(l GateLine, g reset.Gate) GateLine {
	switch g.ID {
	case reset.GateEnabled:
		l.Next = p.T("admin.gate.enabled.next")
	case reset.GateStopped:
		l.Next, l.Command = p.T("admin.gate.stopped.next"), "homeward people release "+cmp.Or(p.View.Person.UPN, p.View.Person.SAM)
	case reset.GateScope:
		l.Next, l.Command, l.Path, l.Place = p.T("admin.gate.scope.next"), "homeward group scope", propertiesPath, p.T("admin.open")
	case reset.GateLicence:
		l.Next, l.Command, l.Path, l.Place = p.T("admin.gate.licence.next"), "homeward licence show", licencesPath, p.T("admin.open")
	case reset.GateMethods:
		l.Next = p.T("admin.gate.methods.next", "Address", p.Portal+"/security-info")
	case reset.GateWriteback:
		l.Path, l.Place = onpremPath, p.T("admin.nav.onprem")
	case reset.GateMatch:
		l.Next, l.Command, l.Path, l.Place = p.T("admin.gate.match.next"), "homeward sync problems", syncPath, p.T("admin.open")
	case reset.GateAgent:
		l.Next, l.Path, l.Place = p.T("admin.gate.agent.next"), overviewPath, p.T("admin.nav.overview")
	case reset.GateProtected:
		l.Next = p.T("admin.gate.protected.next")
	case reset.GateAccount:
		l.Next, l.Command = p.T("admin.gate.account.next"), doctorFor(p.View.Person)
	case reset.GateDirectory, reset.GateRole, reset.GateAge:
	}
	return l
}

// lastVerified says when the operator verified the caller; empty: not lately.
func lastVerified(f Frame, r audit.Record) string {
	if r.Seq == 0 {
		return ""
	}
	return f.Clock(r.At, f.Location)
}
