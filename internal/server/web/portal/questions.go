package portal

import (
	"strconv"

	"homeward/internal/server/verify"
)

// Field names of the two questions' forms; a number from 1 follows.
const (
	FieldQuestion = "question"
	FieldAnswer   = "answer"
)

// QuestionsError says what is wrong with answers.
type QuestionsError string

// The mistakes of answers.
const (
	QuestionsWrong   QuestionsError = "wrong" // never which one
	QuestionsTooMany QuestionsError = "too_many"
	QuestionsFew     QuestionsError = "few"
	QuestionsTwice   QuestionsError = "twice"
	QuestionsLength  QuestionsError = "length"
)

// QuestionRow is one question, or the choice of one.
type QuestionRow struct {
	Number   int
	ID       string // which one; when choosing: which is chosen
	Text     string
	Choices  []QuestionChoice
	Optional bool
}

// QuestionChoice is one entry of the list to choose from.
type QuestionChoice struct {
	ID, Text string
	Chosen   bool
}

// QuestionsPage asks security questions, or for their answers to be: GET and POST /verify/1/code and
// /security-info/add/questions.
type QuestionsPage struct {
	Frame
	Check
	Create     bool
	Action     string
	AnotherURL string
	Least      int      // when creating: how many are needed; 0 is verify.QuestionsLeast
	Asked      []string // question ids, in order; when creating: what was chosen before, empty at first
	Error      QuestionsError
}

// Template names the page's file.
func (QuestionsPage) Template() string { return "questions" }

// Title is the page's one h1.
func (p QuestionsPage) Title() string {
	if p.Create {
		return p.T("questions.create.title")
	}
	return p.T("questions.title")
}

// Lead says what to do.
func (p QuestionsPage) Lead() string {
	if p.Create {
		return p.T("questions.create.lead", "Least", p.least())
	}
	return p.T("questions.lead")
}

// Button sends.
func (p QuestionsPage) Button() string {
	if p.Create {
		return p.T("questions.create.button")
	}
	return p.T("action.continue")
}

// Another is the link to another way, or back.
func (p QuestionsPage) Another() string {
	if p.Create {
		return p.T("info.cancel")
	}
	return p.T("code.another")
}

// Steps is the step bar.
func (p QuestionsPage) Steps() *Steps {
	if p.Create {
		return nil
	}
	return p.steps(p.Frame)
}

func (p QuestionsPage) least() int { return max(p.Least, verify.QuestionsLeast) }

// Rows are the questions with their words.
func (p QuestionsPage) Rows() []QuestionRow {
	var rows []QuestionRow
	if !p.Create {
		for i, id := range p.Asked {
			rows = append(rows, QuestionRow{Number: i + 1, ID: id, Text: p.question(id)})
		}
		return rows
	}
	for i := range verify.QuestionsMost {
		row := QuestionRow{Number: i + 1, Optional: i >= p.least()}
		if i < len(p.Asked) {
			row.ID = p.Asked[i]
		}
		row.Text = p.T("questions.number", "Number", row.Number)
		if row.Optional {
			row.Text = p.T("questions.optional", "Number", row.Number)
		}
		for _, id := range verify.QuestionIDs() {
			row.Choices = append(row.Choices, QuestionChoice{ID: id, Text: p.question(id), Chosen: id == row.ID})
		}
		rows = append(rows, row)
	}
	return rows
}

// question is one question's words.
func (p QuestionsPage) question(id string) string { return p.T(questionWords()[id]) }

// Problem reports whether the answers can't be used.
func (p QuestionsPage) Problem() bool { return p.Error != "" }

// Problems is the one mistake. It never says which answer is meant.
func (p QuestionsPage) Problems() Problems {
	var text string
	switch p.Error {
	case QuestionsWrong:
		text = p.T("questions.error.wrong")
	case QuestionsTooMany:
		text = p.T("error.too_many.long")
	case QuestionsFew:
		text = p.T("questions.error.few", "Least", p.least())
	case QuestionsTwice:
		text = p.T("questions.error.twice")
	case QuestionsLength:
		text = p.T("questions.error.length")
	default:
		return nil
	}
	return Problems{{FieldAnswer + strconv.Itoa(1), text}}
}
