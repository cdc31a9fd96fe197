package connect

import (
	"context"
	"slices"
	"unicode/utf8"

	"homeward/internal/config"
	"homeward/internal/doctor"
	"homeward/internal/protocol"
)

// facts are what was learned from outside.
type facts struct {
	machine []doctor.Finding
	portal  Portal
	device  *protocol.DeviceAnswer
	known   bool // setup is what the portal knows of the code
	setup   protocol.SetupAnswer
	by      string // who approved the sign-in
	plan    []Step
	results []doctor.Finding
	report  doctor.Report
	failed  bool
}

// session is everything a check may look at. Checks get a copy and return what they learned.
type session struct {
	opts    Options
	answers Answers
	before  config.Agent // the configuration that is there
	was     []byte
	code    []byte // a secret, as are those of the places: they are held there and nowhere else
	facts   facts
	places  []place // one for each directory of the answers
	at      int     // the one that the page is about
	which   string  // what was chosen where there are several
	// unattended walks every directory: nobody chooses.
	unattended bool
}

// outcome is what a check found, and what is to be remembered of it.
type outcome struct {
	findings []doctor.Finding
	learned  func(*session)
	stay     bool // show it even when all is well
}

// blocks reports whether something must be mended first.
func blocks(findings []doctor.Finding) bool {
	return slices.ContainsFunc(findings, func(f doctor.Finding) bool { return f.Status == doctor.Fail })
}

// open are the warnings nobody has accepted yet.
func open(findings []doctor.Finding, accepted []string) []string {
	var out []string
	for _, f := range findings {
		if f.Status == doctor.Warn && !slices.Contains(accepted, f.Name) {
			out = append(out, f.Name)
		}
	}
	return out
}

// work is something that takes time. It tells what it is doing, and what it has done, as it goes.
type work func(ctx context.Context, world World, s session, tell func(progress)) outcome

// progress is told by work: a line for the foot, a step that is over, or a sign-in to be approved.
type progress struct {
	line   string
	step   *doctor.Finding
	device *protocol.DeviceAnswer
}

// page is one page of the wizard.
type page struct {
	title string
	step  string // its name in the list of steps; empty: the title
	next  string // what the last button says
	items func(*session) []item
	enter work           // looks at something when the page opens
	check work           // judges the answers
	leave func(*session) // what follows from the answers
	final bool
	dir   int // the directory it is about
}

// wizard is where somebody is, and what they have said. It does no I/O: Key and Done change it, and the work they
// return is for the caller to do.
type wizard struct {
	s     session
	pages []page
	at    int
	focus int

	busy     string // what is being done
	entering bool   // it is what the page does when it opens
	findings []doctor.Finding
	checked  bool // the findings are of the answers as they are now
	unread   bool // the page is longer than the screen, and nobody has moved down yet
	stuck    bool // what the page looks at first didn't work
	help     bool
	over     bool   // Finish, or Ctrl+C
	quit     bool   // Ctrl+C
	notice   string // why what was typed wasn't taken
}

func newWizard(s session) *wizard {
	w := &wizard{s: s}
	w.pages = w.s.pages()
	w.s.at = w.page().dir
	w.reset()
	return w
}

func (w *wizard) page() page { return w.pages[w.at] }

// items of this page, its last button and what a check found.
func (w *wizard) items() (body []item, last item) {
	body = w.page().items(&w.s)
	for _, f := range w.findings {
		body = append(body, item{kind: finding, finding: f})
	}
	next := w.page().next
	switch {
	case len(open(w.findings, w.s.answers.Accepted)) > 0 && !blocks(w.findings) && w.checked:
		next = "Go on, knowing this"
	case blocks(w.findings):
		next = "Try again"
	}
	return body, item{kind: button, text: next, do: goOn}
}

// all are the items that the focus moves over.
func (w *wizard) all() []item {
	body, last := w.items()
	return append(body, last)
}

// reset puts the focus on the first thing to answer.
func (w *wizard) reset() {
	w.findings, w.checked, w.notice = nil, false, ""
	all := w.all()
	w.focus = first(all)
	// A page of radios begins with the one that is chosen.
	for i, it := range all {
		if it.kind == radio && *it.value == it.choice && it.stops() && all[w.focus].kind == radio {
			w.focus = i
			break
		}
	}
}

// first is the first thing to answer, or the last button where there is none.
func first(all []item) int {
	i := slices.IndexFunc(all, func(it item) bool { return it.stops() && it.kind != button })
	if i < 0 {
		return len(all) - 1
	}
	return i
}

// move puts the focus on the next item that takes it.
func (w *wizard) move(by int) {
	all := w.all()
	for range all {
		w.focus = (w.focus + by + len(all)) % len(all)
		if all[w.focus].stops() {
			return
		}
	}
}

// changed forgets what a check found: the answers are others now.
func (w *wizard) changed() {
	if w.checked || w.findings != nil {
		it := w.all()[w.focus]
		w.findings, w.checked = nil, false
		if it.kind == button {
			w.focus = len(w.all()) - 1
		}
	}
}

// key is a key somebody pressed.
type key struct {
	// tab, backtab, space, enter, esc, f1, f2, up, down, left, right, backspace, ctrl+c, ctrl+u, paste, refused; or empty
	name string
	text string // what was typed, or why it can't be taken
}

// press changes the wizard, and returns what is to be done.
func (w *wizard) press(k key) work {
	if k.name == "ctrl+c" {
		w.over, w.quit = true, true
		return nil
	}
	if w.help {
		w.help = false
		return nil
	}
	if w.busy != "" {
		return nil
	}
	it := w.all()[min(w.focus, len(w.all())-1)]
	if k.name == "refused" {
		w.refuse(it, k.text)
		return nil
	}
	if k.text == "" {
		w.notice = ""
	}
	if w.unread && k.name != "f1" && k.name != "esc" {
		// The plan is longer than the screen: the first key shows the rest of it.
		w.unread, w.focus = false, len(w.all())-1
		return nil
	}
	switch k.name {
	case "f1":
		w.help = true
	case "f2":
		if w.page().final {
			return w.begin("saving", savePage)
		}
	case "tab", "down":
		w.move(1)
	case "backtab", "up":
		w.move(-1)
	case "esc":
		return w.back()
	case "enter":
		return w.enter(it)
	default:
		w.answer(it, k)
	}
	return nil
}

// refuse says why something wasn't taken. A secret that lacks a character would be a wrong one: it is typed anew.
func (w *wizard) refuse(it item, why string) {
	if it.kind == secret && why == garbled {
		editSecret(it.secret, key{name: "ctrl+u"})
		why = "Emptied. " + why
	}
	w.notice = why
}

// answer changes what the focused item holds.
func (w *wizard) answer(it item, k key) {
	space := k.text == " " && k.name == ""
	if len(k.text) > 0 && !w.takes(it, k) {
		w.refuse(it, tooLong)
		return
	}
	switch it.kind {
	case field:
		if next := edited([]rune(*it.value), k); next != *it.value {
			*it.value = next
			w.changed()
		}
	case secret:
		if editSecret(it.secret, k) {
			w.changed()
		}
	case radio:
		if space {
			*it.value = it.choice
			w.changed()
		}
	case check:
		if space {
			*it.on = !*it.on
			w.changed()
		}
	case row:
		switch {
		case space:
			w.s.here().tree.toggle(it.node)
			w.changed()
		case k.name == "right":
			w.s.here().tree.fold(it.node, true)
		case k.name == "left":
			w.s.here().tree.fold(it.node, false)
		}
	}
}

// takes reports whether there is room for what was typed.
func (*wizard) takes(it item, k key) bool {
	switch it.kind {
	case field:
		return utf8.RuneCountInString(*it.value)+utf8.RuneCountInString(k.text) <= maxField
	case secret:
		return len(*it.secret)+len(k.text) <= maxField
	}
	return true
}

func edited(text []rune, k key) string {
	switch {
	case k.name == "backspace" && len(text) > 0:
		text = text[:len(text)-1]
	case k.name == "ctrl+u":
		text = nil
	case k.text != "" && len(text) < maxField:
		text = append(text, []rune(clean(k.text))...)
	}
	return string(text)
}

// editSecret changes a secret in one buffer that never moves, so that no copy of it stays behind.
func editSecret(b *[]byte, k key) bool {
	if cap(*b) < maxField {
		grown := make([]byte, len(*b), maxField)
		copy(grown, *b)
		clear((*b)[:cap(*b)])
		*b = grown
	}
	switch {
	case k.name == "backspace" && len(*b) > 0:
		n := len(*b) - 1
		for n > 0 && (*b)[n]&0xc0 == 0x80 {
			n--
		}
		clear((*b)[n:])
		*b = (*b)[:n]
	case k.name == "ctrl+u":
		clear(*b)
		*b = (*b)[:0]
	case k.text != "" && len(*b)+len(k.text) <= maxField:
		*b = append(*b, k.text...)
	default:
		return false
	}
	return true
}

// enter goes on from a button, and from anything else to the last button.
func (w *wizard) enter(it item) work {
	switch {
	case it.kind == button && it.do == saveScript:
		return w.begin("writing the script", writeScript)
	case it.kind == button && it.do == addDirectory:
		w.s.add()
		return w.next()
	case it.kind == button && it.do == takeOut:
		return w.takeOut()
	case it.kind == radio && it.stops():
		*it.value = it.choice
		w.changed()
	}
	return w.next()
}

// next checks the page's answers, or goes to the next page when that was done.
func (w *wizard) next() work {
	p := w.page()
	if p.final {
		w.over = true
		return nil
	}
	if w.stuck {
		w.findings, w.notice, w.stuck = nil, "", false
		return w.look()
	}
	if p.check == nil || (w.checked && !blocks(w.findings)) {
		w.s.answers.Accepted = append(w.s.answers.Accepted, open(w.findings, w.s.answers.Accepted)...)
		return w.turn(1)
	}
	w.findings, w.notice = nil, ""
	return w.begin("checking", p.check)
}

// turn goes to another page.
func (w *wizard) turn(by int) work {
	if by > 0 {
		if w.page().title == titleTasks {
			w.s.openAll()
		}
		if leave := w.page().leave; leave != nil {
			leave(&w.s)
		}
		w.pages = w.s.pages()
	}
	w.open(w.at + by)
	return w.look()
}

// open opens a page.
func (w *wizard) open(at int) {
	w.at = min(max(at, 0), len(w.pages)-1)
	w.s.at = w.page().dir
	w.stuck, w.unread = false, false
	w.reset()
}

// takeOut takes this page's directory out. The page that follows takes the place of one that was only just added.
func (w *wizard) takeOut() work {
	stays := w.s.takeOut()
	w.pages = w.s.pages()
	w.open(w.at)
	if stays {
		w.focus = len(w.all()) - 1
	}
	return w.look()
}

// look does what a page does when it opens.
func (w *wizard) look() work {
	if w.page().enter == nil {
		return nil
	}
	w.entering = true
	w.busy = "looking"
	return w.page().enter
}

func (w *wizard) back() work {
	if w.at == 0 || w.page().final {
		return nil
	}
	return w.turn(-1)
}

func (w *wizard) begin(what string, do work) work {
	w.busy, w.entering = what, false
	return do
}

// tell takes progress over.
func (w *wizard) tell(p progress) {
	switch {
	case p.step != nil:
		w.s.facts.results = append(w.s.facts.results, *p.step)
	case p.device != nil:
		w.s.facts.device = p.device
	default:
		w.busy = p.line
	}
}

// done takes over what work found, and returns what is to be done next.
func (w *wizard) done(o outcome) work {
	w.busy = ""
	if o.learned != nil {
		o.learned(&w.s)
	}
	w.findings = o.findings
	if w.entering {
		if w.page().step == stepConfigure {
			return w.turn(1)
		}
		all := w.all()
		w.focus = first(all)
		if w.stuck = blocks(o.findings); w.stuck {
			w.focus = len(all) - 1
		}
		body, _ := w.items()
		lines, _ := w.lines(body)
		w.unread = !w.stuck && w.page().title == titleReady && len(lines) > bodyRows
		return nil
	}
	w.focus = len(w.all()) - 1
	if blocks(o.findings) {
		w.checked = false
		return nil
	}
	w.checked = true
	if len(open(o.findings, w.s.answers.Accepted)) > 0 || o.stay {
		w.focus = len(w.all()) - 1
		return nil
	}
	return w.turn(1)
}
