package activedirectory

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"homeward/internal/protocol"
)

const (
	// firstRest is how long a controller that failed a call is passed over; each further failure within a minute
	// doubles it.
	firstRest = time.Second
	// longestRest also bounds how long after its return a controller is taken again.
	longestRest = 30 * time.Second
	forgetAfter = time.Minute
)

// target is one address of one controller, and what is known of it.
type target struct {
	host     string // the name its certificate is for
	address  string // IP address and port
	local    bool
	priority int
	draw     int

	known bool       // the next three were learned
	dc    Controller // as it was last seen
	owner string     // DN of the PDC emulator's NTDS Settings object, as this controller holds it
	hints bool

	latency  time.Duration // of one small search
	failures int
	failedAt time.Time
	rest     time.Time // passed over until then
	err      error     // of the last contact; nil when it worked
	looked   time.Time // when the last contact ended
}

func (t target) resting(now time.Time) bool { return now.Before(t.rest) }

// class makes distances comparable: differences below a factor of four are noise.
func (t target) class() int {
	n := 0
	for limit := 5 * time.Millisecond; t.latency > limit; limit *= 4 {
		n++
	}
	return n
}

// fleet is every controller of the domain that may be used.
type fleet struct {
	site string

	mu       sync.Mutex
	list     []*target
	made     time.Time // when list was made
	stale    bool      // something failed since
	surveyed bool      // every controller was looked at once
	emulator string    // DNS name of the PDC emulator, listed or not
}

func (f *fleet) empty() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.list) == 0
}

// due tells whether the list should be made anew.
func (f *fleet) due(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.list) == 0 || f.stale || now.Sub(f.made) >= locateAge
}

// keep notes that a new list could not be made.
func (f *fleet) keep(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made, f.stale = now, false
}

// replace takes a new list; what is known of an address stays.
func (f *fleet) replace(found []target, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]*target, 0, len(found))
	for _, n := range found {
		if slices.ContainsFunc(list, func(t *target) bool { return t.address == n.address }) {
			continue
		}
		if old := f.find(n.address); old != nil && old.host == n.host {
			old.local, old.priority, old.draw = n.local, n.priority, n.draw
			list = append(list, old)
			continue
		}
		list = append(list, &n)
	}
	f.list, f.made, f.stale = list, now, false
}

// of returns the addresses known of a name.
func (f *fleet) of(host, port string) []target {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []target
	for _, t := range f.list {
		if _, p, _ := net.SplitHostPort(t.address); t.host == host && p == port {
			out = append(out, *t)
		}
	}
	return out
}

func (f *fleet) find(address string) *target {
	for _, t := range f.list {
		if t.address == address {
			return t
		}
	}
	return nil
}

// learn takes over what a connection has just seen of its controller.
func (f *fleet) learn(c *conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.find(c.dc.address)
	if t == nil {
		return
	}
	t.known, t.dc, t.owner, t.hints = true, c.dc, c.owner, c.hints != ""
	t.latency, t.err, t.looked = c.latency, nil, time.Now()
	if t.failures == 0 {
		t.rest = time.Time{} // looks had failed, not calls
	}
	if c.ownerHost != "" && !strings.EqualFold(c.ownerHost, f.emulator) {
		f.emulator, f.stale = c.ownerHost, true // a list that was cut short has to have it
	}
}

// fail passes over a controller that failed a call.
func (f *fleet) fail(address string, err error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.find(address)
	if t == nil {
		return
	}
	if now.Sub(t.failedAt) > forgetAfter {
		t.failures = 0
	}
	t.failures++
	t.failedAt, t.err, t.looked = now, err, time.Now()
	t.rest = now.Add(pause(t.failures))
	f.stale = true
}

// pause doubles with each failure.
func pause(failures int) time.Duration {
	p := firstRest
	for n := 1; n < failures && p < longestRest; n++ {
		p *= 2
	}
	return min(p, longestRest)
}

// missing passes over a controller that did not answer a look; the next look that works ends that.
func (f *fleet) missing(address string, err error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.find(address); t != nil {
		t.err, t.looked, t.failures = err, time.Now(), 0
		t.rest = now.Add(longestRest)
		f.stale = true
	}
}

// note keeps what came of the last contact.
func (f *fleet) note(address string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.find(address); t != nil {
		t.err, t.looked = err, time.Now()
	}
}

// pdc returns the NTDS Settings DN of the PDC emulator as most controllers hold it: after a seizure the old one
// still believes in itself for a while.
func (f *fleet) pdc() string {
	votes := map[string]int{}
	best := ""
	for _, t := range f.list {
		if !t.known || t.owner == "" {
			continue
		}
		owner := strings.ToLower(t.owner)
		votes[owner]++
		if votes[owner] > votes[best] {
			best = owner
		}
	}
	return best
}

func (f *fleet) emulatorHost() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.emulator
}

// order returns what may be written, the best first: rested ones, with the policy-hints control, the PDC emulator,
// then by site, priority, distance and weight. Read-only controllers are not among them.
func (f *fleet) order(now time.Time) []target {
	f.mu.Lock()
	defer f.mu.Unlock()
	pdc := f.pdc()
	out := make([]target, 0, len(f.list))
	for _, t := range f.list {
		if !t.known || !t.dc.ReadOnly {
			one := *t
			one.dc.PDC = pdc != "" && strings.EqualFold(t.dc.service, pdc)
			out = append(out, one)
		}
	}
	key := func(bad bool) int {
		if bad {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, b target) int {
		return cmp.Or(
			key(a.resting(now))-key(b.resting(now)),
			key(a.known && !a.hints)-key(b.known && !b.hints),
			key(!a.dc.PDC)-key(!b.dc.PDC),
			key(!f.near(a))-key(!f.near(b)),
			a.priority-b.priority, a.class()-b.class(), a.draw-b.draw)
	})
	return out
}

func (f *fleet) near(t target) bool {
	return t.local || (f.site != "" && strings.EqualFold(t.dc.Site, f.site))
}

// every returns all targets in the order they were listed.
func (f *fleet) every() []target {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]target, len(f.list))
	for i, t := range f.list {
		out[i] = *t
	}
	return out
}

// now returns the controller of a connection with the role it has at this moment, and its clock as it was last seen: a
// connection remembers only what it saw itself, and this machine's clock may have been set since.
func (f *fleet) now(c *conn) Controller {
	f.mu.Lock()
	defer f.mu.Unlock()
	dc := c.dc
	if t := f.find(dc.address); t != nil && t.known && t.dc.Invocation == dc.Invocation {
		dc.Offset = t.dc.Offset
	}
	dc.PDC = c.dc.service != "" && strings.EqualFold(c.dc.service, f.pdc())
	return dc
}

// ControllerState is one controller as Check saw it.
type ControllerState struct {
	Host     string // DNS name; before it ever answered, the name in the configuration or in DNS
	Site     string
	PDC      bool // it is the PDC emulator, which writes prefer
	ReadOnly bool // never used
	Hints    bool // it knows the policy-hints control; without, never written
	Latency  time.Duration
	OK       bool
	Reason   protocol.Reason // why not OK
}

func (f *fleet) states() []ControllerState {
	f.mu.Lock()
	defer f.mu.Unlock()
	pdc := f.pdc()
	out := make([]ControllerState, len(f.list))
	for i, t := range f.list {
		out[i] = ControllerState{
			Host: cmp.Or(t.dc.Host, t.host), Site: t.dc.Site, PDC: pdc != "" && strings.EqualFold(t.dc.service, pdc),
			ReadOnly: t.dc.ReadOnly, Hints: t.hints, Latency: t.latency, OK: t.known && t.err == nil, Reason: ReasonOf(t.err),
		}
	}
	return out
}

// holds tells whether the database is that of a known controller.
func (f *fleet) holds(invocation string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.list, func(t *target) bool { return t.known && t.dc.Invocation.Hex() == invocation })
}

// surveyedOnce tells whether every controller was looked at.
func (f *fleet) surveyedOnce() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.surveyed
}

func (f *fleet) setSurveyed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.surveyed = true
}
