package portal

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/verify"
)

func (v *visit) getQuestions() error {
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	return v.createQuestions(http.StatusOK, a, QuestionsPage{})
}

func (v *visit) createQuestions(status int, a reset.Attempt, p QuestionsPage) error {
	if err := v.Registration.MayAdd(v.ctx(), v.tenant, a, verify.Questions); err != nil {
		return v.infoError(err)
	}
	p.Frame, p.Create, p.Action, p.AnotherURL = v.frame, true, infoAddPath+"/questions", infoPath
	p.Least = v.tenant.Settings.Checks.SetUp()
	return v.render(status, p)
}

// postQuestions registers what was chosen and answered. Rows without either are left out.
func (v *visit) postQuestions() error {
	if err := v.form(); err != nil {
		return err
	}
	a, sent, err := v.signedIn()
	if err != nil || sent {
		return err
	}
	var p QuestionsPage
	var given []verify.QA
	for i := range verify.QuestionsMost {
		n := strconv.Itoa(i + 1)
		qa := verify.QA{Question: v.r.PostForm.Get(FieldQuestion + n), Answer: v.r.PostForm.Get(FieldAnswer + n)}
		p.Asked = append(p.Asked, qa.Question)
		if qa.Question != "" || strings.TrimSpace(qa.Answer) != "" {
			given = append(given, qa)
		}
	}
	err = v.Registration.AddQuestions(v.ctx(), v.tenant, a, given)
	switch {
	case errors.Is(err, verify.ErrFewQuestions):
		p.Error = QuestionsFew
	case errors.Is(err, verify.ErrQuestionTwice):
		p.Error = QuestionsTwice
	case errors.Is(err, verify.ErrAnswerLength):
		p.Error = QuestionsLength
	case err != nil:
		return v.infoError(err)
	default:
		return v.seeOther(infoPath + "?done=" + registration.Added)
	}
	return v.createQuestions(http.StatusUnprocessableEntity, a, p)
}
