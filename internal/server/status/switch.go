package status

import "homeward/internal/protocol"

// Blocked reports whether writeback can't be turned on now: no agent can write any domain, or no licence allows it.
func (r Report) Blocked() bool {
	blocked := true
	for _, d := range r.Domains {
		blocked = blocked && d.Agents == 0
	}
	for _, c := range r.Off {
		blocked = blocked || c.ID == "licence"
	}
	return blocked
}

// CannotUnlock are the agents that are too old to unlock somebody; none when one that can is there.
func (r Report) CannotUnlock() []Agent {
	var out []Agent
	for _, a := range r.Agents {
		if a.State != "ready" || a.Protocol >= protocol.Unlock.Since() {
			return nil // one that can is enough
		}
		out = append(out, a)
	}
	return out
}
