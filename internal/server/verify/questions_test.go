package verify

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"unicode/utf8"
)

func given() []QA {
	return []QA{{"street", "Elm Street 7"}, {"school", "Sankt Örjan"}, {"teacher", "Müller"}, {"friend", "さくら"}, {"job", "Malmö"}}
}

func TestAnswers(t *testing.T) {
	secret, err := NewAnswers(given(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if lower := bytes.ToLower(secret); bytes.Contains(lower, []byte("elm street")) || bytes.Contains(lower, []byte("elmstreet")) {
		t.Error("an answer is stored as it is")
	}
	if other, err := NewAnswers(given(), 3); err != nil || bytes.Equal(secret, other) {
		t.Errorf("no salt: %v", err)
	}
	for name, c := range map[string]struct {
		drawn, answers []string
		want           bool
	}{
		"right":           {[]string{"school", "street", "job"}, []string{" sankt o\u0308rjan ", "elm-street 7.", "MALMÖ"}, true},
		"other script":    {[]string{"friend", "street", "job"}, []string{"さくら", "Elm Street 7", "Malmö"}, true},
		"one wrong":       {[]string{"school", "street", "job"}, []string{"sankt örjan", "elm street 8", "malmö"}, false},
		"swapped":         {[]string{"school", "street", "job"}, []string{"elm street 7", "sankt örjan", "malmö"}, false},
		"one empty":       {[]string{"school", "street", "job"}, []string{"sankt örjan", "elm street 7", " "}, false},
		"one missing":     {[]string{"school", "street", "job"}, []string{"sankt örjan", "elm street 7"}, false},
		"too few":         {[]string{"school"}, []string{"sankt örjan"}, false},
		"none":            {nil, nil, false},
		"one never given": {[]string{"school", "street", "dish"}, []string{"sankt örjan", "elm street 7", ""}, false},
	} {
		if got, err := MatchAnswers(secret, c.drawn, c.answers); err != nil || got != c.want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if got, err := MatchAnswers(nil, []string{"school", "street", "job"}, []string{"a", "b", "c"}); got || err != nil {
		t.Errorf("nobody's: %v %v", got, err)
	}
}

func TestAnswersRefused(t *testing.T) {
	change := func(i int, qa QA) []QA { g := given(); g[i] = qa; return g }
	for name, c := range map[string]struct {
		given []QA
		want  error
	}{
		"two":            {given()[:2], ErrFewQuestions},
		"six":            {append(given(), QA{"dish", "soup"}), ErrFewQuestions},
		"no such":        {change(0, QA{"maiden", "Smith"}), ErrFewQuestions},
		"question twice": {change(0, QA{"school", "other"}), ErrQuestionTwice},
		"answer twice":   {change(0, QA{"street", "MALMÖ!"}), ErrQuestionTwice},
		"short":          {change(0, QA{"street", "a. b"}), ErrAnswerLength},
		"long":           {change(0, QA{"street", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddd"}), ErrAnswerLength},
	} {
		if _, err := NewAnswers(c.given, 3); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDraw(t *testing.T) {
	secret, err := NewAnswers(given(), 3)
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("key")
	sets := map[string]bool{}
	for round := range 20 {
		one, err := Draw(key, secret, "", "attempt", Round{Number: round})
		again, err2 := Draw(key, secret, "", "attempt", Round{Number: round})
		if err != nil || err2 != nil || len(one) != QuestionsAsked || !slices.Equal(one, again) {
			t.Fatalf("%v %v %v", one, again, err)
		}
		slices.Sort(one)
		sets[one[0]+one[1]+one[2]] = true
	}
	if len(sets) < 4 {
		t.Errorf("%d different sets in 20 rounds", len(sets))
	}
	a, _ := Draw(key, nil, "one", "x", Round{})
	b, _ := Draw(key, nil, "one", "y", Round{})
	c, _ := Draw(key, nil, "two", "x", Round{})
	if len(a) != QuestionsAsked || len(b) != QuestionsAsked || slices.Equal(a, c) && slices.Equal(a, b) {
		t.Errorf("%v %v %v", a, b, c)
	}
	of := map[string]bool{} // a name's five questions stay the same from attempt to attempt
	for i := range 50 {
		drawn, _ := Draw(key, nil, "one", string(rune('a'+i)), Round{})
		for _, q := range drawn {
			of[q] = true
		}
	}
	if len(of) != QuestionsMost {
		t.Errorf("an unknown name has %d questions", len(of))
	}
	for what, secret := range map[string][]byte{"somebody": secret, "nobody": nil} {
		few := map[string]bool{}
		for round := range 50 {
			drawn, _ := Draw(key, secret, "one", "x", Round{Number: round, Of: 4})
			for _, q := range drawn {
				few[q] = true
			}
		}
		if len(few) != 4 {
			t.Errorf("%s: %d different questions are drawn from 4", what, len(few))
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("Sankt Örjan, 7")
	f.Add("\u0130\u0308")
	f.Fuzz(func(t *testing.T, text string) {
		once := normaliseAnswer(text)
		if !utf8.ValidString(once) && utf8.ValidString(text) {
			t.Errorf("%q became invalid", text)
		}
		if twice := normaliseAnswer(once); twice != once && len(once) <= 1000 {
			t.Errorf("%q became %q, then %q", text, once, twice)
		}
	})
}
