package connect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"homeward/internal/doctor"
)

// tree is the OUs of a domain and which of them are chosen. An OU that is chosen stands for everything below it.
type tree struct {
	nodes  []node
	forest []string // UPN suffixes the forest offers
}

type node struct {
	Unit

	below     int // nodes below it
	people    int // in it and below
	protected int
	open      bool
	chosen    bool
}

// newTree opens the first level. units stand in depth-first order, the domain first.
func newTree(units []Unit, chosen []string) *tree {
	t := &tree{}
	for _, u := range units {
		t.nodes = append(t.nodes, node{Unit: u})
	}
	for i := range t.nodes {
		n := &t.nodes[i]
		for j := i + 1; j < len(t.nodes) && t.nodes[j].Depth > n.Depth; j++ {
			n.below++
		}
		for _, m := range t.nodes[i : i+1+n.below] {
			n.people += m.People
			n.protected += m.Protected
		}
		n.chosen = slices.ContainsFunc(chosen, func(dn string) bool { return strings.EqualFold(dn, n.DN) })
		n.open = i == 0
	}
	// Somewhere below a closed one is chosen: show it.
	for i := range t.nodes {
		for _, m := range t.nodes[i+1 : i+1+t.nodes[i].below] {
			t.nodes[i].open = t.nodes[i].open || m.chosen
		}
	}
	return t
}

// onlyProtected reports whether nobody below can be written.
func (n node) onlyProtected() bool { return n.people > 0 && n.protected == n.people }

// visible are the nodes that no closed one hides, and without containers nobody lives in.
func (t *tree) visible() []int {
	var out []int
	for i := 0; i < len(t.nodes); i++ {
		out = append(out, i)
		if !t.nodes[i].open {
			i += t.nodes[i].below
		}
	}
	return out
}

// above are the nodes a node is in.
func (t *tree) above(i int) []int {
	var out []int
	depth := t.nodes[i].Depth
	for j := i - 1; j >= 0 && depth > 0; j-- {
		if t.nodes[j].Depth < depth {
			out = append(out, j)
			depth = t.nodes[j].Depth
		}
	}
	return out
}

// covered reports whether a node is chosen, or one it is in.
func (t *tree) covered(i int) bool {
	return t.nodes[i].chosen || slices.ContainsFunc(t.above(i), func(j int) bool { return t.nodes[j].chosen })
}

func (t *tree) partly(i int) bool {
	return slices.ContainsFunc(t.nodes[i+1:i+1+t.nodes[i].below], func(m node) bool { return m.chosen })
}

// toggle chooses a node, or no longer. Below one that is chosen, leaving one out means choosing all the others.
func (t *tree) toggle(i int) {
	n := &t.nodes[i]
	switch {
	case n.onlyProtected() && !n.chosen:
	case n.chosen:
		n.chosen = false
	case t.covered(i):
		t.split(i)
	default:
		for j := i + 1; j <= i+n.below; j++ {
			t.nodes[j].chosen = false
		}
		n.chosen = true
	}
}

// split takes one node out of a chosen one above it: the others beside the way become chosen themselves. People
// directly in an OU on the way are left out with it, for a unit always means all of it.
func (t *tree) split(i int) {
	way := append([]int{i}, t.above(i)...)
	for k := len(way) - 1; k > 0; k-- {
		p := way[k]
		if !t.nodes[p].chosen {
			continue
		}
		t.nodes[p].chosen = false
		for j := p + 1; j <= p+t.nodes[p].below; j += 1 + t.nodes[j].below {
			t.nodes[j].chosen = !t.nodes[j].onlyProtected()
		}
	}
	t.nodes[i].chosen = false
}

// fold opens or closes a node.
func (t *tree) fold(i int, open bool) { t.nodes[i].open = open && t.nodes[i].below > 0 }

// line shows a node: box, name, people.
func (t *tree) line(i int, mark string) string {
	n := t.nodes[i]
	box := "[ ]"
	switch {
	case t.covered(i):
		box = "[x]"
	case n.onlyProtected():
		box = "[!]"
	case t.partly(i):
		box = "[-]"
	}
	name := n.Name
	if n.below > 0 && !n.open {
		name += " +"
	}
	depth := min(n.Depth, 6)
	left := mark + "  " + strings.Repeat("    ", min(depth, 1)) + strings.Repeat("  ", max(depth-1, 0)) + box + " "
	if box == "[!]" {
		name = clip(name, 10)
		return left + name + strings.Repeat(" ", max(1, 10-utf8.RuneCountInString(name))) + "protected, can’t be written"
	}
	count := thousands(n.people)
	if i == 0 {
		count += " people"
	}
	end := paneWidth - 9 // where counts end
	if i == 0 {
		end = paneWidth - 2
	}
	room := end - utf8.RuneCountInString(left) - len(count) - 1
	name = clip(name, room)
	return left + name + strings.Repeat(" ", room-utf8.RuneCountInString(name)+1) + count
}

// units are the DNs that are chosen, and how many people are in them.
func (t *tree) units() (dns []string, people int) {
	for i := 0; i < len(t.nodes); i++ {
		if t.nodes[i].chosen {
			dns = append(dns, t.nodes[i].DN)
			people += t.nodes[i].people
			i += t.nodes[i].below
		}
	}
	return dns, people
}

// suffixes counts the people in what is chosen by the suffix of their userPrincipalName.
func (t *tree) suffixes() map[string]int {
	out := map[string]int{}
	for i, n := range t.nodes {
		if !t.covered(i) {
			continue
		}
		for s, c := range n.Suffixes {
			out[s] += c
		}
	}
	return out
}

// unverified warns of suffixes that the cloud doesn't know.
func unverified(suffixes map[string]int, forest, verified []string) []doctor.Finding {
	if len(verified) == 0 {
		return nil
	}
	unknown := func(s string) bool {
		return s != "" && !slices.ContainsFunc(verified, func(v string) bool { return strings.EqualFold(v, s) })
	}
	var names, unused []string
	for s := range suffixes {
		if unknown(s) {
			names = append(names, s)
		}
	}
	for _, s := range forest {
		if unknown(s) && suffixes[s] == 0 {
			unused = append(unused, s)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return suffixes[b] - suffixes[a] })
	var out []doctor.Finding
	for _, s := range names {
		out = append(out, doctor.Finding{
			Name: "suffix " + s, Status: doctor.Warn, Count: suffixes[s],
			Text: fmt.Sprintf("%s: %s, but the domain isn’t verified: they are synced, and can’t sign in by that name. Verify it on the server: homeward domain add %s, then verify.", s, peopleOf(suffixes[s]), s),
		})
	}
	if len(unused) > 0 {
		out = append(out, doctor.Finding{Name: "suffixes", Status: doctor.Note, Text: "the forest offers " + strings.Join(unused, ", ") + " too: not verified, and nobody here has it"})
	}
	if n := suffixes[""]; n > 0 {
		out = append(out, doctor.Finding{Name: "no userPrincipalName", Status: doctor.Note, Count: n, Text: peopleOf(n) + " without a userPrincipalName"})
	}
	return out
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func peopleOf(n int) string {
	if n == 1 {
		return "1 person"
	}
	return thousands(n) + " people"
}
