package admin

import (
	"strconv"
	"strings"

	"homeward/internal/protocol"
	"homeward/internal/server/provision"
)

// Card asks for one decision: what is wrong, both parties, and the decisions there are.
type Card struct {
	provision.Case

	ID         string
	Look, Icon string // of the tag
	Tag        string
	Name       string // heading
	Says       string
	Detail     string // as the directory or the agent had it
	Suggest    string
	Left       Side
	Right      Side
	Join       string // icon between the two
	Buttons    []CardButton
}

// Side is one party of a card. Without a name there is none.
type Side struct {
	Name, Kind string
	Lines      []string
}

// Two reports whether there are two parties to compare.
func (c Card) Two() bool { return c.Left.Name != "" && c.Right.Name != "" }

// CardButton is one decision.
type CardButton struct {
	Choice  provision.Choice
	Text    string
	Primary bool
}

// CaseName is what a kind of problem is called.
func (f Frame) CaseName(r protocol.Reason) string {
	if w := wordsOfCase(r); w.tag != "" {
		return f.T(w.tag)
	}
	return f.T("admin.code", "Code", string(r))
}

// card puts one problem in words.
func (f Frame) card(i int, c provision.Case) Card {
	out := Card{Case: c, ID: "case-" + strconv.Itoa(i+1), Tag: f.CaseName(c.Reason), Detail: c.Detail, Join: "cross"}
	w := wordsOfCase(c.Reason)
	out.Look, out.Icon = "warn", "warning"
	switch {
	case c.Holds:
		out.Look = "bad"
	case w.asks:
		out.Icon, out.Join = "question", "link"
	}
	value := c.Value
	if c.Reason == provision.NoRoutableName && c.Detail != "" {
		value, out.Detail = c.Detail, ""
	}
	if w.title == "" { // a reason of a newer part
		out.Name, out.Says = c.Name, f.T("admin.code", "Code", string(c.Reason))
	} else {
		out.Name = f.T(w.title, "Name", nameOf(c.This, c.Name), "Value", value)
		out.Says = f.T(w.says, "Attribute", c.Attribute)
	}
	out.Left = f.side(c.This)
	if out.Left.Name == "" {
		out.Left.Name = c.Name
	}
	if c.OtherName != "" || c.That.Name != "" {
		out.Right = f.side(c.That)
	}
	if w.asks { // as a question is read: the account that exists first
		out.Left, out.Right = out.Right, out.Left
		if out.Left.Name == "" {
			out.Left, out.Right = out.Right, out.Left
		}
	}
	for _, choice := range c.Choices {
		out.Buttons = append(out.Buttons, f.cardButton(c, choice))
	}
	switch c.Suggested {
	case provision.ChooseThis:
		out.Suggest = f.T("admin.sync.suggest", "Name", shortName(c.This.Name))
	case provision.ChooseThat:
		out.Suggest = f.T("admin.sync.suggest", "Name", shortName(c.That.Name))
	}
	return out
}

func nameOf(p provision.Party, known string) string {
	if p.Name != "" {
		return p.Name
	}
	return known
}

func (f Frame) cardButton(c provision.Case, choice provision.Choice) CardButton {
	b := CardButton{Choice: choice}
	switch choice {
	case provision.ChooseThis:
		b.Text = f.keep(c.This)
	case provision.ChooseThat:
		b.Text = f.keep(c.That)
	case provision.ChooseLink:
		b.Text, b.Primary = f.T("admin.sync.choice.link"), true
	case provision.ChooseApart:
		b.Text = f.T("admin.sync.choice.apart")
	case provision.ChooseMail:
		b.Text = f.T("admin.sync.choice.mail")
	case provision.ChooseIgnore:
		b.Text = f.T("admin.sync.choice.ignore")
	}
	return b
}

func (f Frame) keep(p provision.Party) string {
	if p.Name == "" {
		return f.T("admin.sync.choice.other")
	}
	return f.T("admin.sync.choice.keep", "Name", shortName(p.Name))
}

// shortName is a name without its domain.
func shortName(name string) string {
	if _, after, found := strings.Cut(name, `\`); found {
		return after
	}
	return name
}

// side says who a party is: where it lies, whether it is turned on, and what it is known by.
func (f Frame) side(p provision.Party) Side {
	s := Side{Name: p.Name, Kind: "Active Directory"}
	if p.Cloud {
		s.Kind = f.T("admin.sync.cloud")
		if p.DisplayName != "" {
			s.Name = p.DisplayName
		}
	}
	if p.Person == "" && p.UPN == "" && p.DN == "" && p.Mail == "" {
		s.Kind = ""
		return s
	}
	state := f.T("admin.sync.enabled")
	if p.Disabled {
		state = f.T("admin.sync.disabled")
	}
	s.Lines = append(s.Lines, joined(unitOf(p.DN), state, when(p.Role, f.T("admin.sync.role"))))
	mail := ""
	if !strings.EqualFold(p.Mail, p.UPN) {
		mail = p.Mail
	}
	if line := joined(p.UPN, mail); line != "" {
		s.Lines = append(s.Lines, line)
	}
	if p.Cloud {
		anchor := f.T("admin.sync.no_anchor")
		if p.Anchor != "" {
			anchor = f.T("admin.sync.anchor", "ID", shortID(p.Anchor))
		}
		s.Lines = append(s.Lines, anchor)
	} else if p.Object != "" {
		s.Lines = append(s.Lines, "objectGUID "+shortID(p.Object))
	}
	return s
}

func when(so bool, text string) string {
	if so {
		return text
	}
	return ""
}

// joined puts what there is side by side.
func joined(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, " · ")
}

// shortID is enough of an id to compare it by eye.
func shortID(id string) string {
	const shown = 4
	if len(id) <= 2*shown {
		return id
	}
	return id[:shown] + "…" + id[len(id)-shown:]
}

// unitOf is the container that an object lies in: the second part of its DN.
func unitOf(dn string) string {
	depth := 0
	for i := 0; i < len(dn); i++ {
		switch {
		case dn[i] == '\\':
			i++ // the next one is part of the value
		case dn[i] == ',' && depth == 0:
			dn, i, depth = dn[i+1:], -1, 1
		case dn[i] == ',':
			return dn[:i]
		}
	}
	if depth == 0 {
		return ""
	}
	return dn
}
