package admin

import (
	"maps"
	"slices"
	"time"

	"homeward/internal/protocol"
	"homeward/internal/server/audit"
	"homeward/internal/server/enrol"
	"homeward/internal/server/fleet"
	"homeward/internal/server/provision"
	"homeward/internal/server/report"
	"homeward/internal/server/status"
)

// SyncRow, Card, RunRow and VerdictRow put samples in words as the pages do.
func (f Frame) SyncRow(r SyncRow) SyncRow { return f.syncRow(r) }

// Card is f.card.
func (f Frame) Card(i int, c provision.Case) Card { return f.card(i, c) }

// RunRow is f.runRow.
func (f Frame) RunRow(r provision.Run) RunRow { return f.runRow(r) }

// VerdictRow is f.verdictRow.
func (f Frame) VerdictRow(p provision.Preview) VerdictRow { return f.verdictRow(p) }

// Activities are what the log can be filtered by.
func Activities() []string { return activities() }

// Entry is f.entry, for ids that are names.
func (f Frame) Entry(r audit.Record) Entry { return f.entry(r, asIs) }

// Of is EventPage.of.
func (p EventPage) Of(person provision.Person) EventPage { return p.of(person) }

// Say is f.said.
func (f Frame) Say(r audit.Record) Said { return f.said(r) }

// EventPage is f.eventPage, for ids that are names.
func (f Frame) EventPage(records []audit.Record) EventPage { return f.eventPage(records, asIs) }

func asIs(id string) string { return id }

// AgentRow is f.agentRow.
func (f Frame) AgentRow(a status.Agent, full enrol.Agent, c fleet.Checkup, all []report.Written) AgentRow {
	return f.agentRow(a, full, c, all)
}

// Causes is f.causes.
func (f Frame) Causes(all []status.Cause) []CauseView { return f.causes(all) }

// RulesTable is f.rulesTable of directories that answered at a moment; the silent one is named too, if there is one.
func (f Frame) RulesTable(at time.Time, silent string, answers map[string]protocol.RulesAnswer) RulesTable {
	var all []ruling
	for _, domain := range slices.Sorted(maps.Keys(answers)) {
		all = append(all, ruling{RulesAnswer: answers[domain], domain: domain, at: at})
	}
	if silent != "" {
		all = append(all, ruling{domain: silent, at: at, silent: true})
	}
	return f.rulesTable(all)
}

// Checklist is f.checklist.
func (f Frame) Checklist(people, ready int, testable bool) []CheckStep {
	return f.checklist(checkFacts{people: people, ready: ready, testable: testable})
}

// Word is the message of something stored: an activity, a reason, a result, a hop, a cause of the status.
func Word(kind, code string) string {
	switch kind {
	case "activity":
		return activityWord(code)
	case "reason":
		return reasonWord(code)
	case "result":
		return resultWord(code)
	case "hop":
		return hopWord(code)
	case "setting":
		return settingWord(code)
	case "case":
		return wordsOfCase(protocol.Reason(code)).says
	case "cause":
		return wordsOfCause(code).says
	}
	return ""
}
