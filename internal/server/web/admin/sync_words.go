package admin

import (
	"homeward/internal/protocol"
	"homeward/internal/server/provision"
)

// caseWords are the messages of one kind of problem: what it is called, a heading, and what it means with what to do. asks
// marks a question whether two are the same person.
type caseWords struct {
	tag, title, says string
	asks             bool
}

//nolint:funlen // one table
func wordsOfCase(r protocol.Reason) caseWords {
	const data, object = "admin.case.data", "admin.case.data.title"
	return map[protocol.Reason]caseWords{
		provision.UPNTaken:         {"admin.case.duplicate", "admin.case.upn_taken", "admin.case.upn_taken.says", false},
		provision.AddressTaken:     {"admin.case.duplicate", "admin.case.address_taken", "admin.case.address_taken.says", false},
		provision.AddressDropped:   {"admin.case.address", "admin.case.address_dropped", "admin.case.address_dropped.says", false},
		provision.MatchExisting:    {"admin.case.left", "admin.case.match_existing", "admin.case.match_existing.says", false},
		provision.AnchorTaken:      {"admin.case.anchor", "admin.case.anchor_taken", "admin.case.anchor_taken.says", false},
		provision.AnchorChanged:    {"admin.case.anchor", "admin.case.anchor_changed", "admin.case.anchor_changed.says", false},
		provision.HardMatchRole:    {"admin.case.role", "admin.case.hard_match_role", "admin.case.hard_match_role.says", false},
		provision.HardMatchBlocked: {"admin.case.hard", "admin.case.same", "admin.case.hard_match_blocked.says", true},
		provision.SoftMatchRole:    {"admin.case.role", "admin.case.admin_role", "admin.case.admin_role.says", false},
		provision.SoftMatchAnchor:  {"admin.case.soft", "admin.case.soft_match_anchor", "admin.case.soft_match_anchor.says", false},
		provision.SoftMatchBlocked: {"admin.case.soft", "admin.case.same", "admin.case.soft_match_blocked.says", true},
		provision.SoftMatchAsk:     {"admin.case.soft", "admin.case.same", "admin.case.soft_match.says", true},
		provision.NoRoutableName:   {"admin.case.routable", "admin.case.no_routable_name", "admin.case.no_routable_name.says", false},
		provision.OtherDomain:      {"admin.case.domain", "admin.case.other_domain", "admin.case.other_domain.says", false},
		provision.RoleMoves:        {"admin.case.role", "admin.case.role_moves", "admin.case.role_moves.says", false},
		provision.BadObject:        {data, object, "admin.case.bad_object.says", false},
		protocol.FaultNoName:       {data, object, "admin.case.no_name.says", false},
		protocol.FaultNoUPN:        {data, object, "admin.case.no_upn.says", false},
		protocol.FaultText:         {data, object, "admin.case.bad_text.says", false},
		protocol.FaultLong:         {data, object, "admin.case.too_long.says", false},
		protocol.FaultMany:         {data, object, "admin.case.too_many.says", false},
		protocol.FaultAnchor:       {data, object, "admin.case.bad_anchor.says", false},
		protocol.FaultAddress:      {data, object, "admin.case.bad_address.says", false},
		protocol.FaultUnreadable:   {data, object, "admin.case.unreadable.says", false},
	}[r]
}

// runWord is how a run ended.
func runWord(status string) string {
	return map[string]string{
		provision.RunGoing:      "admin.outcome.going",
		provision.RunDone:       "admin.outcome.done",
		provision.RunProblems:   "admin.outcome.problems",
		provision.RunStopped:    "admin.outcome.stopped",
		provision.RunSuperseded: "admin.outcome.superseded",
	}[status]
}

// doneWord is what was just done.
func doneWord(what string) string {
	return map[string]string{
		"now":        "admin.done.now",
		"decided":    "admin.done.decided",
		"allowed":    "admin.done.allowed",
		"kept":       "admin.done.kept",
		"forgotten":  "admin.done.forgotten",
		"preview":    "admin.done.preview",
		"switch_on":  "admin.done.switch_on",
		"switch_off": "admin.done.switch_off",
	}[what]
}

// choiceWord is a decision that is remembered.
func choiceWord(c provision.Choice) string {
	return map[provision.Choice]string{
		provision.ChooseLink:   "admin.choice.link",
		provision.ChooseApart:  "admin.choice.apart",
		provision.ChooseThat:   "admin.choice.without",
		provision.ChooseMail:   "admin.choice.mail",
		provision.ChooseIgnore: "admin.choice.ignore",
	}[c]
}

// verdictWord is what would become of an object.
func verdictWord(v provision.Verdict) string {
	return map[provision.Verdict]string{
		provision.WouldJoinHard: "admin.verdict.join_hard",
		provision.WouldJoinSoft: "admin.verdict.join_soft",
		provision.WouldLink:     "admin.verdict.link",
		provision.WouldCreate:   "admin.verdict.create",
		provision.WouldRestore:  "admin.verdict.restore",
		provision.WouldUpdate:   "admin.verdict.update",
		provision.WouldLeave:    "admin.verdict.unchanged",
		provision.WouldSkip:     "admin.verdict.skip",
		provision.WouldConflict: "admin.verdict.conflict",
	}[v]
}

// groupWord is a kind of verdict as the filter has it.
func groupWord(group string) string {
	return map[string]string{
		"join":      "admin.preview.join",
		"create":    "admin.preview.create",
		"update":    "admin.preview.update",
		"conflict":  "admin.preview.conflict",
		"skip":      "admin.preview.skip",
		"unchanged": "admin.preview.unchanged",
	}[group]
}
