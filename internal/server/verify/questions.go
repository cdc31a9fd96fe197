package verify

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Security questions are the weakest kind: off unless allowed, never the only check, never for people with a role.
const (
	// QuestionsLeast and QuestionsMost bound how many somebody registers.
	QuestionsLeast = 3
	QuestionsMost  = 5
	// QuestionsAsked is how many of them are drawn for one check, unless more are asked for.
	QuestionsAsked = 3
	// AnswerShortest and AnswerLongest bound an answer in characters, once it is normalised.
	AnswerShortest = 3
	AnswerLongest  = 40

	// Argon2id as OWASP's password storage guidance has it: 19 MiB, two passes, one lane.
	argonTime, argonMemory, argonLanes, argonSize = 2, 19 << 10, 1, 32
	saltSize                                      = 16
)

// QuestionIDs lists the 35 questions there are; pages know their words. Ids are stored: never rename one, only add.
func QuestionIDs() []string {
	return []string{
		"street", "school", "teacher", "friend", "job", "partner", "book", "dish", "journey",
		"concert", "pet", "toy", "nickname", "holiday", "car", "film", "song", "sport",
		"instrument", "neighbour", "grandmother", "grandfather", "cousin", "subject", "boss", "phone", "game",
		"hiding", "dream", "beach", "gift", "sweets", "bus", "hero", "doctor",
	}
}

// QA is a question with the answer somebody gives.
type QA struct{ Question, Answer string }

// What registered answers can be wrong with.
var (
	ErrFewQuestions  = fmt.Errorf("%d to %d questions are needed", QuestionsLeast, QuestionsMost)
	ErrQuestionTwice = errors.New("a question or an answer comes twice")
	ErrAnswerLength  = fmt.Errorf("an answer has %d to %d characters", AnswerShortest, AnswerLongest)
)

// answered is one stored answer.
type answered struct {
	Question string `json:"q"`
	Salt     []byte `json:"s"`
	Hash     []byte `json:"h"`
}

// NewAnswers checks what somebody registers, at least so many, and returns what is stored of it: salted slow hashes.
func NewAnswers(given []QA, least int) ([]byte, error) {
	if len(given) < max(least, QuestionsLeast) || len(given) > QuestionsMost {
		return nil, ErrFewQuestions
	}
	stored, seen := make([]answered, 0, len(given)), map[string]bool{}
	for _, g := range given {
		text := normaliseAnswer(g.Answer)
		if !slices.Contains(QuestionIDs(), g.Question) {
			return nil, ErrFewQuestions
		}
		if n := utf8.RuneCountInString(text); n < AnswerShortest || n > AnswerLongest {
			return nil, ErrAnswerLength
		}
		if seen["q"+g.Question] || seen["a"+text] {
			return nil, ErrQuestionTwice
		}
		seen["q"+g.Question], seen["a"+text] = true, true
		a := answered{Question: g.Question, Salt: make([]byte, saltSize)}
		_, _ = rand.Read(a.Salt) // never fails (crypto/rand)
		a.Hash = a.hash(text)
		stored = append(stored, a)
	}
	return json.Marshal(stored)
}

func (a answered) hash(text string) []byte {
	return argon2.IDKey([]byte(a.Question+"\x00"+text), a.Salt, argonTime, argonMemory, argonLanes, argonSize)
}

// normaliseAnswer forgives case, spaces, punctuation and the way letters are composed.
func normaliseAnswer(text string) string {
	if len(text) > 1000 {
		return ""
	}
	var b strings.Builder
	for _, r := range strings.ToLower(norm.NFKC.String(text)) {
		if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) {
			b.WriteRune(r)
		}
	}
	return norm.NFKC.String(b.String())
}

// Round is one drawing: how many were before it, how many questions are asked, never fewer than QuestionsAsked, and from
// how many of somebody's they are drawn, the first ones; 0 is all. Of is the same for everybody: over several rounds a visitor
// sees all that are drawn from, and their number would tell whether a name is somebody's.
type Round struct{ Number, Ask, Of int }

// Draw picks which of some questions are asked: the same for one seed and round, others in the next round where there are
// more. An empty secret stands for a name that belongs to nobody: the questions are then invented from the seed.
func Draw(key []byte, secret []byte, name, attempt string, r Round) ([]string, error) {
	var all []string
	if len(secret) == 0 {
		all = shuffled(key, QuestionIDs(), "of "+name)[:QuestionsMost]
	} else {
		stored, err := openAnswers(secret)
		if err != nil {
			return nil, err
		}
		for _, a := range stored {
			all = append(all, a.Question)
		}
	}
	if r.Of > 0 && len(all) > r.Of {
		all = all[:r.Of]
	}
	drawn := shuffled(key, all, fmt.Sprintf("%s round %d", attempt, r.Number))
	return drawn[:min(len(drawn), max(r.Ask, QuestionsAsked))], nil
}

// shuffled orders ids by a keyed hash.
func shuffled(key []byte, ids []string, seed string) []string {
	rank := func(id string) uint64 {
		h := hmac.New(sha256.New, key)
		h.Write([]byte("questions\x00" + seed + "\x00" + id))
		return binary.BigEndian.Uint64(h.Sum(nil))
	}
	out := slices.Clone(ids)
	slices.SortFunc(out, func(a, b string) int {
		if ra, rb := rank(a), rank(b); ra != rb {
			if ra < rb {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return out
}

// CountAnswers is how many answers are stored; what can't be read holds none.
func CountAnswers(secret []byte) int {
	stored, err := openAnswers(secret)
	if err != nil {
		return 0
	}
	return len(stored)
}

func openAnswers(secret []byte) ([]answered, error) {
	var stored []answered
	if err := json.Unmarshal(secret, &stored); err != nil {
		return nil, fmt.Errorf("stored answers: %w", err)
	}
	return stored, nil
}

// MatchAnswers reports whether every drawn question is answered right. It hashes all of them in any case, and as much for
// a name that belongs to nobody.
func MatchAnswers(secret []byte, drawn, answers []string) (bool, error) {
	var stored []answered
	if len(secret) > 0 {
		var err error
		if stored, err = openAnswers(secret); err != nil {
			return false, err
		}
	}
	right := len(drawn) >= QuestionsLeast && len(answers) == len(drawn)
	for i, q := range drawn {
		a := answered{Question: q, Salt: make([]byte, saltSize)}
		if n := slices.IndexFunc(stored, func(s answered) bool { return s.Question == q }); n >= 0 {
			a = stored[n]
		}
		text := ""
		if i < len(answers) {
			text = normaliseAnswer(answers[i])
		}
		ok := hmac.Equal(a.hash(text), a.Hash)
		right = right && ok && text != ""
	}
	return right, nil
}
