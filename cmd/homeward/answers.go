package main

import (
	"encoding/base64"
	"encoding/hex"
	"time"

	"homeward/internal/agent/command"
	"homeward/internal/cli/answer"
	"homeward/internal/protocol"
	"homeward/internal/server/control"
	"homeward/internal/server/licence"
	"homeward/internal/server/provision"
	"homeward/internal/server/reset"
)

// The answers of verbs as a program reads them. Their fields are documented in docs/reference/commands.md, which is made from
// them: add fields, never rename one.

// asJSON is the flag of verbs whose answer a program may read.
type asJSON struct {
	JSON bool `help:"Print JSON." name:"json"`
}

// print prints the answer in the form that was asked for.
func (j asJSON) print(s command.Streams, v any, t *answer.Table) error {
	if j.JSON {
		return answer.JSON(s.Out, v)
	}
	return t.Write(s.Out)
}

// each turns records into their answers.
func each[R, A any](all []R, of func(R) A) []A {
	out := make([]A, 0, len(all))
	for _, r := range all {
		out = append(out, of(r))
	}
	return out
}

type personAnswer struct {
	ID          string          `json:"id" about:"Homeward's own."`
	UPN         string          `json:"upn" about:"Sign-in name."`
	Name        string          `json:"name" about:"As it is shown."`
	Account     string          `json:"account" about:"NETBIOS\\name; the sign-in name of a cloud account."`
	Source      string          `json:"source" about:"directory or cloud."`
	Domain      string          `json:"domain,omitempty"`
	DN          string          `json:"dn,omitempty"`
	Object      string          `json:"object,omitempty" about:"objectGUID, 32 hex digits."`
	ImmutableID string          `json:"immutable_id,omitempty" about:"onPremisesImmutableId: the source anchor in Base64."`
	Mail        string          `json:"mail,omitempty"`
	State       string          `json:"state" about:"ok, disabled, protected, held, missing or deleted."`
	Held        protocol.Reason `json:"held,omitempty" about:"The conflict that waits for a decision."`
	Match       provision.How   `json:"match,omitempty" about:"How the account was joined: hard, soft_smtp, soft_upn or linked."`
	Password    string          `json:"password,omitempty" about:"Of a joined account: pending, writing, written or refused."`
	PasswordWhy protocol.Reason `json:"password_reason,omitempty" about:"Why the directory refused the cloud password."`
	PasswordSet answer.Time     `json:"password_set,omitzero" about:"As the last sync said."`
	Created     answer.Time     `json:"created,omitzero"`
	Updated     answer.Time     `json:"updated,omitzero"`
	Joined      answer.Time     `json:"joined,omitzero"`
	Deleted     answer.Time     `json:"deleted,omitzero"`
}

func personOf(p provision.Person) personAnswer {
	a := personAnswer{
		ID: p.ID, UPN: p.UPN, Name: p.DisplayName, Account: p.Name(), Source: "directory", Domain: p.Domain, DN: p.DN, Object: p.Object, Mail: p.Mail,
		State: "ok", Held: p.Held, Match: p.How, Password: string(p.Password), PasswordWhy: p.PasswordReason, PasswordSet: answer.At(p.PasswordSet),
		Created: answer.At(p.Created), Updated: answer.At(p.Updated), Joined: answer.At(p.Joined), Deleted: answer.At(p.Deleted),
	}
	if p.Cloud() {
		a.Source = "cloud"
	}
	if raw, err := hex.DecodeString(p.Anchor); err == nil && len(raw) > 0 {
		a.ImmutableID = base64.StdEncoding.EncodeToString(raw)
	}
	switch {
	case !p.Living():
		a.State = "deleted"
	case p.Held != "":
		a.State = "held"
	case p.Missing:
		a.State = "missing"
	case p.Disabled:
		a.State = "disabled"
	case p.Protected:
		a.State = "protected"
	}
	return a
}

type roleAnswer struct {
	Name  string      `json:"name" about:"Who holds it."`
	Role  string      `json:"role"`
	Since answer.Time `json:"since"`
	By    string      `json:"by"`
}

func roleOfRecord(r provision.Role) roleAnswer {
	return roleAnswer{r.Name, r.Role, answer.At(r.At), r.Operator}
}

type domainAnswer struct {
	Name     string      `json:"name"`
	Record   string      `json:"record" about:"TXT record that proves whose the domain is."`
	Verified answer.Time `json:"verified,omitzero" about:"Left out: not yet."`
}

func domainOf(d provision.Domain) domainAnswer {
	return domainAnswer{d.Name, verification(d.Token), answer.At(d.Verified)}
}

type groupAnswer struct {
	ID       string `json:"id" about:"objectGUID, 32 hex digits."`
	Name     string `json:"name"`
	SAM      string `json:"sam"`
	Mail     string `json:"mail,omitempty"`
	Domain   string `json:"domain"`
	DN       string `json:"dn"`
	Security bool   `json:"security"`
	People   int    `json:"people" about:"Those of the groups in it too."`
}

type runAnswer struct {
	ID       string      `json:"id"`
	Domain   string      `json:"domain"`
	Staging  bool        `json:"staging" about:"Nothing was changed."`
	Full     bool        `json:"full" about:"A full run; false: changes."`
	Agent    string      `json:"agent"`
	DC       string      `json:"dc,omitempty"`
	Status   string      `json:"status"`
	Started  answer.Time `json:"started"`
	Ended    answer.Time `json:"ended,omitzero" about:"Left out: it goes on."`
	Added    int         `json:"added"`
	Updated  int         `json:"updated"`
	Deleted  int         `json:"deleted"`
	Joined   int         `json:"joined"`
	Faults   int         `json:"faults"`
	Same     int         `json:"unchanged"`
	Groups   int         `json:"groups"`
	Objects  int         `json:"objects" about:"That the directory sent."`
	Bytes    int64       `json:"bytes"`
	MicroSec int64       `json:"us" about:"Microseconds spent reading."`
}

func runOf(r provision.Run) runAnswer {
	return runAnswer{
		ID: r.ID, Domain: r.Domain, Staging: r.Staging, Full: r.Full, Agent: r.Agent, DC: r.DC, Status: r.Status, Started: answer.At(r.Started), Ended: answer.At(r.Ended),
		Added: r.Added, Updated: r.Updated, Deleted: r.Deleted, Joined: r.Joined, Faults: r.Faults, Same: r.Unchanged, Groups: r.Groups,
		Objects: r.Objects, Bytes: r.Bytes, MicroSec: r.Micros,
	}
}

type problemAnswer struct {
	Object    string             `json:"object" about:"objectGUID, 32 hex digits."`
	Domain    string             `json:"domain"`
	Name      string             `json:"name" about:"NETBIOS\\name."`
	DN        string             `json:"dn"`
	Reason    protocol.Reason    `json:"reason"`
	Value     string             `json:"value,omitempty" about:"What is contested."`
	Attribute string             `json:"attribute,omitempty"`
	Detail    string             `json:"detail,omitempty"`
	Other     string             `json:"other,omitempty" about:"Name of the other account."`
	Meaning   string             `json:"meaning"`
	Remedy    string             `json:"remedy"`
	Choices   []provision.Choice `json:"choices" about:"That sync decide takes, with underscores."`
	Holds     bool               `json:"holds" about:"Neither of the two can reset until it is decided."`
	Since     answer.Time        `json:"since"`
}

func problemOfRecord(p provision.Explained) problemAnswer {
	return problemAnswer{
		Object: p.Object, Domain: p.Domain, Name: p.Name, DN: p.DN, Reason: p.Reason, Value: p.Value, Attribute: p.Attribute, Detail: p.Detail,
		Other: p.OtherName, Meaning: p.Meaning, Remedy: p.Remedy, Choices: append([]provision.Choice{}, p.Choices...), Holds: p.Holds, Since: answer.At(p.Since),
	}
}

type previewAnswer struct {
	Object  string            `json:"object" about:"objectGUID, 32 hex digits."`
	Domain  string            `json:"domain"`
	Verdict provision.Verdict `json:"verdict"`
	Reason  protocol.Reason   `json:"reason,omitempty" about:"Of a conflict."`
	Name    string            `json:"name" about:"NETBIOS\\name."`
	UPN     string            `json:"upn"`
	Mail    string            `json:"mail,omitempty"`
	Display string            `json:"display_name,omitempty"`
	Other   string            `json:"other,omitempty" about:"Account it would be joined to, or is in conflict with."`
}

func previewOf(p provision.Preview) previewAnswer {
	return previewAnswer{
		Object: p.Object, Domain: p.Domain, Verdict: p.Verdict, Reason: p.Reason, Name: p.Name, UPN: p.UPN, Mail: p.Address, Display: p.Display, Other: p.OtherName,
	}
}

type productAnswer struct {
	Part      string `json:"part" about:"Part number."`
	Name      string `json:"name"`
	GUID      string `json:"guid"`
	P1        bool   `json:"aad_premium" about:"Includes the service plan AAD_PREMIUM."`
	P2        bool   `json:"aad_premium_p2" about:"Includes the service plan AAD_PREMIUM_P2."`
	Writeback bool   `json:"writeback" about:"Includes password writeback."`
}

func productOf(k licence.SKU) productAnswer {
	return productAnswer{k.Part, k.Name, k.GUID, k.P1, k.P2, k.Writeback()}
}

type probeAnswer struct {
	Found        bool            `json:"found" about:"Active Directory knows the person, and the service account may see them."`
	Reason       protocol.Reason `json:"reason,omitempty" about:"Why they can't be written."`
	Name         string          `json:"name,omitempty"`
	SAM          string          `json:"sam,omitempty"`
	Domain       string          `json:"domain,omitempty"`
	Agent        string          `json:"agent,omitempty" about:"Id of the one that answered."`
	Policy       string          `json:"policy,omitempty" about:"domain, or the fine-grained policy that holds."`
	MinLength    int             `json:"min_length"`
	Complexity   bool            `json:"complexity"`
	History      int             `json:"history"`
	MinAge       int64           `json:"min_age_seconds"`
	MaxAge       int64           `json:"max_age_seconds"`
	Locked       bool            `json:"locked"`
	MustChange   bool            `json:"must_change" about:"At the next sign-in."`
	Expired      bool            `json:"expired"`
	NeverExpires bool            `json:"never_expires"`
	CannotChange bool            `json:"cannot_change" about:"It can be reset only."`
	PasswordSet  answer.Time     `json:"password_set,omitzero"`
	ChangeableAt answer.Time     `json:"changeable_at,omitzero" about:"Left out: at once."`
	ExpiresAt    answer.Time     `json:"expires_at,omitzero"`
}

// probeOf leaves out the directory's own words, which belong to the audit log.
func probeOf(p protocol.PersonPolicy) probeAnswer {
	seconds := func(ms int64) int64 { return ms / time.Second.Milliseconds() }
	return probeAnswer{
		Found: p.Found, Reason: p.Reason, Name: p.DisplayName, SAM: p.SAM, Domain: p.Domain, Agent: p.Agent, Policy: p.Source, MinLength: p.MinLength,
		Complexity: p.Complexity, History: p.History, MinAge: seconds(p.MinAge), MaxAge: seconds(p.MaxAge), Locked: p.Locked, MustChange: p.MustChange,
		Expired: p.Expired, NeverExpires: p.NeverExpires, CannotChange: p.CannotChange, PasswordSet: answer.At(p.PasswordSet.Time()),
		ChangeableAt: answer.At(p.ChangeableAt.Time()), ExpiresAt: answer.At(p.ExpiresAt.Time()),
	}
}

type standingAnswer struct {
	Name  string          `json:"name"`
	Can   reset.GateState `json:"can" about:"open, shut or unknown."`
	Gates []reset.Gate    `json:"gates"`
	Live  *probeAnswer    `json:"live,omitempty" about:"What an agent has just seen."`
	At    answer.Time     `json:"at"`
}

func standingOf(s control.Standing) standingAnswer {
	a := standingAnswer{Name: s.Name, Can: s.Can, Gates: append([]reset.Gate{}, s.Gates...), At: answer.At(s.At)}
	if s.Live != nil {
		live := probeOf(*s.Live)
		a.Live = &live
	}
	return a
}
