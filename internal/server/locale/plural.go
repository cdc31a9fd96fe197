package locale

import (
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// count is one plural category of a language and a number that has it.
type count struct {
	category string
	example  int
}

// mostCounted bounds the numbers a page counts. What a language does with millions is of no use here.
const mostCounted = 200

// countsOf lists the categories that the whole numbers from 0 to mostCounted have in a language.
func countsOf(tag language.Tag) []count {
	var counts []count
	seen := map[plural.Form]bool{}
	for n := range mostCounted + 1 {
		form := plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)
		if !seen[form] {
			seen[form] = true
			counts = append(counts, count{categoryName(form), n})
		}
	}
	return counts
}

func categoryName(form plural.Form) string {
	switch form {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		return "few"
	case plural.Many:
		return "many"
	}
	return "other"
}
