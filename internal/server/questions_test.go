package server

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"homeward/internal/server/provision"
	"homeward/internal/server/registration"
	"homeward/internal/server/reset"
	"homeward/internal/server/tenant"
	"homeward/internal/server/verify"
)

// known are Amara's answers.
func known() map[string]string {
	return map[string]string{"street": "Elm Street", "school": "Sankt Örjan", "teacher": "Müller", "friend": "Sakura", "job": "Malmö"}
}

func (b *bench) withQuestions() {
	b.t.Helper()
	b.tenant.Settings.Checks = tenant.Checks{Required: 2, Methods: []string{"mail", "app", "questions"}}
	var given []verify.QA
	for q, a := range known() {
		given = append(given, verify.QA{Question: q, Answer: a})
	}
	secret, err := verify.NewAnswers(given, 3)
	if err != nil {
		b.t.Fatal(err)
	}
	b.with(b.amara().ID, verify.Questions, "", secret)
}

// asked are an attempt's questions, and the right answers.
func (b *bench) asked(a reset.Attempt) (ids, answers []string) {
	b.t.Helper()
	ids, err := b.Questions(b.t.Context(), a)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, id := range ids {
		answers = append(answers, known()[id])
	}
	return ids, answers
}

func TestSecurityQuestions(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.withQuestions()
		a := b.choose(b.begin("amara@contoso.com"), "questions")
		first, right := b.asked(a)
		if again, _ := b.asked(b.reload(a)); !slices.Equal(first, again) || len(first) != 3 {
			t.Errorf("a reload asks %v instead of %v", again, first)
		}
		orders := map[string]bool{}
		for range 3 {
			wrong := slices.Clone(right)
			wrong[1] = "nonsense"
			var answer verify.Answer
			var err error
			if a, answer, err = b.CheckAnswers(t.Context(), a, wrong); err != nil || answer.Result != verify.Wrong {
				t.Fatalf("%+v %v", answer, err)
			}
			var ids []string
			ids, right = b.asked(a)
			orders[strings.Join(ids, " ")] = true
		}
		if len(orders) < 2 {
			t.Errorf("after wrong answers the same are asked: %v", orders)
		}
		a, answer, err := b.CheckAnswers(t.Context(), a, right)
		if err != nil || answer.Result != verify.OK || a.State != reset.Started {
			t.Fatalf("%+v %s %v: they are never enough", answer, a.State, err)
		}
		a = b.choose(a, "mail")
		if a = b.say(a, b.mailed(), verify.OK); a.State != reset.Verified {
			t.Errorf("%s", a.State)
		}
	})
}

// TestSecurityQuestionsAreNeverEnough: not where one check is asked for, not for protected people, not to change security info.
func TestSecurityQuestionsAreNeverEnough(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.withQuestions()
	b.tenant.Settings.Checks.Required = 1
	if got := b.offered(b.begin("amara@contoso.com")); !slices.Equal(got, []string{"mail a•••@mail.example"}) {
		t.Errorf("with one check: %v", got)
	}
	b.tenant.Settings.Checks = tenant.Checks{Required: 2, Methods: []string{"questions", "mail"}, RegisteredOnly: true}
	_, a, err := b.Start(t.Context(), b.tenant, reset.StartRequest{Typed: "amara@contoso.com", Kind: reset.Register, Address: "192.0.2.1", Locale: "en"})
	if err != nil {
		t.Fatal(err)
	}
	a = b.choose(a, "questions")
	_, right := b.asked(a)
	if a, _, err = b.CheckAnswers(t.Context(), a, right); err != nil || a.State != reset.Failed || a.Reason != reset.ReasonNotRegistered {
		t.Errorf("%s %s %v", a.State, a.Reason, err)
	}
	p := b.amara()
	p.Protected = true
	if err := b.store.UpdatePeople(t.Context(), []provision.Person{p}); err != nil {
		t.Fatal(err)
	}
	b.tenant.Settings.Checks = tenant.Checks{Required: 2, Methods: tenant.AllMethods()}
	a = b.begin("amara@contoso.com")
	a = b.choose(a, "mail")
	if a = b.say(a, b.mailed(), verify.OK); a.State != reset.Failed {
		t.Errorf("protected: %s %v", a.State, b.offered(a))
	}
}

func TestSecurityQuestionsOfNobody(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.withQuestions()
	seen := 0
	for _, name := range []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8"} {
		a := b.begin(name + "@contoso.com")
		if !slices.Contains(b.offered(a), "questions") {
			continue
		}
		seen++
		a = b.choose(a, "questions")
		ids, err := b.Questions(t.Context(), a)
		if err != nil || len(ids) != 3 {
			t.Errorf("%v %v", ids, err)
		}
		if _, answer, err := b.CheckAnswers(t.Context(), a, []string{"a", "b", "c"}); err != nil || answer.Result != verify.Wrong {
			t.Errorf("%+v %v", answer, err)
		}
	}
	if seen == 0 {
		t.Error("no unknown name is asked questions, where half of the people are")
	}
	a := b.choose(b.begin("amara@contoso.com"), "questions")
	var limited *reset.LimitError
	for range 6 {
		next, _, err := b.CheckAnswers(t.Context(), a, []string{"a", "b", "c"})
		if errors.As(err, &limited) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		a = next
	}
	if limited == nil {
		t.Error("six sets of answers in a row")
	}
}

// TestSecurityQuestionsTellNoName: over many visits as many different questions are seen of an unknown name as of somebody,
// however many they have set up.
func TestSecurityQuestionsTellNoName(t *testing.T) {
	b := newBench(t, sqliteDSN(t))
	b.withQuestions() // five, where three are asked for
	seen := func(name string) int {
		all := map[string]bool{}
		for range 12 {
			a := b.begin(name)
			b.advance(time.Hour)
			if !slices.Contains(b.offered(a), "questions") {
				continue
			}
			ids, err := b.Questions(t.Context(), b.choose(a, "questions"))
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				all[id] = true
			}
		}
		return len(all)
	}
	for _, registered := range []int{3, 4, 5} {
		b.tenant.Settings.Checks.QuestionsSetUp = registered
		if n := seen("amara@contoso.com"); n != registered {
			t.Errorf("%d of Amara's questions are asked where %d are set up", n, registered)
		}
		for _, name := range []string{"n1@contoso.com", "n2@contoso.com", "n3@contoso.com", "n4@contoso.com"} {
			if n := seen(name); n != registered && n != 0 {
				t.Errorf("%d questions of an unknown name are asked where people set up %d", n, registered)
			}
		}
	}
}

func TestSecurityQuestionsThroughThePages(t *testing.T) {
	v := newVisitor(t)
	v.b.tenant.Settings.Checks = tenant.Checks{Required: 2, Methods: []string{"mail", "questions"}}
	v.do(http.MethodPost, "/security-info", url.Values{"name": {"amara@contoso.com"}})
	v.do(http.MethodPost, "/verify/1", url.Values{"method": {"mail"}})
	v.do(http.MethodPost, "/verify/1/code", url.Values{"code": {v.b.mailed()}})
	page, at := v.do(http.MethodPost, "/security-info/add", url.Values{"method": {"questions"}})
	if at != "/security-info/add/questions" || strings.Count(page, "<select") != 5 {
		t.Fatalf("at %s: %.900s", at, page)
	}
	form := url.Values{"question1": {"street"}, "answer1": {"Elm Street"}, "question2": {"school"}, "answer2": {"Sankt Örjan"}, "question3": {"street"}, "answer3": {"Malmö"}}
	if page, _ = v.do(http.MethodPost, at, form); !strings.Contains(page, "Use each question and each answer only once") || strings.Contains(page, "Elm Street") {
		t.Errorf("%.1500s", page)
	}
	form.Set("question3", "job")
	if page, at = v.do(http.MethodPost, at, form); at != "/security-info" || !strings.Contains(page, "Security questions") {
		t.Fatalf("at %s: %.900s", at, page)
	}
	if _, at = v.do(http.MethodGet, "/security-info/add/questions", nil); at != "/security-info" {
		t.Errorf("a second set: %s", at)
	}
	if err := v.b.infos.AddQuestions(t.Context(), v.b.tenant, v.b.begin("amara@contoso.com"), nil); !errors.Is(err, reset.ErrState) {
		t.Errorf("a reset's session: %v", err)
	}
	v.do(http.MethodPost, "/start", url.Values{"name": {"amara@contoso.com"}, "problem": {"forgot"}})
	page, at = v.do(http.MethodPost, "/verify/1", url.Values{"method": {"questions"}})
	if at != "/verify/1/code" || strings.Count(page, `name="answer`) != 3 {
		t.Fatalf("at %s: %.900s", at, page)
	}
	if page, _ = v.do(http.MethodPost, at, url.Values{"answer1": {"x"}, "answer2": {"y"}, "answer3": {"z"}}); !strings.Contains(page, "Those answers don’t match the ones you set up.") {
		t.Errorf("%.900s", page)
	}
	page, _ = v.do(http.MethodGet, at, nil)
	answers := url.Values{}
	for text, answer := range map[string]string{"grew up": "elm street", "first school": "sankt örjan", "first job": "malmö"} {
		before, _, _ := strings.Cut(page, text)
		i := strings.LastIndex(before, `for="answer`)
		answers.Set(before[i+5:i+12], answer)
	}
	if page, at = v.do(http.MethodPost, at, answers); at != "/verify/2" || strings.Contains(page, `value="questions"`) {
		t.Errorf("at %s: %.900s", at, page)
	}
	v.b.tenant.Settings.Checks.Methods = []string{"mail"}
	if err := v.b.infos.AddQuestions(t.Context(), v.b.tenant, v.b.signedInWith(), nil); !errors.Is(err, registration.ErrNotAllowed) {
		t.Errorf("off: %v", err)
	}
}
