package admin

import "homeward/internal/server/status"

// CauseView is one reason as a page shows it: name, sentence, next step, a command to copy, a page to open.
type CauseView struct {
	ID, Name, Says, Next string
	Command              string // to be run on the agent's machine
	Agent                string // path of its page
	Go                   string // what that page is opened for; empty: to see it
	Info                 bool   // nothing is wrong
}

// command is what to run on the agent's machine; nothing where no command helps.
func command(id string) string {
	switch id {
	case "offline", "never", "away":
		return "homeward-agent doctor"
	case "rights", "account", "encrypted", "unreachable", "hints", "readonly":
		return "homeward-agent doctor"
	case "connect":
		return "homeward-agent connect"
	}
	return ""
}

func (f Frame) causes(all []status.Cause) []CauseView {
	var out []CauseView
	for _, c := range all {
		v := CauseView{ID: c.ID, Name: c.Name, Says: c.Says, Next: c.Next, Command: command(c.ID)}
		if w := wordsOfCause(c.ID); w.name != "" {
			v.Name, v.Says, v.Next = f.T(w.name), f.T(w.says, f.values(c.Values, c.Moment)...), f.T(w.next, f.values(c.Values, c.Moment)...)
		}
		if c.Agent != "" && f.CanSeeAgents() {
			v.Agent = agentsPath + "/" + c.Agent
		}
		out = append(out, v)
	}
	return out
}
