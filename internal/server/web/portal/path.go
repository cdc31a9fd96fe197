package portal

// Hop is one stop of the drawn path: the same picture is progress, health and failure.
type Hop struct {
	Icon   string // icon name when the hop is not done
	State  string // done, active, waiting or unknown
	Name   string
	Detail string
}

// Hops draws the way of the request: browser, relay, Active Directory.
func (p StatusPage) Hops() []Hop {
	if p.State == Offline {
		return p.offlinePath()
	}
	first := Hop{Icon: "lock", State: "done", Name: p.T("path.sealed"), Detail: p.T("path.sealed.done")}
	relay := Hop{Icon: "swap", State: "active", Name: p.T("path.relay"), Detail: p.T("path.relay.active")}
	directory := Hop{Icon: "tree", State: "waiting", Name: p.T("path.directory"), Detail: p.T("path.waiting")}
	if p.Unlock {
		first.Name, first.Detail = p.T("path.browser"), p.T("path.browser.sent")
		relay.Detail = p.T("path.relay.unlock")
	}
	if p.Progress == AtDirectory {
		relay.State, relay.Detail = "done", p.T("path.relay.done")
		directory.State, directory.Detail = "active", p.T("path.directory.active")
	}
	return []Hop{first, relay, directory}
}

func (p StatusPage) offlinePath() []Hop {
	detail := p.T("path.silent")
	if since := p.AtText(); since != "" {
		detail = p.T("path.silent_since", "Time", since)
	}
	return []Hop{
		{Icon: "lock", State: "done", Name: p.T("path.browser"), Detail: p.T("path.working")},
		{Icon: "swap", State: "done", Name: p.T("path.relay"), Detail: p.T("path.working")},
		{Icon: "offline", State: "unknown", Name: p.T("path.directory"), Detail: detail},
	}
}

// Spoken is what the live region says of the present position; it is said again only when it changes.
func (p StatusPage) Spoken() string {
	switch {
	case p.State == Changed:
		return p.T("spoken.written")
	case p.State != Writing:
		return p.Title()
	case p.Progress == AtDirectory:
		return p.T("spoken.directory")
	}
	return p.T("spoken.relay")
}
