package admin

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"homeward/internal/protocol"
)

const (
	// rulesWithin is how long the page waits for what the directories say of their password rules; all are asked beside each other.
	rulesWithin = 2 * time.Second
	// rulesFor is how long an answer, or that there was none, is believed: whoever reloads the page doesn't reach a controller each time.
	rulesFor = 15 * time.Second
	// rulesKept is how long an answer is remembered for a page that is still open.
	rulesKept = time.Hour
)

// rulings are the password rules of domains as their directories have last told them.
type rulings struct {
	mu    sync.Mutex
	known map[domainOf]ruling
}

type domainOf struct{ tenant, domain string }

// ruling is one answer.
type ruling struct {
	protocol.RulesAnswer

	domain string
	at     time.Time
	silent bool
}

// of returns what is known of a domain, if it isn't older than that.
func (k *rulings) of(d domainOf, now time.Time, age time.Duration) (ruling, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r, ok := k.known[d]
	return r, ok && now.Sub(r.at).Abs() < age
}

func (k *rulings) keep(d domainOf, r ruling) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[domainOf]ruling{}
	}
	for d, old := range k.known {
		if r.at.Sub(old.at) > rulesKept {
			delete(k.known, d)
		}
	}
	k.known[d] = r
}

// rulings asks the directories of a tenant for their password rules, in the order of their names. A page that asks for itself again
// asks nobody: it hears how old is what was told.
func (v *visit) rulings() []ruling {
	if v.Rules == nil {
		return nil
	}
	now, again := v.Now(), v.r.Header.Get(pollHeader) != ""
	ctx, cancel := context.WithTimeout(v.ctx(), rulesWithin)
	defer cancel()
	found := make([]ruling, len(v.frame.Domains))
	var all sync.WaitGroup
	for i, domain := range v.frame.Domains {
		key := domainOf{v.tenant.ID, domain}
		age := rulesFor
		if again {
			age = rulesKept
		}
		var ok bool
		if found[i], ok = v.told.of(key, now, age); ok || again {
			continue
		}
		all.Go(func() {
			answer, err := v.Rules(ctx, v.tenant.ID, domain)
			if err != nil {
				v.Log.Debug("directory didn't tell its password rules", "domain", domain, "error", err)
			}
			found[i] = ruling{RulesAnswer: answer, domain: domain, at: v.Now(), silent: err != nil}
			v.told.keep(key, found[i])
		})
	}
	all.Wait()
	return slices.DeleteFunc(found, func(r ruling) bool { return r.domain == "" })
}

// RuleRow is one password policy of the table.
type RuleRow struct {
	Name, About       string // what it is, and of which domain
	Applies           string
	Length, History   string
	Kinds             string
	MinAge, MaxAge    string
	Young             bool // a second reset within the minimum age is refused
	Lockout, LockedIn string
}

// RuleNote is what the table doesn't say.
type RuleNote struct{ ID, Look, Icon, Text, Command string }

// RulesTable are the password rules that people will see.
type RulesTable struct {
	Rows  []RuleRow
	Notes []RuleNote
	Read  string // how long ago; empty: nothing was read
}

// rulesTable puts what the directories told into words.
func (f Frame) rulesTable(all []ruling) RulesTable {
	var t RulesTable
	var oldest time.Time
	var silent []string
	note := func(id, look, icon, text, command string) {
		t.Notes = append(t.Notes, RuleNote{id, look, icon, text, command})
	}
	for _, r := range all {
		switch {
		case r.silent:
			silent = append(silent, r.domain)
			continue
		case r.Withheld:
			note("withheld", "info", "lock", f.T("admin.onprem.rules.withheld", "Domain", r.domain), "")
			continue
		}
		if oldest.IsZero() || r.at.Before(oldest) {
			oldest = r.at
		}
		for _, p := range r.Policies {
			t.Rows = append(t.Rows, f.ruleRow(p, r, len(all) > 1))
		}
		if r.Unseen {
			note("unseen", "warn", "warning", f.T("admin.onprem.rules.unseen", "Domain", r.domain), "homeward-agent grant")
		}
		if r.More > 0 {
			note("more", "info", "info", f.T("admin.onprem.rules.left", "N", r.More, "Domain", r.domain), "")
		}
	}
	if len(silent) > 0 {
		note("silent", "info", "question", f.T("admin.onprem.rules.silent", "Domains", strings.Join(silent, ", "), "N", int(rulesWithin/time.Second)), "")
	}
	if !oldest.IsZero() {
		t.Read = f.T("admin.onprem.rules.read", "Ago", f.Ago(oldest))
	}
	return t
}

func (f Frame) ruleRow(p protocol.PasswordRule, of ruling, several bool) RuleRow {
	row := RuleRow{
		Name: p.Name, Length: f.Number(p.MinLength), History: f.Number(p.History), Kinds: f.T("admin.onprem.rules.kinds.any"),
		MinAge: f.age(p.MinAge), MaxAge: f.T("admin.onprem.rules.never"), Young: p.MinAge > 0, Lockout: f.T("admin.onprem.rules.none"),
	}
	if p.Complexity {
		row.Kinds = f.T("admin.onprem.rules.kinds")
	}
	if p.MaxAge > 0 {
		row.MaxAge = f.age(p.MaxAge)
	}
	if p.Threshold > 0 {
		row.Lockout, row.LockedIn = f.T("admin.onprem.rules.tries", "N", p.Threshold), f.T("admin.onprem.rules.until")
		if p.Lockout > 0 {
			row.LockedIn = f.age(p.Lockout)
		}
	}
	if p.Precedence > 0 {
		row.About = f.T("admin.onprem.rules.fine", "N", f.Number(p.Precedence))
		row.Applies = f.applies(p)
	} else {
		row.Name, row.Applies = f.T("admin.onprem.rules.default"), f.T("admin.onprem.rules.everybody")
		if len(of.Policies) > 1 || of.Unseen {
			row.Applies = f.T("admin.onprem.rules.others")
		}
	}
	if several {
		row.About = strings.TrimPrefix(row.About+" · "+of.domain, " · ")
	}
	return row
}

// applies names whom a fine-grained policy holds for.
func (f Frame) applies(p protocol.PasswordRule) string {
	names := strings.Join(p.AppliesTo, ", ")
	switch more := p.Linked - len(p.AppliesTo); {
	case p.Linked == 0:
		return f.T("admin.onprem.rules.nobody")
	case more > 0:
		return f.T("admin.onprem.rules.names", "Names", names, "N", more)
	}
	return names
}

// age writes a length of time in milliseconds as administrators set it: days, hours or minutes.
func (f Frame) age(ms int64) string {
	const day = 24 * time.Hour
	switch d := time.Duration(ms) * time.Millisecond; {
	case d%day == 0:
		return f.T("admin.days", "N", int(d/day))
	case d%time.Hour == 0:
		return f.T("admin.onprem.rules.hours", "N", int(d/time.Hour))
	case d%time.Minute == 0:
		return f.T("admin.onprem.rules.minutes", "N", int(d/time.Minute))
	default:
		return f.span(d)
	}
}
