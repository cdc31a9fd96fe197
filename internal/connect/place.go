package connect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// place is what was typed and learned about one directory.
type place struct {
	open  bool // its pages are walked
	known bool // it stands in the configuration that is there

	admin, account []byte // secrets
	domain         Domain
	people         int
	rights         Rights
	tree           *tree
}

// here is the directory that the page is about, and dir what was answered about it.
func (s *session) here() *place { return &s.places[s.at] }

func (s *session) dir() *DirectoryAnswers { return &s.answers.Directories[s.at] }

// on is the session about another directory.
func (s session) on(i int) *session {
	s.at = i
	return &s
}

// settle gives every directory of the answers its place.
func (s *session) settle() {
	s.places = make([]place, len(s.answers.Directories))
	for i := range s.places {
		_, known := s.on(i).previous()
		s.places[i] = place{open: true, known: known}
	}
	s.at = 0
}

// openAll walks every directory again.
func (s *session) openAll() {
	for i := range s.places {
		s.places[i].open = true
	}
}

// walked are the directories whose pages are walked, those that are to be taken out included.
func (s *session) walked() (out []int) {
	for i := range s.places {
		if s.places[i].open {
			out = append(out, i)
		}
	}
	return out
}

// served are the walked ones that stay.
func (s *session) served() []int {
	return slices.DeleteFunc(s.walked(), func(i int) bool { return s.answers.Directories[i].Remove })
}

// several is a line that says which directory a page is about, where there are others.
func (s *session) several() []item {
	if len(s.places) < 2 {
		return nil
	}
	name := s.dir().Domain
	if name == "" {
		name = "a further one"
	}
	return []item{say(fmt.Sprintf("Directory %d of %d: %s", s.at+1, len(s.places), name))}
}

// choices of the page that asks which directories to change.
const (
	whichAll = "all"
	whichNew = "new"
)

// choose asks which of several directories to change: the others stay as they are.
func choose() page {
	return page{
		title: titleDirectories, next: "Next",
		items: func(s *session) []item {
			if s.which == "" {
				s.which = whichAll
			}
			out := []item{say("This agent serves several directories. Which one?"), blank()}
			for i, d := range s.answers.Directories {
				out = append(out, oneOf(d.Domain, &s.which, strconv.Itoa(i), ""))
			}
			out = append(out, oneOf("all of them, one after the other", &s.which, whichAll, ""))
			if s.answers.Task == Customize {
				out = append(out, oneOf("a further one, to be added", &s.which, whichNew, ""))
			}
			return out
		},
		leave: func(s *session) {
			s.dropEmpty()
			for i := range s.places {
				s.places[i].open = s.which == whichAll || s.which == strconv.Itoa(i)
			}
			if s.which == whichNew {
				s.add()
			}
		},
	}
}

// add makes room for a further directory. One that nothing was answered about yet is taken first.
func (s *session) add() {
	s.dropEmpty()
	if len(s.places) >= maxDirectories {
		return
	}
	d := newDirectory()
	d.Security = s.answers.Directories[len(s.answers.Directories)-1].Security
	s.answers.Directories = append(s.answers.Directories, d)
	s.places = append(s.places, place{open: true})
}

// dropEmpty forgets a directory that was added and never named.
func (s *session) dropEmpty() {
	if n := len(s.places) - 1; n > 0 && s.answers.Directories[n].Domain == "" && s.at != n {
		s.drop(n)
	}
}

func (s *session) drop(i int) {
	s.places[i].wipe()
	s.answers.Directories = slices.Delete(s.answers.Directories, i, i+1)
	s.places = slices.Delete(s.places, i, i+1)
	s.at = min(s.at, len(s.places)-1)
}

// takeOut takes the directory of this page out of the agent. It reports whether its page is still there: what the
// configuration has is taken out by Configure, and can be kept until then.
func (s *session) takeOut() bool {
	if s.here().known {
		s.dir().Remove = !s.dir().Remove
		return true
	}
	s.drop(s.at)
	return false
}

func (p *place) wipe() {
	for _, b := range []*[]byte{&p.admin, &p.account} {
		clear((*b)[:cap(*b)])
		*b = nil
	}
}

// wipe forgets every secret.
func (s *session) wipe() {
	clear(s.code[:cap(s.code)])
	s.code = nil
	for i := range s.places {
		s.places[i].wipe()
	}
}

// domains are the names of the directories, for a sentence.
func (s *session) domains(which []int) string {
	var names []string
	for _, i := range which {
		names = append(names, s.answers.Directories[i].Domain)
	}
	return strings.Join(names, ", ")
}
