package protocol

import (
	"slices"
	"strings"
)

// Subjects of the relay. <agent> is the agent's public nkey. Up subjects are written from the agent's side;
// the server sees each as up.<account>.<agent>.…, because every tenant's account imports the cloud's
// service under its own key (the account token proves the tenant).

// Ping is not an operation: an agent's link answers it by itself, which proves that the connection lives.
const Ping = "ping"

// DownPing returns the subject of a ping.
func DownPing(agent string) string { return "wb.to." + agent + "." + Ping }

// Down returns the subject of one operation on one agent.
func Down(agent string, op Operation) string { return "wb.to." + agent + "." + string(op) }

// DownAll returns the subject an agent subscribes to.
func DownAll(agent string) string { return "wb.to." + agent + ".>" }

// DownPermission returns what an agent may subscribe to, beside its inbox.
func DownPermission(agent string) string { return DownAll(agent) }

// InboxPrefix returns the prefix of an agent's own reply inboxes.
func InboxPrefix(agent string) string { return "_IA." + agent }

// UpPermission returns what an agent may publish.
func UpPermission(agent string) string { return "up." + agent + ".>" }

// Kinds of upward message.
const (
	UpHello  = "hello"
	UpBeat   = "beat"
	UpSync   = "sync" // versions 1 and 2: People
	UpResult = "res"
	UpRenew  = "renew"
	UpKeys   = "keys"  // version 2: KeyOffer
	UpLease  = "lease" // version 3: SyncAsk
	UpBatch  = "batch" // version 3: SyncBatch
	// UpPreview, version 3: PreviewAsk.
	UpPreview = "preview"
)

// Up returns the agent's upward subject of one kind.
func Up(agent, kind string) string { return "up." + agent + "." + kind }

// UpResultFor returns the fixed subject a request's result is published on. It works after a reconnect,
// when the reply inbox does not (relay trap T2).
func UpResultFor(agent, request string) string { return Up(agent, UpResult) + "." + request }

// CloudUp is the subject the server subscribes to: every tenant, every agent, every kind.
const CloudUp = "up.*.>"

// Uplink is a parsed upward subject as the server sees it.
type Uplink struct {
	Account string // proven by the relay
	Agent   string // proven by the agent's permissions
	Kind    string
	Request string // results only
}

// ParseUp parses up.<account>.<agent>.<kind>[.<request>]. It reports false for anything else.
func ParseUp(subject string) (Uplink, bool) {
	t := strings.Split(subject, ".")
	if len(t) < 4 || len(t) > 5 || t[0] != "up" {
		return Uplink{}, false
	}
	if slices.Contains(t, "") {
		return Uplink{}, false
	}
	u := Uplink{Account: t[1], Agent: t[2], Kind: t[3]}
	if len(t) == 5 {
		if u.Kind != UpResult {
			return Uplink{}, false
		}
		u.Request = t[4]
	} else if u.Kind == UpResult {
		return Uplink{}, false
	}
	switch u.Kind {
	case UpHello, UpBeat, UpSync, UpResult, UpRenew, UpKeys, UpLease, UpBatch, UpPreview:
		return u, true
	}
	return Uplink{}, false
}

// ParseDown parses wb.to.<agent>.<operation>.
func ParseDown(subject string) (agent string, op Operation, ok bool) {
	t := strings.Split(subject, ".")
	if len(t) != 4 || t[0] != "wb" || t[1] != "to" || t[2] == "" || t[3] == "" {
		return "", "", false
	}
	return t[2], Operation(t[3]), true
}
