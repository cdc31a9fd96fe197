package admin

import (
	"homeward/internal/server/helpdesk"
	"homeward/internal/server/reset"
)

// gateWord is what a gate says when it is open, when it is shut, and when neither is all there is to say.
type gateWord struct{ open, shut, other string }

func gateWords(id reset.GateID) gateWord {
	return map[reset.GateID]gateWord{
		reset.GateEnabled:   {"admin.gate.enabled.open", "admin.gate.enabled.shut", ""},
		reset.GateStopped:   {"admin.gate.stopped.open", "admin.gate.stopped.shut", ""},
		reset.GateScope:     {"admin.gate.scope.open", "admin.gate.scope.shut", ""},
		reset.GateLicence:   {"admin.gate.licence.open", "admin.gate.licence.shut", ""},
		reset.GateDirectory: {"admin.gate.directory.open", "admin.gate.directory.shut", ""},
		reset.GateWriteback: {"admin.gate.writeback.open", "admin.gate.writeback.shut", ""},
		reset.GateMatch:     {"admin.gate.match.open", "admin.gate.match.shut", ""},
		reset.GateAgent:     {"admin.gate.agent.open", "admin.gate.agent.shut", "admin.gate.agent.unknown"},
		reset.GateProtected: {"admin.gate.protected.open", "admin.gate.protected.shut", ""},
		reset.GateRole:      {"admin.gate.role.open", "", "admin.gate.role.noted"},
		reset.GateAccount:   {"admin.gate.account.open", "admin.gate.account.shut", "admin.gate.account.unknown"},
		reset.GateAge:       {"admin.gate.age.open", "admin.gate.age.shut", "admin.gate.age.unknown"},
	}[id]
}

// canWord says in a word or two which gate is shut.
func canWord(id reset.GateID) string {
	return map[reset.GateID]string{
		reset.GateEnabled:   "admin.can.enabled",
		reset.GateStopped:   "admin.can.stopped",
		reset.GateScope:     "admin.can.scope",
		reset.GateLicence:   "admin.can.licence",
		reset.GateDirectory: "admin.users.cloud",
		reset.GateWriteback: "admin.can.writeback",
		reset.GateMatch:     "admin.can.match",
		reset.GateAgent:     "admin.can.agent",
		reset.GateProtected: "admin.can.protected",
	}[id]
}

// barWord says why an operator can't act on somebody.
func barWord(b helpdesk.Bar) string {
	if id := map[helpdesk.Bar]string{
		helpdesk.BarOwn:           "admin.bar.own",
		helpdesk.BarProtected:     "admin.bar.protected",
		helpdesk.BarAdministrator: "admin.bar.administrator",
		helpdesk.BarCloud:         "admin.bar.cloud",
		helpdesk.BarMatch:         "admin.bar.match",
	}[b]; id != "" {
		return id
	}
	return "admin.bar.role"
}

func actTitle(a act) string {
	return map[act]string{actUnlock: "admin.help.unlock", actReset: "admin.help.reset", actPass: "admin.help.pass", actAgain: "admin.help.again"}[a]
}

func actLead(a act) string {
	return map[act]string{actUnlock: "admin.help.unlock.lead", actReset: "admin.help.reset.lead", actPass: "admin.help.pass.lead", actAgain: "admin.help.again.lead"}[a]
}

func actGo(a act) string {
	return map[act]string{actUnlock: "admin.help.unlock", actReset: "admin.help.reset", actPass: "admin.help.pass.go", actAgain: "admin.help.again"}[a]
}

func actDone(a act) string {
	return map[act]string{actUnlock: "admin.help.done.unlock", actReset: "admin.help.done.reset", actPass: "admin.help.done.pass", actAgain: "admin.help.done.again"}[a]
}
